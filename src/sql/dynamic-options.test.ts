// Options in a hint, for reads and for writes.
import { expect, test } from 'vitest';
import { openSqlFixture, type SqlFixture } from '../../test/sql-fixture.ts';
import { createBranch } from '../catalog/branches.ts';
import { latestSnapshot } from '../table/snapshots.ts';
import { openTable, type Table } from '../table/table.ts';
import { createTag } from '../table/tags/manage-tags.ts';

const keyed = `CREATE TABLE t (k INT, v STRING, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1')`;

function hint(options: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(options).map(([key, value]) => `'${key}' = '${value}'`);
  return pairs.length === 0 ? '' : `/*+ OPTIONS(${pairs.join(', ')}) */`;
}

function tableOf(sql: SqlFixture, branch?: string): Promise<Table> {
  const { catalog } = sql.context;
  return openTable(catalog.store, { database: 'd', name: 't', branch }, catalog);
}

async function rows(
  sql: SqlFixture,
  options: Readonly<Record<string, string>>,
  name = 't',
): Promise<readonly string[]> {
  return (await sql.run(`SELECT * FROM ${name} ${hint(options)}`)).toSorted();
}

async function codeOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    error => error.code,
  );
}

/** Three snapshots: 1 and 2 come; 1 goes, 2 changes, 3 comes; 2 changes. */
async function history(ddl = keyed): Promise<SqlFixture> {
  const sql = await openSqlFixture();
  await sql.run(`${ddl}; INSERT INTO t VALUES (1, 'a'), (2, 'b')`);
  await sql.run(`MERGE INTO t USING (VALUES (1, 'x'), (2, 'c'), (3, 'z')) AS s (k, v) ON t.k = s.k
    WHEN MATCHED AND s.k = 1 THEN DELETE WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *`);
  await sql.run(`INSERT INTO t VALUES (2, 'd')`);
  return sql;
}

test('changes between snapshots are the rows that came, and the audit log has those that went as well', async () => {
  await using sql = await history();
  const between = { 'incremental-between': '1,2' };
  expect(await rows(sql, between)).toEqual(['{"k":2,"v":"c"}', '{"k":3,"v":"z"}']);
  expect(await rows(sql, between, 't$audit_log')).toEqual([
    '{"rowkind":"+I","k":3,"v":"z"}',
    '{"rowkind":"+U","k":2,"v":"c"}',
    '{"rowkind":"-D","k":1,"v":"a"}',
  ]);
  expect(await rows(sql, { 'incremental-between': '0,3' })).toHaveLength(5);
  const filtered = `SELECT count(*) AS n FROM t ${hint({ 'incremental-between': '0,3' })} WHERE k = 2`;
  expect(await sql.run(filtered)).toEqual(['{"n":"3"}']);
  expect(await rows(sql, { 'incremental-between': '2,2' })).toEqual([]);
});

test('the difference of two states has each key once, as it came to be', async () => {
  await using sql = await history();
  const between = { 'incremental-between': '1,3', 'incremental-between-scan-mode': 'diff' };
  expect(await rows(sql, between)).toEqual(['{"k":2,"v":"d"}', '{"k":3,"v":"z"}']);
  expect(await rows(sql, between, 't$audit_log')).toContain('{"rowkind":"-D","k":1,"v":"a"}');
  const table = await tableOf(sql);
  await createTag(table, 'one', { snapshotId: 1 });
  await createTag(table, 'two', { snapshotId: 2 });
  expect(await rows(sql, { 'incremental-between': 'one,two' })).toEqual(['{"k":2,"v":"c"}', '{"k":3,"v":"z"}']);
  expect(await codeOf(rows(sql, { 'incremental-between': 'two,one' }))).toBe('LAKE_BAD_OPTION');
});

