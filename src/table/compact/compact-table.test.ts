import { expect, test } from 'vitest';
import { changedStore } from '../../../test/changed-ports.ts';
import { int, numbered, type RowTable, rowTable } from '../../../test/row-fixture.ts';
import { alterTable } from '../../catalog/catalog.ts';
import { parseIdentifier } from '../../catalog/identifier.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { rowsOf } from '../../types/column-reader.ts';
import type { Scalar } from '../../types/scalar.ts';
import { Committer } from '../commit/commit.ts';
import { commitPlan } from '../commit/request.ts';
import { readPlan } from '../read/read-split.ts';
import { planScan } from '../scan/plan-scan.ts';
import { latestSnapshot, snapshotById } from '../snapshots.ts';
import { openTable } from '../table.ts';
import { compactTable } from './compact-table.ts';

/** Levels of the live files with their rows, lowest first. */
async function levels(rows: RowTable): Promise<readonly string[]> {
  const files = (await rows.files()).toSorted((a, b) => a.level - b.level);
  return files.map(({ level, rowCount }) => `L${level}: ${rowCount}`);
}

async function kindsOf(rows: RowTable, id: number): Promise<string> {
  const { commitKind, deltaRecordCount, totalRecordCount } = await snapshotById(await rows.open(), id);
  return `${commitKind} ${deltaRecordCount} of ${totalRecordCount}`;
}

test('a full compaction leaves one run in the last level, without deletes, and the same rows', async () => {
  const rows = await rowTable();
  await rows.write(numbered('x', 0, 10));
  await rows.change([
    ['+U', 'x', 1, 'new'],
    ['-D', 'x', 2, null],
    ['-D', 'x', 99, null],
  ]);
  const before = await rows.rows();
  const receipt = await rows.compact({ isFull: true });
  expect(receipt).toMatchObject({ status: 'committed', snapshotId: 3, leftCount: 0 });
  expect(receipt.buckets).toMatchObject([{ bucket: 0, reason: 'full', filesBefore: 2, filesAfter: 1 }]);
  expect(await levels(rows)).toEqual(['L5: 9']);
  expect(await kindsOf(rows, 3)).toBe('COMPACT -4 of 9');
  expect(await rows.rows()).toEqual(before);
  const [file] = await rows.files();
  expect(file).toMatchObject({
    deleteRowCount: 0,
    fileSource: 'compact',
    minSequenceNumber: 0n,
    maxSequenceNumber: 10n,
  });
  expect(await rows.compact({ isFull: true })).toMatchObject({ status: 'nothing-to-do', snapshotId: undefined });
});

test('a bucket in which everything was deleted has no file left', async () => {
  const rows = await rowTable();
  await rows.write(numbered('x', 0, 3));
  await rows.change([0, 1, 2].map(k => ['-D', 'x', k, null]));
  await rows.compact({ isFull: true });
  expect(await rows.files()).toEqual([]);
  expect(await rows.rows()).toEqual([]);
  await rows.write(numbered('x', 5, 1));
  expect(await rows.rows()).toEqual([['x', 5, 'v5']]);
});

test('deletes stay while older rows may lie below them', async () => {
  const rows = await rowTable({ options: { 'num-sorted-run.compaction-trigger': '3', 'num-levels': '4' } });
  await rows.write(numbered('x', 0, 2_000));
  await rows.compact({ isFull: true });
  await rows.change([['-D', 'x', 7, null]]);
  await rows.change([['-D', 'x', 8, null]]);
  await rows.change([['+U', 'x', 9, 'new']]);
  expect(await rows.compact()).toMatchObject({ status: 'committed' });
  expect(await levels(rows)).toEqual(['L2: 3', 'L3: 2000']);
  expect((await rows.files()).find(({ level }) => level === 2)?.deleteRowCount).toBe(2);
  expect(await rows.rows({ columns: ['k'] })).toHaveLength(1_998);
  await rows.compact({ isFull: true });
  expect(await levels(rows)).toEqual(['L3: 1998']);
});

