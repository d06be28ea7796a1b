/**
 * Reads a split: files in, rows of the table out, projected and filtered. Memory: a batch for each run of a section.
 */

import type { DataFileMeta } from '../../format/data-file.ts';
import { columnsToMerge } from '../../format/merge-options.ts';
import { type TableSchema, trimmedPrimaryKeys } from '../../format/table-schema.ts';
import type { Section } from '../../lsm/compaction-plan.ts';
import { mergeRuns } from '../../lsm/merge.ts';
import { pickingColumns } from '../../lsm/merge-function.ts';
import { selectRows } from '../../types/filter.ts';
import { columnsOf } from '../../types/prune.ts';
import { type KeyValueBatch, projectBatch, type RowBatch } from '../../types/row-batch.ts';
import { streamWhileSnapshotStays } from '../manifests.ts';
import { mergeOptionsOf, mergeSpec } from '../merge-spec.ts';
import { keyFilter } from '../scan/key-filter.ts';
import type { ScanPlan } from '../scan/plan-scan.ts';
import type { Split } from '../scan/split.ts';
import type { Table } from '../table.ts';
import { wantedFields } from './column-mapping.ts';
import { runAges } from './file-ages.ts';
import { type ReadPlace, wholeFileBytesDefault } from './file-source.ts';
import { type FileRead, readKeyValues, readRows } from './read-file.ts';

export type ReadOptions = {
  /** Columns that come out, in this order; all when not given. */
  readonly columns?: readonly string[] | undefined;
  /** Rows of a batch, at most. */
  readonly batchRowsMax?: number | undefined;
};

export const readBatchRowsMax = 65_536;
/** Of a run, however many there are. */
const runWindowBytesMin = 2 * 1024 * 1024;

/**
 * All rows of a plan, split after split.
 *
 * @throws LakeError LAKE_SNAPSHOT_EXPIRED when the snapshot and its files went away during the read
 */
export async function* readPlan(
  table: Table,
  plan: ScanPlan,
  options: ReadOptions = {},
): AsyncGenerator<RowBatch, void, undefined> {
  for (const split of plan.splits) yield* readSplit(table, plan, split, options);
}

/** The rows of one split that pass the plan's filter; batches are never empty. */
export async function* readSplit(
  table: Table,
  plan: ScanPlan,
  split: Split,
  options: ReadOptions = {},
): AsyncGenerator<RowBatch, void, undefined> {
  const { schema, predicate, snapshot } = plan;
  const names = wantedFields(schema, options.columns).map(field => field.name);
  const batches =
    split.work.kind === 'raw' ? rawBatches(table, plan, split, options) : mergedBatches(table, plan, split, options);
  const safe = snapshot === undefined ? batches : streamWhileSnapshotStays(table, snapshot, batches);
  for await (const batch of safe) {
    const kept = predicate === undefined ? batch : selectRows(batch, predicate);
    if (kept.rowCount > 0) yield projectBatch(kept, names);
  }
}

async function* rawBatches(
  table: Table,
  { schema, predicate }: ScanPlan,
  split: Split,
  options: ReadOptions,
): AsyncGenerator<RowBatch, void, undefined> {
  if (split.work.kind !== 'raw') return;
  const read: FileRead = {
    schema,
    wanted: { fields: wantedFields(schema, withPredicateColumns(schema, options.columns, predicate)) },
    prune: predicate,
    isSortedByKey: schema.primaryKeys.length > 0,
    batchRowsMax: options.batchRowsMax ?? readBatchRowsMax,
  };
  for (const file of split.work.files) yield* readRows(table, split, file, read);
}

