/** DELETE, UPDATE and MERGE on a lake with a log. */
import { expect, test } from 'vitest';
import { type Lake, openLake, t } from '../index.ts';

let lakeNumber = 0;

async function loggedLake(primaryKey: readonly 'k'[], bucket = primaryKey.length > 0 ? 1 : -1): Promise<Lake> {
  lakeNumber += 1;
  const place = `memory:changes-${lakeNumber}`;
  const lake = await openLake({ warehouse: place, log: place });
  const table = await lake.createTable('d.t', {
    columns: { k: t.int(), v: t.string().nullable() },
    primaryKey,
    options: { bucket },
  });
  await using writer = table.writer();
  await writer.writeAll([1, 2, 3, 4].map(k => ({ k, v: `v${k}` })));
  return lake;
}

async function rows(lake: Lake): Promise<readonly string[]> {
  const result = await lake.sql<{ k: number; v: string | null }>('SELECT k, v FROM d.t ORDER BY k');
  return (await result.rows()).map(({ k, v }) => `${k}${v}`);
}

test.each([
  ['one bucket', 1],
  ['dynamic buckets', -1],
])('changes of a keyed table of %s go through its log, and are seen before any table has them', async (_, bucket) => {
  await using lake = await loggedLake(['k'], bucket);
  expect((await lake.sql('DELETE FROM d.t WHERE k = 1')).affectedRows).toBe(1);
  await lake.sql("UPDATE d.t SET v = v || '!' WHERE k IN (2, 3)");
  await lake.sql(`MERGE INTO d.t USING (SELECT 3 AS k, 'm' AS v UNION ALL SELECT 9, 'n') AS s ON t.k = s.k
    WHEN MATCHED THEN UPDATE SET v = t.v || s.v WHEN NOT MATCHED THEN INSERT *`);
  const expected = ['2v2!', '3v3!m', '4v4', '9n'];
  expect(await rows(lake)).toEqual(expected);
  expect(await (await lake.table('d.t')).scan().count()).toBe(0);
  await lake.ingest();
  expect(await rows(lake)).toEqual(expected);
  expect(await (await lake.table('d.t')).scan().count()).toBe(4);
});

test('of an append table, what the log had acknowledged is changed as well, once', async () => {
  await using lake = await loggedLake([]);
  expect((await lake.sql('DELETE FROM d.t WHERE k <= 2')).affectedRows).toBe(2);
  await lake.sql("UPDATE d.t SET v = 'x' WHERE k = 3");
  await lake.ingest();
  expect(await rows(lake)).toEqual(['3x', '4v4']);
});

test('changes of a branch are its own', async () => {
  await using lake = await loggedLake(['k']);
  await lake.ingest();
  await lake.sql("CALL sys.create_tag('d.t', 'base'); CALL sys.create_branch('d.t', 'dev', 'base')");
  await lake.sql('DELETE FROM d.`t$branch_dev` WHERE k > 1');
  expect(await (await lake.table('d.t$branch_dev')).scan().count()).toBe(1);
  expect(await rows(lake)).toHaveLength(4);
});
