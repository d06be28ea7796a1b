/**
 * Paimon's BinaryRow: one row as bytes whose equality is the row's equality. Partitions, keys and statistics are stored
 * so, and buckets are chosen by its hash. Little-endian; a header byte, null bits, a slot of 8 bytes a field, then what
 * does not fit into slots.
 *
 * A row is either bare (`encodeBinaryRow`) or serialized, with 4 bytes of arity before it, big-endian (`serializeRow`).
 *
 * @see spec 5.1, 5.3, Paimon 1.4.2 BinaryRow, BinaryRowWriter, SerializationUtils
 */
import { assert } from '../base/assert.ts';
import { corrupt, unsupported } from '../base/errors.ts';
import type { DataType } from '../types/data-type.ts';
import type { Scalar } from '../types/scalar.ts';

/** The serialized row without fields: the partition of an unpartitioned table, the key of an append table. */
export const emptyRow: Uint8Array = new Uint8Array(12);

/** Strings and binaries up to this long lie in their slot. */
const inlineBytesMax = 7;
const nanosPerMilli = 1_000_000n;
/** More fields than a table can have columns: such an arity is garbage. */
const arityMax = 100_000;

const textEncoder = new TextEncoder();
const textDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Where the slots begin: header byte and null bits, rounded up to 8 bytes. */
export function fixedPartOffset(arity: number): number {
  return ((arity + 63 + 8) >>> 6) * 8;
}

/**
 * A bare row.
 *
 * @param kind the header byte, 0 everywhere but in rows that carry their kind
 * @throws LakeError `unsupported` for a value of a nested type
 */
export function encodeBinaryRow(types: readonly DataType[], values: readonly Scalar[], kind = 0): Uint8Array {
  return encodeAt(types, values, { prefixBytes: 0, kind });
}

/** A row with its arity before it, as it stands in manifests. */
export function serializeRow(types: readonly DataType[], values: readonly Scalar[]): Uint8Array {
  if (types.length === 0) return emptyRow;
  const bytes = encodeAt(types, values, { prefixBytes: 4, kind: 0 });
  new DataView(bytes.buffer).setInt32(0, types.length);
  return bytes;
}

/**
 * The values of a serialized row.
 *
 * @throws LakeError `corrupt` LAKE_CORRUPT_ROW when the bytes are no such row, `unsupported` for a nested value
 */
export function deserializeRow(bytes: Uint8Array, types: readonly DataType[]): Scalar[] {
  const read = rowReader(bytes, types);
  return types.map((_, index) => read(index));
}

/** Access to single fields of a serialized row; a field that cannot be read does not stand in the way of the others. */
export function rowReader(bytes: Uint8Array, types: readonly DataType[]): (index: number) => Scalar {
  const row = checkedRow(bytes, types.length);
  return index => {
    const type = types[index];
    assert(type !== undefined, () => `field ${index} of ${types.length}`);
    if (row.isNull(index)) return null;
    return readSlot(row, type, index);
  };
}

/** How many fields a serialized row has. */
export function arityOf(bytes: Uint8Array): number {
  if (bytes.length < 12) throw corruptRow(`${bytes.length} bytes are too few`);
  return new DataView(bytes.buffer, bytes.byteOffset).getInt32(0);
}

