/** One row whatever the tables hold, and the same columns as a query that is streamed. */
import { expect, test } from 'vitest';
import { openSqlFixture } from '../../../test/sql-fixture.ts';
import type { SqlConnection } from '../connection.ts';
import { unmarkedQuery } from '../end-mark.ts';
import { givesOneRow } from './one-row.ts';
import { queryTree } from './tree.ts';

const oneRow = [
  'SELECT count(*) FROM t',
  'SELECT COUNT(*) AS n, (sum(a) + max(b))::VARCHAR AS s, NULL AS e FROM t WHERE a > 1',
  'SELECT min(a) AS x, max(a) AS x, avg(a), 1.5 AS d FROM t HAVING count(*) > 0',
  'WITH w AS (SELECT a FROM t) SELECT sum(a) FROM w LIMIT 3',
  "SELECT [count(a)] AS l, {'k': max(s)} AS o, min(s) AS s FROM t",
];

const others = [
  'SELECT a FROM t',
  'SELECT count(*) FROM t GROUP BY a',
  'SELECT a, count(*) FROM t GROUP BY ALL',
  'SELECT count(*), unnest([1, 2]) FROM t',
  'SELECT sum(a) OVER () FROM t',
  'SELECT (SELECT count(*) FROM t) AS n FROM t',
  'SELECT count(*) FROM t UNION ALL SELECT a FROM t',
];

async function open(): Promise<AsyncDisposable & { readonly connection: SqlConnection }> {
  const sql = await openSqlFixture();
  const connection = await sql.context.engine.connect();
  await connection.run(`CREATE TEMP TABLE t AS SELECT range AS a, -range AS b, 'x' AS s FROM range(3)`);
  return { connection, [Symbol.asyncDispose]: () => sql[Symbol.asyncDispose]() };
}

async function answerOf(connection: SqlConnection, text: string, hasFewRows: boolean): Promise<unknown> {
  const query = await connection.query(hasFewRows ? unmarkedQuery(text) : text, { hasFewRows });
  let rowCount = 0;
  for await (const chunk of query.chunks()) rowCount += chunk.rowCount;
  return { columns: query.columns.map(({ name, type }) => [name, String(type)]), rowCount };
}

test.each(oneRow)('%s', async text => {
  await using opened = await open();
  const { connection } = opened;
  expect(givesOneRow(await queryTree(connection, text))).toBe(true);
  const answer = await answerOf(connection, text, true);
  expect(answer).toMatchObject({ rowCount: 1 });
  expect(await answerOf(connection, text, false)).toEqual(answer);
});

test.each(others)('%s is not known to', async text => {
  await using opened = await open();
  expect(givesOneRow(await queryTree(opened.connection, text))).toBe(false);
});

test('one row that fails says why', async () => {
  await using opened = await open();
  await expect(
    opened.connection.query('SELECT sum(CAST(s AS INTEGER)) FROM t', { hasFewRows: true }),
  ).rejects.toMatchObject({ code: 'LAKE_SQL_VALUE' });
});
