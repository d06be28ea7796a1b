import { expect, test } from 'vitest';
import { isLakeError } from '../../base/errors.ts';
import { type Lake, openLake } from '../../index.ts';

let lakeNumber = 0;

async function lakeWith(ddl: string): Promise<Lake> {
  lakeNumber += 1;
  const lake = await openLake({ warehouse: `memory:procedures-${lakeNumber}` });
  await lake.sql(`CREATE DATABASE d; USE d; ${ddl}`);
  return lake;
}

const keyed =
  "CREATE TABLE t (k INT, v STRING, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1'); INSERT INTO t VALUES (1, 'a')";
const parted =
  "CREATE TABLE t (dt STRING, k INT) PARTITIONED BY (dt); INSERT INTO t VALUES ('2024-01-01', 1), ('2024-01-02', 2), ('2999-01-01', 3), ('x', 4)";

async function rows(lake: Lake, sql: string): Promise<readonly string[]> {
  const result = await lake.sql<Record<string, unknown>>(sql);
  return (await result.rows()).map(row => Object.values(row).map(String).join(' '));
}

async function codeOf(running: Promise<unknown>): Promise<string> {
  const error: unknown = await running.then(
    () => undefined,
    failure => failure,
  );
  return isLakeError(error) ? error.code : String(error);
}

const tags = (lake: Lake) => rows(lake, 'SELECT tag_name, snapshot_id FROM `t$tags` ORDER BY tag_name');
const keys = async (lake: Lake, table = 't') => (await rows(lake, `SELECT k FROM ${table}`)).map(Number).toSorted();

test('tags by name and by place, with Paimon’s names of arguments', async () => {
  await using lake = await lakeWith(keyed);
  expect(await rows(lake, "CALL sys.create_tag('d.t', 'one')")).toEqual(['Success']);
  await lake.sql("INSERT INTO t VALUES (2, 'b')");
  await lake.sql("CALL sys.create_tag(`table` => 't', tag => 'two', snapshot_id => 2, time_retained => '1 d')");
  expect(await tags(lake)).toEqual(['one 1', 'two 2']);
  await lake.sql("CALL sys.rename_tag(`table` => 'd.t', tag_name => 'one', target_tag_name => 'uno')");
  await lake.sql("CALL sys.replace_tag('t', 'uno', 2)");
  await lake.sql("CALL sys.create_tag_from_timestamp('t', 'early', 0)");
  expect(await tags(lake)).toEqual(['early 1', 'two 2', 'uno 2']);
  expect(await rows(lake, "CALL sys.expire_tags('t')")).toEqual(['No expired tags.']);
  expect(await rows(lake, "CALL sys.expire_tags('t', '2999-01-01 00:00:00')")).toEqual(['early', 'two', 'uno']);
  await lake.sql("CALL sys.create_tag('t', 'x'); CALL sys.delete_tag('t', 'x,none')");
  expect(await tags(lake)).toEqual([]);
});

test('branches, fast-forward and rollback', async () => {
  await using lake = await lakeWith(keyed);
  await lake.sql("CALL sys.create_tag('t', 'base'); INSERT INTO t VALUES (2, 'b')");
  await lake.sql(
    "CALL sys.create_branch('t', 'dev', 'base'); CALL sys.create_branch(`table` => 't', branch => 'dev', ignoreIfExists => TRUE)",
  );
  await lake.sql("INSERT INTO `t$branch_dev` VALUES (10, 'x')");
  await lake.sql("CALL sys.rename_branch('t', 'dev', 'next'); CALL sys.fast_forward('t', 'next')");
  expect(await keys(lake)).toEqual([1, 10]);
  expect(await rows(lake, "CALL sys.rollback_to(`table` => 't', snapshot_id => 2)")).toEqual(['3 4']);
  expect(await keys(lake)).toEqual([1, 2]);
  expect(await rows(lake, "CALL sys.rollback_to('t', 'base')")).toEqual(['4 5']);
  expect(await rows(lake, "CALL sys.rollback_to('t', 3)")).toEqual(['5 6']);
  expect(await keys(lake)).toEqual([1, 10]);
  expect(await codeOf(lake.sql("CALL sys.rollback_to('t')"))).toBe('LAKE_BAD_ARGUMENT');
  const now = Date.now() + 60_000;
  expect(await rows(lake, `CALL sys.rollback_to_timestamp('t', ${now})`)).toEqual(['6 6']);
  await lake.sql("CALL sys.delete_branch('t', 'next')");
  expect(await rows(lake, 'SELECT branch_name FROM `t$branches`')).toEqual([]);
});

test('files are merged, manifests too, snapshots and orphans are looked after', async () => {
  await using lake = await lakeWith(keyed);
  for (let k = 2; k < 6; k += 1) await lake.sql(`INSERT INTO t VALUES (${k}, 'x')`);
  await lake.sql("CALL sys.compact('t')");
  expect(await rows(lake, 'SELECT count(*) FROM `t$files`')).toEqual(['1']);
  expect(await rows(lake, 'SELECT count(*) FROM `t$manifests`')).toEqual(['6']);
  await lake.sql("CALL sys.compact_manifest('t')");
  expect(await rows(lake, 'SELECT count(*) FROM `t$manifests`')).toEqual(['1']);
  expect(await keys(lake)).toEqual([1, 2, 3, 4, 5]);
  // Nothing is an hour old.
  expect(await rows(lake, "CALL sys.expire_snapshots(`table` => 't', retain_max => 1, retain_min => 1)")).toEqual([
    '0',
  ]);
  expect(await rows(lake, "CALL sys.expire_changelogs(`table` => 't', retain_max => 1)")).toEqual(['0']);
  expect(await rows(lake, "CALL sys.expire_changelogs(`table` => 't', delete_all => TRUE)")).toEqual([
    'Delete all separated changelogs success.',
  ]);
  expect(await rows(lake, "CALL sys.remove_orphan_files('d.*', NULL, TRUE)")).toEqual(['0', '0']);
  expect(await codeOf(lake.sql("CALL sys.remove_orphan_files('d.t', '2999-01-01 00:00:00')"))).toBe(
    'LAKE_BAD_ARGUMENT',
  );
  expect(await codeOf(lake.sql("CALL sys.compact(`table` => 't', order_by => 'k')"))).toBe('LAKE_BAD_ARGUMENT');
});

