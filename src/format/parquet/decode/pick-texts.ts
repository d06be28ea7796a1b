/** Byte strings of few rows: of plain pages the lengths are walked along up to the last of them, and no other text is copied. */
import { present } from '../../../base/assert.ts';
import { encodings, isDictionaryEncoded } from '../page.ts';
import { placesOf, textDictionary } from './dictionary.ts';
import type { LeafPages } from './leaf-pages.ts';
import { broken } from './padded-bytes.ts';
import type { PageValues } from './page-sections.ts';
import { type PickedRows, type PickedSpan, valuesUpTo } from './picked-rows.ts';
import { checkedRoom } from './room.ts';
import { decodeTexts, type TextValues } from './text-leaf.ts';

/** @throws RangeError as `decodeTexts` */
export function pickTexts(leaf: LeafPages, rows: Uint32Array, { rowCount, places, spans }: PickedRows): TextValues {
  const texts: Uint8Array[] = new Array(rowCount).fill(noText);
  if (spans.every(({ page }) => page.encoding === encodings.plain || isDictionaryEncoded(page))) {
    for (const span of spans) {
      if (valuesUpTo(places, span) === 0) continue;
      if (isDictionaryEncoded(span.page)) pickFromDictionary(leaf, span, places, texts);
      else pickPlain(span, places, texts);
    }
    return joined(texts);
  }
  const { values, valueOffsets } = decodeTexts(leaf);
  for (const [i, row] of rows.entries()) {
    texts[i] = values.subarray(present(valueOffsets[row], 'start'), present(valueOffsets[row + 1], 'end'));
  }
  return joined(texts);
}

const noText = new Uint8Array();

function pickPlain({ page, from, to }: PickedSpan, places: Int32Array, texts: Uint8Array[]): void {
  const { bytes } = page;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  checkPlaces(page);
  let at = 0;
  let next = 0;
  for (let i = from; i < to; i += 1) {
    const place = present(places[i], 'place');
    if (place < 0) continue;
    for (; next < place; next += 1) at += 4 + textBytesAt(view, at);
    texts[i] = bytes.subarray(at + 4, at + 4 + textBytesAt(view, at));
  }
}

function checkPlaces({ valueCount, bytes }: PageValues): void {
  if (valueCount * 4 > bytes.length) throw broken(`${valueCount} texts in ${bytes.length} bytes`);
}

function textBytesAt(view: DataView, at: number): number {
  const { byteLength } = view;
  if (at + 4 > byteLength) throw broken('a text reaches past its page');
  const textBytes = view.getInt32(at, true);
  if (textBytes < 0 || textBytes > byteLength - at - 4) throw broken(`a text of ${textBytes} bytes`);
  return textBytes;
}

function pickFromDictionary(
  { dictionary: page }: LeafPages,
  span: PickedSpan,
  places: Int32Array,
  texts: Uint8Array[],
): void {
  if (page === undefined) throw broken('a page lacks its dictionary');
  const { source, starts, count } = textDictionary(page);
  const inDictionary = placesOf({ ...span.page, valueCount: valuesUpTo(places, span) }, count);
  for (let i = span.from; i < span.to; i += 1) {
    const place = present(places[i], 'place');
    if (place < 0) continue;
    const entry = present(inDictionary[place], 'entry');
    texts[i] = source.bytes.subarray(present(starts[entry], 'start'), present(starts[entry + 1], 'end') - 4);
  }
}

function joined(texts: readonly Uint8Array[]): TextValues {
  checkedRoom(texts.reduce((sum, text) => sum + text.length, 0));
  const valueOffsets = new Int32Array(texts.length + 1);
  for (const [i, text] of texts.entries()) valueOffsets[i + 1] = (valueOffsets[i] ?? 0) + text.length;
  const values = new Uint8Array(valueOffsets[texts.length] ?? 0);
  for (const [i, text] of texts.entries()) values.set(text, valueOffsets[i]);
  return { values, valueOffsets };
}
