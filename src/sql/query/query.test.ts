import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openSqlFixture, type SqlFixture } from '../../../test/sql-fixture.ts';
import type { JsonObject } from '../../base/json.ts';
import type { DataField, DataType } from '../../types/data-type.ts';
import type { SqlConnection } from '../connection.ts';
import type { SqlParameter } from '../parameters.ts';
import { columnsUsed } from './columns-used.ts';
import { pushedFilters } from './pushdown.ts';
import { tableReferences } from './references.ts';
import { resultTypes } from './result-types.ts';
import { queryTree } from './tree.ts';

let sql: SqlFixture;
let connection: SqlConnection;

beforeAll(async () => {
  sql = await openSqlFixture();
  connection = await sql.context.engine.connect();
});

afterAll(async () => {
  await connection[Symbol.asyncDispose]();
  await sql[Symbol.asyncDispose]();
});

async function referencesOf(text: string): Promise<readonly string[]> {
  const found = tableReferences(await queryTree(connection, text));
  return found.map(({ database, table, as }) => `${database}.${table}${as === table ? '' : ` ${as}`}`);
}

test('the tree of a text is made once for all connections, and an error is told each time', async () => {
  await using other = await sql.context.engine.connect();
  const text = 'SELECT a, b FROM once WHERE a > 1';
  const tree = await queryTree(connection, text);
  expect(await queryTree(other, text)).toBe(tree);
  expect(await queryTree(other, `${text} `)).toEqual(tree);
  for (let time = 0; time < 2; time += 1) {
    await expect(queryTree(other, 'SELECT FROM FROM')).rejects.toThrow(/syntax error/i);
  }
});

test('tables are found wherever a query names them, and names that WITH gives are none', async () => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ['SELECT 1', []],
    ['SELECT * FROM a, db.b AS x', ['.a', 'db.b x']],
    ['SELECT (SELECT max(k) FROM b) FROM a WHERE EXISTS (SELECT 1 FROM c)', ['.b', '.a', '.c']],
    ['WITH a AS (SELECT * FROM b) SELECT * FROM A JOIN c USING (k)', ['.b', '.c']],
    ['WITH a AS (SELECT * FROM a) SELECT * FROM a', ['.a']],
    ['WITH a AS (SELECT 1), b AS (SELECT * FROM a, c) SELECT * FROM b, db.a', ['.c', 'db.a']],
    ['WITH RECURSIVE r AS (SELECT 1 AS n UNION SELECT n FROM r, t) SELECT * FROM r', ['.t']],
    ['SELECT * FROM (WITH x AS (SELECT 1) SELECT * FROM x), x', ['.x']],
    ['SELECT * FROM a UNION SELECT * FROM b EXCEPT (SELECT * FROM c)', ['.a', '.b', '.c']],
    ['FROM a', ['.a']],
    ['SELECT * FROM (PIVOT a ON x IN (1, 2) USING sum(y))', ['.a']],
    ['SELECT * FROM (SUMMARIZE a)', ['.a']],
    ['SELECT x FROM unnest([1, 2]) u(x), range(3)', []],
  ];
  for (const [text, expected] of cases) {
    expect((await referencesOf(text)).toSorted(), text).toEqual([...expected].toSorted());
  }
});

test('columns are read that a query can look at, and all of them when in doubt', async () => {
  const cases: readonly (readonly [string, string])[] = [
    ['SELECT count(*) FROM t', ''],
    ['SELECT a, t.b + 1 FROM t WHERE c > 5 ORDER BY d', 'a b c d t'],
    ['SELECT A FROM t', 'a'],
    ['SELECT * FROM t', 'all'],
    ['SELECT t.* FROM t', 'all'],
    ['SELECT t FROM t', 'all'],
    ['SELECT count(t) FROM t', 'all'],
    ['SELECT COLUMNS(c -> c LIKE $$a%$$) FROM t', 'all'],
    ['SELECT #1 FROM t', 'all'],
    ['SELECT x FROM t AS t(x, y)', 'all'],
    ['SELECT a FROM t NATURAL JOIN (SELECT 1 AS b) u', 'all'],
    ['SELECT u.x FROM t JOIN (SELECT 1 AS k, 2 AS x) u USING (k)', 'k u x'],
    ['SELECT * FROM (SELECT a FROM t)', 'a'],
    ['WITH q AS (SELECT a FROM t WHERE b = 1) SELECT * FROM q', 'a b'],
    ['SELECT sum(a) OVER (PARTITION BY b ORDER BY c) FROM t QUALIFY row_number() OVER (ORDER BY d) = 1', 'a b c d'],
    ['SELECT (SELECT max(t.a) FROM range(3) r) FROM t', 'a t'],
    ['SELECT (SELECT t.* FROM range(1) r) FROM t', 'all'],
    ['SELECT * FROM (PIVOT t ON a IN (1, 2) USING sum(b))', 'all'],
    ['SELECT a FROM t GROUP BY ALL HAVING max(b) > 1', 'a b'],
  ];
  for (const [text, expected] of cases) {
    const tree = await queryTree(connection, text);
    const [used] = [...columnsUsed(tree, tableReferences(tree)).values()];
    expect(used === 'all' ? 'all' : [...(used ?? [])].toSorted().join(' '), text).toBe(expected);
  }
});

