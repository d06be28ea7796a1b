/**
 * The smallest and the largest value of a column and how many nulls it has, straight from its buffers.
 *
 * A column has no extremes when it has no values, when its type keeps none in data files (binaries, timestamps of more
 * than 6 digits), when a NaN is among its values: SQL and Java put NaN above all, so a range without it would lie; and when
 * the smallest or the largest of its texts is not UTF-8.
 *
 * @see spec 4.4
 */
import { isUtf8 } from 'node:buffer';
import { compareValues } from '../bytes/compare.ts';
import {
  bitAt,
  float32Values,
  float64Values,
  int8Values,
  int16Values,
  int32Values,
  int64Values,
  nullBitsOf,
  offsetsOf,
  physicalOf,
  uint8Values,
  uint32Values,
} from '../types/column-buffers.ts';
import { int64Unit, readInt128 } from '../types/column-reader.ts';
import { type DataType, isAtomic } from '../types/data-type.ts';
import type { Column } from '../types/row-batch.ts';
import type { Scalar } from '../types/scalar.ts';

export type ColumnExtremes = {
  readonly nullCount: number;
  /** Both null or neither. */
  readonly min: Scalar;
  readonly max: Scalar;
  /** False when a range would be wrong, not merely empty: further batches do not mend it. */
  readonly ranged: boolean;
};

/** Whether Paimon keeps minima and maxima of the type's columns at all. */
export function hasExtremes(type: DataType): boolean {
  if (!isAtomic(type)) return false;
  if (type.kind === 'binary' || type.kind === 'varbinary') return false;
  return !((type.kind === 'timestamp' || type.kind === 'timestamp-ltz') && type.precision > 6);
}

/** Extremes of a column whose type has them. Strings come out whole. */
export function columnExtremes(column: Column, type: DataType): ColumnExtremes {
  const bits = nullBitsOf(column);
  const nullCount = bits === undefined ? 0 : column.nullCount;
  const empty = { nullCount, min: null, max: null, ranged: true };
  if (nullCount === column.length) return empty;
  switch (physicalOf(type)) {
    case 'bool':
      return { ...empty, ...booleanRange(uint8Values(column), { bits, length: column.length }) };
    case 'int8':
      return { ...empty, ...numberRange(int8Values(column), { bits, length: column.length }) };
    case 'int16':
      return { ...empty, ...numberRange(int16Values(column), { bits, length: column.length }) };
    case 'int32':
      return { ...empty, ...numberRange(int32Values(column), { bits, length: column.length }) };
    case 'float32':
      return { ...empty, ...floatRange(float32Values(column), { bits, length: column.length }) };
    case 'float64':
      return { ...empty, ...floatRange(float64Values(column), { bits, length: column.length }) };
    case 'int64':
      return { ...empty, ...longRange(int64Values(column), { bits, length: column.length, unit: int64Unit(type) }) };
    case 'decimal128':
      return { ...empty, ...decimalRange(uint32Values(column), { bits, length: column.length }) };
    case 'utf8':
      return { ...empty, ...textRange(column, { bits, length: column.length }) };
    case 'fixed12':
    case 'bytes':
      return empty;
  }
}

type Rows = { readonly bits: Uint8Array | undefined; readonly length: number };
type Range = { readonly min: Scalar; readonly max: Scalar; readonly ranged?: boolean };

function isNull(bits: Uint8Array | undefined, row: number): boolean {
  return bits !== undefined && bitAt(bits, row) === 0;
}

function booleanRange(values: Uint8Array, { bits, length }: Rows): Range {
  let trues = 0;
  let falses = 0;
  for (let row = 0; row < length; row += 1) {
    if (isNull(bits, row)) continue;
    if (bitAt(values, row) === 1) trues += 1;
    else falses += 1;
  }
  return { min: falses === 0, max: trues > 0 };
}

