import fc from 'fast-check';
import { expect, test } from 'vitest';
import { civilDate, dayNumber, floorDiv, parseDate, parseTimestamp, printDate, printTimestamp } from './time.ts';

test('days and calendar dates turn into each other as Date does it', () => {
  fc.assert(
    fc.property(fc.integer({ min: -100_000_000, max: 100_000_000 }), days => {
      const { year, month, day } = civilDate(days);
      const date = new Date(days * 86_400_000);
      expect([year, month, day]).toEqual([date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()]);
      expect(dayNumber({ year, month, day })).toBe(days);
      expect(parseDate(printDate(days))).toBe(days);
    }),
  );
});

test('division rounds down on both sides of zero', () => {
  expect([floorDiv(7n, 2n), floorDiv(-7n, 2n), floorDiv(-8n, 2n), floorDiv(0n, 5n)]).toEqual([3n, -4n, -4n, 0n]);
});

test('points of time survive their text to the last digit', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(10n ** 24n), max: 10n ** 24n }), nanos => {
      expect(parseTimestamp(printTimestamp(nanos, 9))).toBe(nanos);
    }),
  );
});

test('days that do not exist are no days', () => {
  for (const text of [
    '2023-02-29',
    '1900-02-29',
    '2024-04-31',
    '2024-00-01',
    '2024-13-01',
    '2024-01-00',
    '24-01-01',
    '',
  ]) {
    expect(parseDate(text)).toBeUndefined();
  }
  expect(parseDate('2000-02-29')).toBe(11_016);
});
