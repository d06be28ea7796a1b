/**
 * Rows as canonical JSON, the text in which tables are compared: fields in schema order, no spaces, 64-bit and decimal
 * numbers as strings. Parsing is `canonical-parse.ts`.
 *
 * | type | text |
 * |---|---|
 * | BIGINT, DECIMAL | string, a decimal with its full scale |
 * | TINYINT SMALLINT INT | number |
 * | FLOAT (widened), DOUBLE | as JavaScript prints a number; `-0.0`, `"NaN"`, `"Infinity"`, `"-Infinity"` |
 * | CHAR VARCHAR STRING | string; only `"`, `\` and what is below U+0020 is escaped |
 * | BINARY VARBINARY BYTES | string of lower hex |
 * | DATE, TIME | `"2024-02-29"`, `"HH:MM:SS.mmm"` |
 * | TIMESTAMP(p) | `"2024-01-01T00:00:00."` and p digits, no dot for p = 0; with local time zone UTC and `Z` |
 * | ARRAY | `[…]` |
 * | MAP, MULTISET | `[[key,value],…]`, sorted by the key's text |
 * | ROW | an object, fields in the type's order |
 */
import { assert, present, unreachable } from '../base/assert.ts';
import { unsupported } from '../base/errors.ts';
import {
  bitAt,
  childOf,
  float32Values,
  float64Values,
  int8Values,
  int16Values,
  int32Values,
  int64Values,
  nullBitsOf,
  offsetsOf,
  uint8Values,
  uint32Values,
} from './column-buffers.ts';
import { columnReader, readInt128 } from './column-reader.ts';
import { type AtomicType, type DataField, type DataType, isAtomic } from './data-type.ts';
import { printDecimal } from './decimal-text.ts';
import { type NestedShape, nestedShape } from './nested-shape.ts';
import type { Column, RowBatch } from './row-batch.ts';
import { type DayTime, dayTime, millisPerDay, printDate, printTime, timestampPrinter } from './time.ts';

export { canonicalParser, parseCanonicalRow } from './canonical-parse.ts';

/** Gives the text of a row. */
export function canonicalRow(batch: RowBatch): (row: number) => string {
  const { columns, rowType } = batch;
  return structPrinter(rowType.fields.map((field, index) => ({ field, column: present(columns[index], 'column') })));
}

function structPrinter(fields: readonly { field: DataField; column: Column }[]): (row: number) => string {
  const parts = fields.map(({ field, column }, index) => ({
    key: `${index === 0 ? '{' : ','}${JSON.stringify(field.name)}:`,
    print: canonicalValue(column, field.type),
  }));
  if (parts.length === 0) return () => '{}';
  return row => {
    let text = '';
    for (const part of parts) text += part.key + part.print(row);
    return `${text}}`;
  };
}

/** Gives the text of one column's value in a row. */
export function canonicalValue(column: Column, type: DataType): (row: number) => string {
  const shape = nestedShape(type);
  const print = shape === undefined ? atomicPrinter(column, type) : nestedPrinter(column, type, shape);
  const bits = nullBitsOf(column);
  if (bits === undefined) return print;
  return row => (bitAt(bits, row) === 0 ? 'null' : print(row));
}

function atomicPrinter(column: Column, type: DataType): (row: number) => string {
  if (!isAtomic(type)) throw unsupported(`canonical JSON of ${type.kind.toUpperCase()}`, 'column');
  return valuePrinter(column, type);
}

function nestedPrinter(column: Column, type: DataType, shape: NestedShape): (row: number) => string {
  if (shape.kind === 'struct') {
    return structPrinter(shape.fields.map((field, index) => ({ field, column: childOf(column, index) })));
  }
  const offsets = offsetsOf(column);
  const child = childOf(column, 0);
  const print = type.kind === 'array' ? canonicalValue(child, shape.entry) : entryPrinter(child, shape.entry);
  const isSorted = type.kind !== 'array';
  return row => {
    const texts: string[] = [];
    for (let entry = offsets[row] ?? 0; entry < (offsets[row + 1] ?? 0); entry += 1) texts.push(print(entry));
    if (isSorted) texts.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    return `[${texts.join()}]`;
  };
}

