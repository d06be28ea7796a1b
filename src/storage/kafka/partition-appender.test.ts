import { expect, test } from 'vitest';
import { batchesOf, recordBytesMaxOf } from './partition-appender.ts';

test('batches keep to the bytes that a broker takes, in order, and the largest record has one for itself', () => {
  const batchBytesMax = 1_000;
  const largest = recordBytesMaxOf(batchBytesMax);
  const sizes = [100, 200, largest, 1, 1, 400, 400, 400];
  const batches = [...batchesOf([...sizes.keys()], index => sizes[index] ?? 0, batchBytesMax)];
  expect(batches).toEqual([[0, 1], [2], [3, 4, 5, 6], [7]]);
  expect([...batchesOf([], () => 0, batchBytesMax)]).toEqual([]);
});
