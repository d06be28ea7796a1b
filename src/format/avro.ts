/**
 * The one door to avsc: records of Avro files from and to plain objects.
 *
 * Avro's types come out as: int and long number, long beyond 2^53 bigint; bytes Uint8Array (a view of the block);
 * string; array; nullable undefined for null. So they go in, and bigint for any long. avsc alone loses 64-bit numbers,
 * copies each byte string, and takes array lengths on trust; the types made here do not.
 *
 * @see avsc 5.7 Type.forSchema, its typeHook
 */
import avsc, { type Type } from 'avsc';
import { assert } from '../base/assert.ts';
import { corrupt } from '../base/errors.ts';
import { type JsonObject, type JsonValue, parseJson } from '../base/json.ts';
import { type AvroBlock, type AvroCodec, readContainer, writeContainer } from './avro-container.ts';
import { isJsonObject } from './json-file.ts';

/** A decoded record, by the field names of the file's own schema; fields a file lacks are undefined. */
export type AvroRecord = { readonly [field: string]: unknown };

/** A kind of file that we write. */
export type AvroFormat = { readonly schemaText: string; readonly type: Type };

/** Records are gathered into blocks of about this many bytes before compression. */
const blockBytes = 256 * 1024;
/** How many schemas of files read are kept prepared; a table's files share one or two. */
const readTypesMax = 32;
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
const recordValuesMax = 1_000;

/** The bits of avsc's own cursor that the types here use. */
type Tap = {
  readonly buf: Buffer;
  pos: number;
  readLong(): number;
  writeLong(value: number): void;
};

type TypeMethods = {
  readonly read: (tap: Tap) => unknown;
  readonly write: (tap: Tap, value: unknown) => void;
};

/** What avsc's types have inside. */
type TypeInternals = { _read(tap: Tap): unknown; _write(tap: Tap, value: unknown): void };

/** @param schema as it is to stand in the header */
export function avroFormat(schema: JsonObject): AvroFormat {
  return { schemaText: JSON.stringify(schema), type: preparedType(schema) };
}

/** Where records are put together. Kept, since making it anew costs more than most files; encoding never waits in between. */
const keptScratch = Buffer.allocUnsafeSlow(blockBytes * 2);
/** The same, or a larger one while a record needs it. */
let scratch: Buffer = keptScratch;

/** The bytes of one record, as they lie in a file. */
export function encodeAvroRecord(format: AvroFormat, record: AvroRecord): Uint8Array {
  scratch = keptScratch;
  return Uint8Array.prototype.slice.call(scratch, 0, writeRecord(format, record, 0));
}

/** @param records as they are, or encoded before: whoever writes a record again keeps its bytes */
export function encodeAvro(
  format: AvroFormat,
  records: readonly (AvroRecord | Uint8Array)[],
  codec: AvroCodec,
): Uint8Array {
  scratch = keptScratch;
  const blocks: AvroBlock[] = [];
  let recordCount = 0;
  let at = 0;
  for (const record of records) {
    at = record instanceof Uint8Array ? writeEncoded(record, at) : writeRecord(format, record, at);
    recordCount += 1;
    if (at >= blockBytes) {
      blocks.push({ recordCount, bytes: Uint8Array.prototype.slice.call(scratch, 0, at) });
      recordCount = 0;
      at = 0;
    }
  }
  if (recordCount > 0) blocks.push({ recordCount, bytes: scratch.subarray(0, at) });
  return writeContainer({ schemaText: format.schemaText, blocks }, codec);
}

function writeRecord(format: AvroFormat, record: AvroRecord, at: number): number {
  let end = format.type.encode(record, scratch, at);
  if (end < 0) {
    growScratch(at, scratch.length - end);
    end = format.type.encode(record, scratch, at);
    assert(end > 0, 'the record fits');
  }
  return end;
}

function writeEncoded(record: Uint8Array, at: number): number {
  const end = at + record.length;
  if (end > scratch.length) growScratch(at, end);
  scratch.set(record, at);
  return end;
}

function growScratch(usedBytes: number, bytesMin: number): void {
  const larger = Buffer.allocUnsafeSlow(scratch.length + bytesMin);
  scratch.copy(larger, 0, 0, usedBytes);
  scratch = larger;
}

/**
 * All records of a file, read by the schema in the file.
 *
 * @param where the file's name, for messages
 * @throws LakeError `corrupt` LAKE_CORRUPT_AVRO, `unsupported` for a codec that we do not know
 */
