/**
 * How far somebody who follows a table is behind: ingest, or a subscription by its place. Of each shard the age of the oldest
 * record that has not been looked at, which may be another table's, and whether the log still has what follows.
 */
import type { Clock } from '../../base/clock.ts';
import { mapBounded } from '../../base/concurrency.ts';
import type { LogStart, LogStore } from '../../storage/log-store.ts';
import { latestSnapshot } from '../../table/snapshots.ts';
import type { Table } from '../../table/table.ts';
import { startAbove } from '../ingest/checkpoint.ts';
import { stateOfHead } from '../ingest/load-state.ts';
import { readCheckpoints, startAfter, type TailParts } from './log-tail.ts';
import { type ResumePoint, resumeExpired } from './resume-point.ts';

export type ShardLag = {
  readonly shardId: string;
  /** Up to here it has been looked at; undefined: nothing of it. */
  readonly position: bigint | undefined;
  /** Age of the next record, ms; 0 at the tip. */
  readonly behindMs: number;
  /** The log no longer keeps all that follows. */
  readonly isLost: boolean;
  /** Of a group: who has its lease. */
  readonly member?: string | undefined;
};

export type Lag = {
  /** Snapshots above the place; 0 for ingest, which makes them. */
  readonly snapshots: number;
  /** None for a place that is among the snapshots. */
  readonly shards: readonly ShardLag[];
};

const shardsInParallelMax = 8;
/** A log may give nothing and not be at its tip: as often as that in a row it hardly does. */
const readsMax = 100;

type LagParts = TailParts & { readonly clock: Clock; readonly signal?: AbortSignal | undefined };

/** Of ingest: by what the newest snapshot has recorded, and the checkpoints. */
export async function lagOfIngest(parts: LagParts, table: Table): Promise<Lag> {
  const { description, checkpoints } = await readCheckpoints(parts, table, { signal: parts.signal });
  const state = await stateOfHead(table, await latestSnapshot(table));
  const recorded = state?.incarnation === description.incarnation ? state.shards : undefined;
  const shards = await mapBounded(description.shards, shardsInParallelMax, ({ shardId }) => {
    const start = startAfter(recorded?.get(shardId)?.position, checkpoints.get(shardId));
    return lagOfShard(parts, shardId, start);
  });
  return { snapshots: 0, shards };
}

/** Of a subscription that stands there. @throws LakeError `invalid` LAKE_RESUME_EXPIRED when the log was made again since */
export async function lagOfPlace(
  parts: LagParts,
  table: Table,
  { tableId, snapshotId, log }: ResumePoint,
): Promise<Lag> {
  if (table.id !== undefined && tableId !== table.id)
    throw resumeExpired(table, 'it is a place in another table, which had this name');
  const head = await latestSnapshot(table);
  if (log === undefined) return { snapshots: Math.max(0, (head?.id ?? 0) - snapshotId), shards: [] };
  const { incarnation, shards } = await parts.log.describe({ signal: parts.signal });
  if (incarnation !== log.incarnation) throw resumeExpired(table, 'the log was made again since');
  const lags = await mapBounded(shards, shardsInParallelMax, ({ shardId }) =>
    lagOfShard(parts, shardId, startAbove(log.positions.get(shardId))),
  );
  return { snapshots: 0, shards: lags };
}

async function lagOfShard({ log, clock, signal }: LagParts, shardId: string, start: LogStart): Promise<ShardLag> {
  const position = start.kind === 'after' ? start.position : undefined;
  const { arrivalMs, isLost } = await nextRecord(log, shardId, start, signal);
  const behindMs = arrivalMs === undefined ? 0 : Math.max(0, clock.nowMs() - arrivalMs);
  return { shardId, position, behindMs, isLost };
}

async function nextRecord(
  log: LogStore,
  shardId: string,
  start: LogStart,
  signal: AbortSignal | undefined,
): Promise<{ readonly arrivalMs: number | undefined; readonly isLost: boolean }> {
  let from = start;
  let isLost = false;
  for (let reads = 0; reads < readsMax; reads += 1) {
    const { records, next, atTip, ended, gap } = await log.read(shardId, from, { recordsMax: 1, signal });
    isLost ||= gap;
    const [record] = records;
    if (record !== undefined || atTip || ended) return { arrivalMs: record?.arrivalMs, isLost };
    from = next;
  }
  return { arrivalMs: undefined, isLost };
}
