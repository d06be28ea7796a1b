// What changes a table's life as a whole, judged by real Paimon: after each of our overwrites, rollbacks, fast-forwards and
// changes of rows it reads the table as we do, writes to it and compacts it, and we go on after it.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Lake, openLake } from '../../src/index.ts';
import { type Paimon, startPaimon, type TableRef } from './paimon.ts';

let paimon: Paimon;
let scratch: string;

beforeAll(async () => {
  paimon = await startPaimon();
  scratch = mkdtempSync(join(tmpdir(), 'tidelake-life-'));
});

afterAll(async () => {
  await paimon?.[Symbol.asyncDispose]();
  rmSync(scratch, { recursive: true, force: true });
});

type Row = { readonly p: string; readonly k: number; readonly v: string | null };

async function ours(lake: Lake, name = 'd.t'): Promise<readonly string[]> {
  const [database = '', table = ''] = name.split('.');
  const result = await lake.sql<Row>(`SELECT p, k, v FROM ${database}.\`${table}\``);
  const rows = await result.rows();
  return rows.map(({ p, k, v }) => JSON.stringify({ p, k, v })).toSorted();
}

/** Our statements, one after the other; behind each Paimon reads what we read. */
const statements: readonly string[] = [
  "INSERT INTO t VALUES ('a', 1, 'one'), ('a', 2, 'two'), ('b', 3, 'three')",
  "CALL sys.create_tag('t', 'base')",
  "INSERT OVERWRITE t VALUES ('a', 2, 'over'), ('a', 5, 'five')",
  "UPDATE t SET v = v || '!' WHERE k IN (2, 3)",
  'DELETE FROM t WHERE k = 5',
  "CALL sys.create_branch('t', 'dev', 'base')",
  "INSERT INTO `t$branch_dev` VALUES ('c', 9, 'dev')",
  "MERGE INTO t USING (VALUES ('b', 3, 'm'), ('d', 7, 'n')) AS s(p, k, v) ON t.p = s.p AND t.k = s.k WHEN MATCHED THEN UPDATE SET v = s.v WHEN NOT MATCHED THEN INSERT *",
  "CALL sys.rollback_to('t', 'base')",
  "CALL sys.fast_forward('t', 'dev')",
  "ALTER TABLE t DROP PARTITION (p = 'a')",
  "CALL sys.rollback_to('t', 2)",
  'TRUNCATE TABLE t',
  "INSERT INTO t PARTITION (p = 'z') VALUES (1, 'again')",
];

const tables: readonly (readonly [kind: string, ddl: string])[] = [
  ['keyed', "PRIMARY KEY (p, k) NOT ENFORCED) PARTITIONED BY (p) WITH ('bucket' = '2')"],
  ['append', ') PARTITIONED BY (p)'],
  ['bucketed', ") PARTITIONED BY (p) WITH ('bucket' = '2', 'bucket-key' = 'k')"],
  ['dynamic', "PRIMARY KEY (p, k) NOT ENFORCED) PARTITIONED BY (p) WITH ('dynamic-bucket.target-row-num' = '2')"],
  [
    'keyed-vectors',
    "PRIMARY KEY (p, k) NOT ENFORCED) PARTITIONED BY (p) WITH ('bucket' = '2', 'deletion-vectors.enabled' = 'true')",
  ],
  ['dynamic-vectors', "PRIMARY KEY (p, k) NOT ENFORCED) PARTITIONED BY (p) WITH ('deletion-vectors.enabled' = 'true')"],
  ['vectors', ") PARTITIONED BY (p) WITH ('deletion-vectors.enabled' = 'true')"],
];

test.each(tables)(
  'Paimon reads and continues a table through its life (%s)',
  { timeout: 120_000 },
  async (kind, rest) => {
    const warehouse = join(scratch, kind);
    const columns = `p STRING NOT NULL, k INT NOT NULL, v STRING${rest.startsWith(')') ? rest : `, ${rest}`}`;
    await using lake = await openLake({ warehouse: `file:${warehouse}` });
    await lake.sql(`CREATE DATABASE d; USE d; CREATE TABLE t (${columns}`);
    const ref: TableRef = { warehouse, table: 'd.t' };
    // Rows of keyed tables with vectors that do not show cannot be changed by statements.
    const own = statements.filter(sql => !/(keyed|dynamic)-vectors/.test(kind) || !/^(UPDATE|DELETE|MERGE)/.test(sql));
    for (const [index, sql] of own.entries()) {
      await lake.sql(sql);
      expect(await paimon.rows(ref), sql).toEqual(await ours(lake));
      // Paimon goes on with a row of its own, merged into the rest.
      await paimon.append(ref, [`+I ${JSON.stringify({ p: 'java', k: index, v: null })}`], { compaction: true });
      if (/keyed|dynamic/.test(kind)) await paimon.compactFully(ref);
      expect(await ours(lake), `after ${sql}`).toEqual(await paimon.rows(ref));
    }
    // With the row that Paimon had put before.
    expect(await paimon.rows(ref, { tag: 'base' })).toHaveLength(4);
    expect(await paimon.rows({ ...ref, branch: 'dev' })).toEqual(await ours(lake, 'd.t$branch_dev'));
  },
);

