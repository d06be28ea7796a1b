import { expect, test } from 'vitest';
import { openSqlFixture, type SqlFixture } from '../../../test/sql-fixture.ts';
import { isLakeError } from '../../base/errors.ts';
import { Committer } from '../../table/commit/commit.ts';
import { compactTable } from '../../table/compact/compact-table.ts';
import { openTable } from '../../table/table.ts';

async function fixture(ddl: string): Promise<SqlFixture> {
  const sql = await openSqlFixture();
  await sql.run(`CREATE DATABASE d; ${ddl}`);
  return sql;
}

const rows = "INSERT INTO t VALUES (1, 'a', 10), (2, 'b', 20), (3, NULL, 30)";
/** The same rows in tables of every kind. */
const kinds: readonly string[] = [
  `CREATE TABLE t (k INT NOT NULL, v STRING, n BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1'); ${rows}`,
  `CREATE TABLE t (k INT NOT NULL, v STRING, n BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '3'); ${rows}`,
  `CREATE TABLE t (k INT, v STRING, n BIGINT); INSERT INTO t VALUES (1, 'a', 10); INSERT INTO t VALUES (2, 'b', 20), (3, NULL, 30)`,
  `CREATE TABLE t (k INT, v STRING, n BIGINT) PARTITIONED BY (k); ${rows}`,
  `CREATE TABLE t (k INT, v STRING, n BIGINT) WITH ('bucket' = '2', 'bucket-key' = 'k'); ${rows}`,
  `CREATE TABLE t (k INT, v STRING, n BIGINT) WITH ('deletion-vectors.enabled' = 'true'); ${rows}`,
];
const append = kinds[2] ?? '';
const keyed = kinds[0] ?? '';

