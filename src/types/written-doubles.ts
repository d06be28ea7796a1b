/**
 * Doubles from their digits, a column at a time. Up to 15 digits are an integer that a double holds, and so is a power of
 * ten up to 10^22: their quotient is rounded once, and is the nearest double (Clinger's fast path). All other numbers are
 * read by the engine from a text. The naive twin is `canonical-parse.ts`; values that are no numbers of JSON are left to it.
 */
import type { ColumnBuffers } from './column-buffers.ts';
import { WrittenNulls, type WrittenValues, writtenForm } from './written-values.ts';

const { none, number } = writtenForm;

const minus = 45;
const point = 46;
const zero = 48;
const digitsExactMax = 15;
const powersOfTen = Float64Array.from({ length: 23 }, (_, exponent) => 10 ** exponent);
const numberPattern = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** FLOAT and DOUBLE, into `values`. Undefined: some value is no number. */
export function writtenDoubles(
  { bytes, starts, ends, forms, rowCount }: WrittenValues,
  values: Float32Array | Float64Array,
): ColumnBuffers | undefined {
  const nulls = new WrittenNulls(rowCount);
  const texts = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let row = 0; row < rowCount; row += 1) {
    const form = forms[row];
    if (form === none) {
      nulls.add(row);
      continue;
    }
    if (form !== number) return undefined;
    const start = starts[row] ?? 0;
    const end = ends[row] ?? 0;
    const value = shortDouble(bytes, start, end);
    if (Number.isNaN(value)) {
      const digits = texts.toString('latin1', start, end);
      if (!numberPattern.test(digits)) return undefined;
      values[row] = Number(digits);
    } else {
      values[row] = value;
    }
  }
  return { values, ...nulls.finish() };
}

/** NaN for what has more digits, an exponent, or is no number. */
function shortDouble(bytes: Uint8Array, start: number, end: number): number {
  const isNegative = bytes[start] === minus;
  const first = isNegative ? start + 1 : start;
  if (end - first > digitsExactMax + 1 || end <= first) return Number.NaN;
  let value = 0;
  let pointAt = end;
  for (let at = first; at < end; at += 1) {
    const digit = (bytes[at] ?? 0) - zero;
    if (digit >= 0 && digit <= 9) value = value * 10 + digit;
    else if (digit === point - zero && pointAt === end) pointAt = at;
    else return Number.NaN;
  }
  const wholeDigits = pointAt - first;
  const decimals = pointAt === end ? 0 : end - pointAt - 1;
  // 00.5, .5 and 5. are no numbers of JSON.
  const isNumber = wholeDigits > 0 && (bytes[first] !== zero || wholeDigits === 1) && (pointAt === end || decimals > 0);
  if (!isNumber || wholeDigits + decimals > digitsExactMax) return Number.NaN;
  const quotient = value / (powersOfTen[decimals] ?? 1);
  return isNegative ? -quotient : quotient;
}
