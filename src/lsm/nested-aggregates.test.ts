// Aggregates of arrays and maps, as Paimon 1.4.2 does them (spec 9.3); their order is that of Java's hash maps.
import { expect, test } from 'vitest';
import { type Change, EngineTable } from '../../test/engine-table.ts';
import type { JsonValue } from '../base/json.ts';
import { encodeRoaring } from '../format/roaring.ts';
import { decodeRoaring64, encodeRoaring64, numbersIn64, roaring64Of } from '../format/roaring64.ts';
import type { Scalar } from '../types/scalar.ts';
import { javaHashOf, javaHashOrder } from './java-hash.ts';

const strings: JsonValue = { type: 'ARRAY', element: 'STRING' };
const ints: JsonValue = { type: 'ARRAY', element: 'INT' };
const map: JsonValue = { type: 'MAP', key: 'STRING NOT NULL', value: 'INT' };
const row: JsonValue = {
  type: 'ROW',
  fields: [
    { id: 5, name: 'k', type: 'INT' },
    { id: 6, name: 'v', type: 'STRING' },
  ],
};
const rows: JsonValue = { type: 'ARRAY', element: row };

function table(type: JsonValue, name: string, more: Readonly<Record<string, string>> = {}): EngineTable {
  return new EngineTable({ v: type }, { 'merge-engine': 'aggregation', 'fields.v.aggregate-function': name, ...more });
}

const adds = (...values: Scalar[]): Change[] => values.map(value => ['+I', value]);

test('collect puts arrays together, and takes away one element for each that is taken back', () => {
  const collect = table(strings, 'collect');
  expect(collect.merge(adds(['a', 'b'], null, ['b', null]))).toEqual(['+I', ['a', 'b', 'b', null]]);
  expect(collect.merge([...adds(['a', 'b', 'b']), ['-D', ['b', 'z']]])).toEqual(['+I', ['a', 'b']]);
});

test('collect with distinct has each element once, in the order of a Java set', () => {
  const distinct = table(ints, 'collect', { 'fields.v.distinct': 'true' });
  expect(distinct.merge(adds([17, 3, 3], [1, 17]))).toEqual(['+I', [17, 1, 3]]);
  expect(distinct.merge(adds(null, [33, 1]))).toEqual(['+I', [33, 1]]);
  const nested = table(rows, 'collect', { 'fields.v.distinct': 'true' });
  expect(
    nested.merge(
      adds(
        [[9, 'x']],
        [
          [1, 'a'],
          [9, 'x'],
          [1, 'a'],
        ],
      ),
    ),
  ).toEqual([
    '+I',
    [
      [9, 'x'],
      [1, 'a'],
    ],
  ]);
});

test('merge_map has the newest value of each key, and loses keys that are taken back', () => {
  const merge = table(map, 'merge_map');
  const merged = merge.merge(
    adds(
      [
        ['x', 1],
        ['y', 2],
      ],
      [
        ['y', 3],
        ['z', null],
      ],
    ),
  );
  expect(new Map(Object.values(merged?.[1] ?? []).map(entry => entry as [string, Scalar]))).toEqual(
    new Map<string, Scalar>([
      ['x', 1],
      ['y', 3],
      ['z', null],
    ]),
  );
  expect(
    merge.merge([
      ...adds([
        ['x', 1],
        ['y', 2],
      ]),
      ['-D', [['y', 9]]],
    ]),
  ).toEqual(['+I', [['x', 1]]]);
});

test('merge_map_with_keytime has of each key the row of the latest time', () => {
  const timed: JsonValue = {
    type: 'MAP',
    key: 'STRING NOT NULL',
    value: {
      type: 'ROW',
      fields: [
        { id: 5, name: 'n', type: 'INT' },
        { id: 6, name: 't', type: 'STRING' },
      ],
    },
  };
  const merge = table(timed, 'merge_map_with_keytime');
  expect(merge.merge(adds([['a', [1, '10']]], [['a', [2, '05']]]))).toEqual(['+I', [['a', [1, '10']]]]);
  expect(merge.merge(adds([['a', [1, '10']]], [['a', [2, '11']]], [['a', [3, null]]]))).toEqual([
    '+I',
    [['a', [2, '11']]],
  ]);
  expect(merge.merge(adds([['a', [1, '10']]], [['a', null]]))).toEqual(['+I', []]);
});

