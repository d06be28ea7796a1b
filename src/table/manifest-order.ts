/**
 * The order of entries in a merged manifest. Pure.
 *
 * Entries of one place stand together, places by partition and bucket. So what a plan asks for lies in few blocks of a
 * manifest, and of several manifests made at a time each speaks of a range of its own, which its list tells.
 */
import type { ManifestEntry } from '../format/manifest.ts';
import type { DataType } from '../types/data-type.ts';
import { rowComparator } from './key-comparator.ts';
import { partitionKey } from './live-files.ts';

type PartitionEntries = { readonly partition: Uint8Array; readonly buckets: Map<number, ManifestEntry[]> };

/** Within a place the order stays: what an ADD and a DELETE stand for may depend on which comes first (spec 4.5). */
export function inOrderOfPlaces(
  entries: readonly ManifestEntry[],
  partitionTypes: readonly DataType[],
): readonly ManifestEntry[] {
  const partitions = new Map<string, PartitionEntries>();
  for (const entry of entries) {
    const { partition, bucket } = entry;
    const key = partitionKey(partition);
    let own = partitions.get(key);
    if (own === undefined) {
      own = { partition, buckets: new Map() };
      partitions.set(key, own);
    }
    const inBucket = own.buckets.get(bucket);
    if (inBucket === undefined) own.buckets.set(bucket, [entry]);
    else inBucket.push(entry);
  }
  const compare = rowComparator(partitionTypes);
  const ordered: ManifestEntry[] = [];
  for (const { buckets } of [...partitions.values()].sort((a, b) => compare(a.partition, b.partition))) {
    for (const [, inBucket] of [...buckets].sort(([a], [b]) => a - b))
      for (const entry of inBucket) ordered.push(entry);
  }
  return ordered;
}
