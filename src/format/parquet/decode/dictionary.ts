/** Dictionaries of a column chunk, and the pages whose values are places in one. */
import { encodings, type Page } from '../page.ts';
import { broken, padded } from './padded-bytes.ts';
import type { PageValues } from './page-sections.ts';
import { expandRuns } from './run-lengths.ts';
import { scratchInt32 } from './scratch.ts';
import type { PickedTexts } from './text-sink.ts';

/** Values of one fixed width, in a buffer of their own. */
export type FixedDictionary = { readonly bytes: Uint8Array<ArrayBuffer>; readonly count: number };

/** Byte strings, as they lie in their page. */
export type TextDictionary = PickedTexts & {
  readonly count: number;
  /** The length that all values have, if it is one. */
  readonly commonBytes: number | undefined;
  /** Length of all values. */
  readonly byteLength: number;
};

/** By the page, as long as somebody has it: who goes on in a column comes with the same one. */
const fixedDictionaries = new WeakMap<Page, FixedDictionary>();
const textDictionaries = new WeakMap<Page, TextDictionary>();

export function fixedDictionary(page: Page, width: number): FixedDictionary {
  const dictionary = fixedDictionaries.get(page) ?? copiedValues(page, width);
  fixedDictionaries.set(page, dictionary);
  return dictionary;
}

function copiedValues(page: Page, width: number): FixedDictionary {
  return { bytes: new Uint8Array(dictionaryValues(page, width)), count: page.valueCount };
}

/** Values of one width where they lie in their page. @throws RangeError when it ends before them */
export function dictionaryValues(page: Page, width: number): Uint8Array {
  checkPlain(page);
  const byteLength = page.valueCount * width;
  if (byteLength > page.body.length) throw broken(`a dictionary of ${byteLength} bytes in ${page.body.length}`);
  return page.body.subarray(0, byteLength);
}

export function textDictionary(page: Page): TextDictionary {
  const dictionary = textDictionaries.get(page) ?? foundTexts(page);
  textDictionaries.set(page, dictionary);
  return dictionary;
}

function foundTexts(page: Page): TextDictionary {
  checkPlain(page);
  const source = padded(page.body);
  const { view, byteLength } = source;
  const { valueCount: count } = page;
  if (count * 4 > byteLength) throw broken(`a dictionary of ${count} values in ${byteLength} bytes`);
  const starts = new Int32Array(count + 1);
  let at = 4;
  let isCommon = true;
  for (let i = 0; i < count; i += 1) {
    starts[i] = at;
    if (at > byteLength) throw broken('a dictionary reaches past its page');
    const textBytes = view.getInt32(at - 4, true);
    if (textBytes < 0 || textBytes > byteLength - at) throw broken(`a text of ${textBytes} bytes`);
    at += textBytes + 4;
    isCommon &&= at === (i + 1) * (textBytes + 4) + 4;
  }
  starts[count] = at;
  const textsBytes = at - 4 - 4 * count;
  return {
    source,
    starts,
    count,
    commonBytes: isCommon && count > 0 ? textsBytes / count : undefined,
    byteLength: textsBytes,
  };
}

function checkPlain({ encoding }: Page): void {
  if (encoding === encodings.plain || encoding === encodings.plainDictionary) return;
  throw broken(`a dictionary in encoding ${encoding}`);
}

/** The places in a dictionary of so many values, in room that the next page takes again. */
export function placesOf({ bytes, valueCount }: PageValues, dictionaryCount: number): Int32Array {
  const places = scratchInt32(valueCount);
  if (valueCount === 0) return places;
  const [bitWidth] = bytes;
  if (bitWidth === undefined) throw broken('a page ends before its values');
  expandRuns(padded(bytes), { byteAt: 1, bitWidth, count: valueCount }, places);
  // Negative when any of them is, or is larger than the last place.
  let signs = 0;
  for (let i = 0; i < valueCount; i += 1) {
    const place = places[i] ?? 0;
    signs |= place | (dictionaryCount - 1 - place);
  }
  if (signs < 0) throw broken(`a place outside of a dictionary of ${dictionaryCount} values`);
  return places;
}

export type Picks = { readonly places: Int32Array; readonly count: number; readonly width: number };

/** Values of so many int32 words at their places, into `out` from value `outAt` on. */
export function gatherWords(words: Int32Array, { places, count, width }: Picks, out: Int32Array, outAt: number): void {
  if (width === 1) {
    for (let i = 0; i < count; i += 1) out[outAt + i] = words[places[i] ?? 0] ?? 0;
  } else if (width === 2) {
    for (let i = 0, to = outAt * 2; i < count; i += 1, to += 2) {
      const from = (places[i] ?? 0) * 2;
      out[to] = words[from] ?? 0;
      out[to + 1] = words[from + 1] ?? 0;
    }
  } else {
    for (let i = 0, to = outAt * width; i < count; i += 1, to += width) {
      const from = (places[i] ?? 0) * width;
      for (let k = 0; k < width; k += 1) out[to + k] = words[from + k] ?? 0;
    }
  }
}

/** As `gatherWords`, for widths that are no whole words. */
export function gatherOdd(bytes: Uint8Array, { places, count, width }: Picks, out: Uint8Array, outAt: number): void {
  for (let i = 0, to = outAt * width; i < count; i += 1, to += width) {
    const from = (places[i] ?? 0) * width;
    for (let k = 0; k < width; k += 1) out[to + k] = bytes[from + k] ?? 0;
  }
}
