import { createHash } from 'node:crypto';

/**
 * The 128-bit hash key of a table's bucket: all changes of a bucket go to one shard, in order, also across splits and
 * merges; the buckets of a warehouse spread evenly over the shards.
 */
export function bucketHashKey(tableId: string, bucket: number): bigint {
  const digest = createHash('md5').update(`${tableId}/${bucket}`).digest();
  return digest.readBigUInt64BE(0) * (1n << 64n) + digest.readBigUInt64BE(8);
}
