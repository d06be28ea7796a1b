import { expect, test } from 'vitest';
import { equals, numbered, type RowTable, rowTable } from '../../../test/row-fixture.ts';
import { encodeSnapshot } from '../../format/snapshot.ts';
import type { Predicate } from '../../types/predicate.ts';
import { readPlan } from '../read/read-split.ts';
import { latestSnapshot, snapshotAtTimestamp } from '../snapshots.ts';
import { planScan } from './plan-scan.ts';
import { filesOf } from './split.ts';

/** Rows that pass, and how many data files and requests it took. */
async function scanned(rows: RowTable, predicate: Predicate | undefined) {
  const table = await rows.open();
  const snapshot = await latestSnapshot(table);
  rows.store.reset();
  const plan = await planScan(table, snapshot, { predicate });
  const planned = rows.store.counts();
  let rowCount = 0;
  for await (const batch of readPlan(table, plan)) rowCount += batch.rowCount;
  const { get, getRange } = rows.store.counts();
  const files = plan.splits.flatMap(filesOf);
  return { rowCount, files: files.length, planGets: planned.get, dataGets: get + getRange - planned.get };
}

async function partitioned(): Promise<RowTable> {
  const rows = await rowTable({
    primaryKeys: ['p', 'k'],
    partitionKeys: ['p'],
    options: { bucket: '4', 'manifest.merge-min-count': '100' },
  });
  for (const p of ['a', 'b', 'c']) await rows.write(numbered(p, 0, 40));
  return rows;
}

test('without a filter every file is read, once', async () => {
  const rows = await partitioned();
  expect(await scanned(rows, undefined)).toEqual({ rowCount: 120, files: 12, planGets: 5, dataGets: 12 });
});

test('a filter on partitions leaves out manifests and files', async () => {
  const rows = await partitioned();
  // Two lists and one of the three manifests.
  expect(await scanned(rows, equals('p', 'b'))).toEqual({ rowCount: 40, files: 4, planGets: 3, dataGets: 4 });
  expect(await scanned(rows, equals('p', 'z'))).toEqual({ rowCount: 0, files: 0, planGets: 2, dataGets: 0 });
  const both: Predicate = { kind: 'in', column: 'p', values: ['a', 'c'] };
  expect(await scanned(rows, both)).toMatchObject({ rowCount: 80, files: 8 });
});

test('equality on the bucket key reads one bucket, a list of keys those it needs', async () => {
  const rows = await partitioned();
  const one: Predicate = { kind: 'and', children: [equals('p', 'a'), equals('k', 7)] };
  expect(await scanned(rows, one)).toEqual({ rowCount: 1, files: 1, planGets: 3, dataGets: 1 });
  expect(await scanned(rows, equals('k', 7))).toMatchObject({ rowCount: 3, files: 3 });
  const three = await scanned(rows, { kind: 'in', column: 'k', values: [1, 2, 3, null] });
  expect(three.rowCount).toBe(9);
  expect(three.files).toBeLessThanOrEqual(9);
  // Under OR nothing is known of the key.
  expect(await scanned(rows, { kind: 'or', children: [equals('k', 7), equals('v', 'v8')] })).toMatchObject({
    rowCount: 6,
  });
});

test('files of a primary-key table are left out by their keys, also where they overlap others', async () => {
  const rows = await rowTable();
  await rows.write(numbered('x', 0, 10));
  await rows.write(numbered('x', 5, 10));
  await rows.write(numbered('x', 100, 10));
  expect(await scanned(rows, { kind: 'compare', op: '>=', column: 'k', value: 50 })).toMatchObject({
    rowCount: 10,
    files: 1,
  });
  expect(await scanned(rows, { kind: 'compare', op: '<', column: 'k', value: 5 })).toMatchObject({
    rowCount: 5,
    files: 1,
  });
});

