/**
 * Days and points of time from texts such as `2024-02-29` and `2024-02-29T23:59:59.999`, a column at a time. Days come in
 * runs, so the last day's number is kept with its text. The naive twin is `canonical-parse.ts`: other shapes (years of more
 * digits, no seconds, more decimals than the type has) are left to it.
 */
import type { ColumnBuffers } from './column-buffers.ts';
import { dayNumber, daysInMonth } from './time.ts';
import { WrittenNulls, type WrittenValues, writtenForm } from './written-values.ts';

const { none, text } = writtenForm;

const dayLength = 10;
const secondsLength = 19;
const secondsPerDay = 86_400;
/** After the point. */
const fractionStart = 20;
const powersOfTen = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000];
const [dash, colon, point, upperT, upperZ, space, zero] = [45, 58, 46, 84, 90, 32, 48] as const;
const wordValues = 4_294_967_296;

/** DATE. Undefined: some value is none. */
export function writtenDates({ bytes, starts, ends, forms, rowCount }: WrittenValues): ColumnBuffers | undefined {
  const values = new Int32Array(rowCount);
  const nulls = new WrittenNulls(rowCount);
  const dayAt = dayReader(bytes);
  for (let row = 0; row < rowCount; row += 1) {
    const form = forms[row];
    if (form === none) {
      nulls.add(row);
      continue;
    }
    const start = starts[row] ?? 0;
    if (form !== text || (ends[row] ?? 0) - start !== dayLength) return undefined;
    const days = dayAt(start);
    if (Number.isNaN(days)) return undefined;
    values[row] = days;
  }
  return { values, ...nulls.finish() };
}

/** TIMESTAMP and TIMESTAMP_LTZ of a precision up to 6, in milliseconds up to 3, else in microseconds. Undefined: some value is none. */
export function writtenTimestamps(
  { bytes, starts, ends, forms, rowCount }: WrittenValues,
  precision: number,
): ColumnBuffers | undefined {
  const values = new BigInt64Array(rowCount);
  const words = new Int32Array(values.buffer);
  const unitDigits = precision <= 3 ? 3 : 6;
  const unitsPerSecond = 10 ** unitDigits;
  const nulls = new WrittenNulls(rowCount);
  const dayAt = dayReader(bytes);
  for (let row = 0; row < rowCount; row += 1) {
    const form = forms[row];
    if (form === none) {
      nulls.add(row);
      continue;
    }
    const start = starts[row] ?? 0;
    const last = (ends[row] ?? 0) - 1;
    const end = bytes[last] === upperZ ? last : last + 1;
    if (form !== text || end - start < secondsLength) return undefined;
    const seconds = dayAt(start) * secondsPerDay + secondsAt(bytes, start + dayLength);
    const fraction = fractionAt(bytes, start + secondsLength, end);
    const decimals = end - start - fractionStart;
    if (decimals > precision) return undefined;
    const value = seconds * unitsPerSecond + fraction * (powersOfTen[unitDigits - decimals] ?? 0);
    if (!Number.isSafeInteger(value)) return undefined;
    const high = Math.floor(value / wordValues);
    words[row * 2] = value - high * wordValues;
    words[row * 2 + 1] = high;
  }
  return { values, ...nulls.finish() };
}

/** Gives the day number of the ten characters at a place; NaN when they are no existing day. */
function dayReader(bytes: Uint8Array): (at: number) => number {
  let lastAt = -1;
  let lastDays = Number.NaN;
  return at => {
    if (lastAt >= 0 && isSameDay(bytes, at, lastAt)) return lastDays;
    const year = digitsAt(bytes, at, 4);
    const month = digitsAt(bytes, at + 5, 2);
    const day = digitsAt(bytes, at + 8, 2);
    const isDay =
      bytes[at + 4] === dash &&
      bytes[at + 7] === dash &&
      year >= 0 &&
      month >= 1 &&
      month <= 12 &&
      day >= 1 &&
      day <= daysInMonth(year, month);
    lastAt = at;
    lastDays = isDay ? dayNumber({ year, month, day }) : Number.NaN;
    return lastDays;
  };
}

function isSameDay(bytes: Uint8Array, a: number, b: number): boolean {
  // The last characters differ most.
  for (let i = dayLength - 1; i >= 0; i -= 1) if (bytes[a + i] !== bytes[b + i]) return false;
  return true;
}

/** The seconds of `T23:59:59`, or with a space for the T; NaN for anything else. */
function secondsAt(bytes: Uint8Array, at: number): number {
  const isClock = (bytes[at] === upperT || bytes[at] === space) && bytes[at + 3] === colon && bytes[at + 6] === colon;
  const hour = digitsAt(bytes, at + 1, 2);
  const minute = digitsAt(bytes, at + 4, 2);
  const second = digitsAt(bytes, at + 7, 2);
  return isClock && hour <= 23 && minute <= 59 && second <= 59 ? (hour * 60 + minute) * 60 + second : Number.NaN;
}

/** The number after the point at a place; 0 when there is nothing at all, NaN for anything else. */
function fractionAt(bytes: Uint8Array, at: number, end: number): number {
  if (at === end) return 0;
  return bytes[at] === point && end > at + 1 ? digitsAt(bytes, at + 1, end - at - 1) : Number.NaN;
}

function digitsAt(bytes: Uint8Array, at: number, count: number): number {
  let value = 0;
  for (let i = at; i < at + count; i += 1) {
    const digit = (bytes[i] ?? 0) - zero;
    if (digit < 0 || digit > 9) return Number.NaN;
    value = value * 10 + digit;
  }
  return value;
}
