import fc from 'fast-check';
import { expect, test } from 'vitest';
import { arbitraryBatch, rowTypeOf, sampleTypes } from '../../test/arbitrary-rows.ts';
import { buildBatch } from './column-builder.ts';
import type { AtomicType } from './data-type.ts';
import { userRows, userRowToScalars } from './user-row.ts';

test('rows given to users are taken back as the same rows', () => {
  const rowType = rowTypeOf(sampleTypes);
  fc.assert(
    fc.property(arbitraryBatch(), ({ batch, rows }) => {
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
