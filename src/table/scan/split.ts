/**
 * Splits: the pieces of work of a scan. Pure: live files in, splits out.
 *
 * A **split** is files of one bucket. `raw` files do not overlap and hold no deletes: they are read one by one, filters
 * go down to their row groups. The files of a merged split are read together, run by run, by key. Rows that the
 * bucket's deletion vectors name are passed over either way.
 *
 * @see spec 10.1
 */
import type { DataFileMeta } from '../../format/data-file.ts';
import { intervalPartition, type Section } from '../../lsm/compaction-plan.ts';
import type { Scalar } from '../../types/scalar.ts';
import type { Deletions } from '../index-files.ts';
import type { KeyComparator } from '../key-comparator.ts';

export type Split = {
  /** Serialized BinaryRow. */
  readonly partition: Uint8Array;
  readonly partitionValues: readonly Scalar[];
  readonly bucket: number;
  readonly totalBuckets: number;
  /** Of the bucket's files, those that are not in the split among them. */
  readonly deletions: Deletions;
  readonly work: SplitWork;
};

export type SplitWork =
  /** Independent files, in reading order. */
  | { readonly kind: 'raw'; readonly files: readonly DataFileMeta[] }
  /** Sections in key order; the keys of different sections do not overlap. Each is runs to be merged. */
  | { readonly kind: 'merge'; readonly sections: readonly Section[] };

export type BucketFiles = Omit<Split, 'work'> & { readonly files: readonly DataFileMeta[] };

export type SplitSettings = {
  readonly targetBytes: number;
  /** A file counts at least this much: opening costs too. */
  readonly openFileBytes: number;
};

/** Splits of an append table's bucket: files in the order they were written. */
export function splitAppendBucket(bucket: BucketFiles, settings: SplitSettings): readonly Split[] {
  const files = bucket.files.toSorted(
    (a, b) => compareBigints(a.minSequenceNumber, b.minSequenceNumber) || (a.fileName < b.fileName ? -1 : 1),
  );
  return packFiles(bucket, files, settings);
}

function packFiles(
  bucket: BucketFiles,
  files: readonly DataFileMeta[],
  { targetBytes, openFileBytes }: SplitSettings,
): readonly Split[] {
  return pack(files, file => Math.max(file.fileSize, openFileBytes), targetBytes).map(part =>
    splitOf(bucket, { kind: 'raw', files: part }),
  );
}

/** Splits of a primary-key table's bucket. */
export function splitKeyBucket(
  bucket: BucketFiles,
  compareKey: KeyComparator,
  settings: SplitSettings,
): readonly Split[] {
  const sections = intervalPartition(bucket.files, compareKey);
  const splits: Split[] = [];
  const weigh = (section: Section): number =>
    section.reduce(
      (sum, run) => sum + run.reduce((s, file) => s + Math.max(file.fileSize, settings.openFileBytes), 0),
      0,
    );
  // Neighbouring sections of one sort go together, so a split is either raw or merged.
  for (const group of groupBy(sections, isRawSection)) {
    for (const part of pack(group.items, weigh, settings.targetBytes)) {
      const raw = part.flatMap(section => section.flat());
      splits.push(splitOf(bucket, group.key ? { kind: 'raw', files: raw } : { kind: 'merge', sections: part }));
    }
  }
  return splits;
}

/**
 * Splits of a primary-key bucket whose files share no key and hold no deletes, whatever their ranges: deletion vectors
 * took away what was doubled.
 */
export function splitUniqueBucket(
  bucket: BucketFiles,
  compareKey: KeyComparator,
  settings: SplitSettings,
): readonly Split[] {
  const files = bucket.files.toSorted((a, b) => compareKey(a.minKey, b.minKey) || (a.fileName < b.fileName ? -1 : 1));
  return packFiles(bucket, files, settings);
}

/** One run whose rows are all there to stay: nothing to merge, nothing to drop. */
function isRawSection(section: Section): boolean {
  return section.length === 1 && section.every(run => run.every(file => file.deleteRowCount === 0));
}

function splitOf({ files: _, ...place }: BucketFiles, work: SplitWork): Split {
  return { ...place, work };
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => boolean): { key: boolean; items: T[] }[] {
  const groups: { key: boolean; items: T[] }[] = [];
  for (const item of items) {
    const key = keyOf(item);
    const last = groups.at(-1);
    if (last?.key === key) last.items.push(item);
    else groups.push({ key, items: [item] });
  }
  return groups;
}

/** Items in order, as many together as weigh at most `max`; a heavier one stands alone. */
function pack<T>(items: readonly T[], weigh: (item: T) => number, max: number): readonly (readonly T[])[] {
  const parts: T[][] = [];
  let weight = 0;
  for (const item of items) {
    const more = weigh(item);
    const last = parts.at(-1);
    if (last !== undefined && weight + more <= max) {
      last.push(item);
      weight += more;
    } else {
      parts.push([item]);
      weight = more;
    }
  }
  return parts;
}

function compareBigints(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Every file of a split. */
export function filesOf(split: Split): readonly DataFileMeta[] {
  const { work } = split;
  return work.kind === 'raw' ? work.files : work.sections.flatMap(runs => runs.flat());
}
