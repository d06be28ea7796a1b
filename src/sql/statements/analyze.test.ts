import { expect, test } from 'vitest';
import { openSqlFixture, type SqlFixture } from '../../../test/sql-fixture.ts';
import { isLakeError } from '../../base/errors.ts';
import { latestSnapshot } from '../../table/snapshots.ts';
import { openTable, type Table } from '../../table/table.ts';
import { readStatistics } from '../../table/table-statistics.ts';

const mixed = `CREATE DATABASE d; CREATE TABLE t (k INT NOT NULL, s STRING, d DECIMAL(20, 2), day DATE, at TIMESTAMP(9),
    b BYTES, f DOUBLE, ok BOOLEAN, list ARRAY<INT>, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1');
  INSERT INTO t VALUES
    (1, 'abc', 1.50, DATE '2024-01-02', TIMESTAMP '2024-01-02 03:04:05.123456', 'ab'::BLOB, 0.5, true, [1]),
    (2, 'ä', -7.25, DATE '1969-12-31', TIMESTAMP '2024-01-01 00:00:00', NULL, 'NaN'::DOUBLE, false, NULL),
    (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
  INSERT INTO t VALUES (1, 'abcd', 1.50, DATE '2024-01-02', TIMESTAMP '2024-01-02 03:04:05.123456', 'ab'::BLOB, 0.5, true, [1])`;

async function fixture(ddl: string): Promise<SqlFixture> {
  const sql = await openSqlFixture();
  await sql.run(ddl);
  return sql;
}

function tableOf({ context: { catalog } }: SqlFixture): Promise<Table> {
  return openTable(catalog.store, { database: 'd', name: 't' }, catalog);
}

async function statisticsOf(sql: SqlFixture): Promise<Awaited<ReturnType<typeof readStatistics>>> {
  const table = await tableOf(sql);
  const snapshot = await latestSnapshot(table);
  return snapshot === undefined ? undefined : readStatistics(table, snapshot);
}

test('rows as a query sees them are counted, and of each column what a planner asks', async () => {
  await using sql = await fixture(mixed);
  expect(await sql.run('ANALYZE TABLE t COMPUTE STATISTICS FOR ALL COLUMNS')).toEqual([
    'd.t analyzed: 3 rows, 9 columns, snapshot 3',
  ]);
  const { snapshotId, mergedRecordCount, columns } = (await statisticsOf(sql)) ?? {};
  expect([snapshotId, mergedRecordCount]).toEqual([2, 3n]);
  const shown = [...(columns ?? [])].map(([name, of]) =>
    [name, of.distinctCount, of.min, of.max, of.nullCount, of.averageLength, of.maxLength].join(' '),
  );
  expect(shown).toEqual([
    'k 3 1 3 0 4 4',
    's 2   1 3 4',
    'd 2 -7.25 1.50 1 16 16',
    'day 2 -1 19724 1 4 4',
    'at 2 2024-01-01 00:00:00.000000000 2024-01-02 03:04:05.123456000 1 8 8',
    'b 1   2 2 2',
    'f 2 0.5 NaN 1 8 8',
    'ok 2 false true 1 1 1',
    'list    2  ',
  ]);
});

test('named columns only, or none: then only rows are counted', async () => {
  await using sql = await fixture(mixed);
  await sql.run('ANALYZE TABLE t COMPUTE STATISTICS FOR COLUMNS day, k, day');
  expect([...((await statisticsOf(sql))?.columns.keys() ?? [])]).toEqual(['day', 'k']);
  await sql.run('ANALYZE TABLE t COMPUTE STATISTICS');
  const statistics = await statisticsOf(sql);
  expect([statistics?.snapshotId, statistics?.mergedRecordCount, statistics?.columns.size]).toEqual([3, 3n, 0]);
  const table = await tableOf(sql);
  const bytes = await sql.run('SELECT sum(file_size_in_bytes) AS bytes, sum(record_count) AS n FROM `t$files`');
  expect(bytes).toHaveLength(1);
  const { bytes: size, n } = JSON.parse(bytes[0] ?? '');
  expect(statistics?.mergedRecordSize).toBe((BigInt(size) * 3n) / BigInt(n));
  expect((await latestSnapshot(table))?.commitKind).toBe('ANALYZE');
});

test('of a large table distinct values are estimated, and never more than there are', async () => {
  await using sql = await fixture(`CREATE DATABASE d; CREATE TABLE t (k INT, m STRING, n DECIMAL(9, 2));
    INSERT INTO t SELECT i, 'x' || (i % 1000), i FROM range(1200000) r(i)`);
  await sql.run('ANALYZE TABLE t COMPUTE STATISTICS FOR ALL COLUMNS');
  const { columns } = (await statisticsOf(sql)) ?? {};
  const [k, m, n] = ['k', 'm', 'n'].map(name => Number(columns?.get(name)?.distinctCount));
  for (const unique of [k, n]) {
    expect(unique).toBeGreaterThan(900_000);
    expect(unique).toBeLessThanOrEqual(1_200_000);
  }
  expect(Math.abs((m ?? 0) - 1000)).toBeLessThan(100);
});

