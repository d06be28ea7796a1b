/**
 * System tables of what speaks about the rows without being among them: index files, aggregate functions, statistics.
 *
 * @see spec 14; Paimon 1.4.2 TableIndexesTable, AggregationFieldsTable, StatisticTable
 */
import { stringifyJson } from '../../base/json.ts';
import { deserializeRow } from '../../format/binary-row.ts';
import type { GlobalIndex, IndexEntry } from '../../format/index-manifest.ts';
import type { Snapshot } from '../../format/snapshot.ts';
import { columnStatisticsJson } from '../../format/statistics.ts';
import { printJavaType } from '../../format/type-text.ts';
import { indexEntriesOf } from '../../table/index-files.ts';
import { whileSnapshotStays } from '../../table/manifests.ts';
import { partitionTypes, type Table } from '../../table/table.ts';
import { readStatistics } from '../../table/table-statistics.ts';
import type { DataField, DataType, RowType } from '../../types/data-type.ts';
import type { Scalar } from '../../types/scalar.ts';
import { bigint, int, required, rowTypeOf, text } from './columns.ts';
import type { Rows } from './history-tables.ts';
import { partitionValuesText } from './value-text.ts';

const vectorRange: DataType = {
  kind: 'row',
  ...rowTypeOf({ f0: required(text), f1: required(int), f2: required(int), _CARDINALITY: bigint }),
  nullable: true,
};

export const tableIndexesType: RowType = rowTypeOf({
  partition: text,
  bucket: required(int),
  index_type: required(text),
  file_name: required(text),
  file_size: required(bigint),
  row_count: required(bigint),
  dv_ranges: { kind: 'array', element: vectorRange, nullable: true },
  row_range_start: bigint,
  row_range_end: bigint,
  index_field_id: int,
  index_field_name: text,
});

export async function tableIndexRows(table: Table, snapshot: Snapshot | undefined): Promise<Rows> {
  if (snapshot === undefined) return [];
  const entries = await whileSnapshotStays(table, snapshot, () => indexEntriesOf(table, snapshot));
  return entries.map(entry => indexRow(table, entry));
}

function indexRow({ schema }: Table, { partition, vectors, global, ...entry }: IndexEntry): readonly Scalar[] {
  const types = partitionTypes(schema);
  return [
    partitionValuesText(types, deserializeRow(partition, types)),
    entry.bucket,
    entry.indexType,
    entry.fileName,
    BigInt(entry.fileSize),
    BigInt(entry.rowCount),
    vectors?.map(({ fileName, offset, length, cardinality }) => [
      fileName,
      offset,
      length,
      cardinality === undefined ? null : BigInt(cardinality),
    ]) ?? null,
    global?.rowRange[0] ?? null,
    global?.rowRange[1] ?? null,
    global?.fieldId ?? null,
    global === undefined ? null : indexedNames(schema.fields, global),
  ];
}

/** Of an index over several columns all of them; a column that is no more has no name. */
function indexedNames(fields: readonly DataField[], { fieldId, extraFieldIds }: GlobalIndex): string | null {
  const names = (extraFieldIds ?? [fieldId]).flatMap(id => fields.find(field => field.id === id)?.name ?? []);
  return names.length === 0 ? null : names.join(',');
}

export const statisticsType: RowType = rowTypeOf({
  snapshot_id: required(bigint),
  schema_id: required(bigint),
  mergedRecordCount: bigint,
  mergedRecordSize: bigint,
  colstat: text,
});

/** One row, or none where nobody has analyzed the table. */
export async function statisticsRows(table: Table, snapshot: Snapshot | undefined): Promise<Rows> {
  if (snapshot === undefined) return [];
  const statistics = await whileSnapshotStays(table, snapshot, () => readStatistics(table, snapshot));
  if (statistics === undefined) return [];
  const { snapshotId, schemaId, mergedRecordCount, mergedRecordSize, columns } = statistics;
  const colstat = stringifyJson(columnStatisticsJson(columns), 2);
  return [[BigInt(snapshotId), BigInt(schemaId), mergedRecordCount ?? null, mergedRecordSize ?? null, colstat]];
}

export const aggregationFieldsType: RowType = rowTypeOf({
  field_name: required(text),
  field_type: required(text),
  function: text,
  function_options: text,
  comment: text,
});

/** Options `fields.NAME.…` by the column they are of: their values, their keys. */
export async function aggregationFieldRows({ schema }: Table): Promise<Rows> {
  const options = Object.entries(schema.options).map(([key, value]) => ({ parts: key.split('.'), key, value }));
  return schema.fields.map(({ name, type, description }) => {
    const own = options.filter(({ parts }) => parts.length > 2 && parts[0] === 'fields' && parts[1] === name);
    return [
      name,
      printJavaType(type),
      `[${own.map(({ value }) => value).join(', ')}]`,
      `[${own.map(({ key }) => key).join(', ')}]`,
      description ?? null,
    ];
  });
}
