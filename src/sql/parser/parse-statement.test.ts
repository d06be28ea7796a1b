import { expect, test } from 'vitest';
import { watermarkDefinition } from '../../format/watermark-options.ts';
import { parseStatements } from './parse-statement.ts';
import type { CreateTable, Statement } from './statement.ts';

function one(sql: string): Statement {
  const statements = parseStatements(sql);
  expect(statements).toHaveLength(1);
  return statements[0] as Statement;
}

test('CREATE TABLE with every clause of the dialect', () => {
  const table = one(`CREATE TABLE IF NOT EXISTS db.\`my t\` ( -- a comment
    k BIGINT NOT NULL COMMENT 'the key''s',
    s STRING, c CHAR(3), n DECIMAL(10, 2), ts TIMESTAMP(3), l TIMESTAMP_LTZ(6), z TIMESTAMP WITH LOCAL TIME ZONE,
    a ARRAY<INT NOT NULL>, m MAP<STRING, ROW<x INT, y DOUBLE PRECISION>>, dt STRING,
    CONSTRAINT pk PRIMARY KEY (dt, k) NOT ENFORCED
  ) COMMENT 'flights' PARTITIONED BY (dt) WITH ('bucket' = '4', 'file.format'='parquet');`) as CreateTable;
  expect(table.name).toEqual({ database: 'db', table: 'my t' });
  expect(table.ifNotExists).toBe(true);
  expect(table.primaryKeys).toEqual(['dt', 'k']);
  expect(table.partitionKeys).toEqual(['dt']);
  expect(table.options).toEqual({ bucket: '4', 'file.format': 'parquet' });
  expect(table.comment).toBe('flights');
  expect(table.columns[0]).toEqual({
    name: 'k',
    type: { kind: 'bigint', nullable: false },
    comment: "the key's",
    primaryKey: false,
  });
  expect(table.columns.map(column => column.type.kind)).toEqual([
    'bigint',
    'varchar',
    'char',
    'decimal',
    'timestamp',
    'timestamp-ltz',
    'timestamp-ltz',
    'array',
    'map',
    'varchar',
  ]);
});

test('CREATE TABLE without WITH, key behind the column', () => {
  const table = one('create table t (id int primary key not enforced, v int null)') as CreateTable;
  expect(table.primaryKeys).toEqual(['id']);
  expect(table.options).toEqual({});
});

test('ALTER TABLE in all forms', () => {
  const actions = (sql: string): unknown => (one(`ALTER TABLE db.t ${sql}`) as { actions: unknown }).actions;
  expect(actions("SET ('a'='1','b'='2')")).toEqual([{ kind: 'set', options: { a: '1', b: '2' } }]);
  expect(actions("RESET ('a')")).toEqual([{ kind: 'reset', keys: ['a'] }]);
  expect(actions('ADD c INT FIRST')).toMatchObject([{ kind: 'add', position: { kind: 'first' } }]);
  expect(actions("ADD (c INT COMMENT 'x' AFTER b, d STRING)")).toMatchObject([
    { kind: 'add', column: { name: 'c', comment: 'x' }, position: { kind: 'after', column: 'b' } },
    { kind: 'add', column: { name: 'd' }, position: undefined },
  ]);
  expect(actions('MODIFY c BIGINT')).toMatchObject([{ kind: 'modify', column: { type: { kind: 'bigint' } } }]);
  expect(actions('DROP c')).toEqual([{ kind: 'drop', name: 'c', path: [] }]);
  expect(actions('DROP (c, d)')).toEqual([
    { kind: 'drop', name: 'c', path: [] },
    { kind: 'drop', name: 'd', path: [] },
  ]);
  expect(actions('DROP r.`a b`.element.c')).toEqual([{ kind: 'drop', name: 'r', path: ['a b', 'element', 'c'] }]);
  expect(actions('ADD r.x INT AFTER y')).toMatchObject([
    { kind: 'add', name: 'r', path: ['x'], column: { name: 'x' }, position: { kind: 'after', column: 'y' } },
  ]);
  expect(actions('MODIFY m.`value`.x BIGINT')).toMatchObject([{ kind: 'modify', name: 'm', path: ['value', 'x'] }]);
  expect(actions('RENAME r.x TO y')).toEqual([{ kind: 'rename-column', name: 'r', path: ['x'], newName: 'y' }]);
  expect(actions('RENAME a TO b')).toEqual([{ kind: 'rename-column', name: 'a', path: [], newName: 'b' }]);
});

