// Naive twin: a Map of the values' bits.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { buildDictionary } from './dictionary.ts';
import { type LeafValues, type WordKind, wordsPerValue } from './leaf-values.ts';

function keysOf(values: LeafValues): string[] {
  return Array.from({ length: values.count }, (_, i) => {
    if (values.kind === 'bits') return String((values.bits[i >> 3] ?? 0) & (1 << (i & 7)));
    if (values.kind === 'bytes')
      return Buffer.from(values.bytes).toString('hex', values.offsets[i], values.offsets[i + 1]);
    const width = wordsPerValue[values.kind];
    return values.words.subarray(i * width, (i + 1) * width).join();
  });
}

function expectTwin(values: LeafValues): void {
  const dictionary = buildDictionary(values, Number.MAX_SAFE_INTEGER);
  if (dictionary === undefined) throw new Error('a dictionary');
  const keys = keysOf(values);
  const entries = [...new Set(keys)];
  expect(keysOf(dictionary.entries)).toEqual(entries);
  const numbers = new Map(entries.map((key, entry) => [key, entry]));
  expect([...dictionary.indexes]).toEqual(keys.map(key => numbers.get(key)));
}

const fewOrMany = fc.oneof(fc.integer({ min: -20, max: 20 }), fc.integer());

test.each(['int32', 'float', 'int64', 'double', 'int96', 'int128'] as const)('entries of kind %s', (kind: WordKind) => {
  const width = wordsPerValue[kind];
  fc.assert(
    fc.property(fc.array(fewOrMany, { maxLength: 600 }), words => {
      const count = Math.floor(words.length / width);
      expectTwin({ kind, count, words: Int32Array.from(words) });
    }),
  );
});

function strings(all: readonly Uint8Array[]): LeafValues {
  // As in a slice of a column, they do not begin at 0.
  const bytes = Buffer.concat([Buffer.from('before'), ...all]);
  const offsets = Int32Array.from([
    6,
    ...all.map((_, i) => 6 + all.slice(0, i + 1).reduce((sum, part) => sum + part.length, 0)),
  ]);
  return { kind: 'bytes', count: all.length, bytes, offsets };
}

test('entries of byte strings', () => {
  const few = fc
    .constantFrom('', 'a', 'b', 'ab', 'abcd', 'abcde', 'abcdefgh', 'abcdefgi')
    .map(text => Buffer.from(text));
  const any = fc.uint8Array({ maxLength: 12 });
  fc.assert(fc.property(fc.array(fc.oneof(few, any), { maxLength: 200 }), all => expectTwin(strings(all))));
});

test('many entries, whose table grows', () => {
  expectTwin({ kind: 'int32', count: 5000, words: Int32Array.from({ length: 5000 }, (_, i) => (i * 7919) % 4001) });
  expectTwin({ kind: 'int64', count: 5000, words: Int32Array.from({ length: 10_000 }, (_, i) => (i * 31) % 3000) });
  expectTwin(strings(Array.from({ length: 1500 }, (_, i) => Buffer.from(`user-${(i * 7) % 1009}`))));
});

test('zeros of either sign and each NaN are entries of their own', () => {
  const doubles = new Float64Array([0, -0, Number.NaN, 0, -0]);
  const words = new Int32Array(doubles.buffer);
  words[4] = 1;
  const dictionary = buildDictionary({ kind: 'double', count: 5, words }, 1000);
  expect(dictionary?.entries.count).toBe(3);
  expect(dictionary?.indexes).toEqual(Int32Array.of(0, 1, 2, 0, 1));
});

test('a dictionary that takes more than it may is given up', () => {
  const words = Int32Array.from({ length: 100 }, (_, i) => i);
  expect(buildDictionary({ kind: 'int32', count: 100, words }, 400)?.entries.count).toBe(100);
  expect(buildDictionary({ kind: 'int32', count: 100, words }, 399)).toBeUndefined();
  expect(buildDictionary({ kind: 'int64', count: 50, words }, 400)?.entries.count).toBe(50);
  expect(buildDictionary({ kind: 'int64', count: 50, words }, 399)).toBeUndefined();
  const texts = strings([Buffer.from('abc'), Buffer.from('d'), Buffer.from('abc')]);
  expect(buildDictionary(texts, 12)?.entries.count).toBe(2);
  expect(buildDictionary(texts, 11)).toBeUndefined();
  expect(buildDictionary({ kind: 'bits', count: 3, bits: Uint8Array.of(5) }, 1000)).toBeUndefined();
});
