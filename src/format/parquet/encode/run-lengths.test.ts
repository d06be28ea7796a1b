// Naive twin: the runs are read as the format describes them, value by value.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { levelsBytesMax, putLevels, putRuns, runsBytesMax } from './run-lengths.ts';

/** @returns the values; `runs` how many runs of either kind there were */
function readRuns(bytes: Uint8Array, width: number): { values: number[]; equal: number; packed: number } {
  const values: number[] = [];
  let at = 0;
  const read = { values, equal: 0, packed: 0 };
  while (at < bytes.length) {
    let head = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++] ?? 0;
      head += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    const isPacked = head % 2 === 1;
    const count = Math.floor(head / 2);
    if (isPacked) {
      read.packed += 1;
      for (let i = 0; i < count * 8; i += 1) {
        let value = 0;
        for (let bit = 0; bit < width; bit += 1) {
          const place = i * width + bit;
          value += (((bytes[at + (place >> 3)] ?? 0) >> (place & 7)) & 1) * 2 ** bit;
        }
        values.push(value);
      }
      at += count * width;
    } else {
      read.equal += 1;
      let value = 0;
      for (let byte = 0; byte < Math.ceil(width / 8); byte += 1) value += (bytes[at++] ?? 0) * 256 ** byte;
      for (let i = 0; i < count; i += 1) values.push(value);
    }
  }
  expect(at).toBe(bytes.length);
  return read;
}

function runsOf(values: readonly number[], width: number): Uint8Array {
  const out = new DataView(new Uint8Array(3 + runsBytesMax(values.length, width)).fill(0xaa).buffer);
  const indexes = Int32Array.from([-1, ...values, -1]);
  const end = putRuns(indexes, { from: 1, to: values.length + 1, width }, out, 3);
  expect(end).toBeLessThanOrEqual(out.byteLength);
  return new Uint8Array(out.buffer, 3, end - 3);
}

/** Values with stretches of equal ones. */
function stretches(width: number): fc.Arbitrary<number[]> {
  const value = fc.integer({ min: 0, max: 2 ** width - 1 });
  const stretch = fc
    .tuple(value, fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 40 })))
    .map(([one, times]) => new Array<number>(times).fill(one));
  return fc.array(stretch, { maxLength: 40 }).map(parts => parts.flat());
}

test('indexes of any width come back, and only the last group is filled up', () => {
  const cases = fc.integer({ min: 0, max: 31 }).chain(width => fc.tuple(fc.constant(width), stretches(width)));
  fc.assert(
    fc.property(cases, ([width, values]) => {
      const read = readRuns(runsOf(values, width), width);
      expect(read.values.slice(0, values.length)).toEqual(values);
      expect(read.values.length - values.length).toBeLessThan(8);
      expect(read.values.slice(values.length).every(value => value === 0)).toBe(true);
    }),
  );
});

test('equal values are one run, others are packed, and without bits there is nothing but a run', () => {
  const equal = readRuns(runsOf(new Array(5000).fill(3), 2), 2);
  expect(equal).toMatchObject({ equal: 1, packed: 0 });
  const others = readRuns(
    runsOf(
      Array.from({ length: 5000 }, (_, i) => (i * 7) % 5),
      3,
    ),
    3,
  );
  expect(others).toMatchObject({ equal: 0, packed: 1 });
  expect(readRuns(runsOf([0, 0, 0], 0), 0)).toEqual({ values: [0, 0, 0], equal: 1, packed: 0 });
});

test('levels of any nulls come back', () => {
  const rows = fc.oneof(stretches(1), fc.array(fc.integer({ min: 0, max: 1 }), { maxLength: 400 }));
  const long = fc
    .array(fc.tuple(fc.integer({ min: 0, max: 1 }), fc.integer({ min: 1, max: 300 })), { maxLength: 12 })
    .map(parts => parts.flatMap(([bit, times]) => new Array<number>(times).fill(bit)));
  fc.assert(
    fc.property(fc.oneof(rows, long), levels => {
      const bits = new Uint8Array(Math.ceil(levels.length / 8) + 1).fill(0xff);
      for (const [row, level] of levels.entries())
        if (level === 0) bits[row >> 3] = (bits[row >> 3] ?? 0) & ~(1 << (row & 7));
      const valueCount = levels.filter(level => level === 1).length;
      const out = new DataView(new ArrayBuffer(levelsBytesMax(levels.length)));
      const end = putLevels(bits, { rowCount: levels.length, valueCount }, out, 0);
      const read = readRuns(new Uint8Array(out.buffer, 0, end), 1);
      expect(read.values.slice(0, levels.length)).toEqual(levels);
      expect(read.values.length - levels.length).toBeLessThan(8);
    }),
  );
});

test('levels without null bits are all 1, and a long stretch of nulls is a run', () => {
  const out = new DataView(new ArrayBuffer(levelsBytesMax(1000)));
  const end = putLevels(undefined, { rowCount: 1000, valueCount: 1000 }, out, 0);
  expect(readRuns(new Uint8Array(out.buffer, 0, end), 1).values).toEqual(new Array(1000).fill(1));
  const bits = new Uint8Array(125).fill(0b0101_0101, 0, 25);
  const mixedEnd = putLevels(bits, { rowCount: 1000, valueCount: 100 }, out, 0);
  expect(readRuns(new Uint8Array(out.buffer, 0, mixedEnd), 1)).toMatchObject({ equal: 1, packed: 1 });
  expect(mixedEnd).toBeLessThan(30);
});
