/** Which changelogs may go, rule by rule. */
import { expect, test } from 'vitest';
import { type ChangelogExpiryFacts, decideChangelogExpiry, decideStillGoing } from './decide-changelog-expiry.ts';

const hourMs = 3_600_000;

/** Changelogs 1, 2, … of these ages in hours; snapshots 11 to 20. */
function facts(agesHours: readonly number[], changes: Partial<ChangelogExpiryFacts> = {}): ChangelogExpiryFacts {
  const storeTimeMs = 1000 * hourMs;
  return {
    changelogs: agesHours.map((age, index) => ({ id: 1 + index, timeMillis: storeTimeMs - age * hourMs })),
    newestId: 10,
    headId: 20,
    storeTimeMs,
    options: { retainedCountMin: 1, retainedCountMax: 1_000, retainedMs: 5 * hourMs, expireCountMax: 50 },
    consumerIds: [],
    ...changes,
  };
}

const { options } = facts([]);

test('changelogs go when they are older than they are kept for, from the oldest on', () => {
  expect(decideChangelogExpiry(facts([9, 8, 5.1, 5, 4]))).toBe(4);
  expect(decideChangelogExpiry(facts([5, 9, 9]))).toBeUndefined();
  expect(decideChangelogExpiry(facts([]))).toBeUndefined();
});

test('counts go from the newest snapshot down: that many stay at least, and more than the most go whatever their age', () => {
  const ages = [9, 9, 9, 9];
  expect(decideChangelogExpiry(facts(ages, { options: { ...options, retainedCountMin: 18 } }))).toBe(3);
  expect(decideChangelogExpiry(facts(ages, { options: { ...options, retainedCountMin: 20 } }))).toBeUndefined();
  const young = [0, 0, 0, 0];
  expect(decideChangelogExpiry(facts(young, { options: { ...options, retainedCountMax: 18 } }))).toBe(3);
  expect(decideChangelogExpiry(facts(young, { options: { ...options, retainedCountMax: 20 } }))).toBeUndefined();
});

test('the newest changelog stays, so does what a consumer wants, and no more go than are asked for', () => {
  const ages = [9, 9, 9, 9];
  expect(decideChangelogExpiry(facts(ages, { newestId: 4 }))).toBe(4);
  expect(decideChangelogExpiry(facts(ages, { consumerIds: [15, 3] }))).toBe(3);
  expect(decideChangelogExpiry(facts(ages, { consumerIds: [1] }))).toBeUndefined();
  expect(decideChangelogExpiry(facts(ages, { options: { ...options, expireCountMax: 2 } }))).toBe(3);
});

test('a consumer that wants what is gone holds nothing', () => {
  const changelogs = [7, 8, 9].map(id => ({ id, timeMillis: 0 }));
  expect(decideChangelogExpiry(facts([], { changelogs, consumerIds: [6] }))).toBe(10);
});

test('a consumer that came while the run said what it was about keeps what it wants', () => {
  expect(decideStillGoing(9, 3, [])).toBe(9);
  expect(decideStillGoing(9, 3, [12, 5])).toBe(5);
  expect(decideStillGoing(9, 3, [3])).toBeUndefined();
  expect(decideStillGoing(9, 3, [2])).toBe(9);
});
