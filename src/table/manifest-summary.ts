/**
 * What a commit must know of a manifest once its entries are out of memory: a few numbers per bucket. A warm append is
 * planned from these alone, so its cost does not grow with the number of files.
 */
import type { ManifestEntry } from '../format/manifest.ts';
import { partitionKey } from './live-files.ts';

export type PartitionSummary = {
  /** Bucket counts above 0 that added files were written under (S2 c). */
  readonly totalBuckets: ReadonlySet<number>;
  /** Largest sequence number among the added files of each bucket. */
  readonly sequenceMax: ReadonlyMap<number, bigint>;
};

export type ManifestSummary = {
  readonly partitions: ReadonlyMap<string, PartitionSummary>;
  /** Names of the added files whose buckets are not fixed: nothing else would show that one is added twice. */
  readonly unfixedNames: ReadonlySet<string>;
  /** About how much memory this takes. */
  readonly bytes: number;
};

type PartitionDraft = { readonly totalBuckets: Set<number>; readonly sequenceMax: Map<number, bigint> };

const mapEntryBytes = 64;
const nameBytes = 120;

export function summarize(entries: Iterable<ManifestEntry>): ManifestSummary {
  const partitions = new Map<string, PartitionDraft>();
  const unfixedNames = new Set<string>();
  let bytes = mapEntryBytes;
  for (const { kind, partition, bucket, totalBuckets, file } of entries) {
    if (kind === 'delete') continue;
    const key = partitionKey(partition);
    let draft = partitions.get(key);
    if (draft === undefined) {
      draft = { totalBuckets: new Set(), sequenceMax: new Map() };
      partitions.set(key, draft);
      bytes += 4 * mapEntryBytes + 2 * key.length;
    }
    if (totalBuckets > 0) draft.totalBuckets.add(totalBuckets);
    else {
      unfixedNames.add(file.fileName);
      bytes += nameBytes;
    }
    const before = draft.sequenceMax.get(bucket);
    if (before === undefined) bytes += mapEntryBytes;
    if (before === undefined || file.maxSequenceNumber > before) draft.sequenceMax.set(bucket, file.maxSequenceNumber);
  }
  return { partitions, unfixedNames, bytes };
}
