/** A watch as lines: `+ {row}`, `- {key}`, and `= {…}` where what was printed is the answer as of one place. */
import { canonicalRow } from '../../types/canonical-json.ts';
import type { LakeParts } from '../lake-parts.ts';
import { type NamedWatch, openWatch } from './open-watch.ts';
import type { WatchedChange } from './watched-part.ts';

export type WatchLinesRequest = Omit<NamedWatch, 'parameters' | 'sql' | 'table'> & {
  /** Ends after so many complete answers and differences; a place alone, of a quiet time, is none. */
  readonly batchCountMax?: number | undefined;
};

/** Characters of a piece of lines, about. */
const pieceLengthMax = 256 * 1024;

/** @param watched the name of a table, or one SELECT */
export async function* watchLines(
  parts: LakeParts,
  watched: string,
  request: WatchLinesRequest,
): AsyncGenerator<string, void, undefined> {
  const { batchCountMax = Number.POSITIVE_INFINITY } = request;
  let batchCount = 0;
  let hasChanged = false;
  const name = watched.trim();
  const what = /\s/.test(name) ? { sql: watched } : { table: name };
  const { parts: watch } = await openWatch(parts, { ...request, ...what });
  for await (const { kind, isComplete, changes, resume } of watch) {
    for (const change of changes) yield* changePieces(change);
    hasChanged ||= kind === 'full' || changes.length > 0;
    if (!isComplete) continue;
    yield `= ${JSON.stringify({ kind, resume })}\n`;
    if (hasChanged) batchCount += 1;
    hasChanged = false;
    if (batchCount >= batchCountMax) return;
  }
}

function* changePieces({ op, rows }: WatchedChange): Generator<string, void, undefined> {
  const line = canonicalRow(rows);
  let text = '';
  for (let row = 0; row < rows.rowCount; row += 1) {
    text += `${op} ${line(row)}\n`;
    if (text.length < pieceLengthMax) continue;
    yield text;
    text = '';
  }
  if (text !== '') yield text;
}
