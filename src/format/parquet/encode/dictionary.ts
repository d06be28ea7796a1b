/**
 * Values as a dictionary and an index into it for each. Entries come in the order in which they are first met, and are told
 * apart by their bits, so that -0 and 0 and every NaN stay what they are.
 */
import { indexPairs, indexStrings, indexWords } from './dictionary-index.ts';
import { type ByteStrings, type LeafValues, type WordValues, wordsPerValue } from './leaf-values.ts';
import { type Places, valuesAt } from './values-at.ts';

export type Dictionary = {
  readonly entries: WordValues | ByteStrings;
  /** For each value the number of its entry. */
  readonly indexes: Int32Array;
};

/** @returns undefined when the entries take more than `bytesMax` in plain encoding, and for bits, which have no dictionary */
export function buildDictionary(values: LeafValues, bytesMax: number): Dictionary | undefined {
  if (values.kind === 'bits') return undefined;
  const indexes = new Int32Array(values.count);
  if (values.kind === 'bytes') {
    const places = indexStrings(values, indexes, { bytesMax });
    return places === undefined ? undefined : { entries: valuesAt(values, places), indexes };
  }
  const places = indexWordValues(values, indexes, bytesMax);
  return places === undefined ? undefined : { entries: valuesAt(values, places), indexes };
}

function indexWordValues({ kind, words }: WordValues, indexes: Int32Array, bytesMax: number): Places | undefined {
  const width = wordsPerValue[kind];
  const entriesMax = Math.floor(bytesMax / (width * 4));
  if (width === 1) return indexWords(words, indexes, { entriesMax });
  if (width === 2) return indexPairs(words, indexes, { entriesMax });
  // Wide ones are rare, and as good as byte strings of one length.
  const bytes = new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
  const offsets = Int32Array.from({ length: indexes.length + 1 }, (_, i) => i * width * 4);
  return indexStrings({ kind: 'bytes', count: indexes.length, bytes, offsets }, indexes, { bytesMax });
}
