/** What the actors of a lake share: the log, two tables, the model of them, and how far the run is. */
import { type Random, seededRandom } from '../../../../src/base/random.ts';
import { createTable } from '../../../../src/catalog/catalog.ts';
import { type Identifier, parseIdentifier, tablePath } from '../../../../src/catalog/identifier.ts';
import type { TableDefinition } from '../../../../src/catalog/table-definition.ts';
import { claimFolder } from '../../../../src/flow/claim.ts';
import type { LogStore } from '../../../../src/storage/log-store.ts';
import { MemoryLog } from '../../../../src/storage/memory/memory-log.ts';
import { openTable, type Table } from '../../../../src/table/table.ts';
import { lengthMax } from '../../../../src/types/data-type.ts';
import { logUniform, seedOf } from '../../chance.ts';
import { foreignStore } from '../../foreign-store.ts';
import type { SimProcess } from '../../process.ts';
import { simLogStore } from '../../sim-log-store.ts';
import type { World } from '../../world.ts';
import { LogModel } from './log-model.ts';
import { BucketLog, type LakeLog, ServiceLog } from './true-log.ts';

export type LakeSettings = {
  /** Rows after which producers end. */
  readonly rowsMax: number;
  readonly pauseMs: number;
  readonly shardCount: number;
  readonly commitShardCount: number;
  /** How long the log keeps a record; undefined: for ever. */
  readonly retentionMs: number | undefined;
  /** Some rows are too large for the log. */
  readonly hasLargeRows: boolean;
  /** Keys of `db.keyed` are given buckets as they come. */
  readonly hasDynamicBuckets: boolean;
  /** A log of very many shards has places that no text is long enough for; undefined: any number. */
  readonly reshardingsMax?: number | undefined;
  /** The log lies in the store of the lake. */
  readonly hasBucketLog?: boolean | undefined;
  /** Of both tables, beside or instead of what all lakes have. */
  readonly options?: Readonly<Record<string, string>> | undefined;
  /** Of `db.keyed` alone. */
  readonly keyedOptions?: Readonly<Record<string, string>> | undefined;
};

/** Rows of a primary key, and rows that are kept as they come, so that one that came twice shows. */
export const keyedName = 'db.keyed';
export const keptName = 'db.kept';
export const tableNames: readonly string[] = [keyedName, keptName];
/** A third, which comes and goes. */
export const passingName = 'db.passing';

const stepsMax = 60_000;
/** A row of the usual size fits, a large one does not. */
export const smallRecordBytes = 2_048;
const longPauseShare = 0.01;
const longPauseMs = { min: 10 * 60_000, max: 3 * 3_600_000 };

export class LakeBench {
  readonly world: World;
  readonly settings: LakeSettings;
  readonly log: LakeLog;
  /** The same, of a log that is a service: its memory. In lakes with a log in the bucket nobody uses it. */
  readonly serviceLog: MemoryLog;
  readonly commitLog: MemoryLog;
  readonly model: LogModel;
  readonly counts: Record<string, number> = {};
  readonly #bucketLog: BucketLog | undefined;
  readonly #pauses: Random;
  #rowsLeft: number;
  #producersLeft = 0;
  #isStopped = false;
  readonly #displacedKeys = new Map<string, number[]>();

  constructor(world: World, settings: LakeSettings) {
    this.world = world;
    this.settings = settings;
    this.#rowsLeft = settings.rowsMax;
    this.#pauses = seededRandom(seedOf(world.seed, 'pauses'));
    const clock = {
      nowMs: () => world.scheduler.nowMs,
      monotonicMs: () => world.scheduler.nowMs,
      sleep: async () => {},
    };
    const parts = { clock, random: seededRandom(seedOf(world.seed, 'logs')) };
    this.serviceLog = new MemoryLog(
      {
        name: 'log',
        shardCount: settings.shardCount,
        retentionMs: settings.retentionMs,
        recordBytesMax: settings.hasLargeRows ? smallRecordBytes : undefined,
      },
      parts,
    );
    this.#bucketLog = settings.hasBucketLog === true ? new BucketLog(world, settings) : undefined;
    this.log = this.#bucketLog ?? new ServiceLog(world, this.serviceLog);
    this.commitLog = new MemoryLog({ name: 'commit-log', shardCount: settings.commitShardCount }, parts);
    this.model = new LogModel(this.log, {
      schema: (name, id) => this.#bytes(`${tablePath(parseIdentifier(name))}/schema/schema-${id}`),
      claim: name => this.#bytes(`${claimFolder}/${name}`),
      tables: tableNames,
    });
  }

