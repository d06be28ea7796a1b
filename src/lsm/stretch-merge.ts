/**
 * Merges stretches of rows by their heads alone, two at a time: the quick way through the many rows of a merge whose heads
 * tell their keys. A loser tree takes for each row as many matches as it has levels, each of which the processor guesses
 * wrong half of the time; here a step has no branch that depends on data (the comparison becomes 0 or 1 and is added), and
 * goes from both ends at once, since each step has to wait for the one before it at its own end only. That takes 4 ns a row
 * and pass where a match takes 10.
 *
 * Layout: heads, and beside them **codes** that say which row it is: its stretch's leaf above `rowBits`, its row below. Both
 * arrays are two halves; stretches lie in the first, the shortest first, and two neighbours are merged into the same places
 * of the other half.
 */
import { assert, present } from '../base/assert.ts';

/** Rows `start` to `end` of a leaf; heads ascend. */
export type Stretch = {
  readonly heads: Float64Array;
  readonly leaf: number;
  readonly start: number;
  readonly end: number;
};

export const rowBits = 24;
export const stretchRowsMax: number = 2 ** rowBits;
export const stretchLeavesMax: number = 2 ** (32 - rowBits);

/** Rows by ascending heads; of equal heads in no particular order. Valid until the next merge. */
export type MergedHeads = { readonly heads: Float64Array; readonly codes: Uint32Array; readonly count: number };

/** A stretch, or what some were merged into, at these places of a half. */
type Span = { readonly start: number; readonly end: number; readonly isInSecondHalf: boolean };

export class StretchMerge {
  #heads = new Float64Array(0);
  #codes = new Uint32Array(0);

  /** @param stretches of leaves below `stretchLeavesMax`, their rows below `stretchRowsMax` */
  merge(stretches: readonly Stretch[]): MergedHeads {
    const count = stretches.reduce((sum, { start, end }) => sum + end - start, 0);
    if (this.#half < count) {
      this.#heads = new Float64Array(2 * count);
      this.#codes = new Uint32Array(2 * count);
    }
    let spans = this.#fill(stretches.toSorted((a, b) => lengthOf(a) - lengthOf(b)));
    while (spans.length > 1) spans = this.#pass(spans);
    const start = spans[0]?.isInSecondHalf === true ? this.#half : 0;
    const end = start + count;
    return { heads: this.#heads.subarray(start, end), codes: this.#codes.subarray(start, end), count };
  }

  get #half(): number {
    return this.#heads.length / 2;
  }

  #fill(stretches: readonly Stretch[]): readonly Span[] {
    const codes = this.#codes;
    let at = 0;
    return stretches.map(stretch => {
      assert(stretch.leaf < stretchLeavesMax && stretch.end <= stretchRowsMax, 'a stretch whose rows have codes');
      const start = at;
      this.#heads.set(stretch.heads.subarray(stretch.start, stretch.end), start);
      const code = stretch.leaf * stretchRowsMax;
      for (let row = stretch.start; row < stretch.end; row += 1, at += 1) codes[at] = code + row;
      return { start, end: at, isInSecondHalf: false };
    });
  }

  /** Merges neighbours, but long ones as late as can be, so that they are gone through seldom. */
  #pass(spans: readonly Span[]): readonly Span[] {
    const longest = spans.reduce((most, span) => Math.max(most, lengthOf(span)), 0);
    const lengthMax = Math.max(longest, 2 * (lengthOf(spans[0]) + lengthOf(spans[1])));
    const out: Span[] = [];
    for (let index = 0; index < spans.length; ) {
      const a = present(spans[index], 'a span');
      const b = spans[index + 1];
      if (b !== undefined && (index === 0 || lengthOf(a) + lengthOf(b) <= lengthMax)) {
        out.push(this.#mergePair(a, b));
        index += 2;
      } else {
        out.push(a);
        index += 1;
      }
    }
    return out;
  }

  #mergePair(a: Span, b: Span): Span {
    const { isInSecondHalf } = lengthOf(a) > lengthOf(b) ? a : b;
    for (const span of [a, b]) if (span.isInSecondHalf !== isInSecondHalf) this.#moveToOtherHalf(span);
    const [from, to] = isInSecondHalf ? [this.#half, 0] : [0, this.#half];
    mergeSpans(
      this.#heads,
      this.#codes,
      { start: a.start + from, middle: b.start + from, end: b.end + from },
      to - from,
    );
    return { start: a.start, end: b.end, isInSecondHalf: !isInSecondHalf };
  }

  #moveToOtherHalf({ start, end, isInSecondHalf }: Span): void {
    const [from, to] = isInSecondHalf ? [this.#half, 0] : [0, this.#half];
    this.#heads.copyWithin(start + to, start + from, end + from);
    this.#codes.copyWithin(start + to, start + from, end + from);
  }
}

function lengthOf(span: { readonly start: number; readonly end: number } | undefined): number {
  return span === undefined ? 0 : span.end - span.start;
}

/** Two sorted spans, the second of which begins where the first ends. */
type Pair = { readonly start: number; readonly middle: number; readonly end: number };

/** The pair merged, `distance` away from where it lies. */
function mergeSpans(heads: Float64Array, codes: Uint32Array, { start, middle, end }: Pair, distance: number): void {
  let a = start;
  let b = middle;
  let aLast = middle - 1;
  let bLast = end - 1;
  let first = start + distance;
  let last = end - 1 + distance;
  while (a < aLast && b < bLast) {
    // Not `?:`, of which the engine makes a branch.
    const isB = Number((heads[b] ?? 0) < (heads[a] ?? 0));
    const low = a + Math.imul(isB, b - a);
    heads[first] = heads[low] ?? 0;
    codes[first] = codes[low] ?? 0;
    b += isB;
    a += 1 - isB;
    first += 1;
    const isA = Number((heads[bLast] ?? 0) < (heads[aLast] ?? 0));
    const high = bLast + Math.imul(isA, aLast - bLast);
    heads[last] = heads[high] ?? 0;
    codes[last] = codes[high] ?? 0;
    aLast -= isA;
    bLast -= 1 - isA;
    last -= 1;
  }
  for (; a <= aLast && b <= bLast; first += 1) {
    const isB = (heads[b] ?? 0) < (heads[a] ?? 0);
    const low = isB ? b : a;
    heads[first] = heads[low] ?? 0;
    codes[first] = codes[low] ?? 0;
    if (isB) b += 1;
    else a += 1;
  }
  const [rest, restEnd] = a <= aLast ? [a, aLast + 1] : [b, bLast + 1];
  heads.copyWithin(first, rest, restEnd);
  codes.copyWithin(first, rest, restEnd);
}