export function decodeAvro(bytes: Uint8Array, where: string): AvroRecord[] {
  return decodeAvroAs(bytes, where, record => record);
}

/** The same, with each record made into something else at once: of one that is wrong nothing behind it is decoded. */
export function decodeAvroAs<T>(bytes: Uint8Array, where: string, take: (record: AvroRecord) => T): T[] {
  const container = readContainer(bytes, where);
  const read = readType(container.schemaText, where);
  valuesLeft = Math.min(valuesMax, valuesMin + bytes.length * valuesPerByteMax);
  const records: T[] = [];
  for (const block of container.blocks) decodeBlock(read, block, { take: record => records.push(take(record)), where });
  return records;
}

/** Of the file that is being decoded, which never waits in between. */
let valuesLeft = 0;

/** @throws RangeError */
function countValues(count: number): void {
  valuesLeft -= count;
  if (valuesLeft < 0) throw new RangeError('more values than a file of this size has');
}

type DecodeTarget = { readonly take: (record: AvroRecord) => void; readonly where: string };

function decodeBlock({ type, valueCount }: ReadType, block: AvroBlock, { take, where }: DecodeTarget): void {
  const buffer = Buffer.from(block.bytes.buffer, block.bytes.byteOffset, block.bytes.length);
  let at = 0;
  for (let i = 0; i < block.recordCount; i += 1) {
    const decoded = decodeOne(type, buffer, { at, where, valueCount });
    if (decoded.offset < 0) throw corrupt('LAKE_CORRUPT_AVRO', `${where}: a block ends within a record`);
    at = decoded.offset;
    take(decoded.value);
  }
  if (at !== buffer.length) {
    throw corrupt('LAKE_CORRUPT_AVRO', `${where}: ${buffer.length - at} bytes after the last record of a block`);
  }
}

type DecodePlace = { readonly at: number; readonly where: string; readonly valueCount: number };

function decodeOne(type: Type, buffer: Buffer, place: DecodePlace): { value: AvroRecord; offset: number } {
  try {
    countValues(place.valueCount);
    return type.decode(buffer, place.at);
  } catch (cause) {
    throw corrupt('LAKE_CORRUPT_AVRO', `${place.where}: a record does not decode`, { cause });
  }
}

/** The type of a file's records, and how many values one has outside of lists. */
type ReadType = { readonly type: Type; readonly valueCount: number };

const readTypes = new Map<string, ReadType>();

function readType(schemaText: string, where: string): ReadType {
  const known = readTypes.get(schemaText);
  if (known !== undefined) return known;
  let read: ReadType;
  try {
    const schema = parseJson(schemaText);
    if (!isJsonObject(schema) || schema['type'] !== 'record') throw new TypeError('not a record');
    const type = preparedType(schema);
    read = { type, valueCount: valueCountOf(type, new Map()) };
  } catch (cause) {
    throw corrupt('LAKE_CORRUPT_AVRO', `${where}: its schema cannot be used`, { cause });
  }
  if (readTypes.size >= readTypesMax) readTypes.clear();
  readTypes.set(schemaText, read);
  return read;
}

/** How many values one value is made of, lists counted as one. @throws TypeError for too many, or without end */
function valueCountOf(type: Type, known: Map<Type, number>): number {
  const before = known.get(type);
  if (before !== undefined) return before;
  known.set(type, Number.POSITIVE_INFINITY);
  let count = 1;
  if (isRecordType(type)) for (const field of type.fields) count += valueCountOf(field.type, known);
  else if (isUnionType(type)) count = Math.max(...type.types.map(branch => valueCountOf(branch, known)));
  else if (isArrayType(type)) valueCountOf(type.itemsType, known);
  if (count > recordValuesMax) throw new TypeError(`a record of ${count} values`);
  known.set(type, count);
  return count;
}

function isRecordType(type: Type): type is Type & { readonly fields: readonly { readonly type: Type }[] } {
  return 'fields' in type && Array.isArray(type.fields);
}

function isUnionType(type: Type): type is Type & { readonly types: readonly Type[] } {
  return 'types' in type && Array.isArray(type.types);
}

function isArrayType(type: Type): type is Type & { readonly itemsType: Type } {
  return 'itemsType' in type && type.itemsType instanceof avsc.Type;
}

/** An avsc type whose longs, bytes, arrays and nullables are ours. */
function preparedType(schema: JsonObject): Type {
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
      throw new TypeError('Avro maps are not read');
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
  const items = internalsOf(base.itemsType);
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
        itemValues ??= valueCountOf(base.itemsType, new Map());
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
