import { expect, test } from 'vitest';
import { addChanges, int, numbered, type RowChange, type RowTable, rowTable, text } from '../../../test/row-fixture.ts';
import { buildBatch } from '../../types/column-builder.ts';
import { rowKindByte } from '../../types/row-kind.ts';
import { Committer } from '../commit/commit.ts';
import { commitPlan } from '../commit/request.ts';
import { latestSnapshot } from '../snapshots.ts';
import type { Table } from '../table.ts';
import { TableWriter } from './table-writer.ts';
import { WriteSession } from './write-session.ts';

/** A writer that has taken rows in and not yet committed. */
async function pending(rows: RowTable, changes: readonly RowChange[]): Promise<{ commit: () => Promise<number> }> {
  const table = await rows.open();
  const committer = new Committer(table);
  const writer = new TableWriter(table, committer);
  await addChanges(writer, table, changes);
  return { commit: async () => (await writer.commit()).snapshotId ?? 0 };
}

function puts(table: { readonly length: number; readonly value: string }): RowChange[] {
  return numbered('x', 0, table.length, table.value).map(row => ['+I', ...row]);
}

/** Level-0 files by sequence: their numbers must not touch each other (S6). */
async function ranges(rows: RowTable): Promise<readonly (readonly [bigint, bigint])[]> {
  const files = await rows.files();
  return files
    .map(file => [file.minSequenceNumber, file.maxSequenceNumber] as const)
    .toSorted((a, b) => (a[0] < b[0] ? -1 : 1));
}

function expectDisjoint(all: readonly (readonly [bigint, bigint])[]): void {
  for (const [index, [min]] of all.entries()) {
    const before = all[index - 1];
    if (before !== undefined) expect(min).toBeGreaterThan(before[1]);
  }
}

test('of rows with one key in a commit the last stays, deletes too, and the counts add up', async () => {
  const rows = await rowTable();
  const result = await rows.change([
    ['+I', 'x', 1, 'first'],
    ['+U', 'x', 1, 'last'],
    ['+I', 'x', 2, 'two'],
    ['-D', 'x', 2, null],
    ['+I', 'x', 3, 'three'],
  ]);
  expect(result.counts).toEqual({ rowsIn: 5, written: 3, mergedAway: 2, moved: 0 });
  expect(await rows.rows()).toEqual([
    ['x', 1, 'last'],
    ['x', 3, 'three'],
  ]);
  const [file] = await rows.files();
  expect(file).toMatchObject({ rowCount: 3, deleteRowCount: 1, level: 0, fileSource: 'append' });
});

test('a commit of nothing makes no snapshot', async () => {
  const rows = await rowTable();
  expect(await rows.change([])).toMatchObject({ snapshotId: undefined });
  expect(await latestSnapshot(await rows.open())).toBeUndefined();
});

test('each commit is numbered above the one before, each file above the file before it', async () => {
  const rows = await rowTable({ options: { 'target-file-size': '8 kb' } });
  await rows.change(puts({ length: 5_000, value: 'a' }));
  await rows.change(puts({ length: 5_000, value: 'b' }));
  const files = await rows.files();
  expect(files.length).toBeGreaterThan(3);
  expectDisjoint(await ranges(rows));
  expect(files.every(({ fileSize }) => fileSize < 24 * 1024)).toBe(true);
  expect(await rows.rows({ columns: ['k'] })).toHaveLength(5_000);
});

test('a full buffer is spilled to files; the last of its rows still win', async () => {
  const rows = await rowTable({ options: { 'write-buffer-size': '16 kb' } });
  await rows.write(numbered('x', 0, 10, 'before'));
  const table = await rows.open();
  await using committer = new Committer(table);
  const writer = new TableWriter(table, committer);
  for (const value of ['a', 'b', 'c']) await addChanges(writer, table, puts({ length: 1_000, value }));
  const { counts } = await writer.commit();
  expect(counts).toMatchObject({ rowsIn: 3_000, written: 3_000 });
  const read = await rows.rows();
  expect(read).toHaveLength(1_000);
  expect(read.every(row => String(row[2]).startsWith('c'))).toBe(true);
  expectDisjoint(await ranges(rows));
  // The bucket's numbers were asked for at the first spill, so no file was written twice.
  expect(rows.dataPuts).toHaveLength((await rows.files()).length);
});

test('spilled rows are numbered and written again when a rival came between, and are then the newest', async () => {
  const rows = await rowTable({ options: { 'write-buffer-size': '16 kb' } });
  const slow = await pending(rows, [...puts({ length: 1_000, value: 'slow' }), ['-D', 'x', 7, null]]);
  await rows.change(puts({ length: 1_000, value: 'rival' }));
  expect(await slow.commit()).toBe(2);
  const read = await rows.rows();
  expect(read).toHaveLength(999);
  expect(read.every(row => String(row[2]).startsWith('slow'))).toBe(true);
  expectDisjoint(await ranges(rows));
});

test('rows still in memory are numbered again when a rival came between', async () => {
  const rows = await rowTable();
  const first = await pending(rows, [['+I', 'x', 1, 'first']]);
  const second = await pending(rows, [['-D', 'x', 1, null]]);
  const third = await pending(rows, [['+I', 'x', 1, 'third']]);
  await third.commit();
  await first.commit();
  expect(await rows.rows()).toEqual([['x', 1, 'first']]);
  await second.commit();
  expect(await rows.rows()).toEqual([]);
  expectDisjoint(await ranges(rows));
});

