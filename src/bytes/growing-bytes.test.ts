import { expect, test } from 'vitest';
import { concatBytes } from './concat.ts';
import { GrowingBytes, roomToGrow } from './growing-bytes.ts';

test('parts of any length come out one after the other, and once', () => {
  const parts = [0, 1, 3, 5_000, 0, 4_096, 1_500_000, 7].map((length, seed) =>
    Uint8Array.from({ length }, (_, index) => (index * 31 + seed) % 251),
  );
  const gathered = new GrowingBytes();
  let length = 0;
  for (const part of parts) {
    gathered.append(part);
    length += part.length;
    expect(gathered.length).toBe(length);
  }
  expect(Buffer.compare(gathered.take(), concatBytes(parts))).toBe(0);
  expect(gathered.length).toBe(0);
  expect(gathered.take()).toHaveLength(0);
});

test('few bytes take no more memory than they are', () => {
  const gathered = new GrowingBytes();
  gathered.append(Uint8Array.of(1, 2, 3));
  expect(gathered.take().buffer.byteLength).toBe(3);
});

test('many bytes grow where they are, whatever was written of them before', () => {
  const parts = [900_000, 1_000_000, 3_000_000, 1, 9_000_000, 4_194_304].map((length, seed) =>
    new Uint8Array(length).fill(seed + 1),
  );
  const gathered = new GrowingBytes();
  for (const part of parts) gathered.append(part);
  const all = gathered.take();
  expect(Buffer.compare(all, concatBytes(parts))).toBe(0);
  expect(all.buffer instanceof ArrayBuffer && all.buffer.resizable).toBe(true);
  gathered.append(Uint8Array.of(7));
  expect(gathered.take()).toEqual(Uint8Array.of(7));
  expect(all.at(-1)).toBe(6);
});

test('where there are no addresses to grow into, there is room that does not grow', () => {
  const room = roomToGrow(1_000, 2 ** 52);
  expect([room.length, room.buffer.resizable]).toEqual([2_000, false]);
  const growing = roomToGrow(1_000, 3_000);
  expect([growing.length, growing.buffer.resizable]).toEqual([1_000, true]);
});
