/**
 * Unscaled decimals as columns hold them, 128 bits as four int32 words, the lowest first, out of the forms a file may have
 * them in: int32, int64, and big-endian bytes of one width or of any.
 */
import { broken } from './padded-bytes.ts';
import type { TextValues } from './text-leaf.ts';

const bytesMax = 16;

export function widenInts(values: Int32Array): Uint8Array {
  const words = new Int32Array(values.length * 4);
  for (let i = 0, to = 0; i < values.length; i += 1, to += 4) {
    const value = values[i] ?? 0;
    words[to] = value;
    words.fill(value >> 31, to + 1, to + 4);
  }
  return new Uint8Array(words.buffer);
}

/** @param pairs two words a value, the low one first */
export function widenLongs(pairs: Int32Array): Uint8Array {
  const words = new Int32Array(pairs.length * 2);
  for (let from = 0, to = 0; from < pairs.length; from += 2, to += 4) {
    const high = pairs[from + 1] ?? 0;
    words[to] = pairs[from] ?? 0;
    words[to + 1] = high;
    words[to + 2] = high >> 31;
    words[to + 3] = high >> 31;
  }
  return new Uint8Array(words.buffer);
}

export function widenFixed(bytes: Uint8Array, width: number): Uint8Array {
  const count = bytes.length / width;
  const words = new Int32Array(count * 4);
  for (let i = 0; i < count; i += 1) putBigEndian(words, i * 4, bytes, { start: i * width, end: (i + 1) * width });
  return new Uint8Array(words.buffer);
}

/** @param bitmap 1 = value; undefined: no nulls */
export function widenTexts({ values, valueOffsets }: TextValues, bitmap: Uint8Array | undefined): Uint8Array {
  const count = valueOffsets.length - 1;
  const words = new Int32Array(count * 4);
  for (let row = 0; row < count; row += 1) {
    const start = valueOffsets[row] ?? 0;
    const end = valueOffsets[row + 1] ?? 0;
    const isNull = bitmap !== undefined && (((bitmap[row >> 3] ?? 0) >> (row & 7)) & 1) === 0;
    if (isNull) continue;
    if (start === end || end - start > bytesMax) throw broken(`a decimal of ${end - start} bytes`);
    putBigEndian(words, row * 4, values, { start, end });
  }
  return new Uint8Array(words.buffer);
}

function putBigEndian(
  words: Int32Array,
  at: number,
  bytes: Uint8Array,
  { start, end }: { readonly start: number; readonly end: number },
): void {
  const sign = ((bytes[start] ?? 0) << 24) >> 31;
  for (let word = 0; word < 4; word += 1) {
    const wordEnd = end - word * 4;
    let value = sign;
    for (let from = Math.max(start, wordEnd - 4); from < wordEnd; from += 1) value = (value << 8) | (bytes[from] ?? 0);
    words[at + word] = value;
  }
}
