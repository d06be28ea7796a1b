import fc from 'fast-check';
import { expect, test } from 'vitest';
import { javaDouble, javaFloat, parseJavaDouble } from './java-text.ts';

test('doubles print as Java prints them', () => {
  const texts: readonly (readonly [number, string])[] = [
    [0, '0.0'],
    [-0, '-0.0'],
    [1, '1.0'],
    [100, '100.0'],
    [0.001, '0.001'],
    [9.99e-4, '9.99E-4'],
    [9_999_999.9, '9999999.9'],
    [1e7, '1.0E7'],
    [1.5e300, '1.5E300'],
    [5e-324, '4.9E-324'],
    [Number.NEGATIVE_INFINITY, '-Infinity'],
    [Number.NaN, 'NaN'],
  ];
  for (const [value, text] of texts) expect(javaDouble(value)).toBe(text);
});

test('what is printed reads back as the same number', () => {
  fc.assert(
    fc.property(fc.double(), fc.float(), (double, float) => {
      expect(parseJavaDouble(javaDouble(double))).toBe(double);
      expect(Math.fround(parseJavaDouble(javaFloat(float)) ?? 0)).toBe(float);
    }),
  );
});

test('floats print their own shortest digits', () => {
  expect(javaFloat(Math.fround(0.1))).toBe('0.1');
  expect(javaFloat(16_777_216)).toBe('1.6777216E7');
  expect(javaFloat(Math.fround(1.4e-45))).toBe('1.4E-45');
});
