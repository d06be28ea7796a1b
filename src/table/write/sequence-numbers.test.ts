import fc from 'fast-check';
import { expect, test } from 'vitest';
import { numbersFrom, rangeOfNumbers, shiftedNumbers } from './sequence-numbers.ts';

const number = fc.oneof(
  fc.bigInt({ min: 0n, max: 1000n }),
  fc.bigInt({ min: 2n ** 32n - 5n, max: 2n ** 32n + 5n }),
  fc.bigInt({ min: 2n ** 53n - 5n, max: 2n ** 53n + 5n }),
  fc.bigInt({ min: 0n, max: 2n ** 62n }),
);

test('numbers count up over the borders of words and of exact doubles', () => {
  fc.assert(
    fc.property(number, fc.integer({ min: 0, max: 12 }), (first, count) => {
      expect([...numbersFrom(first, count)]).toEqual(Array.from({ length: count }, (_, row) => first + BigInt(row)));
    }),
  );
});

test('shifting adds to each number, also to a part of a larger array', () => {
  fc.assert(
    fc.property(fc.array(number, { minLength: 2, maxLength: 8 }), number, (all, shift) => {
      const part = BigInt64Array.from(all).subarray(1);
      expect([...shiftedNumbers(part, shift)]).toEqual(all.slice(1).map(one => one + shift));
      expect([...shiftedNumbers(shiftedNumbers(part, shift), -shift)]).toEqual(all.slice(1));
    }),
  );
});

test('the range is that of the bigints; no numbers have none', () => {
  fc.assert(
    fc.property(fc.array(number, { minLength: 1, maxLength: 8 }), all => {
      const sorted = all.toSorted((a, b) => (a < b ? -1 : 1));
      expect(rangeOfNumbers(BigInt64Array.from(all))).toEqual({ min: sorted[0], max: sorted.at(-1) });
    }),
  );
  expect(rangeOfNumbers(new BigInt64Array(0)).max).toBe(-1n);
});
