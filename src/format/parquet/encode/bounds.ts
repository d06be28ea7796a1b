/**
 * Where the least and the greatest of some values stand, in the order that Parquet defines for their type. Places and not
 * values are handed on, so that one kernel serves a page and a chunk.
 */
import { type ByteValues, compareValues } from '../../../bytes/compare.ts';
import { bitAt } from '../../../types/column-buffers.ts';
import { type ByteStrings, type LeafValues, wordsPerValue } from './leaf-values.ts';

/** Numbers of values. */
export type Bounds = { readonly least: number; readonly greatest: number };

type Range = { readonly from: number; readonly to: number };

/** A value's order against another's: below 0, 0 or above. Not asked of int96 and of NaN. */
export type Order = (a: number, b: number) => number;

/** @returns undefined for no values, for INT96, and where there is a NaN, which no bound covers */
export function boundsOf(values: LeafValues, range: Range): Bounds | undefined {
  if (range.from >= range.to) return undefined;
  switch (values.kind) {
    case 'int96':
      return undefined;
    case 'int32':
      return boundsOfInt32(values.words, range);
    case 'int64':
      return boundsOfInt64(values.words, range);
    case 'float':
      return boundsOfNumbers(floatsOf(values.words), range);
    case 'double':
      return boundsOfNumbers(doublesOf(values.words), range);
    case 'bytes':
      return boundsOfStrings(values, range);
    default:
      return boundsBy(orderOf(values), range);
  }
}

function boundsBy(order: Order, { from, to }: Range): Bounds {
  let [least, greatest] = [from, from];
  for (let i = from + 1; i < to; i += 1) {
    if (order(i, least) < 0) least = i;
    else if (order(i, greatest) > 0) greatest = i;
  }
  return { least, greatest };
}

/** The bounds of all that these are bounds of; undefined when there is none. */
export function boundsOfAll(parts: readonly Bounds[], order: Order): Bounds | undefined {
  const [first] = parts;
  if (first === undefined) return undefined;
  let { least, greatest } = first;
  for (const part of parts) {
    if (order(part.least, least) < 0) least = part.least;
    if (order(part.greatest, greatest) > 0) greatest = part.greatest;
  }
  return { least, greatest };
}

export function orderOf(values: LeafValues): Order {
  switch (values.kind) {
    case 'bits':
      return (a, b) => bitAt(values.bits, a) - bitAt(values.bits, b);
    case 'int32':
      return (a, b) => compare(values.words[a] ?? 0, values.words[b] ?? 0);
    case 'float': {
      const floats = floatsOf(values.words);
      return (a, b) => compare(floats[a] ?? 0, floats[b] ?? 0);
    }
    case 'double': {
      const doubles = doublesOf(values.words);
      return (a, b) => compare(doubles[a] ?? 0, doubles[b] ?? 0);
    }
    case 'bytes': {
      const strings = endToEnd(values);
      return (a, b) => compareValues(strings, a, b);
    }
    default: {
      const { words } = values;
      const width = wordsPerValue[values.kind];
      return (a, b) => compareWords(words, width, a, b);
    }
  }
}

function compare(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function floatsOf({ buffer, byteOffset, length }: Int32Array): Float32Array {
  return new Float32Array(buffer, byteOffset, length);
}

function doublesOf({ buffer, byteOffset, length }: Int32Array): Float64Array {
  // A view of doubles has to begin at a multiple of 8.
  if (byteOffset % 8 === 0) return new Float64Array(buffer, byteOffset, length >> 1);
  return new Float64Array(buffer.slice(byteOffset, byteOffset + length * 4));
}

function boundsOfInt32(words: Int32Array, { from, to }: Range): Bounds {
  let [least, greatest] = [from, from];
  let [min, max] = [words[from] ?? 0, words[from] ?? 0];
  for (let i = from + 1; i < to; i += 1) {
    const value = words[i] ?? 0;
    if (value < min) {
      min = value;
      least = i;
    } else if (value > max) {
      max = value;
      greatest = i;
    }
  }
  return { least, greatest };
}

/** The high words decide, and the low ones, which have no sign, where those are equal. */
function boundsOfInt64(words: Int32Array, { from, to }: Range): Bounds {
  let [least, greatest] = [from, from];
  let [minLow, minHigh] = [(words[from * 2] ?? 0) >>> 0, words[from * 2 + 1] ?? 0];
  let [maxLow, maxHigh] = [minLow, minHigh];
  for (let i = from + 1; i < to; i += 1) {
    const low = (words[i * 2] ?? 0) >>> 0;
    const high = words[i * 2 + 1] ?? 0;
    if (high < minHigh || (high === minHigh && low < minLow)) {
      minLow = low;
      minHigh = high;
      least = i;
    } else if (high > maxHigh || (high === maxHigh && low > maxLow)) {
      maxLow = low;
      maxHigh = high;
      greatest = i;
    }
  }
  return { least, greatest };
}

function boundsOfNumbers(numbers: Float32Array | Float64Array, { from, to }: Range): Bounds | undefined {
  let [least, greatest] = [from, from];
  let [min, max] = [numbers[from] ?? 0, numbers[from] ?? 0];
  for (let i = from; i < to; i += 1) {
    const value = numbers[i] ?? 0;
    if (Number.isNaN(value)) return undefined;
    if (value < min) {
      min = value;
      least = i;
    } else if (value > max) {
      max = value;
      greatest = i;
    }
  }
  return { least, greatest };
}

function boundsOfStrings(strings: ByteStrings, { from, to }: Range): Bounds {
  const values = endToEnd(strings);
  let [least, greatest] = [from, from];
  for (let i = from + 1; i < to; i += 1) {
    if (compareValues(values, i, least) < 0) least = i;
    else if (compareValues(values, i, greatest) > 0) greatest = i;
  }
  return { least, greatest };
}

function endToEnd({ bytes, offsets }: ByteStrings): ByteValues {
  return { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offsets };
}

/** Two's complement of `width` words, the lowest first. */
function compareWords(words: Int32Array, width: number, a: number, b: number): number {
  const top = (words[a * width + width - 1] ?? 0) - (words[b * width + width - 1] ?? 0);
  if (top !== 0) return top;
  for (let word = width - 2; word >= 0; word -= 1) {
    const difference = ((words[a * width + word] ?? 0) >>> 0) - ((words[b * width + word] ?? 0) >>> 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
