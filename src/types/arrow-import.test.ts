import * as arrow from 'apache-arrow';
import { expect, test } from 'vitest';
import { importColumn } from './arrow-import.ts';
import { columnReader } from './column-reader.ts';
import type { AtomicType, DataType } from './data-type.ts';
import type { Scalar } from './scalar.ts';

/** The values of a vector's one chunk, taken in as a column of the type. */
function imported(vector: arrow.Vector, type: AtomicType): Scalar[] {
  const [data] = vector.data;
  if (data === undefined) throw new Error('no chunk');
  const read = columnReader(importColumn(data, type, 'c'), type);
  return Array.from({ length: vector.length }, (_, row) => read(row));
}

const timestamp = (precision: number): AtomicType => ({ kind: 'timestamp', precision, nullable: true });

test('instants of any unit become those of the type', () => {
  const units = [
    [new arrow.TimestampSecond(), 1_000_000_000n],
    [new arrow.TimestampMillisecond(), 1_000_000n],
    [new arrow.TimestampMicrosecond(), 1_000n],
    [new arrow.TimestampNanosecond(), 1n],
  ] as const;
  for (const [type, nanos] of units) {
    const values = BigInt64Array.of(-7n, 0n, 1_234_567n);
    const vector = new arrow.Vector([arrow.makeData({ type, length: 3, data: values })]);
    for (const precision of [3, 6, 9]) {
      const step = { 3: 1_000_000n, 6: 1_000n, 9: 1n }[precision] ?? 1n;
      const expected = [...values].map(value => {
        const exact = value * nanos;
        return exact - (((exact % step) + step) % step);
      });
      expect(imported(vector, timestamp(precision))).toEqual(expected);
    }
  }
});

test('integers of another width are taken where they fit', () => {
  const vector = arrow.vectorFromArray([1, null, -128], new arrow.Int32());
  expect(imported(vector, { kind: 'tinyint', nullable: true })).toEqual([1, null, -128]);
  expect(imported(vector, { kind: 'bigint', nullable: true })).toEqual([1n, null, -128n]);
  const wide = arrow.vectorFromArray([300], new arrow.Int32());
  expect(() => imported(wide, { kind: 'tinyint', nullable: true })).toThrow('holds 300, which is out of its range');
  const unsigned = arrow.vectorFromArray([4_000_000_000], new arrow.Uint32());
  expect(() => imported(unsigned, { kind: 'int', nullable: true })).toThrow('out of its range');
});

test('texts come from plain, large, view and dictionary layouts', () => {
  const texts = ['a', null, 'a text that does not fit a view', ''];
  const type: AtomicType = { kind: 'varchar', length: 99, nullable: true };
  for (const layout of [
    new arrow.Utf8(),
    new arrow.LargeUtf8(),
    new arrow.Utf8View(),
    new arrow.Dictionary(new arrow.Utf8(), new arrow.Int16()),
  ]) {
    const vector = arrow.vectorFromArray(texts, layout);
    expect(imported(vector, type), String(layout)).toEqual(texts);
    expect(imported(vector.slice(1, 3), type), String(layout)).toEqual(texts.slice(1, 3));
  }
});

test('bits are taken from slices', () => {
  const bits = Array.from({ length: 30 }, (_, i) => (i % 7 === 0 ? null : i % 3 === 0));
  const vector = arrow.vectorFromArray(bits, new arrow.Bool());
  for (let start = 0; start < 30; start += 1) {
    expect(imported(vector.slice(start), { kind: 'boolean', nullable: true })).toEqual(bits.slice(start));
  }
});

test('days and times of other units are converted', () => {
  const days = arrow.vectorFromArray([new Date('1969-12-31'), new Date('2024-02-29')], new arrow.DateMillisecond());
  expect(imported(days, { kind: 'date', nullable: true })).toEqual([-1, 19_782]);
  const micros = arrow.vectorFromArray([1_999n, 86_399_999_999n], new arrow.TimeMicrosecond());
  expect(imported(micros, { kind: 'time', precision: 3, nullable: true })).toEqual([1, 86_399_999]);
});

test('decimals of 256 bits are taken where they fit 128', () => {
  const decimal: AtomicType = { kind: 'decimal', precision: 38, scale: 2, nullable: true };
  const minusOne = new Uint32Array(8).fill(0xffff_ffff);
  const type = new arrow.Decimal(2, 50, 256);
  const vector = (words: Uint32Array): arrow.Vector =>
    new arrow.Vector([arrow.makeData({ type, length: 1, data: words })]);
  expect(imported(vector(minusOne), decimal)).toEqual([-1n]);
  const wide = new Uint32Array(8);
  wide[5] = 1;
  expect(() => imported(vector(wide), decimal)).toThrow('more than 128 bits');
  expect(() => imported(vector(minusOne), { ...decimal, scale: 3 })).toThrow('came as');
});

