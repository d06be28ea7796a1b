/**
 * The buffers of a column, by how its values lie in memory. Everything that loops over values goes through the checked
 * views of this file, so that a column of another type is an assertion and never a wrong answer.
 */
import { assert, present, unreachable } from '../base/assert.ts';
import { unsupported } from '../base/errors.ts';
import { arrowType, Data } from './arrow.ts';
import type { DataType } from './data-type.ts';

/**
 * How values lie in memory.
 *
 * | physical | `values` | width |
 * |---|---|---|
 * | bool | Uint8Array of bits | |
 * | int8 int16 int32 int64 float32 float64 | the typed array of that name | 1 element |
 * | decimal128 | Uint32Array, little-endian words | 4 elements |
 * | fixed12 | Uint8Array: int64 millis, int32 nanos of the milli | 12 elements |
 * | utf8, bytes | Uint8Array with `valueOffsets` | |
 */
export type Physical =
  | 'bool'
  | 'int8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'float32'
  | 'float64'
  | 'decimal128'
  | 'fixed12'
  | 'utf8'
  | 'bytes';

export type ColumnValues =
  | Uint8Array
  | Int8Array
  | Int16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | Float32Array
  | Float64Array;

export type ColumnBuffers = {
  readonly values: ColumnValues;
  /** `length` + 1 positions in `values`, for utf8 and bytes, or in the child, for lists. Need not begin at 0. */
  readonly valueOffsets?: Int32Array | undefined;
  /** 1 = value; least significant bit first. Absent: no nulls. */
  readonly nullBitmap?: Uint8Array | undefined;
  /** How many nulls; -1 has them counted when somebody asks. */
  readonly nullCount?: number | undefined;
  /** Of lists and structs, which have no values of their own (`nested-shape.ts`). */
  readonly children?: readonly Data[] | undefined;
};

/** The values of what has none of its own. */
export const noValues: ColumnValues = new Uint8Array(0);

export function physicalOf(type: DataType): Physical {
  switch (type.kind) {
    case 'boolean':
      return 'bool';
    case 'tinyint':
      return 'int8';
    case 'smallint':
      return 'int16';
    case 'int':
    case 'date':
    case 'time':
      return 'int32';
    case 'bigint':
      return 'int64';
    case 'float':
      return 'float32';
    case 'double':
      return 'float64';
    case 'decimal':
      return 'decimal128';
    case 'char':
    case 'varchar':
      return 'utf8';
    case 'binary':
    case 'varbinary':
      return 'bytes';
    case 'timestamp':
    case 'timestamp-ltz':
      return type.precision <= 6 ? 'int64' : 'fixed12';
    case 'array':
    case 'multiset':
    case 'map':
    case 'row':
    case 'vector':
    case 'variant':
    case 'blob':
      throw unsupported(`type ${type.kind.toUpperCase()}`, 'column');
  }
}

/** Zeroed room for `length` values; none for utf8 and bytes. */
export function allocateValues(physical: Physical, length: number): ColumnValues {
  switch (physical) {
    case 'bool':
      return new Uint8Array((length + 7) >> 3);
    case 'int8':
      return new Int8Array(length);
    case 'int16':
      return new Int16Array(length);
    case 'int32':
      return new Int32Array(length);
    case 'int64':
      return new BigInt64Array(length);
    case 'float32':
      return new Float32Array(length);
    case 'float64':
      return new Float64Array(length);
    case 'decimal128':
      return new Uint32Array(length * 4);
    case 'fixed12':
      return new Uint8Array(length * 12);
    case 'utf8':
    case 'bytes':
      return new Uint8Array(0);
    default:
      return unreachable(physical);
  }
}

/** A column of this type over these buffers, which are not copied. */
export function makeColumn(type: DataType, length: number, buffers: ColumnBuffers): Data {
  return makeArrowColumn(arrowType(type), length, buffers);
}

/** As `makeColumn`, for an Arrow type at hand. */
export function makeArrowColumn(type: Data['type'], length: number, buffers: ColumnBuffers): Data {
  const nullBitmap = buffers.nullBitmap ?? new Uint8Array(0);
  const nullCount = buffers.nullCount ?? (nullBitmap.length === 0 ? 0 : -1);
  const { children = [] } = buffers;
  return new Data(type, 0, length, nullCount, [buffers.valueOffsets, buffers.values, nullBitmap], [...children]);
}

export function uint8Values(column: Data): Uint8Array {
  const values: unknown = column.values;
  assert(values instanceof Uint8Array, 'the column has Uint8Array values');
  return values;
}

export function int8Values(column: Data): Int8Array {
  const values: unknown = column.values;
  assert(values instanceof Int8Array, 'the column has Int8Array values');
  return values;
}

export function int16Values(column: Data): Int16Array {
  const values: unknown = column.values;
  assert(values instanceof Int16Array, 'the column has Int16Array values');
  return values;
}

export function int32Values(column: Data): Int32Array {
  const values: unknown = column.values;
  assert(values instanceof Int32Array, 'the column has Int32Array values');
  return values;
}

export function uint32Values(column: Data): Uint32Array {
  const values: unknown = column.values;
  assert(values instanceof Uint32Array, 'the column has Uint32Array values');
  return values;
}

export function int64Values(column: Data): BigInt64Array {
  const values: unknown = column.values;
  assert(values instanceof BigInt64Array, 'the column has BigInt64Array values');
  return values;
}

export function float32Values(column: Data): Float32Array {
  const values: unknown = column.values;
  assert(values instanceof Float32Array, 'the column has Float32Array values');
  return values;
}

export function float64Values(column: Data): Float64Array {
  const values: unknown = column.values;
  assert(values instanceof Float64Array, 'the column has Float64Array values');
  return values;
}

/** The `length` + 1 offsets of a string or binary column. */
export function offsetsOf(column: Data): Int32Array {
  const offsets: unknown = column.valueOffsets;
  assert(offsets instanceof Int32Array, 'the column has Int32Array offsets');
  return offsets;
}

/** The column of a list's entries, or of one field of a struct. */
export function childOf(column: Data, index: number): Data {
  return present(column.children[index], 'a child of the column');
}

/** The null bits, or undefined when every row has a value. */
export function nullBitsOf(column: Data): Uint8Array | undefined {
  if (column.nullCount === 0) return undefined;
  const bits: unknown = column.nullBitmap;
  assert(bits instanceof Uint8Array, 'the column has a null bitmap');
  return bits;
}

/** Bit `index` of a bitmap, 0 or 1; beyond its end 0. */
export function bitAt(bits: Uint8Array, index: number): number {
  return ((bits[index >> 3] ?? 0) >> (index & 7)) & 1;
}

/** Bits [offset, offset + length) of a bitmap, moved to begin at bit 0. */
export function copyBits(bits: Uint8Array, offset: number, length: number): Uint8Array {
  const byteLength = (length + 7) >> 3;
  const first = offset >> 3;
  const shift = offset & 7;
  if (shift === 0) return bits.slice(first, first + byteLength);
  const out = new Uint8Array(byteLength);
  for (let i = 0; i < byteLength; i += 1) {
    out[i] = ((bits[first + i] ?? 0) >> shift) | ((bits[first + i + 1] ?? 0) << (8 - shift));
  }
  return out;
}
