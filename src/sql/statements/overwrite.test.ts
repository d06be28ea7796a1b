import { expect, test } from 'vitest';
import { openSqlFixture, type SqlFixture } from '../../../test/sql-fixture.ts';
import { isLakeError } from '../../base/errors.ts';

async function fixture(ddl: string): Promise<SqlFixture> {
  const sql = await openSqlFixture();
  await sql.run(`CREATE DATABASE d; ${ddl}`);
  return sql;
}

const days = `CREATE TABLE t (day DATE NOT NULL, k INT NOT NULL, v STRING, PRIMARY KEY (day, k) NOT ENFORCED)
  PARTITIONED BY (day) WITH ('bucket' = '1');
  INSERT INTO t VALUES (DATE '2024-01-01', 1, 'a'), (DATE '2024-01-01', 2, 'b'), (DATE '2024-01-02', 1, 'c')`;

async function rows(sql: SqlFixture): Promise<readonly string[]> {
  const lines = await sql.run('SELECT * FROM t ORDER BY ALL');
  return lines.map(line => line.replace(/^\{|\}$|"/g, '').replace(/\w+:/g, ''));
}

async function codeOf(running: Promise<unknown>): Promise<string> {
  const error: unknown = await running.then(
    () => undefined,
    failure => failure,
  );
  return isLakeError(error) ? error.code : String(error);
}

test('a dynamic overwrite replaces the partitions of its rows', async () => {
  await using sql = await fixture(days);
  expect(
    await sql.run("INSERT OVERWRITE t VALUES (DATE '2024-01-02', 9, 'new'), (DATE '2024-01-03', 1, 'more')"),
  ).toEqual(['2 rows over d.t']);
  expect(await rows(sql)).toEqual(['2024-01-01,1,a', '2024-01-01,2,b', '2024-01-02,9,new', '2024-01-03,1,more']);
  expect(await sql.run('SELECT commit_kind FROM `t$snapshots` ORDER BY snapshot_id')).toEqual([
    '{"commit_kind":"APPEND"}',
    '{"commit_kind":"OVERWRITE"}',
  ]);
});

test('a named partition is replaced, and its keys are not the query’s to give', async () => {
  await using sql = await fixture(days);
  await sql.run(
    "INSERT OVERWRITE t PARTITION (day = DATE '2024-01-01') SELECT k + 10, v FROM t WHERE day = DATE '2024-01-01'",
  );
  expect(await rows(sql)).toEqual(['2024-01-01,11,a', '2024-01-01,12,b', '2024-01-02,1,c']);
  await sql.run("INSERT INTO t PARTITION (day = '2024-01-02') (v, k) VALUES ('d', 2)");
  expect(await rows(sql)).toEqual(['2024-01-01,11,a', '2024-01-01,12,b', '2024-01-02,1,c', '2024-01-02,2,d']);
  expect(await codeOf(sql.run("INSERT INTO t PARTITION (day = '2024-01-02') (day, k) VALUES (1, 2)"))).toBe(
    'LAKE_SQL_BINDER',
  );
  expect(await codeOf(sql.run("INSERT INTO t PARTITION (k = '2') VALUES (1, 2)"))).toBe('LAKE_BAD_PARTITION');
});

test('with the option or a hint the overwrite is static, and may empty what it names', async () => {
  await using sql = await fixture(days);
  const hint = "/*+ OPTIONS('dynamic-partition-overwrite' = 'false') */";
  const none = "SELECT 1, 'x' WHERE false";
  await sql.run(`INSERT OVERWRITE t PARTITION (day = DATE '2024-01-01') ${none}`);
  expect(await rows(sql)).toHaveLength(3);
  await sql.run(`INSERT OVERWRITE t ${hint} PARTITION (day = DATE '2024-01-01') ${none}`);
  expect(await rows(sql)).toEqual(['2024-01-02,1,c']);
  await sql.run("ALTER TABLE t SET ('dynamic-partition-overwrite' = 'false')");
  await sql.run("INSERT OVERWRITE t VALUES (DATE '2024-01-07', 7, 'only')");
  expect(await rows(sql)).toEqual(['2024-01-07,7,only']);
  const unclear = "/*+ OPTIONS('dynamic-partition-overwrite' = 'perhaps') */";
  expect(await codeOf(sql.run(`INSERT OVERWRITE t ${unclear} SELECT * FROM t`))).toBe('LAKE_BAD_OPTION');
});

test('a rescale is ALTER and INSERT OVERWRITE of the table by its own rows', async () => {
  await using sql = await fixture(days);
  await sql.run("ALTER TABLE t SET ('bucket' = '3')");
  expect(await codeOf(sql.run("INSERT INTO t VALUES (DATE '2024-01-01', 3, 'x')"))).toBe('LAKE_COMMIT_CONFLICT');
  await sql.run('INSERT OVERWRITE t SELECT * FROM t');
  await sql.run("INSERT INTO t VALUES (DATE '2024-01-01', 3, 'x')");
  expect(await rows(sql)).toEqual(['2024-01-01,1,a', '2024-01-01,2,b', '2024-01-01,3,x', '2024-01-02,1,c']);
  // Asked for its key, a row is looked for in the bucket that it is in now.
  expect(await sql.run("SELECT v FROM t WHERE day = DATE '2024-01-01' AND k = 2")).toEqual(['{"v":"b"}']);
});

test('partitions are dropped by name, the table is truncated', async () => {
  await using sql = await fixture(days);
  expect(await sql.run("ALTER TABLE t DROP PARTITION (day = DATE '2024-01-01')")).toEqual(['2 rows are gone from d.t']);
  expect(await rows(sql)).toEqual(['2024-01-02,1,c']);
  const again = "PARTITION (day = DATE '2024-01-01')";
  expect(await codeOf(sql.run(`ALTER TABLE t DROP ${again}`))).toBe('LAKE_PARTITION_NOT_FOUND');
  expect(await sql.run(`ALTER TABLE t DROP IF EXISTS ${again}, PARTITION (day = '2024-01-02')`)).toEqual([
    '1 row is gone from d.t',
  ]);
  await sql.run("INSERT INTO t VALUES (DATE '2024-01-01', 1, 'a')");
  await sql.run('TRUNCATE TABLE t');
  expect(await rows(sql)).toEqual([]);
  expect(await codeOf(sql.run('TRUNCATE TABLE `t$files`'))).toBe('LAKE_BAD_NAME');
});
