/**
 * Stable sorting of row numbers by a double each, in passes of 11 bits from the lowest: time in proportion to the rows,
 * whatever their order. Doubles that are integers within 2^32 of each other take at most three passes.
 */

const digitBits = 11;
const digitMask = (1 << digitBits) - 1;
const uint32Range = 2 ** 32;
const exactIntegerMax = 2 ** 53;

/**
 * Sorts `order` so that `heads[order[i]]` ascends; rows of equal heads stay in their order. No head is NaN or -0.
 *
 * @param order row numbers below `heads.length`, changed in place
 */
export function radixSort(heads: Float64Array, order: Uint32Array): void {
  const words = sortWords(heads, order);
  let from = order;
  let to: Uint32Array = new Uint32Array(order.length);
  for (const { values, bits } of words) {
    for (let shift = 0; shift < bits; shift += digitBits) {
      if (!scatter({ values, shift }, from, to)) continue;
      [from, to] = [to, from];
    }
  }
  if (from !== order) order.set(from);
}

type SortWord = { readonly values: Uint32Array; readonly bits: number };

/** Unsigned words that order the rows as the heads do, lowest word first, indexed by row. */
function sortWords(heads: Float64Array, order: Uint32Array): readonly SortWord[] {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < order.length; i += 1) {
    const head = heads[order[i] ?? 0] ?? 0;
    if (head < min) min = head;
    if (head > max) max = head;
  }
  const isSmall = min > -exactIntegerMax && max < exactIntegerMax && max - min < exactIntegerMax;
  return isSmall ? integerWords(heads, order, { min, max }) : doubleWords(heads, order);
}

/** Integers, as their distance from the smallest. */
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
  if (span < uint32Range) return [{ values: low, bits: bitCount(span) }];
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
  let position = 0;
  for (let at = 0; at <= digitMask; at += 1) {
    const count = positions[at] ?? 0;
    positions[at] = position;
    position += count;
  }
  for (let i = 0; i < from.length; i += 1) {
    const row = from[i] ?? 0;
    const at = ((values[row] ?? 0) >>> shift) & digitMask;
    const target = positions[at] ?? 0;
    to[target] = row;
    positions[at] = target + 1;
  }
  return true;
}
