import { expect, test } from 'vitest';
import { release } from './release.ts';

test('large buffers are gone at once, whatever piece of them is given and how often', () => {
  const whole = new Uint8Array(1024 * 1024);
  const piece = whole.subarray(10, 20);
  release([piece, whole, piece]);
  expect([whole.length, piece.length, whole.buffer.byteLength]).toEqual([0, 0, 0]);
});

test('small ones stay, since they may lie in a pool with those of others', () => {
  const pooled = Buffer.from('of a pool');
  release([pooled]);
  expect(pooled.toString()).toBe('of a pool');
});
