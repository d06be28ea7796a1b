import { expect, test } from 'vitest';
import { Slab } from './slab.ts';

test('pieces of a slab do not overlap, whatever their lengths', () => {
  const slab = new Slab();
  const pieces = Array.from({ length: 500 }, (_, index) => slab.take((index * 37) % 1_000).fill(index % 251));
  pieces.push(slab.take(64 * 1024).fill(1), slab.take(0));
  for (const [index, piece] of pieces.slice(0, 500).entries()) {
    expect(piece.length).toBe((index * 37) % 1_000);
    expect(piece.every(byte => byte === index % 251)).toBe(true);
  }
  expect(pieces.slice(500).map(({ length }) => length)).toEqual([64 * 1024, 0]);
});

test('a copy is a copy', () => {
  const bytes = Uint8Array.of(1, 2, 3);
  const copy = new Slab().copyOf(bytes);
  bytes[0] = 9;
  expect([...copy]).toEqual([1, 2, 3]);
});
