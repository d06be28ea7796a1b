/**
 * Gives memory back at once that nobody will look at any more. The garbage collector would find it by and by; until then
 * tens of megabytes of it lie about where each row group takes as much again.
 */

/** Smaller ones are not worth it; and Node's shared pool, which must never be given back, is smaller. */
const worthwhileBytes = 128 * 1024;

/**
 * @param pieces own the whole of their buffers, or share them with others of these; none may be used afterwards
 * @param bytesMin of buffers that are given back: shared pools must be smaller
 */
export function release(pieces: Iterable<Uint8Array>, bytesMin: number = worthwhileBytes): void {
  for (const { buffer } of pieces) {
    if (buffer.byteLength >= bytesMin && buffer instanceof ArrayBuffer) buffer.transfer(0);
  }
}
