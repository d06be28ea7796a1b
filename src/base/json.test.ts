import { expect, test } from 'vitest';
import { parseJson, stringifyJson } from './json.ts';

test('integers beyond 2^53 survive both ways', () => {
  const text = '{"a":9223372036854775807,"b":[-9223372036854775808,1.5,3],"c":"x"}';
  expect(parseJson(text)).toEqual({ a: 9223372036854775807n, b: [-9223372036854775808n, 1.5, 3], c: 'x' });
  expect(stringifyJson(parseJson(text))).toBe(text);
});
