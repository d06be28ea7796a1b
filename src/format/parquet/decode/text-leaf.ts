/** Byte strings of a leaf: all pages' bytes end to end, with the place where each row's end. */
import { encodings, isDictionaryEncoded } from '../page.ts';
import { appendByLength, appendPrefixed } from './delta-text.ts';
import { placesOf, type TextDictionary, textDictionary } from './dictionary.ts';
import { forEachPage, type LeafPages } from './leaf-pages.ts';
import { broken, padded } from './padded-bytes.ts';
import type { PageValues } from './page-sections.ts';
import { spreadOffsets } from './spread-nulls.ts';
import { TextSink } from './text-sink.ts';

export type TextValues = {
  /** One more than rows; a null is empty. */
  readonly valueOffsets: Int32Array;
  readonly values: Uint8Array;
};

/** A guess too large is only address space; the bytes of a dictionary's pages are known when they are there. */
const guessBytesMax = 64 * 1024 * 1024;
/** Values of one length up to this are copied as two words each. */
const shortBytesMax = 16;

export function decodeTexts(leaf: LeafPages): TextValues {
  const dictionary = leaf.dictionary === undefined ? undefined : textDictionary(leaf.dictionary);
  const sink = new TextSink(leaf.rowCount, guessBytes(leaf, dictionary));
  forEachPage(
    leaf,
    (page, start) => appendPage(sink, page, { dictionary, start }),
    rows => spreadOffsets(sink.offsets, rows),
  );
  return { valueOffsets: sink.offsets, values: sink.bytes };
}

function guessBytes({ pages }: LeafPages, dictionary: TextDictionary | undefined): number {
  const meanBytes = dictionary === undefined || dictionary.count === 0 ? 0 : dictionary.byteLength / dictionary.count;
  const total = pages.reduce((sum, page) => {
    if (!isDictionaryEncoded(page)) return sum + page.bytes.length;
    return sum + Math.ceil(meanBytes * page.valueCount);
  }, 0);
  return Math.min(guessBytesMax, total);
}

type TextPage = { readonly dictionary: TextDictionary | undefined; readonly start: number };

function appendPage(sink: TextSink, page: PageValues, { dictionary, start }: TextPage): void {
  const { bytes, valueCount, encoding } = page;
  if (isDictionaryEncoded(page)) {
    if (dictionary === undefined) throw broken('a page lacks its dictionary');
    const places = placesOf(page, dictionary.count);
    const rows = { count: valueCount, row: start };
    const { commonBytes } = dictionary;
    if (commonBytes !== undefined && commonBytes <= shortBytesMax) {
      sink.reserve(commonBytes * valueCount);
      sink.appendPickedShort(dictionary, places, { ...rows, textBytes: commonBytes });
    } else {
      sink.reserve(pickedBytes(dictionary, places, valueCount));
      sink.appendPicked(dictionary, places, rows);
    }
    return;
  }
  switch (encoding) {
    case encodings.plain:
      if (valueCount * 4 > bytes.length) throw broken(`${valueCount} texts in ${bytes.length} bytes`);
      sink.reserve(bytes.length - valueCount * 4);
      sink.appendPlain(padded(bytes), valueCount, start);
      return;
    case encodings.deltaLengthByteArray:
      appendByLength(sink, page, start);
      return;
    case encodings.deltaByteArray:
      appendPrefixed(sink, page, start);
      return;
    default:
      throw broken(`texts in encoding ${encoding}`);
  }
}

function pickedBytes({ starts }: TextDictionary, places: Int32Array, count: number): number {
  let total = 0;
  for (let i = 0; i < count; i += 1) {
    const place = places[i] ?? 0;
    total += (starts[place + 1] ?? 0) - (starts[place] ?? 0);
  }
  return total - 4 * count;
}
