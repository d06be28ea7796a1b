/**
 * Reads for one table what it has not taken of a shard, from the log itself: parents to their end first (DESIGN I5), then
 * the shard from its recorded position, or from the checkpoint where none is recorded (I4).
 *
 * A checkpoint is only as good as the invoker's word: batches that it never handed over are below it all the same. So where
 * what follows the checkpoint shows by a producer's number that something is missing, reading begins with the oldest record.
 */
import type { LogDescription, LogShard, LogStart, LogStore } from '../../storage/log-store.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { checkpointStart, readCheckpoint, startAbove } from './checkpoint.ts';
import { skipIn } from './decide-take.ts';
import { keepUnreadable, routeRecords } from './route-records.ts';
import { sharingCount } from './sharing-count.ts';
import type { IngestState } from './state.ts';
import type { RoutedRecord } from './tail.ts';
import type { ShardBatch } from './take.ts';

export type ReadOwedInput = {
  readonly tableId: string;
  readonly state: IngestState | undefined;
  readonly description: LogDescription;
  readonly shardId: string;
  /** Where reading may stop in the shard. */
  readonly until: bigint;
  /** Bytes of records, of all tables, after which the rest is left for another piece. */
  readonly bytesMax: number;
  /** Bytes of claims, unpacked, of the table's records of a shard after which the rest is left, too. */
  readonly claimedBytesMax: number;
  readonly signal?: AbortSignal | undefined;
};

/** What goes into one swap. */
export type OwedPiece = {
  /** Parents before children. */
  readonly shards: readonly ShardBatch[];
  /** Whether the shard was read to `until`, or to its tip. */
  readonly isComplete: boolean;
  /** Shards of which the log no longer keeps what was owed: rows are lost. */
  readonly lostShards: readonly string[];
};

export async function readOwed(
  parts: { readonly log: LogStore; readonly store: ObjectStore },
  input: ReadOwedInput,
): Promise<OwedPiece> {
  const shards: ShardBatch[] = [];
  const lostShards: string[] = [];
  let bytesLeft = input.bytesMax;
  for (const shard of owedShards(input)) {
    const isParent = shard.shardId !== input.shardId;
    const limits = { until: isParent ? undefined : input.until, bytesMax: bytesLeft };
    const before = shards.flatMap(({ records }) => records);
    const read = await readShard(parts, input, shard, { ...limits, before });
    bytesLeft -= read.byteCount;
    if (read.hasGap) lostShards.push(shard.shardId);
    if (read.batch.through !== undefined || read.batch.ended) shards.push(read.batch);
    if (!read.isComplete) return { shards, isComplete: false, lostShards };
  }
  return { shards, isComplete: true, lostShards };
}

/** The shard, and before it its listed ancestors that the table has not taken to their end. */
export function owedShards({
  state,
  description,
  shardId,
}: Pick<ReadOwedInput, 'state' | 'description' | 'shardId'>): readonly LogShard[] {
  const listed = new Map(description.shards.map(shard => [shard.shardId, shard]));
  const entries = state?.incarnation === description.incarnation ? state.shards : undefined;
  const owed = new Map<string, LogShard>();
  const visit = (id: string): void => {
    const shard = listed.get(id);
    if (shard === undefined || owed.has(id)) return;
    const entry = entries?.get(id);
    if (entry?.ended === true && id !== shardId) return;
    // A shard with an entry was begun after its parents had ended.
    if (entry === undefined) for (const parentId of shard.parentIds) visit(parentId);
    owed.set(id, shard);
  };
  visit(shardId);
  return [...owed.values()];
}

type ShardRead = {
  readonly batch: ShardBatch;
  readonly isComplete: boolean;
  readonly byteCount: number;
  readonly hasGap: boolean;
};

type Limits = {
  /** undefined: to the end of the shard. */
  readonly until: bigint | undefined;
  readonly bytesMax: number;
};

type Parts = { readonly log: LogStore; readonly store: ObjectStore };

