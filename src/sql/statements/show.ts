/** SHOW and DESCRIBE: what the catalog knows, as rows. */
import { unreachable } from '../../base/assert.ts';
import { listDatabases, listTables, loadSchema } from '../../catalog/catalog.ts';
import { type Identifier, printIdentifier } from '../../catalog/identifier.ts';
import type { CatalogParts } from '../../catalog/publish-schema.ts';
import { catalogTableNames, catalogTableType, systemDatabase } from '../../catalog/system-database.ts';
import { systemTableFields } from '../../catalog/system-tables.ts';
import type { TableSchema } from '../../format/table-schema.ts';
import { printType } from '../../format/type-text.ts';
import { buildBatch } from '../../types/column-builder.ts';
import { type DataField, type DataType, lengthMax, type RowType, withNullable } from '../../types/data-type.ts';
import type { RowBatch } from '../../types/row-batch.ts';
import type { Scalar } from '../../types/scalar.ts';
import type { SqlContext, SqlSession, StatementResult } from '../context.ts';
import type { Statement, TableName } from '../parser/statement.ts';
import { quoteText } from '../quote.ts';
import { catalogTableOf, identifierOf } from './open-query.ts';

export type ShowStatement = Statement & {
  readonly kind: 'show-databases' | 'show-tables' | 'show-create-table' | 'describe';
};

export async function runShow(
  { catalog }: SqlContext,
  session: SqlSession,
  statement: ShowStatement,
): Promise<StatementResult> {
  switch (statement.kind) {
    case 'show-databases':
      return rows(
        { 'database name': text },
        (await listDatabases(catalog)).map(name => [name]),
      );
    case 'show-tables': {
      const database = statement.database ?? session.currentDatabase;
      const names = database === systemDatabase ? catalogTableNames : await listTables(catalog, database);
      return rows(
        { 'table name': text },
        names.map(name => [name]),
      );
    }
    case 'show-create-table': {
      const identifier = identifierOf(statement.name, session);
      const schema = await loadSchema(catalog, identifier);
      return rows({ 'create table': text }, [[createText(identifier, schema)]]);
    }
    case 'describe':
      return rows(columnShape, await describedColumns(catalog, session, statement.name));
    default:
      return unreachable(statement);
  }
}

async function describedColumns(
  catalog: CatalogParts,
  session: SqlSession,
  name: TableName,
): Promise<readonly Scalar[][]> {
  const ofSystem = catalogTableOf(name, session);
  if (ofSystem !== undefined) return catalogTableType(ofSystem).fields.map(field => columnRow(field, [], []));
  const identifier = identifierOf(name, session);
  const { systemTable } = identifier;
  const schema = await loadSchema(catalog, { ...identifier, systemTable: undefined });
  const label = printIdentifier({ ...identifier, systemTable: undefined });
  if (systemTable !== undefined) {
    return systemTableFields({ label }, schema, systemTable).map(field => columnRow(field, [], []));
  }
  return schema.fields.map(field => columnRow(field, schema.primaryKeys, schema.partitionKeys));
}

const text: DataType = { kind: 'varchar', length: lengthMax, nullable: true };
const boolean: DataType = { kind: 'boolean', nullable: true };

const columnShape = { name: text, type: text, null: boolean, key: text, 'partition key': boolean, comment: text };

function columnRow(
  { name, type, description }: DataField,
  primaryKeys: readonly string[],
  partitionKeys: readonly string[],
): Scalar[] {
  const key = primaryKeys.includes(name) ? `PRI(${primaryKeys.join(', ')})` : null;
  const shown = printType(withNullable(type, true));
  return [name, shown, type.nullable, key, partitionKeys.includes(name), description ?? null];
}

/** DDL that makes a table like it. */
export function createText(identifier: Identifier, schema: TableSchema): string {
  const lines = schema.fields.map(({ name, type, description }) => {
    const comment = description === undefined ? '' : ` COMMENT ${quoteText(description)}`;
    return `  ${quoted(name)} ${printType(type)}${comment}`;
  });
  const { primaryKeys, partitionKeys, comment, options } = schema;
  if (primaryKeys.length > 0) lines.push(`  PRIMARY KEY (${primaryKeys.map(quoted).join(', ')}) NOT ENFORCED`);
  const pairs = Object.entries(options).map(([key, value]) => `  ${quoteText(key)} = ${quoteText(value)}`);
  const [database = '', ...table] = printIdentifier({ ...identifier, systemTable: undefined }).split('.');
  return [
    `CREATE TABLE ${quoted(database)}.${quoted(table.join('.'))} (\n${lines.join(',\n')}\n)`,
    ...(comment === undefined ? [] : [`COMMENT ${quoteText(comment)}`]),
    ...(partitionKeys.length === 0 ? [] : [`PARTITIONED BY (${partitionKeys.map(quoted).join(', ')})`]),
    ...(pairs.length === 0 ? [] : [`WITH (\n${pairs.join(',\n')}\n)`]),
  ].join('\n');
}

function quoted(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

function rows(shape: Readonly<Record<string, DataType>>, values: readonly (readonly Scalar[])[]): StatementResult {
  const fields = Object.entries(shape).map(
    ([name, type], id): DataField => ({ id, name, type, description: undefined, defaultValue: undefined }),
  );
  const rowType: RowType = { fields };
  const one = async function* (): AsyncGenerator<RowBatch, void, undefined> {
    if (values.length > 0) yield buildBatch(rowType, values);
  };
  return { kind: 'rows', rowType, batches: one() };
}
