import fc from 'fast-check';
import { expect, test } from 'vitest';
import { arbitraryBatch, nestedTypes, rowTypeOf, sampleTypes } from '../../test/arbitrary-rows.ts';
import { buildBatch, ColumnBuilder } from './column-builder.ts';
import { columnReader, rowsOf } from './column-reader.ts';
import { batchBytes, emptyBatch, isValid, nullColumn, projectBatch, sliceBatch, toRecordBatch } from './row-batch.ts';

const allTypes = [...sampleTypes, ...nestedTypes];

test('what goes into a batch comes out of it, for each type and with nulls', () => {
  fc.assert(
    fc.property(arbitraryBatch(allTypes), ({ batch, rows }) => {
      expect(rowsOf(batch)).toEqual(rows);
    }),
  );
});

test('a slice has the rows of its range, and a slice of a slice too', () => {
  fc.assert(
    fc.property(arbitraryBatch(allTypes), fc.nat(40), fc.nat(40), fc.nat(40), ({ batch, rows }, a, b, c) => {
      const [start = 0, end = 0] = [Math.min(a, rows.length), Math.min(b, rows.length)].toSorted((x, y) => x - y);
      const slice = sliceBatch(batch, start, end);
      expect(rowsOf(slice)).toEqual(rows.slice(start, end));
      const inner = Math.min(c, end - start);
      expect(rowsOf(sliceBatch(slice, inner, end - start))).toEqual(rows.slice(start + inner, end));
    }),
  );
});

test('null counts are those of the rows, after slicing too', () => {
  fc.assert(
    fc.property(arbitraryBatch(allTypes), ({ batch, rows }) => {
      const start = rows.length >> 1;
      const slice = sliceBatch(batch, start, rows.length);
      for (const [index, column] of slice.columns.entries()) {
        const nulls = rows.slice(start).filter(row => row[index] === null).length;
        expect(column.nullCount).toBe(nulls);
        expect(rows.slice(start).map((_, row) => isValid(column, row))).toEqual(
          rows.slice(start).map(row => row[index] !== null),
        );
      }
    }),
  );
});

test('Arrow reads the values of a batch as its own', () => {
  const batch = buildBatch(rowTypeOf(sampleTypes.slice(0, 7)), [
    [true, -1, 300, 70_000, 2n ** 60n, 1.5, 2.5],
    [null, null, null, null, null, null, null],
  ]);
  expect([...toRecordBatch(batch)].map(row => Object.values(row.toJSON()))).toEqual([
    [true, -1, 300, 70_000, 2n ** 60n, 1.5, 2.5],
    [null, null, null, null, null, null, null],
  ]);
  const ids = toRecordBatch(batch).schema.fields.map(field => field.metadata.get('PARQUET:field_id'));
  expect(ids).toEqual(['0', '1', '2', '3', '4', '5', '6']);
});

test('columns of nulls and empty batches exist for each type', () => {
  for (const type of sampleTypes) {
    const read = columnReader(nullColumn(type, 3), type);
    expect([read(0), read(1), read(2)]).toEqual([null, null, null]);
  }
  expect(rowsOf(emptyBatch(rowTypeOf(sampleTypes)))).toEqual([]);
});

test('columns are projected by name, in the order asked for', () => {
  const batch = buildBatch(rowTypeOf(sampleTypes.slice(3, 5)), [[1, 2n]]);
  expect(rowsOf(projectBatch(batch, ['c1', 'c0']))).toEqual([[2n, 1]]);
  expect(() => projectBatch(batch, ['nope'])).toThrow('field nope is missing');
});

test('a builder takes no value of another type', () => {
  for (const type of sampleTypes) {
    const wrong = type.kind === 'boolean' ? 1 : true;
    expect(() => new ColumnBuilder(type).append(wrong)).toThrow();
  }
});

test('a slice of lists has the bytes of its own entries', () => {
  const [, texts] = nestedTypes;
  if (texts === undefined) throw new Error('a type');
  const many = Array.from({ length: 1_000 }, () => 'x');
  const batch = buildBatch(rowTypeOf([texts]), [[many], [['y'.repeat(10_000)]], [null]]);
  expect(batchBytes(sliceBatch(batch, 0, 1))).toBe(4 + 1_000 * 5);
  expect(batchBytes(sliceBatch(batch, 1, 2))).toBe(4 + 4 + 10_000);
  expect(batchBytes(sliceBatch(batch, 2, 3))).toBe(4);
  expect(batchBytes(batch)).toBe(12 + 1_001 * 4 + 11_000);
});
