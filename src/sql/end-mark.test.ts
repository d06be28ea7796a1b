/** Results that end before their end. */
import { expect, test } from 'vitest';
import { openSqlFixture } from '../../test/sql-fixture.ts';
import { SqlEngine } from './engine.ts';

async function countOf(sql: string, parameters: readonly number[] = []): Promise<number> {
  await using engine = await SqlEngine.open();
  await using connection = await engine.connect();
  let count = 0;
  const query = await connection.query(sql, { parameters });
  expect(query.columns.map(({ name }) => name)).toEqual(['n']);
  for await (const { rowCount } of (await connection.query(sql, { parameters })).chunks()) count += rowCount;
  return count;
}

test('a failure after the first rows is a failure, with its own words, and not a shorter result', async () => {
  const failing = "SELECT CAST(CASE WHEN range = $1 THEN 'x' ELSE '1' END AS INTEGER) AS n FROM range(400000)";
  await expect(countOf(failing, [300_000])).rejects.toMatchObject({
    code: 'LAKE_SQL_VALUE',
    message: expect.stringContaining("Could not convert string 'x' to INT32"),
  });
  expect(await countOf(failing, [-1])).toBe(400_000);
});

test.each([0, 1, 2_047, 2_048, 2_049, 300_000])('a result of %i rows has so many', async count => {
  expect(await countOf(`SELECT range AS n FROM range(${count})`)).toBe(count);
  expect(await countOf(`SELECT range AS n FROM range(${count}) ORDER BY hash(range)`)).toBe(count);
});

test('columns keep their order, names and types, and rows theirs', async () => {
  await using fixture = await openSqlFixture();
  const sql = 'SELECT n AS "tidelake", NULL AS e, n AS twice, n AS twice FROM (VALUES (3), (1), (2)) v(n) ORDER BY n';
  expect(await fixture.run(sql)).toEqual([1, 2, 3].map(n => `{"tidelake":${n},"e":null,"twice":${n},"twice_1":${n}}`));
});