test('what an automatic tag has that the one before it has not', async () => {
  await using sql = await history();
  const table = await tableOf(sql);
  await createTag(table, '2024-12-01', { snapshotId: 1 });
  await createTag(table, '2024-12-04', { snapshotId: 3 });
  expect(await rows(sql, { 'incremental-to-auto-tag': '2024-12-04' })).toEqual(['{"k":2,"v":"d"}', '{"k":3,"v":"z"}']);
  expect(await rows(sql, { 'incremental-to-auto-tag': '2024-12-03' })).toEqual([]);
  expect(await rows(sql, { 'incremental-to-auto-tag': '2024-12-01' })).toEqual([]);
  expect(await codeOf(rows(sql, { 'incremental-to-auto-tag': 'x' }))).toBe('LAKE_BAD_OPTION');
});

test('changes between times, in milliseconds or as texts, and of an append table', async () => {
  await using sql = await openSqlFixture();
  await sql.run(`CREATE TABLE t (k INT) WITH ('bucket' = '-1'); INSERT INTO t VALUES (1); INSERT INTO t VALUES (2)`);
  const [first, second] = await Promise.all(
    [1, 2].map(async id => {
      const [line = ''] = await sql.run(`SELECT commit_time FROM t$snapshots WHERE snapshot_id = ${id}`);
      return `${JSON.parse(line).commit_time}`.replace('T', ' ');
    }),
  );
  const times = { 'incremental-between-timestamp': `1999-01-01 00:00:00,${second}` };
  expect(await rows(sql, times)).toEqual(['{"k":1}', '{"k":2}']);
  const later = first === second ? ['{"k":1}', '{"k":2}'] : ['{"k":2}'];
  const since = { 'incremental-between-timestamp': `${Date.parse(`${first}Z`)},99999999999999` };
  expect((await rows(sql, since)).length).toBeLessThanOrEqual(later.length);
  expect(await rows(sql, { 'incremental-between': '1,2', 'incremental-between-scan-mode': 'diff' })).toEqual([
    '{"k":2}',
  ]);
});

test('states by the age of snapshots and of files, and a branch', async () => {
  await using sql = await history();
  const all = ['{"k":2,"v":"d"}', '{"k":3,"v":"z"}'];
  expect(await rows(sql, { 'scan.creation-time-millis': '1' })).toEqual(all);
  expect(await rows(sql, { 'scan.file-creation-time-millis': '99999999999999' })).toEqual([]);
  expect(await rows(sql, { 'scan.mode': 'from-snapshot-full', 'scan.snapshot-id': '1' })).toHaveLength(2);
  expect(await codeOf(rows(sql, { 'scan.watermark': '1' }))).toBe('LAKE_SNAPSHOT_NOT_FOUND');
  expect(await rows(sql, { 'consumer-id': 'c', nonsense: 'x', 'scan.parallelism': '3' })).toEqual(all);
  await createTag(await tableOf(sql), 'one', { snapshotId: 1 });
  await createBranch(await tableOf(sql), 'b', { tag: 'one' });
  await sql.run(`INSERT INTO t ${hint({ branch: 'b' })} VALUES (9, 'branch')`);
  expect(await rows(sql, { branch: 'b' })).toEqual(['{"k":1,"v":"a"}', '{"k":2,"v":"b"}', '{"k":9,"v":"branch"}']);
  expect(await rows(sql, { branch: 'main' })).toEqual(all);
  expect(await sql.run('SELECT count(*) AS n FROM `t$branch_b$snapshots`')).toEqual(['{"n":"2"}']);
});

test('options of a table that say which state is meant hold for its reads', async () => {
  await using sql = await history();
  await sql.run(`ALTER TABLE t SET ('scan.snapshot-id' = '1')`);
  expect(await sql.run('SELECT * FROM t ORDER BY k')).toEqual(['{"k":1,"v":"a"}', '{"k":2,"v":"b"}']);
});

