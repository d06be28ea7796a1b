// Naive twin: the bytes are read as the format describes them, with a BigInt for each value.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { deltasBytesMax, putDeltas32, putDeltas64 } from './delta-packing.ts';

function readDeltas(bytes: Uint8Array, bits: 32 | 64): bigint[] {
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++] ?? 0;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const zigzag = (): bigint => {
    const value = BigInt.asUintN(bits, varint());
    return (value >> 1n) ^ -(value & 1n);
  };
  expect([varint(), varint()]).toEqual([128n, 4n]);
  const count = Number(varint());
  let value = BigInt.asIntN(bits, zigzag());
  const values = [value].slice(0, count);
  while (values.length < count) {
    const least = zigzag();
    const widths = bytes.subarray(at, at + 4);
    at += 4;
    for (const width of widths) {
      if (values.length === count) {
        expect(width).toBe(0);
        continue;
      }
      for (let i = 0; i < 32; i += 1) {
        let above = 0n;
        for (let bit = 0; bit < width; bit += 1) {
          const place = i * width + bit;
          above |= BigInt(((bytes[at + (place >> 3)] ?? 0) >> (place & 7)) & 1) << BigInt(bit);
        }
        if (values.length === count) continue;
        value = BigInt.asIntN(bits, value + least + above);
        values.push(value);
      }
      at += width * 4;
    }
  }
  expect(at).toBe(bytes.length);
  return values;
}

function packed(values: readonly bigint[], bits: 32 | 64): Uint8Array {
  const out = new DataView(new ArrayBuffer(1 + deltasBytesMax(values.length, bits === 32 ? 1 : 2)));
  // A value before and one after, which are not meant.
  const range = { from: 1, to: values.length + 1 };
  const all = [5n, ...values, -5n];
  const end =
    bits === 32
      ? putDeltas32(Int32Array.from(all, Number), range, out, 1)
      : putDeltas64(new Int32Array(BigInt64Array.from(all).buffer), range, out, 1);
  return new Uint8Array(out.buffer, 1, end - 1);
}

const lengths = fc.oneof(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 30, max: 300 }));

function arbitraryValues(bits: 32 | 64): fc.Arbitrary<bigint[]> {
  const extreme = fc.constantFrom(
    0n,
    1n,
    -1n,
    -(2n ** BigInt(bits - 1)),
    2n ** BigInt(bits - 1) - 1n,
    2n ** 31n - 1n,
    -(2n ** 31n),
  );
  const any = fc.bigInt({ min: -(2n ** BigInt(bits - 1)), max: 2n ** BigInt(bits - 1) - 1n });
  const near = fc.bigInt({ min: -1000n, max: 1000n });
  return lengths.chain(length =>
    fc.oneof(
      fc.array(extreme, { minLength: length, maxLength: length }),
      fc.array(any, { minLength: length, maxLength: length }),
      fc.array(near, { minLength: length, maxLength: length }),
      fc.array(fc.oneof(near, any), { minLength: length, maxLength: length }),
      fc
        .tuple(any, near)
        .map(([start, step]) => Array.from({ length }, (_, i) => BigInt.asIntN(bits, start + step * BigInt(i)))),
    ),
  );
}

test.each([32, 64] as const)('values of %i bits come back, the least and the greatest with them', bits => {
  fc.assert(
    fc.property(arbitraryValues(bits), values => {
      expect(readDeltas(packed(values, bits), bits)).toEqual(values);
    }),
    { numRuns: 300 },
  );
});

test.each([32, 64] as const)('differences of each width up to %i bits come back', bits => {
  for (let width = 0; width <= bits; width += 1) {
    const top = width === 0 ? 0n : 2n ** BigInt(width - 1);
    const values = Array.from({ length: 200 }, (_, i) => BigInt.asIntN(bits, i % 3 === 0 ? top : BigInt(i % 2)));
    expect(readDeltas(packed(values, bits), bits)).toEqual(values);
  }
});

test('numbers that rise evenly take hardly any room', () => {
  const values = Array.from({ length: 10_000 }, (_, i) => 1_700_000_000_000n + 1000n * BigInt(i));
  expect(packed(values, 64).length).toBeLessThan(600);
});
