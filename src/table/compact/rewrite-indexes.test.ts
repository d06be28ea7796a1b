import { expect, test } from 'vitest';
import { openSqlFixture, type SqlFixture } from '../../../test/sql-fixture.ts';
import { present } from '../../base/assert.ts';
import { systemClock } from '../../base/clock.ts';
import { decodeFileIndex } from '../../format/file-index/container.ts';
import { MemoryObjectStore } from '../../storage/memory/memory-object-store.ts';
import { Committer } from '../commit/commit.ts';
import { liveEntries } from '../manifests.ts';
import { latestSnapshot } from '../snapshots.ts';
import { openTable, type Table } from '../table.ts';
import { compactTable } from './compact-table.ts';
import { type IndexRewrite, rewriteFileIndexes } from './rewrite-indexes.ts';

type Fixture = SqlFixture & { readonly store: MemoryObjectStore };

let count = 0;

async function fixture(ddl: string): Promise<Fixture> {
  count += 1;
  const store = new MemoryObjectStore(`memory:indexes-${count}`, systemClock);
  const sql = await openSqlFixture({ store });
  await sql.run(`CREATE DATABASE d; ${ddl}`);
  return { ...sql, store };
}

function opened({ context: { catalog } }: SqlFixture): Promise<Table> {
  return openTable(catalog.store, { database: 'd', name: 't' }, catalog);
}

async function rewrite(sql: SqlFixture): Promise<IndexRewrite> {
  const table = await opened(sql);
  await using committer = new Committer(table);
  return rewriteFileIndexes(table, committer);
}

async function compact(sql: SqlFixture): Promise<void> {
  const table = await opened(sql);
  await using committer = new Committer(table);
  await compactTable(table, committer, { isFull: true });
}

/** What is indexed, file by file, by kind and the file's name of the column. */
async function indexesOf(sql: Fixture): Promise<readonly string[]> {
  const table = await opened(sql);
  const entries = await liveEntries(table, present(await latestSnapshot(table), 'snapshot'));
  const names = entries.map(async ({ file, bucket }) => {
    const beside = file.extraFiles.find(name => name.endsWith('.index'));
    const stored = beside === undefined ? undefined : await sql.store.get(`d.db/t/bucket-${bucket}/${beside}`);
    const bytes = file.embeddedIndex ?? stored?.bytes;
    if (bytes === undefined) return '';
    return decodeFileIndex(bytes, 'test')
      .map(({ kind, column }) => `${kind} ${column}`)
      .toSorted()
      .join(', ');
  });
  return (await Promise.all(names)).toSorted();
}

const rows = "INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c')";
const ddls: readonly string[] = [
  `CREATE TABLE t (k INT, v STRING) WITH ('bucket' = '-1', 'metadata.stats-mode' = 'none'); ${rows}`,
  `CREATE TABLE t (k INT, v STRING, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1', 'metadata.stats-mode' = 'none'); ${rows}`,
  `CREATE TABLE t (k INT, v STRING, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1', 'deletion-vectors.enabled' = 'true'); ${rows}`,
];

test('files get the indexes that their table wants by now, once, and are the same files', async () => {
  for (const ddl of ddls) {
    await using sql = await fixture(ddl);
    if (ddl.includes('PRIMARY KEY')) await compact(sql);
    expect(await rewrite(sql)).toEqual({ fileCount: 0, snapshotId: undefined });
    const files = await sql.run('SELECT file_path FROM `t$files`');
    await sql.run("ALTER TABLE t SET ('file-index.bloom-filter.columns' = 'v,k', 'file-index.bitmap.columns' = 'v')");
    expect((await rewrite(sql)).fileCount).toBe(1);
    expect(await indexesOf(sql)).toEqual(['bitmap v, bloom-filter k, bloom-filter v']);
    expect(await sql.run('SELECT file_path FROM `t$files`')).toEqual(files);
    expect(await rewrite(sql)).toEqual({ fileCount: 0, snapshotId: undefined });
    // There and back: an entry that was deleted before would count as deleted again.
    await sql.run(
      "ALTER TABLE t RESET ('file-index.bitmap.columns'); ALTER TABLE t SET ('file-index.bsi.columns' = 'k')",
    );
    expect((await rewrite(sql)).fileCount).toBe(1);
    await sql.run(
      "ALTER TABLE t RESET ('file-index.bsi.columns'); ALTER TABLE t SET ('file-index.bitmap.columns' = 'v')",
    );
    expect((await rewrite(sql)).fileCount).toBe(1);
    expect(await indexesOf(sql)).toEqual(['bitmap v, bloom-filter k, bloom-filter v']);
    await compact(sql);
    expect(await sql.run("SELECT k FROM t WHERE v = 'b'")).toEqual(['{"k":2}']);
    expect(await sql.run("SELECT k FROM t WHERE v = 'nobody'")).toEqual([]);
  }
});

test('a column that was renamed is indexed under the name that the file has', async () => {
  await using sql = await fixture(ddls[0] ?? '');
  await sql.run(`ALTER TABLE t RENAME v TO w; ALTER TABLE t ADD x INT;
    ALTER TABLE t SET ('file-index.bloom-filter.columns' = 'w,x', 'file-index.bloom-filter.w.fpp' = '0.01')`);
  expect((await rewrite(sql)).fileCount).toBe(1);
  expect(await indexesOf(sql)).toEqual(['bloom-filter v']);
  expect(await sql.run("SELECT k FROM t WHERE w = 'b'")).toEqual(['{"k":2}']);
  expect(await rewrite(sql)).toEqual({ fileCount: 0, snapshotId: undefined });
});

test('rows that deletion vectors took away have their places in an index', async () => {
  await using sql = await fixture(`CREATE TABLE t (k INT, v STRING) WITH ('deletion-vectors.enabled' = 'true',
    'metadata.stats-mode' = 'none'); ${rows}; DELETE FROM t WHERE k = 1`);
  await sql.run("ALTER TABLE t SET ('file-index.bitmap.columns' = 'v')");
  expect((await rewrite(sql)).fileCount).toBe(1);
  for (const [value, k] of [
    ['a', undefined],
    ['b', 2],
    ['c', 3],
  ] as const) {
    expect(await sql.run(`SELECT k FROM t WHERE v = '${value}'`)).toEqual(k === undefined ? [] : [`{"k":${k}}`]);
  }
});

test('a file that a rival has compacted away meanwhile is left to it', async () => {
  await using sql = await fixture(ddls[1] ?? '');
  await compact(sql);
  await sql.run("INSERT INTO t VALUES (4, 'd')");
  await sql.run("ALTER TABLE t SET ('file-index.bloom-filter.columns' = 'v')");
  const put = sql.store.putIfAbsent.bind(sql.store);
  let turns = 0;
  sql.store.putIfAbsent = async (key, bytes, options) => {
    if (key.includes('/snapshot-')) {
      turns += 1;
      if (turns === 1) await compact(sql);
    }
    return put(key, bytes, options);
  };
  expect(await rewrite(sql)).toEqual({ fileCount: 0, snapshotId: undefined });
  expect(await sql.run('SELECT count(*) AS n FROM t')).toEqual(['{"n":"4"}']);
});
