import fc from 'fast-check';
import { expect, test } from 'vitest';
import { arbitraryBatch, nestedTypes, rowTypeOf, sampleTypes } from '../../test/arbitrary-rows.ts';
import { type JsonObject, parseJson } from '../base/json.ts';
import { canonicalRow, parseCanonicalRow } from './canonical-json.ts';
import { buildBatch } from './column-builder.ts';
import { type AtomicType, lengthMax } from './data-type.ts';
import type { Scalar } from './scalar.ts';

const string: AtomicType = { kind: 'varchar', length: lengthMax, nullable: true };

function print(type: AtomicType, value: Scalar): string {
  return canonicalRow(buildBatch(rowTypeOf([type]), [[value]]))(0);
}

function parse(type: AtomicType, text: string): Scalar | undefined {
  return parseCanonicalRow(rowTypeOf([type]), parseJson(text) as JsonObject)[0];
}

test('what is printed reads back as the same row', () => {
  const rowType = rowTypeOf(sampleTypes);
  fc.assert(
    fc.property(arbitraryBatch(), ({ batch, rows }) => {
      const printRow = canonicalRow(batch);
      for (const [row, scalars] of rows.entries()) {
        expect(parseCanonicalRow(rowType, parseJson(printRow(row)) as JsonObject)).toEqual(scalars);
      }
    }),
  );
});

test('numbers print as agreed', () => {
  expect(print({ kind: 'double', nullable: true }, -0)).toBe('{"c0":-0.0}');
  expect(print({ kind: 'double', nullable: true }, 1e21)).toBe('{"c0":1e+21}');
  expect(print({ kind: 'double', nullable: true }, Number.NaN)).toBe('{"c0":"NaN"}');
  expect(print({ kind: 'float', nullable: true }, Math.fround(0.1))).toBe('{"c0":0.10000000149011612}');
  expect(print({ kind: 'float', nullable: true }, Number.NEGATIVE_INFINITY)).toBe('{"c0":"-Infinity"}');
  expect(print({ kind: 'bigint', nullable: true }, -(2n ** 63n))).toBe('{"c0":"-9223372036854775808"}');
  expect(print({ kind: 'decimal', precision: 5, scale: 2, nullable: true }, -5n)).toBe('{"c0":"-0.05"}');
  expect(print({ kind: 'decimal', precision: 5, scale: 0, nullable: true }, 5n)).toBe('{"c0":"5"}');
});

test('texts escape quotes, backslashes and control characters only', () => {
  expect(print(string, '"\\\t\u0001\u007f\u2028é𝄞/')).toBe('{"c0":"\\"\\\\\\t\\u0001\u007f\u2028é𝄞/"}');
  const named = { fields: [{ id: 0, name: 'a"b', type: string, description: undefined, defaultValue: undefined }] };
  expect(canonicalRow(buildBatch(named, [[null]]))(0)).toBe('{"a\\"b":null}');
});

test('days and times print with all their digits, whatever the year', () => {
  const timestamp = (precision: number): AtomicType => ({ kind: 'timestamp', precision, nullable: true });
  expect(print({ kind: 'date', nullable: true }, 19_782)).toBe('{"c0":"2024-02-29"}');
  expect(print({ kind: 'date', nullable: true }, 2_932_897)).toBe('{"c0":"+10000-01-01"}');
  expect(print({ kind: 'date', nullable: true }, -719_529)).toBe('{"c0":"-0001-12-31"}');
  expect(print({ kind: 'time', precision: 0, nullable: true }, 3_723_004)).toBe('{"c0":"01:02:03.004"}');
  expect(print(timestamp(0), 1_000_000_000n)).toBe('{"c0":"1970-01-01T00:00:01"}');
  expect(print(timestamp(1), -1_000_000n)).toBe('{"c0":"1969-12-31T23:59:59.9"}');
  expect(print(timestamp(6), -1_000n)).toBe('{"c0":"1969-12-31T23:59:59.999999"}');
  expect(print(timestamp(9), 1n)).toBe('{"c0":"1970-01-01T00:00:00.000000001"}');
  expect(print({ kind: 'timestamp-ltz', precision: 3, nullable: true }, 0n)).toBe('{"c0":"1970-01-01T00:00:00.000Z"}');
});

test('missing columns are null, unknown ones an error', () => {
  const rowType = rowTypeOf([string, string]);
  expect(parseCanonicalRow(rowType, { c1: 'x' })).toEqual([null, 'x']);
  expect(() => parseCanonicalRow(rowType, { c2: 'x' })).toThrow('there is no column "c2"; the columns are c0, c1');
  expect(parseCanonicalRow(rowTypeOf([string]), {})).toEqual([null]);
});

test('a null in a NOT NULL column is refused by name', () => {
  const rowType = rowTypeOf([{ kind: 'int', nullable: false }]);
  expect(() => parseCanonicalRow(rowType, { c0: null })).toThrow('column c0 (INT): value null: the column is NOT NULL');
  expect(() => parseCanonicalRow(rowType, {})).toThrow('NOT NULL');
});

