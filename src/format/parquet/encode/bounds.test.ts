// Naive twin: all values sorted by the order their type has.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { lowerBound, upperBound } from './bound-bytes.ts';
import { boundsOf } from './bounds.ts';
import type { LeafValues } from './leaf-values.ts';

/** Of the values but the first and the last, which are not meant. */
function expectTwin<T>(values: LeafValues, plain: readonly T[], order: (a: T, b: T) => number): void {
  const bounds = boundsOf(values, { from: 1, to: values.count - 1 });
  const sorted = plain.slice(1, -1).sort(order);
  const [least, greatest] = [sorted[0], sorted.at(-1)];
  if (bounds === undefined || least === undefined || greatest === undefined) {
    expect([bounds, least]).toEqual([undefined, undefined]);
    return;
  }
  expect(order(plain[bounds.least] as T, least)).toBe(0);
  expect(order(plain[bounds.greatest] as T, greatest)).toBe(0);
  expect([bounds.least, bounds.greatest].every(place => place >= 1 && place < values.count - 1)).toBe(true);
}

const byNumber = (a: number, b: number): number => a - b;
const byBigInt = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);
const size = { minLength: 2, maxLength: 60 };

test('bounds of integers of 32 bits', () => {
  const values = fc.array(fc.oneof(fc.integer(), fc.constantFrom(0, -(2 ** 31), 2 ** 31 - 1)), size);
  fc.assert(
    fc.property(values, all =>
      expectTwin({ kind: 'int32', count: all.length, words: Int32Array.from(all) }, all, byNumber),
    ),
  );
});

test.each([
  ['int64', 64n],
  ['int128', 128n],
] as const)('bounds of integers of kind %s', (kind, bits) => {
  const far = fc.bigInt({ min: -(2n ** (bits - 1n)), max: 2n ** (bits - 1n) - 1n });
  const near = fc.bigInt({ min: -(2n ** 33n), max: 2n ** 33n });
  fc.assert(
    fc.property(fc.array(fc.oneof(far, near), size), all => {
      const perValue = Number(bits / 32n);
      const words = Int32Array.from({ length: all.length * perValue }, (_, at) =>
        Number(BigInt.asIntN(32, (all[Math.floor(at / perValue)] ?? 0n) >> BigInt(32 * (at % perValue)))),
      );
      expectTwin({ kind, count: all.length, words }, all, byBigInt);
    }),
  );
});

test('bounds of doubles and floats, which there are none of beside a NaN', () => {
  const number = fc.oneof(fc.double({ noNaN: true }), fc.constantFrom(0, -0, 1, -1));
  fc.assert(
    fc.property(fc.array(number, size), all => {
      const doubles = new Int32Array(Float64Array.from(all).buffer);
      const order = (a: number, b: number): number => (a === b ? 0 : a < b ? -1 : 1);
      expectTwin({ kind: 'double', count: all.length, words: doubles }, all, order);
      const floats = Float32Array.from(all);
      expectTwin({ kind: 'float', count: all.length, words: new Int32Array(floats.buffer) }, [...floats], order);
    }),
  );
  for (let at = 0; at < 3; at += 1) {
    const doubles = new Float64Array([1, 2, 3]);
    doubles[at] = Number.NaN;
    const words = new Int32Array(doubles.buffer);
    expect(boundsOf({ kind: 'double', count: 3, words }, { from: 0, to: 3 })).toBeUndefined();
  }
});

test('bounds of doubles that do not begin at a multiple of 8', () => {
  const words = new Int32Array([0, ...new Int32Array(new Float64Array([3, 1, 2]).buffer)]).subarray(1);
  expect(boundsOf({ kind: 'double', count: 3, words }, { from: 0, to: 3 })).toEqual({ least: 1, greatest: 0 });
});

test('a bound of bits is one bit, whatever lies beside it', () => {
  const bits = { kind: 'bits', count: 16, bits: Uint8Array.of(0b1111_0001, 0b1010_1110) } as const;
  for (let place = 0; place < 16; place += 1) {
    const value = ((bits.bits[place >> 3] ?? 0) >> (place & 7)) & 1;
    expect(lowerBound(bits, place, { fixedBytes: 0, isText: false })).toEqual(Uint8Array.of(value));
    expect(upperBound(bits, place, { fixedBytes: 0, isText: false })).toEqual(Uint8Array.of(value));
  }
});

