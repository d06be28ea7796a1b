/**
 * Canonical JSON into scalars, with every check a value from outside needs. The text's form is in `canonical-json.ts`.
 *
 * More is taken than is printed: BIGINT and DECIMAL as JSON numbers, upper hex, times without seconds or fraction, a
 * space for the `T` of a timestamp, a missing or superfluous `Z`. Digits of a second beyond the type's precision are
 * cut; a decimal's surplus fraction is rounded half up; texts longer than CHAR(n) or VARCHAR(n) are kept as they are,
 * which is what Paimon does.
 */
import { unreachable } from '../base/assert.ts';
import { unsupported } from '../base/errors.ts';
import type { JsonObject, JsonValue } from '../base/json.ts';
import { badValue, unknownColumn } from './bad-value.ts';
import { type AtomicType, type DataField, isAtomic, type RowType } from './data-type.ts';
import { fitDecimal, parseDecimal } from './decimal-text.ts';
import { nestedShape } from './nested-shape.ts';
import { nestedValueReader } from './nested-value.ts';
import type { Scalar } from './scalar.ts';
import { fitInt64, fitTimestamp } from './scalar-range.ts';
import { parseDate, parseTimeNanos, parseTimestamp, truncateNanos } from './time.ts';
import { typeName } from './type-name.ts';

/** Turns a row's JSON into one scalar for each field. */
export type CanonicalParser = (json: JsonObject) => Scalar[];

/** A parser for rows of one type; make it once, use it for all rows. */
export function canonicalParser(rowType: RowType): CanonicalParser {
  const columns = rowType.fields.map(field => ({ name: field.name, field, parse: canonicalValueParser(field) }));
  const names = new Set(rowType.fields.map(field => field.name));
  return json => {
    const row: Scalar[] = new Array(columns.length);
    let index = 0;
    for (const { name, field, parse } of columns) {
      const value = Object.hasOwn(json, name) ? json[name] : undefined;
      if (value === undefined || value === null) row[index] = nullOf(field);
      else row[index] = parse(value);
      index += 1;
    }
    for (const name in json) if (!names.has(name)) throw unknownColumn(name, names);
    return row;
  };
}

const parsers = new WeakMap<RowType, CanonicalParser>();

/**
 * One row's JSON as one scalar for each field; columns that are missing are null.
 * @throws LakeError invalid LAKE_BAD_VALUE, naming column, value and type
 */
export function parseCanonicalRow(rowType: RowType, json: JsonObject): Scalar[] {
  let parser = parsers.get(rowType);
  if (parser === undefined) {
    parser = canonicalParser(rowType);
    parsers.set(rowType, parser);
  }
  return parser(json);
}

function nullOf(field: DataField): null {
  if (!field.type.nullable) throw badValue(field, null, 'the column is NOT NULL');
  return null;
}

/** A parser for the values of a field, other than null. @throws what it gives: LakeError invalid LAKE_BAD_VALUE */
export function canonicalValueParser(field: DataField): (value: unknown) => Scalar {
  const { type } = field;
  if (nestedShape(type) !== undefined) return nestedValueReader(field, plainParser);
  return plainParser(field);
}

function plainParser(field: DataField): (value: unknown) => Scalar {
  const { type } = field;
  if (!isAtomic(type)) throw unsupported(`type ${typeName(type)}`, `column ${field.name}`);
  const parse = atomicParser(type);
  return value => {
    const scalar = isPlain(value) ? parse(value) : undefined;
    if (scalar === undefined) throw badValue(field, value, `expected ${expected(type)}`);
    return scalar;
  };
}

function isPlain(value: unknown): value is string | number | bigint | boolean {
  return (
    typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean'
  );
}

