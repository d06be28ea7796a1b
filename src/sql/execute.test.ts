import { expect, test } from 'vitest';
import { openSqlFixture } from '../../test/sql-fixture.ts';
import { loadSchema } from '../catalog/catalog.ts';
import { parseIdentifier } from '../catalog/identifier.ts';
import { buildBatch } from '../types/column-builder.ts';
import { executeSql } from './execute.ts';
import { createText } from './statements/show.ts';

const flights = `CREATE TABLE flights (
  flight BIGINT, origin STRING, at TIMESTAMP(3), delay INT COMMENT 'minutes', PRIMARY KEY (flight) NOT ENFORCED
) WITH ('bucket' = '2');`;

test('tables are made, filled, asked, changed and dropped', async () => {
  await using sql = await openSqlFixture();
  expect(await sql.run(`CREATE DATABASE d; USE d; ${flights}`)).toHaveLength(3);
  expect(
    await sql.run(`INSERT INTO flights VALUES
      (1, 'LAS', TIMESTAMP '2001-01-01 10:00:00.123456', 5), (2, 'JFK', '2001-01-02', NULL), (3, 'LAS', NULL, -7)`),
  ).toEqual(['3 rows into d.flights']);
  expect(await sql.run('SELECT * FROM flights ORDER BY flight')).toEqual([
    '{"flight":"1","origin":"LAS","at":"2001-01-01T10:00:00.123","delay":5}',
    '{"flight":"2","origin":"JFK","at":"2001-01-02T00:00:00.000","delay":null}',
    '{"flight":"3","origin":"LAS","at":null,"delay":-7}',
  ]);
  await sql.run(`INSERT INTO d.flights (delay, flight) SELECT delay + 1, flight FROM flights WHERE flight = 1`);
  expect(await sql.run('SELECT flight, origin, delay FROM flights WHERE flight = 1')).toEqual([
    '{"flight":"1","origin":null,"delay":6}',
  ]);
  expect(await sql.run('SELECT count(*) AS n FROM flights')).toEqual(['{"n":"3"}']);
  await sql.run('ALTER TABLE flights ADD carrier STRING AFTER origin; ALTER TABLE flights MODIFY delay BIGINT');
  expect(await sql.run('DESCRIBE flights')).toEqual([
    '{"name":"flight","type":"BIGINT","null":false,"key":"PRI(flight)","partition key":false,"comment":null}',
    '{"name":"origin","type":"STRING","null":true,"key":null,"partition key":false,"comment":null}',
    '{"name":"carrier","type":"STRING","null":true,"key":null,"partition key":false,"comment":null}',
    '{"name":"at","type":"TIMESTAMP(3)","null":true,"key":null,"partition key":false,"comment":null}',
    '{"name":"delay","type":"BIGINT","null":true,"key":null,"partition key":false,"comment":"minutes"}',
  ]);
  expect(await sql.run('SHOW TABLES')).toEqual(['{"table name":"flights"}']);
  expect(await sql.run('SHOW DATABASES')).toEqual(['{"database name":"d"}']);
  await sql.run('DROP TABLE flights; DROP TABLE IF EXISTS flights; DROP DATABASE d');
  expect(await sql.run('SHOW DATABASES')).toEqual([]);
});

test('SHOW CREATE TABLE prints what makes a table like it', async () => {
  await using sql = await openSqlFixture();
  await sql.run(`CREATE TABLE d.t (a INT, \`b c\` DECIMAL(10, 2) NOT NULL COMMENT 'it''s', p DATE,
    PRIMARY KEY (a, p) NOT ENFORCED) COMMENT 'x' PARTITIONED BY (p) WITH ('bucket' = '3')`);
  const [line = ''] = await sql.run('SHOW CREATE TABLE d.t');
  const text: unknown = JSON.parse(line)['create table'];
  await sql.run(`DROP TABLE d.t; ${String(text)}`);
  const schema = await loadSchema(sql.context.catalog, parseIdentifier('d.t'));
  expect(createText(parseIdentifier('d.t'), schema)).toBe(text);
});