test('bounds of bits, and none of INT96', () => {
  const bits = { kind: 'bits', count: 3, bits: Uint8Array.of(0b010) } as const;
  expect(boundsOf(bits, { from: 0, to: 3 })).toEqual({ least: 0, greatest: 1 });
  expect(boundsOf(bits, { from: 1, to: 2 })).toEqual({ least: 1, greatest: 1 });
  const words = new Int32Array(6);
  expect(boundsOf({ kind: 'int96', count: 2, words }, { from: 0, to: 2 })).toBeUndefined();
});

function strings(all: readonly Uint8Array[]): LeafValues {
  let end = 0;
  const offsets = Int32Array.from([0, ...all.map(part => (end += part.length))]);
  return { kind: 'bytes', count: all.length, bytes: Buffer.concat(all), offsets };
}

test('bounds of byte strings', () => {
  const few = fc.constantFrom('', 'a', 'abcd', 'abcde', 'abce', 'abcdefgh').map(text => Buffer.from(text));
  const any = fc.uint8Array({ maxLength: 12 });
  fc.assert(fc.property(fc.array(fc.oneof(few, any), size), all => expectTwin(strings(all), all, Buffer.compare)));
});

test('a bound of a zero has the sign that excludes neither', () => {
  const words = new Int32Array(new Float64Array([0, -0]).buffer);
  const zeros = { kind: 'double', count: 2, words } as const;
  const number = (bytes: Uint8Array | undefined): number =>
    new Float64Array((bytes ?? new Uint8Array(8)).buffer)[0] ?? 1;
  for (const place of [0, 1]) {
    expect(number(lowerBound(zeros, place, { fixedBytes: 0, isText: false }))).toBe(-0);
    expect(number(upperBound(zeros, place, { fixedBytes: 0, isText: false }))).toBe(0);
  }
});

test('decimals of many digits have their highest byte first', () => {
  const value: LeafValues = { kind: 'int128', count: 1, words: Int32Array.of(-2, -1, -1, -1) };
  expect(lowerBound(value, 0, { fixedBytes: 9, isText: false })).toEqual(
    Uint8Array.of(255, 255, 255, 255, 255, 255, 255, 255, 254),
  );
});

test('long byte strings are cut, and their bounds hold them', () => {
  const byte = fc.oneof(fc.constant(0xff), fc.integer({ min: 0, max: 255 }));
  fc.assert(
    fc.property(fc.array(byte, { minLength: 50, maxLength: 80 }), bytes => {
      const value = Uint8Array.from(bytes);
      const min = lowerBound(strings([value]), 0, { fixedBytes: 0, isText: false }) ?? value;
      const max = upperBound(strings([value]), 0, { fixedBytes: 0, isText: false }) ?? new Uint8Array();
      expect(Buffer.compare(min, value)).toBeLessThanOrEqual(0);
      expect(Buffer.compare(max, value)).toBeGreaterThanOrEqual(0);
      expect(min.length).toBeLessThanOrEqual(64);
      expect(max.length <= 64 || bytes.slice(0, 64).every(one => one === 0xff)).toBe(true);
    }),
  );
});

test('bounds of long texts are texts that hold them', () => {
  const character = fc.constantFrom('a', 'ä', '€', '😀', '\u{d7ff}', '\u{10ffff}', '\u{7f}', '\u{7ff}', '\u{ffff}');
  fc.assert(
    fc.property(fc.array(character, { minLength: 16, maxLength: 70 }), characters => {
      const value = Buffer.from(characters.join(''));
      const min = lowerBound(strings([value]), 0, { fixedBytes: 0, isText: true }) ?? value;
      const max = upperBound(strings([value]), 0, { fixedBytes: 0, isText: true }) ?? new Uint8Array();
      expect(Buffer.compare(min, value)).toBeLessThanOrEqual(0);
      expect(Buffer.compare(max, value)).toBeGreaterThanOrEqual(0);
      for (const bound of [min, max]) expect(Buffer.from(Buffer.from(bound).toString('utf8')).equals(bound)).toBe(true);
      expect(min.length).toBeLessThanOrEqual(64);
    }),
  );
});

test('what is no text bounds no texts', () => {
  const values = strings([Uint8Array.of(0x61, 0xff)]);
  expect(lowerBound(values, 0, { fixedBytes: 0, isText: true })).toBeUndefined();
  expect(upperBound(values, 0, { fixedBytes: 0, isText: true })).toBeUndefined();
  expect(lowerBound(values, 0, { fixedBytes: 0, isText: false })).toEqual(Uint8Array.of(0x61, 0xff));
});
