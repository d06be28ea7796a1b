/** Some of a column's values, picked by their places. */
import { type ByteStrings, type WordValues, wordsPerValue } from './leaf-values.ts';

/** Numbers of values, the first `count` of `places`. */
export type Places = { readonly places: Int32Array; readonly count: number };

/** The values at these places, in memory of their own. */
export function valuesAt(values: WordValues | ByteStrings, places: Places): WordValues | ByteStrings {
  return values.kind === 'bytes' ? stringsAt(values, places) : wordsAt(values, places);
}

function wordsAt(values: WordValues, { places, count }: Places): WordValues {
  const width = wordsPerValue[values.kind];
  const words = new Int32Array(count * width);
  for (let i = 0; i < count; i += 1) {
    const from = (places[i] ?? 0) * width;
    for (let word = 0; word < width; word += 1) words[i * width + word] = values.words[from + word] ?? 0;
  }
  return { kind: values.kind, count, words };
}

function stringsAt({ bytes, offsets: given }: ByteStrings, { places, count }: Places): ByteStrings {
  const offsets = new Int32Array(count + 1);
  let total = 0;
  for (let i = 0; i < count; i += 1) {
    const place = places[i] ?? 0;
    total += (given[place + 1] ?? 0) - (given[place] ?? 0);
    offsets[i + 1] = total;
  }
  const own = new Uint8Array(total);
  for (let i = 0; i < count; i += 1) {
    const place = places[i] ?? 0;
    copyShort(bytes, { from: given[place] ?? 0, to: given[place + 1] ?? 0 }, own, offsets[i] ?? 0);
  }
  return { kind: 'bytes', count, bytes: own, offsets };
}

/** A call of the runtime's copy takes as long as so many bytes one by one. */
const copiedHereMax = 48;

type Span = { readonly from: number; readonly to: number };

function copyShort(bytes: Uint8Array, { from, to }: Span, out: Uint8Array, start: number): void {
  if (to - from > copiedHereMax) out.set(bytes.subarray(from, to), start);
  else for (let at = from; at < to; at += 1) out[start + at - from] = bytes[at] ?? 0;
}