const typed: Readonly<Record<string, DataType>> = {
  i: { kind: 'int', nullable: true },
  l: { kind: 'bigint', nullable: true },
  d: { kind: 'double', nullable: true },
  de: { kind: 'decimal', precision: 10, scale: 2, nullable: true },
  s: { kind: 'varchar', length: 100, nullable: true },
  b: { kind: 'boolean', nullable: true },
  da: { kind: 'date', nullable: true },
  ts: { kind: 'timestamp', precision: 3, nullable: true },
};
const fields: readonly DataField[] = Object.entries(typed).map(([name, type], id) => ({
  id,
  name,
  type,
  description: undefined,
  defaultValue: undefined,
}));

async function filterOf(text: string, parameters: readonly SqlParameter[] = []): Promise<unknown> {
  const tree = await queryTree(connection, text);
  const tables = new Map<JsonObject, readonly DataField[]>(tableReferences(tree).map(found => [found.tree, fields]));
  return [...pushedFilters(tree, tables, parameters).values()][0];
}

test("comparisons of one column with literals go down, in the column's own scalars", async () => {
  const compare = (op: string, column: string, value: unknown): unknown => ({ kind: 'compare', op, column, value });
  const cases: readonly (readonly [string, unknown])[] = [
    ['i = 5', compare('=', 'i', 5)],
    ['5 < t.i', compare('>', 'i', 5)],
    ['i >= -7', compare('>=', 'i', -7)],
    ['l = 9007199254740993', compare('=', 'l', 9_007_199_254_740_993n)],
    ['d > 0.1', compare('>', 'd', 0.1)],
    ['de <= 1.5', compare('<=', 'de', 150n)],
    ['de = 3', compare('=', 'de', 300n)],
    [`s <> 'x'`, compare('<>', 's', 'x')],
    ['b = true', compare('=', 'b', true)],
    [`da = '1970-01-02'`, compare('=', 'da', 1)],
    [`da < DATE '1970-01-11'`, compare('<', 'da', 10)],
    [`ts >= TIMESTAMP '1970-01-01 00:00:01.5'`, compare('>=', 'ts', 1_500_000_000n)],
    [`ts >= '1970-01-02'`, compare('>=', 'ts', 86_400_000_000_000n)],
    ['i IN (1, 2)', { kind: 'in', column: 'i', values: [1, 2] }],
    ['i BETWEEN 1 AND 3', { kind: 'and', children: [compare('>=', 'i', 1), compare('<=', 'i', 3)] }],
    ['i = 1 OR i = 2', { kind: 'or', children: [compare('=', 'i', 1), compare('=', 'i', 2)] }],
    ['s IS NOT NULL', { kind: 'is-not-null', column: 's' }],
    ['s IS NULL', { kind: 'is-null', column: 's' }],
    ['i = 1 AND length(s) = 2', compare('=', 'i', 1)],
  ];
  for (const [where, expected] of cases) {
    expect(await filterOf(`SELECT * FROM t WHERE ${where}`), where).toEqual(expected);
  }
  expect(await filterOf('SELECT * FROM t WHERE i = $1 AND ts < $2', [4, new Date(7)])).toEqual({
    kind: 'and',
    children: [compare('=', 'i', 4), compare('<', 'ts', 7_000_000n)],
  });
});

test('what DuckDB may see otherwise stays with DuckDB', async () => {
  const kept = [
    'd = 0',
    'd = 0.1::FLOAT',
    'i = 1.5',
    'i = 3000000000',
    `i = '5'`,
    'de = 1.234',
    'i = NULL',
    'i + 1 = 5',
    'i = l',
    'NOT (i = 5 OR l > 2)',
    'i = 1 OR l + 1 = 2',
    `ts = '1970-1-1'`,
    `ts = TIMESTAMPTZ '1970-01-01 00:00:00+02'`,
    `s LIKE 'a%'`,
    `s = 'a' COLLATE NOCASE`,
    'i IN (1, l)',
    'i NOT IN (1, 2)',
    'i = 5 OR random() < 0.5',
  ];
  for (const where of kept) expect(await filterOf(`SELECT * FROM t WHERE ${where}`), where).toBeUndefined();
  const shapes = [
    'SELECT * FROM t TABLESAMPLE 3 ROWS WHERE i = 5',
    'SELECT * FROM t POSITIONAL JOIN t u WHERE t.i = 5',
    'SELECT * FROM t ASOF JOIN t u ON t.i >= u.i WHERE u.i = 5',
    'SELECT * FROM t LEFT JOIN t u ON t.i = u.i WHERE u.i IS NULL',
    'SELECT * FROM t, t u WHERE i = 5',
    'SELECT * FROM t, (SELECT 1 AS x) u WHERE i = 5',
    'SELECT * FROM t AS t(i, x) WHERE i = 5',
    'SELECT i FROM t GROUP BY i HAVING i = 5',
  ];
  for (const text of shapes) expect(await filterOf(text), text).toBeUndefined();
});

