// Range bitmaps and bit-slice indexes: what they say of the rows of a file, against the filter itself.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { int, rowTable, text } from '../../../test/row-fixture.ts';
import { present } from '../../base/assert.ts';
import { buildBatch } from '../../types/column-builder.ts';
import type { DataType } from '../../types/data-type.ts';
import { evaluatePredicate } from '../../types/filter.ts';
import type { CompareOp, Predicate } from '../../types/predicate.ts';
import type { Scalar } from '../../types/scalar.ts';
import { BitSliceIndexBuilder, bitSliceKeys, readBitSliceIndex } from './bit-slice-index.ts';
import { encodeFileIndex } from './container.ts';
import { askFileIndex } from './index-match.ts';
import { RangeBitmapBuilder, rangeKeys, readRangeBitmap } from './range-bitmap.ts';
import { allRows } from './row-set.ts';

const corrupt = expect.objectContaining({ code: expect.stringMatching(/^LAKE_CORRUPT_(FILE_INDEX|VECTOR)$/) });
const compare = (column: string, op: CompareOp, value: Scalar): Predicate => ({ kind: 'compare', op, column, value });
const ops: readonly CompareOp[] = ['=', '<>', '<', '<=', '>', '>='];
const long = fc.oneof(fc.bigInt({ min: -6n, max: 6n }), fc.bigInt({ min: -(2n ** 63n) + 1n, max: 2n ** 63n - 1n }));
const instant = fc.oneof(fc.bigInt({ min: -5000n, max: 5000n }), fc.bigInt({ min: -(10n ** 18n), max: 10n ** 18n }));

const types: readonly (readonly [DataType, fc.Arbitrary<NonNullable<Scalar>>])[] = [
  [
    text,
    fc.oneof(fc.constantFrom('', 'a', 'ab', 'ä', '\u{1f600}', '￿'), fc.string({ maxLength: 3, unit: 'grapheme' })),
  ],
  [{ kind: 'boolean', nullable: true }, fc.boolean()],
  [{ kind: 'tinyint', nullable: true }, fc.integer({ min: -128, max: 127 })],
  [{ kind: 'smallint', nullable: true }, fc.integer({ min: -32_768, max: 32_767 })],
  [int, fc.oneof(fc.integer({ min: -3, max: 3 }), fc.integer())],
  [{ kind: 'bigint', nullable: true }, long],
  [
    { kind: 'decimal', precision: 18, scale: 4, nullable: true },
    fc.bigInt({ min: -(10n ** 18n) + 1n, max: 10n ** 18n - 1n }),
  ],
  [
    { kind: 'double', nullable: true },
    fc.oneof(fc.constantFrom(0, -0, Number.NaN, Infinity, -Infinity, 1.5), fc.double()),
  ],
  [{ kind: 'date', nullable: true }, fc.integer({ min: -1000, max: 1000 })],
  [{ kind: 'timestamp', precision: 3, nullable: true }, instant.map(value => value * 1_000_000n)],
  [{ kind: 'timestamp', precision: 6, nullable: true }, instant.map(value => value * 1_000n)],
  [{ kind: 'timestamp-ltz', precision: 9, nullable: true }, instant],
];

/** @returns for each row whether it can pass, and whether that is all that is known of it */
function asked(
  kind: string,
  type: DataType,
  values: readonly Scalar[],
  predicate: Predicate,
): readonly boolean[] | undefined {
  const keys = kind === 'bsi' ? bitSliceKeys(type) : rangeKeys(type);
  if (keys === undefined) return undefined;
  const builder =
    kind === 'bsi'
      ? new BitSliceIndexBuilder(keys)
      : new RangeBitmapBuilder(present(rangeKeys(type), 'keys'), values.length % 3 === 0 ? 0 : 20);
  for (const value of values) builder.add(value);
  const index = builder.finish();
  const bytes = encodeFileIndex(index === undefined ? [] : [{ column: 'v', kind, bytes: index }]);
  const file = { columnOf: () => ({ name: 'v', type }), rowCount: values.length, where: 'here' };
  const answer = askFileIndex(bytes, predicate, file);
  return values.map((_, row) => (typeof answer === 'string' ? answer === 'any' : answer.has(row)));
}

for (const [type, arbitrary] of types) {
  test(`an index in order finds the rows that a filter finds: ${type.kind} ${'precision' in type ? type.precision : ''}`, () => {
    const values = fc.array(fc.option(arbitrary, { freq: 4 }), { minLength: 1, maxLength: 40 });
    const predicates = fc.oneof(
      fc
        .tuple(fc.constantFrom(...ops), arbitrary)
        .map(([op, value]): Predicate => ({ kind: 'compare', op, column: 'v', value })),
      fc.array(arbitrary, { maxLength: 4 }).map((list): Predicate => ({ kind: 'in', column: 'v', values: list })),
      fc.constantFrom<Predicate>({ kind: 'is-null', column: 'v' }, { kind: 'is-not-null', column: 'v' }),
    );
    const fields = [{ id: 0, name: 'v', type, description: undefined, defaultValue: undefined }];
    fc.assert(
      fc.property(values, predicates, fc.nat(), (rows, predicate, pick) => {
        // A literal that is there, every other time.
        const own = rows[pick % (rows.length * 2)] ?? null;
        const asks: Predicate = predicate.kind === 'compare' && own !== null ? { ...predicate, value: own } : predicate;
        const passes = evaluatePredicate(
          asks,
          buildBatch(
            { fields },
            rows.map(value => [value]),
          ),
        );
        for (const kind of ['range-bitmap', 'bsi']) {
          const mayPass = asked(kind, type, rows, asks);
          if (mayPass === undefined || rows.every(value => value === null)) continue;
          const isExact = type.kind !== 'double' && !(type.kind === 'timestamp-ltz');
          for (const [row, may] of mayPass.entries()) {
            if (isExact) expect(may, `${kind} row ${row}`).toBe(passes[row] === 1);
            else if (passes[row] === 1) expect(may, `${kind} row ${row}`).toBe(true);
          }
        }
      }),
      { numRuns: 300 },
    );
  });
}

