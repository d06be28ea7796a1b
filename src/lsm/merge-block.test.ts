import { expect, test } from 'vitest';
import { noKeys } from './key-order.ts';
import { type BatchPosition, blockEnds, blockRowsMin } from './merge-block.ts';

const batch = (heads: readonly number[], row = 0): BatchPosition => ({
  keys: { ...noKeys, rowCount: heads.length, heads: Float64Array.from(heads), isExact: true },
  row,
  isEnded: false,
});
const upTo = (count: number, step = 1): number[] => Array.from({ length: count }, (_, index) => index * step);
const ended: BatchPosition = { ...batch([]), isEnded: true };

test('a block reaches to the head that ends first, which stays out of it', () => {
  const ends = blockEnds([batch(upTo(2_000), 5), batch(upTo(1_000, 4)), batch(upTo(1_500)), ended], 10_000);
  expect(Array.from(ends ?? [])).toEqual([1_499, 375, 1_499, 0]);
});

test('a block is brought down to the rows there is room for', () => {
  const batches = [batch(upTo(10_000)), batch(upTo(2_000, 5), 100), batch([0, 1, 9_999.5])];
  const ends = blockEnds(batches, 1_000);
  const counts = Array.from(ends ?? [], (end, index) => end - (batches[index]?.row ?? 0));
  const rowCount = counts.reduce((sum, count) => sum + count, 0);
  expect(rowCount).toBeLessThanOrEqual(1_000);
  expect(rowCount).toBeGreaterThan(900);
  // What is in is below all that is not.
  const bound = Math.min(...batches.map(({ keys }, index) => keys.heads[ends?.[index] ?? 0] ?? Infinity));
  for (const [index, { keys, row }] of batches.entries()) {
    for (let at = row; at < (ends?.[index] ?? 0); at += 1) expect(keys.heads[at]).toBeLessThan(bound);
  }
});

test('there is no block of few rows, for few rows, or where all rows have one head', () => {
  expect(blockEnds([batch(upTo(blockRowsMin))], 10_000)).toBeUndefined();
  expect(blockEnds([batch(upTo(10_000))], blockRowsMin - 1)).toBeUndefined();
  expect(blockEnds([batch(Array.from({ length: 5_000 }, () => 7))], 10_000)).toBeUndefined();
  expect(blockEnds([ended], 10_000)).toBeUndefined();
});
