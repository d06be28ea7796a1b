/**
 * What byte keys are sorted by first: a number of up to 32 bits for each, made of as many of their bytes as it has room for.
 * A byte counts only as its **rank** among those that occur at its place, as digits of a number of mixed base do: what all
 * keys share (`customer-0…`, the high bytes of small integers) takes no room at all, a decimal digit takes 3.3 bits, and eight
 * of them, which are 64 bits as they stand, fit with room to spare. A key that has ended comes before all bytes.
 */

/** Places looked at in one turn. */
const placesMax = 32;
/** Ranks of a place: ended, and 256 bytes. */
const symbolCount = 257;
const numbersMax = 2 ** 32;
/** Keys by which it is guessed how many places are needed. */
const sampleRowsMax = 256;

export type RankedKeys = {
  /** Of the key at each place of the order. Equal numbers: the keys are the same in the places that were used. */
  readonly numbers: Uint32Array;
  /** All numbers are below 2^bits. */
  readonly bits: number;
  readonly usedPlaces: number;
};

type ByteKeys = { readonly bytes: Uint8Array; readonly offsets: Int32Array };

/**
 * @param order rows of the keys to be ranked, none of them null
 * @param depth bytes that all these keys share; the places begin behind them
 */
export function rankKeys(keys: ByteKeys, order: Uint32Array, depth: number): RankedKeys {
  const step = Math.max(1, Math.floor(order.length / sampleRowsMax));
  const sample = seenBytes(keys, order, { depth, step, places: placesMax });
  const seen =
    step === 1
      ? sample
      : seenBytes(keys, order, { depth, step: 1, places: baseOfPlaces(sample, placesMax).usedPlaces });
  const { weights, base, usedPlaces } = baseOfPlaces(seen, seen.length / symbolCount);
  const numbers = numberKeys(keys, order, { depth, usedPlaces, values: rankValues(seen, weights) });
  return { numbers, bits: Math.ceil(Math.log2(base)), usedPlaces };
}

type Look = { readonly depth: number; readonly step: number; readonly places: number };

/** Which symbols occur: at `place * symbolCount`, 1 for keys that have ended before it, and behind that 1 for each byte. */
function seenBytes({ bytes, offsets }: ByteKeys, order: Uint32Array, { depth, step, places }: Look): Uint8Array {
  const seen = new Uint8Array(places * symbolCount);
  for (let i = 0; i < order.length; i += step) {
    const row = order[i] ?? 0;
    const start = (offsets[row] ?? 0) + depth;
    const length = Math.min(places, (offsets[row + 1] ?? 0) - start);
    for (let place = 0; place < length; place += 1) seen[place * symbolCount + 1 + (bytes[start + place] ?? 0)] = 1;
    if (length < places) seen[Math.max(0, length) * symbolCount] = 1;
  }
  // What has ended before a place has ended before those behind it.
  for (let place = 1; place < places; place += 1) {
    if (seen[(place - 1) * symbolCount] === 1) seen[place * symbolCount] = 1;
  }
  return seen;
}

type BaseOfPlaces = {
  /** What one rank counts at each place. */
  readonly weights: Float64Array;
  readonly base: number;
  readonly usedPlaces: number;
};

/** As many places as there is room for. */
function baseOfPlaces(seen: Uint8Array, places: number): BaseOfPlaces {
  const counts: number[] = [];
  let base = 1;
  for (let place = 0; place < places; place += 1) {
    let count = 0;
    for (let symbol = 0; symbol < symbolCount; symbol += 1) count += seen[place * symbolCount + symbol] ?? 0;
    if (base * count > numbersMax) break;
    base *= Math.max(1, count);
    counts.push(count);
  }
  const weights = new Float64Array(counts.length);
  let weight = 1;
  for (let place = counts.length - 1; place >= 0; place -= 1) {
    weights[place] = weight;
    weight *= Math.max(1, counts[place] ?? 1);
  }
  return { weights, base, usedPlaces: counts.length };
}

/** What each byte that occurs adds to a key's number, at `place * symbolCount + 1 + byte`. A key that has ended adds nothing. */
function rankValues(seen: Uint8Array, weights: Float64Array): Float64Array {
  const values = new Float64Array(weights.length * symbolCount);
  for (let place = 0; place < weights.length; place += 1) {
    let rank = 0;
    for (let at = place * symbolCount; at < (place + 1) * symbolCount; at += 1) {
      if (seen[at] !== 1) continue;
      values[at] = rank * (weights[place] ?? 0);
      rank += 1;
    }
  }
  return values;
}

type Numbering = { readonly depth: number; readonly usedPlaces: number; readonly values: Float64Array };

function numberKeys(
  { bytes, offsets }: ByteKeys,
  order: Uint32Array,
  { depth, usedPlaces, values }: Numbering,
): Uint32Array {
  const telling = tellingPlaces(values, usedPlaces);
  const numbers = new Uint32Array(order.length);
  for (let i = 0; i < order.length; i += 1) {
    const row = order[i] ?? 0;
    const start = (offsets[row] ?? 0) + depth;
    const length = (offsets[row + 1] ?? 0) - start;
    let number = 0;
    for (let at = 0; at < telling.length; at += 1) {
      const place = telling[at] ?? 0;
      if (place >= length) break;
      number += values[place * symbolCount + 1 + (bytes[start + place] ?? 0)] ?? 0;
    }
    numbers[i] = number;
  }
  return numbers;
}

/** Places at which not all keys are the same. */
function tellingPlaces(values: Float64Array, usedPlaces: number): Uint32Array {
  const places = Array.from({ length: usedPlaces }, (_, place) => place);
  return Uint32Array.from(
    places.filter(place => values.subarray(place * symbolCount, (place + 1) * symbolCount).some(value => value > 0)),
  );
}
