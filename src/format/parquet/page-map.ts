/** Where the pages of a column chunk lie, and which of them hold given rows. Pure. */
import { type RowRange, type RowRanges, rowCountOf } from '../row-ranges.ts';
import { type ColumnChunk, chunkStart, type FileRegion } from './footer.ts';
import type { Page } from './page.ts';
import type { PageLocation } from './page-index.ts';

export type PageMap = {
  /** Regions of the file; data pages by ascending rows. */
  readonly dictionary: FileRegion | undefined;
  readonly pages: readonly PageLocation[];
};

/** By the chunk's offset index. */
export function pageMapOf(chunk: ColumnChunk, pages: readonly PageLocation[]): PageMap {
  const start = chunkStart(chunk);
  const first = pages[0]?.start ?? start;
  return { dictionary: first > start ? { start, bytes: first - start } : undefined, pages };
}

/** By the pages themselves. @param bytes of the whole chunk, whose parts the bodies of the pages are */
export function pageMapOfPages(chunk: ColumnChunk, bytes: Uint8Array, pages: readonly Page[]): PageMap {
  const chunkAt = chunkStart(chunk);
  const locations: PageLocation[] = [];
  let firstRow = 0;
  let start = chunkAt;
  for (const { kind, body, valueCount } of pages) {
    const end = chunkAt + body.byteOffset - bytes.byteOffset + body.length;
    if (kind !== 'dictionary') {
      locations.push({ start, bytes: end - start, firstRow });
      firstRow += valueCount;
    }
    start = end;
  }
  return pageMapOf(chunk, locations);
}

/** A data page and its rows. */
export type PageRows = { readonly page: PageLocation; readonly rows: RowRange };

/** The pages that hold rows of the ranges. @param rowCount of the row group */
export function pagesWith({ pages }: Pick<PageMap, 'pages'>, ranges: RowRanges, rowCount: number): readonly PageRows[] {
  const found: PageRows[] = [];
  let next = 0;
  for (const [index, page] of pages.entries()) {
    const rows = { start: page.firstRow, end: pages[index + 1]?.firstRow ?? rowCount };
    while ((ranges[next]?.end ?? Number.POSITIVE_INFINITY) <= rows.start) next += 1;
    const range = ranges[next];
    if (range === undefined) break;
    if (range.start < rows.end) found.push({ page, rows });
  }
  return found;
}

/** The rows of the ranges as they lie in the rows of the pages, which hold them all, one after the other. */
export function rowsInPages(pages: readonly PageRows[], ranges: RowRanges): Uint32Array {
  const rowIndex = new Uint32Array(rowCountOf(ranges));
  let at = 0;
  let before = 0;
  let next = 0;
  for (const { start, end } of ranges) {
    for (let row = start; row < end; row += 1) {
      for (let page = pages[next]; page !== undefined && page.rows.end <= row; page = pages[next]) {
        before += page.rows.end - page.rows.start;
        next += 1;
      }
      rowIndex[at] = before + row - (pages[next]?.rows.start ?? 0);
      at += 1;
    }
  }
  return rowIndex;
}
