/** Casts that need no look at single values: shared buffers and plain loops over numbers. Part of `cast.ts`. */
import {
  type ColumnValues,
  float32Values,
  int8Values,
  int16Values,
  int32Values,
  int64Values,
  makeColumn,
  nullBitsOf,
  offsetsOf,
  physicalOf,
} from './column-buffers.ts';
import { type DataType, isAtomic, lengthMax } from './data-type.ts';
import type { Column } from './row-batch.ts';

/** The column in the other type, or undefined where values must be looked at one by one. */
export function castSharing(column: Column, from: DataType, to: DataType): Column | undefined {
  if (!isAtomic(from) || !isAtomic(to)) return undefined;
  if (keepsValues(column, from, to)) {
    return withValues(column, to, column.values, physicalOf(to) === 'utf8' || physicalOf(to) === 'bytes');
  }
  const values = widened(column, from, to);
  return values === undefined ? undefined : withValues(column, to, values, false);
}

function withValues(column: Column, to: DataType, values: ColumnValues, hasOffsets: boolean): Column {
  return makeColumn(to, column.length, {
    values,
    valueOffsets: hasOffsets ? offsetsOf(column) : undefined,
    nullBitmap: nullBitsOf(column),
    nullCount: column.nullCount,
  });
}

/** True where every value's bytes are the same in both types. */
function keepsValues(column: Column, from: DataType, to: DataType): boolean {
  switch (to.kind) {
    case 'varchar':
      if (from.kind !== 'char' && from.kind !== 'varchar') return false;
      return to.length === lengthMax || bytesOfLongest(column) <= to.length;
    case 'varbinary':
      if (from.kind !== 'binary' && from.kind !== 'varbinary') return false;
      return to.length === lengthMax || bytesOfLongest(column) <= to.length;
    case 'decimal':
      return from.kind === 'decimal' && from.scale === to.scale && from.precision <= to.precision;
    case 'timestamp':
    case 'timestamp-ltz':
      if (from.kind !== 'timestamp' && from.kind !== 'timestamp-ltz') return false;
      return from.precision <= to.precision && storedDigits(from.precision) === storedDigits(to.precision);
    default:
      return false;
  }
}

function storedDigits(precision: number): number {
  return precision <= 3 ? 3 : precision <= 6 ? 6 : 9;
}

function bytesOfLongest(column: Column): number {
  const offsets = offsetsOf(column);
  let longest = 0;
  for (let row = 0; row < column.length; row += 1) {
    longest = Math.max(longest, (offsets[row + 1] ?? 0) - (offsets[row] ?? 0));
  }
  return longest;
}

function widened(column: Column, from: DataType, to: DataType): ColumnValues | undefined {
  const source = smallNumbers(column, from);
  if (source === undefined)
    return from.kind === 'timestamp' || from.kind === 'timestamp-ltz' ? millisToMicros(column, from, to) : undefined;
  const length = column.length;
  switch (to.kind) {
    case 'smallint':
      return source instanceof Int8Array ? Int16Array.from(source.subarray(0, length)) : undefined;
    case 'int':
      return source instanceof Float32Array ? undefined : Int32Array.from(source.subarray(0, length));
    case 'double':
      return Float64Array.from(source.subarray(0, length));
    case 'bigint': {
      if (source instanceof Float32Array) return undefined;
      const out = new BigInt64Array(length);
      for (let row = 0; row < length; row += 1) out[row] = BigInt(source[row] ?? 0);
      return out;
    }
    default:
      return undefined;
  }
}

function smallNumbers(column: Column, from: DataType): Int8Array | Int16Array | Int32Array | Float32Array | undefined {
  switch (from.kind) {
    case 'tinyint':
      return int8Values(column);
    case 'smallint':
      return int16Values(column);
    case 'int':
      return int32Values(column);
    case 'float':
      return float32Values(column);
    default:
      return undefined;
  }
}

function millisToMicros(column: Column, from: { readonly precision: number }, to: DataType): BigInt64Array | undefined {
  if ((to.kind !== 'timestamp' && to.kind !== 'timestamp-ltz') || from.precision > 3) return undefined;
  if (to.precision < 4 || to.precision > 6) return undefined;
  const micros = new BigInt64Array(column.length);
  const millis = int64Values(column);
  for (let row = 0; row < column.length; row += 1) {
    const exact = (millis[row] ?? 0n) * 1000n;
    micros[row] = exact;
    // Out of range: left to the cast of single values, which says so.
    if (micros[row] !== exact) return undefined;
  }
  return micros;
}
