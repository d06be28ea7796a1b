/** Booleans of a leaf, as bits. */
import { encodings } from '../page.ts';
import { packedBytes, unpackBits } from './bit-unpack.ts';
import type { LeafPages } from './leaf-pages.ts';
import { broken, padded } from './padded-bytes.ts';
import type { PageValues } from './page-sections.ts';
import { expandRuns } from './run-lengths.ts';
import { scratchInt32 } from './scratch.ts';

/** Least significant bit first, 0 for a null. */
export function decodeBits({ pages, rowCount, bitmap }: LeafPages): Uint8Array {
  const bits = new Uint8Array((rowCount + 7) >> 3);
  let start = 0;
  for (const page of pages) {
    const values = pageBits(page);
    let next = 0;
    for (let row = start; row < start + page.rowCount; row += 1) {
      const isNull = bitmap !== undefined && (((bitmap[row >> 3] ?? 0) >> (row & 7)) & 1) === 0;
      if (isNull) continue;
      bits[row >> 3] = (bits[row >> 3] ?? 0) | ((values[next] ?? 0) << (row & 7));
      next += 1;
    }
    start += page.rowCount;
  }
  return bits;
}

/** A number for each value of the page, 0 or 1. */
function pageBits({ bytes, valueCount: count, encoding }: PageValues): Int32Array {
  const values = scratchInt32(count);
  if (count === 0) return values;
  const source = padded(bytes);
  if (encoding === encodings.plain) {
    const packed = { byteAt: 0, bitWidth: 1, count };
    if (packedBytes(packed) > bytes.length) throw broken(`${count} booleans in ${bytes.length} bytes`);
    unpackBits(source, packed, values, 0);
    return values;
  }
  if (encoding !== encodings.rle) throw broken(`booleans in encoding ${encoding}`);
  if (bytes.length < 4) throw broken('a page ends before its values');
  const end = 4 + source.view.getUint32(0, true);
  if (end > bytes.length) throw broken('values reach past their page');
  expandRuns(padded(bytes.subarray(4, end)), { byteAt: 0, bitWidth: 1, count }, values);
  for (let i = 0; i < count; i += 1) values[i] = (values[i] ?? 0) & 1;
  return values;
}
