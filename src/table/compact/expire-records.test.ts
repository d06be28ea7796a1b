import { expect, test } from 'vitest';
import { type RowTable, rowTable } from '../../../test/row-fixture.ts';
import type { DataType } from '../../types/data-type.ts';
import type { Scalar } from '../../types/scalar.ts';

/** When the fixture's clock begins: 2001-09-09 01:46:40. */
const nowSeconds = 1_000_000_000;
const day = 86_400;

function table(time: DataType, options: Readonly<Record<string, string>> = {}): Promise<RowTable> {
  return rowTable({
    columns: [
      { name: 'k', type: { kind: 'int', nullable: false } },
      { name: 't', type: time },
    ],
    options: { 'record-level.expire-time': '1 d', 'record-level.time-field': 't', ...options },
  });
}

async function keys(rows: RowTable): Promise<readonly Scalar[]> {
  return (await rows.rows()).map(([k]) => k ?? null);
}

const seconds: readonly number[] = [nowSeconds - day - 1, nowSeconds - day, nowSeconds];

test.each<[string, DataType, (time: number) => Scalar]>([
  ['INT', { kind: 'int', nullable: true }, time => time],
  ['BIGINT of seconds', { kind: 'bigint', nullable: true }, time => BigInt(time)],
  ['TIMESTAMP(3)', { kind: 'timestamp', precision: 3, nullable: true }, time => BigInt(time) * 1_000_000_000n],
  ['TIMESTAMP_LTZ(6)', { kind: 'timestamp-ltz', precision: 6, nullable: true }, time => BigInt(time) * 1_000_000_000n],
])('rows are read until a compaction finds their time over (%s)', async (_, type, timeOf) => {
  const rows = await table(type);
  await rows.write([...seconds.map((time, k): Scalar[] => [k, timeOf(time)]), [9, null]]);
  expect(await keys(rows)).toEqual([0, 1, 2, 9]);
  await rows.compact({ isFull: true });
  expect(await keys(rows)).toEqual([1, 2, 9]);
});

test('a BIGINT from a million millions on counts milliseconds', async () => {
  const rows = await table({ kind: 'bigint', nullable: true });
  rows.clock.advance(1_000_000_000_000);
  const now = 2_000_000_000;
  await rows.write([
    [1, BigInt(now - day - 1) * 1000n],
    [2, BigInt(now) * 1000n],
    [3, BigInt(now - day - 1)],
    [4, BigInt(now)],
  ]);
  await rows.compact({ isFull: true });
  expect(await keys(rows)).toEqual([2, 4]);
});

test('a file of the last level is rewritten when the time of a row of it is over, and not before', async () => {
  const rows = await table({ kind: 'int', nullable: true });
  await rows.write([
    [1, nowSeconds],
    [2, nowSeconds + day],
  ]);
  await rows.compact({ isFull: true });
  const [first] = await rows.files();
  rows.clock.advance(day * 1000);
  expect((await rows.compact({ isFull: true })).status).toBe('nothing-to-do');
  rows.clock.advance(1000);
  expect((await rows.compact({ isFull: true })).status).toBe('committed');
  expect(await keys(rows)).toEqual([2]);
  expect((await rows.files()).map(({ fileName }) => fileName)).not.toContain(first?.fileName);
  rows.clock.advance(day * 1000);
  await rows.compact({ isFull: true });
  expect(await rows.files()).toEqual([]);
});

test('a newer row whose time is over brings the older one of its key back, as in Paimon', async () => {
  const rows = await table({ kind: 'int', nullable: true });
  await rows.write([[1, nowSeconds]]);
  await rows.write([[1, nowSeconds - day - 1]]);
  await rows.compact({ isFull: true });
  expect(await rows.rows()).toEqual([[1, nowSeconds]]);
});

test('with deletion vectors and a changelog too, what is left is what is read', async () => {
  const rows = await table(
    { kind: 'int', nullable: true },
    { 'deletion-vectors.enabled': 'true', 'changelog-producer': 'lookup' },
  );
  await rows.write([
    [1, nowSeconds],
    [2, nowSeconds + day],
    [3, nowSeconds],
  ]);
  await rows.compact();
  await rows.write([[3, nowSeconds + 2 * day]]);
  await rows.compact();
  rows.clock.advance((day + 1) * 1000);
  await rows.compact({ isFull: true });
  expect(await keys(rows)).toEqual([2, 3]);
});

test.each([
  [{ 'record-level.time-field': 'nope' }, 'a column of the table'],
  [{ 'record-level.time-field': ' ' }, 'record-level.time-field'],
])('a table whose time is told by no column is not made: %j', async (options, what) => {
  await expect(table({ kind: 'int', nullable: true }, options)).rejects.toThrow(what);
});

test('nor one whose times are of another type', async () => {
  await expect(table({ kind: 'date', nullable: true })).rejects.toThrow('of type INT, BIGINT, TIMESTAMP');
});
