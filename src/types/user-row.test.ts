import fc from 'fast-check';
import { expect, test } from 'vitest';
import { arbitraryBatch, nestedTypes, rowTypeOf, sampleTypes } from '../../test/arbitrary-rows.ts';
import { buildBatch } from './column-builder.ts';
import type { AtomicType, DataType } from './data-type.ts';
import { userRowToScalars } from './user-row.ts';
import { userRows } from './user-rows.ts';

test('rows given to users are taken back as the same rows', () => {
  const allTypes = [...sampleTypes, ...nestedTypes];
  const rowType = rowTypeOf(allTypes);
  fc.assert(
    fc.property(arbitraryBatch(allTypes), ({ batch, rows }) => {
      const read = userRows(batch);
      for (const [row, scalars] of rows.entries()) expect(userRowToScalars(rowType, read(row))).toEqual(scalars);
    }),
  );
});

test('users get Dates, decimal strings and texts of days', () => {
  const types: readonly AtomicType[] = [
    { kind: 'timestamp', precision: 3, nullable: true },
    { kind: 'timestamp-ltz', precision: 6, nullable: true },
    { kind: 'decimal', precision: 10, scale: 2, nullable: true },
    { kind: 'date', nullable: true },
    { kind: 'time', precision: 0, nullable: true },
    { kind: 'bigint', nullable: true },
  ];
  const batch = buildBatch(rowTypeOf(types), [[1_000_000n, 1_000n, 5n, 0, 1, 7n]]);
  expect(userRows(batch)(0)).toEqual({
    c0: new Date(1),
    c1: '1970-01-01T00:00:00.000001Z',
    c2: '0.05',
    c3: '1970-01-01',
    c4: '00:00:00.001',
    c5: 7n,
  });
});

test('a Date is taken for days and times, a safe integer for BIGINT', () => {
  const types: readonly AtomicType[] = [
    { kind: 'date', nullable: true },
    { kind: 'timestamp', precision: 6, nullable: true },
    { kind: 'timestamp', precision: 0, nullable: true },
    { kind: 'bigint', nullable: true },
  ];
  const date = new Date('1969-12-31T23:59:59.999Z');
  expect(userRowToScalars(rowTypeOf(types), { c0: date, c1: date, c2: date, c3: 5 })).toEqual([
    -1,
    -1_000_000n,
    -1_000_000_000n,
    5n,
  ]);
});

test('missing and undefined properties are null', () => {
  const rowType = rowTypeOf([
    { kind: 'int', nullable: true },
    { kind: 'int', nullable: true },
  ]);
  expect(userRowToScalars(rowType, { c1: undefined })).toEqual([null, null]);
});

test('values of another type are refused, naming the column', () => {
  const refused: readonly (readonly [AtomicType, unknown])[] = [
    [{ kind: 'int', nullable: true }, 1n],
    [{ kind: 'int', nullable: true }, '1'],
    [{ kind: 'bigint', nullable: true }, 2 ** 53],
    [{ kind: 'bigint', nullable: true }, 2n ** 63n],
    [{ kind: 'timestamp', precision: 3, nullable: true }, new Date(Number.NaN)],
    [{ kind: 'varbinary', length: 5, nullable: true }, 'ff'],
    [{ kind: 'varchar', length: 5, nullable: true }, { a: 1 }],
    [{ kind: 'boolean', nullable: true }, () => true],
    [{ kind: 'int', nullable: false }, null],
  ];
  for (const [type, c0] of refused) {
    expect(() => userRowToScalars(rowTypeOf([type]), { c0 }), type.kind).toThrow(/column c0 \(/);
  }
  const rowType = rowTypeOf([{ kind: 'int', nullable: true }]);
  expect(() => userRowToScalars(rowType, { other: 1 })).toThrow('there is no column "other"');
});

test('nested values are taken as arrays, Maps, pairs and objects', () => {
  const [array, , , , map, , multiset, row] = nestedTypes;
  const rowType = rowTypeOf([array, map, multiset, row].filter(type => type !== undefined));
  const expected = [[1, null], [['x', 1]], [['q', 2]], [7, null, 5n]];
  const r = { x: 7, z: 5 };
  expect(userRowToScalars(rowType, { c0: [1, null], c1: new Map([['x', 1]]), c2: new Map([['q', 2]]), c3: r })).toEqual(
    expected,
  );
  expect(userRowToScalars(rowType, { c0: [1, undefined], c1: { x: 1 }, c2: [['q', 2]], c3: r })).toEqual(expected);
});

test('nested values of another shape are refused, naming the path', () => {
  const [array, texts, , , map, , multiset, row, deep] = nestedTypes;
  const refused: readonly (readonly [DataType | undefined, unknown, string])[] = [
    [array, 'text', 'column c0 (ARRAY<INT>): value "text": expected an array'],
    [array, [1, 'x'], 'column c0[] (INT): value "x"'],
    [array, new Map(), 'expected an array'],
    [texts, ['a', null], 'column c0[] (STRING): value null: it is NOT NULL'],
    [map, [['a']], 'expected a pair'],
    [map, [[null, 1]], 'column c0.key (STRING): value null'],
    [
      map,
      [
        ['a', 1],
        ['a', 2],
      ],
      'the key comes twice',
    ],
    [map, 5, 'expected an array of pairs'],
    [multiset, [['a', 0]], 'expected a count from 1'],
    [multiset, [['a', null]], 'column c0.count (INT): value null'],
    [row, [1, 'a', 5n], 'expected an object with the fields as properties'],
    [row, new Date(0), 'expected an object'],
    [row, { x: 1 }, 'column c0.z (BIGINT): value null: it is NOT NULL'],
    [row, { z: 1, other: 2 }, 'there is no field "other"; the fields are x, y, z'],
    [deep, [{ m: { k: [1, 'two'] } }], 'column c0[].m.value[] (INT): value "two"'],
  ];
  for (const [type, c0, message] of refused) {
    if (type === undefined) throw new Error('a type');
    expect(() => userRowToScalars(rowTypeOf([type]), { c0 })).toThrow(message);
  }
});
