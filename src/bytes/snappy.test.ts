// Snappy: hyparquet's reader unpacks what we pack, and what is broken is refused before it takes memory.
import { snappyUncompress } from 'hyparquet';
import { expect, test } from 'vitest';
import { seededRandom } from '../base/random.ts';
import { packSnappy, unpackSnappy } from './snappy.ts';

const random = seededRandom(11);

function noise(length: number): Uint8Array {
  return Uint8Array.from({ length }, () => Math.floor(random.next() * 256));
}

function words(length: number): Uint8Array {
  let text = '';
  while (text.length < length)
    text += `data-${Math.floor(random.next() * 40)}/bucket-${Math.floor(random.next() * 3)} `;
  return Buffer.from(text.slice(0, length));
}

const samples: readonly (readonly [string, Uint8Array])[] = [
  ['nothing', new Uint8Array()],
  ['a byte', Uint8Array.of(7)],
  ['few bytes', Buffer.from('abcabcabcabcabc')],
  ['zeros', new Uint8Array(200_000)],
  ['noise', noise(150_000)],
  ['words', words(300_000)],
  [
    'words and noise',
    Buffer.concat([words(70_000), noise(300), words(66), noise(59), noise(60), noise(61), words(4_000)]),
  ],
  ...[63, 64, 65, 66, 67, 68, 69, 128, 256, 257, 65_535, 65_536, 65_537].map(
    length => [`${length} bytes alike`, new Uint8Array(length).fill(3)] as const,
  ),
];

test.each(samples)('%s comes back, by us and by hyparquet', (_, bytes) => {
  const packed = packSnappy(bytes);
  expect(Buffer.compare(unpackSnappy(packed, bytes.length), bytes)).toBe(0);
  const theirs = new Uint8Array(bytes.length);
  // Theirs takes no empty block.
  if (bytes.length > 0) snappyUncompress(packed, theirs);
  expect(Buffer.compare(theirs, bytes)).toBe(0);
});

test('four bytes alike between long literals, whose heads take more than a copy saves, find room', () => {
  const pieces = Array.from({ length: 2000 }, () => Buffer.concat([noise(576), Uint8Array.of(36, 36, 36, 36)]));
  const bytes = Buffer.concat(pieces);
  const packed = packSnappy(bytes);
  expect(Buffer.compare(unpackSnappy(packed, bytes.length), bytes)).toBe(0);
  expect(packed.length).toBeGreaterThan(bytes.length + 3 * Math.ceil(bytes.length / 65_536));
});

test('words take less than half, and noise hardly more than it has', () => {
  expect(packSnappy(words(300_000)).length).toBeLessThan(100_000);
  expect(packSnappy(noise(150_000)).length).toBeLessThan(150_020);
});

test('copies of every width are read', () => {
  const text = 'abcdefgh';
  const literal = [(text.length - 1) << 2, ...Buffer.from(text)];
  const by1 = [1 | ((5 - 4) << 2), 8];
  const by2 = [2 | ((3 - 1) << 2), 8, 0];
  const by4 = [3 | ((10 - 1) << 2), 2, 0, 0, 0];
  const unpacked = unpackSnappy(Uint8Array.from([26, ...literal, ...by1, ...by2, ...by4]), 100);
  expect(Buffer.from(unpacked).toString()).toBe('abcdefghabcdefghghghghghgh');
  const wide = [63 << 2, text.length - 1, 0, 0, 0, ...Buffer.from(text)];
  expect(Buffer.from(unpackSnappy(Uint8Array.from([8, ...wide]), 8)).toString()).toBe(text);
});

test.each([
  ['nothing at all', [], /no length/],
  ['a length without an end', [0x80, 0x80, 0x80, 0x80, 0x80], /no length/],
  ['more than may be', [101, 0], /announces 101/],
  ['more than there can be', [100, 0, 1], /announces 100/],
  ['a literal beyond the end', [8, 7 << 2, 1], /literal is too long/],
  ['a literal beyond the length', [2, 2 << 2, 1, 2, 3], /literal is too long/],
  ['a literal of a length that is cut short', [8, 61 << 2, 1], /cut short/],
  ['a copy of nothing', [8, 0, 1, 1, 0], /a copy from 0/],
  ['a copy from before the beginning', [8, 0, 1, 1, 2], /a copy from 2/],
  ['a copy beyond the length', [3, 0, 1, 1, 1], /copy is too long/],
  ['a copy that is cut short', [5, 0, 1, 2], /cut short/],
  ['less than announced', [2, 0, 1], /has 1 bytes/],
])('%s is refused', (_, bytes, message) => {
  expect(() => unpackSnappy(Uint8Array.from(bytes), 100)).toThrow(message);
});