/** Sorted, these texts are sorted by their keys': what goes on where another key's text ends is above the comma. */
function entryPrinter(entries: Column, entry: DataType): (row: number) => string {
  const shape = nestedShape(entry);
  assert(shape?.kind === 'struct', 'the entries of a map are structs');
  const [key, value] = shape.fields.map((field, index) => canonicalValue(childOf(entries, index), field.type));
  return row => `[${present(key, 'key')(row)},${present(value, 'value')(row)}]`;
}

function valuePrinter(column: Column, type: AtomicType): (row: number) => string {
  switch (type.kind) {
    case 'boolean': {
      const bits = uint8Values(column);
      return row => (bitAt(bits, row) === 1 ? 'true' : 'false');
    }
    case 'tinyint':
      return numberPrinter(int8Values(column));
    case 'smallint':
      return numberPrinter(int16Values(column));
    case 'int':
      return numberPrinter(int32Values(column));
    case 'bigint': {
      const values = int64Values(column);
      return row => `"${values[row] ?? 0n}"`;
    }
    case 'float': {
      const values = float32Values(column);
      return row => canonicalNumber(values[row] ?? 0);
    }
    case 'double': {
      const values = float64Values(column);
      return row => canonicalNumber(values[row] ?? 0);
    }
    case 'date': {
      const values = int32Values(column);
      return row => `"${printDate(values[row] ?? 0)}"`;
    }
    case 'time': {
      const values = int32Values(column);
      return row => `"${printTime(values[row] ?? 0)}"`;
    }
    case 'decimal': {
      const words = uint32Values(column);
      return row => `"${printDecimal(readInt128(words, row * 4), type.scale)}"`;
    }
    case 'char':
    case 'varchar': {
      const read = columnReader(column, type);
      return row => JSON.stringify(read(row));
    }
    case 'binary':
    case 'varbinary':
      return hexPrinter(column);
    case 'timestamp':
    case 'timestamp-ltz': {
      const read = timestampReader(column, type.precision);
      const print = timestampPrinter(type.precision);
      const end = type.kind === 'timestamp' ? '"' : 'Z"';
      return row => `"${print(read(row))}${end}`;
    }
    default:
      return unreachable(type);
  }
}

function numberPrinter(values: Int8Array | Int16Array | Int32Array): (row: number) => string {
  return row => String(values[row] ?? 0);
}

/** A double as ECMAScript prints it, with the four values JSON lacks. */
export function canonicalNumber(value: number): string {
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0';
  return Number.isFinite(value) ? String(value) : `"${value}"`;
}

function hexPrinter(column: Column): (row: number) => string {
  const bytes = uint8Values(column);
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const offsets = offsetsOf(column);
  return row => `"${buffer.toString('hex', offsets[row] ?? 0, offsets[row + 1] ?? 0)}"`;
}

function timestampReader(column: Column, precision: number): (row: number) => DayTime {
  if (precision <= 6) {
    const values = int64Values(column);
    const perMilli = precision <= 3 ? 1 : 1000;
    const perDay = millisPerDay * perMilli;
    const unitNanos = 1_000_000 / perMilli;
    return row => {
      const value = values[row] ?? 0n;
      const exact = Number(value);
      if (!Number.isSafeInteger(exact)) return dayTime(value * BigInt(unitNanos));
      const days = Math.floor(exact / perDay);
      const rest = exact - days * perDay;
      const millisOfDay = Math.floor(rest / perMilli);
      return { days, millisOfDay, nanosOfMilli: (rest - millisOfDay * perMilli) * unitNanos };
    };
  }
  const bytes = uint8Values(column);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return row => {
    const millis = view.getBigInt64(row * 12, true);
    const nanosOfMilli = view.getInt32(row * 12 + 8, true);
    const exact = Number(millis);
    if (!Number.isSafeInteger(exact)) return { ...dayTime(millis * 1_000_000n), nanosOfMilli };
    const days = Math.floor(exact / millisPerDay);
    return { days, millisOfDay: exact - days * millisPerDay, nanosOfMilli };
  };
}
