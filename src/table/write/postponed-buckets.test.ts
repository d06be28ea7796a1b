// Tables whose buckets are postponed (`bucket` = -2): rows go into buckets where none wait, behind those that wait otherwise, and
// a compaction gives these their buckets in the order in which they came.
import { expect, test } from 'vitest';
import { addChanges, numbered, type RowChange, type RowTable, rowTable, sorted } from '../../../test/row-fixture.ts';
import { readSystemTable } from '../../catalog/system-tables.ts';
import { postponedBucket } from '../../format/bucket.ts';
import { rowsOf } from '../../types/column-reader.ts';
import { rowKindOf } from '../../types/row-kind.ts';
import { changeSourceOf } from '../changelog/change-source.ts';
import { readChanges } from '../changelog/read-changes.ts';
import { Committer } from '../commit/commit.ts';
import { OverwriteWriter } from '../overwrite/overwrite-writer.ts';
import { restoreTable } from '../restore/restore-table.ts';
import { latestSnapshot, snapshotById } from '../snapshots.ts';
import { mergedSize } from '../table-statistics.ts';
import { TableWriter } from './table-writer.ts';
import { WriteSession } from './write-session.ts';

type Options = Readonly<Record<string, string>>;

const waiting = { 'postpone.batch-write-fixed-bucket': 'false' };

function postponedTable(options: Options = {}, isPartitioned = false): Promise<RowTable> {
  const keys = isPartitioned ? { primaryKeys: ['p', 'k'], partitionKeys: ['p'] } : {};
  return rowTable({ ...keys, options: { bucket: '-2', ...options } });
}

/** Files of each bucket. */
async function buckets(rows: RowTable): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = {};
  for (const { bucket } of await rows.live()) counts[bucket] = (counts[bucket] ?? 0) + 1;
  return counts;
}

async function openWriter(rows: RowTable, changes: readonly RowChange[]): Promise<{ commit: () => Promise<unknown> }> {
  const table = await rows.open();
  const committer = new Committer(table);
  const writer = new TableWriter(table, committer);
  await addChanges(writer, table, changes);
  return {
    commit: async () => {
      await writer.commit();
      await committer[Symbol.asyncDispose]();
    },
  };
}

const puts = (first: number, count: number, value: string, p = 'x'): readonly RowChange[] =>
  numbered(p, first, count, value).map(row => ['+I', ...row] as const);

async function changesOf(rows: RowTable, id: number): Promise<readonly string[]> {
  const table = await rows.open();
  const lines: string[] = [];
  for await (const batch of readChanges(table, await changeSourceOf(table, id))) {
    for (const [row, [, k, v]] of rowsOf(batch.rows).entries())
      lines.push(`${rowKindOf(batch.kinds[row] ?? 0)} ${k} ${v}`);
  }
  return lines;
}

test('rows go into the buckets of their partition, a new one has as many as the option says', async () => {
  const rows = await postponedTable({ 'postpone.default-bucket-num': '3' }, true);
  await rows.write([...numbered('a', 0, 30), ...numbered('b', 0, 30)]);
  expect(await buckets(rows)).toEqual({ 0: 2, 1: 2, 2: 2 });
  expect(new Set((await rows.live()).map(({ totalBuckets }) => totalBuckets))).toEqual(new Set([3]));
  await rows.alterOption('postpone.default-bucket-num', '2');
  await rows.change([...puts(0, 30, 'new', 'a'), ...puts(0, 30, 'new', 'c')]);
  const counts = Map.groupBy(await rows.live(), ({ totalBuckets }) => totalBuckets);
  expect([...counts].map(([count, files]) => [count, files.length])).toEqual([
    [3, 9],
    [2, 2],
  ]);
  const expected = [...numbered('a', 0, 30, 'new'), ...numbered('b', 0, 30), ...numbered('c', 0, 30, 'new')];
  expect(await rows.rows()).toEqual(sorted(expected));
});

