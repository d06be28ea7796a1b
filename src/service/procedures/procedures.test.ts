import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openSqlFixture } from '../../../test/sql-fixture.ts';
import { present } from '../../base/assert.ts';
import { systemClock } from '../../base/clock.ts';
import { isLakeError } from '../../base/errors.ts';
import { type Lake, openLake } from '../../index.ts';
import { removeMissingFiles } from '../../maintenance/remove-missing-files.ts';
import { MemoryObjectStore } from '../../storage/memory/memory-object-store.ts';
import { liveEntries } from '../../table/manifests.ts';
import { rescaleTable } from '../../table/overwrite/rescale.ts';
import { latestSnapshot } from '../../table/snapshots.ts';
import { openTable } from '../../table/table.ts';
import { procedures } from './call-procedure.ts';
import { refusedProcedures } from './refused-procedures.ts';

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
  await expect(lake.sql("CALL sys.nonsense('t')")).rejects.toThrow(
    /no procedure nonsense; there are .*create_tag.*rollback_to/,
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

/** Of Flink and of Spark, as Paimon 1.4.2 has them. */
const paimonNames = `alter_column_default_value alter_function alter_view_dialect clear_consumers clone compact
  compact_database compact_manifest copy copy_files create_branch create_function create_global_index
  create_privileged_user create_tag create_tag_from_timestamp create_tag_from_watermark data_evolution_merge_into
  delete_branch delete_tag drop_function drop_global_index drop_partition drop_privileged_user expire_changelogs expire_partitions mark_partition_done
  expire_snapshots expire_tags fast_forward grant_privilege_to_user init_file_based_privilege merge_into
  migrate_database migrate_table purge_files query_service remove_orphan_files remove_unexisting_files
  remove_unexisting_manifests rename_branch rename_tag repair replace_tag rescale reset_consumer
  revoke_privilege_from_user rewrite_file_index rollback rollback_to rollback_to_timestamp rollback_to_watermark
  trigger_tag_automatic_creation vector_search`.split(/\s+/);

test('each procedure of Paimon is there, or is refused by its name with a reason', async () => {
  await using lake = await lakeWith(keyed);
  for (const name of paimonNames) {
    const isThere = procedures.some(known => known.name === name);
    expect(isThere, name).toBe(!Object.hasOwn(refusedProcedures, name));
    if (!isThere) await expect(lake.sql(`CALL sys.${name}()`)).rejects.toMatchObject({ code: 'LAKE_UNSUPPORTED' });
  }
  await expect(lake.sql("CALL sys.repair('d.t')")).rejects.toThrow(/the folders are the catalog/);
  expect(await codeOf(lake.sql('CALL sys.constructor()'))).toBe('LAKE_NO_PROCEDURE');
});

test('a column gets another default value', async () => {
  await using lake = await lakeWith(keyed);
  await lake.sql("CALL sys.alter_column_default_value('d.t', 'v', 'none'); INSERT INTO t (k) VALUES (2)");
  expect(await rows(lake, 'SELECT v FROM t ORDER BY k')).toEqual(['a', 'none']);
  expect(await codeOf(lake.sql("CALL sys.alter_column_default_value('t', 'x', '1')"))).toBe('LAKE_BAD_SCHEMA_CHANGE');
  await lake.sql('ALTER TABLE t ADD n INT');
  expect(await codeOf(lake.sql("CALL sys.alter_column_default_value('t', 'n', 'many')"))).toBe('LAKE_BAD_DEFAULT');
});

test('partitions are rescaled to the number of buckets that their table has', async () => {
  await using lake = await lakeWith(
    "CREATE TABLE t (p STRING, k INT, PRIMARY KEY (p, k) NOT ENFORCED) PARTITIONED BY (p) WITH ('bucket' = '1'); INSERT INTO t VALUES ('a', 1), ('a', 2), ('b', 3)",
  );
  await lake.sql("INSERT INTO t VALUES ('a', 2); ALTER TABLE t SET ('bucket' = '3')");
  expect(await codeOf(lake.sql("CALL sys.rescale('t', 5)"))).toBe('LAKE_BAD_ARGUMENT');
  expect(await codeOf(lake.sql("CALL sys.rescale(`table` => 't', partition => 'p=none')"))).toBe(
    'LAKE_NOTHING_TO_RESCALE',
  );
  await lake.sql("CALL sys.rescale(`table` => 't', bucket_num => 3, partition => 'p=a')");
  await lake.sql("INSERT INTO t VALUES ('a', 7)");
  expect(await codeOf(lake.sql("INSERT INTO t VALUES ('b', 8)"))).toBe('LAKE_COMMIT_CONFLICT');
  await lake.sql("CALL sys.rescale('t'); INSERT INTO t VALUES ('b', 8)");
  expect(await keys(lake)).toEqual([1, 2, 3, 7, 8]);
  expect(await codeOf(lake.sql("CREATE TABLE u (k INT); CALL sys.rescale('u')"))).toBe('LAKE_BAD_ARGUMENT');
});

test('what others write while a table is rescaled is not lost', async () => {
  const clock = systemClock;
  const store = new MemoryObjectStore('memory:rescale', clock);
  await using sql = await openSqlFixture({ store });
  await sql.run(
    "CREATE TABLE t (k INT, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '2'); INSERT INTO t VALUES (1), (2)",
  );
  const { catalog } = sql.context;
  const table = await openTable(catalog.store, { database: 'd', name: 't' }, catalog);
  const put = store.putIfAbsent.bind(store);
  let turns = 0;
  store.putIfAbsent = async (key, bytes, options) => {
    if (key.includes('/snapshot-')) {
      turns += 1;
      if (turns === 1) await sql.run('INSERT INTO t VALUES (3)');
    }
    return put(key, bytes, options);
  };
  await rescaleTable(table, {});
  expect(turns).toBeGreaterThan(2);
  expect((await sql.run('SELECT k FROM t ORDER BY k')).map(line => JSON.parse(line).k)).toEqual([1, 2, 3]);
});

test('a column that came, with values, before a table is rescaled keeps them', async () => {
  await using sql = await openSqlFixture();
  await sql.run("CREATE TABLE t (k INT, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '2'); INSERT INTO t VALUES (1)");
  const { catalog } = sql.context;
  const table = await openTable(catalog.store, { database: 'd', name: 't' }, catalog);
  await sql.run("ALTER TABLE t ADD v STRING; INSERT INTO t VALUES (2, 'two')");
  await rescaleTable(table, {});
  expect(await sql.run('SELECT k, v FROM t ORDER BY k')).toEqual(['{"k":1,"v":null}', '{"k":2,"v":"two"}']);
});

test('files that somebody has deleted are forgotten, and the rest can be read', async () => {
  const store = new MemoryObjectStore('memory:missing', systemClock);
  await using sql = await openSqlFixture({ store });
  const ddl = (name: string, options: string): string => `CREATE TABLE ${name} (k INT, PRIMARY KEY (k) NOT ENFORCED)
    WITH ('bucket' = '1'${options}); INSERT INTO ${name} VALUES (1); INSERT INTO ${name} VALUES (2)`;
  for (const [name, options] of [
    ['t', ''],
    ['v', ", 'deletion-vectors.enabled' = 'true'"],
  ] as const) {
    await sql.run(ddl(name, options));
    const { catalog } = sql.context;
    const table = await openTable(catalog.store, { database: 'd', name }, catalog);
    expect(await removeMissingFiles(table, { isDryRun: false })).toEqual({ keys: [], snapshotId: undefined });
    const snapshot = present(await latestSnapshot(table), 'snapshot');
    const [first] = await liveEntries(table, snapshot);
    const key = `d.db/${name}/bucket-0/${first?.file.fileName}`;
    await store.delete(key);
    expect(await removeMissingFiles(table, { isDryRun: true })).toEqual({ keys: [key], snapshotId: undefined });
    expect(await removeMissingFiles(table, { isDryRun: false })).toEqual({ keys: [key], snapshotId: 3 });
    expect(await liveEntries(table, present(await latestSnapshot(table), 'snapshot'))).toHaveLength(1);
  }
  expect(await sql.run('SELECT k FROM t')).toHaveLength(1);
});

test('a table is purged: what held its data goes, and its rows', async () => {
  await using lake = await lakeWith(keyed);
  await lake.sql(
    "CALL sys.create_tag('t', 'x'); CALL sys.create_branch('t', 'b', 'x'); CALL sys.reset_consumer('t', 'c', 1)",
  );
  expect(await rows(lake, "CALL sys.purge_files('t')")).toEqual(['Success']);
  expect(await keys(lake)).toEqual([]);
  for (const what of ['tags', 'branches', 'consumers'])
    expect(await rows(lake, `SELECT * FROM \`t$${what}\``)).toEqual([]);
  await lake.sql("INSERT INTO t VALUES (5, 'again')");
  expect(await keys(lake)).toEqual([5]);
});

test('all tables of databases are compacted, with options, and each says what came of it', async () => {
  await using lake = await lakeWith(`${keyed}; INSERT INTO t VALUES (2, 'b'); CREATE DATABASE e;
    CREATE TABLE e.one (k INT); CREATE TABLE e.two (k INT) WITH ('file.format' = 'orc')`);
  const call = 'CALL sys.compact_database';
  expect(await rows(lake, `${call}(including_databases => 'd|e', excluding_tables => 'e\\.two')`)).toEqual([
    'd.t: committed',
    'e.one: nothing-to-do',
  ]);
  const [refused] = await rows(lake, `${call}(including_tables => 'e\\.two', table_options => 'sink.parallelism=3')`);
  expect(refused).toMatch(/^e\.two: .*file\.format=orc/);
  expect(await codeOf(lake.sql(`${call}(mode => 'other')`))).toBe('LAKE_BAD_ARGUMENT');
  const optioned = "CALL sys.compact(`table` => 't', options => 'target-file-size=64mb, write-only=true')";
  expect(await rows(lake, optioned)).toEqual(['Success']);
  expect(await codeOf(lake.sql("CALL sys.compact(`table` => 't', options => 'merge-engine=first-row')"))).toBe(
    'LAKE_BAD_OPTION',
  );
});

test('tags, rollbacks and reads by watermarks that other programs have written', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tidelake-watermarks-'));
  try {
    await using lake = await openLake({ warehouse: `file:${folder}` });
    await lake.sql(`CREATE DATABASE d; USE d; ${keyed}; INSERT INTO t VALUES (2, 'b'); INSERT INTO t VALUES (3, 'c')`);
    for (const [id, watermark] of [
      [1, 100],
      [2, 200],
    ]) {
      const file = join(folder, 'd.db/t/snapshot', `snapshot-${id}`);
      writeFileSync(file, readFileSync(file, 'utf8').replace('{', `{ "watermark": ${watermark},`));
    }
    const read = (watermark: number) => keys(lake, `t /*+ OPTIONS('scan.watermark' = '${watermark}') */`);
    expect([await read(1), await read(101)]).toEqual([[1], [1, 2]]);
    expect(await keys(lake, "t /*+ OPTIONS('scan.version' = 'watermark-200') */")).toEqual([1, 2]);
    expect(await codeOf(read(201))).toBe('LAKE_SNAPSHOT_NOT_FOUND');
    const [row] = await rows(lake, "CALL sys.create_tag_from_watermark('d.t', 'w', 150, '1 d')");
    expect(row).toMatch(/^w 2 \d+ 200$/);
    expect(await rows(lake, "CALL sys.rollback_to_watermark('d.t', 199)")).toEqual(['3 4']);
    expect(await keys(lake)).toEqual([1]);
    expect(await codeOf(lake.sql("CALL sys.rollback_to_watermark('d.t', 99)"))).toBe('LAKE_SNAPSHOT_NOT_FOUND');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('tags and rollbacks by watermark where there is none, and the rollback of Spark', async () => {
  await using lake = await lakeWith(`${keyed}; INSERT INTO t VALUES (2, 'b')`);
  // Only other programs write watermarks.
  expect(await codeOf(lake.sql("CALL sys.create_tag_from_watermark('t', 'w', 5)"))).toBe('LAKE_SNAPSHOT_NOT_FOUND');
  expect(await codeOf(lake.sql("CALL sys.rollback_to_watermark('t', 5)"))).toBe('LAKE_SNAPSHOT_NOT_FOUND');
  expect(await rows(lake, "CALL sys.rollback('t', '1')")).toEqual(['2 3']);
  await lake.sql("CALL sys.create_tag('t', 'two', 2)");
  expect(await rows(lake, "CALL sys.rollback('t', 'two')")).toEqual(['3 4']);
  expect(await codeOf(lake.sql("CALL sys.rollback(`table` => 't', version => '1', tag => 'two')"))).toBe(
    'LAKE_BAD_ARGUMENT',
  );
});
