/**
 * A mark behind the last row of a query. DuckDB's client for Node ends a result that is streamed in the same way whether
 * all rows have come or a failure came after the first of them: without the mark a short answer would pass for the whole.
 * UNION ALL keeps the order, so the mark comes last, and not at all after a failure.
 */
import { assert } from '../base/assert.ts';
import { LakeError } from '../base/errors.ts';
import type { QueryColumn } from './connection.ts';
import type { DuckDBConnection, DuckDBDataChunk } from './duckdb.ts';
import { duckDbFailure } from './duckdb-failure.ts';
import type { BoundValues } from './parameters.ts';
import { quoteName } from './quote.ts';

/** What readers of a result use of a chunk. */
export type ResultChunk = Pick<DuckDBDataChunk, 'rowCount' | 'getColumnVector'>;

const markName = quoteName('tidelake: end of rows');

/** The query with one column and one row more. */
export function markedQuery(sql: string): string {
  return `(SELECT *, false AS ${markName} FROM (${sql}\n)) UNION ALL BY NAME (SELECT true AS ${markName})`;
}

/** The query with neither, its columns named as those of the marked one: two of one name are told apart. */
export function unmarkedQuery(sql: string): string {
  return `SELECT * FROM (${sql}\n)`;
}

export function columnsBeforeMark(columns: readonly QueryColumn[]): readonly QueryColumn[] {
  return columns.slice(0, -1);
}

/** @param columnCount of the query, without the mark */
export function rowsBeforeMark(
  chunk: DuckDBDataChunk,
  columnCount: number,
): { readonly chunk: ResultChunk; readonly isEnded: boolean } {
  const { rowCount } = chunk;
  const mark = chunk.getColumnVector(columnCount);
  const isEnded = mark.getItem(rowCount - 1) === true;
  if (!isEnded) return { chunk, isEnded };
  assert(rowCount === 1 || mark.getItem(rowCount - 2) === false, 'the mark stands behind the last row');
  return { chunk: { rowCount: rowCount - 1, getColumnVector: index => chunk.getColumnVector(index) }, isEnded };
}

/** What went wrong with a query whose mark did not come: it runs once more, for nothing but its failure. */
export async function whyUnmarked(
  connection: DuckDBConnection,
  sql: string,
  { values, types }: BoundValues,
): Promise<LakeError> {
  try {
    // The hash of a row wants every column of it, and none is kept.
    const all = `SELECT count(*) FROM (SELECT * FROM (${sql}\n)) AS every_row WHERE hash(every_row) IS NULL`;
    await connection.run(all, values, types);
  } catch (error) {
    return duckDbFailure(error);
  }
  return new LakeError('unavailable', 'LAKE_SQL_FAILED', 'the query failed after its first rows; run it again');
}
