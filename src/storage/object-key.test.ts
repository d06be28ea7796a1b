import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isLakeError } from '../base/errors.ts';
import { checkByteRange, checkObjectKey, compareKeys, isObjectKey } from './object-key.ts';

test('keys are in the order of their UTF-8 bytes', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (a, b) => {
      expect(Math.sign(compareKeys(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
    }),
  );
  expect(compareKeys('\u{1f600}', '\uffee')).toBeGreaterThan(0);
});

test('keys that could leave the root or that a store cannot hold are refused by name', () => {
  const bad = [
    '',
    '/a',
    'a/',
    'a//b',
    '.',
    '..',
    '../a',
    'a/../b',
    'a/./b',
    'a\0',
    '\ud800',
    'x'.repeat(1025),
    'ä'.repeat(513),
  ];
  for (const key of bad) {
    expect(isObjectKey(key), JSON.stringify(key)).toBe(false);
    expect(() => checkObjectKey(key)).toThrow(expect.toSatisfy((error: unknown) => isLakeError(error, 'LAKE_BAD_KEY')));
  }
  for (const key of ['a', '.a', '..a', 'a..', 'a/b/c', 'x'.repeat(1024), 'ä b%+']) expect(isObjectKey(key)).toBe(true);
});

test('a byte range is two whole numbers that rise', () => {
  checkByteRange('k', { start: 0, end: 1 });
  for (const range of [
    { start: 1, end: 1 },
    { start: -1, end: 1 },
    { start: 0, end: 0.5 },
    { start: 0, end: Number.NaN },
  ]) {
    expect(() => checkByteRange('k', range)).toThrow('are not a range');
  }
});
