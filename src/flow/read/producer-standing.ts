/**
 * Where a named producer stands: the largest number of its requests that a table has taken, or that its log has beyond what
 * the table has taken. Of the log's records only headers are looked at.
 */
import { mapBounded } from '../../base/concurrency.ts';
import { headSnapshot } from '../../table/snapshots.ts';
import type { Table } from '../../table/table.ts';
import { bucketHashKey } from '../hash-key.ts';
import { stateOfHead } from '../ingest/load-state.ts';
import { routeRecords } from '../ingest/route-records.ts';
import { ownsAny } from '../ingest/shard-cursors.ts';
import { producerIdOfKey } from '../ingest/state.ts';
import { lanesOfProducer } from '../request-producer.ts';
import { readCheckpoints, startAfter, type TailParts } from './log-tail.ts';

const shardsInParallelMax = 8;

/**
 * A request that was acknowledged before this is called is seen. What the log has lost before ingest took it is not: its
 * rows are not in the table, and to send them again is right.
 *
 * @returns undefined: nothing of it is known
 */
export async function lastNumberOf(
  parts: TailParts,
  table: Table,
  producerId: string,
  signal?: AbortSignal,
): Promise<number | undefined> {
  const lanes = lanesOfProducer(table.schema, producerId);
  // Before the snapshot, as for every read of the tail (DESIGN D2).
  const { description, checkpoints } = await readCheckpoints(parts, table, { lanes, signal });
  const state = await stateOfHead(table, await headSnapshot(table));
  const known = state?.incarnation === description.incarnation ? state : undefined;
  const taken = [...(known?.producers ?? [])].filter(([key]) => producerIdOfKey(key) === producerId);
  const hashKeys = [...lanes].map(lane => bucketHashKey(table.id ?? '', lane));
  const shards = description.shards.filter(shard => ownsAny(shard, hashKeys));
  const inLog = await mapBounded(shards, shardsInParallelMax, async ({ shardId }) => {
    let largest = 0;
    let next = startAfter(known?.shards.get(shardId)?.position, checkpoints.get(shardId));
    for (;;) {
      const read = await parts.log.read(shardId, next, { signal });
      for (const { record } of routeRecords(shardId, read.records).byTable.get(table.id ?? '') ?? []) {
        if (record.header.producerId === producerId) largest = Math.max(largest, record.header.producerNumber);
      }
      if (read.atTip || read.ended) return largest;
      next = read.next;
    }
  });
  const last = Math.max(0, ...taken.map(([, { lastNumber }]) => lastNumber), ...inLog);
  return last === 0 ? undefined : last;
}
