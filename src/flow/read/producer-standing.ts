/**
 * Where a named producer stands: in each lane the largest number of its requests that a table has taken, or that its log has
 * beyond what the table has taken. Of the log's records only headers are looked at.
 */
import { mapBounded } from '../../base/concurrency.ts';
import { headSnapshot } from '../../table/snapshots.ts';
import type { Table } from '../../table/table.ts';
import { bucketHashKey } from '../hash-key.ts';
import { stateOfHead } from '../ingest/load-state.ts';
import { routeRecords } from '../ingest/route-records.ts';
import { ownsAny } from '../ingest/shard-cursors.ts';
import { bucketOfProducerKey, producerIdOfKey } from '../ingest/state.ts';
import { lanesOfProducer } from '../request-producer.ts';
import { readCheckpoints, startAfter, type TailParts } from './log-tail.ts';

const shardsInParallelMax = 8;

/** Of a producer's lane. */
export type LaneStanding = {
  readonly lane: number;
  /** The largest that is there. */
  readonly number: number;
  /** Where the log has its record; undefined: the table has taken it. */
  readonly record: { readonly shardId: string; readonly position: bigint } | undefined;
  /** When the log took it. */
  readonly arrivalMs: number;
};

/**
 * A request that was acknowledged before this is called is seen. What the log has lost before ingest took it is not: its
 * rows are not in the table, and to send them again is right.
 *
 * @returns in the order of lanes; none: nothing of it is known
 */
export async function producerLanes(
  parts: TailParts,
  table: Table,
  producerId: string,
  signal?: AbortSignal,
): Promise<readonly LaneStanding[]> {
  const lanes = lanesOfProducer(table.schema, producerId);
  // Before the snapshot, as for every read of the tail (DESIGN D2).
  const { description, checkpoints } = await readCheckpoints(parts, table, { lanes, signal });
  const state = await stateOfHead(table, await headSnapshot(table));
  const known = state?.incarnation === description.incarnation ? state : undefined;
  const largest = new Map<number, LaneStanding>();
  const see = (seen: LaneStanding): void => {
    if (seen.number > (largest.get(seen.lane)?.number ?? 0)) largest.set(seen.lane, seen);
  };
  for (const [key, { lastNumber, arrivalMs }] of known?.producers ?? []) {
    if (producerIdOfKey(key) !== producerId) continue;
    see({ lane: bucketOfProducerKey(key), number: lastNumber, record: undefined, arrivalMs });
  }
  const hashKeys = [...lanes].map(lane => bucketHashKey(table.id ?? '', lane));
  const shards = description.shards.filter(shard => ownsAny(shard, hashKeys));
  await mapBounded(shards, shardsInParallelMax, async ({ shardId }) => {
    let next = startAfter(known?.shards.get(shardId)?.position, checkpoints.get(shardId));
    for (;;) {
      const read = await parts.log.read(shardId, next, { signal });
      for (const { record, position, arrivalMs } of routeRecords(shardId, read.records).byTable.get(table.id ?? '') ??
        []) {
        const { header } = record;
        if (header.producerId !== producerId) continue;
        see({ lane: header.bucket, number: header.producerNumber, record: { shardId, position }, arrivalMs });
      }
      if (read.atTip || read.ended) return;
      next = read.next;
    }
  });
  return [...largest.values()].toSorted((a, b) => a.lane - b.lane);
}

/** The largest number of all its lanes; undefined: nothing of it is known. */
export function lastNumberOf(lanes: readonly LaneStanding[]): number | undefined {
  return lanes.length === 0 ? undefined : Math.max(...lanes.map(({ number }) => number));
}
