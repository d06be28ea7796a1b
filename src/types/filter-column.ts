/** One column against one literal, in a loop for each physical type. */
import { assert, unreachable } from '../base/assert.ts';
import {
  float32Values,
  float64Values,
  int8Values,
  int16Values,
  int32Values,
  int64Values,
  offsetsOf,
  physicalOf,
  uint8Values,
} from './column-buffers.ts';
import { columnReader, int64Unit } from './column-reader.ts';
import { compareDoubles, compareScalars } from './compare.ts';
import type { DataType } from './data-type.ts';
import type { Column } from './row-batch.ts';
import type { Scalar } from './scalar.ts';
import { floorDiv } from './time.ts';

export type Truth = 0 | 1 | 2;
export const truthFalse: Truth = 0;
export const truthTrue: Truth = 1;
export const truthNull: Truth = 2;

/** What a row gets, by how its value compares with the literal. */
export type Outcomes = { readonly less: Truth; readonly equal: Truth; readonly greater: Truth };

/** Writes each row's outcome; rows without a value get any. The literal is a scalar of the type, not null. */
export function columnTest(
  column: Column,
  type: DataType,
  literal: Scalar,
): (truths: Uint8Array, outcomes: Outcomes) => void {
  const physical = physicalOf(type);
  switch (physical) {
    case 'int8':
      return numberTest(int8Values(column), numberOf(literal));
    case 'int16':
      return numberTest(int16Values(column), numberOf(literal));
    case 'int32':
      return numberTest(int32Values(column), numberOf(literal));
    case 'float32':
      return doubleTest(float32Values(column), numberOf(literal));
    case 'float64':
      return doubleTest(float64Values(column), numberOf(literal));
    case 'int64':
      return int64Test(int64Values(column), bigintOf(literal), int64Unit(type));
    case 'utf8':
      assert(typeof literal === 'string', 'the literal is a string');
      return bytesTest(column, Buffer.from(literal));
    case 'bytes':
      assert(literal instanceof Uint8Array, 'the literal is a Uint8Array');
      return bytesTest(column, literal);
    case 'bool':
    case 'decimal128':
    case 'fixed12':
      return scalarTest(column, type, literal);
    default:
      return unreachable(physical);
  }
}

function numberOf(literal: Scalar): number {
  assert(typeof literal === 'number', 'the literal is a number');
  return literal;
}

function bigintOf(literal: Scalar): bigint {
  assert(typeof literal === 'bigint', 'the literal is a bigint');
  return literal;
}

function numberTest(values: Int8Array | Int16Array | Int32Array, literal: number) {
  return (truths: Uint8Array, { less, equal, greater }: Outcomes): void => {
    for (let row = 0; row < truths.length; row += 1) {
      const value = values[row] ?? 0;
      truths[row] = value < literal ? less : value === literal ? equal : greater;
    }
  };
}

function doubleTest(values: Float32Array | Float64Array, literal: number) {
  return (truths: Uint8Array, { less, equal, greater }: Outcomes): void => {
    for (let row = 0; row < truths.length; row += 1) {
      const order = compareDoubles(values[row] ?? 0, literal);
      truths[row] = order < 0 ? less : order === 0 ? equal : greater;
    }
  };
}

function int64Test(values: BigInt64Array, literal: bigint, unit: bigint) {
  const bound = unit === 1n ? literal : floorDiv(literal, unit);
  // A literal between two steps of the column equals none: what is at the step below it is less.
  const between = bound * unit !== literal;
  return (truths: Uint8Array, { less, equal, greater }: Outcomes): void => {
    const atBound = between ? less : equal;
    for (let row = 0; row < truths.length; row += 1) {
      const value = values[row] ?? 0n;
      truths[row] = value < bound ? less : value === bound ? atBound : greater;
    }
  };
}

function bytesTest(column: Column, literal: Uint8Array) {
  const bytes = uint8Values(column);
  const offsets = offsetsOf(column);
  return (truths: Uint8Array, { less, equal, greater }: Outcomes): void => {
    if (less === greater) {
      testEqualBytes({ bytes, offsets }, literal, truths, { equal, other: less });
      return;
    }
    for (let row = 0; row < truths.length; row += 1) {
      const start = offsets[row] ?? 0;
      const length = (offsets[row + 1] ?? 0) - start;
      const common = Math.min(length, literal.length);
      let at = 0;
      while (at < common && bytes[start + at] === literal[at]) at += 1;
      const order = at < common ? (bytes[start + at] ?? 0) - (literal[at] ?? 0) : length - literal.length;
      truths[row] = order < 0 ? less : order === 0 ? equal : greater;
    }
  };
}

/** From the end: values of a column often begin alike. */
function testEqualBytes(
  { bytes, offsets }: { readonly bytes: Uint8Array; readonly offsets: Int32Array },
  literal: Uint8Array,
  truths: Uint8Array,
  { equal, other }: { readonly equal: Truth; readonly other: Truth },
): void {
  const { length } = literal;
  for (let row = 0; row < truths.length; row += 1) {
    const start = offsets[row] ?? 0;
    let left = (offsets[row + 1] ?? 0) - start === length ? length : -1;
    while (left > 0 && bytes[start + left - 1] === literal[left - 1]) left -= 1;
    truths[row] = left === 0 ? equal : other;
  }
}

function scalarTest(column: Column, type: DataType, literal: Scalar) {
  const read = columnReader(column, type);
  return (truths: Uint8Array, { less, equal, greater }: Outcomes): void => {
    for (let row = 0; row < truths.length; row += 1) {
      const value = read(row);
      const order = value === null ? 0 : compareScalars(type, value, literal);
      truths[row] = order < 0 ? less : order === 0 ? equal : greater;
    }
  };
}
