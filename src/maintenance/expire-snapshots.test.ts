/** Expiry on tables in memory: what goes, what stays, and in which order. */
import { expect, test } from 'vitest';
import {
  append,
  branch,
  compact,
  dataKey,
  fiveSnapshots,
  hourMs,
  missingFiles,
  newWorld,
  opened,
  paths,
  snapshotIds,
  tablePath,
  tag,
} from '../../test/maintenance-fixture.ts';
import { encodeManifestList } from '../format/manifest-list.ts';
import { encodeSnapshot } from '../format/snapshot.ts';
import { countingObjectStore } from '../storage/counting-object-store.ts';
import { commitPlan } from '../table/commit/request.ts';
import { expiryRecordKey, readExpiryRecord } from '../table/expiry-record.ts';
import { manifestsOf } from '../table/manifests.ts';
import { pinSnapshot } from '../table/pins.ts';
import { listSnapshots, readSnapshot, snapshotById } from '../table/snapshots.ts';
import { expireSnapshots } from './expire-snapshots.ts';
import { ownLine } from './lines.ts';

test('files that a compaction took out go with the last snapshot that needs them; all that is left is whole', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  const receipt = await expireSnapshots(world.table);
  expect(receipt).toMatchObject({ status: 'done', expiredCount: 3, oldestId: 4, putBackCount: 0 });
  expect(receipt.data).toEqual({ fileCount: 2, bytes: 2_000 });
  expect(receipt.metadata.fileCount).toBeGreaterThan(0);
  expect(receipt.metadata.bytes).toBeGreaterThan(0);
  expect(await snapshotIds(world.store)).toEqual([4, 5]);
  expect(await paths(world.store, 'bucket-0/')).toEqual(['bucket-0/c', 'bucket-0/d', 'bucket-0/e']);
  expect(await missingFiles(world.store, world.table)).toEqual([]);
});

test('nothing named is left behind: manifests and lists of expired snapshots go, too', async () => {
  const world = await newWorld({ options: { 'manifest.merge-min-count': '2' } });
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) {
    await append(world, name);
    world.clock.advance(1.5 * hourMs);
  }
  await compact(world, 'g');
  world.clock.advance(1.5 * hourMs);
  await append(world, 'h');
  const before = await paths(world.store, 'manifest/');
  await expireSnapshots(world.table);
  const named = new Set<string>();
  for (const snapshot of await listSnapshots(world.table)) {
    const names = (await manifestsOf(world.table, snapshot)).map(({ fileName }) => fileName);
    for (const name of [...names, snapshot.baseManifestList, snapshot.deltaManifestList]) named.add(`manifest/${name}`);
  }
  expect(await paths(world.store, 'manifest/')).toEqual([...named].toSorted());
  expect(named.size).toBeLessThan(before.length);
});

test('a file that only changed its level stays', async () => {
  const world = await newWorld();
  await append(world, 'a');
  world.clock.advance(2 * hourMs);
  const { committer, table } = world;
  await committer.commit({
    commitUser: 'c',
    commitIdentifier: 1n,
    plan: async base => {
      const deletes = await base.liveEntries();
      const adds = deletes.map(file => ({ ...file, file: { ...file.file, level: 5 }, uploadBeganMs: undefined }));
      return commitPlan({ kind: 'COMPACT', schemaId: table.schema.id, deletes, adds });
    },
  });
  world.clock.advance(2 * hourMs);
  await append(world, 'b');
  world.clock.advance(2 * hourMs);
  await append(world, 'c');
  expect(await expireSnapshots(table)).toMatchObject({ status: 'done', expiredCount: 2, data: { fileCount: 0 } });
  expect(await missingFiles(world.store, table)).toEqual([]);
});

test('a tag keeps the data of its snapshot, and not its snapshot file', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  await tag(world.store, 'old', 2);
  expect(await expireSnapshots(world.table)).toMatchObject({ expiredCount: 3, data: { fileCount: 0 } });
  expect(await snapshotIds(world.store)).toEqual([4, 5]);
  expect(await missingFiles(world.store, world.table)).toEqual([]);
  expect(await paths(world.store, 'bucket-0/')).toContain('bucket-0/b');
});

