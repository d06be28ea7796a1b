import { expect, test } from 'vitest';
import { RepeatedNumber, runAges } from './file-ages.ts';

const file = (minSequenceNumber: bigint, maxSequenceNumber: bigint) => ({ minSequenceNumber, maxSequenceNumber });

test('runs whose numbers do not overlap are ordered by them, whatever the order they come in', () => {
  const ages = runAges([[file(20n, 29n)], [file(5n, 9n), file(0n, 3n)], [file(10n, 10n)]]);
  expect(ages).toEqual([20n, 0n, 10n]);
});

test('runs that share a number or overlap are not told apart by it, nor is a run whose range is none', () => {
  expect(runAges([[file(0n, 9n)], [file(9n, 12n)]])).toBeUndefined();
  expect(runAges([[file(0n, 3n), file(20n, 30n)], [file(10n, 12n)]])).toBeUndefined();
  expect(runAges([[file(0n, 0n)], [file(0n, 0n)]])).toBeUndefined();
  expect(runAges([[file(3n, 1n)], [file(10n, 12n)]])).toBeUndefined();
});

test('a number is repeated as often as it is asked for', () => {
  const repeated = new RepeatedNumber(7n);
  expect([...repeated.times(2), ...repeated.times(3), ...repeated.times(0)]).toEqual([7n, 7n, 7n, 7n, 7n]);
});
