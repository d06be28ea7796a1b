/** Where the values of few rows of a leaf are in its pages. */
import { present } from '../../../base/assert.ts';
import { bitAt } from '../../../types/column-buffers.ts';
import type { LeafPages } from './leaf-pages.ts';
import type { PageValues } from './page-sections.ts';

/** Rows [from, to) of those that are picked are of this page. */
export type PickedSpan = { readonly page: PageValues; readonly from: number; readonly to: number };

export type PickedRows = {
  readonly rowCount: number;
  /** Of each row, which of its page's values it has; -1: it is null. */
  readonly places: Int32Array;
  readonly spans: readonly PickedSpan[];
};

/** @param rows of the leaf, ascending */
export function pickedRows({ pages, bitmap }: LeafPages, rows: Uint32Array): PickedRows {
  const places = new Int32Array(rows.length);
  const spans: PickedSpan[] = [];
  let start = 0;
  let next = 0;
  for (const page of pages) {
    const end = start + page.rowCount;
    const from = next;
    let row = start;
    let place = 0;
    for (; next < rows.length && (rows[next] ?? 0) < end; next += 1) {
      const wanted = present(rows[next], 'row');
      place += bitmap === undefined ? wanted - row : valuesBetween(bitmap, row, wanted);
      row = wanted;
      places[next] = bitmap === undefined || bitAt(bitmap, wanted) === 1 ? place : -1;
    }
    if (next > from) spans.push({ page, from, to: next });
    start = end;
  }
  return { rowCount: rows.length, places, spans };
}

/** Values of a page up to the last that is picked. */
export function valuesUpTo(places: Int32Array, { from, to }: PickedSpan): number {
  for (let i = to - 1; i >= from; i -= 1) {
    const place = places[i] ?? -1;
    if (place >= 0) return place + 1;
  }
  return 0;
}

function valuesBetween(bitmap: Uint8Array, start: number, end: number): number {
  let count = 0;
  for (let row = start; row < end; row += 1) count += bitAt(bitmap, row);
  return count;
}
