/** Small runs at scale: what the figures of docs/SCALE.md rest on holds, and a seed gives them again. */
import { expect, test } from 'vitest';
import { cloudLatencyMs } from './scale/latencies.ts';
import { simulateScale } from './scale/simulate.ts';

const settings = { seed: 7, files: 2_000, buckets: 100, writers: 25, commitsPerWriter: 3, everyMs: 2_000 } as const;

test('through a commit function no swap is lost and many commits share one; without, rivals wait for one another', async () => {
  const [each, group] = [
    await simulateScale({ ...settings, by: 'swap' }),
    await simulateScale({ ...settings, by: 'message' }),
  ];
  expect([each.commits, group.commits]).toEqual([75, 75]);
  expect([each.snapshots, each.lostSwapsPerCommit > 1]).toEqual([75, true]);
  expect([group.snapshots < 40, group.lostSwapsPerCommit]).toEqual([true, 0]);
  // Virtual time: no load of the machine changes it.
  expect(group.latencyMs.p99).toBeLessThan(each.latencyMs.p50);
  expect(group.requestsPerCommit['put']).toBeLessThan(each.requestsPerCommit['put'] ?? 0);
});

test('the same seed gives the same figures, another gives others', async () => {
  const small = { ...settings, writers: 10, by: 'message' } as const;
  const [first, second, other] = [
    await simulateScale(small),
    await simulateScale(small),
    await simulateScale({ ...small, seed: 8 }),
  ];
  expect(second).toEqual(first);
  expect(other).not.toEqual(first);
});

test('one writer alone commits within two round trips', async () => {
  const { latencyMs, requestsPerCommit } = await simulateScale({
    ...settings,
    writers: 1,
    commitsPerWriter: 20,
    by: 'swap',
  });
  // The first opens the table and looks for its base, two LISTs and four GETs; a hint is written once.
  expect(requestsPerCommit).toEqual({ put: 3.05, putIfAbsent: 1, list: 0.1, get: 0.2 });
  expect(latencyMs.p50).toBeLessThan(110);
});

test('latencies are around their medians, and a few are long', () => {
  const puts = Array.from({ length: 1_001 }, (_, index) => cloudLatencyMs('put', index / 1_001));
  expect(puts[500]).toBe(30);
  expect(puts.toSorted((a, b) => a - b)).toEqual(puts);
  expect(puts[990]).toBeGreaterThan(60);
  expect(puts.at(-1)).toBeLessThan(200);
});
