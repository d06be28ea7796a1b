/** A leaf's pages with the levels read: what the decoders of values are given. */
import type { SchemaElement } from '../footer.ts';
import type { Page } from '../page.ts';
import type { PageValues } from './page-sections.ts';
import type { SpreadRows } from './spread-nulls.ts';

export type LeafPages = {
  readonly element: SchemaElement;
  readonly dictionary: Page | undefined;
  readonly pages: readonly PageValues[];
  readonly rowCount: number;
  /** 1 = value; undefined: no nulls */
  readonly bitmap: Uint8Array | undefined;
};

/** Calls `decode` with each page and its first row, and `spread` where a page has values and nulls. */
export function forEachPage(
  { pages, bitmap }: LeafPages,
  decode: (page: PageValues, start: number) => void,
  spread: (rows: SpreadRows) => void,
): void {
  let start = 0;
  for (const page of pages) {
    const { rowCount, valueCount } = page;
    if (valueCount > 0) decode(page, start);
    if (bitmap !== undefined && valueCount < rowCount) spread({ bitmap, start, rowCount, valueCount });
    start += rowCount;
  }
}