test('a file that overlaps nothing only changes its level and keeps its bytes', async () => {
  const rows = await rowTable();
  await rows.write(numbered('x', 0, 10));
  const [before] = await rows.files();
  expect(await rows.compact({ isFull: true })).toMatchObject({ status: 'committed', snapshotId: 2 });
  const [after] = await rows.files();
  expect(after).toEqual({ ...before, level: 5 });
  expect(rows.dataPuts).toHaveLength(1);
  expect(await kindsOf(rows, 2)).toBe('COMPACT 0 of 10');
  // A lone file with deletes is rewritten: the last level has none.
  const other = await rowTable();
  await other.change([
    ['+I', 'x', 1, 'a'],
    ['-D', 'x', 2, null],
  ]);
  await other.compact({ isFull: true });
  expect(await levels(other)).toEqual(['L5: 1']);
});

test('the picker decides when there is enough to do; all buckets go into one snapshot', async () => {
  const rows = await rowTable({ options: { bucket: '3' } });
  for (let commit = 0; commit < 4; commit += 1) await rows.write(numbered('x', 0, 60, `c${commit}-`));
  expect(await rows.compact()).toMatchObject({ status: 'nothing-to-do' });
  await rows.write(numbered('x', 0, 60, 'last'));
  const receipt = await rows.compact();
  expect(receipt).toMatchObject({ status: 'committed', snapshotId: 6 });
  expect(receipt.buckets.map(({ bucket }) => bucket).toSorted()).toEqual([0, 1, 2]);
  expect(await levels(rows)).toHaveLength(3);
  expect((await rows.rows()).every(([, , v]) => String(v).startsWith('last'))).toBe(true);
});

test('small files of an append table become large ones, in the order of their rows', async () => {
  for (const options of [{ bucket: '-1' }, { bucket: '1', 'bucket-key': 'k' }]) {
    const rows = await rowTable({ primaryKeys: [], options });
    for (let commit = 0; commit < 5; commit += 1) await rows.write(numbered('x', commit * 10, 10));
    const receipt = await rows.compact();
    expect(receipt).toMatchObject({ status: 'committed', snapshotId: 6 });
    expect(receipt.buckets).toMatchObject([{ reason: 'append', filesBefore: 5, filesAfter: 1 }]);
    expect(await rows.files()).toMatchObject([{ level: 0, rowCount: 50, minSequenceNumber: 0n }]);
    const table = await rows.open();
    const keys: Scalar[] = [];
    for await (const batch of readPlan(table, await planScan(table, await latestSnapshot(table)))) {
      keys.push(...rowsOf(batch).map(([, k]) => k ?? null));
    }
    expect(keys).toEqual(Array.from({ length: 50 }, (_, k) => k));
  }
});

test('no bucket is begun after the deadline; what is done by then is committed', async () => {
  const rows = await rowTable({ options: { bucket: '3' } });
  for (let commit = 0; commit < 2; commit += 1) await rows.write(numbered('x', 0, 60));
  const past = rows.clock.monotonicMs();
  expect(await rows.compact({ isFull: true, deadlineMs: past })).toMatchObject({ status: 'given-up', leftCount: 3 });
  expect((await latestSnapshot(await rows.open()))?.id).toBe(2);
  // The store takes its time: the first buckets make it, the last does not.
  const slow = await openTable(slowPuts(rows, 1_000), { database: 'd', name: 't' }, rows);
  await using committer = new Committer(slow);
  const deadlineMs = rows.clock.monotonicMs() + 500;
  const receipt = await compactTable(slow, committer, { isFull: true, deadlineMs });
  expect(receipt).toMatchObject({ status: 'committed', snapshotId: 3, leftCount: 1 });
  expect(receipt.buckets).toHaveLength(2);
  expect(await rows.rows()).toHaveLength(60);
});

/** The rows' store, whose clock goes on with every data file put. */
function slowPuts(rows: RowTable, ms: number): ObjectStore {
  const { store } = rows;
  return {
    ...store,
    put: async (key, bytes, options) => {
      if (key.includes('/bucket-')) rows.clock.advance(ms);
      return await store.put(key, bytes, options);
    },
  };
}

