/** Rows as text: canonical JSON for programs, cells for people. */
import type { RecordHeaders } from '../flow/record-headers.ts';
import { canonicalRow, canonicalValue } from '../types/canonical-json.ts';
import type { RowType } from '../types/data-type.ts';
import type { RowBatch } from '../types/row-batch.ts';
import { rowKindOf } from '../types/row-kind.ts';

/** A batch as lines of canonical JSON, each with its end. */
export function jsonLines(batch: RowBatch): string {
  const line = canonicalRow(batch);
  let text = '';
  for (let row = 0; row < batch.rowCount; row += 1) text += `${line(row)}\n`;
  return text;
}

/** Lines of a batch in pieces of about so many characters, so that a batch of long rows need not be one text. */
export function* jsonLinePieces(batch: RowBatch, lengthMax: number): Generator<string, void, undefined> {
  const line = canonicalRow(batch);
  let text = '';
  for (let row = 0; row < batch.rowCount; row += 1) {
    text += `${line(row)}\n`;
    if (text.length < lengthMax) continue;
    yield text;
    text = '';
  }
  if (text !== '') yield text;
}

/**
 * Changes as lines of JSON, as `tidelake write` takes them; headers are of the record of the log that they come from, and late ones are
 * marked.
 */
export function changeJsonLines(
  batch: RowBatch,
  kinds: Int8Array,
  { headers, late }: { readonly headers: RecordHeaders | undefined; readonly late: Uint8Array | undefined },
): string {
  const line = canonicalRow(batch);
  const end = headers === undefined ? '}' : `,"headers":${JSON.stringify(headers)}}`;
  let text = '';
  for (let row = 0; row < batch.rowCount; row += 1) {
    const mark = late?.[row] === 1 ? '"late":true,' : '';
    text += `{"op":"${rowKindOf(kinds[row] ?? 0)}",${mark}"row":${line(row)}${end}\n`;
  }
  return text;
}

/** Changes as lines such as `+I {…}`. */
export function changeLines(batch: RowBatch, kinds: Int8Array): string {
  const line = canonicalRow(batch);
  let text = '';
  for (let row = 0; row < batch.rowCount; row += 1) text += `${rowKindOf(kinds[row] ?? 0)} ${line(row)}\n`;
  return text;
}

export type Cells = {
  readonly columns: readonly string[];
  /** Columns whose cells stand at the right. */
  readonly isNumber: readonly boolean[];
  /** In pieces. */
  readonly rows: AsyncIterable<readonly (readonly string[])[]>;
};

export function cellsOf(rowType: RowType, batches: AsyncIterable<RowBatch>): Cells {
  return {
    columns: rowType.fields.map(field => field.name),
    isNumber: rowType.fields.map(({ type }) => numberKinds.has(type.kind)),
    rows: cellRows(batches),
  };
}

const numberKinds: ReadonlySet<string> = new Set([
  'tinyint',
  'smallint',
  'int',
  'bigint',
  'float',
  'double',
  'decimal',
]);

async function* cellRows(batches: AsyncIterable<RowBatch>): AsyncGenerator<readonly (readonly string[])[]> {
  for await (const batch of batches) {
    const cells = batch.rowType.fields.map((field, index) => {
      const column = batch.columns[index];
      return column === undefined ? () => '' : canonicalValue(column, field.type);
    });
    yield Array.from({ length: batch.rowCount }, (_, row) => cells.map(cell => plain(cell(row))));
  }
}

/** Texts without their quotes; what would break the line or the terminal stays escaped. */
function plain(json: string): string {
  if (json === 'null') return '';
  if (!json.startsWith('"')) return json;
  return JSON.stringify(JSON.parse(json)).slice(1, -1).replaceAll('\\"', '"').replaceAll('\\\\', '\\');
}
