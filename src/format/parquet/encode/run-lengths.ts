/**
 * Parquet's hybrid of run lengths and bit-packed groups (encodings RLE and RLE_DICTIONARY), of dictionary indexes and of
 * definition levels.
 *
 * The stream is runs, each with a varint before it: `count << 1`, then the value in whole bytes, for equal values;
 * `groups << 1 | 1`, then 8 values a group bit by bit, for others. A run may begin after any whole group, and only the
 * last group may be filled up.
 *
 * @see https://parquet.apache.org/docs/file-format/data-pages/encodings/#RLE
 */
import { packBits, putVarint, varintBytesMax } from './bit-packing.ts';

/** Values a group has. */
const groupValues = 8;
/** Equal values that are worth a run: fewer take no more room among others, and are decoded with them. */
const runValuesMin = 16;
/** The same for levels, in bytes of 8 bits each. */
const runBytesMin = 8;

type Range = { readonly from: number; readonly to: number; readonly width: number };

/** No `putRuns` of so many values takes more bytes. */
export function runsBytesMax(count: number, width: number): number {
  // A run of `runValuesMin` values and the head of the group that follows it are the most that is added.
  const heads = 2 + Math.ceil(count / runValuesMin) * 2;
  return Math.ceil(count / groupValues) * width + heads * (varintBytesMax + 4) + 4;
}

/** The values [from, to), each of `width` bits, at most 32. @returns where they end in `out` */
export function putRuns(values: Int32Array, { from, to, width }: Range, out: DataView, start: number): number {
  let at = start;
  let literalFrom = from;
  let next = from;
  while (next < to) {
    const runEnd = endOfRun(values, next, to);
    // Without bits there is nothing to pack: all values are 0, and one run.
    if (runEnd - next < runValuesMin && width > 0) {
      next = Math.min(to, next + groupValues);
      continue;
    }
    at = putLiterals(values, { from: literalFrom, to: next, width }, out, at);
    at = putRun(values[next] ?? 0, { count: runEnd - next, width }, out, at);
    next = runEnd;
    literalFrom = runEnd;
  }
  return putLiterals(values, { from: literalFrom, to, width }, out, at);
}

function endOfRun(values: Int32Array, from: number, to: number): number {
  const value = values[from];
  let end = from + 1;
  while (end < to && values[end] === value) end += 1;
  return end;
}

function putRun(
  value: number,
  { count, width }: { readonly count: number; readonly width: number },
  out: DataView,
  start: number,
): number {
  let at = putVarint(count << 1, out, start);
  for (let bits = 0; bits < width; bits += 8) {
    out.setUint8(at, value >>> bits);
    at += 1;
  }
  return at;
}

function putLiterals(values: Int32Array, { from, to, width }: Range, out: DataView, start: number): number {
  if (from === to) return start;
  const groups = Math.ceil((to - from) / groupValues);
  const at = putVarint((groups << 1) | 1, out, start);
  const end = at + groups * width;
  for (let filled = packBits(values, { from, to, width }, out, at); filled < end; filled += 1) out.setUint8(filled, 0);
  return end;
}

/** No `putLevels` of so many rows takes more bytes. */
export function levelsBytesMax(rowCount: number): number {
  return runsBytesMax(rowCount, 1);
}

/**
 * Definition levels of a flat column: of rows of which `valueCount` are not null.
 *
 * @param bits of the rows, from the first bit; 1 = value. Not looked at when all rows are alike
 * @returns where they end in `out`
 */
export function putLevels(
  bits: Uint8Array | undefined,
  { rowCount, valueCount }: { readonly rowCount: number; readonly valueCount: number },
  out: DataView,
  start: number,
): number {
  if (bits === undefined || valueCount === rowCount) return putRun(1, { count: rowCount, width: 1 }, out, start);
  if (valueCount === 0) return putRun(0, { count: rowCount, width: 1 }, out, start);
  const byteCount = Math.ceil(rowCount / groupValues);
  let at = start;
  let literalFrom = 0;
  let next = 0;
  while (next < byteCount) {
    const byte = bits[next];
    let end = next + 1;
    if (byte === 0 || byte === 0xff) while (end < byteCount && bits[end] === byte) end += 1;
    if (end - next >= runBytesMin) {
      at = putPackedLevels(bits.subarray(literalFrom, next), out, at);
      const count = Math.min(rowCount, end * groupValues) - next * groupValues;
      at = putRun((byte ?? 0) & 1, { count, width: 1 }, out, at);
      literalFrom = end;
    }
    next = end;
  }
  return putPackedLevels(bits.subarray(literalFrom, byteCount), out, at);
}

/** Null bits are packed as they are. */
function putPackedLevels(bits: Uint8Array, out: DataView, start: number): number {
  if (bits.length === 0) return start;
  const at = putVarint((bits.length << 1) | 1, out, start);
  for (let i = 0; i < bits.length; i += 1) out.setUint8(at + i, bits[i] ?? 0);
  return at + bits.length;
}
