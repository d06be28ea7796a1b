/** The CRC-32 of zlib, gzip and Paimon's deletion vectors (polynomial 0xEDB88320). */
import { crc32 as zlibCrc32 } from 'node:zlib';

/**
 * @param before the checksum of the bytes before these, when they come in parts
 * @returns an unsigned 32-bit number
 */
export function crc32(bytes: Uint8Array, before = 0): number {
  return zlibCrc32(bytes, before);
}
