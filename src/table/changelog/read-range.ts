/**
 * The changes of a range of states, as rows with their kinds: what snapshots changed one after the other, or what differs
 * between two of them.
 *
 * Of the difference, files that both states have are passed over, so that rows in them count as not there: with merge
 * engines that put the values of several rows together, what comes out is what was added to a row. Of append tables it is
 * the rows of the files that are not in both; rows that a deletion vector took away meanwhile are no change. This is how
 * Paimon has it.
 *
 * @see Paimon 1.4.2 IncrementalDeltaStartingScanner, SnapshotReaderImpl.readIncrementalDiff, IncrementalDiffSplitRead
 */
import { intervalPartition } from '../../lsm/compaction-plan.ts';
import { differentRows } from '../../lsm/merge.ts';
import { evaluatePredicate } from '../../types/filter.ts';
import { takeRows } from '../../types/gather.ts';
import type { Predicate } from '../../types/predicate.ts';
import { columnsOf, restrictTo } from '../../types/prune.ts';
import { type KeyValueBatch, projectBatch } from '../../types/row-batch.ts';
import { isAdd } from '../../types/row-kind.ts';
import { keyComparator } from '../key-comparator.ts';
import { bucketKey, identifierKey } from '../live-files.ts';
import { streamWhileSnapshotStays } from '../manifests.ts';
import { mergeSpec } from '../merge-spec.ts';
import { wantedFields } from '../read/column-mapping.ts';
import { type FileRead, readRows } from '../read/read-file.ts';
import { mergeSection, readBatchRowsMax } from '../read/read-split.ts';
import { hidesLevel0, scannedBuckets } from '../scan/plan-scan.ts';
import type { ScanRange } from '../scan/scan-range.ts';
import type { BucketFiles } from '../scan/split.ts';
import type { Table } from '../table.ts';
import { type ChangeBatch, readChanges } from './read-changes.ts';

export type RangeOptions = {
  /** Columns that come out, in this order; all when not given. */
  readonly columns?: readonly string[] | undefined;
  /** Rows of other partitions may be left out; none is kept by it. */
  readonly predicate?: Predicate | undefined;
  /** Whether rows that went come, too. */
  readonly withDeletes: boolean;
};

/** @throws LakeError `invalid` LAKE_SNAPSHOT_EXPIRED; `unsupported` naming the table's feature */
export async function* readRange(
  table: Table,
  range: ScanRange,
  options: RangeOptions,
): AsyncGenerator<ChangeBatch, void, undefined> {
  const batches = range.kind === 'snapshots' ? changesOf(table, range, options) : differenceOf(table, range, options);
  for await (const batch of batches) {
    const kept = options.withDeletes ? batch : withoutDeletes(batch);
    if (kept.rows.rowCount > 0) yield kept;
  }
}

/** The rows that came, filtered. */
export async function* readAddedRows(
  table: Table,
  range: ScanRange,
  options: Omit<RangeOptions, 'withDeletes'>,
): AsyncGenerator<ChangeBatch['rows'], void, undefined> {
  const { columns, predicate } = options;
  const names = wantedFields(table.schema, columns).map(({ name }) => name);
  const read = predicate === undefined ? names : [...new Set([...names, ...columnsOf(predicate)])];
  for await (const { rows } of readRange(table, range, { columns: read, predicate, withDeletes: false })) {
    const passes = predicate === undefined ? undefined : evaluatePredicate(predicate, rows);
    const kept =
      passes === undefined
        ? rows
        : takeRows(
            rows,
            indexes(passes.length, row => passes[row] === 1),
          );
    if (kept.rowCount > 0) yield projectBatch(kept, names);
  }
}

async function* changesOf(
  table: Table,
  { of, snapshots }: ScanRange & { readonly kind: 'snapshots' },
  { columns }: RangeOptions,
): AsyncGenerator<ChangeBatch, void, undefined> {
  // A batch read of such a table passes level 0 over, and so does this one.
  const levelMin = hidesLevel0(table.schema) ? 1 : 0;
  for (const snapshot of snapshots) yield* readChanges(table, snapshot, { columns, of, levelMin });
}

type Pair = { readonly before: BucketFiles | undefined; readonly after: BucketFiles | undefined };

