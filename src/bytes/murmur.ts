/**
 * Paimon's bucket hash: 32-bit Murmur3 over little-endian words.
 *
 * @see Paimon 1.4.2 MurmurHashUtils.hashBytesByWords
 */
import { assert } from '../base/assert.ts';

const c1 = 0xcc9e2d51;
const c2 = 0x1b873593;

/**
 * @param bytes a multiple of 4 long, as BinaryRows are
 * @returns a signed 32-bit number
 */
export function murmurWords(bytes: Uint8Array, seed = 42): number {
  const length = bytes.length;
  assert(length % 4 === 0, () => `${length} bytes are not whole words`);
  let hash = seed | 0;
  for (let i = 0; i < length; i += 4) {
    hash = murmurMix(hash, bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24));
  }
  return murmurFinish(hash, length);
}

/** Takes one more little-endian word into the hash. */
export function murmurMix(hash: number, word: number): number {
  let k = Math.imul(word, c1);
  k = (k << 15) | (k >>> 17);
  let h = hash ^ Math.imul(k, c2);
  h = (h << 13) | (h >>> 19);
  return (Math.imul(h, 5) + 0xe6546b64) | 0;
}

/** Ends a hash of `byteLength` bytes. */
export function murmurFinish(hash: number, byteLength: number): number {
  let h = hash ^ byteLength;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
