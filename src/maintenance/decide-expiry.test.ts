/** Which snapshots may expire, rule by rule. */
import { expect, test } from 'vitest';
import { decideExpiry, decidePutBack, type ExpiryFacts } from './decide-expiry.ts';

const hourMs = 3_600_000;

/** Snapshots 11, 12, …, the newest made `ages.at(-1)` hours ago. */
function facts(agesHours: readonly number[], changes: Partial<ExpiryFacts> = {}): ExpiryFacts {
  const storeTimeMs = 1000 * hourMs;
  return {
    snapshots: agesHours.map((age, index) => ({ id: 11 + index, lastModifiedMs: storeTimeMs - age * hourMs })),
    storeTimeMs,
    options: { retainedCountMin: 1, retainedCountMax: 1_000, retainedMs: hourMs, expireCountMax: 50 },
    consumerIds: [],
    stateId: undefined,
    ...changes,
  };
}

const { options } = facts([]);

test('a snapshot goes when the one above it is older than an hour by the store, whatever its own age', () => {
  expect(decideExpiry(facts([9, 8, 7, 1, 0.5, 0.1]))).toBe(2);
  expect(decideExpiry(facts([9, 8, 7, 1.01, 0.5, 0.1]))).toBe(3);
  expect(decideExpiry(facts([9, 0.9, 0.5, 0.1]))).toBe(0);
});

test('the age is that of the file above by the store, and no option makes it less than an hour', () => {
  const eager = { ...options, retainedMs: 0, retainedCountMax: 1 };
  expect(decideExpiry(facts([9, 1, 0.9, 0.1], { options: eager }))).toBe(0);
  expect(decideExpiry(facts([9, 2, 1, 0.1], { options: eager }))).toBe(1);
});

test('the two newest never go', () => {
  expect(decideExpiry(facts([9, 8]))).toBe(0);
  expect(decideExpiry(facts([9]))).toBe(0);
  expect(decideExpiry(facts([]))).toBe(0);
  expect(decideExpiry(facts([], { consumerIds: [11] }))).toBe(0);
  expect(decideExpiry(facts([9, 8, 7]))).toBe(1);
});

test('snapshot.num-retained.min stay', () => {
  expect(decideExpiry(facts([9, 8, 7, 6, 5], { options: { ...options, retainedCountMin: 4 } }))).toBe(1);
});

test('snapshot.time-retained keeps what is younger, unless there are more than snapshot.num-retained.max', () => {
  const kept = { ...options, retainedMs: 8 * hourMs };
  expect(decideExpiry(facts([10, 9, 7, 6, 5, 4], { options: kept }))).toBe(1);
  expect(decideExpiry(facts([10, 8, 7, 6, 5, 4], { options: kept }))).toBe(0);
  expect(decideExpiry(facts([10, 9, 7, 6, 5, 4], { options: { ...kept, retainedCountMax: 3 } }))).toBe(3);
});

test('a run takes at most snapshot.expire.limit', () => {
  expect(decideExpiry(facts([9, 8, 7, 6, 5, 4], { options: { ...options, expireCountMax: 2 } }))).toBe(2);
});

test('a consumer holds the snapshot it wants and all above it', () => {
  expect(decideExpiry(facts([9, 8, 7, 6, 5, 4], { consumerIds: [14, 13] }))).toBe(2);
  expect(decideExpiry(facts([9, 8, 7, 6, 5, 4], { consumerIds: [11] }))).toBe(0);
});

test('a consumer that wants what is gone holds nothing', () => {
  expect(decideExpiry(facts([9, 8, 7, 6, 5, 4], { consumerIds: [3] }))).toBe(4);
});

test('the newest snapshot with properties of ours never goes', () => {
  expect(decideExpiry(facts([9, 8, 7, 6, 5, 4], { stateId: 12 }))).toBe(1);
  expect(decideExpiry(facts([9, 8, 7, 6, 5, 4], { stateId: 16 }))).toBe(4);
});

const expired = [11, 12, 13].map(id => ({ id, identity: `list-${id}` }));

test('the second look puts back what a consumer or a tag has come to want, and all above it', () => {
  const none = { before: [], now: [] };
  expect(decidePutBack(expired, [], none)).toBe(14);
  expect(decidePutBack(expired, [12, 20], none)).toBe(12);
  expect(decidePutBack(expired, [11], none)).toBe(11);
  expect(decidePutBack(expired, [], { before: [], now: [{ id: 13, identity: 'list-13' }] })).toBe(13);
});

test('the second look does not put back what was gone before the run: a consumer that wants it is told so', () => {
  expect(decidePutBack(expired, [3], { before: [], now: [] })).toBe(14);
});

test('what a tag held before holds data and no snapshot file', () => {
  const held = [{ id: 12, identity: 'list-12' }];
  expect(decidePutBack(expired, [], { before: held, now: held })).toBe(14);
});

test('a tag of another snapshot under one of these numbers is not meant', () => {
  expect(decidePutBack(expired, [], { before: [], now: [{ id: 12, identity: 'another' }] })).toBe(14);
});
