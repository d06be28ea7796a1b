/**
 * Strings from their bytes, a column at a time: copied as they are, escapes undone on the way. Undoing makes a text
 * shorter, so what the texts take as they stand is room enough. What is no string of whole characters is left to
 * the naive twin, `canonical-parse.ts`.
 */
import type { ColumnBuffers } from './column-buffers.ts';
import { WrittenNulls, type WrittenValues, writtenForm } from './written-values.ts';

const { none, text, escapedText } = writtenForm;

/** From this length on the engine's own copy is quicker than a loop. */
const loopBytesMax = 24;
const backslash = 92;
const letterU = 117;
/** What stands for what after a backslash; 0: nothing does. */
const escapes = escapeTable();

function escapeTable(): Uint8Array {
  const table = new Uint8Array(256);
  for (const [letter, byte] of ['""', '\\\\', '//', 'b\b', 'f\f', 'n\n', 'r\r', 't\t']) {
    table[(letter ?? '').charCodeAt(0)] = (byte ?? '').charCodeAt(0);
  }
  return table;
}

/** CHAR and VARCHAR. Undefined: some value is none. */
export function writtenTexts({ bytes, starts, ends, forms, rowCount }: WrittenValues): ColumnBuffers | undefined {
  let room = 0;
  for (let row = 0; row < rowCount; row += 1) room += (ends[row] ?? 0) - (starts[row] ?? 0);
  const values = new Uint8Array(room);
  const valueOffsets = new Int32Array(rowCount + 1);
  const nulls = new WrittenNulls(rowCount);
  let to = 0;
  for (let row = 0; row < rowCount; row += 1) {
    const form = forms[row];
    const start = starts[row] ?? 0;
    const end = ends[row] ?? 0;
    if (form === text) {
      to = copied(bytes, { start, end }, values, to);
    } else if (form === escapedText) {
      to = unescaped(bytes, { start, end }, values, to);
      if (to < 0) return undefined;
    } else if (form === none) {
      nulls.add(row);
    } else {
      return undefined;
    }
    valueOffsets[row + 1] = to;
  }
  return { values: values.subarray(0, to), valueOffsets, ...nulls.finish() };
}

type Range = { readonly start: number; readonly end: number };

/** @returns where the copy ends */
function copied(bytes: Uint8Array, { start, end }: Range, values: Uint8Array, to: number): number {
  const shift = to - start;
  if (end - start > loopBytesMax) values.set(bytes.subarray(start, end), to);
  else for (let at = start; at < end; at += 1) values[at + shift] = bytes[at] ?? 0;
  return end + shift;
}

/** @returns where the text ends; -1: its escapes are none of JSON, or leave half a character */
function unescaped(bytes: Uint8Array, { start, end }: Range, values: Uint8Array, from: number): number {
  let to = from;
  for (let at = start; at < end; at += 1) {
    const byte = bytes[at] ?? 0;
    if (byte !== backslash) {
      values[to] = byte;
      to += 1;
      continue;
    }
    at += 1;
    const letter = bytes[at] ?? 0;
    if (letter !== letterU) {
      const meant = escapes[letter] ?? 0;
      if (meant === 0) return -1;
      values[to] = meant;
      to += 1;
      continue;
    }
    const point = codePointAt(bytes, at + 1, end);
    if (point < 0) return -1;
    // Beyond the first plane it takes two escapes.
    at += point > 0xffff ? 10 : 4;
    to = putCodePoint(values, to, point);
  }
  return to;
}

/** The code point of the four digits of an escape at a place, and of the escape after it where it takes two; -1: there is none. */
function codePointAt(bytes: Uint8Array, at: number, end: number): number {
  const unit = hexAt(bytes, at, end);
  if (unit < 0xd800 || unit > 0xdfff) return unit;
  if (unit > 0xdbff || bytes[at + 4] !== backslash || bytes[at + 5] !== letterU) return -1;
  const low = hexAt(bytes, at + 6, end);
  return low >= 0xdc00 && low <= 0xdfff ? 0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00) : -1;
}

function hexAt(bytes: Uint8Array, at: number, end: number): number {
  if (at + 4 > end) return -1;
  let value = 0;
  for (let i = at; i < at + 4; i += 1) {
    const digit = hexDigit(bytes[i] ?? 0);
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const letter = byte | 0x20;
  return letter >= 97 && letter <= 102 ? letter - 87 : -1;
}

/** As UTF-8. @returns where it ends */
function putCodePoint(values: Uint8Array, to: number, point: number): number {
  if (point < 0x80) {
    values[to] = point;
    return to + 1;
  }
  const tailCount = point < 0x800 ? 1 : point < 0x1_0000 ? 2 : 3;
  const lead = tailCount === 1 ? 0xc0 : tailCount === 2 ? 0xe0 : 0xf0;
  values[to] = lead | (point >> (6 * tailCount));
  for (let i = 1; i <= tailCount; i += 1) values[to + i] = 0x80 | ((point >> (6 * (tailCount - i))) & 0x3f);
  return to + tailCount + 1;
}
