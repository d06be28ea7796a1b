/**
 * PLAIN: words as they lie in memory, bits packed, byte strings each after its length (4 bytes, little-endian), decimals of
 * more than 18 digits as so many bytes with the highest first.
 */
import { copyBits } from '../../../types/column-buffers.ts';
import { type ByteStrings, type LeafValues, wordsPerValue } from './leaf-values.ts';

/** @param fixedBytes of a value of kind int128 in the file */
export type PlainRange = { readonly from: number; readonly to: number; readonly fixedBytes: number };

const lengthBytes = 4;
/** Longer ones are copied by the runtime, whose call takes as long as so many bytes. */
const copiedHereMax = 64;

/** How many bytes the values [from, to) take. */
export function plainBytes(values: LeafValues, { from, to, fixedBytes }: PlainRange): number {
  switch (values.kind) {
    case 'bits':
      return (to - from + 7) >> 3;
    case 'bytes':
      return (to - from) * lengthBytes + (values.offsets[to] ?? 0) - (values.offsets[from] ?? 0);
    case 'int128':
      return (to - from) * fixedBytes;
    default:
      return (to - from) * wordsPerValue[values.kind] * 4;
  }
}

/** @param out has room for `plainBytes` from `at` on */
export function putPlain(values: LeafValues, range: PlainRange, out: Uint8Array, at: number): void {
  const { from, to } = range;
  switch (values.kind) {
    case 'bits':
      out.set(copyBits(values.bits, from, to - from), at);
      break;
    case 'bytes':
      putStrings(values, range, out, at);
      break;
    case 'int128':
      putDecimals(values.words, range, out, at);
      break;
    default: {
      const { words } = values;
      const valueBytes = wordsPerValue[values.kind] * 4;
      out.set(new Uint8Array(words.buffer, words.byteOffset + from * valueBytes, (to - from) * valueBytes), at);
    }
  }
}

function putStrings({ bytes, offsets }: ByteStrings, { from, to }: PlainRange, out: Uint8Array, start: number): void {
  const source = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const target = new DataView(out.buffer, out.byteOffset, out.byteLength);
  let at = start;
  for (let i = from; i < to; i += 1) {
    let read = offsets[i] ?? 0;
    const end = offsets[i + 1] ?? 0;
    target.setInt32(at, end - read, true);
    at += lengthBytes;
    if (end - read > copiedHereMax) {
      out.set(bytes.subarray(read, end), at);
      at += end - read;
      continue;
    }
    for (; read + 4 <= end; read += 4) {
      target.setInt32(at, source.getInt32(read, true), true);
      at += 4;
    }
    for (; read < end; read += 1) {
      target.setUint8(at, source.getUint8(read));
      at += 1;
    }
  }
}

function putDecimals(words: Int32Array, { from, to, fixedBytes }: PlainRange, out: Uint8Array, start: number): void {
  let at = start;
  for (let i = from; i < to; i += 1) {
    for (let byte = fixedBytes - 1; byte >= 0; byte -= 1) {
      out[at] = (words[i * 4 + (byte >> 2)] ?? 0) >>> ((byte & 3) * 8);
      at += 1;
    }
  }
}
