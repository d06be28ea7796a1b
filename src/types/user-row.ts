/**
 * Rows as plain objects, the form the SDK takes and gives. This is the only place besides canonical JSON where a row
 * is an object.
 *
 * | type | given | taken besides |
 * |---|---|---|
 * | BOOLEAN | boolean | |
 * | TINYINT SMALLINT INT FLOAT DOUBLE | number | |
 * | BIGINT | bigint | safe integer, string of digits |
 * | DECIMAL | string with its full scale | number, bigint |
 * | CHAR VARCHAR STRING | string | |
 * | BINARY VARBINARY BYTES | Uint8Array | |
 * | DATE | `'2024-02-29'` | Date (its UTC day) |
 * | TIME | `'HH:MM:SS.mmm'` | |
 * | TIMESTAMP, TIMESTAMP_LTZ up to 3 digits | Date (UTC); a string where no Date reaches | string |
 * | TIMESTAMP, TIMESTAMP_LTZ of more digits | string as in canonical JSON | Date |
 * | ARRAY | array | |
 * | MAP, MULTISET | Map, of a multiset from elements to counts | array of pairs; with keys of text an object |
 * | ROW | object | |
 */
import { invalid, type LakeError, unsupported } from '../base/errors.ts';
import { badValue, unknownColumn } from './bad-value.ts';
import { atomicParser, expected } from './canonical-parse.ts';
import { type AtomicType, type DataField, isAtomic, type RowType } from './data-type.ts';
import { nestedShape } from './nested-shape.ts';
import { nestedValueReader } from './nested-value.ts';
import type { Scalar } from './scalar.ts';
import { fitTimestamp } from './scalar-range.ts';
import { millisPerDay, nanosPerMilli, truncateNanos } from './time.ts';
import { typeName } from './type-name.ts';

export type UserRow = Readonly<Record<string, unknown>>;

/** What a user writes, as one scalar for each field. */
export type UserRowReader = (row: UserRow) => Scalar[];

/** A reader for rows of one type; make it once, use it for all rows. */
export function userRowReader(rowType: RowType): UserRowReader {
  const columns = rowType.fields.map(field => ({ name: field.name, field, read: userValueReader(field) }));
  const names = new Set(rowType.fields.map(field => field.name));
  return row => {
    if (typeof row !== 'object' || row === null) throw notAnObject(row);
    const scalars: Scalar[] = new Array(columns.length);
    let index = 0;
    for (const { name, field, read } of columns) {
      const value = Object.hasOwn(row, name) ? row[name] : undefined;
      if (value === undefined || value === null) {
        if (!field.type.nullable) throw badValue(field, null, 'the column is NOT NULL');
        scalars[index] = null;
      } else {
        scalars[index] = read(value);
      }
      index += 1;
    }
    for (const name of Object.keys(row)) if (!names.has(name)) throw unknownColumn(name, names);
    return scalars;
  };
}

const readers = new WeakMap<RowType, UserRowReader>();

/**
 * One object as one scalar for each field; properties that are missing or undefined are null.
 * @throws LakeError invalid LAKE_BAD_VALUE, naming column, value and type
 */
export function userRowToScalars(rowType: RowType, row: UserRow): Scalar[] {
  let reader = readers.get(rowType);
  if (reader === undefined) {
    reader = userRowReader(rowType);
    readers.set(rowType, reader);
  }
  return reader(row);
}

function notAnObject(row: unknown): LakeError {
  return invalid('LAKE_BAD_VALUE', `a row is an object with the columns as properties, not ${String(row)}`);
}

function userValueReader(field: DataField): (value: unknown) => Scalar {
  return nestedShape(field.type) === undefined ? plainReader(field) : nestedValueReader(field, plainReader);
}

function plainReader(field: DataField): (value: unknown) => Scalar {
  const { type } = field;
  if (!isAtomic(type)) throw unsupported(`type ${typeName(type)}`, `column ${field.name}`);
  const read = atomicReader(type);
  return value => {
    const scalar = read(value);
    if (scalar === undefined) throw badValue(field, value, `expected ${userExpected(type)}`);
    return scalar;
  };
}

/** Gives undefined for what is no value of the type. */
function atomicReader(type: AtomicType): (value: unknown) => Scalar | undefined {
  if (type.kind === 'binary' || type.kind === 'varbinary') {
    return value => (value instanceof Uint8Array ? value : undefined);
  }
  const parse = atomicParser(type);
  const parseText = (value: unknown): Scalar | undefined =>
    typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean'
      ? parse(value)
      : undefined;
  if (type.kind === 'date') {
    return value => (value instanceof Date ? dateDays(value) : parseText(value));
  }
  if (type.kind === 'timestamp' || type.kind === 'timestamp-ltz') {
    return value => (value instanceof Date ? dateNanos(value, type.precision) : parseText(value));
  }
  return parseText;
}

function dateDays(date: Date): number | undefined {
  const millis = date.getTime();
  return Number.isNaN(millis) ? undefined : Math.floor(millis / millisPerDay);
}

function dateNanos(date: Date, precision: number): bigint | undefined {
  const millis = date.getTime();
  if (Number.isNaN(millis)) return undefined;
  return fitTimestamp(truncateNanos(BigInt(millis) * nanosPerMilli, precision), precision);
}

function userExpected(type: AtomicType): string {
  switch (type.kind) {
    case 'binary':
    case 'varbinary':
      return 'a Uint8Array';
    case 'bigint':
      return 'a bigint of 64 bits or a safe integer';
    case 'timestamp':
    case 'timestamp-ltz':
      return `a Date or ${expected(type)}`;
    default:
      return expected(type);
  }
}