test('several statements are cut at semicolons outside of texts', () => {
  const statements = parseStatements("SHOW TABLES IN d; DESCRIBE `t$files`; SELECT ';' /* ; */ AS x; ;USE d");
  expect(statements.map(statement => statement.kind)).toEqual(['show-tables', 'describe', 'query', 'use']);
});

test('queries pass through, hints and points in time become names of their own', () => {
  const query = (sql: string): unknown => (one(sql) as { query: unknown }).query;
  expect(query('SELECT `a b`, "c" FROM db.t WHERE x = \'`\'')).toEqual({
    sql: 'SELECT "a b", "c" FROM db.t WHERE x = \'`\'',
    travels: [],
  });
  expect(query("SELECT t.a FROM db.t /*+ OPTIONS('scan.snapshot-id'='3') */ WHERE t.a > 1")).toEqual({
    sql: 'SELECT t.a FROM tidelake_travel_0 AS "t" WHERE t.a > 1',
    travels: [
      {
        alias: 'tidelake_travel_0',
        name: { database: 'db', table: 't' },
        options: { 'scan.snapshot-id': '3' },
        timestamp: undefined,
      },
    ],
  });
  expect(
    query("SELECT * FROM `t` FOR SYSTEM_TIME AS OF TIMESTAMP '2026-01-01 00:00:00' AS x JOIN u ON true"),
  ).toMatchObject({
    sql: 'SELECT * FROM tidelake_travel_0 AS x JOIN u ON true',
    travels: [{ timestamp: '2026-01-01 00:00:00' }],
  });
});

test('INSERT with and without columns', () => {
  expect(one("INSERT INTO db.t (a, `b c`) VALUES (1, 'x')")).toEqual({
    kind: 'insert',
    overwrite: false,
    name: { database: 'db', table: 't' },
    partition: {},
    options: {},
    columns: ['a', 'b c'],
    query: { sql: "VALUES (1, 'x')", travels: [] },
  });
  expect(one('INSERT INTO t SELECT * FROM u')).toMatchObject({ columns: undefined, query: { sql: 'SELECT * FROM u' } });
});

test('INSERT OVERWRITE names partitions by literals, and takes hints', () => {
  const sql =
    "INSERT OVERWRITE t /*+ OPTIONS('a' = 'b') */ PARTITION (p = 'x', q = -5, r = DATE '2024-01-02', s = NULL, u = TRUE) SELECT 1";
  expect(one(sql)).toMatchObject({
    kind: 'insert',
    overwrite: true,
    options: { a: 'b' },
    partition: { p: 'x', q: '-5', r: '2024-01-02', s: null, u: 'true' },
    columns: undefined,
    query: { sql: 'SELECT 1' },
  });
  expect(one("INSERT INTO t PARTITION (p = 'x') (a) VALUES (1)")).toMatchObject({ overwrite: false, columns: ['a'] });
  for (const bad of ["p = -'x'", 'p = q', "p = 'x', p = 'y'", "p = INTERVAL '1'", 'p']) {
    expect(() => one(`INSERT INTO t PARTITION (${bad}) VALUES (1)`), bad).toThrow(/line 1/);
  }
});

test('TRUNCATE and DROP PARTITION', () => {
  expect(one('TRUNCATE TABLE db.t')).toEqual({ kind: 'truncate', name: { database: 'db', table: 't' } });
  expect(one("ALTER TABLE t DROP PARTITION (p = 'x', q = 1)")).toEqual({
    kind: 'drop-partitions',
    name: { database: undefined, table: 't' },
    ifExists: false,
    partitions: [{ p: 'x', q: '1' }],
  });
  expect(one("ALTER TABLE t DROP IF EXISTS PARTITION (p = 'x'), PARTITION (p = 'y')")).toMatchObject({
    ifExists: true,
    partitions: [{ p: 'x' }, { p: 'y' }],
  });
});

