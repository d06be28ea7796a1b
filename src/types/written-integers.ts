/**
 * Integers and decimals from their digits, a column at a time. What a double holds exactly, 15 digits, is added up in one;
 * longer ones in two of them, and a bigint is never made. The naive twin is `canonical-parse.ts`: whatever is not plain
 * digits (a plus, an exponent, leading zeros of a number, more digits than fit) is left to it.
 */
import type { ColumnBuffers } from './column-buffers.ts';
import { WrittenNulls, type WrittenValues, writtenForm } from './written-values.ts';

const { none, text, number } = writtenForm;

const minus = 45;
const point = 46;
const zero = 48;
const digitsExactMax = 15;
const digitsLongMax = 19;
const wordValues = 4_294_967_296;
const billion = 1_000_000_000;

/** TINYINT, SMALLINT, INT: numbers of at most `max`, or one less than `-max`. Undefined: some value is none of these. */
export function writtenInts(
  written: WrittenValues,
  values: Int8Array | Int16Array | Int32Array,
  max: number,
): ColumnBuffers | undefined {
  const { bytes, starts, ends, forms, rowCount } = written;
  const nulls = new WrittenNulls(rowCount);
  for (let row = 0; row < rowCount; row += 1) {
    const form = forms[row];
    if (form === none) {
      nulls.add(row);
      continue;
    }
    const start = starts[row] ?? 0;
    const end = ends[row] ?? 0;
    if (form !== number || !isPlainNumber(bytes, start, end)) return undefined;
    const value = signedDigits(bytes, start, end);
    if (!(value <= max && value >= -max - 1)) return undefined;
    values[row] = value;
  }
  return { values, ...nulls.finish() };
}

/** BIGINT, of a number or a text of at most 19 digits. Undefined: some value is none. */
export function writtenLongs(written: WrittenValues): ColumnBuffers | undefined {
  const { bytes, starts, ends, forms, rowCount } = written;
  const values = new BigInt64Array(rowCount);
  const words = new Int32Array(values.buffer);
  const nulls = new WrittenNulls(rowCount);
  for (let row = 0; row < rowCount; row += 1) {
    const form = forms[row];
    if (form === none) {
      nulls.add(row);
      continue;
    }
    const start = starts[row] ?? 0;
    const end = ends[row] ?? 0;
    if (form === number ? !isPlainNumber(bytes, start, end) : form !== text) return undefined;
    if (end - start > digitsExactMax) {
      if (!putLong(words, row * 2, { bytes, start, end })) return undefined;
      continue;
    }
    const value = signedDigits(bytes, start, end);
    if (Number.isNaN(value)) return undefined;
    putExact(words, row * 2, value);
  }
  return { values, ...nulls.finish() };
}

/** DECIMAL, of a number or a text of at most 15 characters and no more decimals than the scale. Undefined: some value is none. */
export function writtenDecimals(
  written: WrittenValues,
  { precision, scale }: { readonly precision: number; readonly scale: number },
): ColumnBuffers | undefined {
  const { bytes, starts, ends, forms, rowCount } = written;
  const values = new Uint32Array(rowCount * 4);
  const words = new Int32Array(values.buffer);
  const nulls = new WrittenNulls(rowCount);
  const max = 10 ** Math.min(precision, digitsExactMax);
  for (let row = 0; row < rowCount; row += 1) {
    const form = forms[row];
    if (form === none) {
      nulls.add(row);
      continue;
    }
    const start = starts[row] ?? 0;
    const end = ends[row] ?? 0;
    if (form === number ? !isPlainNumber(bytes, start, end) : form !== text) return undefined;
    const value = scaledDigits(bytes, start, end, scale);
    if (!(value < max && value > -max)) return undefined;
    putExact(words, row * 4, value);
    const sign = value < 0 ? -1 : 0;
    words[row * 4 + 2] = sign;
    words[row * 4 + 3] = sign;
  }
  return { values, ...nulls.finish() };
}

