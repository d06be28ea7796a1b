import { expect, test } from 'vitest';
import { commitDueMs, type Load, loadAfter, noLoad, type PaceSettings } from './commit-pace.ts';

const settings: PaceSettings = { commitIntervalMs: 1_000, freshnessMs: 10_000 };

/** Commits of a load in virtual time: arrivals as (time, rows), sorted. Each with its time, rows, and the age of the oldest. */
function commitsOf(arrivals: readonly (readonly [ms: number, rows: number])[], pace: PaceSettings = settings) {
  const commits: { atMs: number; rowCount: number; oldestMs: number }[] = [];
  let load: Load = noLoad;
  for (let at = 0; at < arrivals.length; ) {
    const firstMs = arrivals[at]?.[0] ?? 0;
    const atMs = commitDueMs(firstMs, load, pace);
    let rowCount = 0;
    for (; at < arrivals.length && (arrivals[at]?.[0] ?? 0) <= atMs; at += 1) rowCount += arrivals[at]?.[1] ?? 0;
    load = loadAfter(load, { rowCount, atMs });
    commits.push({ atMs, rowCount, oldestMs: atMs - firstMs });
  }
  return commits;
}

/** Rows every 100 ms. */
function steady(rowsPerSecond: number, seconds: number, fromMs = 0): (readonly [number, number])[] {
  return Array.from({ length: seconds * 10 }, (_, tick) => [fromMs + tick * 100, rowsPerSecond / 10] as const);
}

const perMinute = (arrivals: readonly (readonly [number, number])[]): number => commitsOf(arrivals).length / 10;

test('the busier, the more often: each second under load, every ten where rows trickle', () => {
  expect(perMinute(steady(50_000, 600))).toBeGreaterThan(50);
  expect(perMinute(steady(1_000, 600))).toBeCloseTo(11.8, 0);
  expect(perMinute(steady(10, 600))).toBeLessThan(6.2);
  const rates = [10, 100, 1_000, 5_000, 50_000].map(rate => perMinute(steady(rate, 600)));
  expect(rates).toEqual(rates.toSorted((a, b) => a - b));
});

test('no row waits longer than the freshness, and none is committed sooner than the interval', () => {
  const bursts = [
    ...steady(20_000, 30),
    ...steady(3, 60, 30_000),
    ...steady(9_000, 30, 95_000),
    ...steady(1, 20, 200_000),
  ];
  for (const { oldestMs } of commitsOf(bursts)) {
    expect(oldestMs).toBeGreaterThanOrEqual(settings.commitIntervalMs);
    expect(oldestMs).toBeLessThanOrEqual(settings.freshnessMs);
  }
});

test('the first rows after a quiet time wait for the interval only', () => {
  const commits = commitsOf([...steady(5, 60), [300_000, 1]]);
  expect(commits.at(0)?.oldestMs).toBe(1_000);
  expect(commits.at(1)?.oldestMs).toBeGreaterThan(5_000);
  expect(commits.at(-1)?.oldestMs).toBe(1_000);
});

test('without rows there is no commit, and with a freshness of the interval the pace is even', () => {
  expect(commitsOf([])).toEqual([]);
  const even = commitsOf(steady(10, 60), { commitIntervalMs: 1_000, freshnessMs: 1_000 });
  expect(new Set(even.map(({ oldestMs }) => oldestMs))).toEqual(new Set([1_000]));
});

test('a load that grows is followed within a few commits', () => {
  const commits = commitsOf([...steady(10, 60), ...steady(20_000, 60, 60_000)]);
  const busy = commits.filter(({ atMs }) => atMs > 75_000);
  expect(busy.every(({ oldestMs }) => oldestMs <= 1_100)).toBe(true);
});
