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

test('floats print the digits of their own precision', () => {
  expect(javaFloat(Math.fround(0.1))).toBe('0.1');
  expect(javaFloat(16_777_216)).toBe('1.6777216E7');
  expect(javaFloat(Math.fround(1.4e-45))).toBe('1.4E-45');
});

test('digits are those of JDK 17, which are not always the fewest, nor the nearest', () => {
  const doubles: readonly (readonly [bigint, string])[] = [
    [6503197861922996224n, '5.4153704963297165E126'],
    [4888395662928247150n, '6.6495148632365937E18'],
    [4883925461362047938n, '3.3418572389379942E18'],
    [2n, '1.0E-323'],
    [4503599627370496n, '2.2250738585072014E-308'],
    [4890909195324358656n, '9.223372036854776E18'],
    [9218868437227405311n, '1.7976931348623157E308'],
  ];
  const floats: readonly (readonly [number, string])[] = [
    [1_412_674_249, '3.08719465E12'],
    [1_568_355_455, '1.13132703E18'],
    [1_336_121_302, '5.4892739E9'],
    // An overflow in Java's arithmetic leaves the last digit as it was.
    [1_783_718_184, '6.3281075E25'],
    [16, '2.24E-44'],
    [8_388_608, '1.17549435E-38'],
    [2_139_095_039, '3.4028235E38'],
  ];
  const view = new DataView(new ArrayBuffer(8));
  for (const [bits, text] of doubles) {
    view.setBigInt64(0, bits);
    expect(javaDouble(view.getFloat64(0))).toBe(text);
  }
  for (const [bits, text] of floats) {
    view.setInt32(0, bits);
    expect(javaFloat(-view.getFloat32(0))).toBe(`-${text}`);
  }
});
