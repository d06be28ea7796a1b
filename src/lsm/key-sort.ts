/**
 * The order of a batch's rows by key: a radix sort by a number of each key, then, where equal numbers leave the keys open,
 * the same again by the next bytes of each group. Keys of bytes are told by the ranks of their bytes (`byte-ranks.ts`), others
 * by their heads. Small groups are sorted by comparing whole keys.
 */
import { rankKeys } from './byte-ranks.ts';
import { type BatchKeys, compareKeys } from './key-order.ts';
import { radixSort, radixSortNumbers } from './radix-sort.ts';

/** Groups up to this size are sorted by comparing, a row at a time or by the engine. */
const insertedRowsMax = 16;
const comparedRowsMax = 128;
/** Deeper into the keys than this, groups of any size are; it bounds the recursion. */
const radixDepthBytesMax = 512;

/** Rows by key ascending; rows of equal keys in the order they had. */
export type SortedRows = {
  readonly order: Uint32Array;
  /** 1 where another key begins. */
  readonly begins: Uint8Array;
};

/** A part of the rows, [from, to). */
type Span = { readonly from: number; readonly to: number };

/** @param order row numbers, changed in place and returned */
export function sortByKey(keys: BatchKeys, order: Uint32Array): SortedRows {
  const sorted = { order, begins: new Uint8Array(order.length) };
  const all = { from: 0, to: order.length };
  if (order.length > 0) sorted.begins[0] = 1;
  if (markBegins(keys, sorted, all)) return sorted;
  if (keys.offsets.length === 0) sortNumbers(keys, sorted);
  else sortBytes(keys, sorted, { from: nullsFirst(keys, sorted), to: order.length }, 0);
  return sorted;
}

/** 0, 1, 2 … */
export function rowNumbers(count: number): Uint32Array {
  const order = new Uint32Array(count);
  for (let i = 0; i < count; i += 1) order[i] = i;
  return order;
}

/** Keys that are one number. Heads rise with it; beyond 2^53 equal heads may be of other numbers. */
function sortNumbers(keys: BatchKeys, sorted: SortedRows): void {
  const { order, begins } = sorted;
  const { heads } = keys;
  const numbers = radixSort(heads, order);
  if (keys.isExact && numbers !== undefined) {
    for (let i = 1; i < numbers.length; i += 1) begins[i] = numbers[i] === numbers[i - 1] ? 0 : 1;
    return;
  }
  if (!keys.isExact) {
    for (let from = 0; from < order.length; ) {
      const head = heads[order[from] ?? 0];
      let to = from + 1;
      while (to < order.length && heads[order[to] ?? 0] === head) to += 1;
      if (to - from > 1 && !markBegins(keys, sorted, { from, to })) sortCompared(keys, sorted, { from, to });
      from = to;
    }
  }
  markBegins(keys, sorted, { from: 0, to: order.length });
}

/** Puts the rows of null before all others. @returns how many they are */
function nullsFirst({ heads }: BatchKeys, { order, begins }: SortedRows): number {
  const isNull = (row: number): boolean => heads[row] === Number.NEGATIVE_INFINITY;
  if (!order.some(isNull)) return 0;
  const nulls = order.filter(isNull);
  const others = order.filter(row => !isNull(row));
  order.set(nulls);
  order.set(others, nulls.length);
  begins.fill(0, 1, nulls.length);
  if (others.length > 0) begins[nulls.length] = 1;
  return nulls.length;
}

/** Sorts rows whose keys agree in their first `depth` bytes. Whether the first begins a key is the caller's to say. */
function sortBytes(keys: BatchKeys, sorted: SortedRows, span: Span, depth: number): void {
  const { order, begins } = sorted;
  const { from, to } = span;
  if (markBegins(keys, sorted, span)) return;
  if (to - from <= comparedRowsMax || depth > radixDepthBytesMax) {
    sortCompared(keys, sorted, span);
    return;
  }
  const group = order.subarray(from, to);
  const { numbers, bits, usedPlaces } = rankKeys(keys, group, depth);
  radixSortNumbers(numbers, group, bits);
  for (let start = 0; start < numbers.length; ) {
    const number = numbers[start];
    if (start > 0) begins[from + start] = 1;
    let end = start + 1;
    while (end < numbers.length && numbers[end] === number) {
      begins[from + end] = 0;
      end += 1;
    }
    if (end - start > 1 && !hasEnded(keys, group[start] ?? 0, depth + usedPlaces)) {
      sortBytes(keys, sorted, { from: from + start, to: from + end }, depth + usedPlaces);
    }
    start = end;
  }
}

/** Whether a key is shorter than that, so that keys which are the same so far are equal. */
function hasEnded({ offsets }: BatchKeys, row: number, byteCount: number): boolean {
  return (offsets[row + 1] ?? 0) - (offsets[row] ?? 0) < byteCount;
}

/** Marks where keys begin, the first row of the span excepted, as long as the rows are in order. False when they are not. */
function markBegins(keys: BatchKeys, { order, begins }: SortedRows, { from, to }: Span): boolean {
  for (let i = from + 1; i < to; i += 1) {
    const rising = compareKeys(keys, order[i] ?? 0, keys, order[i - 1] ?? 0);
    if (rising < 0) return false;
    begins[i] = rising > 0 ? 1 : 0;
  }
  return true;
}

function sortCompared(keys: BatchKeys, sorted: SortedRows, span: Span): void {
  const { order } = sorted;
  if (span.to - span.from <= insertedRowsMax) sortByInsertion(keys, order, span);
  else order.subarray(span.from, span.to).sort((a, b) => compareKeys(keys, a, keys, b));
  markBegins(keys, sorted, span);
}

function sortByInsertion(keys: BatchKeys, order: Uint32Array, { from, to }: Span): void {
  for (let i = from + 1; i < to; i += 1) {
    const row = order[i] ?? 0;
    let at = i;
    while (at > from && compareKeys(keys, row, keys, order[at - 1] ?? 0) < 0) {
      order[at] = order[at - 1] ?? 0;
      at -= 1;
    }
    order[at] = row;
  }
}