test('rows that wait are not in the table, and in it as they came after a compaction', async () => {
  const rows = await postponedTable({ ...waiting, 'postpone.default-bucket-num': '2' });
  await rows.change([...puts(0, 10, 'a'), ...puts(5, 10, 'b'), ['-D', 'x', 3, 'a3']]);
  await rows.change([...puts(12, 3, 'c'), ['-D', 'x', 14, 'c14'], ['+I', 'x', 3, 'again']]);
  expect(await rows.rows()).toEqual([]);
  const files = await rows.live();
  expect(files.map(({ bucket, totalBuckets, file }) => [bucket, totalBuckets, file.level, file.rowCount])).toEqual([
    [-2, -2, 0, 21],
    [-2, -2, 0, 5],
  ]);
  for (const { file } of files) {
    expect(file.fileName).toMatch(/^data--u-[\w-]+-s-0-w-[\w-]+-0\.avro$/);
    expect([file.minSequenceNumber, file.maxSequenceNumber, file.valueStatsCols]).toEqual([-1n, -1n, []]);
  }
  const receipt = await rows.compact();
  expect(receipt).toMatchObject({
    status: 'committed',
    buckets: [{ bucket: -2, reason: 'postponed', filesBefore: 2 }],
  });
  const expected = [...numbered('x', 0, 3, 'a'), ['x', 3, 'again'], ['x', 4, 'a4'], ...numbered('x', 5, 7, 'b')];
  expect(await rows.rows()).toEqual(sorted([...expected, ...numbered('x', 12, 2, 'c')]));
  expect(await buckets(rows)).toEqual({ 0: 1, 1: 1 });
  expect(await rows.compact()).toMatchObject({ status: 'nothing-to-do' });
  await rows.change(puts(0, 15, 'last'));
  await rows.compact({ isFull: true });
  expect(await rows.rows()).toEqual(numbered('x', 0, 15, 'last').toSorted());
  expect((await rows.live()).every(({ file }) => file.level > 0)).toBe(true);
});

test('nobody goes past rows that wait: they would come in later and hide the newer ones', async () => {
  const rows = await postponedTable({ ...waiting, 'postpone.default-bucket-num': '2' }, true);
  await rows.change(puts(0, 5, 'old', 'a'));
  await rows.alterOption('postpone.batch-write-fixed-bucket', 'true');
  await rows.change([...puts(0, 5, 'new', 'a'), ...puts(0, 5, 'new', 'b')]);
  expect(await rows.rows()).toEqual(numbered('b', 0, 5, 'new'));
  await rows.compact();
  expect(await rows.rows()).toEqual(sorted([...numbered('a', 0, 5, 'new'), ...numbered('b', 0, 5, 'new')]));
  await rows.change(puts(0, 5, 'newer', 'a'));
  expect(await rows.rows()).toEqual(sorted([...numbered('a', 0, 5, 'newer'), ...numbered('b', 0, 5, 'new')]));
});

test('who finds rows that wait when it comes to the commit has its own placed behind them, spilled ones too', async () => {
  const rows = await postponedTable({ 'write-buffer-size': '8 kb' });
  const direct = await openWriter(rows, puts(0, 40, 'a'));
  const table = await rows.open();
  const spilling = new TableWriter(table, new Committer(table));
  for (let round = 0; round < 20; round += 1) await addChanges(spilling, table, puts(0, 40, `s${round}-`));
  expect(rows.dataPuts.length).toBeGreaterThan(0);
  await rows.alterOption('postpone.batch-write-fixed-bucket', 'false');
  await rows.change(puts(0, 40, 'w'));
  await direct.commit();
  await spilling.commit();
  expect(Object.keys(await buckets(rows))).toEqual(['-2']);
  await rows.compact();
  expect(await rows.rows()).toEqual(sorted(numbered('x', 0, 40, 's19-')));
});

test('rows wait in the order of their commits, whatever the clocks of their writers say', async () => {
  const rows = await postponedTable(waiting);
  const first = await openWriter(rows, puts(0, 5, 'late'));
  // Uploaded at one moment; what is committed last counts.
  const second = await openWriter(rows, puts(0, 5, 'early'));
  await second.commit();
  await first.commit();
  rows.clock.advance(-60_000);
  await rows.change(puts(0, 3, 'last'));
  await rows.compact();
  expect(await rows.rows()).toEqual(sorted([...numbered('x', 0, 3, 'last'), ...numbered('x', 3, 2, 'late')]));
});

test('of two that give buckets one gives up, and what comes meanwhile waits on', async () => {
  const rows = await postponedTable(waiting);
  await rows.change(puts(0, 5, 'a'));
  const [one, other] = await Promise.all([rows.compact(), rows.compact()]);
  expect([one.status, other.status].toSorted()).toEqual(['committed', 'given-up']);
  await rows.change(puts(3, 5, 'b'));
  expect(await rows.rows()).toEqual(numbered('x', 0, 5, 'a'));
  await rows.compact();
  expect(await rows.rows()).toEqual(sorted([...numbered('x', 0, 3, 'a'), ...numbered('x', 3, 5, 'b')]));
});

test('partitions alone, and time that runs out', async () => {
  const rows = await postponedTable(waiting, true);
  await rows.change([...puts(0, 3, 'v', 'a'), ...puts(0, 3, 'v', 'b'), ...puts(0, 3, 'v', 'c')]);
  await rows.compact({ partitions: { kind: 'compare', op: '=', column: 'p', value: 'b' } });
  expect(await rows.rows()).toEqual(numbered('b', 0, 3));
  expect(await rows.compact({ deadlineMs: rows.clock.monotonicMs() })).toMatchObject({
    status: 'given-up',
    leftCount: 2,
  });
  await rows.compact();
  expect(await rows.rows()).toHaveLength(9);
});

