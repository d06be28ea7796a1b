import { expect, test } from 'vitest';
import { seededRandom } from '../base/random.ts';
import { buildBatch } from './column-builder.ts';
import { columnReader, rowsOf } from './column-reader.ts';
import type { DataField, DataType, RowType } from './data-type.ts';
import type { RowBatch } from './row-batch.ts';
import type { Scalar } from './scalar.ts';
import { printTimestamp } from './time.ts';
import { userRows } from './user-rows.ts';

const text: DataType = { kind: 'varchar', length: 2_147_483_647, nullable: true };
const millis: DataType = { kind: 'timestamp', precision: 3, nullable: true };

function batchOf(type: DataType, values: readonly Scalar[], name = 'c'): RowBatch {
  const field: DataField = { id: 0, name, type, description: undefined, defaultValue: undefined };
  const rowType: RowType = { fields: [field] };
  return buildBatch(
    rowType,
    values.map(value => [value]),
  );
}

test('texts read in order, backwards and here and there are the same', () => {
  const random = seededRandom(21);
  const pieces = ['', 'a', 'category-0000123', 'naïve', '日本', '🙂', 'x'.repeat(300), '\u007f', '\u0080'];
  for (let round = 0; round < 40; round += 1) {
    const few = 1 + Math.floor(random.next() * pieces.length);
    const values = Array.from({ length: 200 }, () =>
      random.next() < 0.1 ? null : (pieces[Math.floor(random.next() * few)] ?? ''),
    );
    const batch = batchOf(text, values);
    const column = batch.columns[0];
    if (column === undefined) throw new Error('a column');
    expect(rowsOf(batch).map(([value]) => value)).toEqual(values);
    const read = columnReader(column, text);
    expect(values.map((_, row) => read(values.length - 1 - row))).toEqual(values.toReversed());
    for (let turn = 0; turn < 300; turn += 1) {
      const row = Math.floor(random.next() * values.length);
      expect([read(row), read(Math.min(row + 1, 199))]).toEqual([values[row], values[Math.min(row + 1, 199)]]);
    }
  }
});

test('dates of milliseconds are exact as far as a Date reaches, and texts beyond', () => {
  const random = seededRandom(22);
  const edges = [0n, -1n, 1n, 2n ** 32n, -(2n ** 32n), 8_640_000_000_000_000n, -8_640_000_000_000_000n];
  const beyond = [8_640_000_000_000_001n, -8_640_000_000_000_001n];
  const some = Array.from({ length: 200 }, () => BigInt(Math.floor((random.next() - 0.5) * 1e15)));
  const values = [...edges, ...some, ...beyond].map(value => value * 1_000_000n);
  const batch = batchOf(millis, [null, ...values]);
  const row = userRows(batch);
  expect(row(0)).toEqual({ c: null });
  expect(values.map((_, index) => row(index + 1)['c'])).toEqual(
    values.map((nanos, index) =>
      index < values.length - beyond.length ? new Date(Number(nanos / 1_000_000n)) : printTimestamp(nanos, 3),
    ),
  );
});

test('a column may have any name, and rows have nothing else', () => {
  const row = userRows(batchOf(text, ['x'], '__proto__'))(0);
  expect(Object.entries(row)).toEqual([['__proto__', 'x']]);
  expect(Object.getPrototypeOf(row)).toBe(Object.prototype);
});

test('rows are apart from each other', () => {
  const row = userRows(batchOf(text, ['x', 'y']));
  const [first, second] = [row(0), row(1)];
  first['c'] = 'changed';
  expect([second, row(0)]).toEqual([{ c: 'y' }, { c: 'x' }]);
});
