/** Values without those of null rows. Each kernel takes the values of all rows and the null bits (1 = value). */
import { bitAt } from '../../../types/column-buffers.ts';

/** Set bits among the first `length`. */
export function countBits(bits: Uint8Array, length: number): number {
  const wholeBytes = length >> 3;
  let count = 0;
  for (let at = 0; at < wholeBytes; at += 1) count += bitCount(bits[at] ?? 0);
  const rest = length & 7;
  return rest === 0 ? count : count + bitCount((bits[wholeBytes] ?? 0) & ((1 << rest) - 1));
}

function bitCount(byte: number): number {
  const pairs = byte - ((byte >> 1) & 0x55);
  const fours = (pairs & 0x33) + ((pairs >> 2) & 0x33);
  return (fours + (fours >> 4)) & 0x0f;
}

type Words = { readonly count: number; readonly words: Int32Array };

/** Values of `width` words each. */
export function validWords({ count, words }: Words, width: number, nullBits: Uint8Array): Words {
  const kept = countBits(nullBits, count);
  // A null's words are written too, and then written over: cheaper than to branch on each bit.
  const out = new Int32Array((kept + 1) * width);
  let at = 0;
  for (let row = 0; row < count; row += 1) {
    for (let word = 0; word < width; word += 1) out[at + word] = words[row * width + word] ?? 0;
    at += bitAt(nullBits, row) * width;
  }
  return { count: kept, words: out.subarray(0, kept * width) };
}

type Bits = { readonly count: number; readonly bits: Uint8Array };

export function validBits({ count, bits }: Bits, nullBits: Uint8Array): Bits {
  const kept = countBits(nullBits, count);
  const out = new Uint8Array((kept >> 3) + 1);
  let at = 0;
  for (let row = 0; row < count; row += 1) {
    if (bitAt(nullBits, row) === 0) continue;
    out[at >> 3] = (out[at >> 3] ?? 0) | (bitAt(bits, row) << (at & 7));
    at += 1;
  }
  return { count: kept, bits: out };
}

type Bytes = { readonly count: number; readonly bytes: Uint8Array; readonly offsets: Int32Array };

export function validBytes({ count, bytes, offsets }: Bytes, nullBits: Uint8Array): Bytes {
  const kept = countBits(nullBits, count);
  const out = new Int32Array(kept + 1);
  let at = 0;
  let nullBytes = 0;
  for (let row = 0; row < count; row += 1) {
    const start = offsets[row] ?? 0;
    out[at] = start - nullBytes;
    if (bitAt(nullBits, row) === 0) nullBytes += (offsets[row + 1] ?? 0) - start;
    else at += 1;
  }
  out[kept] = (offsets[count] ?? 0) - nullBytes;
  // Nulls have no bytes, but where somebody made them so.
  return { count: kept, bytes: nullBytes === 0 ? bytes : withoutNullBytes(bytes, offsets, nullBits), offsets: out };
}

function withoutNullBytes(bytes: Uint8Array, offsets: Int32Array, nullBits: Uint8Array): Uint8Array {
  const out = new Uint8Array(bytes.length);
  let at = offsets[0] ?? 0;
  for (let row = 0; row + 1 < offsets.length; row += 1) {
    if (bitAt(nullBits, row) === 0) continue;
    const value = bytes.subarray(offsets[row], offsets[row + 1]);
    out.set(value, at);
    at += value.length;
  }
  return out;
}