test('a branch keeps the data of all its snapshots, and the main line the data that a branch took out', async () => {
  const world = await newWorld();
  await append(world, 'a');
  await append(world, 'b');
  await branch(world.store, 'dev', 2);
  const dev = await opened(world.store, world.clock, 9, 'dev');
  world.clock.advance(2 * hourMs);
  await append(dev, 'on-dev');
  await compact(world, 'm');
  for (const name of ['x', 'y']) {
    world.clock.advance(2 * hourMs);
    await append(world, name);
  }
  expect(await expireSnapshots(world.table)).toMatchObject({ status: 'done', expiredCount: 3, data: { fileCount: 0 } });
  expect(await missingFiles(world.store, world.table)).toEqual([]);
  await compact(dev, 'dev-compacted');
  for (const name of ['dev-x', 'dev-y']) {
    world.clock.advance(2 * hourMs);
    await append(dev, name);
  }
  expect(await expireSnapshots(dev.table)).toMatchObject({ status: 'done', data: { fileCount: 3 } });
  expect(await missingFiles(world.store, world.table)).toEqual([]);
  expect(await paths(world.store, 'bucket-0/')).not.toContain('bucket-0/a');
});

test('a consumer holds what it wants to read and all above it', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  const wanted = await snapshotById(world.table, 2);
  expect(await pinSnapshot(ownLine(world.table), 'job', wanted)).toBe('pinned');
  expect(await expireSnapshots(world.table)).toMatchObject({ expiredCount: 1, oldestId: 2 });
  expect(await snapshotIds(world.store)).toEqual([2, 3, 4, 5]);
  await pinSnapshot(ownLine(world.table), 'job', await snapshotById(world.table, 4));
  expect(await expireSnapshots(world.table)).toMatchObject({ expiredCount: 2, oldestId: 4 });
});

test('a consumer that has been silent for consumer.expiration-time holds nothing', async () => {
  const world = await newWorld({ options: { 'consumer.expiration-time': '1 d' } });
  await fiveSnapshots(world);
  await pinSnapshot(ownLine(world.table), 'job', await snapshotById(world.table, 1));
  world.clock.advance(25 * hourMs);
  expect(await expireSnapshots(world.table)).toMatchObject({ expiredCount: 3 });
});

test('pinning what has expired says so and leaves no pin', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  const gone = await snapshotById(world.table, 1);
  await expireSnapshots(world.table);
  expect(await pinSnapshot(ownLine(world.table), 'job', gone)).toBe('expired');
  expect(await paths(world.store, 'consumer/')).toEqual([]);
  const head = await snapshotById(world.table, 5);
  expect(await pinSnapshot(ownLine(world.table), 'job', { ...head, deltaManifestList: 'another' })).toBe('expired');
});

test('a late writer that filled an expired number is garbage: its file alone goes, and nothing that it names', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  const fifth = await snapshotById(world.table, 5);
  await expireSnapshots(world.table);
  // It would have taken out what lives: had it been in the chain, its delta would remove data.
  const late = { ...fifth, id: 3, properties: { ...fifth.properties, 'tidelake.parent': 'long-gone' } };
  await world.store.put(`${tablePath}/snapshot/snapshot-3`, encodeSnapshot(late));
  const again = await opened(world.store, world.clock, 12);
  expect(await expireSnapshots(again.table)).toMatchObject({ status: 'done', garbageCount: 1, expiredCount: 0 });
  expect(await snapshotIds(world.store)).toEqual([4, 5]);
  await world.store.put(`${tablePath}/snapshot/snapshot-1`, encodeSnapshot({ ...late, id: 1 }));
  expect(await expireSnapshots(again.table)).toMatchObject({ status: 'done', garbageCount: 1, expiredCount: 0 });
  expect(await missingFiles(world.store, world.table)).toEqual([]);
});

test('a broken link is garbage below it even when no run of ours has expired anything', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  const second = await snapshotById(world.table, 2);
  const bytes = encodeSnapshot({ ...second, deltaManifestList: 'another' });
  await world.store.put(`${tablePath}/snapshot/snapshot-2`, bytes);
  world.clock.advance(2 * hourMs);
  expect(await expireSnapshots(world.table)).toMatchObject({ garbageCount: 2, expiredCount: 1 });
  expect(await snapshotIds(world.store)).toEqual([4, 5]);
  expect(await missingFiles(world.store, world.table)).toEqual([]);
});

