/**
 * Stable sorting of row numbers by a number each, in passes of 11 bits from the lowest: time in proportion to the rows,
 * whatever their order. Numbers of 32 bits, and doubles that are integers within 2^32 of each other, take at most three
 * passes, and move with their rows: each pass reads one thing after the other. Others are looked up by row.
 */

const digitBits = 11;
const digitMask = (1 << digitBits) - 1;
const uint32Range = 2 ** 32;
const exactIntegerMax = 2 ** 53;

/**
 * Sorts `order` so that `heads[order[i]]` ascends; rows of equal heads stay in their order. No head is NaN or -0.
 *
 * @param order row numbers below `heads.length`, changed in place
 * @returns numbers in the order of the rows, equal where their heads are; undefined where the heads lie too far apart
 */
export function radixSort(heads: Float64Array, order: Uint32Array): Uint32Array | undefined {
  const range = rangeOf(heads, order);
  if (range.isExact && range.max - range.min < uint32Range) {
    const numbers = new Uint32Array(order.length);
    for (let i = 0; i < order.length; i += 1) numbers[i] = (heads[order[i] ?? 0] ?? 0) - range.min;
    radixSortNumbers(numbers, order, bitCount(range.max - range.min));
    return numbers;
  }
  const words = range.isExact ? integerWords(heads, order, range) : doubleWords(heads, order);
  let from = order;
  let to: Uint32Array = new Uint32Array(order.length);
  for (const { values, bits } of words) {
    for (let shift = 0; shift < bits; shift += digitBits) {
      if (!scatter({ values, shift }, from, to)) continue;
      [from, to] = [to, from];
    }
  }
  if (from !== order) order.set(from);
  return undefined;
}

/**
 * Sorts both, `order[i]` by `numbers[i]`; rows of equal numbers stay in their order.
 *
 * @param numbers each below 2^bits
 */
export function radixSortNumbers(numbers: Uint32Array, order: Uint32Array, bits: number): void {
  let from: NumberedRows = { numbers, order };
  let to: NumberedRows = { numbers: new Uint32Array(order.length), order: new Uint32Array(order.length) };
  for (let shift = 0; shift < bits; shift += digitBits) {
    if (!scatterNumbers(shift, from, to)) continue;
    [from, to] = [to, from];
  }
  if (from.order === order) return;
  order.set(from.order);
  numbers.set(from.numbers);
}

type NumberedRows = { readonly numbers: Uint32Array; readonly order: Uint32Array };

/** As `scatter`, of rows that have their numbers beside them. */
function scatterNumbers(shift: number, from: NumberedRows, to: NumberedRows): boolean {
  const { numbers, order } = from;
  const positions = new Uint32Array(digitMask + 1);
  for (let i = 0; i < numbers.length; i += 1) {
    const at = ((numbers[i] ?? 0) >>> shift) & digitMask;
    positions[at] = (positions[at] ?? 0) + 1;
  }
  if (positions[((numbers[0] ?? 0) >>> shift) & digitMask] === numbers.length) return false;
  beginPositions(positions);
  for (let i = 0; i < numbers.length; i += 1) {
    const number = numbers[i] ?? 0;
    const at = (number >>> shift) & digitMask;
    const target = positions[at] ?? 0;
    to.numbers[target] = number;
    to.order[target] = order[i] ?? 0;
    positions[at] = target + 1;
  }
  return true;
}

/** Counts become places: of each digit, the first. */
function beginPositions(positions: Uint32Array): void {
  let position = 0;
  for (let at = 0; at < positions.length; at += 1) {
    const count = positions[at] ?? 0;
    positions[at] = position;
    position += count;
  }
}

type HeadRange = { readonly min: number; readonly max: number; readonly isExact: boolean };

/** Heads are whole numbers; from 2^53 on they are taken by their bits. */
function rangeOf(heads: Float64Array, order: Uint32Array): HeadRange {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < order.length; i += 1) {
    const head = heads[order[i] ?? 0] ?? 0;
    if (head < min) min = head;
    if (head > max) max = head;
  }
  const isExact = min > -exactIntegerMax && max < exactIntegerMax && max - min < exactIntegerMax;
  return { min, max, isExact };
}

type SortWord = { readonly values: Uint32Array; readonly bits: number };

/** Integers further apart, as their distance from the smallest. */
function integerWords(
  heads: Float64Array,
  order: Uint32Array,
  range: { readonly min: number; readonly max: number },
): readonly SortWord[] {
  const { min } = range;
  const span = range.max - min;
  const low = new Uint32Array(heads.length);
  for (let i = 0; i < order.length; i += 1) {
    const row = order[i] ?? 0;
    low[row] = (heads[row] ?? 0) - min;
  }
  const high = new Uint32Array(heads.length);
  for (let i = 0; i < order.length; i += 1) {
    const row = order[i] ?? 0;
    high[row] = ((heads[row] ?? 0) - min) / uint32Range;
  }
  return [
    { values: low, bits: 32 },
    { values: high, bits: bitCount(Math.floor(span / uint32Range)) },
  ];
}

function bitCount(max: number): number {
  return 32 - Math.clz32(max);
}

/** Any doubles, as their bits: the sign flipped, or all bits when negative. */
function doubleWords(heads: Float64Array, order: Uint32Array): readonly SortWord[] {
  const bits = new Uint32Array(heads.buffer, heads.byteOffset, heads.length * 2);
  const low = new Uint32Array(heads.length);
  const high = new Uint32Array(heads.length);
  for (let i = 0; i < order.length; i += 1) {
    const row = order[i] ?? 0;
    const lowBits = bits[row * 2] ?? 0;
    const highBits = bits[row * 2 + 1] ?? 0;
    const isNegative = highBits >>> 31 === 1;
    low[row] = isNegative ? ~lowBits : lowBits;
    high[row] = isNegative ? ~highBits : highBits ^ 0x8000_0000;
  }
  return [
    { values: low, bits: 32 },
    { values: high, bits: 32 },
  ];
}

/** One pass: the rows of `from` into `to` by one digit. False, with nothing done, when all rows have the same digit. */
function scatter(
  digit: { readonly values: Uint32Array; readonly shift: number },
  from: Uint32Array,
  to: Uint32Array,
): boolean {
  const { values, shift } = digit;
  const positions = new Uint32Array(digitMask + 1);
  for (let i = 0; i < from.length; i += 1) {
    const at = ((values[from[i] ?? 0] ?? 0) >>> shift) & digitMask;
    positions[at] = (positions[at] ?? 0) + 1;
  }
  const firstDigit = ((values[from[0] ?? 0] ?? 0) >>> shift) & digitMask;
  if (positions[firstDigit] === from.length) return false;
  beginPositions(positions);
  for (let i = 0; i < from.length; i += 1) {
    const row = from[i] ?? 0;
    const at = ((values[row] ?? 0) >>> shift) & digitMask;
    const target = positions[at] ?? 0;
    to[target] = row;
    positions[at] = target + 1;
  }
  return true;
}
