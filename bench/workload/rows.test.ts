/** The rows of the work, against a naive twin that makes one row at a time from the rules as they are told. */
import { expect, test } from 'vitest';
import { rowsOf } from '../../src/types/column-reader.ts';
import { CheckSum, checkAnswer, type SummedRow } from './check-sum.ts';
import { baseRange, type RowRange, updateRange, updateRowCount, updateRunCount } from './rows.ts';
import { workBatches, workColumns } from './table.ts';

type NaiveRow = readonly [bigint, bigint, bigint, bigint, string, string, string, number, number, bigint];

function naiveRow(seed: number, id: bigint): NaiveRow {
  let x = BigInt.asUintN(32, BigInt(seed) * 0x9e3779b9n) ^ BigInt.asUintN(32, id * 0x85ebca6bn);
  const r = (): bigint => (x = (x * 1664525n + 1013904223n) % 2n ** 32n);
  r();
  r();
  const b1 = r();
  const [h, l] = [r(), r()];
  const b3 = id * 7n + (r() % 100n);
  const s1 = Array.from({ length: 16 }, () => 'abcdefghijklmnopqrstuvwxyz012345'[Number(r() >> 27n)]).join('');
  const s2 = `category-${String((r() >> 8n) % 1000n).padStart(7, '0')}`;
  const s3 = `user-${String((r() >> 8n) % 100000n).padStart(11, '0')}`;
  const d1 = Number(r()) / 2 ** 32;
  const d2 = Number((r() >> 4n) % 1000000n) / 100;
  const second = r() % 31536000n;
  const millis = 1700000000000n + second * 1000n + ((r() >> 8n) % 1000n);
  return [id, b1, h * 1000n + (l % 1000n), b3, s1, s2, s3, d1, d2, millis * 1_000_000n];
}

function rowsIn(range: RowRange): readonly (readonly unknown[])[] {
  return [...workBatches(range)].flatMap(batch => rowsOf(batch));
}

test('base rows and updates are those of the rules', () => {
  expect(rowsIn(baseRange(999_990, 10))).toEqual(
    Array.from({ length: 10 }, (_, at) => naiveRow(1, ((999_990n + BigInt(at)) * 618_033n) % 1_000_000n)),
  );
  for (const run of [0, 9]) {
    const ids = Array.from({ length: 12 }, (_, at) => {
      const k = (BigInt(at + 7) * 61_803n) % 100_000n;
      return k * 10n + ((k * 7n + BigInt(run) * 3n) % 10n);
    });
    expect(rowsIn(updateRange(run, 7, 12))).toEqual(ids.map(id => naiveRow(1_000 + run, id)));
  }
});

test('batches go on where the one before ended', () => {
  const all = [...workBatches(baseRange(0, 50_003))];
  expect(all.map(({ rowCount }) => rowCount)).toEqual([50_000, 3]);
  expect(all.slice(1).flatMap(batch => rowsOf(batch))).toEqual(rowsIn(baseRange(50_000, 3)));
});

test('the updates of all runs have every key once', () => {
  const seen = new Uint8Array(updateRowCount * updateRunCount);
  for (let run = 0; run < updateRunCount; run += 1) {
    const { idOf, count } = updateRange(run, 0, updateRowCount);
    for (let index = 0; index < count; index += 1) seen[idOf(index)] = (seen[idOf(index)] ?? 0) + 1;
  }
  expect(seen.every(count => count === 1)).toBe(true);
});

test('the sum of columns is the sum of the rows as users have them, and the naive one', () => {
  const range = baseRange(1_000, 3_000);
  const [ofColumns, ofRows] = [new CheckSum(), new CheckSum()];
  let naive = 0n;
  for (const batch of workBatches(range)) {
    ofColumns.addColumns(batch.columns, batch.rowCount);
    for (const row of rowsOf(batch)) {
      ofRows.addRow(userRow(row));
      for (const [column, value] of row.entries()) naive += naiveShare(workColumns[column]?.name === 'ts', value);
    }
  }
  expect([ofColumns.rowCount, ofRows.rowCount]).toEqual([3_000, 3_000]);
  expect([ofColumns.sum, ofRows.sum]).toEqual([naive, naive]);
});

/** Times as users have them. */
function userRow(row: readonly unknown[]): SummedRow {
  const asUser = (name: string, value: unknown): unknown =>
    name === 'ts' && typeof value === 'bigint' ? new Date(Number(value / 1_000_000n)) : value;
  return Object.fromEntries(workColumns.map(({ name }, at) => [name, asUser(name, row[at])]));
}

function naiveShare(isTime: boolean, value: unknown): bigint {
  if (typeof value === 'bigint') return isTime ? (value / 1_000_000n) % 1_000n : value;
  return typeof value === 'string' ? BigInt(Buffer.byteLength(value)) : BigInt(Math.trunc(Number(value)));
}

test('an answer that is not the expected one is refused with both', () => {
  const check = new CheckSum();
  check.addRow({ id: 5n });
  checkAnswer(check, { rowCount: 1, sum: 5n }, 'read');
  expect(() => checkAnswer(check, { rowCount: 1, sum: 6n }, 'read')).toThrow(
    'read: a wrong answer, 1 rows of sum 5 where 1 rows of sum 6 was expected',
  );
  expect(() => checkAnswer(check, { rowCount: 2, sum: 5n }, 'read')).toThrow('2 rows of sum 5 was expected');
});