test('an append table keeps all rows; of spilled ones the numbers are told anew and no file is written again', async () => {
  const rows = await rowTable({
    primaryKeys: [],
    options: { bucket: '1', 'bucket-key': 'k', 'write-buffer-size': '16 kb' },
  });
  const slow = await pending(rows, puts({ length: 1_000, value: 'slow' }));
  await rows.change(puts({ length: 5, value: 'rival' }));
  await slow.commit();
  expect(rows.dataPuts).toHaveLength(2);
  expectDisjoint(await ranges(rows));
  const values = (await rows.rows({ columns: ['v'] })).map(([v]) => String(v));
  expect(values).toHaveLength(1_005);
});

test('uploads that are too old are made again, of a table of either kind', async () => {
  for (const primaryKeys of [['k'], []]) {
    const rows = await rowTable({
      primaryKeys,
      options: {
        bucket: '1',
        'write-buffer-size': '16 kb',
        ...(primaryKeys.length === 0 ? { 'bucket-key': 'k' } : {}),
      },
    });
    const slow = await pending(rows, puts({ length: 1_000, value: 'old' }));
    rows.clock.advance(13 * 3_600_000);
    expect(rows.dataPuts).toHaveLength(1);
    expect(await slow.commit()).toBe(1);
    expect(rows.dataPuts).toHaveLength(2);
    expect(await rows.rows()).toHaveLength(1_000);
  }
});

test('rows go to the partitions and buckets they belong to', async () => {
  const rows = await rowTable({ primaryKeys: ['p', 'k'], partitionKeys: ['p'], options: { bucket: '3' } });
  await rows.write([...numbered('a', 0, 50), ...numbered('b', 0, 50)]);
  const live = await rows.live();
  expect(new Set(live.map(({ bucket, partition }) => `${bucket} ${Buffer.from(partition).toString('hex')}`)).size).toBe(
    6,
  );
  expect(live.every(({ totalBuckets }) => totalBuckets === 3)).toBe(true);
  expect(await rows.rows({ columns: ['k'], buckets: new Set([0, 1, 2]) })).toHaveLength(100);
});

test('NOT NULL is checked at the door; a delete needs its key only', async () => {
  const notNull = { kind: 'int', nullable: false } as const;
  const rows = await rowTable({
    columns: [
      { name: 'k', type: int },
      { name: 'n', type: notNull },
      { name: 's', type: { ...text, nullable: false } },
    ],
  });
  await rows.write([[1, 5, 'five']]);
  for (const bad of [
    [null, 1, 'x'],
    [2, null, 'x'],
    [2, 1, null],
  ]) {
    await expect(rows.write([bad])).rejects.toMatchObject({ kind: 'invalid', code: 'LAKE_NULL_VALUE' });
  }
  await expect(rows.change([['-D', null, 1, 'x']])).rejects.toThrow(/row 0 of the batch: column `k` is NOT NULL/);
  expect(await rows.rows()).toEqual([[1, 5, 'five']]);
  await rows.change([
    ['-D', 1, null, null],
    ['+I', 2, 6, 'six'],
  ]);
  expect(await rows.rows()).toEqual([[2, 6, 'six']]);
});

test('an append table takes rows and no deletes', async () => {
  const rows = await rowTable({ primaryKeys: [], options: { bucket: '-1' } });
  await expect(rows.change([['-D', 'x', 1, 'v']])).rejects.toMatchObject({ code: 'LAKE_NOT_APPENDABLE' });
  await rows.change([
    ['+I', 'x', 1, 'v'],
    ['+U', 'x', 1, 'v'],
  ]);
  expect(await rows.rows()).toHaveLength(2);
});

test('a table that asks its writers for what is not done is refused by name', async () => {
  const rows = await rowTable({ options: { 'write.sequence-number-init-mode': 'lazy' } });
  expect(() => new WriteSession(rows.table)).toThrow(/write.sequence-number-init-mode/);
});

test('what a failed commit held is not written by the next', async () => {
  const rows = await rowTable({ primaryKeys: [], options: { bucket: '-1' } });
  const table = await rows.open();
  await using committer = new Committer(table);
  const writer = new TableWriter(table, committer);
  await addChanges(writer, table, [['+I', 'x', 1, 'lost']]);
  await expect(writer.commit({ signal: AbortSignal.abort(new Error('stop')) })).rejects.toThrow('stop');
  await addChanges(writer, table, [['+I', 'x', 2, 'kept']]);
  await writer.commit();
  expect(await rows.rows()).toEqual([['x', 2, 'kept']]);
});

test('a session by itself numbers from the base it is planned on', async () => {
  const rows = await rowTable();
  await rows.write(numbered('x', 0, 5));
  const table: Table = await rows.open();
  const session = new WriteSession(table);
  await session.add(buildBatch({ fields: table.schema.fields }, [['x', 1, 'mine']]), Int8Array.of(rowKindByte['+U']));
  await using committer = new Committer(table);
  const outcome = await committer.commit({
    commitUser: 'test',
    commitIdentifier: 1n,
    plan: async (base, again) =>
      commitPlan({ kind: 'APPEND', schemaId: 0, ...(await session.plannedFiles(base, again)) }),
  });
  expect(outcome.status).toBe('committed');
  expect(await ranges(rows)).toEqual([
    [0n, 4n],
    [5n, 5n],
  ]);
});
