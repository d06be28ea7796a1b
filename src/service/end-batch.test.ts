/** What batches of writes end with, through the statements that are batches. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openLake } from '../index.ts';

let lakeCount = 0;

async function lakeWith(options: string, warehouse?: string): Promise<Awaited<ReturnType<typeof openLake>>> {
  lakeCount += 1;
  const lake = await openLake({ warehouse: warehouse ?? `memory:end-batch-${lakeCount}` });
  await lake.sql(`CREATE DATABASE d; USE d;
    CREATE TABLE t (p STRING, k INT NOT NULL, v INT, PRIMARY KEY (p, k) NOT ENFORCED) PARTITIONED BY (p)
    WITH ('bucket' = '1', ${options})`);
  return lake;
}

test('every statement that writes moves the tag, and a query does not', async () => {
  await using lake = await lakeWith("'tag.automatic-creation' = 'batch', 'tag.batch.customized-name' = 'last'");
  const tagged = async (): Promise<unknown> =>
    (await (await lake.sql('SELECT snapshot_id FROM `t$tags`')).rows()).map(({ snapshot_id }) => Number(snapshot_id));
  for (const [index, statement] of [
    "INSERT INTO t VALUES ('x', 1, 1)",
    "INSERT OVERWRITE t VALUES ('x', 1, 2), ('x', 2, 2)",
    'UPDATE t SET v = 3 WHERE k = 1',
    'DELETE FROM t WHERE k = 2',
  ].entries()) {
    await lake.sql(statement);
    expect(await tagged(), statement).toEqual([index + 1]);
  }
  await lake.sql('SELECT * FROM t');
  await lake.sql("CALL sys.compact('t')");
  expect(await tagged()).toEqual([4]);
});

test('partitions that a batch has written are done when it ends, where the table says so', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tidelake-end-batch-'));
  try {
    await using lake = await lakeWith("'partition.end-input-to-done' = 'true'", `file:${folder}`);
    await lake.sql("INSERT INTO t VALUES ('x', 1, 1), ('y', 1, 1)");
    for (const path of ['p=x', 'p=y']) expect(readdirSync(join(folder, 'd.db/t', path))).toContain('_SUCCESS');
    rmSync(join(folder, 'd.db/t/p=y/_SUCCESS'));
    await lake.sql("INSERT INTO t VALUES ('x', 2, 1)");
    expect(readdirSync(join(folder, 'd.db/t/p=y'))).not.toContain('_SUCCESS');
    await lake.sql("CALL sys.mark_partition_done('t', 'p=y;p=z')");
    for (const path of ['p=y', 'p=z']) expect(readdirSync(join(folder, 'd.db/t', path))).toContain('_SUCCESS');
    await expect(lake.sql("CALL sys.mark_partition_done('t', 'v=1')")).rejects.toMatchObject({
      code: 'LAKE_BAD_PARTITION',
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('a table whose batches would have to end with what is not done is refused for writing by name', async () => {
  await using lake = await lakeWith("'partition.end-input-to-done' = 'true', 'partition.mark-done-action' = 'custom'");
  await expect(lake.sql("INSERT INTO t VALUES ('x', 1, 1)")).rejects.toMatchObject({
    kind: 'unsupported',
    message: expect.stringContaining('partition.mark-done-action=custom'),
  });
  await expect(lake.sql("CALL sys.mark_partition_done('t', 'p=x')")).rejects.toMatchObject({ kind: 'unsupported' });
});
