import { expect, test } from 'vitest';
import { openLake, t } from '../index.ts';

test('the SDK gives rows of system tables, those of a table’s rows and those of the catalog, too', async () => {
  await using lake = await openLake({ warehouse: 'memory:system-rows' });
  const table = await lake.createTable('d.t', {
    columns: { k: t.int(), v: t.string().nullable() },
    primaryKey: ['k'],
    options: { bucket: 1 },
  });
  {
    await using writer = table.writer();
    await writer.writeAll([{ k: 1, v: 'a' }, { k: 2 }]);
  }
  // The writer puts rows, whether there was one of the key or not.
  expect(await table.system('audit_log')).toEqual([
    { rowkind: '+U', k: 1, v: 'a' },
    { rowkind: '+U', k: 2, v: null },
  ]);
  expect(await table.system('ro')).toEqual([]);
  await table.compact({ full: true });
  expect(await table.system<{ k: number }>('ro')).toHaveLength(2);
  expect(await table.system('binlog')).toContainEqual({ rowkind: '+U', k: [2], v: [null] });
  expect(await table.system<{ snapshot_id: bigint }>('snapshots')).toHaveLength(2);
  await expect(table.system('row_tracking')).rejects.toMatchObject({ code: 'LAKE_NO_ROW_TRACKING' });
  await expect(table.system('none')).rejects.toMatchObject({ code: 'LAKE_TABLE_NOT_FOUND' });
  expect(await lake.system('tables')).toMatchObject([{ database_name: 'd', table_name: 't', primary_key: true }]);
  await expect(lake.system('none')).rejects.toMatchObject({ code: 'LAKE_TABLE_NOT_FOUND' });
});
