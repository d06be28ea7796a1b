import fc from 'fast-check';
import { expect, test } from 'vitest';
import { arbitraryRows, arbitraryScalar, rowTypeOf, sampleTypes } from '../../test/arbitrary-rows.ts';
import { LakeError } from '../base/errors.ts';
import { fromHex, toHex } from '../bytes/hex.ts';
import { buildBatch } from '../types/column-builder.ts';
import type { DataType } from '../types/data-type.ts';
import type { Scalar } from '../types/scalar.ts';
import { deserializeRow, emptyRow, encodeBinaryRow, rowReader, serializeRow } from './binary-row.ts';
import { arityOf } from './binary-row-reader.ts';
import { fixedPartOffset, unscaledBytes } from './binary-row-writer.ts';
import { ColumnarRowWriter } from './columnar-row-writer.ts';
import { parseType } from './type-text.ts';

/** Types, values, and the row as Paimon 1.4.2 serializes it (spec 5.4). */
const vectors: readonly [readonly string[], readonly Scalar[], string][] = [
  [['INT', 'STRING'], [5, 'abc'], '00000002 0000000000000000 0500000000000000 6162630000000083'],
  [['INT'], [5], '00000001 0000000000000000 0500000000000000'],
  [['STRING'], ['abcdefg'], '00000001 0000000000000000 6162636465666787'],
  [['STRING'], ['abcdefgh'], '00000001 0000000000000000 0800000010000000 6162636465666768'],
  [['STRING'], ['hello world'], '00000001 0000000000000000 0b00000010000000 68656c6c6f20776f 726c640000000000'],
  [['STRING'], [''], '00000001 0000000000000000 0000000000000080'],
  [['STRING'], [null], '00000001 0001000000000000 0000000000000000'],
  [['INT', 'STRING'], [null, 'x'], '00000002 0001000000000000 0000000000000000 7800000000000081'],
  [['DECIMAL(10, 2)'], [1234n], '00000001 0000000000000000 d204000000000000'],
  [['DECIMAL(10, 2)'], [-1234n], '00000001 0000000000000000 2efbffffffffffff'],
  [['DECIMAL(20, 2)'], [1234n], '00000001 0000000000000000 0200000010000000 04d2000000000000 0000000000000000'],
  [['DECIMAL(20, 2)'], [null], '00000001 0001000000000000 0000000010000000 0000000000000000 0000000000000000'],
  [['DECIMAL(38, 0)'], [-1n], '00000001 0000000000000000 0100000010000000 ff00000000000000 0000000000000000'],
  [['TIMESTAMP(3)'], [1704164645678000000n], '00000001 0000000000000000 2edb20c88c010000'],
  [['TIMESTAMP(6)'], [1704164645678901000n], '00000001 0000000000000000 88bf0d0010000000 2edb20c88c010000'],
  [['TIMESTAMP(6)'], [null], '00000001 0001000000000000 0000000010000000 0000000000000000'],
  [
    ['BOOLEAN', 'TINYINT', 'SMALLINT', 'FLOAT', 'DOUBLE', 'DATE', 'TIME(3)'],
    [true, -1, -2, 1.5, 2.5, 19724, 3723004],
    '00000007 0000000000000000 0100000000000000 ff00000000000000 feff000000000000 0000c03f00000000 ' +
      '0000000000000440 0c4d000000000000 fcce380000000000',
  ],
  [['STRING'], ['2024-01-01'], '00000001 0000000000000000 0a00000010000000 323032342d30312d 3031000000000000'],
];

function bytesOf(hex: string): Uint8Array {
  const bytes = fromHex(hex.replaceAll(' ', ''));
  if (bytes === undefined) throw new Error(`no hex: ${hex}`);
  return bytes;
}

for (const [texts, values, hex] of vectors) {
  test(`(${texts.join(', ')}) of ${values.join(', ') || 'nothing'} is the row that Paimon writes`, () => {
    const types = texts.map(parseType);
    expect(toHex(serializeRow(types, values))).toBe(hex.replaceAll(' ', ''));
    expect(deserializeRow(bytesOf(hex), types)).toEqual(values);
  });
}

test('the header byte carries the row kind', () => {
  expect(toHex(encodeBinaryRow([parseType('INT')], [5], 3))).toBe('03000000000000000500000000000000');
});

