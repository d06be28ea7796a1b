/**
 * Hash index files: the hashes of all keys of a bucket, each once, as 32-bit big-endian numbers one after the other. So a
 * table with dynamic buckets remembers where a key went.
 *
 * @see spec 6.3; Paimon 1.4.2 HashIndexFile
 */
import { corrupt } from '../base/errors.ts';

const hashBytes = 4;

/** @throws LakeError `corrupt` LAKE_CORRUPT_INDEX */
export function decodeHashIndex(bytes: Uint8Array, where: string): Int32Array {
  if (bytes.length % hashBytes !== 0) {
    throw corrupt('LAKE_CORRUPT_INDEX', `${where}: a hash index of ${bytes.length} bytes`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Int32Array.from({ length: bytes.length / hashBytes }, (_, index) => view.getInt32(index * hashBytes));
}

export function encodeHashIndex(hashes: ArrayLike<number>): Uint8Array {
  const bytes = new Uint8Array(hashes.length * hashBytes);
  const view = new DataView(bytes.buffer);
  for (let index = 0; index < hashes.length; index += 1) view.setInt32(index * hashBytes, hashes[index] ?? 0);
  return bytes;
}