/** Gives undefined for what is no value of the type. */
export function atomicParser(type: AtomicType): (value: JsonValue) => Scalar | undefined {
  switch (type.kind) {
    case 'boolean':
      return value => (typeof value === 'boolean' ? value : undefined);
    case 'tinyint':
      return value => intIn(value, 0x7f);
    case 'smallint':
      return value => intIn(value, 0x7fff);
    case 'int':
      return value => intIn(value, 0x7fff_ffff);
    case 'bigint':
      return bigintOf;
    case 'float':
      return value => {
        const number = doubleOf(value);
        return number === undefined ? undefined : Math.fround(number);
      };
    case 'double':
      return doubleOf;
    case 'decimal':
      return value => {
        const decimal = parseDecimal(numberText(value));
        return decimal === undefined ? undefined : fitDecimal(decimal, type);
      };
    case 'char':
    case 'varchar':
      return value => (typeof value === 'string' && value.isWellFormed() ? value : undefined);
    case 'binary':
    case 'varbinary':
      return bytesOf;
    case 'date':
      return value => (typeof value === 'string' ? int32Or(parseDate(value)) : undefined);
    case 'time':
      return value => {
        const nanos = typeof value === 'string' ? parseTimeNanos(value) : undefined;
        return nanos === undefined ? undefined : Math.floor(nanos / 1_000_000);
      };
    case 'timestamp':
    case 'timestamp-ltz':
      return value => {
        const nanos = typeof value === 'string' ? parseTimestamp(value) : undefined;
        return nanos === undefined ? undefined : fitTimestamp(truncateNanos(nanos, type.precision), type.precision);
      };
    default:
      return unreachable(type);
  }
}

function intIn(value: JsonValue, max: number): number | undefined {
  if (typeof value !== 'number' || !Number.isInteger(value)) return undefined;
  // + 0 makes a zero of a minus zero.
  return value <= max && value >= -max - 1 ? value + 0 : undefined;
}

function int32Or(value: number | undefined): number | undefined {
  return value !== undefined && value === (value | 0) ? value : undefined;
}

const digitsPattern = /^[+-]?\d{1,40}$/;
/** So many characters of digits and sign are exact as a number. */
const shortLengthMax = 15;

function bigintOf(value: JsonValue): bigint | undefined {
  if (typeof value === 'bigint') return fitInt64(value);
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : undefined;
  if (typeof value !== 'string' || !digitsPattern.test(value)) return undefined;
  return value.length <= shortLengthMax ? BigInt(Number(value)) : fitInt64(BigInt(value.replace('+', '')));
}

function doubleOf(value: JsonValue): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  if (value === 'NaN') return Number.NaN;
  if (value === 'Infinity') return Number.POSITIVE_INFINITY;
  return value === '-Infinity' ? Number.NEGATIVE_INFINITY : undefined;
}

/** The text of a number or of a string, else a text that is no number. */
function numberText(value: JsonValue): string {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint' ? String(value) : '';
}

function bytesOf(value: JsonValue): Uint8Array | undefined {
  if (typeof value !== 'string') return undefined;
  // Node stops at the first pair that is not hex.
  const bytes = new Uint8Array(Buffer.from(value, 'hex'));
  return bytes.length * 2 === value.length ? bytes : undefined;
}

/** What a value of the type looks like, for messages. */
export function expected(type: AtomicType): string {
  switch (type.kind) {
    case 'boolean':
      return 'true or false';
    case 'tinyint':
      return 'an integer from -128 to 127';
    case 'smallint':
      return 'an integer from -32768 to 32767';
    case 'int':
      return 'an integer from -2147483648 to 2147483647';
    case 'bigint':
      return 'an integer of 64 bits, as a string or a number';
    case 'float':
    case 'double':
      return 'a number, "NaN", "Infinity" or "-Infinity"';
    case 'decimal':
      return `a decimal of at most ${type.precision - type.scale} digits before the point`;
    case 'char':
    case 'varchar':
      return 'a string of whole characters';
    case 'binary':
    case 'varbinary':
      return 'a string of hex digits';
    case 'date':
      return 'an existing day such as "2024-02-29"';
    case 'time':
      return 'a time such as "23:59:59.999"';
    case 'timestamp':
    case 'timestamp-ltz':
      return 'a point of time such as "2024-02-29T23:59:59.999"';
    default:
      return unreachable(type);
  }
}