async function* mergedBatches(
  table: Table,
  { schema, predicate }: ScanPlan,
  split: Split,
  options: ReadOptions,
): AsyncGenerator<RowBatch, void, undefined> {
  if (split.work.kind !== 'merge') return;
  const keyNames = trimmedPrimaryKeys(schema);
  const names = withPredicateColumns(schema, options.columns, predicate);
  const batchRowsMax = options.batchRowsMax ?? readBatchRowsMax;
  const read: FileRead = {
    schema,
    wanted: { fields: wantedFields(schema, names === undefined ? undefined : mergedColumns(schema, names)) },
    // Only what speaks of keys: a row group left out by its values could hide the newest row of a key.
    prune: keyFilter(schema, keyNames, predicate),
    isSortedByKey: true,
    batchRowsMax,
  };
  for (const section of split.work.sections) {
    const merged = mergeSection(table, split, section, { ...read, dropDeletes: true, needsSequenceNumbers: false });
    for await (const batch of merged) yield batch.rows;
  }
}

/** What has to be read so that these columns can be merged: the key, and what orders rows. */
export function mergedColumns(schema: TableSchema, names: readonly string[]): readonly string[] {
  const withKey = union(trimmedPrimaryKeys(schema), names);
  return union(withKey, columnsToMerge(mergeOptionsOf(schema), withKey));
}

export type MergedRead = FileRead & {
  readonly dropDeletes: boolean;
  /** False: those of the rows that come out may be others than in the files. */
  readonly needsSequenceNumbers?: boolean | undefined;
};

/** The merged rows of a section. */
export function mergeSection(
  table: Table,
  place: ReadPlace,
  section: Section,
  { dropDeletes, needsSequenceNumbers = true, ...read }: MergedRead,
): AsyncIterable<KeyValueBatch> {
  const spec = mergeSpec(read.schema, { dropDeletes });
  const ages = needsSequenceNumbers ? undefined : runAges(section);
  const runs = readSection(table, place, section, { ...read, earlyColumns: pickingColumns(spec) }, ages);
  return mergeRuns(runs, spec, { batchRowsMax: read.batchRowsMax });
}

/**
 * The runs of a section, to be merged; what they hold at a time is bounded together.
 *
 * @param ages for each run the sequence number of all its rows, which then are not read
 */
export function readSection(
  table: Table,
  place: ReadPlace,
  section: Section,
  read: FileRead,
  ages?: readonly bigint[],
): readonly AsyncIterable<KeyValueBatch>[] {
  const windowBytesMax = Math.max(runWindowBytesMin, Math.floor(table.workMemory.mergeWindowBytes / section.length));
  const wholeFileBytesMax = wholeFileBytesOf(table, section);
  // Of a run alone all rows come out.
  const earlyColumns = section.length > 1 ? read.earlyColumns : undefined;
  const bounded = { ...read, windowBytesMax, wholeFileBytesMax, earlyColumns };
  return section.map((files, run) => readRun(table, place, files, { ...bounded, sequenceNumber: ages?.[run] }));
}

/** Up to this a file of the section is read whole, so that all runs together stay within what the process may have. */
export function wholeFileBytesOf({ workMemory: { wholeFilesBytes } }: Table, section: Section): number {
  const wholeBytes = section.reduce((sum, files) => sum + largestWhole(files), 0);
  return wholeBytes <= wholeFilesBytes ? wholeFileBytesDefault : Math.floor(wholeFilesBytes / section.length);
}

/** The length of the largest of the files that would be read whole: of a run one is open at a time. */
function largestWhole(files: readonly DataFileMeta[]): number {
  return files.reduce((most, { fileSize }) => (fileSize > wholeFileBytesDefault ? most : Math.max(most, fileSize)), 0);
}

/** The files of a run, one after the other: its keys ascend over all of them. */
export async function* readRun(
  table: Table,
  place: ReadPlace,
  files: readonly DataFileMeta[],
  read: FileRead,
): AsyncGenerator<KeyValueBatch, void, undefined> {
  for (const file of files) yield* readKeyValues(table, place, file, read);
}

function withPredicateColumns(
  schema: TableSchema,
  columns: readonly string[] | undefined,
  predicate: ScanPlan['predicate'],
): readonly string[] | undefined {
  if (columns === undefined || predicate === undefined) return columns;
  return union(
    columns,
    schema.fields.map(field => field.name).filter(name => columnsOf(predicate).has(name)),
  );
}

function union(a: readonly string[], b: readonly string[]): readonly string[] {
  return [...new Set([...a, ...b])];
}