test('rows are sorted on rewrite, of all partitions or of some', async () => {
  await using lake = await lakeWith(
    "CREATE TABLE t (p STRING, k INT, v INT) PARTITIONED BY (p); INSERT INTO t VALUES ('a', 3, 1), ('a', 1, 2), ('a', 2, 3), ('b', 9, 1), ('b', 8, 2), ('c', 7, 1), ('c', 6, 2)",
  );
  const inOrder = (p: string) => rows(lake, `SELECT k FROM t WHERE p = '${p}'`);
  const sort = (rest: string) => lake.sql(`CALL sys.compact(\`table\` => 't', ${rest})`);
  await sort("partitions => 'p=a;p=b', order_strategy => 'order', order_by => 'k'");
  expect([await inOrder('a'), await inOrder('b'), await inOrder('c')]).toEqual([
    ['1', '2', '3'],
    ['8', '9'],
    ['7', '6'],
  ]);
  await sort("order_strategy => 'zorder', order_by => ' k ', where => 'p > ''b'''");
  expect(await inOrder('c')).toEqual(['6', '7']);
  for (const wrong of [
    "order_strategy => 'order'",
    "order_strategy => 'other', order_by => 'k'",
    "order_strategy => 'none', order_by => 'k'",
  ]) {
    expect(await codeOf(sort(wrong))).toBe('LAKE_BAD_ARGUMENT');
  }
  expect(await codeOf(sort("order_strategy => 'hilbert', order_by => 'k'"))).toBe('LAKE_BAD_SORT_ORDER');
  expect(await codeOf(sort("partitions => 'k=1'"))).toBe('LAKE_BAD_PARTITION');
  expect(await codeOf(sort("where => 'k = 1'"))).toBe('LAKE_BAD_FILTER');
});

test('partitions are dropped and expire', async () => {
  await using lake = await lakeWith(parted);
  await lake.sql("CALL sys.drop_partition('t', 'dt=2024-01-02', 'dt=none')");
  expect(await keys(lake)).toEqual([1, 3, 4]);
  expect(await rows(lake, "CALL sys.expire_partitions('t', '100 d', 'yyyyMMdd')")).toEqual(['No expired partitions.']);
  expect(await rows(lake, "CALL sys.expire_partitions('t', '100 d')")).toEqual(['dt=2024-01-01']);
  expect(await keys(lake)).toEqual([3, 4]);
  expect(
    await rows(
      lake,
      "CALL sys.expire_partitions(`table` => 't', expiration_time => '1 d', expire_strategy => 'update-time')",
    ),
  ).toEqual(['No expired partitions.']);
  expect(await codeOf(lake.sql("CALL sys.expire_partitions('t')"))).toBe('LAKE_BAD_ARGUMENT');
});

test('consumers are set and taken away', async () => {
  await using lake = await lakeWith(keyed);
  const consumers = () => rows(lake, 'SELECT consumer_id, next_snapshot_id FROM `t$consumers` ORDER BY 1');
  for (const id of ['a1', 'a2', 'b1']) await lake.sql(`CALL sys.reset_consumer('t', '${id}', 1)`);
  expect(await consumers()).toEqual(['a1 1', 'a2 1', 'b1 1']);
  await lake.sql("CALL sys.reset_consumer('t', 'b1')");
  await lake.sql("CALL sys.clear_consumers('t', 'a.*', 'a2')");
  expect(await consumers()).toEqual(['a2 1']);
  expect(await codeOf(lake.sql("CALL sys.reset_consumer('t', 'a2', 9)"))).toBe('LAKE_SNAPSHOT_NOT_FOUND');
  await lake.sql("CALL sys.clear_consumers('t')");
  expect(await consumers()).toEqual([]);
});

test('what is wrong with a call is told with what there is', async () => {
  await using lake = await lakeWith(keyed);
  await expect(lake.sql("CALL sys.clone('t')")).rejects.toThrow(
    /no procedure clone; there are .*create_tag.*rollback_to/,
  );
  await expect(lake.sql("CALL sys.create_tag('t')")).rejects.toThrow(
    /create_tag\(table, tag, .*argument tag is missing/,
  );
  await expect(lake.sql("CALL sys.create_tag('t', 'x', 1, '1 d', 5)")).rejects.toThrow(/takes 4 arguments, not 5/);
  await expect(lake.sql("CALL sys.create_tag('t', nope => 1)")).rejects.toThrow(/no argument nope/);
  await expect(lake.sql("CALL sys.create_tag('t', tag => 'x', tag => 'y')")).rejects.toThrow(/argument tag twice/);
  await expect(lake.sql("CALL sys.create_tag('t', 'x', 'many')")).rejects.toThrow(/snapshot_id must be a whole number/);
  await expect(lake.sql("CALL sys.create_tag('t', 'x', 1.5)")).rejects.toThrow(/whole number/);
  expect(await codeOf(lake.sql("CALL sys.create_tag('none', 'x')"))).toBe('LAKE_TABLE_NOT_FOUND');
});
