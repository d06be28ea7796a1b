// Aggregation, first-row and deduplicate, row by row: what comes of the rows of one key, as Paimon 1.4.2 does it (spec 9).
import { expect, test } from 'vitest';
import { type Change, EngineTable } from '../../test/engine-table.ts';
import type { Scalar } from '../types/scalar.ts';

const aggregation = (type: string, name: string, more: Readonly<Record<string, string>> = {}): EngineTable =>
  new EngineTable({ v: type }, { 'merge-engine': 'aggregation', 'fields.v.aggregate-function': name, ...more });

/** Function, type, values that come in as +I, result. */
const aggregates: readonly (readonly [name: string, type: string, values: readonly Scalar[], result: Scalar])[] = [
  ['sum', 'INT', [1, null, 2], 3],
  ['sum', 'INT', [null, null], null],
  ['sum', 'INT', [2_147_483_647, 1], -2_147_483_648],
  ['sum', 'TINYINT', [127, 1], -128],
  ['sum', 'SMALLINT', [-32_768, -1], 32_767],
  ['sum', 'BIGINT', [9_223_372_036_854_775_807n, 1n], -9_223_372_036_854_775_808n],
  ['sum', 'FLOAT', [16_777_216, 1], 16_777_216],
  ['sum', 'DOUBLE', [0.1, 0.2], 0.1 + 0.2],
  ['sum', 'DECIMAL(20, 2)', [10n ** 20n - 1n, 1n], null],
  ['sum', 'DECIMAL(5, 2)', [150n, 250n], 400n],
  ['product', 'INT', [65_536, 65_536], 0],
  ['product', 'BIGINT', [3n, -5n], -15n],
  ['product', 'DECIMAL(10, 2)', [150n, 33n], 50n],
  ['product', 'DECIMAL(10, 2)', [-150n, 33n], -50n],
  ['product', 'DECIMAL(3, 1)', [999n, 999n], null],
  ['max', 'STRING', ['b', 'ab', null], 'b'],
  ['max', 'DOUBLE', [1, Number.NaN, 2], Number.NaN],
  ['min', 'DOUBLE', [0, -0], -0],
  ['min', 'TIMESTAMP(9)', [5n, null, -7n], -7n],
  ['last_value', 'INT', [1, null], null],
  ['last_non_null_value', 'INT', [1, null], 1],
  ['first_value', 'INT', [null, 1], null],
  ['first_non_null_value', 'INT', [null, 1, 2], 1],
  ['first_not_null_value', 'INT', [null, 3, 2], 3],
  ['bool_and', 'BOOLEAN', [true, null, false], false],
  ['bool_or', 'BOOLEAN', [false, null, true], true],
  ['listagg', 'STRING', ['a', null, '', 'b', 'a'], 'a,b,a'],
];

test.each(aggregates)('%s of %s %o is %o', (name, type, values, result) => {
  const table = aggregation(type, name);
  expect(table.merge(values.map(value => ['+I', value]))).toEqual(['+I', result]);
});

test('a column without a function keeps the last value that is not null, and one by default has the default', () => {
  const plain = new EngineTable({ v: 'INT' }, { 'merge-engine': 'aggregation' });
  expect(
    plain.merge([
      ['+I', 1],
      ['+I', null],
    ]),
  ).toEqual(['+I', 1]);
  const byDefault = new EngineTable(
    { v: 'INT', w: 'INT' },
    { 'merge-engine': 'aggregation', 'fields.default-aggregate-function': 'sum', 'fields.w.aggregate-function': 'min' },
  );
  expect(
    byDefault.merge([
      ['+I', 1, 1],
      ['+I', 2, 2],
    ]),
  ).toEqual(['+I', 3, 1]);
});

test('listagg has a delimiter, and distinct leaves out parts that are there', () => {
  const options = { 'fields.v.list-agg-delimiter': '; ', 'fields.v.distinct': 'true' };
  expect(
    aggregation('STRING', 'listagg', options).merge([
      ['+I', 'a; b'],
      ['+I', 'b; c; a; d'],
      ['+I', 'd'],
    ]),
  ).toEqual(['+I', 'a; b; c; d']);
});

