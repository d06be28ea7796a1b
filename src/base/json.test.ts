import { expect, test } from 'vitest';
import { longToJson, parseJson, stringifyJson } from './json.ts';

test('integers beyond 2^53 survive both ways', () => {
  const text = '{"a":9223372036854775807,"b":[-9223372036854775808,1.5,3],"c":"x"}';
  expect(parseJson(text)).toEqual({ a: 9223372036854775807n, b: [-9223372036854775808n, 1.5, 3], c: 'x' });
  expect(stringifyJson(parseJson(text))).toBe(text);
});

test('texts of many digits and texts of few read the same: only integers beyond 2^53 are bigints', () => {
  const values: readonly [string, unknown][] = [
    ['999999999999999', 999_999_999_999_999],
    ['-9007199254740991', -9_007_199_254_740_991],
    ['9007199254740993', 9_007_199_254_740_993n],
    ['0.1234567890123456789', Number('0.1234567890123456789')],
    ['1e999', Number.POSITIVE_INFINITY],
    ['"1234567890123456"', '1234567890123456'],
    ['{"__proto__":1,"a":{"b":[1,1]}}', JSON.parse('{"__proto__":1,"a":{"b":[1,1]}}')],
  ];
  for (const [text, value] of values) {
    expect(parseJson(text)).toStrictEqual(value);
    // Beside a number of many digits the whole text is read the other way.
    expect(parseJson(`[${text},1234567890123456]`)).toStrictEqual([value, 1_234_567_890_123_456]);
  }
});

test('a long goes out as a number when it is one without loss, and digit for digit when not', () => {
  const longs = [0n, -1n, 9_007_199_254_740_991n, -9_007_199_254_740_993n, 9_223_372_036_854_775_807n, undefined];
  expect(longs.map(longToJson).map(value => typeof value)).toEqual([
    'number',
    'number',
    'number',
    'bigint',
    'bigint',
    'undefined',
  ]);
  for (const long of longs.filter(value => value !== undefined)) {
    expect(stringifyJson({ long: longToJson(long) })).toBe(`{"long":${long}}`);
  }
});
