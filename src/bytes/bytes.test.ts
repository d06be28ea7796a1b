import { expect, test } from 'vitest';
import { bytesSource } from './byte-source.ts';
import { compareBytes, equalBytes } from './compare.ts';
import { crc32 } from './crc32.ts';
import { fromHex, toHex } from './hex.ts';
import { murmurWords } from './murmur.ts';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

test('a source in memory gives the range asked for and refuses one outside', async () => {
  const source = bytesSource(bytes(1, 2, 3, 4));
  expect(source.byteLength).toBe(4);
  expect(await source.slice(1, 3)).toEqual(bytes(2, 3));
  expect(() => source.slice(2, 5)).toThrow('slice 2..5 of 4 bytes');
});

test('bytes are ordered as unsigned numbers, the shorter first', () => {
  expect(compareBytes(bytes(0x7f), bytes(0x80))).toBeLessThan(0);
  expect(compareBytes(bytes(1, 2), bytes(1))).toBeGreaterThan(0);
  expect(compareBytes(bytes(), bytes())).toBe(0);
  expect(equalBytes(bytes(1, 2), bytes(1, 2))).toBe(true);
  expect(equalBytes(bytes(1, 2), bytes(1, 3))).toBe(false);
  expect(equalBytes(bytes(1, 2), bytes(1))).toBe(false);
});

test('the checksum is the one of zlib and can be taken in parts', () => {
  const text = new TextEncoder().encode('123456789');
  expect(crc32(text)).toBe(0xcbf43926);
  expect(crc32(text.subarray(4), crc32(text.subarray(0, 4)))).toBe(0xcbf43926);
});

test('hex goes both ways and broken hex is undefined', () => {
  expect(toHex(bytes(0, 10, 255))).toBe('000aff');
  expect(fromHex('000AfF')).toEqual(bytes(0, 10, 255));
  for (const text of ['0', 'g0', '0g', 'ß0', ' 1']) expect(fromHex(text)).toBeUndefined();
});

test('the hash of whole words is the one Paimon computes', () => {
  expect(murmurWords(new Uint8Array(8))).toBe(-1670924195);
  expect(murmurWords(bytes(0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0))).toBe(1465514398);
  expect(() => murmurWords(bytes(1, 2, 3))).toThrow('3 bytes are not whole words');
});