test.each([
  [9, 2n ** 31n - 1n, -(2n ** 31n)],
  [18, 2n ** 63n - 1n, -(2n ** 63n)],
  [19, 10n ** 19n - 1n, -(10n ** 19n) + 1n],
  [38, 10n ** 38n - 1n, -(10n ** 38n) + 1n],
])('of decimals of %i digits no more is taken than files keep', (precision, most, least) => {
  const decimal: AtomicType = { kind: 'decimal', precision, scale: 0, nullable: true };
  const type = new arrow.Decimal(0, 38, 128);
  const vector = (value: bigint, nullBitmap?: Uint8Array): arrow.Vector => {
    const data = Uint32Array.from({ length: 4 }, (_, word) => Number(BigInt.asUintN(32, value >> BigInt(32 * word))));
    return new arrow.Vector([arrow.makeData({ type, length: 1, data, nullBitmap: nullBitmap ?? null })]);
  };
  for (const value of [most, least, 0n, -1n]) expect(imported(vector(value), decimal)).toEqual([value]);
  for (const value of [most + 1n, least - 1n]) {
    expect(() => imported(vector(value), decimal)).toThrow(`holds ${value}, which is out of its range`);
    expect(imported(vector(value, Uint8Array.of(0)), decimal)).toEqual([null]);
  }
});

test('offsets outside the bytes and too few values are refused', () => {
  const type: AtomicType = { kind: 'varchar', length: 9, nullable: true };
  for (const valueOffsets of [
    Int32Array.of(0, 9, 3),
    Int32Array.of(-1, 1, 3),
    Int32Array.of(2, 1, 3),
    Int32Array.of(0, 1),
  ]) {
    const data = arrow.makeData({ type: new arrow.Utf8(), length: 2, valueOffsets, data: new Uint8Array(3) });
    expect(() => importColumn(data, type, 'c')).toThrow('column c (VARCHAR(9))');
  }
  const short = arrow.makeData({ type: new arrow.Int32(), length: 5, data: new Int32Array(3) });
  expect(() => importColumn(short, { kind: 'int', nullable: true }, 'c')).toThrow('has 3 elements, expected 5');
});

test('a column of another type is refused', () => {
  const vector = arrow.vectorFromArray(['a'], new arrow.Utf8());
  expect(() => imported(vector, { kind: 'int', nullable: true })).toThrow('column c (INT) came as Utf8');
});

const nullableInt: DataType = { kind: 'int', nullable: true };

function vectorOf(type: arrow.DataType, values: readonly unknown[]): arrow.Vector {
  return arrow.vectorFromArray(values, type);
}

function rowsIn(vector: arrow.Vector, type: DataType): Scalar[] {
  const [data] = vector.data;
  if (data === undefined) throw new Error('no chunk');
  const read = columnReader(importColumn(data, type, 'c'), type);
  return Array.from({ length: vector.length }, (_, row) => read(row));
}

test('lists, maps and structs come as they are, slices too, their values in any form', () => {
  const list = vectorOf(new arrow.List(new arrow.Field('item', new arrow.Int64(), true)), [[1n, null], null, [], [3n]]);
  const array: DataType = { kind: 'array', element: nullableInt, nullable: true };
  expect(rowsIn(list, array)).toEqual([[1, null], null, [], [3]]);
  expect(rowsIn(list.slice(2, 4), array)).toEqual([[], [3]]);
  const struct = new arrow.Struct([
    new arrow.Field('other name', new arrow.Int32(), true),
    new arrow.Field('t', new arrow.Utf8(), true),
  ]);
  const field = (id: number, name: string, type: DataType) => ({
    id,
    name,
    type,
    description: undefined,
    defaultValue: undefined,
  });
  const text: DataType = { kind: 'varchar', length: 99, nullable: true };
  const row: DataType = { kind: 'row', nullable: true, fields: [field(1, 'x', nullableInt), field(2, 'y', text)] };
  const structs = vectorOf(struct, [{ 'other name': 1, t: 'a' }, null, { 'other name': null, t: 'c' }]);
  expect(rowsIn(structs, row)).toEqual([[1, 'a'], null, [null, 'c']]);
  expect(rowsIn(structs.slice(1, 3), row)).toEqual([null, [null, 'c']]);
});

test('nested columns that lie are refused: nulls in NOT NULL, offsets outside, other shapes', () => {
  const list = vectorOf(new arrow.List(new arrow.Field('item', new arrow.Int32(), true)), [[1, null]]);
  const strict: DataType = { kind: 'array', element: { kind: 'int', nullable: false }, nullable: true };
  expect(() => rowsIn(list, strict)).toThrow('column c.element is NOT NULL, but has nulls');
  expect(() => rowsIn(list, { kind: 'row', nullable: true, fields: [] })).toThrow('came as List');
  expect(() => rowsIn(list, { kind: 'array', element: { kind: 'boolean', nullable: true }, nullable: true })).toThrow(
    'came as Int32',
  );
  const [data] = list.data;
  if (data === undefined) throw new Error('no chunk');
  const wild = (offsets: readonly number[]): arrow.Vector =>
    new arrow.Vector([new arrow.Data(data.type, 0, 1, 0, [Int32Array.from(offsets)], [...data.children])]);
  const array: DataType = { kind: 'array', element: nullableInt, nullable: true };
  for (const offsets of [[0, 3], [-1, 1], [2, 1], [0]]) expect(() => rowsIn(wild(offsets), array)).toThrow(/offsets/);
});
