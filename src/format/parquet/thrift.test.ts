import { expect, test } from 'vitest';
import { readThrift } from './thrift-reader.ts';
import { ThriftWriter } from './thrift-writer.ts';

test('what was written is read back', () => {
  const bytes = new ThriftWriter()
    .i32(1, -7)
    .i64(2, 2 ** 52)
    .binary(3, 'ä')
    .bool(4, true)
    .bool(5, false)
    .struct(6, inner => inner.i32(1, 1).struct(2, deeper => deeper.i32(20, 9)))
    .structs(40, [1, 2], (item, value) => item.i32(1, value))
    .i32s(
      41,
      Array.from({ length: 20 }, (_, index) => index - 10),
    )
    .binaries(42, ['a', ''])
    .bools(43, [true, false])
    .i64s(44, [0, 2 ** 40])
    .binaries(45, [Uint8Array.of(0xff)])
    .finish();
  const { struct, end } = readThrift(bytes, 0, 'test');
  expect(end).toBe(bytes.length);
  expect([struct.int(1), struct.int(2), struct.text(3), struct.bool(4), struct.bool(5)]).toEqual([
    -7,
    2 ** 52,
    'ä',
    true,
    false,
  ]);
  expect(struct.struct(6)?.struct(2)?.int(20)).toBe(9);
  expect(struct.structs(40)?.map(item => item.int(1))).toEqual([1, 2]);
  expect(struct.ints(41)?.[0]).toBe(-10);
  expect(struct.texts(42)).toEqual(['a', '']);
  expect([struct.bools(43), struct.ints(44)]).toEqual([
    [true, false],
    [0, 2 ** 40],
  ]);
  expect(struct.binaries(45)).toEqual([Uint8Array.of(0xff)]);
  expect(struct.int(7)).toBeUndefined();
});

test('a field of another type is corrupt', () => {
  const { struct } = readThrift(new ThriftWriter().binary(1, 'x').finish(), 0, 'f.parquet');
  expect(() => struct.int(1)).toThrow('f.parquet: not a sound Parquet file: field 1 of a header is not a whole number');
  expect(() => struct.structs(1)).toThrow('is not a list');
});

test.each([
  ['nothing', ''],
  ['a struct without end', '1502'],
  ['bytes that reach past the end', '18ff0100'],
  ['a list longer than the bytes', '19fcffffffff0f00'],
  ['a number without end', `16${'ff'.repeat(12)}00`],
  ['an unknown type', '1e00'],
  ['structs nested without end', '1c'.repeat(100_000)],
  ['lists nested without end', `19${'19'.repeat(100_000)}`],
])('%s is corrupt', (_, hex) => {
  expect(() => readThrift(Buffer.from(hex, 'hex'), 0, 'f.parquet')).toThrow('not a sound Parquet file');
});
