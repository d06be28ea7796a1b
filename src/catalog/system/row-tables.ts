/**
 * System tables that show a table's rows, each in its own way, as of one snapshot:
 *
 * | name | rows |
 * |---|---|
 * | `ro` | what the last full compactions left: the top level of a primary-key table, with nothing to merge |
 * | `audit_log` | each with its kind in front, deletes that no compaction has dropped among them |
 * | `binlog` | the same, each column an array of one |
 * | `row_tracking` | each with its id and the number of the commit that wrote it |
 *
 * They are read as streams, unlike those that tell metadata (system-tables.ts).
 *
 * @see spec 14; Paimon 1.4.2 ReadOptimizedTable, AuditLogTable, BinlogTable, RowTrackingTable
 */
import { present } from '../../base/assert.ts';
import { invalid, unsupported } from '../../base/errors.ts';
import { booleanOption } from '../../format/option-values.ts';
import { rowIdField, sequenceNumberField } from '../../format/parquet/data-file-layout.ts';
import type { Snapshot } from '../../format/snapshot.ts';
import type { TableSchema } from '../../format/table-schema.ts';
import { readRange } from '../../table/changelog/read-range.ts';
import { streamWhileSnapshotStays } from '../../table/manifests.ts';
import { wantedFields } from '../../table/read/column-mapping.ts';
import { type FileRead, readTrackedRows, type TrackedBatch } from '../../table/read/read-file.ts';
import { type KindedBatch, readWithKinds } from '../../table/read/read-kinds.ts';
import { readBatchRowsMax, readPlan } from '../../table/read/read-split.ts';
import { planScan, type ScanPlan } from '../../table/scan/plan-scan.ts';
import type { ScanRange } from '../../table/scan/scan-range.ts';
import { filesOf } from '../../table/scan/split.ts';
import type { Table } from '../../table/table.ts';
import { makeColumn, noValues } from '../../types/column-buffers.ts';
import { ColumnBuilder } from '../../types/column-builder.ts';
import { type DataField, type DataType, withNullable } from '../../types/data-type.ts';
import type { Predicate } from '../../types/predicate.ts';
import { restrictTo } from '../../types/prune.ts';
import { type Column, columnOf, makeRowBatch, type RowBatch } from '../../types/row-batch.ts';
import { rowKindOf } from '../../types/row-kind.ts';
import { rowTypeOf, text } from './columns.ts';

export type RowTableName = 'ro' | 'audit_log' | 'binlog' | 'row_tracking';

export const rowTableNames: readonly RowTableName[] = ['ro', 'audit_log', 'binlog', 'row_tracking'];

export function isRowTableName(name: string): name is RowTableName {
  return rowTableNames.some(known => known === name);
}

export type RowTableState = {
  /** undefined: the table has none yet. */
  readonly snapshot: Snapshot | undefined;
  /** The schema rows come out in. */
  readonly schema: TableSchema;
  /** Only files that were made at this time or later. */
  readonly createdMsMin?: number | undefined;
  /** Changes instead of a state: of `audit_log` only. */
  readonly range?: ScanRange | undefined;
};

export type RowTableRead = RowTableState & {
  /** Columns that come out, in this order; all when not given. */
  readonly columns?: readonly string[] | undefined;
  /** Rows that do not pass may come nevertheless. */
  readonly predicate?: Predicate | undefined;
};

const kindName = 'rowkind';

/** @throws LakeError `invalid` LAKE_NO_ROW_TRACKING; `unsupported` for a table with a column of such a name */
export function rowTableFields(
  { label }: Pick<Table, 'label'>,
  schema: TableSchema,
  name: RowTableName,
): readonly DataField[] {
  if (name === 'ro') return schema.fields;
  if (name === 'row_tracking') {
    checkTracked(label, schema);
    return withoutRepeats(label, name, [...schema.fields, rowIdField, sequenceNumberField]);
  }
  const fields = name === 'audit_log' ? schema.fields : schema.fields.map(arrayField);
  const kinds = rowTypeOf({ [kindName]: text }).fields;
  const numbers = showsNumbers(schema) ? [sequenceNumberField] : [];
  return withoutRepeats(label, name, [...kinds, ...numbers, ...fields]);
}

function showsNumbers({ options, primaryKeys }: TableSchema): boolean {
  return primaryKeys.length > 0 && booleanOption(options, 'table-read.sequence-number.enabled', false);
}

function checkTracked(label: string, { options }: TableSchema): void {
  if (booleanOption(options, 'row-tracking.enabled', false)) return;
  throw invalid('LAKE_NO_ROW_TRACKING', `${label} has no row ids: its option row-tracking.enabled is not true`);
}

function withoutRepeats(label: string, name: RowTableName, fields: readonly DataField[]): readonly DataField[] {
  const names = fields.map(field => field.name);
  const repeated = names.find((own, index) => names.indexOf(own) < index);
  if (repeated === undefined) return fields;
  throw unsupported(`a column named ${repeated}`, `${label}$${name}`);
}

function arrayField(field: DataField): DataField {
  return { ...field, type: { kind: 'array', element: withNullable(field.type, true), nullable: true } };
}

