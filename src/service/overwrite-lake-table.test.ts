import { expect, test } from 'vitest';
import { type Lake, openLake, t } from '../index.ts';

let lakeNumber = 0;

function memoryLake(log: boolean): Promise<Lake> {
  lakeNumber += 1;
  const place = `memory:overwrite-${lakeNumber}`;
  return openLake({ warehouse: place, ...(log ? { log: place } : {}) });
}

const columns = { p: t.string(), k: t.int(), v: t.string() };
const row = (p: string, k: number, v = 'v'): { p: string; k: number; v: string } => ({ p, k, v });

test('rows take the place of their partitions, with a log and without', async () => {
  for (const log of [false, true]) {
    await using lake = await memoryLake(log);
    const spec = { columns, primaryKey: ['p', 'k'], partitionBy: ['p'], options: { bucket: 1 } } as const;
    const table = await lake.createTable('d.t', spec);
    await using writer = table.writer();
    await writer.writeAll([row('a', 1), row('a', 2), row('b', 1)]);
    // With a log, what it has acknowledged is overwritten although no table had it yet.
    const receipt = await table.overwrite([row('a', 9, 'new')]);
    expect(receipt).toMatchObject({ rowCount: 1, removedRowCount: 2, removedFileCount: 1 });
    if (log) await lake.ingest();
    const sorted = async () => (await table.scan().rows()).map(({ p, k, v }) => `${p}${k}${v}`).toSorted();
    expect(await sorted()).toEqual(['a9new', 'b1v']);
    await writer.upsert(row('a', 1, 'after'));
    if (log) await lake.ingest();
    expect(await sorted()).toEqual(['a1after', 'a9new', 'b1v']);
    await expect(table.overwrite([row('b', 1)], { partition: { p: 'a' } })).rejects.toMatchObject({
      code: 'LAKE_BAD_PARTITION',
    });
    await expect(table.overwrite([{ p: 'a', k: 1.5, v: '' }])).rejects.toMatchObject({ code: 'LAKE_BAD_VALUE' });
    expect(await table.overwrite([], { partition: { p: 'a' } })).toMatchObject({ snapshotId: undefined });
    expect(await table.overwrite([], { partition: { p: 'a' }, mode: 'static' })).toMatchObject({ removedRowCount: 2 });
    expect(await sorted()).toEqual(['b1v']);
    expect(await table.dropPartitions([{ p: 'b' }])).toMatchObject({ removedRowCount: 1 });
    await expect(table.dropPartitions([{ p: 'b' }])).rejects.toMatchObject({ code: 'LAKE_PARTITION_NOT_FOUND' });
    await writer.upsert(row('a', 1));
    expect((await table.truncate()).snapshotId).toBeGreaterThan(1);
    if (log) await lake.ingest();
    expect(await sorted()).toEqual([]);
  }
});

test('records that come again after an overwrite are still known: each is in the table once', async () => {
  await using lake = await memoryLake(true);
  const table = await lake.createTable('d.t', { columns, options: { bucket: -1 } });
  await using writer = table.writer();
  await writer.writeAll([row('a', 1), row('a', 2)]);
  await lake.ingest();
  await lake.sql('INSERT OVERWRITE d.t SELECT p, k + 10, v FROM d.t');
  await lake.ingest();
  await writer.insert(row('a', 3));
  await lake.ingest();
  expect((await table.scan().rows()).map(({ k }) => k).toSorted()).toEqual([11, 12, 3]);
  expect(await table.accounting()).toMatchObject({ rowsIn: 3n });
});

test('an overwrite by what the log has as well takes nothing in twice', async () => {
  await using lake = await memoryLake(true);
  const table = await lake.createTable('d.t', { columns, options: { bucket: -1 } });
  await using writer = table.writer();
  await writer.writeAll([row('a', 1), row('a', 2)]);
  await lake.sql('INSERT OVERWRITE d.t SELECT * FROM d.t');
  await lake.ingest();
  expect((await table.scan().rows()).map(({ k }) => k).toSorted()).toEqual([1, 2]);
});

test('partitions are dropped by a condition over their keys alone', async () => {
  await using lake = await memoryLake(false);
  const spec = { columns, primaryKey: ['p', 'k'], partitionBy: ['p'], options: { bucket: 1 } } as const;
  const table = await lake.createTable('d.t', spec);
  {
    await using writer = table.writer();
    await writer.writeAll([row('a', 1), row('b', 1), row('c', 1)]);
  }
  expect(await table.dropPartitions({ where: "p >= 'b' AND p <> 'x'" })).toMatchObject({ removedRowCount: 2 });
  expect((await table.scan().rows()).map(({ p }) => p)).toEqual(['a']);
  expect(await table.dropPartitions({ where: "p = 'none'" })).toMatchObject({ snapshotId: undefined });
  for (const where of ["k = 1 AND p = 'a'", 'length(p) = 1', 'p =']) {
    await expect(table.dropPartitions({ where }), where).rejects.toMatchObject({ code: 'LAKE_BAD_FILTER' });
  }
});