test('a hint or a point in time reads an older state under its own schema', async () => {
  await using sql = await openSqlFixture();
  await sql.run(`CREATE TABLE t (k INT, v INT, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1');
    INSERT INTO t VALUES (1, 10); INSERT INTO t VALUES (1, 11), (2, 20); ALTER TABLE t DROP COLUMN v`);
  const hint = (key: string, value: string): string =>
    `SELECT * FROM t /*+ OPTIONS('${key}' = '${value}') */ ORDER BY k`;
  expect(await sql.run('SELECT * FROM t ORDER BY k')).toEqual(['{"k":1}', '{"k":2}']);
  expect(await sql.run(hint('scan.snapshot-id', '1'))).toEqual(['{"k":1,"v":10}']);
  expect(await sql.run(hint('scan.version', '2'))).toEqual(['{"k":1,"v":11}', '{"k":2,"v":20}']);
  expect(await sql.run(hint('scan.mode', 'latest-full'))).toEqual(['{"k":1}', '{"k":2}']);
  expect(await sql.run(hint('scan.mode', 'compacted-full'))).toEqual(['{"k":1}', '{"k":2}']);
  expect(
    await sql.run(
      `SELECT n.k, o.v FROM t AS n LEFT JOIN t /*+ OPTIONS('scan.snapshot-id'='1') */ AS o ON n.k = o.k ORDER BY 1`,
    ),
  ).toEqual(['{"k":1,"v":10}', '{"k":2,"v":null}']);
  const far = `FOR SYSTEM_TIME AS OF TIMESTAMP '2999-01-01 00:00:00'`;
  expect(await sql.run(`SELECT t.k FROM d.t ${far} ORDER BY k`)).toEqual(['{"k":1}', '{"k":2}']);
  const refusals: readonly (readonly [string, string])[] = [
    [hint('scan.snapshot-id', '9'), 'LAKE_SNAPSHOT_NOT_FOUND'],
    [hint('scan.snapshot-id', 'x'), 'LAKE_BAD_OPTION'],
    [hint('scan.tag-name', 'none'), 'LAKE_TAG_NOT_FOUND'],
    [hint('scan.mode', 'from-creation-timestamp'), 'LAKE_BAD_OPTION'],
    [hint('scan.mode', 'sometimes'), 'LAKE_BAD_OPTION'],
    [hint('scan.mode', 'from-snapshot'), 'LAKE_BAD_OPTION'],
    [`SELECT * FROM t /*+ OPTIONS('scan.snapshot-id'='1','scan.tag-name'='a') */`, 'LAKE_BAD_OPTION'],
    [`SELECT * FROM t FOR SYSTEM_TIME AS OF TIMESTAMP 'soon'`, 'LAKE_BAD_OPTION'],
    [`SELECT * FROM t FOR SYSTEM_TIME AS OF TIMESTAMP '1999-01-01 00:00:00'`, 'LAKE_SNAPSHOT_NOT_FOUND'],
  ];
  for (const [text, code] of refusals) await expect(sql.run(text), text).rejects.toMatchObject({ code });
});