/** Two's complement, big-endian, in as few bytes as hold it. */
export function unscaledBytes(value: bigint): Uint8Array {
  let length = 1;
  while (BigInt.asIntN(length * 8, value) !== value) length += 1;
  const bytes = new Uint8Array(length);
  let rest = value;
  for (let i = length - 1; i >= 0; i -= 1) {
    bytes[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return bytes;
}

type RowFrame = { readonly prefixBytes: number; readonly kind: number };

function encodeAt(types: readonly DataType[], values: readonly Scalar[], frame: RowFrame): Uint8Array {
  assert(types.length === values.length, () => `${values.length} values for ${types.length} fields`);
  const slotsAt = fixedPartOffset(types.length);
  const parts: (Uint8Array | undefined)[] = [];
  let byteLength = slotsAt + types.length * 8;
  for (const [index, type] of types.entries()) {
    const value = values[index] ?? null;
    const part = partOf(type, value);
    parts.push(part);
    byteLength += reservedBytes(type, part);
  }
  const bytes = new Uint8Array(frame.prefixBytes + byteLength);
  const row = new RowWriter(bytes, frame.prefixBytes, slotsAt + types.length * 8);
  bytes[frame.prefixBytes] = frame.kind;
  for (const [index, type] of types.entries()) {
    row.at(slotsAt + index * 8);
    const value = values[index] ?? null;
    if (value === null) row.writeNull(index, type);
    else writeSlot(row, type, value, parts[index]);
  }
  return bytes;
}

/** The bytes of values that have no fixed width. */
function partOf(type: DataType, value: Scalar): Uint8Array | undefined {
  if (value === null) return undefined;
  if (typeof value === 'string') return textEncoder.encode(value);
  if (value instanceof Uint8Array) return value;
  if (type.kind === 'decimal' && type.precision > 18 && typeof value === 'bigint') return unscaledBytes(value);
  return undefined;
}

/** How much of the variable part a value takes; types with a fixed share take it for null as well. */
export function reservedBytes(type: DataType, part: Uint8Array | undefined): number {
  if (type.kind === 'decimal') return type.precision > 18 ? 16 : 0;
  if (type.kind === 'timestamp' || type.kind === 'timestamp-ltz') return type.precision > 3 ? 8 : 0;
  if (part === undefined || part.length <= inlineBytesMax) return 0;
  return roundUpTo8(part.length);
}

function roundUpTo8(length: number): number {
  return (length + 7) & ~7;
}

/** The bytes of a row that is being written, with the place of the slot at hand and of the free variable part. */
class RowWriter {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly #rowAt: number;
  #freeAt: number;
  #slotAt = 0;

  constructor(bytes: Uint8Array, rowAt: number, freeAt: number) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset);
    this.#rowAt = rowAt;
    this.#freeAt = freeAt;
  }

  at(offset: number): void {
    this.#slotAt = this.#rowAt + offset;
  }

  get slot(): number {
    return this.#slotAt;
  }

  /** Sets the null bit. Types with a reserved variable part keep it, all zero: equal rows must be equal bytes. */
  writeNull(index: number, type: DataType): void {
    const bit = index + 8;
    const at = this.#rowAt + (bit >> 3);
    this.bytes[at] = (this.bytes[at] ?? 0) | (1 << (bit & 7));
    const reserved = reservedBytes(type, undefined);
    if (reserved > 0) this.reserve(reserved, 0);
  }

  /** Takes bytes of the variable part; the slot gets their offset and, in its low half, `low`. @returns where they are */
  reserve(byteLength: number, low: number): number {
    const at = this.#freeAt;
    this.#freeAt += byteLength;
    this.view.setUint32(this.#slotAt, low, true);
    this.view.setUint32(this.#slotAt + 4, at, true);
    return this.#rowAt + at;
  }

  writeBytes(part: Uint8Array): void {
    if (part.length <= inlineBytesMax) {
      this.bytes.set(part, this.#slotAt);
      this.bytes[this.#slotAt + 7] = 0x80 | part.length;
    } else {
      this.bytes.set(part, this.reserve(roundUpTo8(part.length), part.length));
    }
  }
}

function writeSlot(row: RowWriter, type: DataType, value: Scalar, part: Uint8Array | undefined): void {
  switch (type.kind) {
    case 'char':
    case 'varchar':
    case 'binary':
    case 'varbinary':
      assert(part !== undefined, 'a string or binary has bytes');
      row.writeBytes(part);
      break;
    case 'decimal':
      if (type.precision <= 18) {
        row.view.setBigInt64(row.slot, bigintOf(value), true);
      } else {
        assert(part !== undefined && part.length <= 16, 'a DECIMAL is a bigint of at most 38 digits');
        row.bytes.set(part, row.reserve(16, part.length));
      }
      break;
    case 'timestamp':
    case 'timestamp-ltz':
      writeTimestamp(row, type.precision, bigintOf(value));
      break;
    default:
      writeFixed(row, type, value);
  }
}

function writeTimestamp(row: RowWriter, precision: number, nanos: bigint): void {
  const nanosOfMilli = ((nanos % nanosPerMilli) + nanosPerMilli) % nanosPerMilli;
  const millis = (nanos - nanosOfMilli) / nanosPerMilli;
  const at = precision <= 3 ? row.slot : row.reserve(8, Number(nanosOfMilli));
  row.view.setBigInt64(at, millis, true);
}

function writeFixed({ view, slot }: RowWriter, type: DataType, value: Scalar): void {
  switch (type.kind) {
    case 'boolean':
      assert(typeof value === 'boolean', 'a BOOLEAN is a boolean');
      view.setInt8(slot, value ? 1 : 0);
      break;
    case 'tinyint':
      view.setInt8(slot, numberOf(value));
      break;
    case 'smallint':
      view.setInt16(slot, numberOf(value), true);
      break;
    case 'int':
    case 'date':
    case 'time':
      view.setInt32(slot, numberOf(value), true);
      break;
    case 'float':
      view.setFloat32(slot, numberOf(value), true);
      break;
    case 'double':
      view.setFloat64(slot, numberOf(value), true);
      break;
    case 'bigint':
      view.setBigInt64(slot, bigintOf(value), true);
      break;
    default:
      throw unsupported(`type ${type.kind.toUpperCase()}`, 'binary row');
  }
}

/** A checked view of a serialized row; offsets count from the row's header byte. */
type RowView = {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly slotsAt: number;
  readonly isNull: (index: number) => boolean;
};

function checkedRow(serialized: Uint8Array, arity: number): RowView {
  const found = arityOf(serialized);
  if (found !== arity) throw corruptRow(`it has ${found} fields, not ${arity}`);
  assert(arity <= arityMax, () => `${arity} fields`);
  const bytes = serialized.subarray(4);
  const slotsAt = fixedPartOffset(arity);
  if (bytes.length % 8 !== 0) throw corruptRow(`${bytes.length} bytes are not whole words`);
  if (bytes.length < slotsAt + arity * 8) throw corruptRow(`${bytes.length} bytes are too few for ${arity} fields`);
  const isNull = (index: number): boolean => (((bytes[(index + 8) >> 3] ?? 0) >> (index & 7)) & 1) === 1;
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length), slotsAt, isNull };
}

function readSlot(row: RowView, type: DataType, index: number): Scalar {
  const { view } = row;
  const at = row.slotsAt + index * 8;
  switch (type.kind) {
    case 'boolean':
      return view.getInt8(at) !== 0;
    case 'tinyint':
      return view.getInt8(at);
    case 'smallint':
      return view.getInt16(at, true);
    case 'int':
    case 'date':
    case 'time':
      return view.getInt32(at, true);
    case 'float':
      return view.getFloat32(at, true);
    case 'double':
      return view.getFloat64(at, true);
    case 'bigint':
      return view.getBigInt64(at, true);
    case 'decimal':
      return type.precision <= 18 ? view.getBigInt64(at, true) : readUnscaled(variablePart(row, at, 16));
    case 'timestamp':
    case 'timestamp-ltz':
      return type.precision <= 3 ? view.getBigInt64(at, true) * nanosPerMilli : readLongTimestamp(row, at);
    case 'char':
    case 'varchar':
      return decodeText(readBytes(row, at));
    case 'binary':
    case 'varbinary':
      return readBytes(row, at).slice();
    default:
      throw unsupported(`type ${type.kind.toUpperCase()}`, 'binary row');
  }
}

function readLongTimestamp(row: RowView, at: number): bigint {
  const nanosOfMilli = row.view.getUint32(at, true);
  const offset = row.view.getUint32(at + 4, true);
  if (nanosOfMilli >= 1_000_000) throw corruptRow(`${nanosOfMilli} nanoseconds of a millisecond`);
  if (offset + 8 > row.bytes.length) throw corruptRow('a timestamp lies outside the row');
  return row.view.getBigInt64(offset, true) * nanosPerMilli + BigInt(nanosOfMilli);
}

function readBytes(row: RowView, at: number): Uint8Array {
  const mark = row.bytes[at + 7] ?? 0;
  if ((mark & 0x80) === 0) return variablePart(row, at, row.bytes.length);
  const length = mark & 0x7f;
  if (length > inlineBytesMax) throw corruptRow(`${length} bytes in a slot`);
  return row.bytes.subarray(at, at + length);
}

function variablePart(row: RowView, at: number, lengthMax: number): Uint8Array {
  const length = row.view.getUint32(at, true);
  const offset = row.view.getUint32(at + 4, true);
  if (length > lengthMax) throw corruptRow(`a value of ${length} bytes`);
  if (offset + length > row.bytes.length) throw corruptRow('a value lies outside the row');
  return row.bytes.subarray(offset, offset + length);
}

function readUnscaled(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return BigInt.asIntN(Math.max(bytes.length, 1) * 8, value);
}

function decodeText(bytes: Uint8Array): string {
  try {
    return textDecoder.decode(bytes);
  } catch (cause) {
    throw corrupt('LAKE_CORRUPT_ROW', 'binary row: a string is not UTF-8', { cause });
  }
}

function numberOf(value: Scalar): number {
  assert(typeof value === 'number', () => `${typeof value} is not a number`);
  return value;
}

function bigintOf(value: Scalar): bigint {
  assert(typeof value === 'bigint', () => `${typeof value} is not a bigint`);
  return value;
}

function corruptRow(what: string): Error {
  return corrupt('LAKE_CORRUPT_ROW', `binary row: ${what}`);
}
