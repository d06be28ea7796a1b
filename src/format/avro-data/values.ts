/**
 * Scalars (`types/scalar.ts`) to and from what Avro records hold of them (`format/avro.ts`). What a file holds is checked
 * against the column's type: a value of another shape, or out of its range, is a corrupt file.
 *
 * | type | in the record |
 * |---|---|
 * | DECIMAL | the unscaled value in two's complement, big-endian, as few bytes as it takes |
 * | TIMESTAMP, TIMESTAMP_LTZ | milliseconds up to precision 3, microseconds above |
 * | ROW | a record |
 * | MAP, MULTISET with keys of text | pairs of key and value |
 * | other MAP, MULTISET | records of `key` and `value` |
 */
import { assert } from '../../base/assert.ts';
import { corrupt } from '../../base/errors.ts';
import type { DataField, DataType } from '../../types/data-type.ts';
import type { Scalar } from '../../types/scalar.ts';
import { floorDiv, nanosPerMicro, nanosPerMilli } from '../../types/time.ts';
import type { AvroRecord } from '../avro.ts';
import { hasTextKeys } from './record-type.ts';

export type ToAvro = (value: Scalar) => unknown;

/** undefined is null. @throws LakeError `corrupt` LAKE_CORRUPT_AVRO */
export type FromAvro = (value: unknown) => Scalar;

/** Null goes in as undefined. */
export function toAvro(type: DataType): ToAvro {
  const write = valueToAvro(type);
  return value => (value === null ? undefined : write(value));
}

function valueToAvro(type: DataType): ToAvro {
  switch (type.kind) {
    case 'decimal':
      return value => bigEndian(bigintOf(value));
    case 'timestamp':
    case 'timestamp-ltz': {
      const unit = nanosPerStep(type.precision);
      return value => floorDiv(bigintOf(value), unit);
    }
    case 'array': {
      const item = toAvro(type.element);
      return value => listOf(value).map(item);
    }
    case 'map':
      return entriesToAvro(type.key, type.value);
    case 'multiset':
      return entriesToAvro(type.element, { kind: 'int', nullable: false });
    case 'row':
      return rowToAvro(type.fields);
    default:
      return value => value;
  }
}

function rowToAvro(fields: readonly DataField[]): ToAvro {
  const writers = fields.map(({ name, type }) => ({ name, write: toAvro(type) }));
  return value => {
    const values = listOf(value);
    return Object.fromEntries(writers.map(({ name, write }, index) => [name, write(values[index] ?? null)]));
  };
}

function entriesToAvro(keyType: DataType, valueType: DataType): ToAvro {
  const [key, item] = [toAvro(keyType), toAvro(valueType)];
  const pairOf = hasTextKeys(keyType);
  return value =>
    listOf(value).map(entry => {
      const [entryKey = null, entryValue = null] = listOf(entry);
      const pair = [key(entryKey), item(entryValue)];
      return pairOf ? pair : { key: pair[0], value: pair[1] };
    });
}

function listOf(value: Scalar): readonly Scalar[] {
  assert(Array.isArray(value), 'a nested value is an array');
  return value;
}

function bigintOf(value: Scalar): bigint {
  assert(typeof value === 'bigint', 'a decimal or timestamp is a bigint');
  return value;
}

/** @param where the file and the column, for messages */
export function fromAvro(type: DataType, where: string): FromAvro {
  const read = valueFromAvro(type, where);
  return value => {
    if (value !== undefined) return read(value);
    if (!type.nullable) throw wrong(where, 'null in a column that is NOT NULL');
    return null;
  };
}