test('system tables are tables, also joined and of an older snapshot', async () => {
  await using sql = await openSqlFixture();
  await sql.run(`CREATE TABLE t (k INT, p STRING, PRIMARY KEY (k, p) NOT ENFORCED) PARTITIONED BY (p) WITH ('bucket' = '1');
    INSERT INTO t VALUES (1, 'a'), (2, 'b'); INSERT INTO t VALUES (3, 'a')`);
  expect(await sql.run('SELECT snapshot_id, commit_kind, total_record_count FROM t$snapshots')).toEqual([
    '{"snapshot_id":"1","commit_kind":"APPEND","total_record_count":"2"}',
    '{"snapshot_id":"2","commit_kind":"APPEND","total_record_count":"3"}',
  ]);
  expect(await sql.run('SELECT partition, sum(record_count) AS n FROM d.`t$files` GROUP BY 1 ORDER BY 1')).toEqual([
    '{"partition":"{a}","n":"2"}',
    '{"partition":"{b}","n":"1"}',
  ]);
  expect(await sql.run("SELECT count(*) AS n FROM t$files /*+ OPTIONS('scan.snapshot-id'='1') */")).toEqual([
    '{"n":"2"}',
  ]);
  expect(await sql.run("SELECT value FROM t$options WHERE key = 'bucket'")).toEqual(['{"value":"1"}']);
  expect(await sql.run('SELECT partition, record_count FROM t$partitions ORDER BY 1')).toEqual([
    '{"partition":"p=a","record_count":"2"}',
    '{"partition":"p=b","record_count":"1"}',
  ]);
  expect(await sql.run('SELECT count(*) AS n FROM t$manifests, t$schemas, t$buckets')).toEqual(['{"n":"4"}']);
  expect(await sql.run('SELECT * FROM t$tags')).toEqual([]);
  await expect(sql.run('SELECT * FROM t$nothing')).rejects.toMatchObject({ code: 'LAKE_TABLE_NOT_FOUND' });
  await expect(sql.run("INSERT INTO t$options VALUES ('a', 'b')")).rejects.toMatchObject({ code: 'LAKE_BAD_NAME' });
});

test('every type goes in and comes out unchanged', async () => {
  await using sql = await openSqlFixture();
  await sql.run(`CREATE TABLE t (b BOOLEAN, ti TINYINT, si SMALLINT, i INT, bi BIGINT, f FLOAT, d DOUBLE, de DECIMAL(38, 3),
    c CHAR(3), vc VARCHAR(5), s STRING, bin BINARY(2), vb BYTES, da DATE, tm TIME(3), t0 TIMESTAMP(0), t6 TIMESTAMP(6),
    t9 TIMESTAMP(9), l3 TIMESTAMP(3) WITH LOCAL TIME ZONE, l9 TIMESTAMP(9) WITH LOCAL TIME ZONE) WITH ('bucket' = '-1')`);
  await sql.run(`INSERT INTO t VALUES (true, -128, 32767, -2147483648, 9223372036854775807, 1.5, 0.1,
    12345678901234567890123456789012345.678, 'äöü', '😀', 'tab\t', '\\xAB\\xCD'::BLOB, ''::BLOB, DATE '0001-01-01', TIME '23:59:59.999',
    TIMESTAMP '1969-12-31 23:59:59.9', '2024-01-01 00:00:00.123456', '1969-12-31 23:59:59.123456789',
    TIMESTAMPTZ '2024-01-01 00:00:00+02', '2024-01-01 00:00:00.000000001')`);
  const row =
    '{"b":true,"ti":-128,"si":32767,"i":-2147483648,"bi":"9223372036854775807","f":1.5,"d":0.1,' +
    '"de":"12345678901234567890123456789012345.678","c":"äöü","vc":"😀","s":"tab\\t","bin":"abcd","vb":"","da":"0001-01-01",' +
    '"tm":"23:59:59.999","t0":"1969-12-31T23:59:59","t6":"2024-01-01T00:00:00.123456","t9":"1969-12-31T23:59:59.123456789",' +
    '"l3":"2023-12-31T22:00:00.000Z","l9":"2024-01-01T00:00:00.000000001Z"}';
  expect(await sql.run('SELECT * FROM t')).toEqual([row]);
  await sql.run('INSERT INTO t SELECT * FROM t');
  expect(await sql.run('SELECT * FROM t')).toEqual([row, row]);
});

