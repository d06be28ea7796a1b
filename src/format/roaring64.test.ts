// Sets of 64-bit numbers: what goes in comes out, also after unions; what is broken is told. Bytes are compared with Java's in
// test/interop/bitmaps64.test.ts.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeRoaring64, encodeRoaring64, numbersIn64, roaring64Of, uniteRoaring64 } from './roaring64.ts';

const corrupt = expect.objectContaining({ code: 'LAKE_CORRUPT_VECTOR' });

/** Near each other and far, so that trees have common bytes, splits and nodes of every size. */
const number = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  fc.bigInt({ min: 0n, max: 300n }).map(high => high << 16n),
  fc.tuple(fc.bigInt({ min: 0n, max: 3n }), fc.bigInt({ min: 0n, max: 70n })).map(([a, b]) => (a << 40n) | (b << 24n)),
);
const numbers = fc.array(number, { maxLength: 120 });

function inOrder(of: readonly bigint[]): readonly bigint[] {
  return [...new Set(of)].toSorted((a, b) => (a < b ? -1 : 1));
}

test('numbers come back, ascending and each once', () => {
  fc.assert(
    fc.property(numbers, of => {
      const bytes = encodeRoaring64(roaring64Of(of));
      const read = decodeRoaring64(bytes, 'here');
      expect([...numbersIn64(read)]).toEqual(inOrder(of));
      expect(Buffer.compare(encodeRoaring64(read), bytes)).toBe(0);
    }),
  );
});

test('a union has the numbers of both', () => {
  fc.assert(
    fc.property(numbers, numbers, (a, b) => {
      const united = uniteRoaring64(roaring64Of(a), roaring64Of(b));
      expect([...numbersIn64(decodeRoaring64(encodeRoaring64(united), 'here'))]).toEqual(inOrder([...a, ...b]));
    }),
  );
});

test('runs, bitmaps and lists unite to what takes the fewest bytes', () => {
  const range = (first: number, count: number, step = 1): bigint[] =>
    Array.from({ length: count }, (_, index) => BigInt(first + index * step));
  const kindOf = (a: readonly bigint[], b: readonly bigint[]): string | undefined =>
    uniteRoaring64(roaring64Of(a), roaring64Of(b)).containers[0]?.kind;
  expect(kindOf(range(0, 100), range(100, 100))).toBe('runs');
  expect(kindOf(range(0, 100), range(300, 3_000, 2))).toBe('list');
  expect(kindOf(range(0, 3_000, 2), range(10_000, 3_000, 2))).toBe('bits');
  expect(kindOf(range(0, 65_536, 2), range(1, 65_535, 2).slice(0, 32_768))).toBe('runs');
  expect(encodeRoaring64(roaring64Of([]))).toEqual(Uint8Array.of(0));
});

test('to read and to unite changes none of the bytes', () => {
  const range = (first: number): bigint[] => Array.from({ length: 5_000 }, (_, index) => BigInt(first + index * 2));
  const [a, b] = [range(0), range(20_001)].map(of => Buffer.from(encodeRoaring64(roaring64Of([...of, 2n ** 50n]))));
  const before = [a, b].map(bytes => bytes?.toString('hex'));
  uniteRoaring64(decodeRoaring64(a ?? Buffer.alloc(0), 'a'), decodeRoaring64(b ?? Buffer.alloc(0), 'b'));
  expect([a, b].map(bytes => bytes?.toString('hex'))).toEqual(before);
});

test('bytes that are cut or contradict themselves are corrupt', () => {
  const bytes = encodeRoaring64(roaring64Of([1n, 2n ** 40n, 2n ** 40n + 70_000n, 2n ** 63n]));
  for (let length = 0; length < bytes.length; length += 1) {
    expect(() => decodeRoaring64(bytes.subarray(0, length), 'here')).toThrow(corrupt);
  }
  const [count, kind, ofNode] = [1, 9, 10];
  for (const at of [0, count, kind, ofNode]) {
    const wrong = Uint8Array.from(bytes);
    wrong[at] = 77;
    expect(() => decodeRoaring64(wrong, 'here'), `byte ${at}`).toThrow(corrupt);
  }
});
