/**
 * Plans a scan: a snapshot and a filter in, splits out. Reads two manifest lists and those manifests that may matter;
 * no data file. Where a table has deletion vectors, its index manifest tells where they are.
 *
 * A primary-key table with deletion vectors, or of the first-row engine, shows what has been compacted: level 0 is not
 * read, and what is above shares no key (spec 8.5, 10.1). `deletion-vectors.merge-on-read` has level 0 merged in, and so
 * have reads that go on in the log, where the positions count level 0 as taken.
 * Rows that are postponed (`bucket` = -2) show when a compaction has brought them into buckets (spec 6.4).
 */
import { unsupported } from '../../base/errors.ts';
import { deserializeRow } from '../../format/binary-row.ts';
import { postponedBucket } from '../../format/bucket.ts';
import type { ManifestEntry } from '../../format/manifest.ts';
import { booleanOption, textOption } from '../../format/option-values.ts';
import type { Snapshot } from '../../format/snapshot.ts';
import { refusedFeatures } from '../../format/table-options.ts';
import type { TableSchema } from '../../format/table-schema.ts';
import type { Predicate } from '../../types/predicate.ts';
import { restrictTo } from '../../types/prune.ts';
import { isOfAnother } from '../commit/head-of-table.ts';
import { type Deletions, deletionsByBucket, indexEntriesOf, noDeletions } from '../index-files.ts';
import { keyComparator } from '../key-comparator.ts';
import { bucketKey } from '../live-files.ts';
import { liveEntries, type ManifestFilter, whileSnapshotStays } from '../manifests.ts';
import { mergeOptionsOf } from '../merge-spec.ts';
import { partitionFilter } from '../partition-filter.ts';
import { tableGone } from '../snapshots.ts';
import { partitionTypes, type Table } from '../table.ts';
import { bucketPruning } from './bucket-pruning.ts';
import { type PruneInput, pruneAppendFiles, pruneKeyFiles } from './prune-files.ts';
import { type BucketFiles, type Split, splitAppendBucket, splitKeyBucket, splitUniqueBucket } from './split.ts';

export type ScanOptions = {
  /** The schema rows come out in; the table's own unless told otherwise. Time travel reads under the snapshot's. */
  readonly schema?: TableSchema | undefined;
  readonly predicate?: Predicate | undefined;
  /** Only these buckets. */
  readonly buckets?: ReadonlySet<number> | undefined;
  /** Only this partition, serialized. */
  readonly partition?: Uint8Array | undefined;
  /** Level 0 is merged in even where the table shows only what has been compacted. */
  readonly withLevel0?: boolean | undefined;
  /** Only the files of this level, which share no key. */
  readonly level?: number | undefined;
  /** Only files that were made at this time or later. */
  readonly createdMsMin?: number | undefined;
};

export type ScanPlan = {
  /** undefined: the table has no snapshot yet, and no splits */
  readonly snapshot: Snapshot | undefined;
  readonly schema: TableSchema;
  readonly predicate: Predicate | undefined;
  readonly splits: readonly Split[];
};

/**
 * @throws LakeError `unsupported` naming the feature, when the table has one that is not read here;
 * `invalid` LAKE_SNAPSHOT_EXPIRED when the snapshot went away meanwhile, LAKE_TABLE_NOT_FOUND when it is another table's
 */
export async function planScan(
  table: Table,
  snapshot: Snapshot | undefined,
  options: ScanOptions = {},
): Promise<ScanPlan> {
  const schema = options.schema ?? table.schema;
  checkReadable(table, schema);
  const plan = { snapshot, schema, predicate: options.predicate };
  if (snapshot === undefined) return { ...plan, splits: [] };
  const buckets = await scannedBuckets(table, snapshot, options);
  const schemaIds = [...new Set(buckets.flatMap(({ files }) => files.map(file => file.schemaId)))];
  const schemas = new Map<number, TableSchema>();
  for (const id of schemaIds) schemas.set(id, await table.schemas.get(id));
  const prune = pruneInput(schema, schemas, options.predicate);
  const isHidden = hidesLevel0(schema) && options.withLevel0 !== true;
  const splits = buckets.flatMap(bucket => splitsOf(table, schema, bucket, { prune, isHidden }));
  return { ...plan, splits };
}

/** The files that a scan may have to read, by bucket, with their deletion vectors. @throws LakeError as `planScan` does */
export async function scannedBuckets(
  table: Table,
  snapshot: Snapshot,
  options: ScanOptions,
): Promise<readonly BucketFiles[]> {
  const schema = options.schema ?? table.schema;
  checkReadable(table, schema);
  if (isOfAnother(table, snapshot)) throw tableGone(table, 'table-gone');
  const levels = levelsOf(options.level, hidesLevel0(schema) && options.withLevel0 !== true);
  const entries = await liveEntries(table, snapshot, { ...manifestFilter(schema, options), levels });
  const { createdMsMin } = options;
  const wanted =
    createdMsMin === undefined ? entries : entries.filter(({ file }) => (file.creationTimeMs ?? 0) >= createdMsMin);
  return groupByBucket(wanted, schema, await deletionsOf(table, schema, snapshot));
}

