/**
 * The one door to avsc's types: what values come out as is said in `avro.ts`.
 *
 * @see avsc 5.7 Type.forSchema, its typeHook
 */
import avsc, { type Type } from 'avsc';
import { assert } from '../base/assert.ts';
import type { JsonObject, JsonValue } from '../base/json.ts';
import { isJsonObject } from './json-file.ts';

export type AvroType = Type;

const longExact = 2 ** 52;
/**
 * Values that a file may hold: records, their fields, items of lists. A byte of a block can become an object of forty, and a
 * schema can ask for values that take no byte at all. An entry of a manifest has some forty values and, packed, as many
 * bytes.
 */
const valuesMin = 2 * 1024 * 1024;
const valuesPerByteMax = 64;
const valuesMax = 64 * 1024 * 1024;
/** Values that one record may have outside of lists. */
const recordValuesMax = 20_000;

/** The bits of avsc's own cursor that the types here use. */
type Tap = {
  readonly buf: Buffer;
  pos: number;
  readLong(): number;
  writeLong(value: number): void;
  readString(): string;
  writeString(value: string): void;
};

type TypeMethods = {
  readonly read: (tap: Tap) => unknown;
  readonly write: (tap: Tap, value: unknown) => void;
};

/** What avsc's types have inside. */
type TypeInternals = { _read(tap: Tap): unknown; _write(tap: Tap, value: unknown): void };

/** Of what is being decoded. */
let valuesLeft = 0;

/** A file, or a block of one, of so many bytes is decoded from here on, without waiting in between. */
export function beginCounting(bytes: number): void {
  valuesLeft = Math.min(valuesMax, valuesMin + bytes * valuesPerByteMax);
}

/** @throws RangeError */
export function countValues(count: number): void {
  valuesLeft -= count;
  if (valuesLeft < 0) throw new RangeError('more values than a file of this size has');
}

/** How many values one value is made of, lists counted as one. @throws TypeError for too many, or without end */
export function valueCountOf(type: Type, known: Map<Type, number>): number {
  const before = known.get(type);
  if (before !== undefined) return before;
  known.set(type, Number.POSITIVE_INFINITY);
  let count = 1;
  if (isRecordType(type)) for (const field of type.fields) count += valueCountOf(field.type, known);
  else if (isUnionType(type)) count = Math.max(...type.types.map(branch => valueCountOf(branch, known)));
  else if (isArrayType(type)) valueCountOf(type.itemsType, known);
  else if (isMapType(type)) valueCountOf(type.valuesType, known);
  if (count > recordValuesMax) throw new TypeError(`a record of ${count} values`);
  known.set(type, count);
  return count;
}

/** Fields of a record with their types; none of what is no record. */
export function fieldsOf(type: AvroType): readonly { readonly name: string; readonly type: AvroType }[] {
  return isRecordType(type) ? type.fields : [];
}

function isRecordType(
  type: Type,
): type is Type & { readonly fields: readonly { readonly name: string; readonly type: Type }[] } {
  return 'fields' in type && Array.isArray(type.fields);
}

function isUnionType(type: Type): type is Type & { readonly types: readonly Type[] } {
  return 'types' in type && Array.isArray(type.types);
}

function isArrayType(type: Type): type is Type & { readonly itemsType: Type } {
  return 'itemsType' in type && type.itemsType instanceof avsc.Type;
}

function isMapType(type: Type): type is Type & { readonly valuesType: Type } {
  return 'valuesType' in type && type.valuesType instanceof avsc.Type;
}

/** An avsc type whose longs, bytes, arrays and nullables are ours. */
export function preparedType(schema: JsonObject): Type {
  let asIs: unknown;
  const options = {
    wrapUnions: 'never' as const,
    omitRecordMethods: true,
    typeHook: (part: unknown, own: object): Type | undefined => {
      // avsc asks again for the type that is being wrapped; that time it makes its own.
      if (part === asIs) return undefined;
      const wrap = wrapperOf(part);
      if (wrap === undefined) return undefined;
      asIs = part;
      const base = avsc.Type.forSchema(part as never, own);
      return withMethods(base, wrap(base));
    },
  };
  return avsc.Type.forSchema(withoutDefaults(schema) as never, options);
}

function wrapperOf(part: unknown): ((base: Type) => TypeMethods) | undefined {
  if (Array.isArray(part)) return part.length === 2 && part.includes('null') ? nullableMethods : undefined;
  if (typeof part !== 'object' || part === null || !('type' in part)) return undefined;
  switch (part.type) {
    case 'long':
      return () => longMethods;
    case 'bytes':
      return () => bytesMethods;
    case 'array':
      return arrayMethods;
    case 'map':
      return mapMethods;
    default:
      return undefined;
  }
}

function withMethods(base: Type, methods: TypeMethods): Type {
  return Object.create(base, { _read: { value: methods.read }, _write: { value: methods.write } });
}

const longMethods: TypeMethods = {
  read: tap => {
    const start = tap.pos;
    const value = tap.readLong();
    return value < longExact && value > -longExact ? value : exactLong(tap.buf, start, tap.pos);
  },
  write: (tap, value) => {
    if (typeof value === 'number') {
      assert(Number.isSafeInteger(value), () => `${value} is no long`);
      tap.writeLong(value);
    } else {
      assert(typeof value === 'bigint' && BigInt.asIntN(64, value) === value, () => `${value} is no long`);
      writeLong(tap, value);
    }
  },
};

