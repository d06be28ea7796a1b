import fc from 'fast-check';
import { expect, test } from 'vitest';
import { rowBits, type Stretch, StretchMerge, stretchRowsMax } from './stretch-merge.ts';

const heads = fc
  .oneof(fc.integer({ min: -20, max: 20 }), fc.constant(Number.NEGATIVE_INFINITY), fc.double({ noNaN: true }))
  .map(head => head + 0);

/** Stretches of unlike lengths, each somewhere in a batch. */
const stretches: fc.Arbitrary<readonly Stretch[]> = fc
  .array(
    fc.record({ values: fc.array(heads, { maxLength: 60 }), before: fc.nat(3), repeats: fc.constantFrom(1, 1, 1, 9) }),
    { minLength: 1, maxLength: 14 },
  )
  .map(parts =>
    parts.map(({ values, before, repeats }, index) => {
      const own = Array.from({ length: repeats }, () => values).flat();
      const sorted = Float64Array.from([
        ...Array.from({ length: before }, () => Number.NEGATIVE_INFINITY),
        ...own,
      ]).sort();
      return { heads: sorted, leaf: 3 * index, start: before, end: sorted.length };
    }),
  );

test('merged stretches are their rows sorted by head, one merge after the other', () => {
  const merge = new StretchMerge();
  fc.assert(
    fc.property(stretches, given => {
      const { heads: merged, codes, count } = merge.merge(given);
      const rows = given.flatMap(({ heads: own, leaf, start, end }) =>
        Array.from(own.subarray(start, end), (head, index) => ({ head, code: leaf * stretchRowsMax + start + index })),
      );
      const expected = rows.map(({ head }) => head).sort((a, b) => a - b);
      expect(count).toBe(rows.length);
      expect(Array.from(merged)).toEqual(expected);
      const headOf = new Map(rows.map(({ head, code }) => [code, head]));
      const found = Array.from(codes.subarray(0, count));
      expect(new Set(found).size).toBe(rows.length);
      expect(found.map(code => headOf.get(code))).toEqual(Array.from(merged));
    }),
  );
});

test('rows of one stretch stay in their order', () => {
  const merge = new StretchMerge();
  fc.assert(
    fc.property(stretches, given => {
      const { codes, count } = merge.merge(given);
      const last = new Map<number, number>();
      for (const code of codes.subarray(0, count)) {
        const leaf = code >>> rowBits;
        expect(code & (stretchRowsMax - 1)).toBeGreaterThan(last.get(leaf) ?? -1);
        last.set(leaf, code & (stretchRowsMax - 1));
      }
    }),
  );
});