test('nested_update has all rows, or the newest of each key', () => {
  expect(table(rows, 'nested_update').merge(adds([[1, 'a']], [[1, 'b'], null]))).toEqual([
    '+I',
    [
      [1, 'a'],
      [1, 'b'],
    ],
  ]);
  const keyed = table(rows, 'nested_update', { 'fields.v.nested-key': 'k' });
  expect(
    keyed.merge(
      adds(
        [[1, 'one']],
        [
          [1, 'uno'],
          [2, 'two'],
        ],
      ),
    ),
  ).toEqual([
    '+I',
    [
      [2, 'two'],
      [1, 'uno'],
    ],
  ]);
  expect(
    keyed.merge([
      ...adds([
        [1, 'one'],
        [2, 'two'],
      ]),
      ['-D', [[2, 'x']]],
    ]),
  ).toEqual(['+I', [[1, 'one']]]);
  const limited = table(rows, 'nested_update', { 'fields.v.count-limit': '2' });
  expect(
    limited.merge(
      adds(
        [[1, 'a']],
        [
          [2, 'b'],
          [3, 'c'],
        ],
      ),
    ),
  ).toEqual([
    '+I',
    [
      [1, 'a'],
      [2, 'b'],
    ],
  ]);
});

test('nested_partial_update sets what is not null in the rows of each key', () => {
  const keyed = table(rows, 'nested_partial_update', { 'fields.v.nested-key': 'k' });
  expect(
    keyed.merge(
      adds(
        [[1, 'one']],
        [
          [1, null],
          [2, null],
        ],
        [[2, 'two']],
      ),
    ),
  ).toEqual([
    '+I',
    [
      [2, 'two'],
      [1, 'one'],
    ],
  ]);
});

test('rbm32 unites bitmaps', () => {
  const [a, b] = [encodeRoaring([1, 5]), encodeRoaring([5, 70_000])];
  const merged = table('BYTES', 'rbm32').merge(adds(a, b));
  expect(Buffer.from(merged?.[1] as Uint8Array)).toEqual(Buffer.from(encodeRoaring([1, 5, 70_000])));
});

test('rbm64 unites bitmaps of 64 bits; one that is damaged is corrupt', () => {
  const [a, b] = [
    [1n, 2n ** 40n],
    [5n, 2n ** 63n],
  ].map(numbers => encodeRoaring64(roaring64Of(numbers)));
  const merged = table('BYTES', 'rbm64').merge(adds(a ?? null, null, b ?? null));
  const set = decodeRoaring64(merged?.[1] as Uint8Array, 'here');
  expect([...numbersIn64(set)]).toEqual([1n, 5n, 2n ** 40n, 2n ** 63n]);
  const broken = expect.objectContaining({ code: 'LAKE_CORRUPT_VECTOR' });
  expect(() => table('BYTES', 'rbm64').merge(adds(a ?? null, Uint8Array.of(9)))).toThrow(broken);
});

test('the order is that of bins, and of a larger table when there are more than it holds', () => {
  expect(javaHashOrder([17, 3, 1])).toEqual([0, 2, 1]);
  // Thirteen entries are too many for sixteen bins: 17 has a bin of its own then.
  const hashes = [17, 3, 1, ...Array.from({ length: 10 }, (_, index) => 4 + index)];
  expect(javaHashOrder(hashes).at(-1)).toBe(0);
  expect(javaHashOrder([17, 1], 13)).toEqual([1, 0]);
});

test('hashes are those of Java objects', () => {
  const decimal = { kind: 'decimal', precision: 38, scale: 2, nullable: true } as const;
  // new BigDecimal("1.50").hashCode()
  expect(javaHashOf(decimal, 150n)).toBe(4652);
  expect(javaHashOf({ kind: 'double', nullable: true }, 1.5)).toBe(1_073_217_536);
  expect(javaHashOf({ kind: 'bigint', nullable: true }, -1n)).toBe(0);
  expect(javaHashOf({ kind: 'boolean', nullable: true }, true)).toBe(1231);
});
