/**
 * What a snapshot changed, as a stream of rows with their kinds: the delta read.
 *
 * Without a changelog producer the changes of an APPEND snapshot are the rows of the files it added, each key once with
 * its last kind (an upsert stream). With one they are the rows of the changelog files. Compactions change nothing, and
 * an overwrite is not a change of rows but of tables: both give none (spec 10.3). Rows that wait for a bucket are changes of
 * the snapshot that put them off, as they came.
 */
import { unsupported } from '../../base/errors.ts';
import { deserializeRow } from '../../format/binary-row.ts';
import type { Snapshot } from '../../format/snapshot.ts';
import { refusedFeatures } from '../../format/table-options.ts';
import type { TableSchema } from '../../format/table-schema.ts';
import type { DataField } from '../../types/data-type.ts';
import { evaluatePredicate } from '../../types/filter.ts';
import { takeRows } from '../../types/gather.ts';
import type { Predicate } from '../../types/predicate.ts';
import { columnsOf } from '../../types/prune.ts';
import { projectBatch, type RowBatch } from '../../types/row-batch.ts';
import { noDeletions } from '../index-files.ts';
import { bucketKey, type PlacedFile } from '../live-files.ts';
import { changelogManifestsOf, deltaManifestsOf, readEntries } from '../manifests.ts';
import { wantedFields } from '../read/column-mapping.ts';
import { type FileRead, readKeyValues, readRows } from '../read/read-file.ts';
import { readBatchRowsMax } from '../read/read-split.ts';
import { partitionTypes, type Table } from '../table.ts';
import { streamWhileChangesStay, whileChangesStay } from './change-source.ts';

/** Rows and what each does, in the order they happened within a bucket. */
export type ChangeBatch = { readonly rows: RowBatch; readonly kinds: Int8Array };

export type ChangeOptions = {
  readonly columns?: readonly string[] | undefined;
  readonly predicate?: Predicate | undefined;
  /** Files that were added, or those of the changelog; as the table's producer has it when not given. */
  readonly of?: 'delta' | 'changelog' | undefined;
  /** Only files of this level or higher. */
  readonly levelMin?: number | undefined;
  /** By file name, the rows that are wanted; of files that are not in it, all. Of tables without keys. */
  readonly rows?: FileRead['rows'];
};

/** The changes of one snapshot, under the table's newest schema. */
export async function* readChanges(
  table: Table,
  snapshot: Snapshot,
  options: ChangeOptions = {},
): AsyncGenerator<ChangeBatch, void, undefined> {
  checkChangesReadable(table);
  const files = await whileChangesStay(table, snapshot, () => changedFiles(table, snapshot, options));
  const { schema } = table;
  const read: FileRead = {
    schema,
    wanted: { fields: withColumnsOf(schema, options) },
    // A row group may be left out by its values here: changes are not merged.
    prune: options.predicate,
    batchRowsMax: readBatchRowsMax,
    rows: options.rows,
  };
  const names = wantedFields(schema, options.columns).map(field => field.name);
  for (const file of files) {
    for await (const batch of streamWhileChangesStay(table, snapshot, changesOf(table, file, read))) {
      const kept = matching(batch, options.predicate);
      if (kept.rows.rowCount > 0) yield { rows: projectBatch(kept.rows, names), kinds: kept.kinds };
    }
  }
}

function checkChangesReadable(table: Table): void {
  const refused = refusedFeatures(table.schema, 'read');
  if (refused.length > 0) throw unsupported(refused.join(', '), `reading changes of ${table.label}`);
}

/** The files that a snapshot's changes are read from, in the order in which they are read. */
export async function changedFiles(
  table: Table,
  snapshot: Snapshot,
  { of, levelMin = 0 }: ChangeOptions = {},
): Promise<readonly PlacedFile[]> {
  const hasProducer = table.options.changelogProducer !== 'none' && table.schema.primaryKeys.length > 0;
  const isProduced = of === undefined ? hasProducer : of === 'changelog';
  if (!isProduced && snapshot.commitKind !== 'APPEND') return [];
  const manifests = isProduced ? await changelogManifestsOf(table, snapshot) : await deltaManifestsOf(table, snapshot);
  const entries = await readEntries(table, manifests);
  const added = entries.filter(({ kind, file }) => kind === 'add' && file.level >= levelMin);
  return added.toSorted((a, b) => compareTexts(bucketKey(a), bucketKey(b)) || compareSequences(a, b));
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function compareSequences(a: PlacedFile, b: PlacedFile): number {
  return Number(a.file.minSequenceNumber - b.file.minSequenceNumber);
}

async function* changesOf(
  table: Table,
  placed: PlacedFile,
  read: FileRead,
): AsyncGenerator<ChangeBatch, void, undefined> {
  const partitionValues = deserializeRow(placed.partition, partitionTypes(table.schema));
  // What a snapshot adds is read as it was added: vectors speak of what became of it later.
  const place = { partitionValues, bucket: placed.bucket, deletions: noDeletions };
  if (table.schema.primaryKeys.length === 0) {
    for await (const rows of readRows(table, place, placed.file, read))
      yield { rows, kinds: new Int8Array(rows.rowCount) };
    return;
  }
  for await (const { rows, kinds } of readKeyValues(table, place, placed.file, read)) yield { rows, kinds };
}

function matching(batch: ChangeBatch, predicate: Predicate | undefined): ChangeBatch {
  if (predicate === undefined) return batch;
  const passes = evaluatePredicate(predicate, batch.rows);
  const index = Uint32Array.from([...passes.keys()].filter(row => passes[row] === 1));
  return { rows: takeRows(batch.rows, index), kinds: Int8Array.from(index, row => batch.kinds[row] ?? 0) };
}

function withColumnsOf(schema: TableSchema, { columns, predicate }: ChangeOptions): readonly DataField[] {
  if (columns === undefined || predicate === undefined) return wantedFields(schema, columns);
  return wantedFields(schema, [...new Set([...columns, ...columnsOf(predicate)])]);
}
