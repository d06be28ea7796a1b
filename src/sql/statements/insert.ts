/**
 * INSERT INTO … VALUES | SELECT: the query's columns are cast to the table's, then written in one go. On a table with a
 * primary key it is an upsert.
 *
 * DuckDB casts, so a text that is no number or a number out of range is refused with its words; a fraction never goes
 * into a whole number unless the statement casts it, and a text never loses its end.
 */
import { invalid, isLakeError } from '../../base/errors.ts';
import { printIdentifier } from '../../catalog/identifier.ts';
import type { Table } from '../../table/table.ts';
import { columnReader } from '../../types/column-reader.ts';
import { type DataField, type DataType, lengthMax } from '../../types/data-type.ts';
import { makeRowBatch, type RowBatch } from '../../types/row-batch.ts';
import { typeName } from '../../types/type-name.ts';
import {
  openNamedTable,
  type SqlContext,
  type SqlSession,
  type StatementOptions,
  type StatementResult,
  writeDirectly,
} from '../context.ts';
import type { QueryColumn } from '../engine.ts';
import type { Statement } from '../parser/statement.ts';
import { quoteName, quoteText } from '../quote.ts';
import { duckDbType, isNanosecond } from '../relations/column-text.ts';
import { naturalType } from '../result-columns.ts';
import { identifierOf, openQuery } from './open-query.ts';

export type InsertStatement = Statement & { readonly kind: 'insert' };

/** @throws LakeError `invalid` LAKE_BAD_VALUE, LAKE_NULL_VALUE, LAKE_SQL_BINDER; nothing was written then */
export async function runInsert(
  context: SqlContext,
  session: SqlSession,
  statement: InsertStatement,
  options: StatementOptions,
): Promise<StatementResult> {
  const identifier = identifierOf(statement.name, session);
  if (identifier.systemTable !== undefined) {
    throw invalid('LAKE_BAD_NAME', `${printIdentifier(identifier)} is a system table: it can only be read`);
  }
  const table = await openNamedTable(context, identifier);
  const { fields } = table.schema;
  const target = targetFields(table, statement.columns);
  const shape = {
    wrap: (sql: string, columns: readonly QueryColumn[]): string => castText(table, target, sql, columns),
    types: fields.map(field => field.type),
  };
  let rowCount: number;
  try {
    await using query = await openQuery(context, session, statement.query, options, shape);
    const write = context.writeRows ?? writeDirectly;
    ({ rowCount } = await write(table, rowsFor(table, query.batches), { signal: options.signal }));
  } catch (error) {
    if (!isLakeError(error, 'LAKE_SQL_VALUE') && !isLakeError(error, 'LAKE_SQL_RANGE')) throw error;
    throw invalid('LAKE_BAD_VALUE', `INSERT INTO ${table.label}: ${error.message}`, { cause: error });
  }
  const message = `${rowCount} ${rowCount === 1 ? 'row' : 'rows'} into ${table.label}`;
  return { kind: 'ok', message, affectedRows: rowCount };
}

/** The columns that the query's columns go to, in its order. */
function targetFields(table: Table, names: readonly string[] | undefined): readonly DataField[] {
  const { fields } = table.schema;
  if (names === undefined) return fields;
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw invalid('LAKE_SQL_BINDER', `INSERT INTO ${table.label}: column \`${twice}\` twice`);
  return names.map(name => {
    const field = fields.find(candidate => candidate.name === name);
    if (field !== undefined) return field;
    const known = fields.map(candidate => candidate.name).join(', ');
    throw invalid('LAKE_SQL_BINDER', `INSERT INTO ${table.label}: there is no column \`${name}\`; there are ${known}`);
  });
}

/** A SELECT of all columns of the table, cast, out of the query. */
function castText(table: Table, target: readonly DataField[], sql: string, columns: readonly QueryColumn[]): string {
  if (columns.length !== target.length) {
    throw invalid(
      'LAKE_SQL_BINDER',
      `INSERT INTO ${table.label} takes ${target.length} columns (${target.map(field => field.name).join(', ')}), the query gives ${columns.length}`,
    );
  }
  for (const [index, field] of target.entries()) checkKind(field, columns[index]);
  const items = table.schema.fields.map(field => {
    const index = target.indexOf(field);
    const value = index >= 0 ? `s.c${index}` : defaultText(field);
    return `CAST(${value} AS ${castType(field.type)}) AS ${quoteName(field.name)}`;
  });
  const names = target.map((_, index) => `c${index}`).join(', ');
  return `SELECT ${items.join(', ')} FROM (${sql}\n) AS s(${names})`;
}

/** More digits of a second than DuckDB's timestamps of all years have come as text. */
function castType(type: DataType): string {
  return isNanosecond(type) ? 'VARCHAR' : duckDbType(type);
}

function defaultText({ defaultValue }: DataField): string {
  return defaultValue === undefined ? 'NULL' : quoteText(defaultValue);
}

function checkKind(field: DataField, column: QueryColumn | undefined): void {
  if (column === undefined) return;
  const from = naturalType(column.type);
  const isFraction = from.kind === 'float' || from.kind === 'double' || (from.kind === 'decimal' && from.scale > 0);
  if (!isFraction || !['tinyint', 'smallint', 'int', 'bigint'].includes(field.type.kind)) return;
  throw invalid(
    'LAKE_BAD_VALUE',
    `column ${field.name} (${typeName(field.type)}): ${typeName(from)} would be rounded; write CAST(… AS ${typeName(field.type)})`,
  );
}

/** The batches under the table's own row type, checked. */
async function* rowsFor(table: Table, batches: AsyncIterable<RowBatch>): AsyncGenerator<RowBatch, void, undefined> {
  const { fields } = table.schema;
  for await (const batch of batches) {
    for (const field of fields) checkLengths(field, batch);
    yield makeRowBatch({ fields }, batch.rowCount, batch.columns);
  }
}

function checkLengths(field: DataField, batch: RowBatch): void {
  const { type } = field;
  const limited = ['char', 'varchar', 'binary', 'varbinary'].includes(type.kind) && 'length' in type;
  if (!limited || type.length === lengthMax) return;
  const column = batch.columns[batch.rowType.fields.findIndex(({ name }) => name === field.name)];
  if (column === undefined) return;
  const read = columnReader(column, type);
  for (let row = 0; row < batch.rowCount; row += 1) {
    const value = read(row);
    const length =
      typeof value === 'string' ? codePoints(value, type.length) : value instanceof Uint8Array ? value.length : 0;
    if (length <= type.length) continue;
    const what = typeof value === 'string' ? `'${value.slice(0, 40)}' has ${length} characters` : `${length} bytes`;
    throw invalid('LAKE_BAD_VALUE', `column ${field.name} (${typeName(type)}): ${what}`);
  }
}

function codePoints(text: string, enough: number): number {
  return text.length <= enough ? text.length : [...text].length;
}