async function all(sql: SqlFixture): Promise<readonly string[]> {
  const lines = await sql.run('SELECT k, v, n FROM t ORDER BY ALL');
  return lines.map(line => line.replace(/^\{|\}$|"/g, '').replace(/\w+:/g, ''));
}

async function codeOf(running: Promise<unknown>): Promise<string> {
  const error: unknown = await running.then(
    () => undefined,
    failure => failure,
  );
  return isLakeError(error) ? error.code : String(error);
}

test('DELETE takes the rows away that pass, and no others', async () => {
  for (const ddl of kinds) {
    await using sql = await fixture(ddl);
    expect(await sql.run('DELETE FROM t WHERE n > 10 AND v IS NOT NULL')).toEqual(['1 row of d.t deleted']);
    expect(await all(sql)).toEqual(['1,a,10', '3,null,30']);
    expect(await sql.run("DELETE FROM d.t AS x WHERE x.v = 'none'")).toEqual(['0 rows of d.t deleted']);
    await sql.run('DELETE FROM t WHERE k IN (SELECT k FROM t WHERE n < 15)');
    expect(await all(sql)).toEqual(['3,null,30']);
    await sql.run('DELETE FROM t');
    expect(await all(sql)).toEqual([]);
    await sql.run("INSERT INTO t VALUES (3, 'again', 1)");
    expect(await all(sql)).toEqual(['3,again,1']);
  }
});

test('UPDATE sets columns by expressions over the old row', async () => {
  for (const ddl of kinds) {
    await using sql = await fixture(ddl);
    await sql.run("UPDATE t SET n = n * 2 + k, v = coalesce(v, 'none') WHERE k >= 2");
    expect(await all(sql)).toEqual(['1,a,10', '2,b,42', '3,none,63']);
    await sql.run('UPDATE t AS x SET n = (SELECT max(n) FROM t) + x.k, v = NULL');
    expect(await all(sql)).toEqual(['1,null,64', '2,null,65', '3,null,66']);
  }
});

const merge = `MERGE INTO t USING (VALUES (1, 'gone', 0), (2, 'new', 5), (7, 'seven', 7), (8, 'skipped', -1)) AS s(k, v, n)
  ON t.k = s.k
  WHEN MATCHED AND s.v = 'gone' THEN DELETE
  WHEN MATCHED THEN UPDATE SET v = s.v, n = t.n + s.n
  WHEN NOT MATCHED AND s.n > 0 THEN INSERT (k, n, v) VALUES (s.k, s.n, upper(s.v))`;

test('MERGE deletes, updates and inserts in one commit', async () => {
  for (const ddl of kinds) {
    await using sql = await fixture(ddl);
    const [before] = await sql.run('SELECT count(*) AS c FROM `t$snapshots`');
    expect(await sql.run(merge)).toEqual(['3 rows of d.t merged']);
    expect(await all(sql)).toEqual(['2,new,25', '3,null,30', '7,SEVEN,7']);
    const [after] = await sql.run('SELECT count(*) AS c FROM `t$snapshots`');
    expect(Number(/\d+/.exec(after ?? '')) - Number(/\d+/.exec(before ?? ''))).toBe(1);
  }
});

test('MERGE with * takes the columns of the source', async () => {
  for (const ddl of kinds) {
    await using sql = await fixture(ddl);
    await sql.run("CREATE TABLE s (n BIGINT, k INT, v STRING); INSERT INTO s VALUES (100, 2, 'x'), (900, 9, 'nine')");
    await sql.run('MERGE INTO t USING s ON t.k = s.k WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *');
    expect(await all(sql)).toEqual(['1,a,10', '2,x,100', '3,null,30', '9,nine,900']);
    await sql.run(
      "MERGE INTO t USING s /*+ OPTIONS('scan.snapshot-id' = '1') */ ON t.k = s.k WHEN MATCHED THEN DELETE",
    );
    expect(await all(sql)).toEqual(['1,a,10', '3,null,30']);
  }
});

test('a row that matches twice is refused, unless nothing is done about it', async () => {
  for (const ddl of [keyed, append]) {
    await using sql = await fixture(ddl);
    const source = "(VALUES (1, 'x'), (1, 'y')) AS s(k, v)";
    const twice = `MERGE INTO t USING ${source} ON t.k = s.k WHEN MATCHED THEN UPDATE SET v = s.v`;
    expect(await codeOf(sql.run(twice))).toBe('LAKE_MERGE_AMBIGUOUS');
    expect(await all(sql)).toContain('1,a,10');
    const once = `MERGE INTO t USING ${source} ON t.k = s.k WHEN MATCHED AND s.v = 'y' THEN UPDATE SET v = s.v`;
    await sql.run(once);
    expect(await all(sql)).toContain('1,y,10');
  }
});

test('what is wrong is told, and nothing is committed', async () => {
  for (const ddl of kinds) {
    await using sql = await fixture(ddl);
    const before = await all(sql);
    expect(await codeOf(sql.run('UPDATE t SET none = 1'))).toBe('LAKE_SQL_BINDER');
    expect(await codeOf(sql.run('UPDATE t SET n = 1, n = 2'))).toBe('LAKE_SQL_BINDER');
    expect(await codeOf(sql.run('UPDATE t SET n = 1.5'))).toBe('LAKE_BAD_VALUE');
    expect(await codeOf(sql.run("UPDATE t SET n = 'x'"))).toMatch(/LAKE_BAD_VALUE|LAKE_SQL/);
    expect(await codeOf(sql.run('DELETE FROM t WHERE none = 1'))).toBe('LAKE_SQL_BINDER');
    expect(await codeOf(sql.run('DELETE FROM `t$files`'))).toBe('LAKE_BAD_NAME');
    expect(
      await codeOf(sql.run('MERGE INTO t USING t AS s ON t.k = s.k WHEN NOT MATCHED THEN INSERT (k) VALUES (1, 2)')),
    ).toBe('LAKE_SQL_BINDER');
    expect(await all(sql)).toEqual(before);
  }
  await using sql = await fixture(keyed);
  expect(await codeOf(sql.run('UPDATE t SET k = 9'))).toBe('LAKE_SQL_BINDER');
  expect(await codeOf(sql.run('MERGE INTO t USING t AS s ON t.k = s.k WHEN MATCHED THEN UPDATE SET k = 1'))).toBe(
    'LAKE_SQL_BINDER',
  );
});

test('a statement does not go past rows that wait for a bucket', async () => {
  await using sql = await fixture(
    `CREATE TABLE t (k INT NOT NULL, v STRING, n BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '-2')`,
  );
  await sql.run(`${rows}; UPDATE t SET n = n + 1 WHERE k = 2; DELETE FROM t WHERE k = 1`);
  const changed = await all(sql);
  await sql.run(`ALTER TABLE t SET ('postpone.batch-write-fixed-bucket' = 'false')`);
  await sql.run("INSERT INTO t VALUES (2, 'waits', 0)");
  expect(await all(sql)).toEqual(changed);
  const update = 'UPDATE t SET n = n + 1 WHERE k = 2';
  expect(await codeOf(sql.run(update))).toBe('LAKE_ROWS_WAIT');
  await expect(sql.run(update)).rejects.toThrow(/CALL sys.compact\('d.t'\)/);
});

test('merge engines that have no such rows are refused by name', async () => {
  const table = (options: string) =>
    fixture(
      `CREATE TABLE t (k INT NOT NULL, v STRING, n BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1', ${options})`,
    );
  await using aggregation = await table("'merge-engine' = 'aggregation', 'fields.n.aggregate-function' = 'sum'");
  await expect(aggregation.run('UPDATE t SET n = 1')).rejects.toThrow(/merge-engine=aggregation/);
  await using first = await table("'merge-engine' = 'first-row'");
  expect(await codeOf(first.run('DELETE FROM t'))).toBe('LAKE_DELETE_NOT_MERGED');
  const sums = "'merge-engine' = 'aggregation', 'fields.n.aggregate-function' = 'sum'";
  await expect(aggregation.run('DELETE FROM t')).rejects.toThrow(/aggregation.remove-record-on-delete/);
  await using removing = await table(`${sums}, 'aggregation.remove-record-on-delete' = 'true'`);
  await removing.run(`${rows}; ${rows}; DELETE FROM t WHERE n = 40`);
  expect(await all(removing)).toEqual(['1,a,20', '3,null,60']);
  // A delete would take the values of the group back, and leave the row.
  await using groups = await table("'merge-engine' = 'partial-update', 'fields.n.sequence-group' = 'v'");
  expect(await codeOf(groups.run('DELETE FROM t'))).toBe('LAKE_DELETE_NOT_MERGED');
  await using removed = await table(
    "'merge-engine' = 'partial-update', 'fields.n.sequence-group' = 'v', 'partial-update.remove-record-on-sequence-group' = 'n'",
  );
  await removed.run(`${rows}; DELETE FROM t WHERE k = 2`);
  expect(await all(removed)).toEqual(['1,a,10', '3,null,30']);
  await using ignoring = await table("'ignore-delete' = 'true'");
  await expect(ignoring.run('DELETE FROM t')).rejects.toThrow(/ignore-delete/);
  await using partial = await table(
    "'merge-engine' = 'partial-update', 'partial-update.remove-record-on-delete' = 'true'",
  );
  await partial.run(`${rows}; UPDATE t SET n = 99 WHERE k = 1; DELETE FROM t WHERE k = 2`);
  expect(await all(partial)).toEqual(['1,a,99', '3,null,30']);
});

test('of an append table only the files with such rows are written anew', async () => {
  await using sql = await fixture(append);
  const files = async () => (await sql.run('SELECT file_path FROM `t$files` ORDER BY 1')).toSorted();
  const before = await files();
  await sql.run('DELETE FROM t WHERE k = 3');
  const after = await files();
  expect(before.filter(file => after.includes(file))).toHaveLength(1);
  expect(after).toHaveLength(2);
  const [last] = (await sql.run('SELECT commit_kind FROM `t$snapshots` ORDER BY snapshot_id')).toReversed();
  expect(last).toBe('{"commit_kind":"OVERWRITE"}');
});

test('rows that others change meanwhile are seen: the statement is run again', async () => {
  for (const ddl of [keyed, append, kinds[5] ?? '']) {
    await using sql = await fixture(ddl);
    let turns = 0;
    const { catalog } = sql.context;
    const put = catalog.store.putIfAbsent.bind(catalog.store);
    // The first commit of the statement meets one of somebody else's.
    catalog.store.putIfAbsent = async (key, bytes, options) => {
      if (key.includes('/snapshot-') && turns === 0) {
        turns += 1;
        await sql.run(ddl === keyed ? "INSERT INTO t VALUES (1, 'late', 1000)" : 'UPDATE t SET n = 1000 WHERE k = 1');
      }
      return put(key, bytes, options);
    };
    await sql.run('UPDATE t SET n = n + 1 WHERE k = 1');
    expect((await all(sql)).filter(line => line.startsWith('1,'))).toEqual([
      ddl === keyed ? '1,late,1001' : '1,a,1001',
    ]);
  }
});

test('what others write meanwhile into a column that is new stays', async () => {
  for (const ddl of [keyed, append, kinds[5] ?? '']) {
    await using sql = await fixture(ddl);
    let turns = 0;
    const { catalog } = sql.context;
    const put = catalog.store.putIfAbsent.bind(catalog.store);
    catalog.store.putIfAbsent = async (key, bytes, options) => {
      if (key.includes('/snapshot-') && turns === 0) {
        turns += 1;
        await sql.run('ALTER TABLE t ADD c BIGINT; UPDATE t SET c = k, n = 1000');
      }
      return put(key, bytes, options);
    };
    await sql.run('UPDATE t SET n = n + 1 WHERE k < 3');
    expect(await sql.run('SELECT k, n, c FROM t ORDER BY ALL')).toEqual([
      '{"k":1,"n":"1001","c":"1"}',
      '{"k":2,"n":"1001","c":"2"}',
      '{"k":3,"n":"1000","c":"3"}',
    ]);
  }
});

test('buckets of two counts are not mixed in a partition', async () => {
  await using sql = await fixture(kinds[4] ?? '');
  await sql.run("INSERT INTO t VALUES (4, 'd', 40), (5, 'e', 50), (6, 'f', 60); ALTER TABLE t SET ('bucket' = '5')");
  const before = await all(sql);
  await expect(sql.run('UPDATE t SET n = 0 WHERE k = 1')).rejects.toThrow(/a partition has 2 buckets/);
  expect(await all(sql)).toEqual(before);
  await sql.run('INSERT OVERWRITE t SELECT * FROM t; UPDATE t SET n = 0 WHERE k = 1');
  expect((await all(sql))[0]).toBe('1,a,0');
});

test('deletion vectors take rows away from files that stay, also those deleted before', async () => {
  await using sql = await fixture(kinds[5] ?? '');
  const files = async () => (await sql.run('SELECT file_path FROM `t$files` ORDER BY 1')).toSorted();
  const before = await files();
  await sql.run('DELETE FROM t WHERE k = 2');
  await sql.run('DELETE FROM t WHERE k = 1');
  expect(await files()).toEqual(before);
  expect(await all(sql)).toEqual(['3,null,30']);
  await sql.run('UPDATE t SET n = n + 1');
  expect(await all(sql)).toEqual(['3,null,31']);
  await sql.run(
    "MERGE INTO t USING (VALUES (3, 'x', 1), (4, 'y', 2)) AS s(k, v, n) ON t.k = s.k WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *",
  );
  expect(await all(sql)).toEqual(['3,x,1', '4,y,2']);
  expect(await sql.run('DELETE FROM t')).toEqual(['2 rows of d.t deleted']);
  expect(await all(sql)).toEqual([]);
});

const vectors = `CREATE TABLE t (k INT NOT NULL, v STRING, n BIGINT, PRIMARY KEY (k) NOT ENFORCED)
  WITH ('bucket' = '1', 'deletion-vectors.enabled' = 'true')`;

async function compact(sql: SqlFixture): Promise<void> {
  const { catalog } = sql.context;
  const table = await openTable(catalog.store, { database: 'd', name: 't' }, catalog);
  await using committer = new Committer(table);
  await compactTable(table, committer, { isFull: true });
}

test('of a keyed table with deletion vectors, what is not compacted yet is changed as well', async () => {
  await using sql = await fixture(`${vectors}; ${rows}`);
  await sql.run('UPDATE t SET n = n + 1 WHERE k < 3; UPDATE t SET n = n * 10 WHERE n < 30');
  // Nothing of it shows before it is compacted.
  expect(await all(sql)).toEqual([]);
  expect(await sql.run('DELETE FROM t WHERE n = 110')).toEqual(['1 row of d.t deleted']);
  await compact(sql);
  expect(await all(sql)).toEqual(['2,b,210', '3,null,30']);
  expect(await sql.run(merge)).toEqual(['2 rows of d.t merged']);
  expect(await sql.run("UPDATE t SET v = v || '!' WHERE k > 1")).toEqual(['3 rows of d.t updated']);
  expect(await all(sql)).toEqual(['2,b,210', '3,null,30']);
  await compact(sql);
  expect(await all(sql)).toEqual(['2,new!,215', '3,null,30', '7,SEVEN!,7']);
});

test('a compaction of rivals does not matter, their rows do, also those that nobody sees yet', async () => {
  await using sql = await fixture(`${vectors}; ${rows}`);
  await compact(sql);
  await sql.run('UPDATE t SET n = n + 1');
  let turns = 0;
  const { catalog } = sql.context;
  const put = catalog.store.putIfAbsent.bind(catalog.store);
  catalog.store.putIfAbsent = async (key, bytes, options) => {
    if (key.includes('/snapshot-')) {
      turns += 1;
      if (turns === 1) await compact(sql);
      // Meets the second attempt at the commit, and makes the statement run again.
      if (turns === 3) await sql.run("INSERT INTO t VALUES (1, 'late', 1000)");
    }
    return put(key, bytes, options);
  };
  await sql.run('UPDATE t SET n = n + 1');
  await compact(sql);
  expect(turns).toBeGreaterThan(4);
  expect(await all(sql)).toEqual(['1,late,1001', '2,b,22', '3,null,32']);
});

test('where a column says what rows do, it says that of those that are deleted', async () => {
  await using sql =
    await fixture(`CREATE TABLE t (k INT NOT NULL, v STRING, n BIGINT, op STRING, PRIMARY KEY (k) NOT ENFORCED)
    WITH ('bucket' = '1', 'rowkind.field' = 'op');
    INSERT INTO t VALUES (1, 'a', 10, '+I'), (2, 'b', 20, '+I'), (3, NULL, 30, '+U')`);
  await sql.run('DELETE FROM t WHERE k = 1; UPDATE t SET n = n + 1 WHERE k = 2');
  expect(await all(sql)).toEqual(['2,b,21', '3,null,30']);
  await sql.run("UPDATE t SET op = '-D' WHERE k = 3");
  expect(await all(sql)).toEqual(['2,b,21']);
  expect(await codeOf(sql.run("UPDATE t SET op = 'x'"))).toBe('LAKE_BAD_ROW_KIND');
});

test('what options of a table say of its reads does not hide rows from its changes', async () => {
  await using sql = await fixture(
    `${keyed}; INSERT INTO t VALUES (4, 'd', 40); ALTER TABLE t SET ('scan.snapshot-id' = '1')`,
  );
  expect(await sql.run('UPDATE t SET n = 0')).toEqual(['4 rows of d.t updated']);
});

test('a first-row table takes what is new, also beside rows that do not show yet', async () => {
  await using sql = await fixture(`CREATE TABLE t (k INT NOT NULL, v STRING, n BIGINT, PRIMARY KEY (k) NOT ENFORCED)
    WITH ('bucket' = '1', 'merge-engine' = 'first-row'); ${rows}`);
  const insert = `MERGE INTO t USING (VALUES (1, 'x', 1), (9, 'y', 2)) AS s(k, v, n) ON t.k = s.k WHEN NOT MATCHED THEN INSERT *`;
  expect(await sql.run(insert)).toEqual(['1 row of d.t merged']);
  await compact(sql);
  expect(await all(sql)).toEqual(['1,a,10', '2,b,20', '3,null,30', '9,y,2']);
});

const crossing = `CREATE TABLE t (p STRING, k INT NOT NULL, n BIGINT, PRIMARY KEY (k) NOT ENFORCED) PARTITIONED BY (p)`;

test('where the key says nothing of the partition, rows move by INSERT, UPDATE and MERGE, and go by DELETE', async () => {
  await using sql = await fixture(`${crossing} WITH ('bucket' = '-1')`);
  await sql.run("INSERT INTO t VALUES ('a', 1, 10), ('a', 2, 20), ('b', 3, 30)");
  await sql.run("INSERT INTO t VALUES ('c', 2, 21)");
  const rows = (): Promise<readonly string[]> => sql.run('SELECT p, k, n FROM t ORDER BY k');
  expect(await rows()).toEqual(['{"p":"a","k":1,"n":"10"}', '{"p":"c","k":2,"n":"21"}', '{"p":"b","k":3,"n":"30"}']);
  await sql.run("UPDATE t SET p = 'd', n = n + 1 WHERE k <= 2");
  expect(await rows()).toEqual(['{"p":"d","k":1,"n":"11"}', '{"p":"d","k":2,"n":"22"}', '{"p":"b","k":3,"n":"30"}']);
  await sql.run(`MERGE INTO t USING (VALUES ('e', 2, 1), ('e', 4, 2)) AS s(p, k, n) ON t.k = s.k
    WHEN MATCHED THEN UPDATE SET p = s.p, n = t.n + s.n WHEN NOT MATCHED THEN INSERT *`);
  expect(await rows()).toEqual([
    '{"p":"d","k":1,"n":"11"}',
    '{"p":"e","k":2,"n":"23"}',
    '{"p":"b","k":3,"n":"30"}',
    '{"p":"e","k":4,"n":"2"}',
  ]);
  await sql.run("DELETE FROM t WHERE p = 'e' OR k = 1");
  expect(await rows()).toEqual(['{"p":"b","k":3,"n":"30"}']);
  expect(await codeOf(sql.run("INSERT OVERWRITE t PARTITION (p = 'a') VALUES (3, 1)"))).toBe('LAKE_KEY_ELSEWHERE');
  await sql.run("INSERT OVERWRITE t PARTITION (p = 'b') VALUES (3, 1)");
  expect(await rows()).toEqual(['{"p":"b","k":3,"n":"1"}']);
});

test('a partition column that is not in the key is not set where rows would not move', async () => {
  for (const options of ["WITH ('bucket' = '-1', 'merge-engine' = 'partial-update')", "WITH ('bucket' = '1')"]) {
    await using sql = await fixture(`${crossing} ${options}; INSERT INTO t VALUES ('a', 1, 10)`);
    const merge = `MERGE INTO t USING (VALUES ('b', 1, 5)) AS s(p, k, n) ON t.k = s.k WHEN MATCHED THEN UPDATE SET`;
    for (const statement of ["UPDATE t SET p = 'b'", `${merge} p = s.p`, `${merge} *`]) {
      await expect(sql.run(statement)).rejects.toThrow(/of partition columns where rows do not move/);
    }
    await sql.run('UPDATE t SET n = 11');
    expect(await sql.run('SELECT p, k, n FROM t')).toEqual(['{"p":"a","k":1,"n":"11"}']);
  }
});