test('a range bitmap of many rows has as many bits as its values need, and finds each', () => {
  const keys = present(rangeKeys(int), 'keys');
  const builder = new RangeBitmapBuilder(keys, 256);
  const numberOf = (row: number): number => (row * 7919) % 1000;
  for (let row = 0; row < 150_000; row += 1) builder.add(numberOf(row));
  const index = readRangeBitmap(present(builder.finish(), 'index'), keys, 150_000, 'here');
  for (const value of [0, 1, 499, 999]) {
    const { equal, greater } = index.compare(value);
    for (let row = 0; row < 150_000; row += 97) {
      expect(equal.has(row)).toBe(numberOf(row) === value);
      expect(greater.has(row)).toBe(numberOf(row) > value);
    }
  }
});

test('a file without values of the column has an index that says so', () => {
  const isNotNull: Predicate = { kind: 'is-not-null', column: 'v' };
  // As Paimon 1.4.2 writes it of two rows; ours has none there.
  const empty = Buffer.from(
    `0000000d01${'00000002'}00000000${'00000011'}0000000d01${'00000000'.repeat(3)}` +
      `0000020a0140${'00000008'}00000200${Array.from({ length: 64 }, (_, bit) => `${(bit * 8).toString(16).padStart(8, '0')}00000008`).join('')}` +
      '3a30000000000000'.repeat(65),
    'hex',
  );
  const bytes = encodeFileIndex([{ column: 'v', kind: 'range-bitmap', bytes: empty }]);
  const file = { columnOf: () => ({ name: 'v', type: int }), rowCount: 2, where: 'here' };
  expect(askFileIndex(bytes, isNotNull, file)).toBe('none');
  expect(askFileIndex(bytes, { kind: 'is-null', column: 'v' }, file)).toEqual(allRows(2));
  expect(asked('bsi', int, [null, null], isNotNull)).toEqual([false, false]);
});

test('the smallest BIGINT has no absolute value: a bit-slice index with it is not written', () => {
  const type: DataType = { kind: 'bigint', nullable: true };
  const builder = new BitSliceIndexBuilder(present(bitSliceKeys(type), 'keys'));
  builder.add(-(2n ** 63n));
  expect(builder.finish()).toBeUndefined();
});

test('an index that is cut, of another version or of another file is corrupt', () => {
  const keys = present(rangeKeys(text), 'keys');
  const range = new RangeBitmapBuilder(keys, 16);
  const slices = new BitSliceIndexBuilder(present(bitSliceKeys(int), 'keys'));
  for (const value of ['a', 'b', null, 'long enough for a chunk']) range.add(value);
  for (const value of [1, -7, null, 100]) slices.add(value);
  const bytes = present(range.finish(), 'index');
  const other = present(slices.finish(), 'index');
  const read = (part: Uint8Array, rowCount = 4): unknown =>
    readRangeBitmap(part, keys, rowCount, 'here').compare(Buffer.from('b'));
  expect(() => read(bytes)).not.toThrow();
  for (let length = 0; length < bytes.length; length += 1)
    expect(() => read(bytes.subarray(0, length))).toThrow(corrupt);
  for (let length = 0; length < other.length; length += 1) {
    expect(() => readBitSliceIndex(other.subarray(0, length), 4, 'here')).toThrow(corrupt);
  }
  expect(() => read(bytes, 5)).toThrow(corrupt);
  expect(() => readBitSliceIndex(other, 5, 'here')).toThrow(corrupt);
  expect(() => read(Uint8Array.from(bytes).fill(9, 4, 5))).toThrow(corrupt);
});

test('files that a range rules out are not opened, and of others only the row groups with such rows are decoded', async () => {
  for (const [kind, threshold] of [
    ['range-bitmap', '1 mb'],
    ['range-bitmap', '0'],
    ['bsi', '1 mb'],
    ['bsi', '0'],
  ] as const) {
    const rows = await rowTable({
      columns: [
        { name: 'k', type: int },
        { name: 'v', type: text },
      ],
      primaryKeys: [],
      options: { bucket: '-1', [`file-index.${kind}.columns`]: 'k', 'file-index.in-manifest-threshold': threshold },
    });
    await rows.write([
      [1, 'a'],
      [100, 'b'],
    ]);
    await rows.write([
      [2, 'c'],
      [40, 'd'],
      [90, 'e'],
    ]);
    const between: Predicate = { kind: 'and', children: [compare('k', '>', 2), compare('k', '<', 40)] };
    expect(await rows.rows({ predicate: between })).toEqual([]);
    // Statistics let both files through; no byte of either is read.
    expect(rows.dataGets).toEqual([]);
    expect(
      await rows.rows({ predicate: { kind: 'and', children: [compare('k', '>=', 40), compare('k', '<', 90)] } }),
    ).toEqual([[40, 'd']]);
    expect(new Set(rows.dataGets).size).toBe(1);
    // A table may have its indexes left alone.
    await rows.alterOption('file-index.read.enabled', 'false');
    expect(await rows.rows({ predicate: between })).toEqual([]);
    expect(new Set(rows.dataGets).size).toBe(2);
  }
});
