/**
 * System tables: what a table knows of itself, as rows. `db.t$snapshots` and its like; names, order and types of the
 * columns are Paimon's (spec 14).
 */
import { invalid } from '../base/errors.ts';
import type { Snapshot } from '../format/snapshot.ts';
import type { TableSchema } from '../format/table-schema.ts';
import { latestSnapshot } from '../table/snapshots.ts';
import type { Table } from '../table/table.ts';
import { buildBatch } from '../types/column-builder.ts';
import type { DataField, RowType } from '../types/data-type.ts';
import type { RowBatch } from '../types/row-batch.ts';
import { costRows, costType } from './system/cost-table.ts';
import { deadLettersName, deadLettersType } from './system/dead-letter-table.ts';
import {
  bucketRows,
  bucketsType,
  fileKeyRangeRows,
  fileKeyRangesType,
  fileRows,
  filesType,
  manifestRows,
  manifestsType,
  partitionRows,
  partitionsType,
} from './system/file-tables.ts';
import {
  branchesType,
  branchRows,
  consumerRows,
  consumersType,
  optionRows,
  optionsType,
  type Rows,
  schemaRows,
  schemasType,
  snapshotRows,
  snapshotsType,
  tagRows,
  tagsType,
} from './system/history-tables.ts';
import {
  aggregationFieldRows,
  aggregationFieldsType,
  statisticsRows,
  statisticsType,
  tableIndexesType,
  tableIndexRows,
} from './system/index-tables.ts';
import { isRowTableName, rowTableFields, rowTableNames } from './system/row-tables.ts';

export type SystemTableName =
  | 'snapshots'
  | 'schemas'
  | 'options'
  | 'files'
  | 'manifests'
  | 'partitions'
  | 'buckets'
  | 'tags'
  | 'branches'
  | 'consumers'
  | 'aggregation_fields'
  | 'file_key_ranges'
  | 'table_indexes'
  | 'statistics'
  | 'cost';

type SystemTable = {
  readonly rowType: RowType;
  /** Of a table that shows one snapshot, else of the table at all. */
  readonly of: 'table' | 'snapshot';
  readonly rows: (table: Table, snapshot: Snapshot | undefined) => Promise<Rows>;
};

const systemTables: Readonly<Record<SystemTableName, SystemTable>> = {
  snapshots: { rowType: snapshotsType, of: 'table', rows: snapshotRows },
  schemas: { rowType: schemasType, of: 'table', rows: schemaRows },
  options: { rowType: optionsType, of: 'table', rows: optionRows },
  tags: { rowType: tagsType, of: 'table', rows: tagRows },
  branches: { rowType: branchesType, of: 'table', rows: branchRows },
  consumers: { rowType: consumersType, of: 'table', rows: consumerRows },
  files: { rowType: filesType, of: 'snapshot', rows: fileRows },
  manifests: { rowType: manifestsType, of: 'snapshot', rows: manifestRows },
  partitions: { rowType: partitionsType, of: 'snapshot', rows: partitionRows },
  buckets: { rowType: bucketsType, of: 'snapshot', rows: bucketRows },
  aggregation_fields: { rowType: aggregationFieldsType, of: 'table', rows: aggregationFieldRows },
  file_key_ranges: { rowType: fileKeyRangesType, of: 'snapshot', rows: fileKeyRangeRows },
  table_indexes: { rowType: tableIndexesType, of: 'snapshot', rows: tableIndexRows },
  statistics: { rowType: statisticsType, of: 'snapshot', rows: statisticsRows },
  cost: { rowType: costType, of: 'table', rows: costRows },
};

export const systemTableNames: readonly string[] = Object.keys(systemTables);

export function isSystemTableName(name: string): name is SystemTableName {
  return systemTableNames.includes(name);
}

/** @throws LakeError `invalid` LAKE_TABLE_NOT_FOUND, naming those there are; what `rowTableFields` throws */
export function systemTableFields(
  table: Pick<Table, 'label'>,
  schema: TableSchema,
  name: string,
): readonly DataField[] {
  if (name === deadLettersName) return deadLettersType.fields;
  return isRowTableName(name) ? rowTableFields(table, schema, name) : systemTable(name).rowType.fields;
}

/**
 * All rows of a system table that tells metadata, in one batch: they are as many as the table's files at most. Those that
 * show a table's rows are read as streams (`readRowTable`), and so are dead letters (`readDeadLetterRows`).
 *
 * @param options.snapshot what `files`, `manifests`, `partitions` and `buckets` show; the newest when not given
 * @throws LakeError `invalid` LAKE_TABLE_NOT_FOUND for a name that is none, LAKE_SNAPSHOT_EXPIRED
 */
export async function readSystemTable(
  table: Table,
  name: string,
  options: { readonly snapshot?: Snapshot | undefined } = {},
): Promise<RowBatch> {
  const { rowType, of, rows } = systemTable(name);
  const snapshot = of === 'table' ? undefined : (options.snapshot ?? (await latestSnapshot(table)));
  return buildBatch(rowType, await rows(table, snapshot));
}

function systemTable(name: string): SystemTable {
  if (isSystemTableName(name)) return systemTables[name];
  const known = [...systemTableNames, ...rowTableNames, deadLettersName].map(known => `$${known}`).join(', ');
  throw invalid('LAKE_TABLE_NOT_FOUND', `there is no system table $${name}; there are ${known}`);
}
