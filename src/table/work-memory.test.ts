import { expect, test } from 'vitest';
import { workMemoryOf } from './work-memory.ts';

const mib = 1024 * 1024;

test('who is not limited has as much as ever', () => {
  expect(workMemoryOf()).toMatchObject({
    mergeWindowBytes: 96 * mib,
    writeBufferBytes: 256 * mib,
    sortBufferBytes: 64 * mib,
    bucketsInParallel: 2,
    sqlThreads: undefined,
  });
});

test('a smaller process holds less of everything, down to what work needs at all', () => {
  const sizes = [64, 128, 256, 512, 1_024, 2_048, 10_240].map(megabytes => workMemoryOf(megabytes * mib));
  for (const [index, larger] of sizes.entries()) {
    const smaller = sizes[index - 1] ?? larger;
    for (const [name, amount] of Object.entries(larger)) {
      expect(amount, name).toBeGreaterThanOrEqual(Object.entries(smaller).find(([key]) => key === name)?.[1] ?? 0);
      expect(amount, name).toBeGreaterThan(0);
    }
  }
  const { writeBufferBytes, mergeWindowBytes, wholeFilesBytes, fileBytes } = workMemoryOf(512 * mib);
  expect(Math.max(writeBufferBytes, mergeWindowBytes + wholeFilesBytes, fileBytes)).toBeLessThanOrEqual(128 * mib);
});
