/** Room for numbers that are looked at once: used again from page to page, for decoding does not wait for anything. */

/** More than nearly every page has values; a larger one gets room of its own. */
const keptValuesMax = 1024 * 1024;
const firstValues = 32 * 1024;

let kept = new Int32Array(0);

/** At least `count` numbers of whatever was there before; given back by asking again. */
export function scratchInt32(count: number): Int32Array {
  if (count > keptValuesMax) return new Int32Array(count);
  if (count > kept.length) kept = new Int32Array(Math.max(count, firstValues));
  return kept;
}