test('what does not fit a column is refused with its name, and nothing is written', async () => {
  await using sql = await openSqlFixture();
  await sql.run(
    `CREATE TABLE t (k INT NOT NULL, v VARCHAR(3), d DECIMAL(3, 1), PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1')`,
  );
  const refusals: readonly (readonly [string, string, RegExp])[] = [
    [`INSERT INTO t VALUES (1, 'a', 1.0), (2, 'abcd', 1.0)`, 'LAKE_BAD_VALUE', /column v \(VARCHAR\(3\)\)/],
    [`INSERT INTO t VALUES ('x', 'a', 1.0)`, 'LAKE_BAD_VALUE', /Could not convert string 'x'/],
    [`INSERT INTO t VALUES (3000000000, 'a', 1.0)`, 'LAKE_BAD_VALUE', /out of range/],
    [`INSERT INTO t VALUES (1, 'a', 1234.5)`, 'LAKE_BAD_VALUE', /DECIMAL\(3,1\)/],
    [`INSERT INTO t (k) VALUES (1.5)`, 'LAKE_BAD_VALUE', /column k \(INT\): DECIMAL\(2, 1\) would be rounded/],
    [`INSERT INTO t (v) VALUES ('a')`, 'LAKE_NULL_VALUE', /column `k` is NOT NULL/],
    [`INSERT INTO t VALUES (1)`, 'LAKE_SQL_BINDER', /takes 3 columns \(k, v, d\), the query gives 1/],
    [`INSERT INTO t (k, x) VALUES (1, 2)`, 'LAKE_SQL_BINDER', /no column `x`; there are k, v, d/],
    [`INSERT INTO t (k, k) VALUES (1, 2)`, 'LAKE_SQL_BINDER', /twice/],
    [`INSERT INTO nowhere VALUES (1)`, 'LAKE_TABLE_NOT_FOUND', /d\.nowhere/],
  ];
  for (const [text, code, message] of refusals) {
    await expect(sql.run(text), text).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  }
  expect(await sql.run('SELECT count(*) AS n FROM t$snapshots')).toEqual(['{"n":"0"}']);
});

test('parameters are values, whatever stands in them', async () => {
  await using sql = await openSqlFixture();
  await sql.run(`CREATE TABLE t (k BIGINT, s STRING, at TIMESTAMP(3)) WITH ('bucket' = '-1')`);
  const nasty = `'); DROP TABLE t; --`;
  await sql.run('INSERT INTO t VALUES ($1, $2, $3)', { parameters: [9_007_199_254_740_993n, nasty, new Date(1_500)] });
  expect(
    await sql.run('SELECT * FROM t WHERE k = $1 AND s = $2', { parameters: [9_007_199_254_740_993n, nasty] }),
  ).toEqual([`{"k":"9007199254740993","s":"'); DROP TABLE t; --","at":"1970-01-01T00:00:01.500"}`]);
  expect(await sql.run('SELECT count(*) AS n FROM t WHERE "at" >= $1', { parameters: ['1970-01-02'] })).toEqual([
    '{"n":"0"}',
  ]);
  await expect(sql.run('SELECT $1 + $2', { parameters: [1] })).rejects.toMatchObject({ kind: 'invalid' });
});

test('errors of a query say what DuckDB says, under stable codes', async () => {
  await using sql = await openSqlFixture();
  await sql.run(`CREATE TABLE t (k INT) WITH ('bucket' = '-1'); INSERT INTO t VALUES (1)`);
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ['SELECT k FROM', 'LAKE_SQL_SYNTAX', /line 1/],
    ['SELECT nothing FROM t', 'LAKE_SQL_BINDER', /"nothing" not found/],
    ['SELECT nofunction(k) FROM t', 'LAKE_SQL_BINDER', /nofunction/],
    ["SELECT CAST('x' AS INT) FROM t", 'LAKE_SQL_VALUE', /'x'/],
    ['SELECT * FROM missing', 'LAKE_TABLE_NOT_FOUND', /d\.missing/],
    ['SELECT * FROM other.t', 'LAKE_TABLE_NOT_FOUND', /other\.t/],
    ['SELECT * FROM x.d.t', 'LAKE_BAD_NAME', /DATABASE\.TABLE/],
  ];
  for (const [text, code, message] of cases) {
    await expect(sql.run(text), text).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  }
  await expect(sql.run('SELECT 1; SELEC 2')).rejects.toMatchObject({ code: 'LAKE_SQL_SYNTAX' });
});

