/** What it costs to read the rows of few keys once the table is known: pages of the runs that have them. */
import { expect, test } from 'vitest';
import { equals, int, type RowTable, rowTable, text } from '../../../test/row-fixture.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { rowsOf } from '../../types/column-reader.ts';
import type { Predicate } from '../../types/predicate.ts';
import type { Scalar } from '../../types/scalar.ts';
import { planScan } from '../scan/plan-scan.ts';
import { latestSnapshot } from '../snapshots.ts';
import { readPlan } from './read-split.ts';

const rowCount = 60_000;
const columns = [
  { name: 'k', type: int },
  { name: 'a', type: text },
  { name: 'b', type: int },
];

function rowOf(k: number, turn: number): Scalar[] {
  return [k, `${turn} ${((k * 7_919) % 60_013).toString(36)} ${(k * k) % 1_009}`, (k * 31) % 257];
}

/** Keys are even; each newer run has every hundredth of them. */
async function tableOfRuns(newerRuns: number): Promise<RowTable> {
  const rows = await rowTable({
    columns,
    primaryKeys: ['k'],
    options: { 'num-sorted-run.compaction-trigger': '99', 'file.compression': 'none' },
  });
  await rows.write(Array.from({ length: rowCount }, (_, index) => rowOf(index * 2, 0)));
  await rows.compact({ isFull: true });
  for (let run = 1; run <= newerRuns; run += 1) {
    await rows.write(Array.from({ length: rowCount / 100 }, (_, index) => rowOf((index * 100 + run) * 2, run)));
  }
  return rows;
}

/** A function that finds rows of one open table, and tells what that took. */
async function finder(rows: RowTable, storeOf: (store: ObjectStore) => ObjectStore = store => store) {
  const table = { ...(await rows.open()), store: storeOf(rows.store) };
  return async (predicate: Predicate) => {
    const plan = await planScan(table, await latestSnapshot(table), { predicate });
    rows.store.reset();
    const found: Scalar[][] = [];
    for await (const batch of readPlan(table, plan)) found.push(...rowsOf(batch));
    const { get, getRange, bytesRead } = rows.store.counts();
    return { found, requests: get + getRange, bytesRead };
  };
}

test('a key of a compacted table takes its pages, one that is not there a page of keys at most', async () => {
  const find = await finder(await tableOfRuns(0));
  await find(equals('k', 0));
  for (const index of [0, 1, 16_383, 16_384, 33_333, rowCount - 1]) {
    const { found, requests, bytesRead } = await find(equals('k', index * 2));
    expect(found).toEqual([rowOf(index * 2, 0)]);
    // One column after another lies in the row group, so that pages are apart.
    expect(requests).toBeLessThanOrEqual(1 + columns.length);
    expect(bytesRead).toBeLessThan(700_000);
    const absent = await find(equals('k', index * 2 + 1));
    expect(absent.found).toEqual([]);
    expect(absent.requests).toBeLessThanOrEqual(1);
    expect(absent.bytesRead).toBeLessThan(100_000);
  }
});

test('where requests cost nothing, the pages of a key are fetched with those that tell whether it is there', async () => {
  let [waiting, rounds, ranges] = [0, 0, 0];
  const find = await finder(await tableOfRuns(0), store => ({
    ...store,
    requestsAreFree: true,
    async getRange(key, range) {
      if (waiting === 0) rounds += 1;
      ranges += 1;
      waiting += 1;
      const bytes = await store.getRange(key, range);
      // The buffer is the caller's, who gives it back.
      const own = bytes === undefined ? undefined : Uint8Array.from(bytes);
      waiting -= 1;
      return own;
    },
  }));
  await find(equals('k', 0));
  for (const index of [0, 1, 16_383, 16_384, 33_333, rowCount - 1]) {
    for (const [key, found] of [
      [index * 2, [rowOf(index * 2, 0)]],
      [index * 2 + 1, []],
    ] as const) {
      [rounds, ranges] = [0, 0];
      expect((await find(equals('k', key))).found).toEqual(found);
      expect(rounds).toBeLessThanOrEqual(1);
      expect(ranges).toBeLessThanOrEqual(columns.length);
    }
  }
  [rounds, ranges] = [0, 0];
  await find(equals('b', 77));
  // A filter on another column is asked first, for it may let nothing pass.
  expect(rounds).toBeGreaterThan(1);
});

test('a key of several runs takes pages of those that can have it', async () => {
  const find = await finder(await tableOfRuns(3));
  await find(equals('k', 200));
  for (const [index, turn] of [
    [5_001, 1],
    [30_003, 3],
    [30_004, 0],
    [59_902, 2],
  ] as const) {
    const { found, requests } = await find(equals('k', index * 2));
    expect(found).toEqual([rowOf(index * 2, turn)]);
    expect(requests).toBeLessThanOrEqual(4 * (1 + columns.length));
  }
});

test('a range of keys and values of a column come out as a look at all rows finds them', async () => {
  const find = await finder(await tableOfRuns(0));
  const all = Array.from({ length: rowCount }, (_, index) => rowOf(index * 2, 0));
  const range: Predicate = {
    kind: 'and',
    children: [
      { kind: 'compare', column: 'k', op: '>=', value: 65_000 },
      { kind: 'compare', column: 'k', op: '<', value: 65_500 },
    ],
  };
  const some = await find(range);
  expect(some.found).toEqual(all.slice(32_500, 32_750));
  const both: Predicate = { kind: 'and', children: [range, equals('b', 77)] };
  expect((await find(both)).found).toEqual(all.slice(32_500, 32_750).filter(row => row[2] === 77));
  expect((await find(equals('b', 77))).found).toEqual(all.filter(row => row[2] === 77));
});