test('sums, products and last values take rows back, others refuse to unless told to pass them over', () => {
  expect(
    aggregation('INT', 'sum').merge([
      ['+I', 5],
      ['-U', 2],
      ['-D', null],
    ]),
  ).toEqual(['+I', 3]);
  expect(
    aggregation('INT', 'sum').merge([
      ['-D', 5],
      ['+I', 2],
    ]),
  ).toEqual(['+I', -3]);
  expect(
    aggregation('INT', 'product').merge([
      ['+I', 7],
      ['-D', 2],
    ]),
  ).toEqual(['+I', 3]);
  expect(
    aggregation('DECIMAL(5, 2)', 'product').merge([
      ['+I', 300n],
      ['-D', 800n],
    ]),
  ).toEqual(['+I', 38n]);
  expect(
    aggregation('INT', 'last_value').merge([
      ['+I', 7],
      ['-D', 2],
    ]),
  ).toEqual(['+I', null]);
  expect(
    aggregation('INT', 'last_non_null_value').merge([
      ['+I', 7],
      ['-D', null],
    ]),
  ).toEqual(['+I', 7]);
  for (const name of ['max', 'first_value', 'first_non_null_value']) {
    const changes: Change[] = [
      ['+I', 7],
      ['-D', 2],
    ];
    expect(() => aggregation('INT', name).merge(changes)).toThrow(
      expect.objectContaining({ code: 'LAKE_DELETE_NOT_MERGED', message: expect.stringContaining(name) }),
    );
    const ignoring = aggregation('INT', name, { 'fields.v.ignore-retract': 'true' });
    expect(ignoring.merge(changes)).toEqual(['+I', 7]);
  }
  expect(() =>
    aggregation('INT', 'product').merge([
      ['+I', 7],
      ['-D', 0],
    ]),
  ).toThrow(/divides by zero/);
  expect(() =>
    aggregation('DECIMAL(5, 2)', 'product').merge([
      ['+I', 100n],
      ['-D', 300n],
    ]),
  ).toThrow(/exact/);
});

test('aggregation.remove-record-on-delete takes the row away; what comes after adds to the values of the -D', () => {
  const table = aggregation('INT', 'sum', { 'aggregation.remove-record-on-delete': 'true' });
  expect(
    table.merge([
      ['+I', 5],
      ['-D', 2],
    ]),
  ).toEqual(['-D', 2]);
  expect(
    table.merge([
      ['+I', 5],
      ['-D', 2],
      ['+I', 1],
    ]),
  ).toEqual(['+I', 3]);
});

test('a group of one row comes out as it went in', () => {
  expect(aggregation('INT', 'max').merge([['-D', 2]])).toEqual(['-D', 2]);
  expect(new EngineTable({ v: 'INT' }, { 'merge-engine': 'partial-update' }).merge([['-U', 2]])).toEqual(['-U', 2]);
  const dropping = new EngineTable({ v: 'INT' }, { 'merge-engine': 'aggregation' }, true);
  expect(dropping.merge([['-D', 2]])).toBeUndefined();
});

test('first-row keeps the first row and takes deletes only to pass them over', () => {
  const columns = { v: 'INT' };
  const firstRow = new EngineTable(columns, { 'merge-engine': 'first-row' });
  expect(
    firstRow.merge([
      ['+I', 1],
      ['+I', 2],
    ]),
  ).toEqual(['+I', 1]);
  expect(() =>
    firstRow.merge([
      ['+I', 1],
      ['-D', 2],
    ]),
  ).toThrow(/first-row takes no -U and -D/);
  const ignoring = new EngineTable(columns, { 'merge-engine': 'first-row', 'ignore-delete': 'true' });
  expect(
    ignoring.merge([
      ['-D', 0],
      ['+I', 1],
      ['-D', 2],
    ]),
  ).toEqual(['+I', 1]);
});

test('deduplicate that ignores deletes passes over those that older writers left', () => {
  const table = new EngineTable({ v: 'INT' }, { 'deduplicate.ignore-delete': 'true' });
  expect(
    table.merge([
      ['+I', 1],
      ['-D', 2],
    ]),
  ).toEqual(['+I', 1]);
  expect(
    table.merge([
      ['-U', 1],
      ['-D', 2],
    ]),
  ).toBeUndefined();
});
