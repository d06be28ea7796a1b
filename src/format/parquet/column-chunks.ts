/** Bytes of column chunks out of a file: neighbours in one range, a few ranges at a time. */
import { assert } from '../../base/assert.ts';
import { mapBounded } from '../../base/concurrency.ts';
import type { ByteSource } from '../../bytes/byte-source.ts';
import { type ColumnChunk, chunkStart } from './footer.ts';

/** Reading this much for nothing is cheaper than another request. */
const gapBytesMax = 64 * 1024;
const rangesAtOnceMax = 8;

type Range = { readonly start: number; end: number; readonly members: number[] };

/** The bytes of each chunk, in the order given. */
export async function fetchChunks(source: ByteSource, chunks: readonly ColumnChunk[]): Promise<readonly Uint8Array[]> {
  const ranges = coalesce(chunks);
  const bytes: Uint8Array[] = new Array(chunks.length);
  await mapBounded(ranges, rangesAtOnceMax, async range => {
    const read = await source.slice(range.start, range.end);
    assert(read.length === range.end - range.start, 'a byte source gives the bytes asked for');
    for (const member of range.members) {
      const chunk = chunks[member];
      assert(chunk !== undefined, 'a chunk of the range');
      const at = chunkStart(chunk) - range.start;
      bytes[member] = read.subarray(at, at + chunk.compressedBytes);
    }
  });
  return bytes;
}

function coalesce(chunks: readonly ColumnChunk[]): readonly Range[] {
  const order = chunks.map((chunk, index) => ({ start: chunkStart(chunk), bytes: chunk.compressedBytes, index }));
  order.sort((a, b) => a.start - b.start);
  const ranges: Range[] = [];
  for (const { start, bytes, index } of order) {
    const last = ranges.at(-1);
    const end = start + bytes;
    if (last === undefined || start > last.end + gapBytesMax) ranges.push({ start, end, members: [index] });
    else {
      last.end = Math.max(last.end, end);
      last.members.push(index);
    }
  }
  return ranges;
}
