/**
 * The database `sys`: what the catalog knows of all its tables, as rows. Names, order and types of the columns are those of
 * Paimon's file-system catalog, which keeps no owners and no totals of tables.
 *
 * @see spec 14; Paimon 1.4.2 AllTablesTable, AllPartitionsTable, AllTableOptionsTable, CatalogOptionsTable
 */
import { invalid, isLakeError } from '../base/errors.ts';
import { type OptionMap, textOption } from '../format/option-values.ts';
import { fieldsNamed, type TableSchema } from '../format/table-schema.ts';
import { latestSnapshot } from '../table/snapshots.ts';
import { openTable, type Table } from '../table/table.ts';
import { buildBatch } from '../types/column-builder.ts';
import type { RowType } from '../types/data-type.ts';
import type { RowBatch } from '../types/row-batch.ts';
import type { Scalar } from '../types/scalar.ts';
import { findSchema } from './catalog.ts';
import { eachTable } from './each-table.ts';
import { type Identifier, tablePath } from './identifier.ts';
import type { CatalogParts } from './publish-schema.ts';
import { bigint, boolean, required, rowTypeOf, text } from './system/columns.ts';
import { allCostRows, allCostType } from './system/cost-table.ts';
import { partitionTotals } from './system/file-tables.ts';
import type { Rows } from './system/history-tables.ts';
import { partitionNameText } from './system/value-text.ts';

/** No database of a user has this name. */
export const systemDatabase = 'sys';

type CatalogTable = {
  readonly rowType: RowType;
  readonly rows: (parts: CatalogParts) => AsyncIterable<readonly Scalar[]>;
};

const named = { database_name: text, table_name: text };

const catalogTables: ReadonlyMap<string, CatalogTable> = new Map<string, CatalogTable>([
  [
    'tables',
    {
      rowType: rowTypeOf({
        ...named,
        table_type: text,
        partitioned: boolean,
        primary_key: boolean,
        owner: text,
        created_at: bigint,
        created_by: text,
        updated_at: bigint,
        updated_by: text,
        record_count: bigint,
        file_size_in_bytes: bigint,
        file_count: bigint,
        last_file_creation_time: bigint,
      }),
      rows: tableRows,
    },
  ],
  [
    'partitions',
    {
      rowType: rowTypeOf({
        ...named,
        partition_name: text,
        record_count: bigint,
        file_size_in_bytes: bigint,
        file_count: bigint,
        last_file_creation_time: bigint,
        done: boolean,
      }),
      rows: partitionRows,
    },
  ],
  ['all_table_options', { rowType: rowTypeOf({ ...named, key: text, value: text }), rows: optionRows }],
  ['cost', { rowType: allCostType, rows: allCostRows }],
  ['catalog_options', { rowType: rowTypeOf({ key: required(text), value: required(text) }), rows: catalogOptionRows }],
]);

export const catalogTableNames: readonly string[] = [...catalogTables.keys()];

/** @throws LakeError `invalid` LAKE_TABLE_NOT_FOUND, naming those there are */
export function catalogTableType(name: string): RowType {
  return catalogTable(name).rowType;
}

/** All rows of a table of `sys`, in one batch. @throws LakeError as `catalogTableType`; what reading manifests throws */
export async function readCatalogTable(parts: CatalogParts, name: string): Promise<RowBatch> {
  const { rowType, rows } = catalogTable(name);
  return buildBatch(rowType, await Array.fromAsync(rows(parts)));
}

function catalogTable(name: string): CatalogTable {
  const found = catalogTables.get(name);
  if (found !== undefined) return found;
  const known = catalogTableNames.join(', ');
  throw invalid('LAKE_TABLE_NOT_FOUND', `database ${systemDatabase} has no table ${name}; it has ${known}`);
}

async function* eachSchema(
  parts: CatalogParts,
): AsyncGenerator<{ readonly identifier: Identifier; readonly schema: TableSchema }, void, undefined> {
  for await (const identifier of eachTable(parts)) {
    const schema = await findSchema(parts, identifier);
    // Undefined: dropped since it was listed.
    if (schema !== undefined) yield { identifier, schema };
  }
}

async function* tableRows(parts: CatalogParts): AsyncGenerator<readonly Scalar[], void, undefined> {
  for await (const { identifier, schema } of eachSchema(parts)) {
    const { options, partitionKeys, primaryKeys } = schema;
    const created = [timeOption(options, 'createdAt'), options['createdBy'] ?? null];
    const updated = [timeOption(options, 'updatedAt'), options['updatedBy'] ?? null];
    const kind = [options['type'] ?? 'table', partitionKeys.length > 0, primaryKeys.length > 0];
    const owner = options['owner'] ?? null;
    const totals = [null, null, null, null];
    yield [identifier.database, identifier.table, ...kind, owner, ...created, ...updated, ...totals];
  }
}

/** Milliseconds; null for what is no number. */
function timeOption(options: OptionMap, key: string): Scalar {
  const written = textOption(options, key);
  return written !== undefined && /^-?\d{1,18}$/.test(written) ? BigInt(written) : null;
}

/** Of tables with partition keys only. */
async function* partitionRows(parts: CatalogParts): AsyncGenerator<readonly Scalar[], void, undefined> {
  for await (const { identifier, schema } of eachSchema(parts)) {
    if (schema.partitionKeys.length > 0) yield* await partitionsOf(parts, identifier);
  }
}

async function partitionsOf(parts: CatalogParts, { database, table: name }: Identifier): Promise<Rows> {
  let table: Table;
  try {
    table = await openTable(parts.store, { database, name, branch: undefined }, parts);
  } catch (error) {
    if (isLakeError(error, 'LAKE_TABLE_NOT_FOUND')) return [];
    throw error;
  }
  const fields = fieldsNamed(table.schema, table.schema.partitionKeys);
  const totals = await partitionTotals(table, await latestSnapshot(table));
  return totals.map(({ values, counts, updatedMs }) => {
    const partition = partitionNameText(fields, values, table.options.partitions);
    return [database, name, partition, ...counts, BigInt(updatedMs), false];
  });
}

async function* optionRows(parts: CatalogParts): AsyncGenerator<readonly Scalar[], void, undefined> {
  for await (const { identifier, schema } of eachSchema(parts)) {
    const { database, table } = identifier;
    const path = `${parts.store.uri}/${tablePath(identifier)}`;
    for (const [key, value] of Object.entries({ ...schema.options, path })) yield [database, table, key, value];
  }
}

async function* catalogOptionRows({ store }: CatalogParts): AsyncGenerator<readonly Scalar[], void, undefined> {
  yield ['metastore', 'filesystem'];
  yield ['warehouse', store.uri];
}
