/**
 * Space-filling curves: one key of bytes for a point of several columns, so that points near each other in all columns
 * are mostly near each other in the order of the keys.
 *
 * @see Paimon 1.4.2 ZOrderByteUtils, HilbertIndexer; J. Skilling, Programming the Hilbert curve, 2004
 */
import { assert, present } from '../base/assert.ts';

/** Bits of a coordinate of a Hilbert curve. */
const hilbertBits = 63;

/** The bits of the columns in turn, the highest first; a column that has run out of bits is left out. */
export function interleavedBits(columns: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(columns.reduce((sum, column) => sum + column.length, 0));
  const byteCountMax = Math.max(...columns.map(column => column.length));
  let at = 0;
  for (let index = 0; index < byteCountMax; index += 1) {
    for (let bit = 7; bit >= 0; bit -= 1) {
      for (const column of columns) {
        const byte = column[index];
        if (byte === undefined) continue;
        bytes[at >> 3] = (bytes[at >> 3] ?? 0) | (((byte >> bit) & 1) << (7 - (at & 7)));
        at += 1;
      }
    }
  }
  return bytes;
}

/** Bytes of a Hilbert key: Paimon's, which have 63 of any number of columns, without those in front that are always 0. */
export function hilbertKeyBytes(columnCount: number): number {
  return Math.min(hilbertBits, Math.ceil((hilbertBits * columnCount) / 8));
}

/** Where a point lies on the curve. @param point 64-bit numbers, of which the low 63 bits count; two at least */
export function hilbertKey(point: readonly bigint[]): Uint8Array {
  assert(point.length > 1, 'a Hilbert curve is of two dimensions at least');
  const high = Int32Array.from(point, long => Number(BigInt.asIntN(32, long >> 32n)));
  const low = Int32Array.from(point, long => Number(BigInt.asIntN(32, long)));
  transpose(high, low);
  return indexBytes(high, low);
}

/** Coordinates become the transposed index, in place: halves of 64-bit words, whose bits above the 63rd do not count. */
function transpose(high: Int32Array, low: Int32Array): void {
  const count = high.length;
  for (let bit = hilbertBits - 1; bit > 0; bit -= 1) {
    const below = maskBelow(bit);
    for (let i = 0; i < count; i += 1) {
      if (hasBit(high, low, i, bit)) {
        flip(high, low, 0, below);
      } else {
        const differing = {
          high: (present(high[0], 'word') ^ present(high[i], 'word')) & below.high,
          low: (present(low[0], 'word') ^ present(low[i], 'word')) & below.low,
        };
        flip(high, low, 0, differing);
        flip(high, low, i, differing);
      }
    }
  }
  for (let i = 1; i < count; i += 1) {
    flip(high, low, i, { high: present(high[i - 1], 'word'), low: present(low[i - 1], 'word') });
  }
  const last = { high: 0, low: 0 };
  for (let bit = hilbertBits - 1; bit > 0; bit -= 1) {
    if (!hasBit(high, low, count - 1, bit)) continue;
    const below = maskBelow(bit);
    last.high ^= below.high;
    last.low ^= below.low;
  }
  for (let i = 0; i < count; i += 1) flip(high, low, i, last);
}

type Halves = { readonly high: number; readonly low: number };

function flip(high: Int32Array, low: Int32Array, at: number, bits: Halves): void {
  high[at] = present(high[at], 'word') ^ bits.high;
  low[at] = present(low[at], 'word') ^ bits.low;
}

function hasBit(high: Int32Array, low: Int32Array, at: number, bit: number): boolean {
  const half = bit >= 32 ? present(high[at], 'word') : present(low[at], 'word');
  return ((half >>> (bit & 31)) & 1) === 1;
}

/** All bits below this one. */
function maskBelow(bit: number): Halves {
  return bit >= 32 ? { high: 2 ** (bit - 32) - 1, low: -1 } : { high: 0, low: 2 ** bit - 1 };
}

/** The bits of the words in turn, the highest first, as a number of as many bytes as a key has. */
function indexBytes(high: Int32Array, low: Int32Array): Uint8Array {
  const count = high.length;
  const whole = new Uint8Array(Math.ceil((hilbertBits * count) / 8) + 1);
  let at = whole.length * 8 - hilbertBits * count;
  for (let bit = hilbertBits - 1; bit >= 0; bit -= 1) {
    for (let i = 0; i < count; i += 1) {
      if (hasBit(high, low, i, bit)) whole[at >> 3] = (whole[at >> 3] ?? 0) | (0x80 >> (at & 7));
      at += 1;
    }
  }
  return keyOfNumber(whole, hilbertKeyBytes(count));
}

/**
 * The number's last bytes; of one that, with its sign, needs more than a key has, Paimon keeps the first.
 *
 * @param whole big-endian, its first byte 0
 */
function keyOfNumber(whole: Uint8Array, keyBytes: number): Uint8Array {
  let start = 0;
  while (start < whole.length - 1 && whole[start] === 0 && (whole[start + 1] ?? 0) < 0x80) start += 1;
  return whole.length - start > hilbertBits
    ? whole.subarray(start, start + hilbertBits)
    : whole.subarray(whole.length - keyBytes);
}
