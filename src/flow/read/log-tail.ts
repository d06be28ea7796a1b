/**
 * What the log has of one table beyond a snapshot: the tail of union reads and of subscribers.
 *
 * Each shard is read from the position the snapshot records, or from the checkpoint where it records none, parents
 * before children; each shard gives a prefix of what it has, shards are not one moment (DESIGN D2). Numbers seen, dead
 * letters and schemas are treated just as ingest does (D3).
 */
import type { Clock } from '../../base/clock.ts';
import { mapBounded } from '../../base/concurrency.ts';
import { isLakeError, LakeError } from '../../base/errors.ts';
import type { LogDescription, LogReadOptions, LogStart, LogStore } from '../../storage/log-store.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { reopenTable, type Table } from '../../table/table.ts';
import { bucketHashKey } from '../hash-key.ts';
import { type Checkpoint, readCheckpoint, startAbove } from '../ingest/checkpoint.ts';
import { routeRecords } from '../ingest/route-records.ts';
import { ownsAny, type ShardCursor, ShardCursors, type StartOf } from '../ingest/shard-cursors.ts';
import type { IngestState, ProducerState } from '../ingest/state.ts';
import { type RoutedRecord, type TailRows, takeRowsOfRecords } from '../ingest/tail.ts';
import { laneHashKeys } from '../open-shards.ts';
import { type ShardPlace, waitForAny } from '../wait-for-any.ts';
import type { LogWatermark } from './log-watermark.ts';

export type TailParts = { readonly log: LogStore; readonly store: ObjectStore };

/** By shard: everything up to here is committed in every table. To be read before the snapshot (D2). */
export type Checkpoints = ReadonlyMap<string, Checkpoint>;

export type TailRead = {
  /** In each lane's order. */
  readonly batches: readonly TailRows[];
  /** When the log took the newest of the records read, ms; undefined: there were none. */
  readonly arrivalMs: number | undefined;
  readonly atTip: boolean;
};

const shardsInParallelMax = 8;

/** What is read before the snapshot. */
export type TailStart = { readonly description: LogDescription; readonly checkpoints: Checkpoints };

/** @param table with `lanes`: only of the shards that these may be in */
export async function readCheckpoints(
  { log, store }: TailParts,
  table: Table,
  { lanes, signal }: { readonly lanes?: TailOptions['lanes']; readonly signal?: AbortSignal | undefined } = {},
): Promise<TailStart> {
  const description = await log.describe({ signal });
  const { incarnation } = description;
  const hashKeys = hashKeysOf(table, lanes);
  const shards = description.shards.filter(shard => ownsAny(shard, hashKeys));
  const found = await mapBounded(shards, shardsInParallelMax, async ({ shardId }) => {
    const checkpoint = await readCheckpoint(store, incarnation, shardId);
    return [shardId, checkpoint] as const;
  });
  const known = found.flatMap(([shardId, checkpoint]) =>
    checkpoint === undefined ? [] : [[shardId, checkpoint] as const],
  );
  return { description, checkpoints: new Map(known) };
}

function hashKeysOf(table: Table, lanes: TailOptions['lanes']): readonly bigint[] | undefined {
  return lanes === undefined ? undefined : [...lanes].map(lane => bucketHashKey(table.id ?? '', lane));
}

export type TailOptions = {
  /** Only what the shards of these have; all when not given. */
  readonly lanes?: ReadonlySet<number> | undefined;
  /** Only these shards; all when not given. */
  readonly shardIds?: ReadonlySet<string> | undefined;
  /** A record under a newer schema brings that schema for all rows from it on; else rows keep the table's as it was given. */
  readonly followsSchema?: boolean | undefined;
  /** By shard: rows up to it are read, for the numbers of their producers, and not given. */
  readonly passed?: ReadonlyMap<string, bigint> | undefined;
  /** The log as it was seen before the snapshot; it is asked again when a shard has ended. undefined: it is asked first. */
  readonly description?: LogDescription | undefined;
  /** A shard whose tip was reached is not read again: so what others append meanwhile does not keep a read from ending. */
  readonly endsAtTip?: boolean | undefined;
  /** Told of what is read. */
  readonly watermark?: LogWatermark | undefined;
};

