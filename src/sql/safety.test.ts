import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openSqlFixture } from '../../test/sql-fixture.ts';
import { systemClock } from '../base/clock.ts';
import { systemRandom } from '../base/random.ts';
import { openLocalObjectStore } from '../storage/local/local-object-store.ts';
import { SqlEngine } from './engine.ts';
import { localFolderOf } from './relations/raw-files.ts';

test('user SQL reaches no file, network, setting or extension', async () => {
  await using sql = await openSqlFixture();
  const attempts = [
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM READ_CSV_AUTO('/etc/passwd')",
    "SELECT * FROM read_parquet('/tmp/x.parquet')",
    "SELECT * FROM parquet_scan('/tmp/x.parquet')",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_blob('/etc/passwd')",
    "SELECT * FROM read_json('/etc/passwd')",
    "SELECT * FROM glob('/etc/*')",
    "SELECT (SELECT content FROM read_text('/etc/passwd'))",
    "WITH q AS (SELECT * FROM read_text('/etc/passwd')) SELECT * FROM q",
    "SELECT * FROM range(1) r, LATERAL (SELECT * FROM read_text('/etc/passwd')) t",
    "SELECT * FROM query('SELECT 1')",
    "SELECT * FROM query_table('t')",
    "SELECT * FROM json_execute_serialized_sql('{}')",
    'SELECT * FROM duckdb_settings()',
    'SELECT * FROM pragma_database_list()',
    "SELECT * FROM sniff_csv('/etc/passwd')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM 'file.parquet'",
    'SELECT * FROM "file.parquet"',
    "SELECT * FROM 'https://example.com/x.parquet'",
    'SELECT * FROM "https://example.com/x.csv"',
    'SELECT * FROM information_schema.tables',
    'SELECT * FROM duckdb_tables',
    'SELECT * FROM sqlite_master',
    'SELECT * FROM memory.main.t',
    'SELECT * FROM (SHOW ALL TABLES)',
    "SELECT getenv('HOME')",
    "SELECT current_setting('temp_directory')",
    "SELECT getvariable('x')",
    "SELECT write_log('x')",
    "COPY (SELECT 1) TO '/tmp/tidelake-out.csv'",
    "COPY t FROM '/etc/passwd'",
    "ATTACH '/tmp/x.db'",
    'INSTALL httpfs',
    'LOAD httpfs',
    "EXPORT DATABASE '/tmp/x'",
    'PRAGMA database_list',
    'SET threads = 1',
    "SET enable_external_access = true; SELECT * FROM read_text('/etc/passwd')",
    'RESET enable_external_access',
    'CALL pragma_version()',
    "CREATE SECRET s (TYPE s3, KEY_ID 'a', SECRET 'b')",
    'CREATE MACRO f(x) AS x',
    'CREATE OR REPLACE VIEW v AS SELECT 1',
    'UPDATE t SET a = 1',
    'DELETE FROM t',
    "EXPLAIN ANALYZE COPY (SELECT 1) TO '/tmp/tidelake-out.csv'",
    "EXPLAIN SELECT * FROM read_text('/etc/passwd')",
  ];
  for (const attempt of attempts) {
    await expect(sql.run(attempt), attempt).rejects.toMatchObject({
      name: 'LakeError',
      kind: expect.stringMatching(/^(invalid|unsupported)$/),
    });
  }
  await sql.run(`CREATE TABLE t (a STRING) WITH ('bucket' = '-1')`);
  await expect(sql.run("INSERT INTO t SELECT content FROM read_text('/etc/passwd')")).rejects.toThrow(/not allowed/);
  expect(existsSync('/tmp/tidelake-out.csv')).toBe(false);
});

test('what gets past our own look is stopped by the engine', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tidelake-safety-'));
  await writeFile(join(folder, 'secret.csv'), 'a\n1\n');
  await using engine = await SqlEngine.open({ readableFolders: [] });
  const connection = await engine.connect();
  const attempts = [
    `SELECT * FROM read_csv('${folder}/secret.csv')`,
    `SELECT * FROM '${folder}/secret.csv'`,
    `SELECT * FROM read_text('${engine.folder}/../${folder.split('/').at(-1)}/secret.csv')`,
    `SELECT * FROM glob('${folder}/*')`,
    `COPY (SELECT 1) TO '${folder}/out.csv'`,
    `ATTACH '${folder}/x.db'`,
    'INSTALL httpfs',
    'LOAD httpfs',
    'SET enable_external_access = true',
    "SET allowed_directories = ['/']",
    'SET lock_configuration = false',
    'RESET lock_configuration',
    "SELECT * FROM read_csv('https://example.com/x.csv')",
    `EXPORT DATABASE '${folder}/export'`,
  ];
  for (const attempt of attempts) {
    await expect(connection.run(attempt), attempt).rejects.toMatchObject({ name: 'LakeError' });
  }
  expect(await readdir(folder)).toEqual(['secret.csv']);
  await connection[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

test('statements that run at the same time do not see each other, and nothing stays behind', async () => {
  const tempRoot = await mkdtemp(join(tmpdir(), 'tidelake-safety-'));
  const sql = await openSqlFixture({ engine: { tempRoot } });
  await sql.run(`CREATE TABLE t (k INT) WITH ('bucket' = '-1'); INSERT INTO t VALUES (1);
    CREATE TABLE e.t (k INT) WITH ('bucket' = '-1'); INSERT INTO e.t VALUES (2)`);
  const texts = Array.from({ length: 8 }, (_, index) => `SELECT ${index} AS i, a.k, b.k AS l FROM t a, e.t b`);
  const answers = await Promise.all(texts.map(text => sql.run(text)));
  expect(answers).toEqual(texts.map((_, index) => [`{"i":${index},"k":1,"l":2}`]));
  const [folder = ''] = await readdir(tempRoot);
  expect(await readdir(join(tempRoot, folder))).toEqual([]);
  await sql[Symbol.asyncDispose]();
  await sql[Symbol.asyncDispose]();
  expect(await readdir(tempRoot)).toEqual([]);
  await rm(tempRoot, { recursive: true });
});

test('a data file that is cut or gone in a local store is reported as such, never as fewer rows', async () => {
  const root = await mkdtemp(join(tmpdir(), 'tidelake-safety-'));
  const store = await openLocalObjectStore({ root, durability: 'none' }, { clock: systemClock, random: systemRandom });
  await using sql = await openSqlFixture({ store, engine: { readableFolders: [root] } });
  await sql.run(`CREATE TABLE t (k INT) WITH ('bucket' = '-1'); INSERT INTO t VALUES (1), (2)`);
  const [line = ''] = await sql.run('SELECT file_path FROM t$files');
  const path = String(JSON.parse(line).file_path).slice('file:'.length);
  expect(localFolderOf(store)).toBe(root);
  expect(await sql.run('SELECT sum(k) AS s FROM t')).toEqual(['{"s":"3"}']);
  await writeFile(path, 'PAR1');
  await expect(sql.run('SELECT sum(k) FROM t')).rejects.toMatchObject({ kind: 'corrupt', code: 'LAKE_FILE_SIZE' });
  await rm(path);
  await expect(sql.run('SELECT sum(k) FROM t')).rejects.toMatchObject({ kind: 'corrupt', code: 'LAKE_FILE_MISSING' });
  await store[Symbol.asyncDispose]();
  await rm(root, { recursive: true });
});