/** A store that does something of its own before the first data file is put. */
function interrupted(rows: RowTable, interrupt: () => Promise<unknown>): ObjectStore {
  const { store } = rows;
  let isFirst = true;
  return {
    ...store,
    put: async (key, bytes, options) => {
      if (isFirst && key.includes('/bucket-')) {
        isFirst = false;
        await interrupt();
      }
      return await store.put(key, bytes, options);
    },
  };
}

async function compactInterrupted(rows: RowTable, interrupt: () => Promise<unknown>) {
  const table = await openTable(interrupted(rows, interrupt), { database: 'd', name: 't' }, rows);
  await using committer = new Committer(table);
  return await compactTable(table, committer, { isFull: true });
}

test('rows that are appended meanwhile stay, and are newer than what was compacted', async () => {
  const rows = await rowTable();
  await rows.write(numbered('x', 0, 10, 'a'));
  await rows.write(numbered('x', 0, 10, 'b'));
  const receipt = await compactInterrupted(rows, () =>
    rows.change([
      ['+U', 'x', 1, 'meanwhile'],
      ['-D', 'x', 2, null],
    ]),
  );
  expect(receipt).toMatchObject({ status: 'committed', snapshotId: 4 });
  expect(await levels(rows)).toEqual(['L0: 2', 'L5: 10']);
  const read = await rows.rows();
  expect(read).toHaveLength(9);
  expect(read).toContainEqual(['x', 1, 'meanwhile']);
});

test('of two compactions of the same files the second is given up', async () => {
  const rows = await rowTable();
  await rows.write(numbered('x', 0, 10, 'a'));
  await rows.write(numbered('x', 0, 10, 'b'));
  const receipt = await compactInterrupted(rows, () => rows.compact({ isFull: true }));
  expect(receipt).toMatchObject({ status: 'given-up', snapshotId: undefined, leftCount: 1 });
  expect(receipt.detail).toMatch(/another compaction/);
  expect((await latestSnapshot(await rows.open()))?.id).toBe(3);
  expect(await rows.rows()).toHaveLength(10);
});

test('of several buckets those that another compacted are left out, the others are committed', async () => {
  const rows = await rowTable({ primaryKeys: ['p', 'k'], partitionKeys: ['p'] });
  for (const value of ['a', 'b']) await rows.write([...numbered('one', 0, 5, value), ...numbered('two', 0, 5, value)]);
  const [first] = await rows.live();
  const receipt = await compactInterrupted(rows, async () => {
    const table = await rows.open();
    await using committer = new Committer(table);
    const mine = (await rows.live()).filter(
      ({ partition }) => Buffer.compare(partition, first?.partition ?? partition) === 0,
    );
    const compacted = mine.at(-1);
    if (compacted === undefined) throw new Error('no file');
    await committer.commit({
      commitUser: 'rival',
      commitIdentifier: 1n,
      plan: async () =>
        commitPlan({
          kind: 'COMPACT',
          schemaId: 0,
          deletes: mine,
          adds: [{ ...compacted, file: { ...compacted.file, level: 5 }, uploadBeganMs: undefined }],
        }),
    });
  });
  expect(receipt).toMatchObject({ status: 'committed', leftCount: 1 });
  expect(await levels(rows)).toEqual(['L5: 5', 'L5: 5']);
});

test('inputs that have expired meanwhile mean given up; inputs missing under a live snapshot are corruption', async () => {
  const rows = await rowTable();
  await rows.write(numbered('x', 0, 10, 'a'));
  await rows.write(numbered('x', 0, 10, 'b'));
  const table = await rows.open();
  await using committer = new Committer(table);
  const key = `d.db/t/bucket-0/${(await rows.files())[0]?.fileName ?? ''}`;
  const bytes = (await rows.store.get(key))?.bytes ?? new Uint8Array();
  await rows.store.delete(key);
  await expect(compactTable(table, committer, { isFull: true })).rejects.toMatchObject({ code: 'LAKE_FILE_MISSING' });
  await rows.store.put(key, bytes);
  const expiring: ObjectStore = {
    ...rows.store,
    get: async (asked, options) => {
      if (!asked.includes('/bucket-')) return await rows.store.get(asked, options);
      await rows.store.delete('d.db/t/snapshot/snapshot-2');
      return undefined;
    },
  };
  const blind = await openTable(expiring, { database: 'd', name: 't' }, rows);
  await using rival = new Committer(blind);
  expect(await compactTable(blind, rival, { isFull: true })).toMatchObject({ status: 'given-up' });
});

