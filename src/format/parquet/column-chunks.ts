/** Bytes of column chunks out of a file. */
import type { ByteSource } from '../../bytes/byte-source.ts';
import { type ColumnChunk, chunkStart, type FileRegion } from './footer.ts';
import { fetchRegions } from './regions.ts';

/** Where a chunk lies. */
export function chunkRegion(chunk: ColumnChunk): FileRegion {
  return { start: chunkStart(chunk), bytes: chunk.compressedBytes };
}

/** The bytes of each chunk, in the order given. */
export function fetchChunks(source: ByteSource, chunks: readonly ColumnChunk[]): Promise<readonly Uint8Array[]> {
  return fetchRegions(source, chunks.map(chunkRegion));
}
