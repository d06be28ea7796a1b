/**
 * The order in which Java's HashMap and HashSet give their entries. Paimon's collections of aggregated values come out of
 * such maps, so that the order is part of what a table holds.
 *
 * @see OpenJDK 17 java.util.HashMap; Paimon 1.4.2 BinaryString, Decimal, Timestamp, BinaryRow (hashCode)
 */
import { murmurFinish, murmurMix, murmurWords } from '../bytes/murmur.ts';
import { encodeBinaryRow } from '../format/binary-row.ts';
import type { DataType } from '../types/data-type.ts';
import type { Scalar } from '../types/scalar.ts';
import { floorDiv, nanosPerMilli } from '../types/time.ts';

const firstCapacity = 16;
const loadFactor = 0.75;
const murmurSeed = 42;

/**
 * The places of entries in iteration order. Entries of one bin keep the order they came in.
 *
 * @param hashes of the entries, in the order they were put in
 * @param putCount how many there were before some were taken out again: a map does not shrink
 */
export function javaHashOrder(hashes: readonly number[], putCount: number = hashes.length): readonly number[] {
  let capacity = firstCapacity;
  while (putCount > capacity * loadFactor) capacity *= 2;
  const binOf = (hash: number): number => (hash ^ (hash >>> 16)) & (capacity - 1);
  return [...hashes.keys()].toSorted((a, b) => binOf(hashes[a] ?? 0) - binOf(hashes[b] ?? 0) || a - b);
}

/** What tells an atomic value as a key of a Java map. @param value of the type */
export function javaHashOf(type: DataType, value: Scalar): number {
  if (value === null) return 0;
  switch (type.kind) {
    case 'boolean':
      return value === true ? 1231 : 1237;
    case 'bigint':
      return foldedLong(BigInt.asUintN(64, bigintOf(value)));
    case 'float':
      return floatBits(Number(value));
    case 'double':
      return foldedLong(doubleBits(Number(value)));
    case 'char':
    case 'varchar':
      return bytesHash(Buffer.from(String(value)));
    case 'decimal':
      return decimalHash(bigintOf(value), type.scale);
    case 'timestamp':
    case 'timestamp-ltz':
      return timestampHash(bigintOf(value));
    default:
      return Number(value) | 0;
  }
}

/** Of a row as BinaryRow has it. */
export function javaHashOfRow(types: readonly DataType[], values: readonly Scalar[]): number {
  return murmurWords(encodeBinaryRow(types, values));
}

function bigintOf(value: Scalar): bigint {
  return typeof value === 'bigint' ? value : 0n;
}

function foldedLong(bits: bigint): number {
  return Number(BigInt.asIntN(32, bits ^ (bits >> 32n)));
}

function floatBits(value: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setFloat32(0, value);
  return Number.isNaN(value) ? 0x7fc0_0000 : view.getInt32(0);
}

function doubleBits(value: number): bigint {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  return Number.isNaN(value) ? 0x7ff8_0000_0000_0000n : view.getBigUint64(0);
}

/** Murmur3 over words, and over the bytes that are left, each by itself. */
function bytesHash(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let hash = murmurSeed;
  let at = 0;
  for (; at + 4 <= bytes.length; at += 4) hash = murmurMix(hash, view.getInt32(at, true));
  for (; at < bytes.length; at += 1) hash = murmurMix(hash, view.getInt8(at));
  return murmurFinish(hash, bytes.length);
}

/** BigDecimal's: 31 times the hash of the unscaled value, and the scale. */
function decimalHash(unscaled: bigint, scale: number): number {
  const magnitude = unscaled < 0n ? -unscaled : unscaled;
  let hash = 0;
  const words: number[] = [];
  for (let rest = magnitude; rest > 0n; rest >>= 32n) words.unshift(Number(BigInt.asIntN(32, rest)));
  for (const word of words) hash = (Math.imul(31, hash) + word) | 0;
  return (Math.imul(31, unscaled < 0n ? -hash : hash) + scale) | 0;
}

function timestampHash(nanos: bigint): number {
  const millis = floorDiv(nanos, nanosPerMilli);
  const folded = Number(BigInt.asIntN(32, millis)) ^ Number(BigInt.asIntN(32, millis >> 32n));
  return (Math.imul(31, folded) + Number(nanos - millis * nanosPerMilli)) | 0;
}