function levelsOf(level: number | undefined, isHidden: boolean): ManifestFilter['levels'] {
  if (level !== undefined) return { from: level, to: level };
  return isHidden ? { from: 1, to: Number.POSITIVE_INFINITY } : undefined;
}

/** Whether a batch read of the table passes level 0 over. */
export function hidesLevel0({ primaryKeys, options }: TableSchema): boolean {
  if (primaryKeys.length === 0) return false;
  if (textOption(options, 'batch-scan-mode')?.toLowerCase() === 'compact') return false;
  if (textOption(options, 'merge-engine')?.toLowerCase() === 'first-row') return true;
  return hasDeletionVectors(options) && !booleanOption(options, 'deletion-vectors.merge-on-read', false);
}

function hasDeletionVectors(options: TableSchema['options']): boolean {
  return booleanOption(options, 'deletion-vectors.enabled', false);
}

/** By bucket. A table whose option is off has no vectors that count, as Paimon has it. */
async function deletionsOf(
  table: Table,
  schema: TableSchema,
  snapshot: Snapshot,
): Promise<ReadonlyMap<string, Deletions>> {
  if (!hasDeletionVectors(schema.options)) return new Map();
  return deletionsByBucket(await whileSnapshotStays(table, snapshot, () => indexEntriesOf(table, snapshot)));
}

/** @throws LakeError `unsupported`, naming every feature that stands in the way */
function checkReadable(table: Table, schema: TableSchema): void {
  const refused = refusedFeatures(schema, 'read');
  if (refused.length > 0) throw unsupported(refused.join(', '), `reading ${table.label}`);
}

function splitsOf(
  table: Table,
  schema: TableSchema,
  bucket: BucketFiles,
  { prune, isHidden }: { readonly prune: PruneInput | undefined; readonly isHidden: boolean },
): readonly Split[] {
  const { scan } = table.options;
  const settings = { targetBytes: scan.splitTargetBytes, openFileBytes: scan.splitOpenFileBytes };
  if (schema.primaryKeys.length === 0) {
    const files = prune === undefined ? bucket.files : pruneAppendFiles(bucket.files, prune);
    return splitAppendBucket({ ...bucket, files }, settings);
  }
  const isUnique = isHidden && bucket.files.every(file => file.deleteRowCount === 0);
  const { kind } = mergeOptionsOf(schema).engine;
  const rules = {
    isOverlapFree: isUnique || overlapFree(bucket),
    mergesToOneOfThem: kind === 'deduplicate' || kind === 'first-row',
  };
  const files = prune === undefined ? bucket.files : pruneKeyFiles(bucket.files, prune, rules);
  const split = isUnique ? splitUniqueBucket : splitKeyBucket;
  return split({ ...bucket, files }, keyComparator(schema), settings);
}

/** All on one level above 0 and without deletes: what a full compaction leaves. */
function overlapFree({ files }: BucketFiles): boolean {
  const level = files[0]?.level ?? 0;
  return files.every(file => file.deleteRowCount === 0 && (files.length === 1 || (level > 0 && file.level === level)));
}

function pruneInput(
  schema: TableSchema,
  schemas: ReadonlyMap<number, TableSchema>,
  predicate: Predicate | undefined,
): PruneInput | undefined {
  const names = schema.fields.map(field => field.name).filter(name => !schema.partitionKeys.includes(name));
  const ofRows = restrictTo(predicate, names);
  if (ofRows === undefined) return undefined;
  return { schema, predicate: ofRows, schemaOf: id => schemas.get(id) ?? schema };
}

function manifestFilter(schema: TableSchema, { predicate, buckets, partition }: ScanOptions): ManifestFilter {
  const { mayMatch, matches } = partitionFilter(schema, restrictTo(predicate, schema.partitionKeys));
  const partitionMatches = (bytes: Uint8Array): boolean =>
    (partition === undefined || Buffer.compare(bytes, partition) === 0) && matches(bytes);
  const wanted = bucketPruning(schema, predicate);
  return {
    buckets,
    mayMatch,
    inPlace: place =>
      place.bucket !== postponedBucket &&
      partitionMatches(place.partition) &&
      (wanted(place.totalBuckets)?.has(place.bucket) ?? true),
  };
}

function groupByBucket(
  entries: readonly ManifestEntry[],
  schema: TableSchema,
  deletions: ReadonlyMap<string, Deletions>,
): readonly BucketFiles[] {
  const types = partitionTypes(schema);
  const buckets = new Map<string, BucketFiles & { files: ManifestEntry['file'][] }>();
  for (const entry of entries) {
    const key = bucketKey(entry);
    let bucket = buckets.get(key);
    if (bucket === undefined) {
      const { partition, totalBuckets } = entry;
      bucket = {
        partition,
        partitionValues: deserializeRow(partition, types),
        bucket: entry.bucket,
        totalBuckets,
        deletions: deletions.get(key) ?? noDeletions,
        files: [],
      };
      buckets.set(key, bucket);
    }
    bucket.files.push(entry.file);
  }
  return [...buckets.values()];
}