test('options of an insert hold for its files', async () => {
  await using sql = await openSqlFixture();
  await sql.run(keyed);
  await sql.run(`INSERT INTO t ${hint({ 'data-file.prefix': 'mine-', 'sink.parallelism': '3' })} VALUES (1, 'a')`);
  await sql.run(`INSERT INTO t VALUES (2, 'b')`);
  const names = await sql.run('SELECT file_path FROM t$files');
  expect(names.filter(name => name.includes('mine-'))).toHaveLength(1);
  expect(await rows(sql, {})).toEqual(['{"k":1,"v":"a"}', '{"k":2,"v":"b"}']);
  expect((await tableOf(sql)).schema.options).not.toHaveProperty('data-file.prefix');
});

test('options that are fixed, senseless, or that all writers must have alike are refused', async () => {
  await using sql = await history();
  const before = await latestSnapshot(await tableOf(sql));
  const reads: readonly (readonly [Readonly<Record<string, string>>, string])[] = [
    [{ 'merge-engine': 'first-row' }, 'LAKE_BAD_OPTION'],
    [{ bucket: '-1' }, 'LAKE_BAD_OPTION'],
    [{ 'deletion-vectors.enabled': 'true' }, 'LAKE_BAD_OPTION'],
    [{ 'sequence.field': 'nobody' }, 'LAKE_BAD_OPTION'],
    [{ 'incremental-between': '1' }, 'LAKE_BAD_OPTION'],
    [{ 'incremental-between': 'a,b' }, 'LAKE_BAD_OPTION'],
    [{ 'incremental-between': '1,9' }, 'LAKE_SNAPSHOT_NOT_FOUND'],
    [{ 'incremental-between': '1,2', 'scan.snapshot-id': '1' }, 'LAKE_BAD_OPTION'],
    [{ 'incremental-between': '1,2', 'incremental-between-scan-mode': 'some' }, 'LAKE_BAD_OPTION'],
    [{ 'scan.mode': 'latest', 'scan.snapshot-id': '1' }, 'LAKE_BAD_OPTION'],
    [{ 'stream-scan-mode': 'compact-bucket-table' }, 'LAKE_BAD_OPTION'],
    [{ 'scan.fallback-branch': 'b' }, 'LAKE_UNSUPPORTED'],
    [{ branch: 'none' }, 'LAKE_TABLE_NOT_FOUND'],
  ];
  for (const [options, code] of reads) expect(await codeOf(rows(sql, options)), JSON.stringify(options)).toBe(code);
  expect(await codeOf(rows(sql, { 'incremental-between': '1,2' }, 't$binlog'))).toBe('LAKE_UNSUPPORTED');
  const writes: readonly (readonly [Readonly<Record<string, string>>, string])[] = [
    [{ 'bucket-key': 'k' }, 'LAKE_BAD_OPTION'],
    [{ 'target-file-size': 'large' }, 'LAKE_BAD_OPTION'],
    [{ 'changelog-producer': 'input' }, 'LAKE_UNSUPPORTED'],
    [{ bucket: '2' }, 'LAKE_UNSUPPORTED'],
    [{ 'file.compression': 'lz4' }, 'LAKE_UNSUPPORTED'],
    [{ 'file.format': 'orc' }, 'LAKE_UNSUPPORTED'],
  ];
  for (const [options, code] of writes) {
    expect(await codeOf(sql.run(`INSERT INTO t ${hint(options)} VALUES (5, 'e')`)), JSON.stringify(options)).toBe(code);
  }
  expect(await latestSnapshot(await tableOf(sql))).toEqual(before);
});

test('rows are merged by the order that a hint gives', async () => {
  await using sql = await openSqlFixture();
  await sql.run(`${keyed}; INSERT INTO t VALUES (1, 'z'); INSERT INTO t VALUES (1, 'a')`);
  expect(await rows(sql, {})).toEqual(['{"k":1,"v":"a"}']);
  expect(await rows(sql, { 'sequence.field': 'v' })).toEqual(['{"k":1,"v":"z"}']);
});
