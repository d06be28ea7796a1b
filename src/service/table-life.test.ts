/** Tags, branches and rollback as users of the SDK have them, on lakes with a log and without. */
import { expect, test } from 'vitest';
import { type AnyShape, type Lake, type LakeTable, openLake, t } from '../index.ts';

let lakeNumber = 0;

function memoryLake(log: boolean): Promise<Lake> {
  lakeNumber += 1;
  const place = `memory:life-${lakeNumber}`;
  return openLake({ warehouse: place, ...(log ? { log: place } : {}) });
}

async function keyed(lake: Lake): Promise<LakeTable<AnyShape>> {
  await lake.createTable('d.t', {
    columns: { k: t.int(), v: t.string().nullable() },
    primaryKey: ['k'],
    options: { bucket: 1 },
  });
  return lake.table('d.t');
}

async function write(lake: Lake, log: boolean, name: string, ...keys: readonly number[]): Promise<void> {
  const table = await lake.table(name);
  {
    await using writer = table.writer();
    await writer.writeAll(keys.map(k => ({ k, v: name })));
  }
  if (log) await lake.ingest();
}

async function keys(lake: Lake, name = 'd.t', tag?: string): Promise<readonly unknown[]> {
  const rows = await (await lake.table(name)).scan(tag === undefined ? {} : { tag }).rows();
  return rows.map(({ k }) => k).toSorted();
}

test('tags are made, listed, read, replaced, renamed and deleted', async () => {
  await using lake = await memoryLake(false);
  const table = await keyed(lake);
  await write(lake, false, 'd.t', 1);
  expect(await table.tags.create('one', { retainedMs: 60_000 })).toBe(1);
  await write(lake, false, 'd.t', 2);
  expect(await table.tags.create('one', { ifNotExists: true })).toBeUndefined();
  expect(await table.tags.create('two')).toBe(2);
  expect(await keys(lake, 'd.t', 'one')).toEqual([1]);
  expect(await table.tags.replace('one')).toBe(2);
  await table.tags.rename('one', 'uno');
  expect((await table.tags.list()).map(({ name, snapshotId }) => [name, snapshotId])).toEqual([
    ['two', 2],
    ['uno', 2],
  ]);
  expect(await table.tags.expire({ olderThan: new Date(Date.now() + 60_000) })).toEqual(['two', 'uno']);
  await expect(table.tags.delete('uno')).rejects.toMatchObject({ code: 'LAKE_TAG_NOT_FOUND' });
});

test('branches are written to, also on a lake with a log, and fast-forwarded', async () => {
  for (const log of [false, true]) {
    await using lake = await memoryLake(log);
    const table = await keyed(lake);
    await write(lake, log, 'd.t', 1, 2);
    await table.tags.create('base');
    await write(lake, log, 'd.t', 3);
    await table.branches.create('dev', { tag: 'base' });
    await write(lake, false, 'd.t$branch_dev', 10);
    await lake.sql("INSERT INTO d.`t$branch_dev` VALUES (11, 'sql')");
    expect(await keys(lake, 'd.t$branch_dev')).toEqual([1, 10, 11, 2]);
    // What the log has not given to the table yet is taken back with the rest.
    const writer = table.writer();
    await writer.upsert({ k: 4, v: 'late' });
    await writer[Symbol.asyncDispose]();
    expect((await table.branches.fastForward('dev')).isChanged).toBe(true);
    if (log) await lake.ingest();
    expect(await keys(lake)).toEqual([1, 10, 11, 2]);
    await write(lake, log, 'd.t', 5);
    expect(await keys(lake)).toEqual([1, 10, 11, 2, 5]);
    await table.branches.rename('dev', 'next');
    expect(await table.branches.list()).toEqual(['next']);
    await table.branches.delete('next');
    await expect(lake.table('d.t$branch_next')).rejects.toMatchObject({ code: 'LAKE_BRANCH_NOT_FOUND' });
  }
});

test('a rollback is a snapshot on top, and what was rolled back does not come out of the log again', async () => {
  for (const log of [false, true]) {
    await using lake = await memoryLake(log);
    const table = await keyed(lake);
    await write(lake, log, 'd.t', 1);
    await table.tags.create('first');
    await write(lake, log, 'd.t', 2);
    const writer = table.writer();
    await writer.upsert({ k: 3, v: 'acknowledged' });
    await writer[Symbol.asyncDispose]();
    const receipt = await table.rollback({ tag: 'first' });
    expect(receipt).toMatchObject({ isChanged: true, previousId: 3, snapshotId: 4 });
    if (log) await lake.ingest();
    expect(await keys(lake)).toEqual([1]);
    expect(await table.rollback({ snapshotId: 1 })).toMatchObject({ isChanged: false });
    await table.rollback({ snapshotId: 3 });
    await write(lake, log, 'd.t', 4);
    expect(await keys(lake)).toEqual([1, 2, 3, 4]);
    await expect(table.rollback({ timestamp: new Date(0) })).rejects.toMatchObject({ code: 'LAKE_SNAPSHOT_NOT_FOUND' });
    await expect(table.rollback({ tag: 'none' })).rejects.toMatchObject({ code: 'LAKE_TAG_NOT_FOUND' });
  }
});