test('a file that overlaps others is not left out by its values: it hides older rows', async () => {
  const rows = await rowTable();
  await rows.write([['x', 1, 'old']]);
  await rows.write([['x', 1, 'new']]);
  expect(await scanned(rows, equals('v', 'old'))).toMatchObject({ rowCount: 0, files: 2 });
  // No file can have it: the whole bucket is left out.
  expect(await scanned(rows, equals('v', 'zzz'))).toMatchObject({ rowCount: 0, files: 0 });
});

test('files that overlap nothing are left out by their values', async () => {
  const rows = await rowTable({ options: { 'target-file-size': '8 kb' } });
  await rows.write(Array.from({ length: 4_000 }, (_, k) => ['x', k, `v${String(k).padStart(5, '0')}`]));
  await rows.compact({ isFull: true });
  const all = (await rows.files()).length;
  expect(all).toBeGreaterThan(2);
  const found = await scanned(rows, equals('v', 'v00003'));
  expect(found).toMatchObject({ rowCount: 1, files: 1, dataGets: 1 });
});

test('files of an append table are left out by their values', async () => {
  const rows = await rowTable({ primaryKeys: [], options: { bucket: '-1' } });
  await rows.write(numbered('x', 0, 10));
  await rows.write(numbered('x', 10, 10));
  await rows.write([['x', null, null]]);
  expect(await scanned(rows, equals('k', 13))).toMatchObject({ rowCount: 1, files: 1, dataGets: 1 });
  expect(await scanned(rows, { kind: 'is-null', column: 'k' })).toMatchObject({ rowCount: 1, files: 1 });
  expect(await scanned(rows, { kind: 'is-not-null', column: 'k' })).toMatchObject({ rowCount: 20, files: 2 });
});

test('a table without a snapshot has no splits', async () => {
  const rows = await rowTable();
  const plan = await planScan(rows.table, undefined);
  expect(plan.splits).toEqual([]);
  expect(await rows.rows()).toEqual([]);
});

test('time travel by number and by time gives the rows of then', async () => {
  const rows = await rowTable();
  await rows.write([['x', 1, 'one']]);
  rows.clock.advance(60_000);
  const between = rows.clock.nowMs() - 30_000;
  await rows.change([['+U', 'x', 1, 'uno']]);
  await rows.compact({ isFull: true });
  expect(await rows.rows({ snapshotId: 1 })).toEqual([['x', 1, 'one']]);
  expect(await rows.rows({ snapshotId: 3 })).toEqual([['x', 1, 'uno']]);
  expect((await snapshotAtTimestamp(rows.table, between)).id).toBe(1);
});

test('what is not read here is refused by name', async () => {
  const rows = await rowTable();
  await rows.write([['x', 1, 'one']]);
  const table = await rows.open();
  const snapshot = await latestSnapshot(table);
  if (snapshot === undefined) throw new Error('no snapshot');
  const schema = { ...table.schema, options: { ...table.schema.options, 'pk-clustering-override': 'true' } };
  await expect(planScan(table, snapshot, { schema })).rejects.toThrow(/pk-clustering-override/);
});

test('a snapshot that goes away while it is planned has expired; a hole under one that stays is corruption', async () => {
  const rows = await rowTable();
  await rows.write([['x', 1, 'one']]);
  const table = await rows.open();
  const snapshot = await latestSnapshot(table);
  if (snapshot === undefined) throw new Error('no snapshot');
  await rows.store.delete(`d.db/t/manifest/${snapshot.deltaManifestList}`);
  await expect(planScan(table, snapshot)).rejects.toMatchObject({ kind: 'corrupt', code: 'LAKE_FILE_MISSING' });
  await rows.store.delete('d.db/t/snapshot/snapshot-1');
  await expect(planScan(table, snapshot)).rejects.toMatchObject({ code: 'LAKE_SNAPSHOT_EXPIRED' });
  // Another's snapshot under the number is not the one that was planned.
  const other = encodeSnapshot({ ...snapshot, deltaManifestList: 'manifest-list-other' });
  await rows.store.put('d.db/t/snapshot/snapshot-1', other);
  await expect(planScan(table, snapshot)).rejects.toMatchObject({ code: 'LAKE_SNAPSHOT_EXPIRED' });
});
