/**
 * DELTA_BINARY_PACKED: the first value, then blocks of 128 differences, each block its least difference and what the
 * others are above it, in four miniblocks of 32 with a bit width each.
 *
 *     128, 4, count, zigzag(first)  then for each block: zigzag(least), 4 widths, packed miniblocks
 *
 * All differences wrap around at the width of the type, as readers do, so that none is too large. 64-bit numbers are pairs
 * of words (`leaf-values.ts`). 32 values of `width` bits are `width` whole words.
 *
 * @see https://parquet.apache.org/docs/file-format/data-pages/encodings/#DELTAENC
 */
import { bitWidth, packBits, putVarint } from './bit-packing.ts';

const blockValues = 128;
const miniblockValues = 32;
const miniblocks = blockValues / miniblockValues;
/** Block size, miniblocks, count and first value; and what is before each block's values. */
const headBytesMax = 20;
const blockHeadBytesMax = 10 + miniblocks;

/** Differences of the block at work: low words, and of 64-bit numbers the high words. */
const lows = new Int32Array(blockValues);
const highs = new Int32Array(blockValues);

type Range = { readonly from: number; readonly to: number };

/** No deltas of so many values of `width` words take more bytes. */
export function deltasBytesMax(count: number, width: 1 | 2): number {
  return headBytesMax + Math.ceil(count / blockValues) * (blockHeadBytesMax + blockValues * 4 * width);
}

/** Values [from, to) of 32 bits. @returns where they end in `out` */
export function putDeltas32(values: Int32Array, { from, to }: Range, out: DataView, start: number): number {
  const first = from < to ? (values[from] ?? 0) : 0;
  let at = putVarint(zigzag32(first), out, putHead(to - from, out, start));
  let before = first;
  for (let block = from + 1; block < to; block += blockValues) {
    const count = Math.min(blockValues, to - block);
    let least = 0x7fff_ffff;
    for (let i = 0; i < count; i += 1) {
      const value = values[block + i] ?? 0;
      const delta = (value - before) | 0;
      lows[i] = delta;
      if (delta < least) least = delta;
      before = value;
    }
    for (let i = 0; i < count; i += 1) lows[i] = (lows[i] ?? 0) - least;
    lows.fill(0, count);
    at = putMiniblocks(count, out, putVarint(zigzag32(least), out, at));
  }
  return at;
}

function zigzag32(value: number): number {
  return (value << 1) ^ (value >> 31);
}

/** Values [from, to) of two words each. @returns where they end in `out` */
export function putDeltas64(words: Int32Array, { from, to }: Range, out: DataView, start: number): number {
  let lowBefore = from < to ? (words[from * 2] ?? 0) : 0;
  let highBefore = from < to ? (words[from * 2 + 1] ?? 0) : 0;
  let at = putZigzag64(lowBefore, highBefore, out, putHead(to - from, out, start));
  for (let block = from + 1; block < to; block += blockValues) {
    const count = Math.min(blockValues, to - block);
    let leastLow = -1;
    let leastHigh = 0x7fff_ffff;
    for (let i = 0; i < count; i += 1) {
      const low = words[(block + i) * 2] ?? 0;
      const high = words[(block + i) * 2 + 1] ?? 0;
      const deltaLow = (low - lowBefore) | 0;
      const deltaHigh = (high - highBefore - borrow(low, lowBefore, deltaLow)) | 0;
      lows[i] = deltaLow;
      highs[i] = deltaHigh;
      if (deltaHigh - leastHigh < borrow(deltaLow, leastLow, (deltaLow - leastLow) | 0)) {
        leastLow = deltaLow;
        leastHigh = deltaHigh;
      }
      lowBefore = low;
      highBefore = high;
    }
    let allHighs = 0;
    for (let i = 0; i < count; i += 1) {
      const low = lows[i] ?? 0;
      const above = (low - leastLow) | 0;
      const high = ((highs[i] ?? 0) - leastHigh - borrow(low, leastLow, above)) | 0;
      lows[i] = above;
      highs[i] = high;
      allHighs |= high;
    }
    lows.fill(0, count);
    at = putZigzag64(leastLow, leastHigh, out, at);
    if (allHighs === 0) at = putMiniblocks(count, out, at);
    else {
      highs.fill(0, count);
      at = putWideMiniblocks(count, out, at);
    }
  }
  return at;
}

/** 1 where `a < b` without signs, told by their difference. Values alternate at random: a branch would be guessed wrong half the time. */
function borrow(a: number, b: number, difference: number): number {
  return ((~a & b) | ((~a | b) & difference)) >>> 31;
}

function putZigzag64(low: number, high: number, out: DataView, start: number): number {
  const sign = high >> 31;
  let restLow = ((low << 1) ^ sign) >>> 0;
  let restHigh = (((high << 1) | (low >>> 31)) ^ sign) >>> 0;
  let at = start;
  for (; restHigh > 0; restHigh >>>= 7) {
    out.setUint8(at, (restLow & 0x7f) | 0x80);
    restLow = ((restLow >>> 7) | (restHigh << 25)) >>> 0;
    at += 1;
  }
  return putVarint(restLow, out, at);
}

function putHead(count: number, out: DataView, start: number): number {
  return putVarint(count, out, putVarint(miniblocks, out, putVarint(blockValues, out, start)));
}

/** Of `count` differences in `lows`, the rest of which is 0. Miniblocks that begin after them have no width and no bytes. */
function putMiniblocks(count: number, out: DataView, start: number): number {
  let at = start + miniblocks;
  for (let mini = 0; mini < miniblocks; mini += 1) {
    const from = mini * miniblockValues;
    const width = from < count ? bitWidth(anyBits(lows, from)) : 0;
    out.setUint8(start + mini, width);
    if (width > 0) at = packBits(lows, { from, to: from + miniblockValues, width }, out, at);
  }
  return at;
}

/** As `putMiniblocks`, of differences that may take more than 32 bits. */
function putWideMiniblocks(count: number, out: DataView, start: number): number {
  let at = start + miniblocks;
  for (let mini = 0; mini < miniblocks; mini += 1) {
    const from = mini * miniblockValues;
    const highWidth = from < count ? bitWidth(anyBits(highs, from)) : 0;
    const width = highWidth > 0 ? 32 + highWidth : from < count ? bitWidth(anyBits(lows, from)) : 0;
    out.setUint8(start + mini, width);
    if (highWidth > 0) at = packPairs(from, highWidth, out, at);
    else if (width > 0) at = packBits(lows, { from, to: from + miniblockValues, width }, out, at);
  }
  return at;
}

function anyBits(values: Int32Array, from: number): number {
  let any = 0;
  for (let i = from; i < from + miniblockValues; i += 1) any |= values[i] ?? 0;
  return any;
}

/** A miniblock of values of a whole low word and `highWidth` bits above it. */
function packPairs(from: number, highWidth: number, out: DataView, start: number): number {
  let at = start;
  let word = 0;
  let filled = 0;
  for (let i = from; i < from + miniblockValues; i += 1) {
    const low = lows[i] ?? 0;
    out.setInt32(at, word | (low << filled), true);
    at += 4;
    word = filled === 0 ? 0 : low >>> (32 - filled);
    const high = highs[i] ?? 0;
    word |= high << filled;
    filled += highWidth;
    if (filled < 32) continue;
    out.setInt32(at, word, true);
    at += 4;
    filled -= 32;
    word = filled === 0 ? 0 : high >>> (highWidth - filled);
  }
  return at;
}
