import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { fileNames, fixtureTable, ManualClock, numberedAppend, plannedFile } from '../../test/table-fixture.ts';
import { systemClock } from '../base/clock.ts';
import { seededRandom } from '../base/random.ts';
import { countingObjectStore } from '../storage/counting-object-store.ts';
import { MemoryObjectStore } from '../storage/memory/memory-object-store.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { Committer } from './commit/commit.ts';
import { changelogManifestsOf, liveEntries, manifestsOf, readEntries, readManifest } from './manifests.ts';
import { partitionPruner } from './partition-pruning.ts';
import { latestSnapshot, listSnapshots, listTags, snapshotOfTag } from './snapshots.ts';
import { openTable, partitionTypes, type Table } from './table.ts';

const parts = { clock: systemClock, random: seededRandom(1) };
const goldenFolder = fileURLToPath(new URL('../../test/golden/tables/warehouse/db.db', import.meta.url));
const metadataFolders: readonly string[] = ['schema', 'snapshot', 'manifest', 'tag', 'branch'];

/** A golden table's metadata, as real Paimon wrote it. */
async function goldenTable(name: string): Promise<Table> {
  const store = new MemoryObjectStore('memory:golden', systemClock);
  for (const folder of metadataFolders) {
    const path = join(goldenFolder, name, folder);
    for (const file of filesIn(path))
      await store.put(`db.db/${name}/${folder}/${file}`, readFileSync(join(path, file)));
  }
  return openTable(store, { database: 'db', name }, parts);
}

function filesIn(path: string): readonly string[] {
  try {
    const entries = readdirSync(path, { recursive: true, withFileTypes: true });
    return entries
      .filter(entry => entry.isFile())
      .map(entry =>
        join(entry.parentPath, entry.name)
          .slice(path.length + 1)
          .replaceAll('\\', '/'),
      );
  } catch {
    return [];
  }
}

const tables = readdirSync(goldenFolder);

test('golden tables are there', () => {
  expect(tables.length).toBeGreaterThan(40);
});

test.each(tables)('%s: the live files of every snapshot and tag hold as many rows as Paimon counted', async name => {
  const table = await goldenTable(name);
  const snapshots = [...(await listSnapshots(table))];
  for (const tag of await listTags(table)) snapshots.push(await snapshotOfTag(table, tag));
  for (const snapshot of snapshots) {
    const live = await liveEntries(table, snapshot);
    const rows = live.reduce((sum, { file }) => sum + BigInt(file.rowCount), 0n);
    expect(rows).toBe(snapshot.totalRecordCount);
    const changelog = await readEntries(table, await changelogManifestsOf(table, snapshot));
    const changes = changelog.reduce((sum, { file }) => sum + BigInt(file.rowCount), 0n);
    expect(changes).toBe(snapshot.changelogRecordCount ?? 0n);
  }
});

type Opened = { readonly store: ObjectStore; readonly table: Table };

/** Three commits: partitions a, b, c in buckets 0, 1, 0. */
async function partitionedTable(): Promise<Opened> {
  const store = countingObjectStore(new MemoryObjectStore('memory:test', new ManualClock()));
  const table = await fixtureTable(store, parts, { partitioned: true });
  await using committer = new Committer(table);
  for (const [name, partition, bucket] of [
    ['fa', 'a', 0],
    ['fb', 'b', 1],
    ['fc', 'c', 0],
  ] as const) {
    await committer.commit(numberedAppend(table, { name, partition, bucket }));
  }
  return { store, table: await openTable(store, { database: 'd', name: 't' }, parts) };
}

async function headOf(table: Table) {
  const head = await latestSnapshot(table);
  if (head === undefined) throw new Error('the table has no snapshot');
  return head;
}

test('manifests that cannot match by bucket, level or partition are not read', async () => {
  const { store, table } = await partitionedTable();
  const head = await headOf(table);
  const counted = countingObjectStore(store);
  const fresh = async (): Promise<Table> => {
    const opened = await openTable(counted, { database: 'd', name: 't' }, parts);
    await manifestsOf(opened, head);
    counted.reset();
    return opened;
  };
  const byBucket = await fresh();
  expect(fileNames(await liveEntries(byBucket, head, { buckets: new Set([1]) }))).toEqual(['fb']);
  expect(counted.counts().get).toBe(1);
  const byLevel = await fresh();
  expect(await liveEntries(byLevel, head, { levels: { from: 1, to: 5 } })).toEqual([]);
  expect(counted.counts().get).toBe(0);
  const byPartition = await fresh();
  const { partition } = plannedFile(table, { name: 'x', partition: 'c' });
  const mayMatch = partitionPruner([partition], partitionTypes(table.schema));
  expect(fileNames(await liveEntries(byPartition, head, { mayMatch }))).toEqual(['fc']);
  expect(counted.counts().get).toBe(1);
});

test('what was read once is not read again', async () => {
  const { store, table } = await partitionedTable();
  const counted = countingObjectStore(store);
  const opened = await openTable(counted, { database: 'd', name: 't' }, parts);
  const head = await headOf(table);
  await liveEntries(opened, head);
  counted.reset();
  await liveEntries(opened, head);
  expect(counted.counts().get).toBe(0);
});

test('a manifest that is missing while its snapshot stays is corruption, else the snapshot has expired', async () => {
  const { store, table } = await partitionedTable();
  const head = await headOf(table);
  const first = (await manifestsOf(table, head))[0];
  await store.delete(`d.db/t/manifest/${first?.fileName}`);
  await expect(liveEntries(table, head)).rejects.toMatchObject({ kind: 'corrupt', code: 'LAKE_FILE_MISSING' });
  await store.delete(`d.db/t/snapshot/snapshot-${head.id}`);
  await expect(liveEntries(table, head)).rejects.toMatchObject({ code: 'LAKE_SNAPSHOT_EXPIRED' });
});

test('a manifest of another length than recorded, or with other counts, is corrupt', async () => {
  const { store, table } = await partitionedTable();
  const [first, second] = await manifestsOf(table, await headOf(table));
  if (first === undefined || second === undefined) throw new Error('two manifests');
  const key = `d.db/t/manifest/${first.fileName}`;
  const bytes = (await store.get(key))?.bytes ?? new Uint8Array();
  await store.put(key, bytes.slice(0, -1));
  await expect(readManifest(table, first)).rejects.toMatchObject({ kind: 'corrupt', code: 'LAKE_CORRUPT_AVRO' });
  const wrong = { ...second, numAddedFiles: 2 };
  await expect(readManifest(table, wrong)).rejects.toMatchObject({ kind: 'corrupt', code: 'LAKE_CORRUPT_AVRO' });
});
