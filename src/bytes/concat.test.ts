import { expect, test } from 'vitest';
import { concatBytes, joinBytes } from './concat.ts';

test('parts are put together in a buffer that holds nothing else', () => {
  const joined = concatBytes([Uint8Array.of(1, 2), new Uint8Array(0), Buffer.from([3])]);
  expect([...joined]).toEqual([1, 2, 3]);
  expect(joined.buffer.byteLength).toBe(3);
  expect(concatBytes([])).toHaveLength(0);
});

test('parts that are neighbours are joined without a copy, others with one', () => {
  const bytes = Uint8Array.of(0, 1, 2, 3, 4, 5);
  const [a, b, c] = [bytes.subarray(1, 3), bytes.subarray(3, 3), bytes.subarray(3, 5)];
  const joined = joinBytes([a, b, c]);
  expect([...joined]).toEqual([1, 2, 3, 4]);
  expect(joined.buffer).toBe(bytes.buffer);
  for (const parts of [
    [c, a],
    [a, a],
    [bytes.subarray(0, 1), c],
    [a, Uint8Array.of(3, 4)],
    [a, b, bytes.subarray(4)],
  ]) {
    expect([...joinBytes(parts)]).toEqual(parts.flatMap(part => [...part]));
    expect(joinBytes(parts).buffer).not.toBe(bytes.buffer);
  }
  expect(joinBytes([])).toHaveLength(0);
});
