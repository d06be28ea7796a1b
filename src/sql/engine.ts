/**
 * DuckDB, shut in: one instance in memory that may read the folders it was given when it was opened and nothing else, for
 * good. No network, no extension, no other file, no change of its settings (spec/SETUP_FACTS 4). Spilled data goes to a
 * private folder, which is removed in the end.
 *
 * A **connection** has a catalog of its own while a statement has it (`connection.ts`), so that statements which run at
 * the same time do not see each other's relations.
 */
import { mkdtemp, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JsonObject } from '../base/json.ts';
import { BoundedCache } from '../table/bounded-cache.ts';
import { SqlConnection } from './connection.ts';
import { DuckDBInstance } from './duckdb.ts';
import { duckDbFailure } from './duckdb-failure.ts';
import { ConnectedCatalog, KeptCatalogs } from './kept-catalogs.ts';
import { quoteText } from './quote.ts';

export type SqlEngineSettings = {
  /** What DuckDB may hold before it spills to disk. Its process may use more (spec/NODE_LIBRARIES 6). */
  readonly memoryBytesMax?: number | undefined;
  /** What it may spill, of all queries together, by default half of the disk's room at most; a query that needs more ends with LAKE_SQL_MEMORY. */
  readonly spillBytesMax?: number | undefined;
  readonly threadsMax?: number | undefined;
  /** Folders it may read besides its own, absolute: the warehouse's, when that is on this machine. */
  readonly readableFolders?: readonly string[] | undefined;
  /** Where its own folder is made; the system's place for temporary files unless given. */
  readonly tempRoot?: string | undefined;
};

const memoryBytesDefault = 512 * 1024 * 1024;
/** DuckDB's own default is nine tenths of the disk, which others need too: our copies of what queries read go there first. */
const spillBytesDefault = 8 * 1024 * 1024 * 1024;
const spillDiskShare = 0.5;
/** Of the trees of queries, which are kept since programs ask the same again. */
const treeBytesMax = 4 * 1024 * 1024;

export class SqlEngine implements AsyncDisposable {
  readonly #instance: DuckDBInstance;
  readonly #folder: string;
  readonly #trees = new BoundedCache<JsonObject>(treeBytesMax);
  readonly #kept = new KeptCatalogs();
  #catalogCount = 0;
  #connectionCount = 0;
  #closed: Promise<void> | undefined;

  constructor(instance: DuckDBInstance, folder: string) {
    this.#instance = instance;
    this.#folder = folder;
  }

  /** About 20 ms, and 350 ms more the first time in a process. */
  static async open(settings: SqlEngineSettings = {}): Promise<SqlEngine> {
    const folder = await mkdtemp(join(settings.tempRoot ?? tmpdir(), 'tidelake-sql-'));
    try {
      const instance = await DuckDBInstance.create(':memory:');
      const connection = await instance.connect();
      const { bavail, bsize } = await statfs(folder);
      const spillBytesMax = settings.spillBytesMax ?? Math.min(spillBytesDefault, bavail * bsize * spillDiskShare);
      for (const setting of lockDown({ ...settings, spillBytesMax }, folder)) await connection.run(`SET ${setting}`);
      connection.closeSync();
      return new SqlEngine(instance, folder);
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw duckDbFailure(error);
    }
  }

  /** A private folder for what DuckDB shall read; made by whoever asks, removed with the engine at the latest. */
  get folder(): string {
    return this.#folder;
  }

  /** A connection of one's own, whose catalog is empty and goes with it. */
  async connect(): Promise<SqlConnection> {
    const catalog = await this.#newCatalog();
    return this.#connection(catalog, () => catalog.close());
  }

  /** One for a query: that which ran the same text before, if it is free, and its catalog has the relations it had then. */
  async connectFor(query: string): Promise<SqlConnection> {
    const catalog = this.#kept.take(query) ?? (await this.#newCatalog());
    return this.#connection(catalog, canBeKept => (canBeKept ? this.#kept.keep(query, catalog) : catalog.close()));
  }

  /** With a sign in its name that no database of a lake has: a name that is both is ambiguous to DuckDB. */
  #newCatalog(): Promise<ConnectedCatalog> {
    this.#catalogCount += 1;
    return ConnectedCatalog.open(this.#instance, `tidelake$${this.#catalogCount}`);
  }

  #connection(catalog: ConnectedCatalog, giveBack: (canBeKept: boolean) => Promise<void>): SqlConnection {
    this.#connectionCount += 1;
    const folder = join(this.#folder, String(this.#connectionCount));
    return new SqlConnection(catalog, { folder, trees: this.#trees, giveBack });
  }

  /** Ends what still runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= this.#close();
    await this.#closed;
  }

  async #close(): Promise<void> {
    this.#kept.close();
    this.#instance.closeSync();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** In this order: the last two cannot be taken back, and nothing can be set after them. */
function lockDown(settings: SqlEngineSettings & { readonly spillBytesMax: number }, folder: string): readonly string[] {
  const readable = [folder, ...(settings.readableFolders ?? [])].map(path => quoteText(`${path.replace(/\/$/, '')}/`));
  const memoryMiB = Math.max(1, Math.floor((settings.memoryBytesMax ?? memoryBytesDefault) / 1024 / 1024));
  const spillMiB = Math.max(1, Math.floor(settings.spillBytesMax / 1024 / 1024));
  return [
    `temp_directory = ${quoteText(join(folder, 'spill'))}`,
    `memory_limit = '${memoryMiB}MiB'`,
    `max_temp_directory_size = '${spillMiB}MiB'`,
    ...(settings.threadsMax === undefined ? [] : [`threads = ${settings.threadsMax}`]),
    "TimeZone = 'UTC'",
    'autoinstall_known_extensions = false',
    'autoload_known_extensions = false',
    'allow_community_extensions = false',
    `allowed_directories = [${readable.join(', ')}]`,
    'enable_external_access = false',
    'lock_configuration = true',
  ];
}
