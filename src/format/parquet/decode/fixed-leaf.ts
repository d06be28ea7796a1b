/** Values of one width (numbers, timestamps, fixed-length bytes) straight into one buffer for all pages. */
import type { PhysicalType, SchemaElement } from '../footer.ts';
import { encodings, isDictionaryEncoded } from '../page.ts';
import { joinByteStreams } from './byte-stream-split.ts';
import { readDeltas } from './delta-binary.ts';
import { appendPrefixed } from './delta-text.ts';
import { type FixedDictionary, fixedDictionary, gatherOdd, gatherWords, placesOf } from './dictionary.ts';
import { forEachPage, type LeafPages } from './leaf-pages.ts';
import { broken, padded } from './padded-bytes.ts';
import type { PageValues } from './page-sections.ts';
import { checkedRoom } from './room.ts';
import { spreadValues } from './spread-nulls.ts';
import { TextSink } from './text-sink.ts';

/** Bytes of a value; undefined when they are of no one width. */
export function fixedWidth({ physical, typeLength }: SchemaElement): number | undefined {
  switch (physical) {
    case 'int32':
    case 'float':
      return 4;
    case 'int64':
    case 'double':
      return 8;
    case 'int96':
      return 12;
    case 'fixed-len-byte-array':
      return typeLength;
    default:
      return undefined;
  }
}

type FixedValues = {
  readonly physical: PhysicalType | undefined;
  /** Bytes of a value. */
  readonly width: number;
  readonly dictionary: FixedDictionary | undefined;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The same as words; undefined when a value is not whole words. */
  readonly words: Int32Array<ArrayBuffer> | undefined;
};

/** @returns `width` bytes for each row, zeros for a null */
export function decodeFixed(leaf: LeafPages, width: number): Uint8Array<ArrayBuffer> {
  const { rowCount, element } = leaf;
  for (const page of leaf.pages) checkLength(page, width);
  const bytes = new Uint8Array(checkedRoom(rowCount * width));
  const words = width % 4 === 0 ? new Int32Array(bytes.buffer) : undefined;
  const dictionary = leaf.dictionary === undefined ? undefined : fixedDictionary(leaf.dictionary, width);
  const values: FixedValues = { physical: element.physical, width, dictionary, bytes, words };
  forEachPage(
    leaf,
    (page, start) => decodePage(values, page, start),
    rows => spreadValues(words ?? bytes, words === undefined ? width : width / 4, rows),
  );
  return bytes;
}

/** Before room is made for values that are not there. @throws RangeError */
export function checkLength({ encoding, valueCount, bytes }: PageValues, width: number): void {
  const isAsLong = encoding === encodings.plain || encoding === encodings.byteStreamSplit;
  if (isAsLong && valueCount * width > bytes.length) {
    throw broken(`${valueCount} values of ${width} bytes in ${bytes.length}`);
  }
}

function decodePage(values: FixedValues, page: PageValues, start: number): void {
  const { physical, width, bytes, words } = values;
  const { encoding, valueCount } = page;
  if (isDictionaryEncoded(page)) {
    gather(values, page, start);
    return;
  }
  const end = start + valueCount;
  switch (encoding) {
    case encodings.plain:
      bytes.set(page.bytes.subarray(0, valueCount * width), start * width);
      return;
    case encodings.byteStreamSplit:
      if (physical === 'int96') break;
      joinByteStreams(page.bytes, width, bytes.subarray(start * width, end * width));
      return;
    case encodings.deltaBinaryPacked:
      if ((physical !== 'int32' && physical !== 'int64') || words === undefined) break;
      readDeltas(
        padded(page.bytes),
        { byteAt: 0, count: valueCount, bits: physical === 'int32' ? 32 : 64 },
        words,
        start,
      );
      return;
    case encodings.deltaByteArray:
      if (physical !== 'fixed-len-byte-array') break;
      bytes.set(prefixedValues(page, width), start * width);
      return;
    default:
      break;
  }
  throw broken(`${physical} values in encoding ${encoding}`);
}

function gather({ width, dictionary, bytes, words }: FixedValues, page: PageValues, start: number): void {
  if (dictionary === undefined) throw broken('a page lacks its dictionary');
  const places = placesOf(page, dictionary.count);
  const count = page.valueCount;
  if (words === undefined) gatherOdd(dictionary.bytes, { places, count, width }, bytes, start);
  else gatherWords(new Int32Array(dictionary.bytes.buffer), { places, count, width: width / 4 }, words, start);
}

function prefixedValues(page: PageValues, width: number): Uint8Array {
  const sink = new TextSink(page.valueCount, 0);
  appendPrefixed(sink, page, 0);
  for (let i = 0; i <= page.valueCount; i += 1) {
    if (sink.offsets[i] !== i * width) throw broken(`a value that has not ${width} bytes`);
  }
  return sink.bytes;
}
