import fc from 'fast-check';
import { expect, test } from 'vitest';
import { toHex } from '../bytes/hex.ts';
import { decodeRoaring, encodeRoaring, numbersIn } from './roaring.ts';

function roundTrip(numbers: readonly number[]): readonly number[] {
  const bytes = encodeRoaring(numbers);
  const { bitmap, end } = decodeRoaring(bytes, 0, 'test');
  expect(end).toBe(bytes.length);
  expect(bitmap.cardinality).toBe(numbers.length);
  return [...numbersIn(bitmap, 0, 2 ** 32)];
}

function stepped(count: number, first: number, step: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => first + index * step);
}

test('a list is written as Paimon writes it', () => {
  expect(toHex(encodeRoaring([5, 7]))).toBe('3a3000000100000000000100100000000500' + '0700');
});

test('sets of every kind of container come back, with and without runs, few and many', () => {
  const sets = [
    [],
    [0],
    [4_294_967_295],
    stepped(4_096, 0, 3),
    stepped(4_097, 0, 3),
    stepped(65_536, 0, 1),
    stepped(65_536, 65_536, 1),
    stepped(200_000, 100, 1),
    stepped(70_000, 0, 2),
    stepped(300, 5, 65_537),
    [...stepped(100, 0, 1), ...stepped(100, 70_000, 2), ...stepped(5_000, 140_000, 2), 4_000_000_000],
    [...stepped(100, 0, 1), ...[1, 2, 3, 4, 5].map(key => key * 65_536)],
  ];
  for (const set of sets) expect(roundTrip(set)).toEqual(set);
});

test('any set comes back, and any stretch of it is what lies in that stretch', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.oneof(fc.nat(200_000), fc.integer({ min: 0, max: 2 ** 32 - 1 })), { maxLength: 400 }),
      fc.nat(200_000),
      fc.nat(200_000),
      (numbers, start, length) => {
        const set = numbers.toSorted((a, b) => a - b);
        expect(roundTrip(set)).toEqual(set);
        const { bitmap } = decodeRoaring(encodeRoaring(set), 0, 'test');
        const inside = set.filter(number => number >= start && number < start + length);
        expect([...numbersIn(bitmap, start, start + length)]).toEqual(inside);
      },
    ),
  );
});

test('a stretch of a bitmap and of runs is cut on both sides', () => {
  for (const set of [stepped(70_000, 0, 2), stepped(70_000, 10, 1)]) {
    const { bitmap } = decodeRoaring(encodeRoaring(set), 0, 'test');
    for (const [start, end] of [
      [65_530, 65_545],
      [11, 12],
      [0, 5],
    ] as const) {
      expect([...numbersIn(bitmap, start, end)]).toEqual(set.filter(number => number >= start && number < end));
    }
  }
});

test('what is cut, out of order, or of another count than it says is refused', () => {
  const bad = [
    '',
    '3a30',
    '3b3000000100000000000100100000000500', // another cookie without its runs
    '393000000100000000000000100000000500',
    '3a30000001000000000001001000000005000500', // twice the same
    '3a30000001000000000001001000000007000500',
    '3a30000001000000000001001100000005000700', // an offset that is not so
    '3a300000020000000100000000000000180000001a00000005000500', // containers out of order
    '3a300000ffffffff',
    '3b300000010000010001000500ffff', // a run over the end
    '3b300000010000020002000500030007000000', // runs that overlap
  ];
  for (const hex of bad) {
    expect(() => decodeRoaring(Buffer.from(hex, 'hex'), 0, 'test')).toThrow(/a Roaring bitmap/);
  }
  const bytes = encodeRoaring([...stepped(5_000, 0, 2), ...stepped(300, 200_000, 1)]);
  for (let length = 0; length < bytes.length; length += 97) {
    expect(() => decodeRoaring(bytes.subarray(0, length), 0, 'test')).toThrow(/cut short/);
  }
});

test('a small input cannot claim much: a full container of runs takes a few bytes in memory as well', () => {
  const bytes = encodeRoaring(stepped(1_000_000, 0, 1));
  expect(bytes.length).toBeLessThan(250);
  const { bitmap } = decodeRoaring(bytes, 0, 'test');
  expect(bitmap.containers.every(({ kind }) => kind === 'runs')).toBe(true);
  expect(bitmap.cardinality).toBe(1_000_000);
});
