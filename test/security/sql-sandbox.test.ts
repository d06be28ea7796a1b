/**
 * The sandbox of SQL, tried with what DuckDB itself says that it has: every table function, every function with an effect,
 * every pragma and setting. A canary's words must not come out, a listener must not be called, no setting may change, no
 * file may come to be. A new version of DuckDB that has more fails here until somebody has looked.
 */
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { isLakeError } from '../../src/base/errors.ts';
import { DuckDBInstance } from '../../src/sql/duckdb.ts';
import { SqlEngine } from '../../src/sql/engine.ts';
import { openSqlFixture, type SqlFixture } from '../sql-fixture.ts';

const canary = 'CANARY-7f3a';

type Cage = AsyncDisposable & {
  readonly sql: SqlFixture;
  /** A folder that DuckDB may read, as a local warehouse is: our own look alone keeps users from its files. */
  readonly readable: string;
  /** One that it may not. */
  readonly outside: string;
  readonly address: string;
  callCount(): number;
};

async function openCage(): Promise<Cage> {
  const root = await mkdtemp(join(tmpdir(), 'tidelake-cage-k-'));
  const readable = join(root, 'lake');
  const outside = join(root, 'outside');
  for (const folder of [readable, outside]) {
    await mkdir(folder);
    await writeFile(join(folder, 'k.csv'), `a\n${canary}\n`);
    await writeFile(join(folder, 'k.json'), `{"a":"${canary}"}\n`);
  }
  let callCount = 0;
  const server: Server = createServer(socket => {
    callCount += 1;
    socket.destroy();
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const bound = server.address();
  const port = typeof bound === 'object' ? bound?.port : undefined;
  const sql = await openSqlFixture({ engine: { readableFolders: [readable], tempRoot: root } });
  return {
    sql,
    readable,
    outside,
    address: `http://127.0.0.1:${port}`,
    callCount: () => callCount,
    [Symbol.asyncDispose]: async () => {
      await sql[Symbol.asyncDispose]();
      await new Promise(resolve => server.close(resolve));
      await rm(root, { recursive: true });
    },
  };
}

/** Rows of a query of ours on a DuckDB with nothing shut off. */
async function askDuckDb(sql: string): Promise<readonly (readonly unknown[])[]> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    return (await connection.runAndReadAll(sql)).getRows();
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

async function namesOf(condition: string): Promise<readonly string[]> {
  const rows = await askDuckDb(`SELECT DISTINCT function_name FROM duckdb_functions() WHERE ${condition} ORDER BY 1`);
  return rows.map(([name]) => String(name));
}

/** The code of the refusal; the words of the canary are in nothing that comes back. */
async function refusalOf(cage: Cage, attempt: string): Promise<string | undefined> {
  try {
    expect((await cage.sql.run(attempt)).join('\n'), attempt).not.toContain(canary);
    return undefined;
  } catch (error) {
    if (!isLakeError(error)) throw error;
    expect(`${error.message} ${error.stack}`, attempt).not.toContain(canary);
    return error.code;
  }
}

const rowsOnly = ['generate_series', 'json_each', 'json_tree', 'range', 'repeat', 'repeat_row', 'unnest'];

test('every table function of DuckDB is refused by its name but those that only make rows', async () => {
  await using cage = await openCage();
  const names = await namesOf(`function_type IN ('table', 'table_macro')`);
  expect(names.length).toBeGreaterThan(80);
  for (const name of names) {
    if (rowsOnly.includes(name)) continue;
    const file = join(cage.readable, 'k.csv');
    for (const attempt of [
      `SELECT * FROM ${name}('${file}')`,
      `SELECT 1 WHERE EXISTS (FROM system.main."${name.toUpperCase()}"('${file}'))`,
    ]) {
      expect(await refusalOf(cage, attempt), attempt).toBe('LAKE_SQL_DENIED');
    }
    const remote = `SELECT * FROM /* x */ ${name}\n(['${cage.address}/x.csv'])`;
    expect(await refusalOf(cage, remote), remote).toBe('LAKE_SQL_DENIED');
  }
  for (const name of rowsOnly) {
    const attempt = `SELECT * FROM evil.${name}('x')`;
    expect(await refusalOf(cage, attempt), attempt).toBe('LAKE_SQL_DENIED');
  }
  expect(cage.callCount()).toBe(0);
});

/** Have an effect or tell of the process, say DuckDB's own lists; each was looked at and does no harm to others. */
const harmless: ReadonlySet<string> = new Set([
  ...['random', 'uuid', 'uuidv4', 'uuidv7', 'gen_random_uuid', 'error', 'now', 'today', 'transaction_timestamp'],
  ...['current_date', 'current_time', 'current_timestamp', 'current_localtime', 'current_localtimestamp', 'age'],
  ...['get_current_time', 'get_current_timestamp', 'current_connection_id', 'current_query', 'current_query_id'],
  ...['current_transaction_id', 'current_database', 'current_schema', 'current_schemas', 'in_search_path'],
  ...['txid_current', 'stats', 'version', 'icu_collate_noaccent'],
]);

test('every function that has an effect, or is not of its arguments alone, is refused or was looked at', async () => {
  await using cage = await openCage();
  const names = await namesOf(
    `function_type = 'scalar' AND (has_side_effects OR stability <> 'CONSISTENT') AND regexp_matches(function_name, '^[a-z]')`,
  );
  expect(names).toContain('write_log');
  for (const name of names) {
    if (harmless.has(name)) continue;
    for (const attempt of [
      `SELECT ${name}('threads')`,
      `SELECT "${name}"()`,
      `SELECT list_transform(['x'], lambda x: ${name}(x))`,
    ]) {
      expect(await refusalOf(cage, attempt), attempt).toBe('LAKE_SQL_DENIED');
    }
  }
});

test('no macro of DuckDB leads to a function that is refused', async () => {
  await using cage = await openCage();
  const rows = await askDuckDb(
    `SELECT function_name, macro_definition FROM duckdb_functions() WHERE function_type = 'macro' AND macro_definition IS NOT NULL`,
  );
  expect(rows.length).toBeGreaterThan(100);
  const calls =
    /\b(getenv|getvariable|current_setting|write_log|sleep_ms|nextval|currval|setseed|json_serialize_plan)\b/;
  for (const [name, definition] of rows) {
    if (!calls.test(String(definition))) continue;
    expect(await refusalOf(cage, `SELECT ${String(name)}(1)`), String(name)).toBe('LAKE_SQL_DENIED');
  }
});

test('no name leads to a file: not one of WITH, in any case, alphabet, place or quoting', async () => {
  await using cage = await openCage();
  for (const folder of [cage.readable, cage.outside]) {
    for (const file of ['k.csv', 'k.json', '*.csv', 'k.cs?']) {
      const path = join(folder, file);
      // The Kelvin sign is a k in small letters for JavaScript, and not for DuckDB.
      const kelvin = path.replaceAll('k.', '\u212a.');
      const attempts = [
        `SELECT * FROM '${path}'`,
        `FROM "${path}"`,
        `(TABLE "${path}")`,
        `EXPLAIN ANALYZE SELECT * FROM '${path}'`,
        `WITH "${kelvin}" AS (SELECT 1) SELECT * FROM "${path}"`,
        `WITH "${path.toUpperCase()}" AS (SELECT 1) SELECT * FROM "${path}"`,
        `WITH "${path}" AS (SELECT * FROM "${path}") SELECT * FROM "${path}"`,
        `WITH RECURSIVE "${path}" AS (SELECT * FROM "${path}" UNION ALL SELECT * FROM "${path}" WHERE false) FROM "${path}"`,
        `WITH RECURSIVE "${path}" AS (SELECT 1 UNION SELECT * FROM (SELECT * FROM "${path}")) SELECT * FROM "${path}"`,
        `WITH a AS (SELECT * FROM "${path}"), "${path}" AS (SELECT 1) SELECT * FROM a`,
        `SELECT * FROM (WITH "${path}" AS (SELECT 1) SELECT 1), "${path}"`,
        `SELECT (WITH "${path}" AS MATERIALIZED (SELECT 1) SELECT count(*) FROM "${path}")`,
        `SELECT * FROM (SUMMARIZE "${path}")`,
        `SELECT * FROM (DESCRIBE "${path}")`,
        `FROM (PIVOT "${path}" ON a USING count(*))`,
        `FROM (UNPIVOT "${path}" ON a)`,
        `SELECT 1 WHERE 'x' IN (FROM "${path}")`,
        `SELECT * FROM "${folder}"."${file}"`,
        `SELECT * FROM \`${path}\``,
        `SELECT json_serialize_plan('SELECT * FROM "${path}"')`,
        `SELECT 1 -- \0\n; SELECT * FROM '${path}'`,
        `SELECT 1\0 UNION SELECT * FROM '${path}'`,
        `SELECT 1; SELECT * FROM '${path}'`,
        `SELECT\u00a0*\u00a0FROM\u00a0'${path}'`,
        `SELECT * FROM U&'${path}'`,
        `SELECT * FROM $$${path}$$`,
        `SELECT * FROM E'${path}'`,
        `INSERT INTO t SELECT * FROM '${path}'`,
      ];
      for (const attempt of attempts) expect(await refusalOf(cage, attempt), attempt).toMatch(/^LAKE_/);
    }
  }
});

test('a name given by WITH that could be no file is a name, in any case', async () => {
  await using cage = await openCage();
  expect(await cage.sql.run('WITH Q AS (SELECT 1 AS a) SELECT a FROM q')).toEqual(['{"a":1}']);
  expect(
    await cage.sql.run('WITH RECURSIVE "größe 1" AS (SELECT 1 AS a UNION SELECT a FROM "größe 1") FROM "größe 1"'),
  ).toEqual(['{"a":1}']);
});

test('no statement, pragma or setting gets through, and settings and files are what they were', async () => {
  await using cage = await openCage();
  const pragmas = await namesOf(`function_type = 'pragma'`);
  const settings = (await askDuckDb('SELECT name FROM duckdb_settings()')).map(([name]) => String(name));
  expect(settings.length).toBeGreaterThan(100);
  const before = await readdir(cage.readable, { recursive: true });
  const connection = await cage.sql.context.engine.connect();
  const values = `SELECT string_agg(name || '=' || coalesce(value, ''), chr(10) ORDER BY name) FROM duckdb_settings() WHERE $1 = ''`;
  const settingsBefore = await connection.text(values, '');
  const out = join(cage.readable, 'out');
  const statements = [
    ...settings.flatMap(name => [`SET ${name} = 1`, `SET GLOBAL ${name} = 1`, `RESET ${name}`, `PRAGMA ${name} = 1`]),
    ...pragmas.flatMap(name => [`PRAGMA ${name}`, `CALL ${name}()`, `SELECT * FROM pragma_${name}()`]),
    ...['csv', 'json', 'parquet'].map(format => `COPY (SELECT 1) TO '${out}.${format}' (FORMAT ${format})`),
    `EXPLAIN ANALYZE COPY (SELECT 1) TO '${out}.csv'`,
    `EXPLAIN/**/ANALYZE/**/COPY (SELECT 1) TO '${out}.csv'`,
    `ATTACH '${out}.db'`,
    `ATTACH '${cage.address}/x.db'`,
    'DETACH memory',
    `EXPORT DATABASE '${out}'`,
    `IMPORT DATABASE '${out}'`,
    `INSTALL httpfs FROM '${cage.address}'`,
    `LOAD '${out}.duckdb_extension'`,
    "CREATE SECRET s (TYPE s3, KEY_ID 'a', SECRET 'b')",
    'DROP SECRET s',
    'CREATE TEMP TABLE x AS SELECT 1',
    'CREATE VIEW x AS SELECT 1',
    'CREATE MACRO x() AS 1',
    'CREATE TYPE x AS INT',
    'CREATE SEQUENCE x',
    'CREATE INDEX x ON t (a)',
    'PREPARE x AS SELECT 1',
    'EXECUTE x',
    'DEALLOCATE x',
    'BEGIN',
    'COMMIT',
    'VACUUM',
    'CHECKPOINT',
    'MERGE INTO t USING t ON true WHEN MATCHED THEN DELETE',
    'COMMENT ON TABLE t IS 1',
    'SET VARIABLE x = 1',
    'UPDATE EXTENSIONS',
    'WITH x AS (INSERT INTO t VALUES (1) RETURNING 1) SELECT * FROM x',
    'EXPLAIN SET threads = 1',
  ];
  for (const attempt of statements) expect(await refusalOf(cage, attempt), attempt).toMatch(/^LAKE_/);
  expect(await connection.text(values, '')).toBe(settingsBefore);
  await connection[Symbol.asyncDispose]();
  expect(await readdir(cage.readable, { recursive: true })).toEqual(before);
  expect(cage.callCount()).toBe(0);
});

test('the engine itself can not be opened again, whoever asks it directly', async () => {
  await using cage = await openCage();
  const connection = await cage.sql.context.engine.connect();
  const settings = (await askDuckDb(`SELECT name FROM duckdb_settings() WHERE scope = 'GLOBAL'`)).map(([name]) =>
    String(name),
  );
  for (const name of settings) {
    await expect(connection.run(`SET GLOBAL ${name} = DEFAULT`), name).rejects.toMatchObject({ name: 'LakeError' });
  }
  for (const path of [
    join(cage.outside, 'k.csv'),
    `${cage.readable}/../outside/k.csv`,
    `${cage.address}/x.csv`,
    '/proc/self/environ',
  ]) {
    for (const reader of ['read_csv', 'read_text', 'read_blob', 'read_json', 'read_parquet', 'glob', 'sniff_csv']) {
      const answer = connection.text(`SELECT $1 || CAST(list(x) AS VARCHAR) FROM ${reader}('${path}') x`, '');
      const text = await answer.catch((error: unknown) => (isLakeError(error) ? '' : Promise.reject(error)));
      expect(text, `${reader} ${path}`).not.toMatch(new RegExp(`${canary}|PATH=|outside`));
    }
  }
  await connection[Symbol.asyncDispose]();
  expect(cage.callCount()).toBe(0);
});

test('a query that needs more than memory and disk allow ends with its code, and the engine goes on', async () => {
  const mib = 1024 * 1024;
  await using sql = await openSqlFixture({ engine: { memoryBytesMax: 64 * mib, spillBytesMax: 16 * mib } });
  const heavy = 'SELECT count(*) FROM (SELECT DISTINCT i, hash(i) FROM range(20000000) r(i))';
  await expect(sql.run(heavy)).rejects.toMatchObject({ kind: 'unavailable', code: 'LAKE_SQL_MEMORY' });
  await expect(sql.run("SELECT length(repeat('x', 100000000000))")).rejects.toMatchObject({ name: 'LakeError' });
  expect(await sql.run('SELECT 1 AS a')).toEqual(['{"a":1}']);
});

test('what one connection makes is not there for another', async () => {
  await using engine = await SqlEngine.open({});
  await using first = await engine.connect();
  await using second = await engine.connect();
  await first.run('CREATE TEMP TABLE mine AS SELECT 1 AS a');
  await first.run(`CREATE VIEW ${first.catalog}.main.seen AS SELECT 1 AS a`);
  for (const name of ['mine', 'seen', 'temp.mine']) {
    await expect(second.query(`SELECT * FROM ${name}`), name).rejects.toMatchObject({ code: 'LAKE_SQL_BINDER' });
  }
});

test('deep and long statements are refused, not followed', async () => {
  await using cage = await openCage();
  const attempts = [
    `SELECT ${'('.repeat(60_000)}1${')'.repeat(60_000)}`,
    `SELECT 1${' + 1'.repeat(20_000)}`,
    `SELECT ${'['.repeat(3_000)}1${']'.repeat(3_000)}`,
    `SELECT * FROM ${'(SELECT * FROM '.repeat(2_000)}t${')'.repeat(2_000)}`,
    `SELECT '${'x'.repeat(4 * 1024 * 1024)}'`,
    `CREATE TABLE t (a ${'ARRAY<'.repeat(100)}INT${'>'.repeat(100)})`,
  ];
  for (const attempt of attempts) expect(await refusalOf(cage, attempt), attempt.slice(0, 60)).toMatch(/^LAKE_/);
});
