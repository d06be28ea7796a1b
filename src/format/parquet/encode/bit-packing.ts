/**
 * Numbers packed bit by bit, least significant bit first, as Parquet's run lengths and deltas have them: value i takes bits
 * [i * width, (i + 1) * width) of the bytes. Words of 32 bits are filled and stored whole.
 */

/**
 * @param values the low `width` bits of each of [from, to) are packed, `width` at most 32
 * @returns where the packed bytes end: they fill up to the last that holds a bit
 */
export function packBits(
  values: Int32Array,
  { from, to, width }: { readonly from: number; readonly to: number; readonly width: number },
  out: DataView,
  start: number,
): number {
  let word = 0;
  let filled = 0;
  let at = start;
  for (let i = from; i < to; i += 1) {
    const value = values[i] ?? 0;
    word |= value << filled;
    filled += width;
    if (filled < 32) continue;
    out.setInt32(at, word, true);
    at += 4;
    filled -= 32;
    // A shift by 32 is one by 0 here.
    word = filled === 0 ? 0 : value >>> (width - filled);
  }
  for (; filled > 0; filled -= 8) {
    out.setUint8(at, word);
    word >>>= 8;
    at += 1;
  }
  return at;
}

/** How many bits hold the numbers from 0 to `max`, which is taken as unsigned. */
export function bitWidth(max: number): number {
  return 32 - Math.clz32(max);
}

/** A ULEB128 number of 32 bits, taken as unsigned. @returns where it ends */
export function putVarint(value: number, out: DataView, start: number): number {
  let rest = value >>> 0;
  let at = start;
  for (; rest >= 0x80; rest >>>= 7) {
    out.setUint8(at, (rest & 0x7f) | 0x80);
    at += 1;
  }
  out.setUint8(at, rest);
  return at + 1;
}

/** More than any `putVarint` takes. */
export const varintBytesMax = 5;