test('statistics are carried on while the schema stays, and are of the newest schema', async () => {
  await using sql = await fixture(mixed);
  await sql.run('ANALYZE TABLE t COMPUTE STATISTICS FOR ALL COLUMNS; INSERT INTO t (k) VALUES (9)');
  expect((await statisticsOf(sql))?.snapshotId).toBe(2);
  expect(await sql.run('SELECT snapshot_id, mergedRecordCount FROM `t$statistics`')).toEqual([
    '{"snapshot_id":"2","mergedRecordCount":"3"}',
  ]);
  await sql.run('ALTER TABLE t ADD more INT; ANALYZE TABLE t COMPUTE STATISTICS FOR COLUMNS more');
  expect(await statisticsOf(sql)).toMatchObject({ schemaId: 1, mergedRecordCount: 4n });
  await sql.run('ALTER TABLE t ADD most INT; INSERT INTO t (k) VALUES (10)');
  expect(await statisticsOf(sql)).toBeUndefined();
  expect(await sql.run('SELECT * FROM `t$statistics`')).toEqual([]);
});

test('what the log of a table has acknowledged before is taken into it first', async () => {
  await using plain = await fixture(mixed);
  const settle = async (table: Table): Promise<void> => {
    await plain.run(`INSERT INTO ${table.label} (k) VALUES (4)`);
  };
  await using sql = await openSqlFixture({ store: plain.context.catalog.store, context: { settle } });
  expect(await sql.run('ANALYZE TABLE t COMPUTE STATISTICS')).toEqual(['d.t analyzed: 4 rows, 0 columns, snapshot 4']);
});

test('a schema that comes in between has the table analyzed again, under it', async () => {
  await using plain = await fixture(mixed);
  let isFirst = true;
  const engine = plain.context.engine;
  const altering = {
    ...plain.context,
    // Between the opening of the table and the query over it.
    settle: async (): Promise<void> => {
      if (isFirst) await plain.run('ALTER TABLE t ADD late INT; INSERT INTO t (k) VALUES (4)');
      isFirst = false;
    },
  };
  await using sql = await openSqlFixture({ store: plain.context.catalog.store, context: { ...altering, engine } });
  await sql.run('ANALYZE TABLE t COMPUTE STATISTICS FOR ALL COLUMNS');
  const statistics = await statisticsOf(sql);
  expect([statistics?.schemaId, statistics?.columns.has('late')]).toEqual([1, true]);
});

test.each([
  ['ANALYZE TABLE t COMPUTE STATISTICS FOR COLUMNS nope', 'LAKE_SQL_BINDER', 'nope'],
  ['ANALYZE TABLE `t$files` COMPUTE STATISTICS', 'LAKE_BAD_NAME', 'system table'],
  ['ANALYZE TABLE t PARTITION (k = 1) COMPUTE STATISTICS', 'LAKE_UNSUPPORTED', 'PARTITION'],
  ['ANALYZE TABLE t COMPUTE STATISTICS NOSCAN', 'LAKE_UNSUPPORTED', 'NOSCAN'],
  ['ANALYZE TABLES IN d COMPUTE STATISTICS', 'LAKE_UNSUPPORTED', 'TABLES'],
  ['ANALYZE TABLE t COMPUTE', 'LAKE_SQL_SYNTAX', 'STATISTICS'],
  ['ANALYZE TABLE t COMPUTE STATISTICS FOR ROWS', 'LAKE_SQL_SYNTAX', 'COLUMNS'],
  ['ANALYZE TABLE missing COMPUTE STATISTICS', 'LAKE_TABLE_NOT_FOUND', 'missing'],
])('%s is refused', async (statement, code, what) => {
  await using sql = await fixture(mixed);
  const error: unknown = await sql.run(statement).catch((failure: unknown) => failure);
  expect(isLakeError(error, code as 'LAKE_SQL_BINDER') && error.message).toContain(what);
  expect(await statisticsOf(sql)).toBeUndefined();
});

test('a table without a snapshot has nothing to analyze, and gets none', async () => {
  await using sql = await fixture('CREATE DATABASE d; CREATE TABLE t (k INT)');
  expect(await sql.run('ANALYZE TABLE t COMPUTE STATISTICS FOR ALL COLUMNS')).toEqual([
    'd.t has no snapshot to analyze',
  ]);
  expect(await latestSnapshot(await tableOf(sql))).toBeUndefined();
});