test('numbers that somebody gave back are not taken for expired ones', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  await append(world, 'f');
  await expireSnapshots(world.table);
  const record = await readExpiryRecord(ownLine(world.table));
  expect(record.floor).toBe(5);
  // A rollback by others takes the newest away and begins again below the floor.
  const sixth = await readSnapshot(ownLine(world.table), 6);
  for (const id of [4, 5, 6]) await world.store.delete(`${tablePath}/snapshot/snapshot-${id}`);
  if (sixth === undefined) throw new Error('there is no snapshot 6');
  const properties = {};
  await world.store.put(`${tablePath}/snapshot/snapshot-2`, encodeSnapshot({ ...sixth, id: 2, properties }));
  const again = await opened(world.store, world.clock, 12);
  expect(await expireSnapshots(again.table)).toMatchObject({ status: 'done', garbageCount: 0 });
  expect(await snapshotIds(world.store)).toEqual([2]);
});

test('a file missing under what stays ends the run before anything is removed', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  const fourth = await snapshotById(world.table, 4);
  await world.store.delete(`${tablePath}/manifest/${fourth.deltaManifestList}`);
  const fresh = await opened(world.store, world.clock, 12);
  const receipt = await expireSnapshots(fresh.table);
  expect(receipt).toMatchObject({ status: 'given-up', code: 'LAKE_FILE_MISSING', expiredCount: 0 });
  expect(await snapshotIds(world.store)).toEqual([1, 2, 3, 4, 5]);
  expect(await paths(world.store, 'bucket-0/')).toHaveLength(5);
});

test('a file missing under what goes is no harm', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  const first = await snapshotById(world.table, 1);
  await world.store.delete(`${tablePath}/manifest/${first.baseManifestList}`);
  await world.store.delete(`${tablePath}/manifest/${first.deltaManifestList}`);
  const fresh = await opened(world.store, world.clock, 12);
  expect(await expireSnapshots(fresh.table)).toMatchObject({ status: 'done', expiredCount: 3 });
});

test('a file that lives in the first snapshot that stays goes by no delta, whatever that says', async () => {
  const world = await newWorld();
  const first = await append(world, 'a');
  world.clock.advance(2 * hourMs);
  await compact(world, 'b');
  for (const name of ['c', 'd']) {
    world.clock.advance(2 * hourMs);
    await append(world, name);
  }
  // The third names the first's manifest once more, so that in it a lives on.
  const third = await snapshotById(world.table, 3);
  const manifests = await manifestsOf(world.table, first);
  const lists = { base: 'manifest-list-x-0', delta: 'manifest-list-x-1' };
  await world.store.put(`${tablePath}/manifest/${lists.base}`, encodeManifestList([]));
  await world.store.put(`${tablePath}/manifest/${lists.delta}`, encodeManifestList(manifests));
  const changed = {
    ...third,
    baseManifestList: lists.base,
    baseManifestListSize: undefined,
    deltaManifestList: lists.delta,
    deltaManifestListSize: undefined,
  };
  await world.store.put(`${tablePath}/snapshot/snapshot-3`, encodeSnapshot(changed));
  const fourth = await snapshotById(world.table, 4);
  const properties = { ...fourth.properties, 'tidelake.parent': lists.delta };
  await world.store.put(`${tablePath}/snapshot/snapshot-4`, encodeSnapshot({ ...fourth, properties }));
  world.clock.advance(2 * hourMs);
  const fresh = await opened(world.store, world.clock, 12);
  await append(fresh, 'e');
  world.clock.advance(2 * hourMs);
  expect(await expireSnapshots(fresh.table, { retention: { retainedCountMin: 3 } })).toMatchObject({ expiredCount: 2 });
  expect(await paths(world.store, 'bucket-0/a')).toEqual(['bucket-0/a']);
});

test('reading that takes longer than ten minutes is not acted upon', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  const slow = countingObjectStore(world.store, operation => {
    if (operation === 'list') world.clock.advance(400_000);
  });
  const receipt = await expireSnapshots((await opened(slow, world.clock, 12)).table);
  expect(receipt).toMatchObject({ status: 'given-up', code: 'LAKE_STORE_UNAVAILABLE', expiredCount: 0 });
  expect(await snapshotIds(world.store)).toEqual([1, 2, 3, 4, 5]);
});