async function* differenceOf(
  table: Table,
  { before, after }: ScanRange & { readonly kind: 'difference' },
  { columns, predicate, withDeletes }: RangeOptions,
): AsyncGenerator<ChangeBatch, void, undefined> {
  const { schema } = table;
  const ofPartitions = restrictTo(predicate, schema.partitionKeys);
  const bucketsOf = async (snapshot: typeof before): Promise<ReadonlyMap<string, BucketFiles>> => {
    const buckets = await scannedBuckets(table, snapshot, { predicate: ofPartitions });
    return new Map(buckets.map(bucket => [bucketKey(bucket), bucket]));
  };
  const [old, recent] = [await bucketsOf(before), await bucketsOf(after)];
  const names = wantedFields(schema, columns).map(({ name }) => name);
  for (const key of new Set([...old.keys(), ...recent.keys()])) {
    const pair = withoutCommon(old.get(key), recent.get(key));
    const changes =
      schema.primaryKeys.length > 0 ? keyedDifference(table, pair, !withDeletes) : addedRows(table, pair, names);
    const safe = streamWhileSnapshotStays(table, before, streamWhileSnapshotStays(table, after, changes));
    for await (const { rows, kinds } of safe) yield { rows: projectBatch(rows, names), kinds };
  }
}

/** A file is the same when it lies at the same level. */
function withoutCommon(before: BucketFiles | undefined, after: BucketFiles | undefined): Pair {
  const keysOf = (bucket: BucketFiles | undefined): ReadonlySet<string> =>
    new Set(bucket?.files.map(file => identifierKey({ ...bucket, file })));
  const without = (bucket: BucketFiles | undefined, keys: ReadonlySet<string>): BucketFiles | undefined =>
    bucket === undefined
      ? undefined
      : { ...bucket, files: bucket.files.filter(file => !keys.has(identifierKey({ ...bucket, file }))) };
  return { before: without(before, keysOf(after)), after: without(after, keysOf(before)) };
}

/** All columns are read: whether a row changed is told by all of them. */
function keyedDifference(
  table: Table,
  { before, after }: Pair,
  dropDeletes: boolean,
): AsyncGenerator<KeyValueBatch, void, undefined> {
  const spec = mergeSpec(table.schema, { dropDeletes });
  const states = { before: mergedRows(table, before, dropDeletes), after: mergedRows(table, after, dropDeletes) };
  return differentRows(states, spec, { batchRowsMax: readBatchRowsMax });
}

async function* mergedRows(
  table: Table,
  bucket: BucketFiles | undefined,
  dropDeletes: boolean,
): AsyncGenerator<KeyValueBatch, void, undefined> {
  if (bucket === undefined) return;
  const { schema } = table;
  const read = { schema, wanted: { fields: schema.fields }, prune: undefined, batchRowsMax: readBatchRowsMax };
  for (const section of intervalPartition(bucket.files, keyComparator(schema))) {
    yield* mergeSection(table, bucket, section, { ...read, dropDeletes });
  }
}

async function* addedRows(
  table: Table,
  { after }: Pair,
  names: readonly string[],
): AsyncGenerator<ChangeBatch, void, undefined> {
  if (after === undefined) return;
  const { schema } = table;
  const wanted = { fields: wantedFields(schema, names) };
  const read: FileRead = { schema, wanted, prune: undefined, batchRowsMax: readBatchRowsMax };
  for (const file of after.files) {
    for await (const rows of readRows(table, after, file, read)) yield { rows, kinds: new Int8Array(rows.rowCount) };
  }
}

function withoutDeletes(batch: ChangeBatch): ChangeBatch {
  if (batch.kinds.every(isAdd)) return batch;
  const kept = indexes(batch.kinds.length, row => isAdd(batch.kinds[row] ?? 0));
  return { rows: takeRows(batch.rows, kept), kinds: Int8Array.from(kept, row => batch.kinds[row] ?? 0) };
}

function indexes(count: number, isWanted: (row: number) => boolean): Uint32Array {
  const kept = new Uint32Array(count);
  let length = 0;
  for (let row = 0; row < count; row += 1) {
    if (!isWanted(row)) continue;
    kept[length] = row;
    length += 1;
  }
  return kept.subarray(0, length);
}