test('ANALYZE TABLE names all columns, some or none', () => {
  const columnsOf = (rest: string): unknown => {
    const [statement] = parseStatements(`ANALYZE TABLE d.t COMPUTE STATISTICS${rest}`);
    return statement?.kind === 'analyze' ? statement.columns : statement;
  };
  expect(columnsOf('')).toEqual([]);
  expect(columnsOf(' for all columns')).toBe('all');
  expect(columnsOf(' FOR COLUMNS a, `b c`')).toEqual(['a', 'b c']);
});

test('CALL takes literals by place and by name', () => {
  expect(
    one(
      "CALL `c`.sys.Create_Tag('d.t', `table` => 'x', n => -5, b => TRUE, z => NULL, d => TIMESTAMP '2024-01-01 00:00:00')",
    ),
  ).toEqual({
    kind: 'call',
    procedure: 'create_tag',
    args: [
      { name: undefined, value: 'd.t' },
      { name: 'table', value: 'x' },
      { name: 'n', value: -5n },
      { name: 'b', value: true },
      { name: 'z', value: null },
      { name: 'd', value: '2024-01-01 00:00:00' },
    ],
  });
  expect(one('CALL sys.f()')).toMatchObject({ args: [] });
  for (const bad of ['CALL sys.f(a)', 'CALL sys.f(1', 'CALL sys.f(1.5)', 'CALL sys.f(a => b)', 'CALL sys.f() x']) {
    expect(() => one(bad), bad).toThrow(/line 1/);
  }
});

test('expressions of DELETE, UPDATE and MERGE are cut where they end', () => {
  expect(one('DELETE FROM d.t')).toMatchObject({ target: { name: { database: 'd' }, alias: 't' }, where: undefined });
  expect(one('DELETE FROM t AS x WHERE x.`a b` IN (SELECT k FROM u)')).toMatchObject({
    target: { alias: 'x' },
    where: { sql: 'x."a b" IN (SELECT k FROM u)' },
  });
  expect(
    one("UPDATE t x SET a = CASE WHEN b = ',' THEN f(1, 2) ELSE 3 END, t.c = (SELECT 1), `d` = [1, 2] WHERE a = 1"),
  ).toMatchObject({
    target: { alias: 'x' },
    sets: [
      { column: 'a', value: { sql: "CASE WHEN b = ',' THEN f(1, 2) ELSE 3 END" } },
      { column: 'c', value: { sql: '(SELECT 1)' } },
      { column: 'd', value: { sql: '[1, 2] ' } },
    ],
    where: { sql: 'a = 1' },
  });
  const merge = one(`MERGE INTO t USING (SELECT * FROM u) AS s ON t.k = s.k AND CASE WHEN true THEN true END
    WHEN MATCHED AND s.v IS NULL THEN DELETE
    WHEN MATCHED THEN UPDATE SET v = s.v, w = 1
    WHEN NOT MATCHED AND s.k > 0 THEN INSERT (k, v) VALUES (s.k, coalesce(s.v, 'x'))
    WHEN NOT MATCHED THEN INSERT *`);
  expect(merge).toMatchObject({
    source: { sql: expect.stringMatching(/^\(SELECT \* FROM u\) AS s\s*$/) },
    sourceAlias: 's',
    on: { sql: expect.stringMatching(/^t\.k = s\.k AND CASE WHEN true THEN true END\s*$/) },
    clauses: [
      { kind: 'delete', when: { sql: 's.v IS NULL ' } },
      { kind: 'update', when: undefined, sets: [{ column: 'v' }, { column: 'w' }] },
      {
        kind: 'insert',
        when: { sql: 's.k > 0 ' },
        columns: ['k', 'v'],
        values: [{ sql: 's.k' }, { sql: "coalesce(s.v, 'x')" }],
      },
      { kind: 'insert', when: undefined, columns: undefined, values: 'all' },
    ],
  });
  expect(
    one("MERGE INTO t USING u /*+ OPTIONS('scan.snapshot-id' = '1') */ ON true WHEN MATCHED THEN UPDATE SET *"),
  ).toMatchObject({
    source: { travels: [{ alias: 'tidelake_travel_0' }] },
    sourceAlias: 'u',
  });
  const named = (source: string) => one(`MERGE INTO t USING ${source} ON true WHEN MATCHED THEN DELETE`);
  expect(named('(VALUES (1)) AS s(k)')).toMatchObject({ sourceAlias: 's' });
  expect(named('d.u')).toMatchObject({ sourceAlias: 'u' });
  expect(named('(SELECT 1)')).toMatchObject({ sourceAlias: undefined });
  for (const bad of [
    'DELETE t',
    'DELETE FROM t WHERE',
    'UPDATE t SET',
    'UPDATE t SET a',
    'MERGE INTO t USING u ON a',
  ]) {
    expect(() => one(bad), bad).toThrow(/line 1/);
  }
});