/** @param limits `before`: what has been read of the parents */
async function readShard(
  parts: Parts,
  input: ReadOwedInput,
  shard: LogShard,
  limits: Limits & { readonly before: readonly RoutedRecord[] },
): Promise<ShardRead> {
  const { incarnation } = input.description;
  const state = input.state?.incarnation === incarnation ? input.state : undefined;
  const recorded = state?.shards.get(shard.shardId)?.position;
  const place = { ...input, shard, recorded };
  if (recorded !== undefined) return readFrom(parts, place, startAbove(recorded), limits);
  const start = await checkpointStart(parts.store, incarnation, shard.shardId);
  const read = await readFrom(parts, place, start, limits);
  // Where the log has forgotten what follows the checkpoint, it has nothing below it either, and that is to be told.
  if (start.kind === 'earliest' || read.hasGap) return read;
  const skip = skipIn([...limits.before, ...read.batch.records], state?.producers ?? new Map());
  return skip === undefined ? read : readFrom(parts, place, { kind: 'earliest' }, limits);
}

async function readFrom(
  { log, store }: Parts,
  place: ReadOwedInput & { readonly shard: LogShard; readonly recorded: bigint | undefined },
  start: LogStart,
  limits: Limits,
): Promise<ShardRead> {
  const { tableId, description, signal, shard, recorded } = place;
  const { shardId } = shard;
  const { incarnation } = description;
  let next = start;
  const records: RoutedRecord[] = [];
  let through: ShardBatch['through'];
  let [byteCount, ended, isComplete, hasGap] = [0, false, false, false];
  while (!isComplete && byteCount < limits.bytesMax) {
    signal?.throwIfAborted();
    const result = await log.read(shardId, next, { signal, bytesMax: limits.bytesMax - byteCount });
    if (result.gap && !hasGap) hasGap = await isLost(log, store, { incarnation, shardId, recorded, signal });
    next = result.next;
    ended = result.ended;
    const { byTable, unreadable } = routeRecords(shardId, result.records);
    for (const { envelope } of unreadable) await keepUnreadable(store, incarnation, shardId, envelope);
    for (const record of byTable.get(tableId) ?? []) records.push(record);
    for (const { data } of result.records) byteCount += data.length;
    const last = result.records.at(-1);
    if (last !== undefined) through = { position: last.position, arrivalMs: last.arrivalMs };
    const isUntil = (until: bigint): boolean => result.atTip || (through !== undefined && through.position >= until);
    isComplete = ended || (limits.until !== undefined && isUntil(limits.until));
    // A closed shard that has not said its end yet will; an open one is a parent by mistake, and says so again later.
    if (result.records.length === 0 && result.atTip) break;
    const rest = records.splice(sharingCount(records, place.claimedBytesMax));
    const end = records.at(-1);
    if (rest.length === 0 || end === undefined) continue;
    // They are for another piece.
    through = { position: end.position, arrivalMs: end.arrivalMs };
    [isComplete, ended] = [false, false];
    break;
  }
  const hashKeys = { start: shard.hashKeyStart, end: shard.hashKeyEnd };
  return { batch: { shardId, hashKeys, recorded, records, through, ended }, isComplete, byteCount, hasGap };
}

/**
 * Whether the log has forgotten records above a table's position that nobody has taken. A table of which nothing came for
 * long has an old position; up to the checkpoint every table has what is its own.
 */
async function isLost(
  log: LogStore,
  store: ObjectStore,
  place: {
    readonly incarnation: string;
    readonly shardId: string;
    readonly recorded: bigint | undefined;
    readonly signal: AbortSignal | undefined;
  },
): Promise<boolean> {
  const { incarnation, shardId, recorded, signal } = place;
  // Reading began at the checkpoint.
  if (recorded === undefined) return true;
  const checkpoint = await readCheckpoint(store, incarnation, shardId);
  if (checkpoint === undefined || checkpoint.position <= recorded) return true;
  const from = startAbove(checkpoint.position, checkpoint.tipMs);
  return (await log.read(shardId, from, { signal, recordsMax: 1 })).gap;
}