function numberRange(values: Int8Array | Int16Array | Int32Array, { bits, length }: Rows): Range {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (let row = 0; row < length; row += 1) {
    if (isNull(bits, row)) continue;
    const value = values[row] ?? 0;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return { min, max };
}

function floatRange(values: Float32Array | Float64Array, { bits, length }: Rows): Range {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (let row = 0; row < length; row += 1) {
    if (isNull(bits, row)) continue;
    const value = values[row] ?? 0;
    if (Number.isNaN(value)) return { min: null, max: null, ranged: false };
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return { min: lowZero(min), max: highZero(max) };
}

/** The two zeros are equal in SQL and not in Java: a range that touches zero takes in both. */
export function lowZero(min: number): number {
  return min === 0 ? -0 : min;
}

export function highZero(max: number): number {
  return max === 0 ? 0 : max;
}

function longRange(values: BigInt64Array, { bits, length, unit }: Rows & { readonly unit: bigint }): Range {
  // Compared by halves: reading 64 bits as bigint costs ten times as much.
  const words = new Int32Array(values.buffer, values.byteOffset, values.length * 2);
  let minRow = -1;
  let maxRow = -1;
  for (let row = 0; row < length; row += 1) {
    if (isNull(bits, row)) continue;
    if (minRow < 0) {
      minRow = row;
      maxRow = row;
    } else if (isLess(words, row, minRow)) minRow = row;
    else if (isLess(words, maxRow, row)) maxRow = row;
  }
  return { min: (values[minRow] ?? 0n) * unit, max: (values[maxRow] ?? 0n) * unit };
}

function isLess(words: Int32Array, a: number, b: number): boolean {
  const highA = words[2 * a + 1] ?? 0;
  const highB = words[2 * b + 1] ?? 0;
  if (highA !== highB) return highA < highB;
  return (words[2 * a] ?? 0) >>> 0 < (words[2 * b] ?? 0) >>> 0;
}

function decimalRange(words: Uint32Array, { bits, length }: Rows): Range {
  let minRow = -1;
  let maxRow = -1;
  for (let row = 0; row < length; row += 1) {
    if (isNull(bits, row)) continue;
    if (minRow < 0) {
      minRow = row;
      maxRow = row;
    } else if (isLess128(words, row, minRow)) minRow = row;
    else if (isLess128(words, maxRow, row)) maxRow = row;
  }
  return { min: readInt128(words, minRow * 4), max: readInt128(words, maxRow * 4) };
}

/** By the highest word, which has the sign, then by those below. */
function isLess128(words: Uint32Array, a: number, b: number): boolean {
  const high = ((words[4 * a + 3] ?? 0) | 0) - ((words[4 * b + 3] ?? 0) | 0);
  if (high !== 0) return high < 0;
  for (let word = 2; word >= 0; word -= 1) {
    const difference = (words[4 * a + word] ?? 0) - (words[4 * b + word] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}

function textRange(column: Column, { bits, length }: Rows): Range {
  const bytes = uint8Values(column);
  const offsets = offsetsOf(column);
  const values = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offsets };
  let minRow = -1;
  let maxRow = -1;
  for (let row = 0; row < length; row += 1) {
    if (isNull(bits, row)) continue;
    if (minRow < 0) {
      minRow = row;
      maxRow = row;
    } else if (compareValues(values, row, minRow) < 0) minRow = row;
    else if (compareValues(values, row, maxRow) > 0) maxRow = row;
  }
  const textAt = (row: number): string | undefined => textOf(bytes.subarray(offsets[row] ?? 0, offsets[row + 1] ?? 0));
  const [min, max] = [textAt(minRow), textAt(maxRow)];
  return min === undefined || max === undefined ? { min: null, max: null, ranged: false } : { min, max };
}

/** To the byte, a byte order mark included; undefined for what is no text, which mended could lie on the other side of a value. */
function textOf(bytes: Uint8Array): string | undefined {
  return isUtf8(bytes) ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8') : undefined;
}
