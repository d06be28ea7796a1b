/** Which shards of a log rows of a table may still come from: those that its watermark waits for (RFC 0025). Pure. */
import { hasDynamicBuckets, parseTableOptions } from '../format/table-options.ts';
import type { TableSchema } from '../format/table-schema.ts';
import type { LogShard } from '../storage/log-store.ts';
import { bucketHashKey } from './hash-key.ts';
import { ownsAny } from './ingest/shard-cursors.ts';
import { keyLaneCount } from './lanes.ts';
import type { EventsTaken } from './shard-events.ts';

/** Places of a table's lanes among the shards; undefined: its rows may be in any. */
export function laneHashKeys(schema: TableSchema, tableId: string): readonly bigint[] | undefined {
  const { bucket } = parseTableOptions(schema);
  const laneCount = hasDynamicBuckets(schema) ? keyLaneCount : bucket;
  if (laneCount <= 0) return undefined;
  return Array.from({ length: laneCount }, (_, lane) => bucketHashKey(tableId, lane));
}

/** A shard as it is read. */
export type ReadShard = {
  /** Something of it is taken: so its parents have been, to their ends (DESIGN I5), also where that is not written down. */
  readonly isBegun: boolean;
  readonly isEnded: boolean;
};

/**
 * Shards that rows may still come from, `over` those that others have taken the place of. One that has ended holds a place for
 * its children until they are listed; children are not open before their parents have ended.
 *
 * @param listed as the log gave them
 */
export function openShards(
  listed: readonly LogShard[],
  hashKeys: readonly bigint[] | undefined,
  readShard: (shardId: string) => ReadShard,
): Pick<EventsTaken, 'openShardIds' | 'overShardIds'> {
  const listedIds = new Set(listed.map(({ shardId }) => shardId));
  const parents = new Set(listed.flatMap(({ parentIds }) => parentIds));
  const ended = new Set(
    listed.flatMap(({ shardId, parentIds }) => {
      const { isBegun, isEnded } = readShard(shardId);
      return [...(isBegun ? parentIds : []), ...(isEnded ? [shardId] : [])];
    }),
  );
  const isOver = ({ shardId }: LogShard): boolean => ended.has(shardId) && parents.has(shardId);
  const isOpen = (shard: LogShard): boolean =>
    !isOver(shard) && shard.parentIds.every(id => !listedIds.has(id) || ended.has(id));
  const owning = listed.filter(shard => ownsAny(shard, hashKeys));
  const idsOf = (shards: readonly LogShard[]): readonly string[] => shards.map(({ shardId }) => shardId);
  return { openShardIds: idsOf(owning.filter(isOpen)), overShardIds: idsOf(owning.filter(isOver)) };
}
