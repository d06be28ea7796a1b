/**
 * A bloom filter over a column of a file: whether a value may be in it.
 *
 * `int32 number of hash functions, big-endian | bits`; function i sets bit `(low + i * high) mod bits` of a 64-bit hash.
 *
 * @see spec 10.2; Paimon 1.4.2 BloomFilterFileIndex, BloomFilter64, FastHash
 */
import { corrupt } from '../../base/errors.ts';
import { xxh64 } from '../../bytes/xxh64.ts';
import type { DataType } from '../../types/data-type.ts';
import type { Scalar } from '../../types/scalar.ts';
import { floorDiv, nanosPerMicro, nanosPerMilli } from '../../types/time.ts';

export type BloomSettings = {
  /** How many different values are expected. */
  readonly items: number;
  /** How often a value that is not there may be said to be, 0 to 1. */
  readonly falsePositiveShare: number;
};

/** 64 bits, unsigned, of a value that is not null. */
export type ValueHash = (value: NonNullable<Scalar>) => bigint;

/** Undefined: values of the type are not hashed. */
export function valueHash(type: DataType): ValueHash | undefined {
  switch (type.kind) {
    case 'char':
    case 'varchar':
      return value => xxh64(Buffer.from(String(value)));
    case 'binary':
    case 'varbinary':
      return value => xxh64(value instanceof Uint8Array ? value : new Uint8Array());
    case 'tinyint':
    case 'smallint':
    case 'int':
    case 'date':
    case 'time':
      return value => mixedLong(BigInt(Number(value)));
    case 'bigint':
      return value => mixedLong(longOf(value));
    case 'float':
      return value => mixedLong(BigInt(floatBits(Number(value))));
    case 'double':
      return value => mixedLong(doubleBits(Number(value)));
    case 'timestamp':
    case 'timestamp-ltz': {
      const unit = type.precision <= 3 ? nanosPerMilli : nanosPerMicro;
      return value => mixedLong(floorDiv(longOf(value), unit));
    }
    default:
      return undefined;
  }
}

export class BloomFilterBuilder {
  readonly #bits: Uint8Array;
  readonly #bitCount: number;
  readonly #functionCount: number;

  constructor({ items, falsePositiveShare }: BloomSettings) {
    const wanted = Math.trunc((-items * Math.log(falsePositiveShare)) / Math.log(2) ** 2);
    this.#bitCount = wanted + (8 - (wanted % 8));
    this.#functionCount = Math.max(1, Math.round((this.#bitCount / items) * Math.log(2)));
    this.#bits = new Uint8Array(this.#bitCount / 8);
  }

  add(hash: bigint): void {
    for (const bit of bitsOf(hash, this.#functionCount, this.#bitCount)) {
      this.#bits[bit >> 3] = (this.#bits[bit >> 3] ?? 0) | (1 << (bit & 7));
    }
  }

  finish(): Uint8Array {
    const bytes = Buffer.alloc(4 + this.#bits.length);
    bytes.writeInt32BE(this.#functionCount, 0);
    bytes.set(this.#bits, 4);
    return bytes;
  }
}

const functionsMax = 1_000;

/** Whether a value of the hash may be there. @throws LakeError `corrupt` LAKE_CORRUPT_FILE_INDEX */
export function readBloomFilter(bytes: Uint8Array, where: string): (hash: bigint) => boolean {
  if (bytes.length < 5) throw corrupt('LAKE_CORRUPT_FILE_INDEX', `bloom filter ${where}: it is cut`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const functionCount = view.getInt32(0);
  if (functionCount < 1 || functionCount > functionsMax) {
    throw corrupt('LAKE_CORRUPT_FILE_INDEX', `bloom filter ${where}: it has ${functionCount} hash functions`);
  }
  const bits = bytes.subarray(4);
  return hash =>
    bitsOf(hash, functionCount, bits.length * 8).every(bit => (((bits[bit >> 3] ?? 0) >> (bit & 7)) & 1) === 1);
}

function bitsOf(hash: bigint, functionCount: number, bitCount: number): readonly number[] {
  const low = Number(BigInt.asIntN(32, hash));
  const high = Number(BigInt.asIntN(32, hash >> 32n));
  return Array.from({ length: functionCount }, (_, index) => {
    const combined = (low + Math.imul(index + 1, high)) | 0;
    return (combined < 0 ? ~combined : combined) % bitCount;
  });
}

/** Thomas Wang's mix of a 64-bit integer, with Java's signed shifts. */
function mixedLong(value: bigint): bigint {
  const wrap = (bits: bigint): bigint => BigInt.asIntN(64, bits);
  let key = wrap(value);
  key = wrap(~key + wrap(key << 21n));
  key ^= key >> 24n;
  key = wrap(key + wrap(key << 3n) + wrap(key << 8n));
  key ^= key >> 14n;
  key = wrap(key + wrap(key << 2n) + wrap(key << 4n));
  key ^= key >> 28n;
  return BigInt.asUintN(64, key + wrap(key << 31n));
}

function longOf(value: Scalar): bigint {
  return typeof value === 'bigint' ? value : 0n;
}

function floatBits(value: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setFloat32(0, value);
  return Number.isNaN(value) ? 0x7fc0_0000 : view.getInt32(0);
}

function doubleBits(value: number): bigint {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  return Number.isNaN(value) ? 0x7ff8_0000_0000_0000n : view.getBigInt64(0);
}
