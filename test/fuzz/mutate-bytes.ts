/** Changes to bytes that know nothing of what the bytes mean. Same random source, same change. */
import type { Random } from '../../src/base/random.ts';
import { concatBytes } from '../../src/bytes/concat.ts';

/** @param other another file of the corpus, to take pieces from */
export type Mutator = (input: Uint8Array, random: Random, other: Uint8Array) => Uint8Array;

/** No input grows beyond this by mutation, so that memory out of proportion is the decoder's doing. */
const inputBytesMax = 1024 * 1024;
const changesMax = 4;

/** A whole number in [0, below). */
export function below(random: Random, bound: number): number {
  return Math.floor(random.next() * bound);
}

export function pick<T>(random: Random, items: readonly T[]): T {
  const item = items[below(random, items.length)];
  if (item === undefined) throw new RangeError('nothing to pick from');
  return item;
}

/** Numbers at which codecs break, as the bytes of fields of 1 to 8 bytes and of variable length. */
const fieldBytes: readonly Uint8Array[] = [
  [0],
  [1],
  [0x7f],
  [0x80],
  [0xff],
  [0, 0],
  [0xff, 0xff],
  [0xff, 0x7f],
  [0, 0x80],
  [0, 0, 0, 0],
  [0xff, 0xff, 0xff, 0xff],
  [0xff, 0xff, 0xff, 0x7f],
  [0x7f, 0xff, 0xff, 0xff],
  [0, 0, 0, 0x80],
  [0x80, 0, 0, 0],
  [0, 0, 0, 1],
  [0, 0, 0, 0x20],
  [0, 0, 0, 0, 0, 0, 0, 0],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
  [0, 0, 0, 0, 0, 0, 0, 0x80],
  // Variable-length numbers, the last without an end.
  [0x80, 0x01],
  [0x80, 0x80, 0x80, 0x80, 0x08],
  [0xff, 0xff, 0xff, 0xff, 0x0f],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
].map(bytes => Uint8Array.from(bytes));

const changes: readonly Mutator[] = [
  function flipBit(input, random) {
    const changed = input.slice();
    const at = below(random, input.length);
    changed[at] = (changed[at] ?? 0) ^ (1 << below(random, 8));
    return changed;
  },
  function setByte(input, random) {
    const changed = input.slice();
    changed[below(random, input.length)] = below(random, 256);
    return changed;
  },
  function setField(input, random) {
    const changed = input.slice();
    const field = pick(random, fieldBytes);
    changed.set(field.subarray(0, input.length), below(random, Math.max(1, input.length - field.length)));
    return changed;
  },
  function addToByte(input, random) {
    const changed = input.slice();
    const at = below(random, input.length);
    changed[at] = (changed[at] ?? 0) + pick(random, [-1, 1, 2, -2]);
    return changed;
  },
  function truncate(input, random) {
    return input.slice(0, below(random, input.length));
  },
  function extend(input, random) {
    return concatBytes([input, Uint8Array.from({ length: 1 + below(random, 40) }, () => below(random, 256))]);
  },
  function deleteBlock(input, random) {
    const { start, end } = block(input, random);
    return concatBytes([input.subarray(0, start), input.subarray(end)]);
  },
  function copyBlock(input, random) {
    const { start, end } = block(input, random);
    const at = below(random, input.length);
    return concatBytes([input.subarray(0, at), input.subarray(start, end), input.subarray(at)]);
  },
  function overwriteBlock(input, random) {
    const { start, end } = block(input, random);
    const changed = input.slice();
    changed.set(input.subarray(start, end), below(random, input.length - (end - start) + 1));
    return changed;
  },
  function splice(input, random, other) {
    const cut = below(random, input.length);
    return concatBytes([input.subarray(0, cut), other.subarray(below(random, other.length + 1))]);
  },
];

function block(input: Uint8Array, random: Random): { readonly start: number; readonly end: number } {
  const start = below(random, input.length);
  const length = 1 + below(random, Math.min(input.length - start, random.next() < 0.5 ? 16 : 512));
  return { start, end: Math.min(input.length, start + length) };
}

/** Changes that leave every length as it is. */
export const mutateInPlace: Mutator = (input, random, other) => {
  if (input.length === 0) return input;
  return pick(random, changes.slice(0, 4))(input, random, other);
};

/** One of the changes above, or up to four. */
export const mutateBytes: Mutator = (input, random, other) => {
  let changed = input;
  const count = random.next() < 0.5 ? 1 : 1 + below(random, changesMax);
  for (let left = count; left > 0 && changed.length > 0; left -= 1) {
    changed = pick(random, changes)(changed, random, other);
    if (changed.length > inputBytesMax) changed = changed.slice(0, inputBytesMax);
  }
  return changed;
};