  /** Makes the tables, before anything goes wrong. */
  async setUp(): Promise<void> {
    const clock = { nowMs: () => this.world.scheduler.nowMs, monotonicMs: () => 0, sleep: async () => {} };
    const parts = { store: this.world.rawStore(), clock, random: seededRandom(seedOf(this.world.seed, 'tables')) };
    await this.#bucketLog?.make();
    for (const name of tableNames) {
      await createTable(parts, parseIdentifier(name), definitionOf(name, this.settings), { ifNotExists: false });
    }
  }

  /** Keys of rows that the log has acknowledged and that came in no other way than by a replay. */
  displacedKeys(tableName: string): number[] {
    const keys = this.#displacedKeys.get(tableName) ?? [];
    this.#displacedKeys.set(tableName, keys);
    return keys;
  }

  get isOver(): boolean {
    return this.#producersLeft === 0 || this.world.scheduler.steps >= stepsMax;
  }

  /** Where everybody is slow, polling is, too: a world is about what happens, not about how often somebody looks. */
  get pollMs(): number {
    return Math.max(200, this.settings.pauseMs / 2);
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  stop(): void {
    this.#isStopped = true;
  }

  count(what: string, by = 1): void {
    this.counts[what] = (this.counts[what] ?? 0) + by;
  }

  /** Whether there are rows to be written; counts them. */
  takeRows(count: number): boolean {
    if (this.#rowsLeft <= 0 || this.isStopped) return false;
    this.#rowsLeft -= count;
    return true;
  }

  /** For another act. */
  moreRows(count: number): void {
    this.#rowsLeft = count;
  }

  producerBegins(): void {
    this.#producersLeft += 1;
  }

  producerEnds(): void {
    this.#producersLeft -= 1;
  }

  logStore(process: SimProcess): LogStore {
    return this.log.store(process, this.pollMs);
  }

  commitLogStore(process: SimProcess): LogStore {
    return simLogStore(this.world, process, this.commitLog, this.pollMs);
  }

  open(process: SimProcess, name: string, options: { readonly isForeign?: boolean } = {}): Promise<Table> {
    const parts = this.world.parts(process);
    const { database, table } = parseIdentifier(name);
    const store = options.isForeign === true ? foreignStore(parts.store) : parts.store;
    return openTable(store, { database, name: table }, parts);
  }

  /** The same, by way of the store as it is. */
  openRaw(name: string): Promise<Table> {
    const { database, table } = parseIdentifier(name);
    const clock = { nowMs: () => this.world.scheduler.nowMs, monotonicMs: () => 0, sleep: async () => {} };
    return openTable(this.world.rawStore(), { database, name: table }, { clock, random: seededRandom(1) });
  }

  async pause(process: SimProcess, factor = 1): Promise<void> {
    const isLong = this.#pauses.next() < longPauseShare;
    const { pauseMs } = this.settings;
    const range = isLong ? longPauseMs : { min: Math.max(1, (pauseMs * factor) / 10), max: pauseMs * factor * 2 };
    await process.clock.sleep(logUniform(this.#pauses.next(), range));
  }

  #bytes(key: string): Uint8Array | undefined {
    return this.world.objects.get(key)?.bytes;
  }
}

export function identifierOf(name: string): Identifier {
  return parseIdentifier(name);
}

const dynamicBuckets = { bucket: '-1', 'dynamic-bucket.target-row-num': '4' };

export function definitionOf(
  name: string,
  { hasDynamicBuckets, options, keyedOptions }: Pick<LakeSettings, 'hasDynamicBuckets' | 'options' | 'keyedOptions'>,
): TableDefinition {
  const isKeyed = name === keyedName;
  return {
    columns: [
      { name: 'k', type: { kind: 'bigint', nullable: false } },
      { name: 'v', type: { kind: 'varchar', length: lengthMax, nullable: true } },
      { name: 'n', type: { kind: 'int', nullable: false } },
    ],
    primaryKeys: isKeyed ? ['k'] : [],
    partitionKeys: [],
    options: {
      bucket: '2',
      ...(isKeyed ? {} : { 'bucket-key': 'k' }),
      ...(isKeyed && hasDynamicBuckets ? dynamicBuckets : {}),
      'num-sorted-run.compaction-trigger': '3',
      'compaction.min.file-num': '3',
      'snapshot.num-retained.min': '1',
      'snapshot.time-retained': '1 ms',
      ...options,
      ...(isKeyed ? keyedOptions : {}),
    },
  };
}