export class LogTail {
  readonly #parts: TailParts;
  readonly #followsSchema: boolean;
  /** Shards that are read no more; undefined: all are. */
  readonly #done: Set<string> | undefined;
  readonly #passed: ReadonlyMap<string, bigint>;
  readonly #cursors: ShardCursors;
  readonly #watermark: LogWatermark | undefined;
  /** Where rows of the table may be. */
  readonly #laneKeys: readonly bigint[] | undefined;
  #table: Table;
  #producers: ReadonlyMap<string, ProducerState>;
  #described = false;
  /** Not taken in yet. */
  #seen: LogDescription | undefined;

  /**
   * @param state of the snapshot the tail begins after; undefined: it has taken nothing from any log
   * @param checkpoints read before that snapshot
   */
  constructor(
    parts: TailParts,
    table: Table,
    state: IngestState | undefined,
    checkpoints: Checkpoints,
    options: TailOptions = {},
  ) {
    const { lanes, shardIds, passed = new Map(), description } = options;
    this.#passed = passed;
    this.#watermark = options.watermark;
    this.#laneKeys = options.watermark && laneHashKeys(table.schema, table.id ?? '');
    this.#followsSchema = options.followsSchema ?? false;
    this.#done = options.endsAtTip === true ? new Set() : undefined;
    this.#parts = parts;
    this.#table = table;
    this.#producers = state?.producers ?? new Map();
    const startOf: StartOf = async (incarnation, shardId) => {
      const recorded = state?.incarnation === incarnation ? state.shards.get(shardId)?.position : undefined;
      return startAfter(recorded, checkpoints.get(shardId));
    };
    const hashKeys = hashKeysOf(table, lanes);
    this.#cursors = new ShardCursors(
      parts.log,
      startOf,
      shard => ownsAny(shard, hashKeys) && shardIds?.has(shard.shardId) !== false,
    );
    this.#seen = description;
  }

  /** The positions read so far, by shard. */
  get positions(): ReadonlyMap<string, bigint> {
    const all = this.#cursors.all.flatMap(({ shard, through }) =>
      through === undefined ? [] : [[shard.shardId, through.position] as const],
    );
    return new Map(all);
  }

  /** Whether there will never be more: all its shards are closed, and were read to their ends. */
  get isEnded(): boolean {
    const { all } = this.#cursors;
    return all.length > 0 && all.every(({ ended }) => ended);
  }

  /** Where it goes on in each shard that it reads now. */
  get next(): readonly ShardPlace[] {
    return this.#cursors.readable().map(({ shard, next }) => ({ shardId: shard.shardId, next }));
  }

  /** How far event time has come; undefined: nobody knows. */
  get watermarkMs(): number | undefined {
    // Shards that are not listed yet may have rows from before.
    if (!this.#described || this.#watermark === undefined) return undefined;
    const open = this.#cursors.readable().filter(({ shard }) => ownsAny(shard, this.#laneKeys));
    return this.#watermark.of(open.map(({ shard }) => shard.shardId));
  }

  /** Everything up to the tip of each shard, as it is when the shard is read. */
  async readToTip(signal?: AbortSignal): Promise<TailRead> {
    const batches: TailRows[] = [];
    let arrivalMs: number | undefined;
    for (;;) {
      const read = await this.readSome(signal);
      batches.push(...read.batches);
      if (read.arrivalMs !== undefined) arrivalMs = Math.max(arrivalMs ?? 0, read.arrivalMs);
      if (read.atTip) return { batches, arrivalMs, atTip: true };
    }
  }

  /**
   * The same, later: nobody has looked at what the log is since.
   *
   * @throws LakeError `invalid` LAKE_LOG_NOT_FOUND when it is another by now
   */
  async readOnToTip(): Promise<TailRead> {
    const [read] = await Promise.all([this.readToTip(), this.#parts.log.checkThere?.()]);
    return read;
  }

  /**
   * One answer of each shard. Who `follows` the table goes on by `waitForMore` at a tip, which need not be exact then.
   *
   * @throws LakeError `invalid` LAKE_LOG_GAP when the log no longer keeps what follows the snapshot (D4)
   */
  async readSome(signal?: AbortSignal, options: { readonly follows?: boolean } = {}): Promise<TailRead> {
    if (!this.#described) await this.#learn(this.#seen ?? (await this.#parts.log.describe({ signal })));
    this.#seen = undefined;
    this.#described = true;
    const readable = this.#cursors.readable().filter(({ shard }) => this.#done?.has(shard.shardId) !== true);
    const answers = await mapBounded(readable, shardsInParallelMax, cursor =>
      this.#readShard(cursor, { signal, follows: options.follows }),
    );
    const ended = answers.some(answer => answer.ended);
    // A shard that ended may have children that were not there when the shards were looked up.
    if (ended) this.#described = false;
    const records = answers.flatMap(answer => answer.records);
    const newest = records.reduce((id, { record }) => Math.max(id, record.header.schemaId), 0);
    if (this.#followsSchema && newest > this.#table.schema.id) this.#table = await reopenTable(this.#table);
    const isPassed = ({ shardId, position }: RoutedRecord): boolean => position <= (this.#passed.get(shardId) ?? -1n);
    await this.#take(records.filter(isPassed));
    const batches = await this.#take(records.filter(record => !isPassed(record)));
    const arrivals = records.map(record => record.arrivalMs);
    return {
      batches,
      arrivalMs: arrivals.length === 0 ? undefined : arrivals.reduce((a, b) => Math.max(a, b)),
      atTip: !ended && answers.every(answer => answer.atTip),
    };
  }

  /** A shard that is gone before it was read to its end took the rest with it. */
  async #learn(description: LogDescription): Promise<void> {
    const listed = new Set(description.shards.map(({ shardId }) => shardId));
    const gone = this.#cursors.all.find(({ shard, ended }) => !ended && !listed.has(shard.shardId));
    if (gone !== undefined) throw this.#gap(gone.shard.shardId);
    await this.#cursors.take(description);
  }

  async #take(records: readonly RoutedRecord[]): Promise<readonly TailRows[]> {
    const [table, { store }, producers] = [this.#table, this.#parts, this.#producers];
    const batches: TailRows[] = [];
    const input = { table, schema: table.schema, store, producers, records };
    const tail = await takeRowsOfRecords(input, async (rows, { shardId, arrivalMs }) => {
      this.#watermark?.saw(shardId, arrivalMs, rows.rows);
      batches.push(rows);
    });
    this.#producers = tail.producers;
    return batches;
  }

  /** Resolves when there may be more to read, or after `waitMsMax`. */
  async waitForMore(clock: Clock, waitMsMax: number, signal?: AbortSignal): Promise<void> {
    await waitForAny(this.#parts.log, this.next, { clock, waitMsMax, signal });
  }

  async #readShard(
    cursor: ShardCursor,
    options: LogReadOptions,
  ): Promise<{ readonly records: readonly RoutedRecord[]; readonly atTip: boolean; readonly ended: boolean }> {
    const { shardId } = cursor.shard;
    const result = await this.#parts.log.read(shardId, cursor.next, options).catch((error: unknown) => {
      return this.#failedRead(shardId, error);
    });
    if (result.gap) throw this.#gap(shardId);
    this.#cursors.advance(cursor, result);
    if (result.atTip) this.#done?.add(shardId);
    const records = routeRecords(shardId, result.records).byTable.get(this.#table.id ?? '') ?? [];
    this.#watermark?.looked(shardId, { hasRecords: records.length > 0, atTip: result.atTip });
    return { records, atTip: result.atTip || result.ended, ended: result.ended };
  }

  /** A closed shard leaves the log when retention has taken all of it. */
  async #failedRead(shardId: string, error: unknown): Promise<never> {
    if (!isLakeError(error, 'LAKE_LOG_NOT_FOUND')) throw error;
    const { shards, incarnation } = await this.#parts.log.describe();
    const isSameLog = incarnation === this.#cursors.description.incarnation;
    throw isSameLog && shards.every(shard => shard.shardId !== shardId) ? this.#gap(shardId) : error;
  }

  #gap(shardId: string): LakeError {
    const { log } = this.#parts;
    return new LakeError(
      'invalid',
      'LAKE_LOG_GAP',
      `${log.uri}, shard ${shardId}: the log no longer keeps what follows the newest snapshot of ${this.#table.label}. ` +
        'Is ingest running? Read without the log to get the table as of that snapshot',
    );
  }
}

/** Of two that are the same place, the checkpoint: it may know that the place was the end. */
export function startAfter(recorded: bigint | undefined, checkpoint: Checkpoint | undefined): LogStart {
  const isRecorded = recorded !== undefined && recorded > (checkpoint?.position ?? -1n);
  return isRecorded ? startAbove(recorded) : startAbove(checkpoint?.position, checkpoint?.tipMs);
}
