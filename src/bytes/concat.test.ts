import { expect, test } from 'vitest';
import { concatBytes } from './concat.ts';

test('parts are put together in a buffer that holds nothing else', () => {
  const joined = concatBytes([Uint8Array.of(1, 2), new Uint8Array(0), Buffer.from([3])]);
  expect([...joined]).toEqual([1, 2, 3]);
  expect(joined.buffer.byteLength).toBe(3);
  expect(concatBytes([])).toHaveLength(0);
});
