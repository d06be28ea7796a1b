/**
 * BYTE_STREAM_SPLIT: first the first bytes of all values, then the second ones, and so on.
 *
 * @see https://github.com/apache/parquet-format/blob/master/Encodings.md#byte-stream-split-byte_stream_split--9
 */
import { broken } from './padded-bytes.ts';

/** Values of `width` bytes, `out.length / width` of them. */
export function joinByteStreams(bytes: Uint8Array, width: number, out: Uint8Array): void {
  if (bytes.length < out.length) throw broken(`${out.length} bytes of values in a page of ${bytes.length}`);
  const count = out.length / width;
  for (let stream = 0; stream < width; stream += 1) {
    const from = stream * count;
    for (let i = 0, to = stream; i < count; i += 1, to += width) out[to] = bytes[from + i] ?? 0;
  }
}