/** The level whose files share no key: all that a full compaction wrote. Append tables have nothing to merge at all. */
export function readOptimizedLevel({ options }: Table, { primaryKeys }: TableSchema): number | undefined {
  return primaryKeys.length === 0 ? undefined : options.compaction.levelCount - 1;
}

/**
 * @throws LakeError as `rowTableFields` and scans do; `invalid` LAKE_SNAPSHOT_EXPIRED
 */
export async function* readRowTable(
  table: Table,
  name: RowTableName,
  read: RowTableRead,
): AsyncGenerator<RowBatch, void, undefined> {
  const { snapshot, schema, createdMsMin } = read;
  const all = rowTableFields(table, schema, name);
  const fields = read.columns === undefined ? all : read.columns.map(column => fieldNamed(all, column));
  const columns = schema.fields.filter(field => fields.some(({ name }) => name === field.name)).map(({ name }) => name);
  if (read.range !== undefined) {
    yield* readAudit(table, name, { fields, columns, range: read.range, predicate: read.predicate });
    return;
  }
  if (name === 'ro') {
    const level = readOptimizedLevel(table, schema);
    const plan = await planScan(table, snapshot, { schema, predicate: read.predicate, level, createdMsMin });
    yield* readPlan(table, plan, { columns: fields.map(field => field.name) });
    return;
  }
  const names = columnsToPruneBy(schema, name);
  const plan = await planScan(table, snapshot, { schema, predicate: restrictTo(read.predicate, names), createdMsMin });
  if (name === 'row_tracking') {
    for await (const batch of trackedBatches(table, plan, columns)) yield shownBatch(fields, batch);
    return;
  }
  const isWrapped = name === 'binlog';
  for await (const batch of readWithKinds(table, plan, { columns })) yield shownBatch(fields, { ...batch, isWrapped });
}

type AuditRead = Pick<RowTableRead, 'predicate'> & {
  readonly fields: readonly DataField[];
  readonly columns: readonly string[];
  readonly range: ScanRange;
};

/** Changes of a range, those that take rows away among them. */
async function* readAudit(
  table: Table,
  name: RowTableName,
  { fields, columns, range, predicate }: AuditRead,
): AsyncGenerator<RowBatch, void, undefined> {
  if (name !== 'audit_log') throw unsupported('reading changes between states', `${table.label}$${name}`);
  if (fields.some(field => field === sequenceNumberField)) {
    throw unsupported('sequence numbers of changes between states', `${table.label}$${name}`);
  }
  const ofPartitions = restrictTo(predicate, table.schema.partitionKeys);
  for await (const batch of readRange(table, range, { columns, predicate: ofPartitions, withDeletes: true })) {
    yield shownBatch(fields, { ...batch, sequenceNumbers: undefined });
  }
}

/** Of arrays nothing is known. Of rows with kinds only what is the same for all rows of a key. */
function columnsToPruneBy(schema: TableSchema, name: RowTableName): readonly string[] {
  if (name === 'binlog') return [];
  return schema.primaryKeys.length > 0 ? schema.primaryKeys : schema.fields.map(field => field.name);
}

function fieldNamed(fields: readonly DataField[], name: string): DataField {
  return present(
    fields.find(field => field.name === name),
    `column ${name}`,
  );
}

async function* trackedBatches(
  table: Table,
  plan: ScanPlan,
  columns: readonly string[],
): AsyncGenerator<TrackedBatch, void, undefined> {
  const { schema, snapshot } = plan;
  const wanted = { fields: wantedFields(schema, columns) };
  const read: FileRead = { schema, wanted, prune: undefined, batchRowsMax: readBatchRowsMax };
  for (const split of plan.splits) {
    for (const file of filesOf(split)) {
      const batches = readTrackedRows(table, split, file, read);
      yield* snapshot === undefined ? batches : streamWhileSnapshotStays(table, snapshot, batches);
    }
  }
}

type Shown = Pick<KindedBatch, 'rows' | 'sequenceNumbers'> & {
  readonly kinds?: Int8Array;
  readonly rowIds?: BigInt64Array;
  /** Whether each value of the table's columns is an array of its own. */
  readonly isWrapped?: boolean;
};

/** The columns of a system table out of a batch of the table's. */
function shownBatch(fields: readonly DataField[], batch: Shown): RowBatch {
  const { rows, kinds, rowIds, sequenceNumbers, isWrapped } = batch;
  const own = new Set(rows.rowType.fields.map(field => field.name));
  const columns = fields.map(({ name, type }): Column => {
    if (own.has(name)) return isWrapped === true ? arraysOfOne(type, columnOf(rows, name)) : columnOf(rows, name);
    if (name === kindName) return kindColumn(present(kinds, 'kinds'));
    const values = present(name === rowIdField.name ? rowIds : sequenceNumbers, name);
    return makeColumn(type, values.length, { values });
  });
  return makeRowBatch({ fields }, rows.rowCount, columns);
}

/** Each value as an array that has nothing else. */
function arraysOfOne(type: DataType, column: Column): Column {
  const valueOffsets = Int32Array.from({ length: column.length + 1 }, (_, row) => row);
  return makeColumn(type, column.length, { values: noValues, valueOffsets, children: [column] });
}

function kindColumn(kinds: Int8Array): Column {
  const builder = new ColumnBuilder(text);
  for (const kind of kinds) builder.append(rowKindOf(kind));
  return builder.finish();
}
