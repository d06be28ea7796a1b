/** Values of one width of few rows: pages are decoded up to the last of them, or not at all where a value's place tells where it is. */
import { present } from '../../../base/assert.ts';
import { encodings, isDictionaryEncoded } from '../page.ts';
import { readDeltas } from './delta-binary.ts';
import { dictionaryValues, placesOf } from './dictionary.ts';
import { checkLength, decodeFixed } from './fixed-leaf.ts';
import type { LeafPages } from './leaf-pages.ts';
import { broken, padded } from './padded-bytes.ts';
import { type PickedRows, type PickedSpan, valuesUpTo } from './picked-rows.ts';
import { checkedRoom } from './room.ts';
import { scratchInt32 } from './scratch.ts';

/** @returns `width` bytes for each row that is picked, zeros for a null · @throws RangeError as `decodeFixed` */
export function pickFixed(
  leaf: LeafPages,
  rows: Uint32Array,
  { rowCount, places, spans }: PickedRows,
  width: number,
): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(checkedRoom(rowCount * width));
  // Each value takes something of the one before.
  if (spans.some(({ page }) => page.encoding === encodings.deltaByteArray)) {
    const all = decodeFixed(leaf, width);
    for (const [i, row] of rows.entries()) out.set(all.subarray(row * width, (row + 1) * width), i * width);
    return out;
  }
  for (const span of spans) {
    const count = valuesUpTo(places, span);
    if (count === 0) continue;
    const { bytes, at } = valuesOf(leaf, span, { width, count });
    for (let i = span.from; i < span.to; i += 1) {
      const place = present(places[i], 'place');
      if (place < 0) continue;
      if (span.page.encoding === encodings.byteStreamSplit) {
        for (let k = 0; k < width; k += 1) out[i * width + k] = bytes[k * span.page.valueCount + place] ?? 0;
      } else out.set(bytes.subarray(at(place), at(place) + width), i * width);
    }
  }
  return out;
}

/** Bytes that hold the values, and where in them the value at a place begins. */
type FoundValues = { readonly bytes: Uint8Array; readonly at: (place: number) => number };

function valuesOf(
  { element, dictionary }: LeafPages,
  { page }: PickedSpan,
  { width, count }: { readonly width: number; readonly count: number },
): FoundValues {
  const { physical } = element;
  checkLength(page, width);
  if (isDictionaryEncoded(page)) {
    if (dictionary === undefined) throw broken('a page lacks its dictionary');
    const bytes = dictionaryValues(dictionary, width);
    const inDictionary = placesOf({ ...page, valueCount: count }, dictionary.valueCount);
    return { bytes, at: place => (inDictionary[place] ?? 0) * width };
  }
  const bits = physical === 'int64' ? 64 : 32;
  switch (page.encoding) {
    case encodings.plain:
      return { bytes: page.bytes, at: place => place * width };
    case encodings.byteStreamSplit:
      if (physical === 'int96') break;
      return { bytes: page.bytes, at: place => place };
    case encodings.deltaBinaryPacked: {
      if ((physical !== 'int32' && physical !== 'int64') || width !== bits / 8) break;
      const words = scratchInt32(count * (bits / 32));
      const deltas = { byteAt: 0, count: page.valueCount, bits, firstOnly: count } as const;
      readDeltas(padded(page.bytes), deltas, words, 0);
      return { bytes: new Uint8Array(words.buffer, words.byteOffset, count * width), at: place => place * width };
    }
    default:
      break;
  }
  throw broken(`${physical} values in encoding ${page.encoding}`);
}