test('the row without fields is 12 zero bytes', () => {
  expect(toHex(serializeRow([], []))).toBe('000000000000000000000000');
  expect(deserializeRow(emptyRow, [])).toEqual([]);
});

test('null bits take another word from 57 fields on', () => {
  expect([0, 1, 56, 57, 120, 121].map(fixedPartOffset)).toEqual([8, 8, 8, 16, 16, 24]);
  const types = Array.from({ length: 57 }, () => parseType('INT'));
  const values = types.map((_, index) => (index % 3 === 0 ? null : index));
  const row = serializeRow(types, values);
  expect(arityOf(row)).toBe(57);
  expect(deserializeRow(row, types)).toEqual(values);
});

test('an unscaled value takes as few bytes as hold it with its sign', () => {
  const cases: readonly [bigint, string][] = [
    [0n, '00'],
    [127n, '7f'],
    [128n, '0080'],
    [-128n, '80'],
    [-129n, 'ff7f'],
    [10n ** 38n - 1n, '4b3b4ca85a86c47a098a223fffffffff'],
    [1n - 10n ** 38n, 'b4c4b357a5793b85f675ddc000000001'],
  ];
  for (const [value, hex] of cases) expect(toHex(unscaledBytes(value))).toBe(hex);
});

const arbitraryRow = fc
  .array(fc.constantFrom(...sampleTypes), { maxLength: 70 })
  .chain(types => fc.tuple(fc.constant(types), fc.tuple(...types.map(arbitraryScalar))));

const arbitraryTable = fc
  .array(fc.constantFrom(...sampleTypes), { minLength: 1, maxLength: 60 })
  .chain(types => fc.tuple(fc.constant(types), arbitraryRows(types, 8)));

test('every row of atomic values comes back as it went in', () => {
  fc.assert(
    fc.property(arbitraryRow, ([types, values]) => {
      const row = serializeRow(types, values);
      expect(row.length % 8).toBe(4);
      expect(deserializeRow(row, types)).toEqual(values);
      expect(toHex(row.subarray(4))).toBe(toHex(encodeBinaryRow(types, values)));
    }),
  );
});

test('rows written straight from columns are the same bytes', () => {
  fc.assert(
    fc.property(arbitraryTable, ([types, rows]) => {
      const writer = new ColumnarRowWriter(types, buildBatch(rowTypeOf(types), rows).columns);
      for (const [row, values] of rows.entries()) {
        expect(toHex(writer.write(row))).toBe(toHex(encodeBinaryRow(types, values)));
      }
    }),
  );
});

test('broken bytes are corrupt rows, whatever they are', () => {
  const types = ['INT', 'STRING', 'TIMESTAMP(6)', 'DECIMAL(30, 2)', 'BYTES'].map(parseType);
  const good = serializeRow(types, [1, 'a long enough text', 5n, 10n ** 25n, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9)]);
  for (let length = 0; length < good.length; length += 1) expectCorrupt(good.slice(0, length), types);
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.integer({ min: 0, max: 255 }), (at, byte) => {
      const bytes = good.slice();
      bytes[at] = byte;
      try {
        expect(deserializeRow(bytes, types)).toHaveLength(5);
      } catch (error) {
        expect(error).toMatchObject({ kind: 'corrupt', code: 'LAKE_CORRUPT_ROW' });
      }
    }),
  );
});

function expectCorrupt(bytes: Uint8Array, types: readonly DataType[]): void {
  expect(() => deserializeRow(bytes, types)).toThrow(LakeError);
}

test('the arity must be that of the types', () => {
  expect(() => deserializeRow(bytesOf('00000001 0000000000000000 0500000000000000'), [])).toThrow('1 fields, not 0');
});

test('a nested value is refused by its type and leaves the other fields readable', () => {
  const types = [parseType({ type: 'ARRAY', element: 'INT' }), parseType('INT')];
  const row = bytesOf('00000002 0000000000000000 1000000018000000 0700000000000000 0100000000000000 0100000000000000');
  const read = rowReader(row, types);
  expect(read(1)).toBe(7);
  expect(() => read(0)).toThrow('type ARRAY is not supported');
  expect(deserializeRow(serializeRow(types, [null, 3]), types)).toEqual([null, 3]);
});
