import { expect, test } from 'vitest';
import { openSqlFixture } from '../../../test/sql-fixture.ts';
import { systemClock } from '../../base/clock.ts';
import { countingObjectStore } from '../../storage/counting-object-store.ts';
import { MemoryObjectStore } from '../../storage/memory/memory-object-store.ts';
import { piecesAround } from './sparse-copy.ts';

test('a query of a large remote file fetches the columns it needs and not the rest', async () => {
  const store = countingObjectStore(new MemoryObjectStore('memory:relation', systemClock));
  await using sql = await openSqlFixture({ store });
  await sql.run(`CREATE TABLE t (k BIGINT, n INT, wide STRING) WITH ('bucket' = '-1');
    INSERT INTO t SELECT range, range % 7, sha256('a' || range) || sha256('b' || range)
    FROM range(200000)`);
  const [sizes = ''] = await sql.run('SELECT max(file_size_in_bytes) AS bytes FROM t$files');
  expect(Number(JSON.parse(sizes).bytes)).toBeGreaterThan(8 * 1024 * 1024);
  store.reset();
  const sums = await sql.run('SELECT count(*) AS c, sum(n) AS s FROM t WHERE k >= 1000');
  expect(store.counts().bytesRead).toBeLessThan(3 * 1024 * 1024);
  expect(sums).toEqual(await sql.run('SELECT count(*) AS c, sum(range % 7) AS s FROM range(1000, 200000)'));
  expect(await sql.run(`SELECT wide[1:4] AS w FROM t WHERE k = 150000`)).toEqual([
    `{"w":"${await hashStart(sql.run)}"}`,
  ]);
});

async function hashStart(run: (text: string) => Promise<string[]>): Promise<string> {
  const [line = ''] = await run("SELECT sha256('a150000')[1:4] AS w");
  return String(JSON.parse(line).w);
}

test('a filter on partition and key leaves out files before any is opened', async () => {
  const opened: string[] = [];
  const store = countingObjectStore(new MemoryObjectStore('memory:relation', systemClock), (operation, key) => {
    if (operation.startsWith('get') && key.endsWith('.parquet')) opened.push(key);
  });
  await using sql = await openSqlFixture({ store });
  await sql.run(`CREATE TABLE t (p STRING, k BIGINT, v INT, PRIMARY KEY (p, k) NOT ENFORCED)
    PARTITIONED BY (p) WITH ('bucket' = '4');
    INSERT INTO t SELECT 'p' || (range % 5), range, range FROM range(1000)`);
  expect(await sql.run(`SELECT v FROM t WHERE p = 'p3' AND k = 13`)).toEqual(['{"v":13}']);
  expect(opened).toHaveLength(1);
  opened.length = 0;
  expect(await sql.run(`SELECT count(*) AS c FROM t WHERE p IN ('p1', 'p2')`)).toEqual(['{"c":"400"}']);
  expect(opened).toHaveLength(8);
});

test('rows of overlapping files are merged before SQL sees them', async () => {
  await using sql = await openSqlFixture();
  await sql.run(`CREATE TABLE t (k BIGINT, v INT, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '2');
    INSERT INTO t SELECT range, 1 FROM range(1000); INSERT INTO t SELECT range * 2, 2 FROM range(500)`);
  expect(await sql.run('SELECT v, count(*) AS c FROM t GROUP BY v ORDER BY v')).toEqual([
    '{"v":1,"c":"500"}',
    '{"v":2,"c":"500"}',
  ]);
  expect(await sql.run('SELECT count(*) AS c FROM t WHERE v = 1 AND k < 10')).toEqual(['{"c":"5"}']);
  expect(await sql.run('SELECT count(*) AS c FROM t')).toEqual(['{"c":"1000"}']);
});

test('columns whose names differ in case only are refused by name', async () => {
  await using sql = await openSqlFixture();
  await sql.run(`CREATE TABLE t (a INT, A INT) WITH ('bucket' = '-1')`);
  await expect(sql.run('SELECT a FROM t')).rejects.toMatchObject({ code: 'LAKE_UNSUPPORTED' });
});

test('pieces cover everything but holes that are worth it', () => {
  const big = 100_000;
  expect(piecesAround([], 10)).toEqual([{ start: 0, end: 10 }]);
  expect(piecesAround([{ start: 4, end: 4 + big }], 4 + big + 6)).toEqual([
    { start: 0, end: 4 },
    { start: 4 + big, end: 10 + big },
  ]);
  expect(piecesAround([{ start: 4, end: 9 }], 20)).toEqual([{ start: 0, end: 20 }]);
  const neighbours = [
    { start: 4 + big, end: 4 + 2 * big },
    { start: 4, end: 4 + big },
  ];
  expect(piecesAround(neighbours, 10 + 2 * big)).toEqual([
    { start: 0, end: 4 },
    { start: 4 + 2 * big, end: 10 + 2 * big },
  ]);
  const covered = piecesAround([], 20 * 1024 * 1024).reduce((sum, { start, end }) => sum + end - start, 0);
  expect(covered).toBe(20 * 1024 * 1024);
});
