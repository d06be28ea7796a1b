import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareDoubles, compareKeys, compareScalars, compareTexts, equalScalars } from './compare.ts';
import type { DataType } from './data-type.ts';
import type { Scalar } from './scalar.ts';

test('texts are ordered as their UTF-8 bytes, also beyond the basic plane', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 8 });
  fc.assert(
    fc.property(text, text, (a, b) => {
      expect(compareTexts(a, b)).toBe(Math.sign(Buffer.compare(Buffer.from(a), Buffer.from(b))));
    }),
  );
  expect(compareTexts('\uffee', '𝄞')).toBe(-1);
  expect(compareTexts('𝄞', '\uffee')).toBe(1);
});

test('doubles are ordered as in Java: minus zero first, NaN last and equal to itself', () => {
  const ordered = [Number.NEGATIVE_INFINITY, -1, -0, 0, 1e-300, 1, Number.POSITIVE_INFINITY, Number.NaN];
  for (const [i, a] of ordered.entries()) {
    for (const [j, b] of ordered.entries()) expect(compareDoubles(a, b)).toBe(Math.sign(i - j));
  }
});

test('null comes before any value', () => {
  expect(compareScalars({ kind: 'int', nullable: true }, null, -5)).toBe(-1);
  expect(compareScalars({ kind: 'int', nullable: true }, -5, null)).toBe(1);
  expect(compareScalars({ kind: 'int', nullable: true }, null, null)).toBe(0);
});

test('binaries are ordered by unsigned bytes, then length', () => {
  const type = { kind: 'varbinary', length: 9, nullable: true } as const;
  expect(compareScalars(type, Uint8Array.of(0x80), Uint8Array.of(0x7f, 1))).toBe(1);
  expect(compareScalars(type, Uint8Array.of(1), Uint8Array.of(1, 0))).toBe(-1);
});

test('numbers of 64 bits and decimals are ordered exactly', () => {
  const type = { kind: 'decimal', precision: 38, scale: 0, nullable: true } as const;
  expect(compareScalars(type, 10n ** 37n, 10n ** 37n + 1n)).toBe(-1);
  expect(compareScalars({ kind: 'boolean', nullable: true }, false, true)).toBe(-1);
});

test('both zeros are one key in the last column of a key, and elsewhere minus zero comes first', () => {
  const double = { kind: 'double', nullable: false } as const;
  const int = { kind: 'int', nullable: true } as const;
  expect(compareKeys([double], [-0], [0])).toBe(0);
  expect(compareKeys([double], [-0], [1e-300])).toBe(-1);
  expect(compareKeys([int, double], [1, 0], [1, -0])).toBe(0);
  expect(compareKeys([double, int], [-0, 5], [0, 1])).toBe(-1);
  expect(compareKeys([double, int], [0, 5], [0, 1])).toBe(1);
  expect(compareKeys([int], [null], [0])).toBe(-1);
});

test('nested values are the same by what is in them, maps in any order', () => {
  const map: DataType = {
    kind: 'map',
    key: { kind: 'int', nullable: false },
    value: { kind: 'float', nullable: true },
    nullable: true,
  };
  const array: DataType = { kind: 'array', element: map, nullable: true };
  const one: Scalar = [
    [
      [1, 0.5],
      [2, null],
    ],
    null,
    [],
  ];
  const sames: readonly Scalar[] = [
    one,
    [
      [
        [2, null],
        [1, 0.5],
      ],
      null,
      [],
    ],
  ];
  const others: readonly Scalar[] = [
    null,
    [],
    [
      [
        [1, 0.5],
        [2, null],
      ],
      null,
    ],
    [
      [
        [1, 0.5],
        [3, null],
      ],
      null,
      [],
    ],
    [
      [
        [1, 0.5],
        [2, 0],
      ],
      null,
      [],
    ],
    [[[1, 0.5]], null, []],
    [
      [
        [1, 0.5],
        [2, null],
      ],
      [],
      [],
    ],
  ];
  for (const same of sames) expect(equalScalars(array, one, same)).toBe(true);
  for (const other of others)
    expect([equalScalars(array, one, other), equalScalars(array, other, one)]).toEqual([false, false]);
  expect(equalScalars(array, null, null)).toBe(true);
  expect(equalScalars({ kind: 'double', nullable: true }, 0, -0)).toBe(false);
});
