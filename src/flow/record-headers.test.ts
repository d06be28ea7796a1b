/** Which headers a record may have, and that they are bounded. */
import { expect, test } from 'vitest';
import { checkHeaders, recordHeadersBytesMax, recordHeadersMax, sameHeaders } from './record-headers.ts';

const refusal = { code: 'LAKE_BAD_HEADERS', kind: 'invalid' };
const many = (count: number): Record<string, string> =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`h${index}`, '']));

test('names and texts are taken as they are, and none at all is nothing', () => {
  const given = { traceparent: '00-4bf9-01', 'ce-type': 'é', '0': '', constructor: 'x' };
  const checked = checkHeaders(given);
  expect(checked).toEqual(given);
  expect(checked).not.toBe(given);
  expect(checkHeaders({})).toBeUndefined();
  expect(checkHeaders(undefined)).toBeUndefined();
});

test('what is no name or no text is refused', () => {
  for (const name of ['', '__proto__', 'a b', 'a\n', '-a', 'é', 'a'.repeat(65)]) {
    expect(() => checkHeaders({ [name]: 'x' }), name).toThrow(expect.objectContaining(refusal));
  }
  for (const value of [1, null, undefined, {}, '\ud800']) {
    expect(() => checkHeaders({ a: value })).toThrow(expect.objectContaining(refusal));
  }
  expect(checkHeaders({ ['a'.repeat(64)]: 'x' })).toBeDefined();
});

test('they are few and small', () => {
  expect(checkHeaders(many(recordHeadersMax))).toBeDefined();
  expect(() => checkHeaders(many(recordHeadersMax + 1))).toThrow(expect.objectContaining(refusal));
  expect(checkHeaders({ a: 'x'.repeat(recordHeadersBytesMax - 1) })).toBeDefined();
  expect(() => checkHeaders({ a: 'x'.repeat(recordHeadersBytesMax) })).toThrow(expect.objectContaining(refusal));
  expect(() => checkHeaders({ a: 'é'.repeat(recordHeadersBytesMax / 2) })).toThrow(expect.objectContaining(refusal));
});

test('headers are the same by what they say', () => {
  expect(sameHeaders({ a: '1', b: '2' }, { b: '2', a: '1' })).toBe(true);
  expect(sameHeaders(undefined, undefined)).toBe(true);
  expect(sameHeaders(undefined, { a: '1' })).toBe(false);
  expect(sameHeaders({ a: '1' }, undefined)).toBe(false);
  expect(sameHeaders({ a: '1' }, { b: '1' })).toBe(false);
  expect(sameHeaders({ a: '1' }, { a: '2' })).toBe(false);
});
