/**
 * Reads BinaryRows; `binary-row.ts` says what they are. Whatever a row says of lengths and places is checked.
 *
 * @see spec 5.1, Paimon 1.4.2 BinaryRow
 */
import { assert } from '../base/assert.ts';
import { corrupt, unsupported } from '../base/errors.ts';
import type { DataType } from '../types/data-type.ts';
import type { Scalar } from '../types/scalar.ts';
import { fixedPartOffset, inlineBytesMax } from './binary-row-writer.ts';

const nanosPerMilli = 1_000_000n;
/** More fields than a table can have columns: such an arity is garbage. */
const arityMax = 100_000;

const textDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** How many fields a serialized row has. */
export function arityOf(bytes: Uint8Array): number {
  if (bytes.length < 12) throw corruptRow(`${bytes.length} bytes are too few`);
  return new DataView(bytes.buffer, bytes.byteOffset).getInt32(0);
}

/** A checked view of a serialized row; offsets count from the row's header byte. */
export type RowView = {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly slotsAt: number;
  readonly isNull: (index: number) => boolean;
};

/** @throws LakeError `corrupt` LAKE_CORRUPT_ROW when the bytes are no row of so many fields */
export function checkedRow(serialized: Uint8Array, arity: number): RowView {
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

/** The value of a field that is not null. @throws LakeError `corrupt` LAKE_CORRUPT_ROW, `unsupported` when nested */
export function readSlot(row: RowView, type: DataType, index: number): Scalar {
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

function corruptRow(what: string): Error {
  return corrupt('LAKE_CORRUPT_ROW', `binary row: ${what}`);
}
