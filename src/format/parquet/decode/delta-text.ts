/**
 * Byte strings by their lengths: DELTA_LENGTH_BYTE_ARRAY, all lengths and then all bytes; and DELTA_BYTE_ARRAY, which besides
 * leaves out what a value has in common with the one before.
 *
 * @see https://github.com/apache/parquet-format/blob/master/Encodings.md#delta-length-byte-array-delta_length_byte_array--6
 */
import { readDeltas } from './delta-binary.ts';
import { broken, padded } from './padded-bytes.ts';
import type { PageValues } from './page-sections.ts';
import { scratchInt32 } from './scratch.ts';
import type { TextSink } from './text-sink.ts';

/** The values of a DELTA_LENGTH_BYTE_ARRAY page, as rows from `row` on. */
export function appendByLength(sink: TextSink, { bytes, valueCount }: PageValues, row: number): void {
  const lengths = scratchInt32(valueCount);
  const start = readDeltas(padded(bytes), { byteAt: 0, count: valueCount, bits: 32 }, lengths, 0);
  const { offsets } = sink;
  let end = sink.byteLength;
  for (let i = 0; i < valueCount; i += 1) {
    const textBytes = lengths[i] ?? 0;
    if (textBytes < 0) throw broken(`a text of ${textBytes} bytes`);
    end += textBytes;
    offsets[row + 1 + i] = end;
  }
  const byteLength = end - sink.byteLength;
  if (byteLength > bytes.length - start) throw broken('a text reaches past its page');
  sink.reserve(byteLength);
  sink.appendBytes(bytes.subarray(start, start + byteLength));
}

/** The values of a DELTA_BYTE_ARRAY page, as rows from `row` on. */
export function appendPrefixed(sink: TextSink, { bytes, valueCount }: PageValues, row: number): void {
  const source = padded(bytes);
  const prefixes = new Int32Array(valueCount);
  const suffixes = scratchInt32(valueCount);
  const suffixesAt = readDeltas(source, { byteAt: 0, count: valueCount, bits: 32 }, prefixes, 0);
  const start = readDeltas(source, { byteAt: suffixesAt, count: valueCount, bits: 32 }, suffixes, 0);
  sink.reserve(prefixedBytes(prefixes, suffixes, bytes.length - start));
  sink.appendPrefixed(source, { prefixes, suffixes, start }, row);
}

/** How many bytes the values come to, each of which has been seen to be there. */
function prefixedBytes(prefixes: Int32Array, suffixes: Int32Array, bytesLeft: number): number {
  let suffixBytes = 0;
  let total = 0;
  let previousBytes = 0;
  for (let i = 0; i < prefixes.length; i += 1) {
    const prefix = prefixes[i] ?? 0;
    const suffix = suffixes[i] ?? 0;
    if (prefix < 0 || prefix > previousBytes) throw broken(`a text that shares ${prefix} bytes with ${previousBytes}`);
    if (suffix < 0) throw broken(`a text of ${suffix} bytes`);
    suffixBytes += suffix;
    previousBytes = prefix + suffix;
    total += previousBytes;
  }
  if (suffixBytes > bytesLeft) throw broken('a text reaches past its page');
  return total;
}
