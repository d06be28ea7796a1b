/** How long a committer waits among rivals. */
import { expect, test } from 'vitest';
import type { Random } from '../../base/random.ts';
import { Contention } from './contention.ts';

/** Always the end of the window. */
const longest: Random = { next: () => 1, uuid: () => '' };
const shortest: Random = { next: () => 0, uuid: () => '' };

test('who meets nobody does not wait', () => {
  const contention = new Contention();
  expect(contention.waitMs(longest)).toBe(0);
  contention.won(10);
  expect(contention.waitMs(longest)).toBe(0);
  expect(contention.isContended).toBe(false);
});

test('the window doubles with each lost swap up to 128 attempts, and halves with each one won', () => {
  const contention = new Contention();
  const widths: number[] = [];
  for (let lost = 1; lost <= 9; lost += 1) {
    contention.lost(10);
    widths.push(contention.waitMs(longest));
  }
  // Who has lost once waits two thirds of it, then half, two fifths, and a third from the fourth on.
  const parts = [2 / 3, 1 / 2, 2 / 5, 1 / 3, 1 / 3, 1 / 3, 1 / 3, 1 / 3, 1 / 3];
  const windows = [20, 40, 80, 160, 320, 640, 1_280, 1_280, 1_280];
  expect(widths.map(Math.round)).toEqual(windows.map((windowMs, index) => Math.round(windowMs * (parts[index] ?? 0))));
  expect(contention.waitMs(shortest)).toBe(0);
  expect(contention.isContended).toBe(true);
  for (let won = 1; won <= 6; won += 1) contention.won(10);
  expect(contention.waitMs(longest)).toBe(20);
  contention.won(10);
  expect(contention.isContended).toBe(false);
  expect(contention.waitMs(longest)).toBe(0);
});

test('an attempt counts as long as the shortest lately, and what rivals add to one widens nothing', () => {
  const contention = new Contention();
  contention.lost(10);
  contention.lost(1_000);
  // 4 attempts of 10 ms, of which a tenth is forgotten at each further one; half of it after two lost swaps.
  expect(contention.waitMs(longest)).toBeCloseTo(22);
  contention.lost(5);
  expect(contention.waitMs(longest)).toBe(16);
  contention.won(1_000);
  expect(contention.waitMs(longest)).toBeCloseTo(22);
});

test('an attempt counts half a millisecond at least, and no wait is longer than ten seconds', () => {
  const quick = new Contention();
  quick.lost(0);
  expect(quick.waitMs(longest)).toBeCloseTo(2 / 3);
  const slow = new Contention();
  for (let lost = 1; lost <= 7; lost += 1) slow.lost(60_000);
  expect(slow.waitMs(longest)).toBe(10_000);
});
