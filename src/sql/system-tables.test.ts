import { afterAll, beforeAll, expect, test } from 'vitest';
import { openSqlFixture, type SqlFixture } from '../../test/sql-fixture.ts';

let fixture: SqlFixture;

beforeAll(async () => {
  fixture = await openSqlFixture();
  await fixture.run("CREATE TABLE d.t (k INT, v STRING, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1')");
  await fixture.run("INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c')");
  await fixture.run('DELETE FROM t WHERE k = 2');
});

afterAll(() => fixture[Symbol.asyncDispose]());

test('rows are shown with their kinds, as of any snapshot', async () => {
  expect(await fixture.run('SELECT k, rowkind FROM `t$audit_log` ORDER BY k')).toEqual([
    '{"k":1,"rowkind":"+I"}',
    '{"k":2,"rowkind":"-D"}',
    '{"k":3,"rowkind":"+I"}',
  ]);
  expect(await fixture.run("SELECT * FROM `t$audit_log` WHERE rowkind = '-D' AND v IS NOT NULL")).toEqual([
    '{"rowkind":"-D","k":2,"v":"b"}',
  ]);
  expect(await fixture.run("SELECT count(*) AS n FROM `t$audit_log` /*+ OPTIONS('scan.snapshot-id'='1') */")).toEqual([
    '{"n":"3"}',
  ]);
  expect(await fixture.run('SELECT k[1] AS k, v FROM `t$binlog` WHERE k[1] > 2')).toEqual(['{"k":3,"v":["c"]}']);
  expect(await fixture.run('SELECT count(*) AS n FROM `t$ro`')).toEqual(['{"n":"0"}']);
  expect(await fixture.run('SELECT a.k FROM `t$audit_log` a LEFT JOIN t ON a.k = t.k WHERE t.k IS NULL')).toEqual([
    '{"k":2}',
  ]);
});

test('what a table does not have is said', async () => {
  await expect(fixture.run('SELECT * FROM `t$row_tracking`')).rejects.toMatchObject({ code: 'LAKE_NO_ROW_TRACKING' });
  await expect(fixture.run('SELECT * FROM `t$none`')).rejects.toThrow(/\$audit_log/);
  await expect(fixture.run("INSERT INTO `t$ro` VALUES (9, 'x')")).rejects.toMatchObject({ kind: 'invalid' });
});

test('the database sys is there to be read', async () => {
  expect(await fixture.run('SELECT table_name, primary_key FROM sys.tables')).toEqual([
    '{"table_name":"t","primary_key":true}',
  ]);
  expect(
    await fixture.run(
      "SELECT o.value FROM sys.tables t JOIN sys.all_table_options o USING (table_name) WHERE key = 'bucket'",
    ),
  ).toEqual(['{"value":"1"}']);
  expect(await fixture.run('SHOW TABLES IN sys')).toHaveLength(5);
  expect((await fixture.run('DESCRIBE sys.catalog_options'))[0]).toMatch(/"name":"key","type":"STRING"/);
  expect((await fixture.run('DESCRIBE `t$binlog`'))[1]).toMatch(/"name":"k","type":"ARRAY<INT>"/);
  await expect(fixture.run('SELECT * FROM sys.none')).rejects.toThrow(/it has tables, partitions/);
  await expect(fixture.run('CREATE TABLE sys.t (k INT)')).rejects.toMatchObject({ code: 'LAKE_BAD_NAME' });
  await expect(fixture.run('DROP TABLE sys.tables')).rejects.toMatchObject({ code: 'LAKE_BAD_NAME' });
  await expect(fixture.run("SELECT * FROM sys.tables /*+ OPTIONS('scan.mode'='latest') */")).rejects.toMatchObject({
    kind: 'unsupported',
  });
  const [database] = [fixture.session.currentDatabase];
  await fixture.run('USE sys');
  expect(await fixture.run('SELECT count(*) AS n FROM tables')).toEqual(['{"n":"1"}']);
  fixture.session.currentDatabase = database;
});
