/**
 * The inner loops of DELTA_BINARY_PACKED: of a miniblock of n bit-packed numbers d, value i is the one before it + `least` + d[i].
 *
 * 64-bit values are pairs of int32, low word first, for arithmetic on BigInt takes several times as long. There are three loops
 * for them, by what is known of the numbers: differences that are int32 need one carry; where every sum is exact as a
 * double, sums are made as doubles; the third takes anything. (Measured a value: 2.5, 4.6 and 9 ns; BigInt: 35 ns.)
 * The value before is the one that stands in `out` before `outAt`.
 */
import { oneLoadBitsMax } from './bit-unpack.ts';
import type { PaddedBytes } from './padded-bytes.ts';

export type Miniblock = {
  readonly byteAt: number;
  readonly bitWidth: number;
  readonly count: number;
  /** The least difference of the block, as two int32. */
  readonly leastLow: number;
  readonly leastHigh: number;
};

const wordRange = 2 ** 32;
/** With differences of 25 bits on top it is still an int32. */
const smallLeastMax = 2 ** 30;
const powerOf2: Float64Array = Float64Array.from({ length: 65 }, (_, exponent) => 2 ** exponent);
/** Wider numbers make sums that are not exact as doubles. */
const doubleBitsMax = 52;

/** @param outAt the place of the first value in `out`, at least 1. Arithmetic is modulo 2^32. */
export function addMiniblock32(source: PaddedBytes, miniblock: Miniblock, out: Int32Array, outAt: number): void {
  const { view } = source;
  const { byteAt, bitWidth, count, leastLow } = miniblock;
  const mask = bitWidth >= 32 ? -1 : (1 << bitWidth) - 1;
  let value = out[outAt - 1] ?? 0;
  let bit = 0;
  for (let i = 0; i < count; i += 1) {
    const at = byteAt + (bit >>> 3);
    const above = (view.getUint8(at + 4) << 1) << (31 - (bit & 7));
    value = (value + leastLow + (((view.getInt32(at, true) >>> (bit & 7)) | above) & mask)) | 0;
    out[outAt + i] = value;
    bit += bitWidth;
  }
}

/** @param outAt the place of the first value in values, not words, at least 1. Arithmetic is modulo 2^64. */
export function addMiniblock64(source: PaddedBytes, miniblock: Miniblock, words: Int32Array, outAt: number): void {
  const { bitWidth, leastLow, leastHigh } = miniblock;
  const least = leastHigh * wordRange + (leastLow >>> 0);
  if (bitWidth <= oneLoadBitsMax && Math.abs(least) <= smallLeastMax) {
    addSmall(source.view, miniblock, words, outAt);
    return;
  }
  const before = (words[outAt * 2 - 1] ?? 0) * wordRange + ((words[outAt * 2 - 2] ?? 0) >>> 0);
  const farthest = Math.abs(before) + miniblock.count * (Math.abs(least) + (powerOf2[bitWidth] ?? 0));
  if (bitWidth <= doubleBitsMax && farthest <= Number.MAX_SAFE_INTEGER) {
    addDoubles(source.view, miniblock, words, outAt);
  } else addWords(source.view, miniblock, words, outAt);
}

function addSmall(view: DataView, miniblock: Miniblock, words: Int32Array, outAt: number): void {
  const { byteAt, bitWidth, count, leastLow } = miniblock;
  const mask = (1 << bitWidth) - 1;
  let to = outAt * 2;
  const end = to + count * 2;
  let low = words[to - 2] ?? 0;
  let high = words[to - 1] ?? 0;
  let bit = 0;
  for (; to < end; to += 2) {
    const packed = (view.getInt32(byteAt + (bit >>> 3), true) >>> (bit & 7)) & mask;
    const difference = (packed + leastLow) | 0;
    const sum = (low + difference) | 0;
    high = (high + (difference >> 31) + carryOf(low, difference, sum)) | 0;
    low = sum;
    words[to] = low;
    words[to + 1] = high;
    bit += bitWidth;
  }
}

function addDoubles(view: DataView, miniblock: Miniblock, words: Int32Array, outAt: number): void {
  const { byteAt, bitWidth, count, leastLow, leastHigh } = miniblock;
  const lowMask = bitWidth >= 32 ? -1 : (1 << bitWidth) - 1;
  const highMask = bitWidth <= 32 ? 0 : (1 << (bitWidth - 32)) - 1;
  const least = leastHigh * wordRange + (leastLow >>> 0);
  let to = outAt * 2;
  const end = to + count * 2;
  let value = (words[to - 1] ?? 0) * wordRange + ((words[to - 2] ?? 0) >>> 0);
  let bit = 0;
  for (; to < end; to += 2) {
    const at = byteAt + (bit >>> 3);
    const shift = bit & 7;
    const next = view.getInt32(at + 4, true);
    const low = ((view.getInt32(at, true) >>> shift) | ((next << 1) << (31 - shift))) & lowMask;
    // Of at most 52 + 7 bits the last lies in the eighth byte.
    const high = (next >>> shift) & highMask;
    value += least + (low >>> 0) + high * wordRange;
    words[to] = value;
    words[to + 1] = Math.floor(value / wordRange);
    bit += bitWidth;
  }
}

function addWords(view: DataView, miniblock: Miniblock, words: Int32Array, outAt: number): void {
  const { byteAt, bitWidth, count, leastLow, leastHigh } = miniblock;
  const lowMask = bitWidth >= 32 ? -1 : (1 << bitWidth) - 1;
  const highMask = bitWidth <= 32 ? 0 : bitWidth >= 64 ? -1 : (1 << (bitWidth - 32)) - 1;
  let to = outAt * 2;
  const end = to + count * 2;
  let low = words[to - 2] ?? 0;
  let high = words[to - 1] ?? 0;
  let bit = 0;
  for (; to < end; to += 2) {
    const at = byteAt + (bit >>> 3);
    const shift = bit & 7;
    const next = view.getInt32(at + 4, true);
    const packedLow = ((view.getInt32(at, true) >>> shift) | ((next << 1) << (31 - shift))) & lowMask;
    const packedHigh = ((next >>> shift) | ((view.getUint8(at + 8) << 1) << (31 - shift))) & highMask;
    const stepLow = (leastLow + packedLow) | 0;
    const stepHigh = (leastHigh + packedHigh + carryOf(leastLow, packedLow, stepLow)) | 0;
    const sum = (low + stepLow) | 0;
    high = (high + stepHigh + carryOf(low, stepLow, sum)) | 0;
    low = sum;
    words[to] = low;
    words[to + 1] = high;
    bit += bitWidth;
  }
}

/** What `a + b`, modulo 2^32 `sum`, carries. A comparison would be a branch that nobody can predict. */
function carryOf(a: number, b: number, sum: number): number {
  return ((a & b) | ((a | b) & ~sum)) >>> 31;
}