/** BOOLEAN. Undefined: some value is none. */
export function writtenBooleans({ forms, rowCount }: WrittenValues): ColumnBuffers | undefined {
  const values = new Uint8Array((rowCount + 7) >> 3);
  const nulls = new WrittenNulls(rowCount);
  for (let row = 0; row < rowCount; row += 1) {
    const form = forms[row];
    if (form === writtenForm.yes) values[row >> 3] = (values[row >> 3] ?? 0) | (1 << (row & 7));
    else if (form === none) nulls.add(row);
    else if (form !== writtenForm.no) return undefined;
  }
  return { values, ...nulls.finish() };
}

/** JSON has no numbers with zeros before them, nor with a point at their end. */
function isPlainNumber(bytes: Uint8Array, start: number, end: number): boolean {
  const first = bytes[start] === minus ? start + 1 : start;
  if (bytes[end - 1] === point || bytes[first] === point) return false;
  return bytes[first] !== zero || first + 1 >= end || bytes[first + 1] === point;
}

/** What digits, after a minus or not, stand for, exact for 15 characters; NaN when they are none. Zero has no sign. */
function signedDigits(bytes: Uint8Array, start: number, end: number): number {
  const isNegative = bytes[start] === minus;
  const value = digits(bytes, isNegative ? start + 1 : start, end);
  return isNegative ? 0 - value : value;
}

function digits(bytes: Uint8Array, start: number, end: number): number {
  if (end <= start) return Number.NaN;
  let value = 0;
  for (let at = start; at < end; at += 1) {
    const digit = (bytes[at] ?? 0) - zero;
    if (digit < 0 || digit > 9) return Number.NaN;
    value = value * 10 + digit;
  }
  return value;
}

/** Digits with a point or without, times 10^scale; NaN when they are more or have more decimals than that. */
function scaledDigits(bytes: Uint8Array, start: number, end: number, scale: number): number {
  if (end - start > digitsExactMax) return Number.NaN;
  const isNegative = bytes[start] === minus;
  const first = isNegative ? start + 1 : start;
  let value = 0;
  let decimals = -1;
  for (let at = first; at < end; at += 1) {
    const digit = (bytes[at] ?? 0) - zero;
    if (digit >= 0 && digit <= 9) {
      value = value * 10 + digit;
      if (decimals >= 0) decimals += 1;
    } else if (digit === point - zero && decimals < 0) decimals = 0;
    else return Number.NaN;
  }
  const isEmpty = end - first === (decimals < 0 ? 0 : 1);
  if (isEmpty || decimals > scale) return Number.NaN;
  // Products beyond what is exact are beyond the caller's bound, too.
  for (let missing = scale - Math.max(0, decimals); missing > 0; missing -= 1) {
    value *= 10;
    if (value > Number.MAX_SAFE_INTEGER) return Number.NaN;
  }
  return isNegative ? 0 - value : value;
}

/** The two's complement of an integer below 2^53, low word first. */
function putExact(words: Int32Array, at: number, value: number): void {
  const high = Math.floor(value / wordValues);
  words[at] = value - high * wordValues;
  words[at + 1] = high;
}

type Digits = { readonly bytes: Uint8Array; readonly start: number; readonly end: number };

/** As `putExact`, of up to 19 digits: the last nine and those before them. False when they are none or beyond 64 bits. */
function putLong(words: Int32Array, at: number, { bytes, start, end }: Digits): boolean {
  const isNegative = bytes[start] === minus;
  const first = isNegative ? start + 1 : start;
  if (end - first > digitsLongMax) return false;
  const head = digits(bytes, first, end - 9);
  const tail = digits(bytes, end - 9, end);
  if (Number.isNaN(head + tail)) return false;
  // head * 10^9 + tail in parts of 16 and 32 bits, each exact as a double.
  const upper = Math.floor(head / 65_536) * billion;
  const lower = (head % 65_536) * billion + tail;
  const low = (upper % 65_536) * 65_536 + (lower % wordValues);
  const high = Math.floor(upper / 65_536) + Math.floor(lower / wordValues) + Math.floor(low / wordValues);
  if (high >= 2 ** 31) return false;
  const lowWord = low % wordValues;
  words[at] = isNegative ? -lowWord : lowWord;
  words[at + 1] = isNegative ? -high - (lowWord === 0 ? 0 : 1) : high;
  return true;
}
