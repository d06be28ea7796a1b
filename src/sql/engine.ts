/**
 * DuckDB, shut in: one instance in memory that may read the folders it was given when it was opened and nothing else, for
 * good. No network, no extension, no other file, no change of its settings (spec/SETUP_FACTS 4). Spilled data goes to a
 * private folder, which is removed in the end.
 *
 * A **connection** has a catalog of its own, so that statements which run at the same time do not see each other's
 * relations.
 */
import { mkdtemp, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LakeError } from '../base/errors.ts';
import type { JsonObject } from '../base/json.ts';
import { BoundedCache } from '../table/bounded-cache.ts';
import { type DuckDBConnection, DuckDBInstance, type DuckDBResult, type DuckDBType } from './duckdb.ts';
import { duckDbFailure } from './duckdb-failure.ts';
import { columnsBeforeMark, markedQuery, type ResultChunk, rowsBeforeMark, whyUnmarked } from './end-mark.ts';
import { boundValues, type SqlParameter } from './parameters.ts';
import { quoteName, quoteText } from './quote.ts';

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

export type QueryColumn = { readonly name: string; readonly type: DuckDBType };

/** A query that runs: its columns are known, its rows come as they are asked for. */
export type RunningQuery = {
  readonly columns: readonly QueryColumn[];
  chunks(): AsyncGenerator<ResultChunk, void, undefined>;
};

export type QueryOptions = {
  readonly parameters?: readonly SqlParameter[] | undefined;
  readonly signal?: AbortSignal | undefined;
  /** It is no SELECT but tells about one, in a few rows. */
  readonly isExplain?: boolean | undefined;
};

export class SqlEngine implements AsyncDisposable {
  readonly #instance: DuckDBInstance;
  readonly #folder: string;
  readonly #trees = new BoundedCache<JsonObject>(treeBytesMax);
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

  async connect(): Promise<SqlConnection> {
    this.#connectionCount += 1;
    const number = this.#connectionCount;
    try {
      const connection = await this.#instance.connect();
      await connection.run(`ATTACH ':memory:' AS ${quoteName(`tidelake_${number}`)}`);
      const folder = join(this.#folder, String(number));
      return new SqlConnection(connection, { catalog: `tidelake_${number}`, folder, trees: this.#trees });
    } catch (error) {
      throw duckDbFailure(error);
    }
  }

  /** Ends what still runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= this.#close();
    await this.#closed;
  }

  async #close(): Promise<void> {
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

export class SqlConnection implements AsyncDisposable {
  readonly catalog: string;
  /** A folder of its own, not made yet. */
  readonly folder: string;
  /** Trees of queries by their text, of all connections; a tree depends on nothing else. */
  readonly trees: BoundedCache<JsonObject>;
  readonly #connection: DuckDBConnection;
  #closed: Promise<void> | undefined;

  constructor(connection: DuckDBConnection, parts: Pick<SqlConnection, 'catalog' | 'folder' | 'trees'>) {
    this.#connection = connection;
    this.catalog = parts.catalog;
    this.folder = parts.folder;
    this.trees = parts.trees;
  }

  /** Runs statements of ours, one after the other; those behind one that fails are not run. @throws LakeError */
  async run(sql: string): Promise<void> {
    try {
      await this.#connection.run(sql);
    } catch (error) {
      throw duckDbFailure(error);
    }
  }

  /** The columns a query would give; it does not run. @throws LakeError LAKE_SQL_BINDER */
  async columnsOf(sql: string, options: QueryOptions = {}): Promise<readonly QueryColumn[]> {
    const query = await this.query(`SELECT * FROM (${sql}\n) LIMIT 0`, options);
    for await (const _ of query.chunks()) break;
    return query.columns;
  }

  /** The first column of the first row of a small result, as text. */
  async text(sql: string, parameter: string): Promise<string> {
    try {
      const reader = await this.#connection.runAndReadAll(sql, [parameter], boundValues([parameter]).types);
      return String(reader.getRows()[0]?.[0] ?? '');
    } catch (error) {
      throw duckDbFailure(error);
    }
  }

  /**
   * Starts a query. One at a time: its chunks must have been read, or given up, before the next.
   *
   * @throws LakeError of the statement, here or with any chunk; the signal's reason once that is aborted
   */
  async query(sql: string, options: QueryOptions = {}): Promise<RunningQuery> {
    const { signal, isExplain = false } = options;
    signal?.throwIfAborted();
    const stop = (): void => this.#connection.interrupt();
    signal?.addEventListener('abort', stop, { once: true });
    const fail = (error: unknown): unknown => (signal?.aborted === true ? signal.reason : duckDbFailure(error));
    try {
      const { values, types } = boundValues(options.parameters ?? []);
      const result = await this.#connection.stream(isExplain ? sql : markedQuery(sql), values, types);
      const columns = isExplain ? columnsOfResult(result) : columnsBeforeMark(columnsOfResult(result));
      const check = (): Promise<LakeError> => whyUnmarked(this.#connection, sql, { values, types });
      const chunks = async function* (): AsyncGenerator<ResultChunk, void, undefined> {
        let isEnded = isExplain;
        try {
          for (;;) {
            const chunk = await result.fetchChunk();
            signal?.throwIfAborted();
            if (chunk === null || chunk.rowCount === 0) break;
            const rows = isExplain ? { chunk, isEnded } : rowsBeforeMark(chunk, columns.length);
            isEnded = rows.isEnded;
            if (rows.chunk.rowCount > 0) yield rows.chunk;
          }
          if (!isEnded) throw await check();
        } catch (error) {
          throw fail(error);
        } finally {
          signal?.removeEventListener('abort', stop);
        }
      };
      return { columns, chunks };
    } catch (error) {
      signal?.removeEventListener('abort', stop);
      throw fail(error);
    }
  }

  /** Ends what still runs, and takes its relations and its folder away. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= this.#close();
    await this.#closed;
  }

  async #close(): Promise<void> {
    this.#connection.interrupt();
    try {
      await this.#connection.run(`USE memory.main; DETACH ${quoteName(this.catalog)}`);
    } finally {
      this.#connection.closeSync();
      await rm(this.folder, { recursive: true, force: true });
    }
  }
}

function columnsOfResult(result: DuckDBResult): readonly QueryColumn[] {
  const types = result.columnTypes();
  return result.deduplicatedColumnNames().map((name, index): QueryColumn => {
    const type = types[index];
    if (type === undefined) throw new LakeError('invalid', 'LAKE_SQL_FAILED', `column ${name} has no type`);
    return { name, type };
  });
}
