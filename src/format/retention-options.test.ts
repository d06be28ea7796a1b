/** When changelogs outlive their snapshots, and for how long. */
import { expect, test } from 'vitest';
import { changelogLifecycle } from './retention-options.ts';

test('without options of their own changelogs go with their snapshots', () => {
  const options = { 'snapshot.num-retained.min': '3', 'snapshot.time-retained': '2 h', 'snapshot.expire.limit': '7' };
  expect(changelogLifecycle(options)).toEqual({
    isDecoupled: false,
    retention: { retainedCountMin: 3, retainedCountMax: 2_147_483_647, retainedMs: 7_200_000, expireCountMax: 7 },
    consumersHoldNoSnapshots: false,
  });
});

test('any option that asks for more than that of snapshots has changelogs outlive them', () => {
  for (const [key, more, less] of [
    ['changelog.num-retained.min', '11', '10'],
    ['changelog.time-retained', '61 min', '1 h'],
  ] as const) {
    expect(changelogLifecycle({ [key]: more }).isDecoupled, key).toBe(true);
    expect(changelogLifecycle({ [key]: less }).isDecoupled, key).toBe(false);
  }
  const max = { 'snapshot.num-retained.max': '20', 'changelog.num-retained.max': '21' };
  expect(changelogLifecycle(max)).toMatchObject({ isDecoupled: true, retention: { retainedCountMax: 21 } });
  // Unbounded is the most there is.
  expect(changelogLifecycle({ 'changelog.num-retained.max': '21' }).isDecoupled).toBe(false);
});

test('consumers leave snapshots alone only where their changelogs outlive them', () => {
  const only = { 'consumer.changelog-only': 'true' };
  expect(changelogLifecycle(only).consumersHoldNoSnapshots).toBe(false);
  expect(changelogLifecycle({ ...only, 'changelog.time-retained': '1 d' }).consumersHoldNoSnapshots).toBe(true);
});

test('numbers that are none are refused by name', () => {
  expect(() => changelogLifecycle({ 'changelog.num-retained.min': '0' })).toThrow('changelog.num-retained.min');
});
