import { expect, test } from 'vitest';
import { seededRandom } from '../base/random.ts';
import { packLz4 } from './lz4.ts';

const random = seededRandom(17);

function noise(length: number): Uint8Array {
  return Uint8Array.from({ length }, () => Math.floor(random.next() * 256));
}

function words(length: number): Uint8Array {
  let text = '';
  while (text.length < length) text += `user-${Math.floor(random.next() * 500)} of ${Math.floor(random.next() * 3)} `;
  return Buffer.from(text.slice(0, length));
}

/** The format, as its description has it. */
function unpacked(packed: Uint8Array): number[] {
  const out: number[] = [];
  let at = 0;
  const next = (): number => packed[at++] ?? Number.NaN;
  const length = (start: number): number => {
    let total = start;
    if (start === 15) {
      for (let more = 255; more === 255; total += more) more = next();
    }
    return total;
  };
  while (at < packed.length) {
    const token = next();
    for (let left = length(token >> 4); left > 0; left -= 1) out.push(next());
    if (at === packed.length) break;
    const offset = next() + 256 * next();
    for (let left = length(token & 15) + 4; left > 0; left -= 1) out.push(out[out.length - offset] ?? Number.NaN);
  }
  return out;
}

const samples: readonly (readonly [string, Uint8Array])[] = [
  ['nothing', new Uint8Array()],
  ['a byte', Uint8Array.of(7)],
  ['twelve bytes alike', new Uint8Array(12).fill(1)],
  ['thirteen bytes alike', new Uint8Array(13).fill(1)],
  ['many bytes alike', new Uint8Array(100_000)],
  ['noise', noise(70_000)],
  ['words', words(200_000)],
  ['a match that is too far away', Buffer.concat([words(300), noise(66_000), words(300)])],
  ['words between noise', Buffer.concat([noise(14), words(64), noise(15), words(64), noise(270), words(64), noise(5)])],
];

test.each(samples)('%s comes back', (_, bytes) => {
  const packed = packLz4(bytes);
  expect(Buffer.compare(Uint8Array.from(unpacked(packed)), bytes)).toBe(0);
  // What the format asks of the end of a block: its last five bytes are literals.
  if (bytes.length >= 5) expect(Buffer.compare(packed.subarray(-5), bytes.subarray(-5))).toBe(0);
});

test('words take less than half, and noise hardly more than it has', () => {
  expect(packLz4(words(200_000)).length).toBeLessThan(100_000);
  expect(packLz4(noise(70_000)).length).toBeLessThan(70_300);
});
