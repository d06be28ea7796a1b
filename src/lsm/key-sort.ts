/**
 * The order of a batch's rows by key: a radix sort by the heads, then, where equal heads leave the keys open, the same
 * again by the next six bytes of each group, so that long common prefixes cost one pass each and no comparisons.
 */
import { type BatchKeys, byteHead, compareKeys, headBytes } from './key-order.ts';
import { radixSort } from './radix-sort.ts';

/** Groups up to this size are sorted by comparing whole keys. */
const comparedRowsMax = 1024;
/** Deeper into the keys than this, groups of any size are; it bounds the recursion. */
const radixDepthBytesMax = 64 * headBytes;
const exactIntegerMax = 2 ** 53;

/** Rows by key ascending; rows of equal keys in the order they had. */
export type SortedRows = {
  readonly order: Uint32Array;
  /** 1 where another key begins. */
  readonly begins: Uint8Array;
};

/** @param order row numbers, changed in place and returned */
export function sortByKey(keys: BatchKeys, order: Uint32Array): SortedRows {
  const begins = new Uint8Array(order.length);
  begins[0] = 1;
  sortGroup(keys, { order, begins }, 0);
  return { order, begins };
}

/** 0, 1, 2 … */
export function rowNumbers(count: number): Uint32Array {
  const order = new Uint32Array(count);
  for (let i = 0; i < count; i += 1) order[i] = i;
  return order;
}

/** Sorts rows whose keys agree in their first `depth` bytes. Whether the first begins a key is the caller's to say. */
function sortGroup(keys: BatchKeys, { order, begins }: SortedRows, depth: number): void {
  if (markBegins(keys, { order, begins })) return;
  if (order.length <= comparedRowsMax || depth > radixDepthBytesMax || (depth > 0 && keys.wordStride > 0)) {
    order.sort((a, b) => compareKeys(keys, a, keys, b));
    markBegins(keys, { order, begins });
    return;
  }
  const heads = headsAt(keys, order, depth);
  const positions = rowNumbers(order.length);
  radixSort(heads, positions);
  const rows = order.slice();
  for (let i = 0; i < positions.length; i += 1) order[i] = rows[positions[i] ?? 0] ?? 0;
  let start = 0;
  while (start < order.length) {
    const head = heads[positions[start] ?? 0] ?? 0;
    if (start > 0) begins[start] = 1;
    let end = start + 1;
    while (end < order.length && heads[positions[end] ?? 0] === head) {
      begins[end] = 0;
      end += 1;
    }
    if (end - start > 1 && !(keys.isExact || tellsAll(keys, head))) {
      sortGroup(keys, { order: order.subarray(start, end), begins: begins.subarray(start, end) }, depth + headBytes);
    }
    start = end;
  }
}

/** Marks where keys begin, the first row excepted, as long as the rows are in order. False when they are not. */
function markBegins(keys: BatchKeys, { order, begins }: SortedRows): boolean {
  for (let i = 1; i < order.length; i += 1) {
    const rising = compareKeys(keys, order[i] ?? 0, keys, order[i - 1] ?? 0);
    if (rising < 0) return false;
    begins[i] = rising > 0 ? 1 : 0;
  }
  return true;
}

function headsAt(keys: BatchKeys, group: Uint32Array, depth: number): Float64Array {
  const heads = new Float64Array(group.length);
  for (let i = 0; i < heads.length; i += 1) {
    const row = group[i] ?? 0;
    heads[i] =
      depth === 0
        ? (keys.heads[row] ?? 0)
        : byteHead(keys.bytes, (keys.offsets[row] ?? 0) + depth, keys.offsets[row + 1] ?? 0);
  }
  return heads;
}

/** Whether keys of this head are equal: nulls, integers below 2^53, and byte keys that end within the head. */
function tellsAll(keys: BatchKeys, head: number): boolean {
  if (head === Number.NEGATIVE_INFINITY) return true;
  return keys.wordStride > 0 ? Math.abs(head) < exactIntegerMax : head % 8 <= headBytes;
}