test('columns that come straight from a table keep its types', async () => {
  const kinds = async (text: string): Promise<readonly (string | undefined)[]> => {
    const tree = await queryTree(connection, text);
    const tables = new Map<JsonObject, readonly DataField[]>(tableReferences(tree).map(found => [found.tree, fields]));
    return resultTypes(tree, tables).map(type => type?.kind);
  };
  expect(await kinds('SELECT ts, i + 1, t.s AS x FROM t')).toEqual(['timestamp', undefined, 'varchar']);
  expect(await kinds('SELECT *, i FROM t')).toEqual([...fields.map(field => field.type.kind), 'int']);
  expect(await kinds('SELECT i, * EXCLUDE (i), s FROM t')).toEqual(['int']);
  expect(await kinds('SELECT i FROM t UNION SELECT i FROM t')).toEqual([]);
  expect(await kinds('SELECT t.i, s FROM t JOIN t u ON true')).toEqual(['int', undefined]);
});

const number = fc.constantFrom('NULL', '-1', '0', '1', '2', '3');
const row = fc.tuple(number, number, fc.constantFrom('NULL', "''", "'a'", "'b'", "'é'"));
const rows = fc.array(row, { minLength: 1, maxLength: 6 });
const atom = fc.tuple(
  fc.constantFrom('a', 'b'),
  fc.constantFrom('x', 'y'),
  fc.constantFrom('=', '<>', '<', '>='),
  number,
);
const test1 = fc.oneof(
  atom.map(([t, c, op, n]) => `${t}.${c} ${op} ${n}`),
  fc.tuple(fc.constantFrom('a', 'b'), fc.constantFrom('=', '>')).map(([t, op]) => `${t}.s ${op} 'a'`),
  fc.constantFrom('a.x IS NULL', 'b.x IS NULL', 'b.y IS NOT NULL', 'a.x IN (1, 2)', 'b.x BETWEEN 0 AND 2'),
);
const condition = fc.oneof(
  test1,
  fc.tuple(test1, fc.constantFrom('AND', 'OR'), test1).map(([p, op, q]) => `(${p} ${op} ${q})`),
  fc.tuple(test1, test1, test1).map(([p, q, r]) => `${p} AND (${q} OR ${r})`),
);
const join = fc.constantFrom('JOIN', 'LEFT JOIN', 'RIGHT JOIN', 'FULL JOIN');

test('a filter that went down never changes the answer, whatever the join', async () => {
  await sql.run(`CREATE TABLE a (x INT, y BIGINT, s STRING) WITH ('bucket' = '-1')`);
  await sql.run(`CREATE TABLE b (x INT, y BIGINT, s STRING) WITH ('bucket' = '-1')`);
  let made = 0;
  await fc.assert(
    fc.asyncProperty(
      rows,
      rows,
      fc.array(fc.tuple(join, condition), { minLength: 4, maxLength: 4 }),
      async (as, bs, asked) => {
        made += 1;
        const values = (list: readonly (readonly string[])[]): string => list.map(r => `(${r.join(', ')})`).join(', ');
        for (const [name, list] of [
          ['a', as],
          ['b', bs],
        ] as const) {
          await sql.run(`CREATE TABLE r${made}.${name} (x INT, y BIGINT, s STRING) WITH ('bucket' = '-1');
          INSERT INTO r${made}.${name} VALUES ${values(list)}`);
        }
        for (const [kind, where] of asked) {
          const body = (a: string, b: string): string =>
            `SELECT a.x, a.y, a.s, b.x AS bx, b.y AS by, b.s AS bs FROM ${a} a ${kind} ${b} b ON a.y = b.y WHERE ${where}`;
          const typedValues = (list: readonly (readonly string[])[]): string =>
            `(SELECT x::INT AS x, y::BIGINT AS y, s::VARCHAR AS s FROM (VALUES ${values(list)}) v(x, y, s))`;
          const ours = await sql.run(body(`r${made}.a`, `r${made}.b`));
          const theirs = await sql.run(body(typedValues(as), typedValues(bs)));
          expect(ours.toSorted(), `${kind} ${where}`).toEqual(theirs.toSorted());
        }
      },
    ),
    { numRuns: 15 },
  );
});