const indexedTables: readonly (readonly [kind: string, ddl: string])[] = [
  ['dynamic', ", PRIMARY KEY (k) NOT ENFORCED) WITH ('dynamic-bucket.target-row-num' = '2', "],
  ['vectors', ") WITH ('deletion-vectors.enabled' = 'true', "],
];

test.each(indexedTables)(
  'what a table with index files has gone back to outlives the expiry of Paimon (%s)',
  { timeout: 60_000 },
  async (kind, rest) => {
    const warehouse = join(scratch, `expired-${kind}`);
    await using lake = await openLake({ warehouse: `file:${warehouse}` });
    await lake.sql(`CREATE DATABASE d; USE d; CREATE TABLE t (p STRING, k INT NOT NULL, v STRING${rest}
      'snapshot.num-retained.min' = '1', 'snapshot.num-retained.max' = '2');
      INSERT INTO t VALUES ('a', 1, 'one'), ('a', 2, 'two'), ('b', 3, 'three'); DELETE FROM t WHERE k = 2`);
    const state = await ours(lake);
    await lake.sql(`INSERT INTO t VALUES ('a', 4, 'four'); DELETE FROM t WHERE k IN (1, 3)`);
    if (kind === 'dynamic') await lake.sql("CALL sys.compact('d.t', compact_strategy => 'full')");
    await lake.sql("CALL sys.rollback_to('t', 2)");
    expect(await ours(lake)).toEqual(state);
    const ref: TableRef = { warehouse, table: 'd.t' };
    const first = (await paimon.snapshots(ref)).length;
    const rows = [3, 5, 6, 7].map(k => ({ p: 'java', k, v: null }));
    for (const row of rows) await paimon.append(ref, [`+I ${JSON.stringify(row)}`], { compaction: true });
    // It has taken all away that it does not need, and the rows of the rollback are read on by both.
    expect((await paimon.snapshots(ref)).length).toBeLessThan(first);
    const isKeyed = kind === 'dynamic';
    const kept = state.filter(line => !(isKeyed && line.includes('"k":3')));
    const expected = [...kept, ...rows.map(row => JSON.stringify(row))].toSorted();
    expect(await paimon.rows(ref)).toEqual(expected);
    expect(await ours(lake)).toEqual(expected);
  },
);

test('Paimon reads our statistics, and carries them on', { timeout: 60_000 }, async () => {
  const warehouse = join(scratch, 'analyzed');
  await using lake = await openLake({ warehouse: `file:${warehouse}` });
  await lake.sql(`CREATE DATABASE d; USE d; CREATE TABLE t (k INT NOT NULL, s STRING, n DECIMAL(30, 3), x DOUBLE,
    day DATE, at TIMESTAMP(6), l TIMESTAMP_LTZ(3), b BYTES, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1');
    INSERT INTO t VALUES (1, 'a', 1.5, 0.1, DATE '2024-01-02', TIMESTAMP '2024-01-02 03:04:05.000006',
    TIMESTAMP '2024-01-02 03:04:05', 'x'::BLOB), (2, NULL, -2, -1e300, NULL, TIMESTAMP '1969-12-31 23:59:00', NULL, NULL);
    INSERT INTO t (k) VALUES (2); ANALYZE TABLE t COMPUTE STATISTICS FOR ALL COLUMNS`);
  const parsed = (rows: readonly string[]): unknown => {
    const { colstat, ...rest } = JSON.parse(rows[0] ?? '{}');
    return { ...rest, colstat: JSON.parse(colstat) };
  };
  // Longs are texts in canonical JSON.
  const textOf = (row: object): string =>
    JSON.stringify(row, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
  const oursNow = async (): Promise<unknown> =>
    parsed((await (await lake.sql('SELECT * FROM d.`t$statistics`')).rows()).map(textOf));
  const statistics: TableRef = { warehouse, table: 'd.t$statistics' };
  const theirs = parsed(await paimon.rows(statistics));
  expect(theirs).toMatchObject({ mergedRecordCount: '2', colstat: { k: { distinctCount: 2, min: '1', max: '2' } } });
  await paimon.append({ warehouse, table: 'd.t' }, ['+I {"k":3}'], { compaction: true });
  expect(parsed(await paimon.rows(statistics))).toEqual(theirs);
  expect(await oursNow()).toEqual(theirs);
});
