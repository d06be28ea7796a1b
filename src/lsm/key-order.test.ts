import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type ColumnValues, makeColumn } from '../types/column-buffers.ts';
import { buildBatch } from '../types/column-builder.ts';
import type { AtomicType } from '../types/data-type.ts';
import { makeRowBatch, projectBatch } from '../types/row-batch.ts';
import type { Scalar } from '../types/scalar.ts';
import { compareKeys, keyLayout, keysOf } from './key-order.ts';
import { rowNumbers, sortByKey } from './key-sort.ts';
import { batchOf, compareEntryKeys, keyNames, keyShape, keyShapes, keysOfShape } from './key-values.arbitrary.ts';

const entry = (key: readonly Scalar[]) => ({ key, sequence: 0n, kind: 0, value: 0 });

test('keys of any types compare as their scalars do, across batches', () => {
  fc.assert(
    fc.property(
      keyShapes.chain(shape =>
        fc.record({
          shape: fc.constant(shape),
          left: fc.array(keysOfShape(shape), { minLength: 1, maxLength: 12 }),
          right: fc.array(keysOfShape(shape), { minLength: 1, maxLength: 12 }),
        }),
      ),
      ({ shape, left, right }) => {
        const layout = keyLayout(shape.rowType, keyNames(shape));
        const a = keysOf(batchOf(shape, left.map(entry)).rows, layout);
        const b = keysOf(batchOf(shape, [...right, ...left].map(entry)).rows, layout);
        for (const [i, x] of left.entries()) {
          for (const [j, y] of [...right, ...left].entries()) {
            expect(Math.sign(compareKeys(a, i, b, j))).toBe(Math.sign(compareEntryKeys(shape, x, y)));
          }
        }
      },
    ),
    { numRuns: 400 },
  );
});

test('sorting gives the order of the scalars and leaves equal keys as they came', () => {
  fc.assert(
    fc.property(
      keyShapes.chain(shape => fc.tuple(fc.constant(shape), fc.array(keysOfShape(shape), { maxLength: 60 }))),
      ([shape, keys]) => {
        const batch = batchOf(shape, keys.map(entry)).rows;
        const { order } = sortByKey(keysOf(batch, keyLayout(shape.rowType, keyNames(shape))), rowNumbers(keys.length));
        const expected = keys
          .map((key, row) => ({ key, row }))
          .toSorted((x, y) => compareEntryKeys(shape, x.key, y.key) || x.row - y.row);
        expect([...order]).toEqual(expected.map(({ row }) => row));
      },
    ),
    { numRuns: 300 },
  );
});

const manyRows = 5000;
const varchar: AtomicType = { kind: 'varchar', length: 1000, nullable: true };
const bigint: AtomicType = { kind: 'bigint', nullable: true };

test.each<{ name: string; types: AtomicType[]; key: (i: number) => Scalar[] }>([
  { name: 'small integers', types: [bigint], key: i => [BigInt((i * 7919) % 1500)] },
  {
    name: 'integers with negatives and nulls',
    types: [bigint],
    key: i => [i % 50 === 0 ? null : BigInt((i * 7919) % 997) - 500n],
  },
  { name: 'integers beyond 2^53 that round alike', types: [bigint], key: i => [2n ** 60n + BigInt((i * 7919) % 3001)] },
  {
    name: 'integers over the whole range',
    types: [bigint],
    key: i => [BigInt.asIntN(64, BigInt(i) * 0x9e37_79b9_7f4a_7c15n)],
  },
  { name: 'integers wider than 32 bits', types: [bigint], key: i => [BigInt((i * 7919) % 4001) * 10_000_000_019n] },
  { name: 'short strings', types: [varchar], key: i => [((i * 7919) % 1300).toString(36)] },
  { name: 'strings with a long common prefix', types: [varchar], key: i => [`${'x'.repeat(500)}${(i * 7919) % 2003}`] },
  { name: 'strings of zeros of all lengths', types: [varchar], key: i => ['\0'.repeat((i * 7919) % 601)] },
  { name: 'strings and nulls', types: [varchar], key: i => [i % 3 === 0 ? null : `customer-${(i * 7919) % 2003}`] },
  { name: 'string and integer', types: [varchar, bigint], key: i => [`airport-${i % 7}`, BigInt((i * 7919) % 2003)] },
  { name: 'one key', types: [varchar, bigint], key: () => ['the one', 1n] },
])('many rows are sorted as few are: $name', ({ types, key }) => {
  const shape = keyShape(types);
  const keys = Array.from({ length: manyRows }, (_, i) => key(i));
  const batch = projectBatch(batchOf(shape, keys.map(entry)).rows, keyNames(shape));
  const { order } = sortByKey(keysOf(batch, keyLayout(shape.rowType, keyNames(shape))), rowNumbers(manyRows));
  const expected = keys
    .map((values, row) => ({ values, row }))
    .toSorted((x, y) => compareEntryKeys(shape, x.values, y.values) || x.row - y.row);
  expect([...order]).toEqual(expected.map(({ row }) => row));
});

test('a nested column is refused as a key by name', () => {
  const type = { kind: 'array', element: { kind: 'int', nullable: true }, nullable: true } as const;
  const fields = [{ id: 0, name: 'tags', type, description: undefined, defaultValue: undefined }];
  expect(() => keyLayout({ fields }, ['tags'])).toThrow(/ARRAY.*not supported/);
});

test('keys share the buffers of a string column', () => {
  const shape = keyShape([{ ...varchar, nullable: false }]);
  const batch = buildBatch(shape.rowType, [
    ['b', 0],
    ['a', 0],
  ]);
  const keys = keysOf(batch, keyLayout(shape.rowType, ['k0']));
  expect(keys.bytes.buffer).toBe(batch.columns[0]?.values.buffer);
});

test('buffers longer than their columns add no keys', () => {
  const decimal: AtomicType = { kind: 'decimal', precision: 9, scale: 0, nullable: false };
  const columns: readonly [AtomicType, ColumnValues][] = [
    [{ kind: 'bigint', nullable: false }, BigInt64Array.of(5n, 6n, 0n, 0n)],
    [decimal, Uint32Array.of(5, 0, 0, 0, 6, 0, 0, 0, 1, 1, 1, 1)],
    [{ kind: 'int', nullable: false }, Int32Array.of(5, 6, 9)],
  ];
  for (const [type, values] of columns) {
    const rowType = { fields: keyShape([type]).rowType.fields.slice(0, 1) };
    const keys = keysOf(makeRowBatch(rowType, 2, [makeColumn(type, 2, { values })]), keyLayout(rowType, ['k0']));
    expect([keys.rowCount, [...keys.heads]]).toEqual([2, [5, 6]]);
  }
});