test('a compaction by one who opened the table before a column was added keeps the column', async () => {
  const rows = await rowTable();
  const early = await rows.open();
  await rows.write([['x', 1, 'a']]);
  await alterTable(rows, parseIdentifier('d.t'), [{ kind: 'add-column', name: 'n', type: int }]);
  await rows.write([['x', 1, 'b', 5]]);
  await using committer = new Committer(early);
  expect(await compactTable(early, committer, { isFull: true })).toMatchObject({ status: 'committed' });
  expect(await rows.rows()).toEqual([['x', 1, 'b', 5]]);
  expect(await rows.files()).toMatchObject([{ schemaId: 1, rowCount: 1 }]);
});

test('readers that began before, and those that begin while files are compacted, see all rows', async () => {
  const rows = await rowTable({ options: { bucket: '2' } });
  await rows.write(numbered('x', 0, 200, 'first'));
  const table = await rows.open();
  const early = await planScan(table, await latestSnapshot(table));
  let isWriting = true;
  const writing = (async () => {
    for (let round = 0; round < 15; round += 1) {
      await rows.write(numbered('x', 0, 200, `r${round}-`));
      await rows.compact({ isFull: round % 3 === 0 });
    }
    isWriting = false;
  })();
  let readCount = 0;
  while (isWriting) {
    const read = await rows.rows();
    expect(read).toHaveLength(200);
    // A commit is seen whole: all values are of one round.
    expect(new Set(read.map(([, , v]) => String(v).replace(/\d+$/, ''))).size).toBe(1);
    readCount += 1;
  }
  await writing;
  expect(readCount).toBeGreaterThan(0);
  let rowCount = 0;
  for await (const batch of readPlan(table, early)) rowCount += batch.rowCount;
  expect(rowCount).toBe(200);
});

test('a table that cannot be written here is not compacted either', async () => {
  const rows = await rowTable({ options: { 'write.sequence-number-init-mode': 'lazy' } });
  await expect(rows.compact({ isFull: true })).rejects.toThrow(/write.sequence-number-init-mode/);
});

test('an empty table has nothing to compact', async () => {
  const rows = await rowTable();
  expect(await rows.compact({ isFull: true })).toMatchObject({ status: 'nothing-to-do', detail: 'the table is empty' });
});

for (const options of [{ bucket: '1' }, { bucket: '-2', 'postpone.batch-write-fixed-bucket': 'false' }]) {
  test(`bucket ${options.bucket}: a new column, and rows with it, that come while a compaction looks at the table are not lost`, async () => {
    const rows = await rowTable({ options });
    await rows.write(numbered('x', 0, 2));
    const parts = { store: rows.store, clock: rows.clock, random: rows.random };
    let turns = 0;
    let isArmed = false;
    const store = changedStore(rows.store, {
      async *list(prefix, options) {
        yield* rows.store.list(prefix, options);
        if (!prefix.includes('/schema/') || !isArmed) return;
        isArmed = false;
        turns += 1;
        await alterTable(parts, parseIdentifier('d.t'), [{ kind: 'add-column', name: 'c', type: int }]);
        await rows.write([['x', 2, 'v2', 7]]);
      },
    });
    const opened = await rows.open();
    const table = await openTable(store, { database: 'd', name: 't' }, { ...parts, caches: opened.caches });
    isArmed = true;
    await using committer = new Committer(table);
    await compactTable(table, committer, { isFull: true });
    expect(turns).toBe(1);
    await rows.compact({ isFull: true });
    expect((await rows.rows()).find(([, k]) => k === 2)).toEqual(['x', 2, 'v2', 7]);
  });
}
