import { expect, test } from 'vitest';
import { partitionTimeOf } from './decide-partition-expiry.ts';

function timeOf(
  values: Readonly<Record<string, string | null>>,
  options: { readonly pattern?: string; readonly formatter?: string } = {},
): string | undefined {
  const { pattern, formatter } = options;
  const timeMs = partitionTimeOf({ pattern, formatter })(Object.entries(values));
  return timeMs === undefined ? undefined : new Date(timeMs).toISOString().slice(0, 19);
}

test('the first value is the time, unless a pattern says how the values make one', () => {
  expect(timeOf({ dt: '2024-02-29', hour: '7' })).toBe('2024-02-29T00:00:00');
  expect(timeOf({ dt: '2024-02-29 10:11:12' })).toBe('2024-02-29T10:11:12');
  expect(timeOf({ hour: '7', dt: '2024-02-29' }, { pattern: '$dt $hour:00:00' })).toBe('2024-02-29T07:00:00');
  expect(timeOf({ y: '2024', m: '3', d: '1' }, { pattern: '$y-$m-$d' })).toBe('2024-03-01T00:00:00');
});

test('a formatter says how the time reads', () => {
  expect(timeOf({ dt: '20240229' }, { formatter: 'yyyyMMdd' })).toBe('2024-02-29T00:00:00');
  expect(timeOf({ dt: '20240229', h: '05' }, { formatter: 'yyyyMMdd HH', pattern: '$dt $h' })).toBe(
    '2024-02-29T05:00:00',
  );
  expect(timeOf({ dt: '29.2.2024 at 5' }, { formatter: "d.M.yyyy 'at' H" })).toBe('2024-02-29T05:00:00');
  expect(timeOf({ dt: '(2024|02)?[29]' }, { formatter: '(yyyy|MM)?[dd]' })).toBe('2024-02-29T00:00:00');
  expect(timeOf({ dt: '2024x02' }, { formatter: 'yyyy.MM' })).toBeUndefined();
  expect(timeOf({ dt: '2024-02-29' }, { formatter: 'yyyyMMdd' })).toBeUndefined();
  expect(() => timeOf({ dt: 'x' }, { formatter: 'dd MMM EEE' })).toThrow(/EEE/);
});

test('a partition that stands for no time never expires', () => {
  expect(timeOf({ dt: 'all' })).toBeUndefined();
  expect(timeOf({ dt: null })).toBeUndefined();
  expect(timeOf({ dt: '2024-02-29', region: null })).toBeUndefined();
});