test('reading that takes ten minutes to the millisecond has taken too long already', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  const slow = countingObjectStore(world.store, (operation, key) => {
    if (operation === 'list' && key.endsWith('/tag/tag-')) world.clock.advance(600_000);
  });
  const receipt = await expireSnapshots((await opened(slow, world.clock, 12)).table);
  expect(receipt).toMatchObject({ status: 'given-up', code: 'LAKE_STORE_UNAVAILABLE', expiredCount: 0 });
});

test('snapshot files go before data, data before manifests; LATEST is written before all, EARLIEST after all', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  const seen: string[] = [];
  const store = countingObjectStore(world.store, (operation, key) => {
    if (operation === 'delete' || operation === 'put') seen.push(`${operation} ${key.slice(tablePath.length + 1)}`);
  });
  const { table } = await opened(store, world.clock, 12);
  await world.store.put(`${tablePath}/snapshot/LATEST`, Buffer.from('1'));
  await expireSnapshots(table);
  const kinds = new Set(seen.map(line => line.replace(/(?<=\/)(?!LATEST|EARLIEST).*$/, '')));
  expect([...kinds]).toEqual([
    'put snapshot/LATEST',
    'delete snapshot/',
    'delete bucket-0/',
    'delete manifest/',
    'put snapshot/EARLIEST',
  ]);
  expect(seen.filter(line => line.startsWith('delete snapshot/'))).toEqual(
    [1, 2, 3].map(id => `delete snapshot/snapshot-${id}`),
  );
  expect(Buffer.from((await world.store.get(`${tablePath}/snapshot/EARLIEST`))?.bytes ?? []).toString()).toBe('4');
});

test('a run with nothing to do removes nothing and writes nothing', async () => {
  const world = await newWorld();
  for (const name of ['a', 'b', 'c']) await append(world, name);
  const store = countingObjectStore(world.store);
  const { table } = await opened(store, world.clock, 12);
  store.reset();
  expect(await expireSnapshots(table)).toMatchObject({ status: 'done', expiredCount: 0, oldestId: 1 });
  expect(store.counts()).toMatchObject({ put: 0, putIfAbsent: 0, putIfMatch: 0, delete: 0 });
  // The listing, the record, the two oldest.
  expect(store.counts()).toMatchObject({ list: 1, get: 3, head: 0 });
});

test('a table whose options ask for more than is known is left alone, by name', async () => {
  for (const [key, value] of [
    ['metadata.iceberg.storage', 'table-location'],
    ['data-file.external-paths', 's3://elsewhere'],
  ]) {
    const world = await newWorld({ options: { [key ?? '']: value ?? '' } });
    await fiveSnapshots(world);
    const receipt = await expireSnapshots(world.table);
    expect(receipt).toMatchObject({ status: 'given-up', code: 'LAKE_UNSUPPORTED', expiredCount: 0 });
    expect(receipt.status === 'given-up' && receipt.cause).toContain(key);
    expect(await snapshotIds(world.store)).toEqual([1, 2, 3, 4, 5]);
  }
});

test('partitioned data and files beside it are found where they lie', async () => {
  const world = await newWorld({ partitioned: true });
  await append(world, 'a', { partition: 'x y' });
  await append(world, 'b', { partition: 'z', bucket: 1 });
  world.clock.advance(2 * hourMs);
  await compact(world, 'c', { partition: 'x y' });
  for (const name of ['d', 'e']) {
    world.clock.advance(2 * hourMs);
    await append(world, name, { partition: 'z' });
  }
  expect(await expireSnapshots(world.table)).toMatchObject({ status: 'done', data: { fileCount: 1 } });
  expect(await world.store.head(dataKey(world.table, 'a', { partition: 'x y' }))).toBeUndefined();
  expect(await missingFiles(world.store, world.table)).toEqual([]);
});

test('a record that is not one is corrupt, and nothing expires', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  await world.store.put(expiryRecordKey(ownLine(world.table)), Buffer.from('{"version":1}'));
  const receipt = await expireSnapshots(world.table);
  expect(receipt).toMatchObject({ status: 'given-up', code: 'LAKE_CORRUPT_EXPIRY_RECORD' });
  expect(await snapshotIds(world.store)).toEqual([1, 2, 3, 4, 5]);
});
