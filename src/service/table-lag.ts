/** How far ingest or a subscription is behind, as plain values. */
import { invalid } from '../base/errors.ts';
import { pointOfPlace } from '../flow/read/consume.ts';
import { readLeases } from '../flow/read/groups/group-file.ts';
import { type Lag, lagOfIngest, lagOfPlace, type ShardLag } from '../flow/read/lag.ts';
import { decodeResumePoint, type ResumePoint } from '../flow/read/resume-point.ts';
import { readConsumerPlace } from '../table/consumer-file.ts';
import type { Table } from '../table/table.ts';
import type { LakeParts } from './lake-parts.ts';
import { withLogOf } from './named-logs.ts';

export type { Lag, ShardLag } from '../flow/read/lag.ts';

/** Whose: a subscription's by its place, a consumer's or a group's by its name; ingest's when none is given. */
export type LagRequest = {
  readonly resume?: string | undefined;
  readonly consumer?: string | undefined;
  /** With who reads each shard. */
  readonly group?: string | undefined;
  readonly signal?: AbortSignal | undefined;
};

/** @throws LakeError `invalid` LAKE_NO_LOG, LAKE_BAD_RESUME, LAKE_RESUME_EXPIRED, LAKE_CONSUMER_NOT_FOUND, LAKE_BAD_NAME */
export async function lagOfTable(
  lake: LakeParts,
  table: Table,
  { resume, consumer, group, signal }: LagRequest,
): Promise<Lag> {
  const { log, store, clock } = await withLogOf(lake, table);
  if (log === undefined) throw invalid('LAKE_NO_LOG', `${table.label}: this lake was opened without a log`);
  const parts = { log, store, clock, signal };
  if (resume !== undefined) return lagOfPlace(parts, table, decodeResumePoint(resume));
  if (consumer !== undefined) return lagOfPlace(parts, table, await pointOfConsumer(table, consumer));
  if (group !== undefined) return lagOfGroup(parts, table, group);
  return lagOfIngest(parts, table);
}

async function lagOfGroup(parts: Parameters<typeof lagOfPlace>[0], table: Table, group: string): Promise<Lag> {
  const lag = await lagOfPlace(parts, table, await pointOfConsumer(table, group));
  const leases = await readLeases(table, group);
  return { ...lag, shards: lag.shards.map(shard => ({ ...shard, member: leases.get(shard.shardId)?.memberId })) };
}

async function pointOfConsumer(table: Table, consumer: string): Promise<ResumePoint> {
  const place = await readConsumerPlace(table, consumer);
  if (place === undefined)
    throw invalid(
      'LAKE_CONSUMER_NOT_FOUND',
      `${table.label} has no consumer ${consumer}; $consumers has those there are`,
    );
  return pointOfPlace(place) ?? { tableId: table.id ?? '', snapshotId: place.nextSnapshot - 1, log: undefined };
}

/** One line of JSON; positions are texts, since some have more digits than numbers hold. */
export function lagJson({ snapshots, shards }: Lag): string {
  return JSON.stringify({
    snapshots,
    shards: shards.map(shard => ({ ...shard, position: shard.position?.toString() })),
  });
}

/** A line for each shard, and one for the snapshots. */
export function* lagLines({ snapshots, shards }: Lag): Generator<string, void, undefined> {
  if (shards.length === 0) yield `${snapshots} snapshots behind\n`;
  for (const shard of shards) yield `${shard.shardId}  ${lagText(shard)}\n`;
}

function lagText({ position, behindMs, isLost, member }: ShardLag): string {
  const where = position === undefined ? 'from its beginning' : `behind ${position}`;
  const what = behindMs === 0 ? 'at its tip' : `${(behindMs / 1e3).toFixed(1)} s behind`;
  const who = member === undefined ? '' : `, read by ${member}`;
  return `${what}, ${where}${who}${isLost ? '; the log no longer keeps all that follows' : ''}`;
}
