/**
 * Bit-packed numbers: value i lies in bits [i x width, (i + 1) x width), counted from the least significant bit of the first byte.
 *
 * A value of up to 25 bits lies within four bytes wherever it begins, so that one unaligned load, a shift and a mask
 * get it. Wider ones need the fifth byte as well.
 */
import type { PaddedBytes } from './padded-bytes.ts';

/** Widest value that one load of 32 bits holds, whatever bit of the first byte it begins at. */
export const oneLoadBitsMax = 25;

export type PackedBits = {
  /** Where the first value begins. */
  readonly byteAt: number;
  /** 0 to 32 */
  readonly bitWidth: number;
  readonly count: number;
};

/** How many bytes hold so many values. */
export function packedBytes({ bitWidth, count }: Pick<PackedBits, 'bitWidth' | 'count'>): number {
  return Math.ceil((bitWidth * count) / 8);
}

/** Values into `out` from `outAt` on, as int32. Who calls has seen that the bytes are there. */
export function unpackBits(source: PaddedBytes, packed: PackedBits, out: Int32Array, outAt: number): void {
  if (packed.bitWidth <= oneLoadBitsMax) unpackNarrow(source.view, packed, out, outAt);
  else unpackWide(source.view, packed, out, outAt);
}

function unpackNarrow(view: DataView, { byteAt, bitWidth, count }: PackedBits, out: Int32Array, outAt: number): void {
  const mask = (1 << bitWidth) - 1;
  let bit = 0;
  for (let i = 0; i < count; i += 1) {
    out[outAt + i] = (view.getInt32(byteAt + (bit >>> 3), true) >>> (bit & 7)) & mask;
    bit += bitWidth;
  }
}

function unpackWide(view: DataView, { byteAt, bitWidth, count }: PackedBits, out: Int32Array, outAt: number): void {
  const mask = bitWidth === 32 ? -1 : (1 << bitWidth) - 1;
  let bit = 0;
  for (let i = 0; i < count; i += 1) {
    const at = byteAt + (bit >>> 3);
    const shift = bit & 7;
    // Two shifts, for one by 32 is one by nothing.
    const above = (view.getUint8(at + 4) << 1) << (31 - shift);
    out[outAt + i] = ((view.getInt32(at, true) >>> shift) | above) & mask;
    bit += bitWidth;
  }
}