test('what is wrong is told with its place', () => {
  const cases: readonly [string, RegExp][] = [
    ['SELEC 1', /line 1, column 1: expected a statement/],
    ['CREATE TABLE t (\n  a INTT)', /line 2, column 5: `INTT` is not a data type/],
    ['CREATE TABLE t (a INT', /expected \), found the end/],
    ["CREATE TABLE t (a INT) WITH ('a' 'b')", /expected =, found 'b'/],
    ["SELECT 'abc", /line 1, column 8: this text has no closing '/],
    ['SELECT /* x', /no end/],
    ['CREATE TABLE t (a DECIMAL(39, 2))', /precision 39/],
    ['DROP TABLE t x', /expected the end of the statement, found `x`/],
    ['SELECT a FROM t /*+ OPTIONS(3) */', /column 17: the hint must read/],
    ['SELECT 1 /*+ OPTIONS(3) */', /right behind a table name/],
  ];
  for (const [sql, message] of cases) expect(() => parseStatements(sql), sql).toThrow(message);
});

test('what the dialect has and Tidelake does not is refused by name', () => {
  const cases: readonly [string, RegExp][] = [
    ['ANALYZE TABLE t COMPUTE STATISTICS NOSCAN', /NOSCAN .* is not supported/],
    ['RESET', /statement RESET is not supported/],
    ['MERGE INTO t USING u ON a WHEN NOT MATCHED BY SOURCE THEN DELETE', /NOT MATCHED BY/],
    ['CREATE VIEW v AS SELECT 1', /CREATE VIEW is not supported/],
    ['CREATE TABLE t (a INT, b AS a + 1)', /computed column/],
    ["CREATE TABLE t (a TIMESTAMP(3), WATERMARK FOR a AS a - INTERVAL '1' MONTH)", /WATERMARK/],
    ['CREATE TABLE t (a TIMESTAMP(3), WATERMARK FOR a AS a + b)', /WATERMARK/],
    ["CREATE TABLE t (a TIMESTAMP(3), WATERMARK FOR a AS a - INTERVAL '1.5' MINUTE)", /WATERMARK/],
    ["CREATE TABLE t (a TIMESTAMP(3), WATERMARK FOR a AS a - INTERVAL '1:30' MINUTE TO SECOND)", /WATERMARK/],
  ];
  for (const [sql, message] of cases) expect(() => parseStatements(sql), sql).toThrow(message);
});

test.each([
  ["'5' SECOND", "'5' SECOND", 5_000],
  ["'0.5' second", "'0.5' SECOND", 500],
  ["'100' SECOND", "'100' SECOND(3)", 100_000],
  ["'100.25' SECOND(3, 3)", "'100.25' SECOND(3)", 100_250],
  ["'1440' MINUTE", "'1440' MINUTE(4)", 86_400_000],
])('a watermark %s behind is kept as Flink can read it', (asked, kept, delayMs) => {
  const sql = `CREATE TABLE t (a TIMESTAMP(3), WATERMARK FOR a AS a - INTERVAL ${asked})`;
  const [statement] = parseStatements(sql);
  const options = statement?.kind === 'create-table' ? statement.options : {};
  expect(options).toMatchObject({ 'schema.watermark.0.strategy.expr': `\`a\` - INTERVAL ${kept}` });
  expect(watermarkDefinition(options)).toEqual({ column: 'a', delayMs, idleTimeoutMs: undefined });
});
