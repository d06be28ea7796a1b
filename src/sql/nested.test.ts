import { expect, test } from 'vitest';
import { openSqlFixture } from '../../test/sql-fixture.ts';

const ddl = `CREATE TABLE t (
  k INT NOT NULL, a ARRAY<INT>, m MAP<STRING, DECIMAL(6, 2)>, bag MULTISET<STRING>,
  r ROW<city STRING, zip INT NOT NULL, at TIME>, ns ARRAY<ROW<at TIMESTAMP(9), seen MAP<STRING, TIMESTAMP(7)>>>,
  PRIMARY KEY (k) NOT ENFORCED)`;

const values = `(1, [1, NULL], MAP {'x': 1.5}, MAP {'q': 2}, {'zip': 3000, 'city': 'Bern', 'at': TIME '10:00:00.5'},
  [{'at': '2024-02-29 12:00:00.123456789', 'seen': MAP {'k': '2024-02-29 12:00:00.1234567'}}, NULL]),
  (2, [], NULL, MAP {}, NULL, NULL)`;

const first =
  '{"k":1,"a":[1,null],"m":[["x","1.50"]],"bag":[["q",2]],"r":{"city":"Bern","zip":3000,"at":"10:00:00.500"},' +
  '"ns":[{"at":"2024-02-29T12:00:00.123456789","seen":[["k","2024-02-29T12:00:00.1234567"]]},null]}';

test('nested values are inserted and selected, times of a day and nanoseconds within them too', async () => {
  await using sql = await openSqlFixture();
  await sql.run(`${ddl}; INSERT INTO t VALUES ${values}`);
  const rows = await sql.run('SELECT * FROM t ORDER BY k');
  expect(rows).toEqual([first, '{"k":2,"a":[],"m":null,"bag":[],"r":null,"ns":null}']);
  expect(await sql.run("SELECT a[1] AS a, m['x'] AS m, r.city AS c, ns[1].seen['k'] AS s FROM t WHERE k = 1")).toEqual([
    '{"a":1,"m":"1.50","c":"Bern","s":"2024-02-29T12:00:00.123456700"}',
  ]);
  expect(await sql.run('SELECT k FROM t WHERE r.zip > 5')).toEqual(['{"k":1}']);
  expect(await sql.run('SELECT k FROM t WHERE r IS NULL')).toEqual(['{"k":2}']);
  expect(
    await sql.run('SELECT r.city AS city, count(*) AS n FROM t GROUP BY r.city ORDER BY n, city NULLS LAST'),
  ).toEqual(['{"city":"Bern","n":"1"}', '{"city":null,"n":"1"}']);
});

test('what is within a column is changed by its path, and old rows come under the schema as it is', async () => {
  await using sql = await openSqlFixture();
  await sql.run(`${ddl}; INSERT INTO t VALUES ${values}`);
  await sql.run(`ALTER TABLE t ADD r.country STRING AFTER city; ALTER TABLE t RENAME r.city TO town;
    ALTER TABLE t MODIFY r.zip BIGINT; ALTER TABLE t DROP r.\`at\`; ALTER TABLE t MODIFY a.element BIGINT;
    ALTER TABLE t ADD ns.element.n INT FIRST; ALTER TABLE t DROP ns.element.seen`);
  expect(await sql.run('SELECT a, r, ns FROM t WHERE k = 1')).toEqual([
    '{"a":["1",null],"r":{"town":"Bern","country":null,"zip":"3000"},"ns":[{"n":null,"at":"2024-02-29T12:00:00.123456789"},null]}',
  ]);
  // The whole column said anew comes to the same changes.
  await sql.run('ALTER TABLE t MODIFY r ROW<town STRING, country STRING, zip BIGINT, street ROW<name STRING>>');
  expect(await sql.run('SELECT r FROM t WHERE k = 1')).toEqual([
    '{"r":{"town":"Bern","country":null,"zip":"3000","street":null}}',
  ]);
});

test('values that do not fit what is within a column are refused, naming the path', async () => {
  await using sql = await openSqlFixture();
  await sql.run(ddl);
  const cases: readonly (readonly [string, RegExp])[] = [
    ["INSERT INTO t (k, r) VALUES (1, {'city': 'x', 'zip': NULL, 'at': NULL})", /column r.zip \(INT\): value null/],
    ['INSERT INTO t (k, a) VALUES (1, [1.5])', /column a\[\] \(INT\): DECIMAL\(2, 1\) would be rounded/],
    ["INSERT INTO t (k, a) VALUES (1, 'x')", /./],
    ["INSERT INTO t (k, m) VALUES (1, MAP {'x': 123456})", /./],
  ];
  for (const [text, message] of cases) {
    await expect(sql.run(text), text).rejects.toMatchObject({
      name: 'LakeError',
      kind: 'invalid',
      message: expect.stringMatching(message),
    });
  }
  expect(await sql.run('SELECT count(*) AS n FROM t')).toEqual(['{"n":"0"}']);
});
