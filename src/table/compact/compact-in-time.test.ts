/** Compaction when time is short: what is done stays, what is not is given up, and what is large does not keep the rest. */
import { expect, test } from 'vitest';
import { changedStore } from '../../../test/changed-ports.ts';
import { numbered, type RowTable, rowTable } from '../../../test/row-fixture.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { Committer } from '../commit/commit.ts';
import { latestSnapshot } from '../snapshots.ts';
import { openTable } from '../table.ts';
import { type CompactOptions, type CompactReceipt, compactTable } from './compact-table.ts';

/** Partition `large` has many more rows than `small`, and is the first that a compaction comes upon. */
async function unevenTable(): Promise<RowTable> {
  const rows = await rowTable({ primaryKeys: ['p', 'k'], partitionKeys: ['p'] });
  for (const value of ['a', 'b']) {
    await rows.write([...numbered('large', 0, 5_000, value), ...numbered('small', 0, 5, value)]);
  }
  return rows;
}

/** Compacts by a store in which data of the large partition cannot be read before a file of the small one is put. */
async function compactBeside(
  rows: RowTable,
  options: Partial<CompactOptions>,
  onSmallPut: () => void,
): Promise<CompactReceipt> {
  const smallPut = Promise.withResolvers<void>();
  const inner: ObjectStore = rows.store;
  const isOf = (key: string, partition: string): boolean => key.includes(`/p=${partition}/bucket-`);
  const store = changedStore(inner, {
    get: async (key, read) => {
      if (isOf(key, 'large')) await smallPut.promise;
      return inner.get(key, read);
    },
    getRange: async (key, range, read) => {
      if (isOf(key, 'large')) await smallPut.promise;
      return inner.getRange(key, range, read);
    },
    put: async (key, bytes, put) => {
      const receipt = await inner.put(key, bytes, put);
      if (isOf(key, 'small')) {
        onSmallPut();
        smallPut.resolve();
      }
      return receipt;
    },
  });
  const table = await openTable(store, { database: 'd', name: 't' }, rows);
  await using committer = new Committer(table);
  return await compactTable(table, committer, { isFull: true, deadlineMs: Number.POSITIVE_INFINITY, ...options });
}

async function levelsOf(rows: RowTable): Promise<readonly string[]> {
  return (await rows.files()).map(({ level, rowCount }) => `L${level}: ${rowCount}`).toSorted();
}

test('when it is stopped, buckets that are done are committed, and those that are not are left as they were', async () => {
  const rows = await unevenTable();
  const before = await rows.rows();
  const stop = new AbortController();
  const receipt = await compactBeside(rows, { stop: stop.signal }, () => stop.abort(new Error('time is up')));
  expect(receipt).toMatchObject({ status: 'committed', leftCount: 1, stoppedCount: 1 });
  expect(await levelsOf(rows)).toEqual(['L0: 5000', 'L0: 5000', 'L5: 5']);
  expect(await rows.rows()).toEqual(before);
  expect(await rows.compact({ isFull: true })).toMatchObject({ status: 'committed', leftCount: 0 });
  expect(await levelsOf(rows)).toEqual(['L5: 5', 'L5: 5000']);
});

test('a run that was stopped before a bucket was done commits nothing and says so', async () => {
  const rows = await unevenTable();
  const stop = AbortSignal.abort(new Error('time is up'));
  const table = await rows.open();
  await using committer = new Committer(table);
  const receipt = await compactTable(table, committer, { isFull: true, stop });
  expect(receipt).toMatchObject({ status: 'given-up', leftCount: 2, stoppedCount: 0 });
  expect((await latestSnapshot(table))?.id).toBe(2);
});

test('the end of the whole run is thrown, also when it comes with the stop', async () => {
  const rows = await unevenTable();
  const [stop, end] = [new AbortController(), new AbortController()];
  const reason = new Error('the end');
  const running = compactBeside(rows, { stop: stop.signal, signal: end.signal }, () => {
    end.abort(reason);
    stop.abort(new Error('time is up'));
  });
  await expect(running).rejects.toBe(reason);
  expect((await latestSnapshot(await rows.open()))?.id).toBe(2);
});

test('where there is a deadline, the small buckets come first', async () => {
  const rows = await unevenTable();
  let puts = 0;
  const inner: ObjectStore = rows.store;
  const store = changedStore(inner, {
    put: async (key, bytes, put) => {
      if (key.includes('/bucket-') && key.includes('p=small')) puts += 1;
      // The first file that is put takes all the time there is.
      if (key.includes('/bucket-')) rows.clock.advance(1_000);
      return inner.put(key, bytes, put);
    },
  });
  const table = await openTable(store, { database: 'd', name: 't' }, rows);
  const oneByOne = { ...table, workMemory: { ...table.workMemory, bucketsInParallel: 1 } };
  await using committer = new Committer(oneByOne);
  const deadlineMs = rows.clock.monotonicMs() + 500;
  const receipt = await compactTable(oneByOne, committer, { isFull: true, deadlineMs });
  expect(receipt).toMatchObject({ status: 'committed', leftCount: 1 });
  expect(puts).toBe(1);
  expect(await levelsOf(rows)).toEqual(['L0: 5000', 'L0: 5000', 'L5: 5']);
});

test('of a bucket that is too large the newer runs are merged, until there are few of them', async () => {
  const rows = await rowTable({ options: { 'num-sorted-run.compaction-trigger': '3' } });
  await rows.write(numbered('x', 0, 20_000));
  await rows.compact({ isFull: true });
  const [oldest] = await rows.files();
  const bucketBytesMax = (oldest?.fileSize ?? 0) - 1;
  for (let commit = 0; commit < 6; commit += 1) {
    await rows.write(numbered('x', 0, 3_000, `w${commit}`));
    await rows.compact({ bucketBytesMax });
  }
  const files = await rows.files();
  expect(files).toContainEqual(oldest);
  expect(files.length).toBeLessThanOrEqual(3);
  expect(await rows.rows()).toHaveLength(20_000);
  expect(await rows.rows({ columns: ['v'] })).toContainEqual(['w50']);
  // Whoever has the time merges the whole of it.
  await rows.compact({ isFull: true, bucketBytesMax });
  expect(await levelsOf(rows)).toEqual(['L3: 20000']);
});
