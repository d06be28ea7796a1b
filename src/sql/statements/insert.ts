/**
 * INSERT INTO | OVERWRITE … VALUES | SELECT: the query's columns are cast to the table's, then written in one go. On a table
 * with a primary key INSERT INTO is an upsert. Columns of `PARTITION (k = v)` are not the query's to give.
 *
 * DuckDB casts, so a text that is no number or a number out of range is refused with its words; a fraction never goes
 * into a whole number unless the statement casts it, and a text never loses its end.
 */
import { present } from '../../base/assert.ts';
import { invalid, isLakeError } from '../../base/errors.ts';
import { partitionSpecValues } from '../../table/partition-spec.ts';
import { constantColumn } from '../../table/read/column-mapping.ts';
import type { Table } from '../../table/table.ts';
import type { DataField } from '../../types/data-type.ts';
import { makeRowBatch, type RowBatch } from '../../types/row-batch.ts';
import type { Scalar } from '../../types/scalar.ts';
import type { QueryColumn } from '../connection.ts';
import {
  type SqlContext,
  type SqlSession,
  type StatementOptions,
  type StatementResult,
  type UnionRead,
  writeDirectly,
} from '../context.ts';
import type { Statement } from '../parser/statement.ts';
import { quoteName } from '../quote.ts';
import { openQuery } from './open-query.ts';
import { openTarget, overwriteWith } from './overwrite.ts';
import { castType, checkKind, checkLengths, defaultText } from './table-values.ts';

export type InsertStatement = Statement & { readonly kind: 'insert' };

/** @throws LakeError `invalid` LAKE_BAD_VALUE, LAKE_NULL_VALUE, LAKE_SQL_BINDER; nothing was written then */
export async function runInsert(
  context: SqlContext,
  session: SqlSession,
  statement: InsertStatement,
  options: StatementOptions,
): Promise<StatementResult> {
  const table = await openTarget(context, session, statement.name, statement.options);
  const constants = partitionSpecValues(table.schema, statement.partition, table.label);
  const target: Target = { table, constants, fields: targetFields(table, statement.columns, constants) };
  const own = table.schema.fields.filter(({ name }) => !constants.has(name));
  const shape = {
    wrap: (sql: string, columns: readonly QueryColumn[]): string => castText(target, own, sql, columns),
    types: own.map(field => field.type),
  };
  const write = statement.overwrite ? overwriteWith(context, statement) : (context.writeRows ?? writeDirectly);
  if (statement.overwrite) await context.settle?.(table, { signal: options.signal, isOverwritten: true });
  // What the log has above the snapshot is ingested after the overwrite: read here as well, it would come twice.
  const reading = statement.overwrite ? { ...context, unionRead: exceptOf(context.unionRead, table) } : context;
  let rowCount: number;
  try {
    await using query = await openQuery(reading, session, statement.query, options, shape);
    ({ rowCount } = await write(table, rowsFor(target, query.batches), { signal: options.signal }));
  } catch (error) {
    if (!isLakeError(error, 'LAKE_SQL_VALUE') && !isLakeError(error, 'LAKE_SQL_RANGE')) throw error;
    throw invalid('LAKE_BAD_VALUE', `INSERT INTO ${table.label}: ${error.message}`, { cause: error });
  }
  const message = `${rowCount} ${rowCount === 1 ? 'row' : 'rows'} ${statement.overwrite ? 'over' : 'into'} ${table.label}`;
  return { kind: 'ok', message, affectedRows: rowCount };
}

type Target = {
  readonly table: Table;
  /** Values that are the same for all rows. */
  readonly constants: ReadonlyMap<string, Scalar>;
  /** Those the query's columns go to, in its order. */
  readonly fields: readonly DataField[];
};

function exceptOf(unionRead: UnionRead | undefined, target: Table): UnionRead | undefined {
  if (unionRead === undefined) return undefined;
  return async (table, options) => (table.metaPath === target.metaPath ? undefined : unionRead(table, options));
}

/** The columns that the query's columns go to, in its order. */
function targetFields(
  table: Table,
  names: readonly string[] | undefined,
  constants: ReadonlyMap<string, Scalar>,
): readonly DataField[] {
  const { fields } = table.schema;
  if (names === undefined) return fields.filter(({ name }) => !constants.has(name));
  const twice = names.find((name, index) => names.indexOf(name) !== index || constants.has(name));
  if (twice !== undefined) throw invalid('LAKE_SQL_BINDER', `INSERT INTO ${table.label}: column \`${twice}\` twice`);
  return names.map(name => {
    const field = fields.find(candidate => candidate.name === name);
    if (field !== undefined) return field;
    const known = fields.map(candidate => candidate.name).join(', ');
    throw invalid('LAKE_SQL_BINDER', `INSERT INTO ${table.label}: there is no column \`${name}\`; there are ${known}`);
  });
}

/** A SELECT of the table's columns that are not constant, cast, out of the query. */
function castText(
  { table, fields: target }: Target,
  own: readonly DataField[],
  sql: string,
  columns: readonly QueryColumn[],
): string {
  if (columns.length !== target.length) {
    throw invalid(
      'LAKE_SQL_BINDER',
      `INSERT INTO ${table.label} takes ${target.length} columns (${target.map(field => field.name).join(', ')}), the query gives ${columns.length}`,
    );
  }
  for (const [index, field] of target.entries()) checkKind(field, columns[index]);
  const items = own.map(field => {
    const index = target.indexOf(field);
    const value = index >= 0 ? `s.c${index}` : defaultText(field);
    return `CAST(${value} AS ${castType(field.type)}) AS ${quoteName(field.name)}`;
  });
  const names = target.map((_, index) => `c${index}`).join(', ');
  return `SELECT ${items.join(', ')} FROM (${sql}\n) AS s(${names})`;
}

/** The batches under the table's own row type, checked. */
async function* rowsFor(
  { table, constants }: Target,
  batches: AsyncIterable<RowBatch>,
): AsyncGenerator<RowBatch, void, undefined> {
  const { fields } = table.schema;
  for await (const batch of batches) {
    for (const field of fields) checkLengths(field, batch);
    const given = batch.columns.values();
    const columns = fields.map(({ name, type }) => {
      const constant = constants.get(name);
      if (constant !== undefined) return constantColumn(type, constant, batch.rowCount);
      return present(given.next().value, 'the query gives every other column');
    });
    yield makeRowBatch({ fields }, batch.rowCount, columns);
  }
}