test('values that are not the type’s are refused, naming column, type and value', () => {
  const refused: readonly (readonly [AtomicType, string])[] = [
    [{ kind: 'boolean', nullable: true }, '1'],
    [{ kind: 'tinyint', nullable: true }, '128'],
    [{ kind: 'smallint', nullable: true }, '-32769'],
    [{ kind: 'int', nullable: true }, '2147483648'],
    [{ kind: 'int', nullable: true }, '1.5'],
    [{ kind: 'int', nullable: true }, '"1"'],
    [{ kind: 'bigint', nullable: true }, '"9223372036854775808"'],
    [{ kind: 'bigint', nullable: true }, '9223372036854775808'],
    [{ kind: 'bigint', nullable: true }, '1.5'],
    [{ kind: 'bigint', nullable: true }, '""'],
    [{ kind: 'double', nullable: true }, '"1.5"'],
    [{ kind: 'decimal', precision: 4, scale: 2, nullable: true }, '"100.00"'],
    [{ kind: 'decimal', precision: 4, scale: 2, nullable: true }, '"99.995"'],
    [{ kind: 'decimal', precision: 4, scale: 2, nullable: true }, '"."'],
    [{ kind: 'decimal', precision: 4, scale: 2, nullable: true }, '"1e999999"'],
    [string, '5'],
    [string, '"\\ud800"'],
    [{ kind: 'varbinary', length: 9, nullable: true }, '"abc"'],
    [{ kind: 'varbinary', length: 9, nullable: true }, '"zz"'],
    [{ kind: 'date', nullable: true }, '"2023-02-29"'],
    [{ kind: 'date', nullable: true }, '"2023-2-9"'],
    [{ kind: 'time', precision: 0, nullable: true }, '"24:00:00"'],
    [{ kind: 'time', precision: 0, nullable: true }, '"1x:00:00.000"'],
    [{ kind: 'timestamp', precision: 3, nullable: true }, '"2024-01-01T25:00:00"'],
    [{ kind: 'timestamp', precision: 3, nullable: true }, '1704067200000'],
    [{ kind: 'timestamp', precision: 6, nullable: true }, '"+300000-01-01T00:00:00"'],
    [string, '{"a":1}'],
  ];
  for (const [type, json] of refused) {
    expect(() => parse(type, `{"c0":${json}}`), `${type.kind} ${json}`).toThrow(
      expect.objectContaining({ code: 'LAKE_BAD_VALUE', message: expect.stringContaining('column c0 (') }),
    );
  }
});

test('more is taken than is printed', () => {
  const decimal: AtomicType = { kind: 'decimal', precision: 10, scale: 2, nullable: true };
  const timestamp: AtomicType = { kind: 'timestamp', precision: 3, nullable: true };
  expect(parse({ kind: 'bigint', nullable: true }, '{"c0":7}')).toBe(7n);
  expect(parse({ kind: 'bigint', nullable: true }, '{"c0":9007199254740993}')).toBe(9007199254740993n);
  expect(parse(decimal, '{"c0":1.005}')).toBe(101n);
  expect(parse(decimal, '{"c0":"-1.005"}')).toBe(-101n);
  expect(parse(decimal, '{"c0":"1e3"}')).toBe(100_000n);
  expect(parse(timestamp, '{"c0":"1970-01-01 00:00:01.0009Z"}')).toBe(1_000_000_000n);
  expect(parse(timestamp, '{"c0":"1970-01-02"}')).toBe(86_400_000_000_000n);
  expect(parse({ kind: 'varchar', length: 2, nullable: true }, '{"c0":"longer"}')).toBe('longer');
  expect(parse({ kind: 'varbinary', length: 2, nullable: true }, '{"c0":"FFfe"}')).toEqual(Uint8Array.of(255, 254));
});

test('a column may have the name of an object’s own property', () => {
  const field = { id: 0, name: 'constructor', type: string, description: undefined, defaultValue: undefined };
  expect(parseCanonicalRow({ fields: [field] }, {})).toEqual([null]);
});

test('nested values are arrays, pairs sorted by the text of the key, and objects, and come back', () => {
  const rowType = rowTypeOf(nestedTypes);
  fc.assert(
    fc.property(arbitraryBatch(nestedTypes), ({ batch }) => {
      const print = canonicalRow(batch);
      const texts = Array.from({ length: batch.rowCount }, (_, row) => print(row));
      const rows = texts.map(text => parseCanonicalRow(rowType, parseJson(text) as JsonObject));
      const again = canonicalRow(buildBatch(rowType, rows));
      expect(texts.map((_, row) => again(row))).toEqual(texts);
    }),
  );
  const [, , , , map, , multiset, row] = nestedTypes;
  const few = rowTypeOf([map, multiset, row].filter(type => type !== undefined));
  const entries = [
    ['b', 1],
    ['a', null],
    ['a!', 2],
  ];
  const counts = [
    ['é', 1],
    ['z', 2],
  ];
  expect(canonicalRow(buildBatch(few, [[entries, counts, [1, null, 2n]]]))(0)).toBe(
    '{"c0":[["a!",2],["a",null],["b",1]],"c1":[["z",2],["é",1]],"c2":{"x":1,"y":null,"z":"2"}}',
  );
});