test('queries without tables, with WITH, set operations, EXPLAIN and nested values work', async () => {
  await using sql = await openSqlFixture();
  expect(await sql.run('SELECT 1 AS a, [1, 2] AS l, {x: 1} AS s, sum(n) AS h FROM range(3) r(n)')).toEqual([
    '{"a":1,"l":[1,2],"s":{"x":1},"h":"3"}',
  ]);
  expect(
    await sql.run('WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT * FROM r'),
  ).toEqual(['{"n":1}', '{"n":2}', '{"n":3}']);
  await sql.run(`CREATE TABLE t (k INT) WITH ('bucket' = '-1'); INSERT INTO t VALUES (1), (2)`);
  expect(await sql.run('WITH t AS (SELECT 7 AS k) SELECT * FROM t')).toEqual(['{"k":7}']);
  expect(await sql.run('WITH u AS (SELECT k FROM t) SELECT count(*) AS n FROM u WHERE k > 1')).toEqual(['{"n":"1"}']);
  expect(await sql.run('SELECT k FROM t UNION ALL SELECT k * 10 FROM t ORDER BY k')).toHaveLength(4);
  expect((await sql.run('EXPLAIN SELECT * FROM t')).length).toBeGreaterThan(0);
  expect(await sql.run('VALUES (1), (2)')).toHaveLength(2);
});

test('a result that is given up half-way releases what it holds, and the next statement runs', async () => {
  await using sql = await openSqlFixture();
  for await (const result of executeSql(sql.context, sql.session, 'SELECT * FROM range(10000000); SELECT 1 AS a')) {
    if (result.kind === 'ok') continue;
    for await (const batch of result.batches) {
      expect(batch.rowCount).toBeGreaterThan(0);
      break;
    }
  }
  expect(await sql.run('SELECT 2 AS a')).toEqual(['{"a":2}']);
});

test('an aborted signal ends a running query with its reason', async () => {
  await using sql = await openSqlFixture();
  const controller = new AbortController();
  const endless = 'SELECT sum(a.range * b.range) FROM range(1000000) a, range(1000000) b';
  const running = sql.run(endless, { signal: controller.signal });
  setImmediate(() => controller.abort(new Error('enough')));
  await expect(running).rejects.toThrow('enough');
});

test('a table with a log is read with its tail unless the query asks for files only', async () => {
  const asked: unknown[] = [];
  await using sql = await openSqlFixture({
    context: {
      unionRead: async (table, { columns, predicate }) => {
        asked.push({ columns, predicate });
        if (table.identifier.name !== 'logged') return undefined;
        const fields = table.schema.fields.filter(field => columns.includes(field.name));
        return (async function* () {
          yield buildBatch({ fields }, [[1], [2], [3]]);
        })();
      },
    },
  });
  await sql.run(`CREATE TABLE logged (k INT, v INT) WITH ('bucket' = '-1'); INSERT INTO logged VALUES (1, 1);
    CREATE TABLE plain (k INT) WITH ('bucket' = '-1')`);
  expect(await sql.run('SELECT count(k) AS n FROM logged WHERE k > 1')).toEqual(['{"n":"2"}']);
  expect(asked).toEqual([{ columns: ['k'], predicate: { kind: 'compare', op: '>', column: 'k', value: 1 } }]);
  expect(await sql.run("SELECT count(*) AS n FROM logged /*+ OPTIONS('scan.mode'='latest-full') */")).toEqual([
    '{"n":"1"}',
  ]);
  expect(await sql.run('SELECT count(*) AS n FROM plain')).toEqual(['{"n":"0"}']);
});
