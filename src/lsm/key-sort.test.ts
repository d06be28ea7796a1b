import fc from 'fast-check';
import { expect, test } from 'vitest';
import { rankKeys } from './byte-ranks.ts';
import { byteKeys, compareKeys, wordKeys, wordsOf } from './key-order.ts';
import { rowNumbers, sortByKey } from './key-sort.ts';
import { radixSortNumbers } from './radix-sort.ts';

type Key = Uint8Array | null;

function keysOfBytes(keys: readonly Key[]) {
  const bytes = Buffer.concat(keys.map(key => key ?? new Uint8Array()));
  const offsets = new Int32Array(keys.length + 1);
  for (const [row, key] of keys.entries()) offsets[row + 1] = (offsets[row] ?? 0) + (key?.length ?? 0);
  const nulls = new Uint8Array((keys.length + 7) >> 3);
  for (const [row, key] of keys.entries())
    if (key !== null) nulls[row >> 3] = (nulls[row >> 3] ?? 0) | (1 << (row & 7));
  return byteKeys(bytes, offsets, { rowCount: keys.length, nulls: keys.includes(null) ? nulls : undefined });
}

function compareBytes(a: Key, b: Key): number {
  if (a === null || b === null) return (a === null ? 0 : 1) - (b === null ? 0 : 1);
  return Buffer.compare(a, b);
}

/** The same by the library's sort: the order, and where a key begins that is not the one before. */
function sortedNaively(keys: readonly Key[], order: readonly number[]): { order: number[]; begins: number[] } {
  const sorted = order.toSorted((a, b) => compareBytes(keys[a] ?? null, keys[b] ?? null));
  const begins = sorted.map((row, at) => {
    const before = sorted[at - 1];
    return before === undefined || compareBytes(keys[before] ?? null, keys[row] ?? null) !== 0 ? 1 : 0;
  });
  return { order: sorted, begins };
}

/** Keys that share much: a few prefixes, a few letters, ends at any place. */
const letters = fc.constantFrom(0, 1, 48, 49, 50, 255);
const alike = fc
  .tuple(
    fc.constantFrom('', 'a', 'tenant-0001-', 'x'.repeat(40), 'x'.repeat(41)),
    fc.array(letters, { maxLength: 12 }),
    fc.constantFrom('', '', 'y'.repeat(600)),
  )
  .map(([prefix, middle, end]) => Buffer.concat([Buffer.from(prefix), Uint8Array.from(middle), Buffer.from(end)]));
const anyBytes = fc.uint8Array({ maxLength: 20 });
const manyKeys = fc.oneof(
  fc.array(alike, { maxLength: 40 }),
  // Above what is sorted by comparing.
  fc.array(alike, { minLength: 200, maxLength: 900 }),
  fc.array(fc.option(alike, { freq: 6 }), { minLength: 150, maxLength: 500 }),
  fc.array(fc.option(anyBytes, { freq: 9 }), { minLength: 150, maxLength: 500 }),
);

test('keys of bytes are sorted as the library sorts them, and rows of equal keys stay as they were', () => {
  fc.assert(
    fc.property(manyKeys, fc.boolean(), (keys, isBackwards) => {
      const start = keys.map((_, row) => (isBackwards ? keys.length - 1 - row : row));
      const { order, begins } = sortByKey(keysOfBytes(keys), Uint32Array.from(start));
      expect({ order: [...order], begins: [...begins] }).toEqual(sortedNaively(keys, start));
    }),
    { numRuns: 150 },
  );
});

test('some rows of a batch are sorted by themselves', () => {
  const keys = Array.from({ length: 2_000 }, (_, row) => Buffer.from(`k${(row * 7_919) % 500}`));
  const some = keys.map((_, row) => row).filter(row => row % 3 === 1);
  const { order, begins } = sortByKey(keysOfBytes(keys), Uint32Array.from(some));
  expect({ order: [...order], begins: [...begins] }).toEqual(sortedNaively(keys, some));
});

test('numbers of ranks rise with the keys, and equal ones are of keys that are the same so far', () => {
  fc.assert(
    fc.property(fc.array(alike, { minLength: 2, maxLength: 300 }), keys => {
      const { numbers, bits, usedPlaces } = rankKeys(keysOfBytes(keys), rowNumbers(keys.length), 0);
      expect(usedPlaces).toBeGreaterThan(0);
      for (let i = 1; i < keys.length; i += 1) {
        const [a, b] = [numbers[i - 1] ?? 0, numbers[i] ?? 0];
        expect(b).toBeLessThan(2 ** bits);
        const order = compareBytes(
          keys[i - 1]?.subarray(0, usedPlaces) ?? null,
          keys[i]?.subarray(0, usedPlaces) ?? null,
        );
        expect(Math.sign(a - b)).toBe(order);
      }
    }),
    { numRuns: 200 },
  );
});

test('integers of any distance are sorted, those that doubles do not hold, too', () => {
  const value = fc.oneof(
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.bigInt({ min: 2n ** 60n, max: 2n ** 60n + 900n }),
    fc.bigInt({ min: -3n, max: 3n }),
  );
  fc.assert(
    fc.property(
      fc.oneof(fc.array(value, { maxLength: 300 }), fc.array(fc.bigInt(-9n, 9n), { maxLength: 300 })),
      values => {
        const keys = wordKeys(wordsOf(BigInt64Array.from(values)), 2);
        const { order, begins } = sortByKey(keys, rowNumbers(values.length));
        const expected = values.map((_, row) => row).toSorted((a, b) => Number((values[a] ?? 0n) - (values[b] ?? 0n)));
        expect([...order]).toEqual(expected);
        expect([...begins]).toEqual(
          expected.map((row, at) => (at > 0 && values[row] === values[expected[at - 1] ?? 0] ? 0 : 1)),
        );
      },
    ),
    { numRuns: 100 },
  );
});

test('numbers of 32 bits and their rows are sorted together', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(2 ** 31 - 1), { minLength: 1, maxLength: 200 }),
      fc.integer({ min: 1, max: 32 }),
      (all, bits) => {
        const values = all.map(value => (value * 2 + 1) % 2 ** bits);
        const numbers = Uint32Array.from(values);
        const order = rowNumbers(values.length);
        radixSortNumbers(numbers, order, bits);
        const expected = values.map((_, row) => row).toSorted((a, b) => (values[a] ?? 0) - (values[b] ?? 0));
        expect([...order]).toEqual(expected);
        expect([...numbers]).toEqual(expected.map(row => values[row]));
      },
    ),
  );
});

test('what sorting takes for equal, comparing does, too', () => {
  const keys = keysOfBytes(
    Array.from({ length: 1_000 }, (_, row) => Buffer.from(`same-${row % 10}-${'z'.repeat(row % 3)}`)),
  );
  const { order, begins } = sortByKey(keys, rowNumbers(1_000));
  for (let i = 1; i < order.length; i += 1) {
    const rising = compareKeys(keys, order[i] ?? 0, keys, order[i - 1] ?? 0);
    expect(Math.sign(rising)).toBe(begins[i]);
  }
  expect(begins.reduce((sum, begin) => sum + begin, 0)).toBe(30);
});
