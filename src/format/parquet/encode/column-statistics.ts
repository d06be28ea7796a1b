/** Bounds and nulls of a column, for its chunk and for each of its pages. */
import type { DataType } from '../../../types/data-type.ts';
import type { ColumnExtremes } from '../../column-extremes.ts';
import type { ChunkStatistics } from '../footer.ts';
import type { BoundaryOrder, PageStatistics } from '../page-index.ts';
import { type BoundShape, lowerBound, upperBound } from './bound-bytes.ts';
import { type Bounds, boundsOf, boundsOfAll, type Order, orderOf } from './bounds.ts';
import type { Dictionary } from './dictionary.ts';
import { leafExtremes } from './leaf-extremes.ts';
import type { Leaf, LeafValues } from './leaf-values.ts';
import type { PageSpan, ValueForm } from './pages.ts';

export type ColumnStatistics = {
  /** Undefined where no bounds can be given though there are values. */
  readonly chunk: ChunkStatistics | undefined;
  /** One for each data page; undefined likewise. */
  readonly pages: readonly PageStatistics[] | undefined;
  readonly order: BoundaryOrder;
  /** For the statistics of the file; undefined where they were not looked for. */
  readonly extremes: ColumnExtremes | undefined;
};

export function statisticsOf(
  leaf: Leaf,
  spans: readonly PageSpan[],
  { form, shape, type }: { readonly form: ValueForm; readonly shape: BoundShape; readonly type: DataType },
): ColumnStatistics {
  const values = form.kind === 'dictionary' ? form.dictionary.entries : leaf.values;
  const order = orderOf(values);
  const bounds = boundsOfPages(leaf.values, spans, form, order);
  const known = (bounds ?? []).filter(page => page !== undefined);
  const all = boundsOfAll(known, order);
  const counts = { valueCount: leaf.values.count, nullCount: leaf.rowCount - leaf.values.count };
  const extremes = leafExtremes(values, all, type, counts);
  const unknown: ColumnStatistics = { chunk: undefined, pages: undefined, order: 'unordered', extremes };
  if (bounds === undefined) return unknown;
  const pages: PageStatistics[] = [];
  for (const [index, span] of spans.entries()) {
    const page = statistics(values, bounds[index], { nullCount: span.rowCount - (span.to - span.from), shape });
    if (page === undefined) return unknown;
    pages.push({ ...page, isAllNull: bounds[index] === undefined });
  }
  const chunk = statistics(values, all, { nullCount: counts.nullCount, shape });
  return { chunk, pages, order: isAscending(known, order) ? 'ascending' : 'unordered', extremes };
}

/** Undefined in their place for pages of nulls; @returns undefined where a page has values and no bounds */
function boundsOfPages(
  values: LeafValues,
  spans: readonly PageSpan[],
  form: ValueForm,
  order: Order,
): readonly (Bounds | undefined)[] | undefined {
  if (form.kind === 'dictionary') {
    const { entries } = form.dictionary;
    const all = boundsOf(entries, { from: 0, to: entries.count });
    if (all === undefined) return undefined;
    if (spans.length === 1) return [all];
    return spans.map(span => boundsOfIndexes(form.dictionary, span, order));
  }
  const pages: (Bounds | undefined)[] = [];
  for (const span of spans) {
    const page = boundsOf(values, span);
    if (page === undefined && span.from < span.to) return undefined;
    pages.push(page);
  }
  return pages;
}

/** Bounds among the entries that a page has indexes of. */
function boundsOfIndexes({ entries, indexes }: Dictionary, { from, to }: PageSpan, order: Order): Bounds | undefined {
  const isUsed = new Uint8Array(entries.count);
  for (let i = from; i < to; i += 1) isUsed[indexes[i] ?? 0] = 1;
  const used: Bounds[] = [];
  for (let entry = 0; entry < entries.count; entry += 1) {
    if (isUsed[entry] === 1) used.push({ least: entry, greatest: entry });
  }
  return boundsOfAll(used, order);
}

function statistics(
  values: LeafValues,
  bounds: Bounds | undefined,
  { nullCount, shape }: { readonly nullCount: number; readonly shape: BoundShape },
): ChunkStatistics | undefined {
  if (bounds === undefined) return { min: undefined, max: undefined, nullCount };
  const min = lowerBound(values, bounds.least, shape);
  const max = upperBound(values, bounds.greatest, shape);
  return min === undefined || max === undefined ? undefined : { min, max, nullCount };
}

/** Whether both bounds rise from page to page. */
function isAscending(pages: readonly Bounds[], order: Order): boolean {
  return pages.every((page, index) => {
    const before = pages[index - 1];
    return before === undefined || (order(before.least, page.least) <= 0 && order(before.greatest, page.greatest) <= 0);
  });
}