const bytesMethods: TypeMethods = {
  read: tap => {
    const length = tap.readLong();
    const { pos, buf } = tap;
    if (!(length >= 0 && length <= buf.length - pos)) throw new RangeError(`${length} bytes in ${buf.length - pos}`);
    tap.pos = pos + length;
    return new Uint8Array(buf.buffer, buf.byteOffset + pos, length);
  },
  write: (tap, value) => {
    assert(value instanceof Uint8Array, 'bytes are a Uint8Array');
    tap.writeLong(value.length);
    const start = tap.pos;
    tap.pos += value.length;
    // Beyond the end avsc counts on and writes again with more room.
    if (tap.pos <= tap.buf.length) tap.buf.set(value, start);
  },
};

function arrayMethods(base: Type): TypeMethods {
  assert(isArrayType(base), 'an array has items');
  return listMethods(base.itemsType, internalsOf(base.itemsType));
}

/** As the list of its entries, each a pair of the key and the value. */
function mapMethods(base: Type): TypeMethods {
  assert(isMapType(base), 'a map has values');
  const values = internalsOf(base.valuesType);
  return listMethods(base.valuesType, {
    _read: tap => {
      const key = tap.readString();
      return [key, values._read(tap)];
    },
    _write: (tap, entry) => {
      assert(Array.isArray(entry) && typeof entry[0] === 'string', 'an entry is a key of text and a value');
      tap.writeString(entry[0]);
      values._write(tap, entry[1]);
    },
  });
}

/** @param counted the type that says of how many values an item is made, besides itself */
function listMethods(counted: Type, items: TypeInternals): TypeMethods {
  let itemValues: number | undefined;
  return {
    read: tap => {
      const values: unknown[] = [];
      for (;;) {
        const count = tap.readLong();
        if (count === 0) return values;
        // A negative count is followed by the block's length in bytes.
        if (count < 0) tap.readLong();
        const length = Math.abs(count);
        if (!(length <= tap.buf.length - tap.pos)) throw new RangeError(`${length} items in too few bytes`);
        itemValues ??= valueCountOf(counted, new Map());
        countValues(length * itemValues);
        for (let i = 0; i < length; i += 1) {
          const start = tap.pos;
          values.push(items._read(tap));
          if (tap.pos === start) throw new RangeError('items that take no byte');
        }
      }
    },
    write: (tap, value) => {
      assert(Array.isArray(value), 'an array is an array');
      if (value.length > 0) {
        tap.writeLong(value.length);
        for (const item of value) items._write(tap, item);
      }
      tap.writeLong(0);
    },
  };
}

function nullableMethods(base: Type): TypeMethods {
  assert(isUnionType(base), 'a nullable type is a union');
  const { types } = base;
  const nullIndex = types.findIndex(type => type.typeName === 'null');
  const valueIndex = 1 - nullIndex;
  const valueType = types[valueIndex];
  assert(valueType !== undefined && nullIndex >= 0, 'a nullable type has null and another');
  const value = internalsOf(valueType);
  return {
    read: tap => {
      const index = tap.readLong();
      if (index === valueIndex) return value._read(tap);
      if (index !== nullIndex) throw new RangeError(`branch ${index} of a nullable`);
      return undefined;
    },
    write: (tap, item) => {
      const isNull = item === undefined || item === null;
      tap.writeLong(isNull ? nullIndex : valueIndex);
      if (!isNull) value._write(tap, item);
    },
  };
}

function internalsOf(type: Type): TypeInternals {
  return type as unknown as TypeInternals;
}

/** Decodes again without floating point what may have been rounded. */
function exactLong(buffer: Buffer, start: number, end: number): number | bigint {
  if (!(end - start <= 10)) throw new RangeError('a long of more than 10 bytes');
  let raw = 0n;
  for (let at = end - 1; at >= start; at -= 1) raw = (raw << 7n) | BigInt((buffer[at] ?? 0) & 0x7f);
  const value = BigInt.asIntN(64, (raw & 1n) === 0n ? raw >> 1n : -(raw >> 1n) - 1n);
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

function writeLong(tap: Tap, value: bigint): void {
  const small = Number(value);
  if (small < longExact && small > -longExact) {
    tap.writeLong(small);
    return;
  }
  let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
  while (rest > 0x7fn) {
    tap.buf[tap.pos++] = Number(rest & 0x7fn) | 0x80;
    rest >>= 7n;
  }
  tap.buf[tap.pos++] = Number(rest);
}

/** Files are read by their own schema as it is, so defaults are of no use, and avsc would put them in for null. */
function withoutDefaults(json: JsonValue): JsonValue {
  if (Array.isArray(json)) return json.map(withoutDefaults);
  if (!isJsonObject(json)) return json;
  const entries = Object.entries(json).filter(([key]) => key !== 'default');
  return Object.fromEntries(entries.map(([key, value]) => [key, value === undefined ? value : withoutDefaults(value)]));
}
