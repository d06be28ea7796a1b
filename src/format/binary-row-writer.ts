/**
 * Writes BinaryRows; `binary-row.ts` says what they are.
 *
 * @see spec 5.1, Paimon 1.4.2 BinaryRowWriter
 */
import { assert } from '../base/assert.ts';
import { unsupported } from '../base/errors.ts';
import type { DataType } from '../types/data-type.ts';
import type { Scalar } from '../types/scalar.ts';

/** `prefixBytes` are left free before the row; `kind` is the header byte. */
export type RowFrame = { readonly prefixBytes: number; readonly kind: number };

/** Strings and binaries up to this long lie in their slot. */
export const inlineBytesMax = 7;
const nanosPerMilli = 1_000_000n;

const textEncoder = new TextEncoder();

/** Where the slots begin: header byte and null bits, rounded up to 8 bytes. */
export function fixedPartOffset(arity: number): number {
  return ((arity + 63 + 8) >>> 6) * 8;
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

/** @throws LakeError `unsupported` for a value of a nested type */
export function writeRow(types: readonly DataType[], values: readonly Scalar[], frame: RowFrame): Uint8Array {
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

function numberOf(value: Scalar): number {
  assert(typeof value === 'number', () => `${typeof value} is not a number`);
  return value;
}

function bigintOf(value: Scalar): bigint {
  assert(typeof value === 'bigint', () => `${typeof value} is not a bigint`);
  return value;
}
