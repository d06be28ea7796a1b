import { expect, test } from 'vitest';
import { equals, int, numbered, type RowTable, rowTable, text } from '../../../test/row-fixture.ts';
import { alterTable } from '../../catalog/catalog.ts';
import { parseIdentifier } from '../../catalog/identifier.ts';
import type { SchemaChange } from '../../catalog/schema-change.ts';
import { planScan } from '../scan/plan-scan.ts';
import { latestSnapshot } from '../snapshots.ts';
import { readPlan } from './read-split.ts';

async function alter(rows: RowTable, changes: readonly SchemaChange[]): Promise<void> {
  await alterTable(rows, parseIdentifier('d.t'), changes);
}

/** Bytes of data files and requests for them that a read costs. */
async function cost(rows: RowTable, options: Parameters<RowTable['rows']>[0]) {
  const table = await rows.open();
  const plan = await planScan(table, await latestSnapshot(table), options);
  rows.store.reset();
  let rowCount = 0;
  for await (const batch of readPlan(table, plan, options)) rowCount += batch.rowCount;
  const { get, getRange, bytesRead } = rows.store.counts();
  return { rowCount, requests: get + getRange, bytesRead };
}

test('columns come out in the order asked for, also ones the filter needs and the reader does not', async () => {
  const rows = await rowTable();
  await rows.write(numbered('x', 0, 3));
  expect(await rows.rows({ columns: ['v', 'k'] })).toEqual([
    ['v0', 0],
    ['v1', 1],
    ['v2', 2],
  ]);
  expect(await rows.rows({ columns: ['v'], predicate: equals('k', 1) })).toEqual([['v1']]);
});

test('rows of equal keys are merged and deletes dropped, with the keys not asked for', async () => {
  const rows = await rowTable();
  await rows.write(numbered('x', 0, 4));
  await rows.change([
    ['+U', 'x', 1, 'new'],
    ['-D', 'x', 2, null],
  ]);
  await rows.write([['y', 9, 'nine']]);
  expect(await rows.rows({ columns: ['v'] })).toEqual([['new'], ['nine'], ['v0'], ['v3']]);
  expect(await rows.rows({ columns: ['p'], predicate: equals('v', 'v2') })).toEqual([]);
});

test('to count rows no file of raw splits is opened, and of others only the keys are read', async () => {
  const raw = await rowTable({ primaryKeys: [], options: { bucket: '-1' } });
  await raw.write(numbered('x', 0, 10));
  await raw.write(numbered('x', 0, 10));
  expect(await cost(raw, { columns: [] })).toEqual({ rowCount: 20, requests: 0, bytesRead: 0 });
  // Columns of the partition need no file either.
  const partitioned = await rowTable({ primaryKeys: ['p', 'k'], partitionKeys: ['p'] });
  await partitioned.write(numbered('x', 0, 10));
  expect(await cost(partitioned, { columns: ['p'] })).toMatchObject({ rowCount: 10, requests: 0 });
  expect(await partitioned.rows({ columns: ['p'], predicate: equals('p', 'x') })).toHaveLength(10);
  const merged = await rowTable();
  await merged.write(numbered('x', 0, 10));
  await merged.change([['-D', 'x', 3, null]]);
  expect(await cost(merged, { columns: [] })).toMatchObject({ rowCount: 9, requests: 2 });
});

test('batches have as many rows as they may have', async () => {
  const rows = await rowTable();
  await rows.write(numbered('x', 0, 10));
  const table = await rows.open();
  const plan = await planScan(table, await latestSnapshot(table));
  const counts: number[] = [];
  for await (const batch of readPlan(table, plan, { batchRowsMax: 4 })) counts.push(batch.rowCount);
  expect(counts).toEqual([4, 4, 2]);
});

