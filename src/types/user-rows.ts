/**
 * Rows of a batch as plain objects, as the table of `user-row.ts` has them. A reader for each column is made once a batch; rows
 * all have one shape (`row-maker.ts`).
 */
import { present } from '../base/assert.ts';
import { bitAt, int64Values, nullBitsOf } from './column-buffers.ts';
import { columnReader } from './column-reader.ts';
import type { DataType } from './data-type.ts';
import { printDecimal } from './decimal-text.ts';
import { nestedShape } from './nested-shape.ts';
import type { Column, RowBatch } from './row-batch.ts';
import { rowMaker } from './row-maker.ts';
import type { Scalar } from './scalar.ts';
import { nanosPerMilli, printDate, printTime, printTimestamp } from './time.ts';

/** Gives each row of a batch as an object. Binary values are copies. Quickest for rows in their order. */
export function userRows(batch: RowBatch): (row: number) => Record<string, unknown> {
  const { fields } = batch.rowType;
  const readers = fields.map(({ type }, index) => userColumn(present(batch.columns[index], 'column'), type));
  return rowMaker(
    fields.map(({ name }) => name),
    readers,
    batch.rowCount,
  );
}

/** Gives what users get of each row of a column. */
function userColumn(column: Column, type: DataType): (row: number) => unknown {
  const read = columnReader(column, type);
  const convert = userValue(type);
  if (convert === undefined) return read;
  if ((type.kind === 'timestamp' || type.kind === 'timestamp-ltz') && type.precision <= 3) {
    return dateReader(column, row => converted(read(row), convert));
  }
  return row => converted(read(row), convert);
}

function converted(value: Scalar, convert: (value: Scalar) => unknown): unknown {
  return value === null ? null : convert(value);
}

/** Milliseconds either side of 1970 that a Date reaches. */
const dateMillisMax = 8_640_000_000_000_000;

/** Dates out of int64 milliseconds without a bigint on the way. @param otherwise for what no Date reaches */
function dateReader(column: Column, otherwise: (row: number) => unknown): (row: number) => unknown {
  const { buffer, byteOffset, length } = int64Values(column);
  const words = new Int32Array(buffer, byteOffset, length * 2);
  const nulls = nullBitsOf(column);
  return row => {
    if (nulls !== undefined && bitAt(nulls, row) === 0) return null;
    const millis = (words[row * 2 + 1] ?? 0) * 0x1_0000_0000 + ((words[row * 2] ?? 0) >>> 0);
    return millis <= dateMillisMax && millis >= -dateMillisMax ? new Date(millis) : otherwise(row);
  };
}

/** Turns a scalar of the type, not null, into what users get; undefined: they get the scalar. */
function userValue(type: DataType): ((value: Scalar) => unknown) | undefined {
  switch (type.kind) {
    case 'decimal':
      return value => (typeof value === 'bigint' ? printDecimal(value, type.scale) : value);
    case 'date':
      return value => (typeof value === 'number' ? printDate(value) : value);
    case 'time':
      return value => (typeof value === 'number' ? printTime(value) : value);
    case 'binary':
    case 'varbinary':
      return value => (value instanceof Uint8Array ? value.slice() : value);
    case 'timestamp':
    case 'timestamp-ltz':
      return value => (typeof value === 'bigint' ? userTimestamp(value, type) : value);
    case 'array':
    case 'map':
    case 'multiset':
    case 'row':
      return nestedUserValue(type);
    default:
      return undefined;
  }
}

function nestedUserValue(type: DataType): (value: Scalar) => unknown {
  const shape = nestedShape(type);
  if (shape?.kind === 'struct') {
    const fields = shape.fields.map(field => ({ name: field.name, convert: orNull(userValue(field.type)) }));
    return value => {
      const values = Array.isArray(value) ? value : [];
      return Object.fromEntries(fields.map(({ name, convert }, index) => [name, convert(values[index] ?? null)]));
    };
  }
  const entry = shape === undefined ? undefined : nestedShape(shape.entry);
  if (type.kind !== 'array' && entry?.kind === 'struct') {
    const [key, item] = entry.fields.map(field => orNull(userValue(field.type)));
    return value => {
      const pairs = Array.isArray(value) ? value : [];
      return new Map(pairs.map(([k, v]) => [present(key, 'key')(k), present(item, 'value')(v)]));
    };
  }
  const convert = orNull(userValue(present(shape?.entry, 'the element')));
  return value => (Array.isArray(value) ? value.map(convert) : value);
}

function orNull(convert: ((value: Scalar) => unknown) | undefined): (value: Scalar) => unknown {
  return convert === undefined ? value => value : value => converted(value, convert);
}

function userTimestamp(
  nanos: bigint,
  type: { readonly kind: 'timestamp' | 'timestamp-ltz'; readonly precision: number },
): Date | string {
  if (type.precision <= 3) {
    const millis = Number(nanos / nanosPerMilli);
    if (millis <= dateMillisMax && millis >= -dateMillisMax) return new Date(millis);
  }
  return printTimestamp(nanos, type.precision) + (type.kind === 'timestamp' ? '' : 'Z');
}
