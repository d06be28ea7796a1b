import { expect, test } from 'vitest';
import { fixed12ToInt96, int96ToFixed12, int96ToUnits } from './int96.ts';

function fixed12(millis: bigint, nanos: number): Uint32Array {
  const bytes = new Uint8Array(12);
  const view = new DataView(bytes.buffer);
  view.setBigInt64(0, millis, true);
  view.setInt32(8, nanos, true);
  return new Uint32Array(bytes.buffer);
}

const noNulls = (): boolean => false;

test('1970-01-01T00:00:00.000000001 is one nanosecond of Julian day 2440588', () => {
  expect(Buffer.from(fixed12ToInt96(fixed12(0n, 1), noNulls)).toString('hex')).toBe('01000000000000008c3d2500');
});

test('moments of any year come back as they were', () => {
  const moments: readonly (readonly [bigint, number])[] = [
    [-1n, 999_999],
    [-62_135_596_800_000n, 0],
    [253_402_300_799_999n, 999_999],
    [-9_223_372_036_855n, 224_192],
    [8_640_000_000_000_000n, 1],
    [100_000_000_000_000_000n, 123_456],
    [-100_000_000_000_000_000n, 7],
  ];
  for (const [millis, nanos] of moments) {
    const words = fixed12(millis, nanos);
    const back = int96ToFixed12(new Uint32Array(fixed12ToInt96(words, noNulls).buffer));
    expect(new Uint32Array(back.buffer)).toEqual(words);
  }
});

test('a moment that INT96 does not reach is refused, unless its row is null', () => {
  const words = fixed12(9_000_000_000_000_000_000n, 0);
  expect(() => fixed12ToInt96(words, noNulls)).toThrow('INT96 does not reach it');
  expect(fixed12ToInt96(words, () => true)).toHaveLength(12);
});

test('moments before 1970 are rounded down to whole units', () => {
  const int96 = new Uint32Array(fixed12ToInt96(fixed12(-1n, 999_999), noNulls).buffer);
  expect([...int96ToUnits(int96, 1n)]).toEqual([-1n]);
  expect([...int96ToUnits(int96, 1_000n)]).toEqual([-1n]);
  expect([...int96ToUnits(int96, 1_000_000n)]).toEqual([-1n]);
});
