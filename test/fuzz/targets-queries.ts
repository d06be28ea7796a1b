/** Queries of users, run to their end in the SQL engine on small tables. */
import { openSqlFixture, type SqlFixture } from '../sql-fixture.ts';
import { texts } from './corpus.ts';
import { mutateQuery } from './mutate-text.ts';
import { holds, type Target } from './target.ts';

/** Far more than a query of these tables takes; one that multiplies itself ends here, as a function's time-out ends it. */
const queryMsMax = 10_000;
const canary = 'SELECT count(*) AS n, sum(k) AS s, max(v) AS m FROM d.keyed';
const canaryAnswer = '{"n":"3","s":"6","m":"z"}';

const setUp = `
  CREATE TABLE d.keyed (k INT, v STRING, n BIGINT, d DECIMAL(10, 2), b BOOLEAN, ts TIMESTAMP(3), PRIMARY KEY (k) NOT ENFORCED)
    WITH ('bucket' = '1');
  CREATE TABLE d.plain (k INT, x DOUBLE, day DATE, s STRING) WITH ('bucket' = '-1');
  INSERT INTO d.keyed VALUES (1, 'x', 10, 1.25, TRUE, TIMESTAMP '2024-01-01 00:00:00.5'), (2, 'y', NULL, -3.50, FALSE, NULL),
    (3, 'z', 30, NULL, NULL, TIMESTAMP '2024-02-29 23:59:59');
  INSERT INTO d.plain VALUES (1, 0.5, DATE '2024-01-01', 'a'), (1, NULL, NULL, 'b'), (7, -1e10, DATE '1969-12-31', NULL)`;

const queries = [
  "SELECT k, v FROM d.keyed WHERE k > 1 AND v LIKE '%y' OR n IS NULL ORDER BY k DESC LIMIT 2",
  'SELECT k.v, p.s FROM d.keyed AS k LEFT JOIN d.plain p ON k.k = p.k WHERE p.x < 1 OR p.x IS NULL',
  'SELECT v, count(*) AS c, sum(n), avg(d) FROM d.keyed GROUP BY v HAVING count(*) >= 1',
  'WITH q AS (SELECT k, max(x) m FROM d.plain GROUP BY k) SELECT * FROM q JOIN d.keyed USING (k)',
  "SELECT * FROM d.keyed /*+ OPTIONS('scan.snapshot-id' = '1') */ WHERE ts BETWEEN TIMESTAMP '2024-01-01 00:00:00' AND ts",
  "SELECT CASE WHEN b THEN 'yes' ELSE upper(v) END, CAST(d AS STRING), n + k * 2 FROM d.keyed",
  'SELECT s FROM d.plain UNION ALL SELECT v FROM d.keyed EXCEPT SELECT v FROM d.keyed WHERE k IN (1, 2)',
  'SELECT row_number() OVER (PARTITION BY k ORDER BY x) r, day FROM d.plain',
  'SELECT snapshot_id, commit_kind FROM d.`keyed$snapshots`; SELECT file_path FROM d.`plain$files`',
  'EXPLAIN SELECT (SELECT max(k) FROM d.plain p WHERE p.k <= k.k) FROM d.keyed k',
  "SELECT DISTINCT substring(v, 1, 1), length(v), coalesce(n, 0), date_trunc('day', ts) FROM d.keyed",
];

let fixture: Promise<SqlFixture> | undefined;

async function opened(): Promise<SqlFixture> {
  fixture ??= openSqlFixture({ engine: { threadsMax: 1 } }).then(async sql => {
    await sql.run(setUp);
    return sql;
  });
  return fixture;
}

export const queryTargets: readonly Target[] = [
  {
    name: 'query',
    decoders: [],
    corpus: () => texts(...queries),
    mutate: mutateQuery,
    decode: async input => {
      const sql = await opened();
      try {
        await sql.run(Buffer.from(input).toString(), { signal: AbortSignal.timeout(queryMsMax) });
      } finally {
        // Whatever it was, the next query has its answer.
        const [answer] = await sql.run(canary);
        holds(answer === canaryAnswer, `the query after it answers ${answer}`);
      }
    },
    cost: 12,
  },
];
