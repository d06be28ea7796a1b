/** Scans whose filter only the SQL engine understands. */
import { invalid, isLakeError } from '../base/errors.ts';
import { quoteName, quoteText } from '../sql/quote.ts';
import type { Table } from '../table/table.ts';
import type { RowType } from '../types/data-type.ts';
import { makeRowBatch, type RowBatch } from '../types/row-batch.ts';
import type { LakeParts } from './lake-parts.ts';

export type SqlScan = {
  /** Of the columns that come out. */
  readonly rowType: RowType;
  /** A boolean expression, checked to be one piece. */
  readonly where: string;
  /** Options of the table's hint that say which state is meant. */
  readonly hint: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
};

/** @throws LakeError `invalid` LAKE_BAD_FILTER when the engine can not make sense of the filter */
export async function* scanBySql(
  parts: LakeParts,
  table: Table,
  { rowType, where, hint, signal }: SqlScan,
): AsyncGenerator<RowBatch, void, undefined> {
  const { database, name, branch } = table.identifier;
  const columns = rowType.fields.map(field => quoteName(field.name)).join(', ');
  const from = `${quoteName(database)}.${quoteName(branch === undefined ? name : `${name}$branch_${branch}`)}`;
  const options = Object.entries(hint).map(([key, value]) => `${quoteText(key)} = ${quoteText(value)}`);
  const travel = options.length === 0 ? '' : ` /*+ OPTIONS(${options.join(', ')}) */`;
  // The expression may end in a comment.
  const text = `SELECT ${columns} FROM ${from}${travel} WHERE (${where}\n)`;
  const { runSqlBatches } = await import('./run-sql.ts');
  try {
    for await (const batch of runSqlBatches(parts, { text, signal })) {
      yield makeRowBatch(rowType, batch.rowCount, batch.columns);
    }
  } catch (cause) {
    if (!isLakeError(cause, 'LAKE_SQL_SYNTAX') && !isLakeError(cause, 'LAKE_SQL_BINDER')) throw cause;
    // What follows quotes the query that was made of the filter.
    const [why] = cause.message.split(/\s*\n/);
    throw invalid('LAKE_BAD_FILTER', `${table.label}: filter ${JSON.stringify(where)}: ${why}`, { cause });
  }
}