test('rows that wait are the changes of the snapshot that put them off, and a compaction is none', async () => {
  const rows = await postponedTable(waiting);
  await rows.change([...puts(0, 2, 'a'), ['-D', 'x', 0, 'a0'], ['+I', 'x', 0, 'b']]);
  await rows.compact();
  expect(await changesOf(rows, 1)).toEqual(['+I 0 a0', '+I 1 a1', '-D 0 a0', '+I 0 b']);
  expect(await changesOf(rows, 2)).toEqual([]);
});

test('a lookup tells the changes when rows come into buckets', async () => {
  const rows = await postponedTable({ ...waiting, 'changelog-producer': 'lookup' });
  await rows.change(puts(0, 2, 'a'));
  await rows.compact();
  await rows.change([...puts(1, 2, 'b'), ['-D', 'x', 0, 'a0']]);
  const { snapshotId } = await rows.compact();
  expect(await changesOf(rows, snapshotId ?? 0)).toEqual(['-D 0 a0', '-U 1 a1', '+U 1 b1', '+I 2 b2']);
});

test('an overwrite takes rows that wait away, and its own do not wait for them', async () => {
  const rows = await postponedTable({ ...waiting, 'postpone.default-bucket-num': '2' }, true);
  await rows.change([...puts(0, 5, 'old', 'a'), ...puts(0, 5, 'old', 'b')]);
  await rows.alterOption('postpone.batch-write-fixed-bucket', 'true');
  const table = await rows.open();
  await using committer = new Committer(table);
  const writer = new OverwriteWriter(table, committer, { kind: 'written', within: undefined });
  await addChanges(writer, table, puts(3, 20, 'new', 'a'));
  await writer.commit();
  expect(await rows.rows()).toEqual(sorted(numbered('a', 3, 20, 'new')));
  await rows.compact();
  expect(await rows.rows()).toEqual(sorted([...numbered('a', 3, 20, 'new'), ...numbered('b', 0, 5, 'old')]));
});

test('a rollback brings back rows that waited, and they go on waiting in their order', async () => {
  const rows = await postponedTable(waiting);
  await rows.change(puts(0, 5, 'a'));
  rows.clock.advance(1_000);
  await rows.change(puts(0, 3, 'b'));
  await rows.compact();
  await rows.change(puts(0, 5, 'c'));
  const table = await rows.open();
  expect(await restoreTable(table, { table, snapshot: await snapshotById(table, 2) })).toMatchObject({
    isChanged: true,
  });
  expect(await buckets(rows)).toEqual({ '-2': 2 });
  await rows.change(puts(4, 1, 'd'));
  await rows.compact();
  expect(await rows.rows()).toEqual(sorted([...numbered('x', 0, 3, 'b'), ['x', 3, 'a3'], ['x', 4, 'd4']]));
});

test('files and partitions are counted without rows that wait, buckets with them', async () => {
  const rows = await postponedTable(waiting);
  await rows.change(puts(0, 4, 'v'));
  await rows.compact();
  await rows.change(puts(0, 4, 'w'));
  const table = await rows.open();
  const countOf = async (name: 'files' | 'buckets' | 'partitions'): Promise<number> =>
    rowsOf(await readSystemTable(table, name)).length;
  expect([await countOf('files'), await countOf('partitions'), await countOf('buckets')]).toEqual([1, 1, 2]);
  const snapshot = await latestSnapshot(table);
  const [inBucket] = (await rows.live()).filter(({ bucket }) => bucket !== postponedBucket);
  expect(snapshot && (await mergedSize(table, snapshot, 4n))).toBe(BigInt(inBucket?.file.fileSize ?? 0));
});

test('columns that Avro does not have wait in files of the table’s own format', async () => {
  const columns = [
    { name: 'p', type: { kind: 'varchar', length: 10, nullable: true } as const },
    { name: 'k', type: { kind: 'int', nullable: true } as const },
    { name: 'v', type: { kind: 'timestamp', precision: 9, nullable: true } as const },
  ];
  const rows = await rowTable({ columns, options: { bucket: '-2', ...waiting } });
  await rows.write([['x', 1, 123_456_789n]]);
  expect((await rows.files()).map(({ fileName }) => fileName.slice(fileName.lastIndexOf('.')))).toEqual(['.parquet']);
  await rows.compact();
  expect(await rows.rows()).toEqual([['x', 1, 123_456_789n]]);
});

test('who knows nothing of rows that wait is refused by their name', async () => {
  const rows = await postponedTable();
  expect(() => new WriteSession(rows.table)).toThrow(/postponed bucket \(bucket=-2\)/);
});
