/**
 * A result of SQL as text in pieces, whole rows each. Status and headers are gone when a query fails in the middle, so
 * the text itself tells how it ended: `end` or `error`. What has neither was cut off.
 */
import { LakeError } from '../../base/errors.ts';
import type { Failure } from './failures.ts';

export type ResultForm = {
  readonly contentType: string;
  readonly begin: (columns: readonly string[]) => string;
  /** @param lines rows as JSON, each with a line feed */
  readonly rows: (lines: string, isFirst: boolean) => string;
  readonly end: (rowCount: number) => string;
  readonly fail: (failure: Failure) => string;
};

/** `{"columns":[…],"rows":[{…},…],"end":{"rows":2}}` */
export const jsonForm: ResultForm = {
  contentType: 'application/json',
  begin: columns => `{"columns":${JSON.stringify(columns)},"rows":[`,
  rows: (lines, isFirst) => `${isFirst ? '' : ',\n'}${lines.slice(0, -1).replaceAll('\n', ',\n')}`,
  end: rowCount => `],"end":{"rows":${rowCount}}}`,
  fail: ({ code, message }) => `],"error":${JSON.stringify({ code, message })}}`,
};

/** A line each: `{"columns":[…]}`, `{"row":{…}}` …, `{"end":{"rows":2}}`. */
export const linesForm: ResultForm = {
  contentType: 'application/x-ndjson',
  begin: columns => `${JSON.stringify({ columns })}\n`,
  rows: lines =>
    lines
      .slice(0, -1)
      .split('\n')
      .map(line => `{"row":${line}}\n`)
      .join(''),
  end: rowCount => `${JSON.stringify({ end: { rows: rowCount } })}\n`,
  fail: ({ code, message }) => `${JSON.stringify({ error: { code, message } })}\n`,
};

export type Result = {
  readonly columns: readonly string[];
  /** Rows as JSON, each with a line feed, in pieces. */
  readonly lines: AsyncIterable<string>;
};

export type ResultOptions = {
  /** Of the rows' JSON. */
  readonly bytesMax: number;
  readonly signal: AbortSignal;
  /** What a failure is to the reader. */
  readonly failed: (error: unknown) => Failure;
};

/**
 * The first piece has the first rows, so that a query that fails before them fails as a whole.
 *
 * @throws what `result` throws before its first rows, LAKE_RESULT_TOO_LARGE so early
 */
export async function* resultPieces(
  result: Result,
  form: ResultForm,
  { bytesMax, signal, failed }: ResultOptions,
): AsyncGenerator<string, void, undefined> {
  let rowCount = 0;
  let byteCount = 0;
  try {
    for await (const lines of result.lines) {
      if (lines === '') continue;
      signal.throwIfAborted();
      byteCount += Buffer.byteLength(lines);
      if (byteCount > bytesMax) throw tooLarge(bytesMax);
      const isFirst = rowCount === 0;
      rowCount += countLines(lines);
      yield (isFirst ? form.begin(result.columns) : '') + form.rows(lines, isFirst);
    }
    yield (rowCount === 0 ? form.begin(result.columns) : '') + form.end(rowCount);
  } catch (error) {
    const cause = signal.aborted ? signal.reason : error;
    if (rowCount === 0) throw cause;
    yield form.fail(failed(cause));
  }
}

function countLines(text: string): number {
  let count = 0;
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) count += 1;
  return count;
}

function tooLarge(bytesMax: number): LakeError {
  const message = `the result has more than ${bytesMax} bytes; ask for less, or add LIMIT`;
  return new LakeError('invalid', 'LAKE_RESULT_TOO_LARGE', message);
}
