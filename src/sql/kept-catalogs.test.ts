/** Queries that are asked again. */
import { mkdtemp, readdir, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openSqlFixture, type SqlFixture } from '../../test/sql-fixture.ts';
import { systemClock } from '../base/clock.ts';
import { systemRandom } from '../base/random.ts';
import { openLocalObjectStore } from '../storage/local/local-object-store.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { openQuery } from './statements/open-query.ts';

type Folder = AsyncDisposable & { readonly sql: SqlFixture; readonly tempRoot: string };

/** A table `t` of one row, whose file DuckDB reads where it is. */
async function openFolder(): Promise<Folder> {
  // With a quote, as there may be in the name of a user.
  const root = await mkdtemp(join(tmpdir(), "tidelake-o'kept-"));
  const warehouse = join(root, 'lake');
  const store: ObjectStore = await openLocalObjectStore(
    { root: warehouse, durability: 'none' },
    { clock: systemClock, random: systemRandom },
  );
  const sql = await openSqlFixture({ store, engine: { readableFolders: [warehouse], tempRoot: root } });
  await sql.run(`CREATE TABLE t (k INT) WITH ('bucket' = '-1'); INSERT INTO t VALUES (1)`);
  return {
    sql,
    tempRoot: root,
    [Symbol.asyncDispose]: async () => {
      await sql[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
      await rm(root, { recursive: true });
    },
  };
}

/** Names of the catalogs that queries have or that are kept. */
async function catalogs({ context }: SqlFixture): Promise<readonly string[]> {
  await using connection = await context.engine.connect();
  const names = await connection.text(
    `SELECT string_agg(database_name, ' ' ORDER BY database_name) FROM duckdb_databases() WHERE database_name LIKE $1`,
    'tidelake_%',
  );
  return names.split(' ').filter(name => name !== connection.catalog);
}

test('a query that is asked again has the catalog it had, and the rows that came meanwhile', async () => {
  await using opened = await openFolder();
  const { sql } = opened;
  const ask = async (): Promise<readonly string[]> => sql.run('SELECT sum(k) AS s FROM t');
  expect(await ask()).toEqual(['{"s":"1"}']);
  const steps = [
    ['', '1'],
    ['INSERT INTO t VALUES (2)', '3'],
    ['ALTER TABLE t ADD (v STRING)', '3'],
    [`DROP TABLE t; CREATE TABLE t (k INT) WITH ('bucket' = '-1'); INSERT INTO t VALUES (7)`, '7'],
  ];
  for (const [change = '', sum] of steps) {
    await sql.run(change);
    const before = await catalogs(sql);
    expect(await ask()).toEqual([`{"s":"${sum}"}`]);
    expect(await catalogs(sql)).toEqual(before);
  }
});

test('relations of other databases, points in time and parameters are others', async () => {
  await using opened = await openFolder();
  const { sql } = opened;
  await sql.run(
    `INSERT INTO t VALUES (2); CREATE TABLE e.t (k INT) WITH ('bucket' = '-1'); INSERT INTO e.t VALUES (9)`,
  );
  const text = 'SELECT k FROM t ORDER BY k';
  expect(await sql.run(text)).toEqual(['{"k":1}', '{"k":2}']);
  expect(await sql.run(`USE e; ${text}; USE d; ${text}`)).toContain('{"k":9}');
  const travel = "SELECT k FROM t /*+ OPTIONS('scan.snapshot-id'='1') */ ORDER BY k";
  for (const _ of ['once', 'again']) {
    expect(await sql.run(travel)).toEqual(['{"k":1}']);
    expect(await sql.run(text)).toEqual(['{"k":1}', '{"k":2}']);
  }
  const filtered = 'SELECT k FROM t WHERE k = $1';
  for (const k of [1, 2, 3, 1]) {
    expect(await sql.run(filtered, { parameters: [k] })).toEqual(k === 3 ? [] : [`{"k":${k}}`]);
  }
});

test('no database of the lake has the name of a catalog, which would be ambiguous while that is kept', async () => {
  await using opened = await openFolder();
  const { sql } = opened;
  const [kept = ''] = await catalogs(sql);
  for (const name of ['tidelake_1', 'tidelake_2', 'tidelake_3']) {
    await sql.run(`CREATE DATABASE ${name}; CREATE TABLE ${name}.t (k INT) WITH ('bucket' = '-1')`);
    expect(await sql.run(`SELECT count(*) AS n FROM ${name}.t`)).toEqual(['{"n":"0"}']);
  }
  expect(await catalogs(sql)).toContain(kept);
  await expect(sql.run(`CREATE DATABASE \`${kept}\``)).rejects.toMatchObject({ code: 'LAKE_BAD_NAME' });
});

test('the same query at the same time has catalogs of its own, and no more are kept than a few', async () => {
  await using opened = await openFolder();
  const { sql } = opened;
  const answers = await Promise.all(Array.from({ length: 20 }, () => sql.run('SELECT k FROM t')));
  expect(answers).toEqual(answers.map(() => ['{"k":1}']));
  expect(await catalogs(sql)).toHaveLength(8);
});

test('what was given up, failed, or read rows of its own is not kept', async () => {
  await using opened = await openFolder();
  const { sql, tempRoot } = opened;
  const { context, session } = sql;
  const before = await catalogs(sql);
  const endless = { sql: 'SELECT t.k FROM t, range(100000000)', travels: [] };
  await using query = await openQuery(context, session, endless, {});
  for await (const _ of query.batches) break;
  await expect(sql.run("SELECT CAST(k || 'x' AS INT) AS n FROM t")).rejects.toMatchObject({ code: 'LAKE_SQL_VALUE' });
  await sql.run('SELECT * FROM t$snapshots');
  expect(await catalogs(sql)).toEqual(before);
  const [folder = ''] = (await readdir(tempRoot)).filter(name => name.startsWith('tidelake-sql-'));
  expect(await readdir(join(tempRoot, folder))).toEqual([]);
});

test('what is kept holds no file open', async () => {
  await using opened = await openFolder();
  const before = await catalogs(opened.sql);
  await opened.sql.run('SELECT k FROM t');
  expect(await catalogs(opened.sql)).toHaveLength(before.length + 1);
  const descriptors = await readdir('/proc/self/fd');
  const open = await Promise.all(descriptors.map(name => readlink(join('/proc/self/fd', name)).catch(() => '')));
  expect(open.filter(path => path.includes(opened.tempRoot) && path.endsWith('.parquet'))).toEqual([]);
});
