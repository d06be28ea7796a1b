/** Runs SQL statements on a lake. */
import { invalid } from '../base/errors.ts';
import type { Identifier } from '../catalog/identifier.ts';
import { databaseDefault, openNamedTable, type SqlSession, type StatementResult } from '../sql/context.ts';
import type { SqlParameter } from '../sql/parameters.ts';
import { parseStatements } from '../sql/parser/parse-statement.ts';
import type { OpenQuery } from '../sql/statements/open-query.ts';
import type { Table } from '../table/table.ts';
import type { RowBatch } from '../types/row-batch.ts';
import type { LakeParts } from './lake-parts.ts';
import { type Cells, cellsOf, jsonLinePieces } from './printed-rows.ts';
import { sqlContextOf } from './sql-context.ts';
import { SqlResult } from './sql-result.ts';

/** Characters of a piece of lines, about. */
const pieceLengthMax = 256 * 1024;

export type SqlRequest = {
  readonly text: string;
  readonly parameters?: readonly SqlParameter[] | undefined;
  readonly signal?: AbortSignal | undefined;
};

/** What statements of one caller leave behind for the next: the database of plain names, at first `default`. */
export function sqlSession(): SqlSession {
  return { currentDatabase: databaseDefault };
}

/** Runs every statement of the text; the result is the last one's. @throws LakeError LAKE_SQL_…, see `executeSql` */
export async function runSql<Row extends object>(
  parts: LakeParts,
  session: SqlSession,
  request: SqlRequest,
): Promise<SqlResult<Row>> {
  const count = parseStatements(request.text).length;
  if (count === 0) throw invalid('LAKE_SQL_SYNTAX', 'SQL: there is no statement');
  const results = await resultsOf(parts, session, request);
  for (let number = 1; number < count; number += 1) await results.next();
  const last = await results.next();
  if (last.done === true) throw invalid('LAKE_SQL_SYNTAX', 'SQL: there is no statement');
  return new SqlResult<Row>(last.value, async () => {
    await results.return();
  });
}

/** A statement's rows for the command line: `lines` for programs, `cells` for people; `message` when it gives none. */
export type PrintableResult =
  | { readonly kind: 'rows'; readonly lines: () => AsyncIterable<string>; readonly cells: () => Cells }
  | { readonly kind: 'ok'; readonly message: string };

/** The results of all statements, one after the other. */
export async function* runPrintableSql(
  parts: LakeParts,
  request: SqlRequest,
): AsyncGenerator<PrintableResult, void, undefined> {
  for await (const result of await resultsOf(parts, sqlSession(), request)) {
    if (result.kind === 'ok') yield result;
    else yield { kind: 'rows', lines: () => linesOf(result), cells: () => cellsOf(result.rowType, result.batches) };
  }
}

/** The rows of one query. */
export async function* runSqlBatches(parts: LakeParts, request: SqlRequest): AsyncGenerator<RowBatch, void, undefined> {
  for await (const result of await resultsOf(parts, sqlSession(), request)) {
    if (result.kind === 'rows') yield* result.batches;
  }
}

/**
 * A query that is run again and again.
 *
 * @param reads awaited with each table before anything of it is read
 * @throws LakeError `invalid` LAKE_BAD_WATCH: it is no query
 */
export async function openWatchedQuery(
  parts: LakeParts,
  { text, parameters, signal }: SqlRequest,
  reads: (read: { readonly table: Table; readonly isSystem: boolean }) => Promise<void>,
): Promise<OpenQuery> {
  const [statement, ...more] = parseStatements(text);
  if (statement?.kind !== 'query' || more.length > 0) {
    throw invalid('LAKE_BAD_WATCH', 'watch: one SELECT is watched, not several statements or one of another kind');
  }
  const { openQuery } = await import('../sql/statements/open-query.ts');
  const context = await sqlContextOf(parts);
  const openTable = async (identifier: Identifier): Promise<Table> => {
    const table = await openNamedTable(context, identifier);
    await reads({ table, isSystem: identifier.systemTable !== undefined });
    return table;
  };
  return openQuery({ ...context, openTable }, sqlSession(), statement.query, { parameters, signal });
}

async function resultsOf(
  parts: LakeParts,
  session: SqlSession,
  { text, parameters, signal }: SqlRequest,
): Promise<AsyncGenerator<StatementResult, void, undefined>> {
  const { executeSql } = await import('../sql/execute.ts');
  return executeSql(await sqlContextOf(parts), session, text, { parameters, signal });
}

async function* linesOf({
  batches,
}: StatementResult & { readonly kind: 'rows' }): AsyncGenerator<string, void, undefined> {
  for await (const batch of batches) yield* jsonLinePieces(batch, pieceLengthMax);
}
