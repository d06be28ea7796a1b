/**
 * Which encoding a column of a row group gets, from a sample of its values: a dictionary where few values come often,
 * deltas where neighbours are near each other, else plain.
 */
import { assert } from '../../base/assert.ts';
import { buildDictionary } from './encode/dictionary.ts';
import { type ByteStrings, type LeafValues, type WordValues, wordsPerValue } from './encode/leaf-values.ts';
import { valuesAt } from './encode/values-at.ts';

export type ColumnEncoding = 'plain' | 'delta' | 'dictionary';

/** Values looked at for repeated ones. */
const sampleValuesMax = 1024;
/** Neighbours looked at for deltas: so many runs of so many values. A run is a miniblock of the encoding. */
const runsMax = 16;
const runValues = 32;
/** A larger dictionary is not worth reading for a page. */
const dictionaryBytesMax = 256 * 1024;
/** An encoding that saves less than this is not worth its decoding. */
const worthwhile = 0.75;

export type EncodingLimits = {
  /** Only encodings of Parquet's first version, which is all that Paimon 0.9 reads. */
  readonly withoutDeltas?: boolean | undefined;
};

export function chooseEncoding(values: LeafValues, { withoutDeltas }: EncodingLimits = {}): ColumnEncoding {
  if (values.kind === 'bits' || values.kind === 'int96' || values.count === 0) return 'plain';
  const plainBits = bitsOfValue(values);
  const dictionaryBits = bitsWithDictionary(values, plainBits);
  const isInteger = values.kind === 'int32' || values.kind === 'int64';
  const deltaBits = isInteger && withoutDeltas !== true ? bitsWithDeltas(values) : plainBits;
  if (Math.min(dictionaryBits, deltaBits) > plainBits * worthwhile) return 'plain';
  return dictionaryBits <= deltaBits ? 'dictionary' : 'delta';
}

/** Mean size of a value in plain encoding. */
function bitsOfValue(values: WordValues | ByteStrings): number {
  if (values.kind !== 'bytes') return 32 * wordsPerValue[values.kind];
  const { offsets, count } = values;
  return 32 + (8 * ((offsets[count] ?? 0) - (offsets[0] ?? 0))) / count;
}

function bitsWithDictionary(values: WordValues | ByteStrings, plainBits: number): number {
  const { count } = values;
  const sampled = Math.min(count, sampleValuesMax);
  const sample = buildDictionary(sampled === count ? values : sampleOf(values, sampled), Number.MAX_SAFE_INTEGER);
  assert(sample !== undefined, 'the sample has a dictionary');
  const distinctCount = Math.min(count, estimateDistinct(sampled, sample.entries.count));
  const dictionaryBits = distinctCount * plainBits;
  if (dictionaryBits > dictionaryBytesMax * 8) return Number.POSITIVE_INFINITY;
  return Math.ceil(Math.log2(Math.max(1, distinctCount))) + dictionaryBits / count;
}

/** So many of the values, at even distances. */
function sampleOf(values: WordValues | ByteStrings, sampled: number): WordValues | ByteStrings {
  const places = new Int32Array(sampled);
  for (let i = 0; i < sampled; i += 1) places[i] = Math.floor((i * values.count) / sampled);
  return valuesAt(values, { places, count: sampled });
}

/** How many values there are when a sample of them, evenly frequent, shows so many: d = D (1 - exp(-n/D)), solved for D. */
function estimateDistinct(sampled: number, distinct: number): number {
  if (distinct <= 1 || sampled === 0) return distinct;
  // With all or nearly all different, the sample tells nothing but "many".
  if (distinct >= sampled * 0.98) return Number.POSITIVE_INFINITY;
  let low = distinct;
  let high = sampled * sampled;
  for (let i = 0; i < 40; i += 1) {
    const middle = (low + high) / 2;
    if (middle * (1 - Math.exp(-sampled / middle)) < distinct) low = middle;
    else high = middle;
  }
  return high;
}

function bitsWithDeltas(values: WordValues): number {
  const { count } = values;
  const runs = Math.max(1, Math.min(runsMax, Math.floor(count / runValues)));
  const step = Math.max(runValues, Math.floor(count / runs));
  let bits = 0;
  let seen = 0;
  for (let start = 0; start < count; start += step) {
    const end = Math.min(count, start + runValues);
    let least = Number.POSITIVE_INFINITY;
    let most = Number.NEGATIVE_INFINITY;
    for (let i = start + 1; i < end; i += 1) {
      const difference = numberAt(values, i) - numberAt(values, i - 1);
      if (difference < least) least = difference;
      if (difference > most) most = difference;
    }
    if (most < least) continue;
    bits += Math.ceil(Math.log2(most - least + 1)) + 1;
    seen += 1;
  }
  return seen === 0 ? Number.POSITIVE_INFINITY : bits / seen;
}

/** Of an integer; a large one may lose its last bits. */
function numberAt({ kind, words }: WordValues, i: number): number {
  if (kind === 'int32') return words[i] ?? 0;
  return (words[i * 2 + 1] ?? 0) * 2 ** 32 + ((words[i * 2] ?? 0) >>> 0);
}
