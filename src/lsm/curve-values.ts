/**
 * What a column's value gives to the order of a space-filling curve: some bytes of a Z-order, 64 bits of a Hilbert curve.
 * Paimon's choices are kept as they are, so that files of either order are alike, also where they follow no order of the
 * type: negative numbers come after others along a Hilbert curve, and decimals and binaries count by their first bytes.
 *
 * @see Paimon 1.4.2 ZIndexer, ZOrderByteUtils, HilbertIndexer, ConvertBinaryUtil
 */
import { unsupported } from '../base/errors.ts';
import type { DataType } from '../types/data-type.ts';
import type { Scalar } from '../types/scalar.ts';
import { floorDiv, nanosPerMilli } from '../types/time.ts';

/** Bytes of a value of fixed length. */
export const curveValueBytes = 8;

const longMin = -(2n ** 63n);
const longMax = 2n ** 63n - 1n;

/** How many bytes of a Z-order come from a column. @param varBytes what strings and binaries give */
export function zOrderWidth(type: DataType, varBytes: number): number {
  return isOfBytes(type) ? varBytes : curveValueBytes;
}

/**
 * Of a value, as many bytes as `zOrderWidth` says; of null, zeros.
 *
 * @throws LakeError `unsupported` for a nested type
 */
export function zOrderBytes(type: DataType, varBytes: number): (value: Scalar) => Uint8Array {
  const width = zOrderWidth(type, varBytes);
  const bytesOf = zOrderValue(type);
  return value => {
    const bytes = new Uint8Array(width);
    if (value !== null) bytes.set(bytesOf(value).subarray(0, width));
    return bytes;
  };
}

function zOrderValue(type: DataType): (value: NonNullable<Scalar>) => Uint8Array {
  if (isOfBytes(type)) return bytesOfValue;
  switch (type.kind) {
    case 'boolean':
      return value => Uint8Array.of(value === true ? 0x81 : 0);
    case 'decimal':
      return value => unscaledBytes(longOf(value));
    case 'float':
    case 'double':
      return value => {
        const bits = doubleBits(value);
        return longBytes(bits ^ ((bits >> 31n) | longMin));
      };
    default: {
      const integerOf = integerValue(type);
      return value => longBytes(integerOf(value) ^ longMin);
    }
  }
}

/** Of a value, a 64-bit number of which the curve takes the low 63 bits. @throws LakeError `unsupported` for a nested type */
export function hilbertLong(type: DataType): (value: Scalar) => bigint {
  const longOfValue = hilbertValue(type);
  return value => (value === null ? longMax : longOfValue(value));
}

function hilbertValue(type: DataType): (value: NonNullable<Scalar>) => bigint {
  if (isOfBytes(type)) return value => firstLong(bytesOfValue(value));
  switch (type.kind) {
    case 'boolean':
      return value => (value === true ? longMax : 0n);
    case 'tinyint':
      return value => BigInt(Number(value) & 0xff);
    case 'decimal': {
      const scale = 10n ** BigInt(type.scale);
      return value => BigInt.asIntN(64, longOf(value) / scale);
    }
    case 'float':
    case 'double':
      return doubleBits;
    default:
      return integerValue(type);
  }
}

function integerValue(type: DataType): (value: NonNullable<Scalar>) => bigint {
  switch (type.kind) {
    case 'tinyint':
    case 'smallint':
    case 'int':
    case 'date':
    case 'time':
      return value => BigInt(Number(value));
    case 'bigint':
      return longOf;
    case 'timestamp':
    case 'timestamp-ltz':
      return value => floorDiv(longOf(value), nanosPerMilli);
    default:
      throw unsupported(`sorting by ${type.kind.toUpperCase()}`, 'a space-filling curve');
  }
}

function isOfBytes({ kind }: DataType): boolean {
  return kind === 'char' || kind === 'varchar' || kind === 'binary' || kind === 'varbinary';
}

function bytesOfValue(value: NonNullable<Scalar>): Uint8Array {
  return value instanceof Uint8Array ? value : Buffer.from(String(value));
}

function longOf(value: Scalar): bigint {
  return typeof value === 'bigint' ? value : 0n;
}

function longBytes(value: bigint): Uint8Array {
  const bytes = Buffer.alloc(curveValueBytes);
  bytes.writeBigUInt64BE(BigInt.asUintN(64, value));
  return bytes;
}

/** The fewest bytes of two's complement, big-endian. */
function unscaledBytes(value: bigint): Uint8Array {
  let width = 1;
  while (BigInt.asIntN(width * 8, value) !== value) width += 1;
  const digits = BigInt.asUintN(width * 8, value).toString(16);
  return Buffer.from(digits.padStart(width * 2, '0'), 'hex');
}

/** The first eight bytes as a number; of fewer bytes, all of them. */
function firstLong(bytes: Uint8Array): bigint {
  let long = 0n;
  for (const byte of bytes.subarray(0, curveValueBytes)) long = (long << 8n) | BigInt(byte);
  return BigInt.asIntN(64, long);
}

function doubleBits(value: Scalar): bigint {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, Number(value));
  return Number.isNaN(value) ? 0x7ff8_0000_0000_0000n : view.getBigInt64(0);
}