test('a filter goes down to row groups: what cannot match is not fetched', async () => {
  const rows = await rowTable({ options: { 'file.block-size': '64 kb', 'file.compression': 'none' } });
  const long = 'x'.repeat(1_000);
  for (const _ of [1, 2]) {
    await rows.write(Array.from({ length: 12_000 }, (_row, k) => ['x', k, `${String(k).padStart(6, '0')}${long}`]));
  }
  await rows.compact({ isFull: true });
  expect((await rows.files()).map(({ fileSize }) => fileSize > 8 * 1024 * 1024)).toEqual([true]);
  const whole = await cost(rows, {});
  const some = await cost(rows, { predicate: equals('k', 6_000) });
  expect(some.rowCount).toBe(1);
  expect(some.bytesRead).toBeLessThan(whole.bytesRead / 20);
  const few = await cost(rows, { columns: ['k'] });
  expect(few.rowCount).toBe(12_000);
  expect(few.bytesRead).toBeLessThan(whole.bytesRead / 20);
});

test('while files overlap, row groups are left out by keys and never by values', async () => {
  const rows = await rowTable({ options: { 'file.block-size': '1 kb' } });
  await rows.write(Array.from({ length: 2_000 }, (_, k) => ['x', k, 'old']));
  await rows.write(Array.from({ length: 2_000 }, (_, k) => ['x', k, k < 1_000 ? 'new' : 'newer']));
  expect(await rows.rows({ predicate: equals('v', 'old') })).toEqual([]);
  expect(await rows.rows({ predicate: { kind: 'and', children: [equals('v', 'old'), equals('k', 5)] } })).toEqual([]);
  expect(await rows.rows({ predicate: { kind: 'and', children: [equals('v', 'newer'), equals('k', 1_500)] } })).toEqual(
    [['x', 1_500, 'newer']],
  );
});

test('files of older schemas are read under the newest: renamed, widened, added and dropped columns', async () => {
  const rows = await rowTable();
  await rows.write([['x', 1, '10']]);
  await alter(rows, [
    { kind: 'rename-column', name: 'v', newName: 'w' },
    { kind: 'add-column', name: 'n', type: int },
    { kind: 'drop-column', name: 'p' },
  ]);
  await rows.write([[2, '20', 5]]);
  await alter(rows, [{ kind: 'change-type', name: 'n', type: { kind: 'bigint', nullable: true } }]);
  expect(await rows.rows()).toEqual([
    [1, '10', null],
    [2, '20', 5n],
  ]);
  // A filter on a column the old file does not have, or has under another name or type.
  expect(await rows.rows({ predicate: { kind: 'is-null', column: 'n' } })).toEqual([[1, '10', null]]);
  expect(await rows.rows({ predicate: equals('n', 5n) })).toEqual([[2, '20', 5n]]);
  expect(await rows.rows({ predicate: equals('w', '10') })).toEqual([[1, '10', null]]);
  // A name that is used again is another column.
  await alter(rows, [
    { kind: 'drop-column', name: 'w' },
    { kind: 'add-column', name: 'w', type: text },
  ]);
  expect(await rows.rows({ columns: ['k', 'w'] })).toEqual([
    [1, null],
    [2, null],
  ]);
});

test('a file that has gone with its snapshot has expired; one that is missing or cut is corruption', async () => {
  const rows = await rowTable();
  await rows.write([['x', 1, 'one']]);
  const [file] = await rows.files();
  const key = `d.db/t/bucket-0/${file?.fileName ?? ''}`;
  const bytes = (await rows.store.get(key))?.bytes ?? new Uint8Array();
  const table = await rows.open();
  const plan = await planScan(table, await latestSnapshot(table));
  const read = async (): Promise<void> => {
    for await (const _ of readPlan(table, plan));
  };
  await rows.store.put(key, bytes.subarray(0, -1));
  await expect(read()).rejects.toMatchObject({ kind: 'corrupt', code: 'LAKE_FILE_SIZE' });
  await rows.store.put(key, new Uint8Array(bytes.length));
  await expect(read()).rejects.toMatchObject({ kind: 'corrupt' });
  await rows.store.delete(key);
  await expect(read()).rejects.toMatchObject({ kind: 'corrupt', code: 'LAKE_FILE_MISSING' });
  await rows.store.delete('d.db/t/snapshot/snapshot-1');
  await expect(read()).rejects.toMatchObject({ code: 'LAKE_SNAPSHOT_EXPIRED' });
});