function valueFromAvro(type: DataType, where: string): FromAvro {
  switch (type.kind) {
    case 'boolean':
      return value => (typeof value === 'boolean' ? value : refuse(value, where));
    case 'tinyint':
      return integerFromAvro(7, where);
    case 'smallint':
      return integerFromAvro(15, where);
    case 'int':
    case 'date':
    case 'time':
      return integerFromAvro(31, where);
    case 'float':
    case 'double':
      return value => (typeof value === 'number' ? value : refuse(value, where));
    case 'char':
    case 'varchar':
      return value => (typeof value === 'string' ? value : refuse(value, where));
    case 'binary':
    case 'varbinary':
      return value => (value instanceof Uint8Array ? value : refuse(value, where));
    case 'bigint':
      return value => longFrom(value, where);
    case 'timestamp':
    case 'timestamp-ltz': {
      const unit = nanosPerStep(type.precision);
      return value => longFrom(value, where) * unit;
    }
    case 'decimal':
      return decimalFromAvro(type.precision, where);
    default:
      return nestedFromAvro(type, where);
  }
}

function integerFromAvro(bits: number, where: string): FromAvro {
  const end = 2 ** bits;
  return value => {
    if (typeof value === 'number' && value >= -end && value < end && Number.isInteger(value)) return value;
    return refuse(value, where);
  };
}

function decimalFromAvro(precision: number, where: string): FromAvro {
  const end = 10n ** BigInt(precision);
  return value => {
    // Sixteen bytes hold 38 digits.
    if (!(value instanceof Uint8Array) || value.length === 0 || value.length > 16) return refuse(value, where);
    const unscaled = signedOf(value);
    return unscaled < end && unscaled > -end ? unscaled : refuse(unscaled, where);
  };
}

function nestedFromAvro(type: DataType, where: string): FromAvro {
  switch (type.kind) {
    case 'array': {
      const item = fromAvro(type.element, where);
      return value => (Array.isArray(value) ? value.map(item) : refuse(value, where));
    }
    case 'map':
      return entriesFromAvro(type.key, type.value, where);
    case 'multiset':
      return entriesFromAvro(type.element, { kind: 'int', nullable: false }, where);
    case 'row':
      return rowFromAvro(type.fields, where);
    default:
      return value => refuse(value, where);
  }
}

function rowFromAvro(fields: readonly DataField[], where: string): FromAvro {
  const readers = fields.map(({ name, type }) => ({ name, read: fromAvro(type, `${where}.${name}`) }));
  return value => (isRecord(value) ? readers.map(({ name, read }) => read(value[name])) : refuse(value, where));
}

function entriesFromAvro(keyType: DataType, valueType: DataType, where: string): FromAvro {
  const key = fromAvro({ ...keyType, nullable: false }, where);
  const item = fromAvro(valueType, where);
  return value => {
    if (!Array.isArray(value)) return refuse(value, where);
    return value.map((entry: unknown): Scalar => {
      if (Array.isArray(entry)) return [key(entry[0]), item(entry[1])];
      return isRecord(entry) ? [key(entry['key']), item(entry['value'])] : refuse(entry, where);
    });
  };
}

function isRecord(value: unknown): value is AvroRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value);
}

function longFrom(value: unknown, where: string): bigint {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value);
  return refuse(value, where);
}

function nanosPerStep(precision: number): bigint {
  return precision <= 3 ? nanosPerMilli : nanosPerMicro;
}

/** As few bytes as hold the value and its sign. */
function bigEndian(value: bigint): Uint8Array {
  let length = 1;
  while (BigInt.asIntN(length * 8, value) !== value) length += 1;
  const bytes = new Uint8Array(length);
  for (let at = length - 1, rest = value; at >= 0; at -= 1, rest >>= 8n) bytes[at] = Number(BigInt.asUintN(8, rest));
  return bytes;
}

function signedOf(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return BigInt.asIntN(bytes.length * 8, value);
}

function refuse(value: unknown, where: string): never {
  throw wrong(where, `${typeof value} ${String(value).slice(0, 40)}`);
}

function wrong(where: string, what: string): Error {
  return corrupt('LAKE_CORRUPT_AVRO', `${where} holds ${what}, which is none of its type`);
}
