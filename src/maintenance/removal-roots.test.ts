/** What else names files besides the adds of snapshots: changelogs, tags, branches, side files, statistics. */
import { expect, test } from 'vitest';
import {
  append,
  branch,
  compact,
  dataKey,
  hourMs,
  litterIn,
  missingFiles,
  newWorld,
  opened,
  paths,
  tablePath,
  tag,
  type World,
} from '../../test/maintenance-fixture.ts';
import { plannedFile } from '../../test/table-fixture.ts';
import type { DataFileMeta } from '../format/data-file.ts';
import { encodeSnapshot, type Snapshot } from '../format/snapshot.ts';
import { commitPlan } from '../table/commit/request.ts';
import { changelogManifestsOf, deltaManifestsOf } from '../table/manifests.ts';
import { snapshotById } from '../table/snapshots.ts';
import { expireSnapshots } from './expire-snapshots.ts';
import { removeOrphanFiles } from './remove-orphan-files.ts';

type Line = Pick<World, 'table' | 'committer'>;
type Draft = { readonly changelog?: string; readonly file?: Partial<DataFileMeta> };

/** Appends one file, with a changelog file or with what the file's metadata are to say. */
async function appendWith({ table, committer }: Line, name: string, draft: Draft): Promise<Snapshot> {
  const { changelog } = draft;
  for (const path of [name, changelog, ...(draft.file?.extraFiles ?? [])]) {
    if (path !== undefined) await table.store.put(dataKey(table, path), new Uint8Array(3));
  }
  const outcome = await committer.commit({
    commitUser: 'test',
    commitIdentifier: 1n,
    plan: async base => {
      const first = Number(await base.sequenceFloor(plannedFile(table, { name }))) + 1;
      const planned = plannedFile(table, { name, sequence: [first, first + 9] });
      const changes = changelog === undefined ? [] : [plannedFile(table, { name: changelog })];
      return commitPlan({
        kind: 'APPEND',
        schemaId: table.schema.id,
        adds: [{ ...planned, file: { ...planned.file, ...draft.file } }],
        changelog: changes,
      });
    },
  });
  if (outcome.status !== 'committed') throw new Error(`not committed: ${outcome.status}`);
  return outcome.snapshot;
}

/** Appends some, two hours apart, the last two hours ago. */
async function hourly(world: World, line: Line, names: readonly string[]): Promise<void> {
  for (const name of names) {
    await append(line, name);
    world.clock.advance(2 * hourMs);
  }
}

/** a and b with a changelog each, compacted into c, then d and e. */
async function withChangelogs(world: World): Promise<void> {
  for (const name of ['a', 'b']) {
    await appendWith(world, name, { changelog: `changelog-of-${name}` });
    world.clock.advance(2 * hourMs);
  }
  await compact(world, 'c');
  world.clock.advance(2 * hourMs);
  await hourly(world, world, ['d', 'e']);
}

/** As Paimon leaves a changelog that is to outlive its snapshot. */
async function outlive(world: World, snapshot: Snapshot): Promise<void> {
  await world.store.put(`${tablePath}/changelog/changelog-${snapshot.id}`, encodeSnapshot(snapshot));
}

/** Takes the manifests away that these say and that no other snapshot is read by. */
async function loseManifests(world: World, names: readonly { readonly fileName: string }[]): Promise<void> {
  for (const { fileName } of names) await world.store.delete(`${tablePath}/manifest/${fileName}`);
}

async function inBucket({ store }: World): Promise<readonly string[]> {
  return (await paths(store, 'bucket-0/')).map(path => path.slice('bucket-0/'.length));
}

test('changelog files go with their snapshot, and those of snapshots that stay stay', async () => {
  const world = await newWorld();
  await withChangelogs(world);
  await appendWith(world, 'f', { changelog: 'changelog-of-f' });
  world.clock.advance(2 * hourMs);
  const receipt = await expireSnapshots(world.table, { retention: { retainedCountMin: 5 } });
  expect(receipt).toMatchObject({ expiredCount: 1, data: { fileCount: 1, bytes: 1_000 } });
  expect(await inBucket(world)).toEqual(['a', 'b', 'c', 'changelog-of-b', 'changelog-of-f', 'd', 'e', 'f']);
  expect(await expireSnapshots(world.table)).toMatchObject({ status: 'done', data: { fileCount: 3 } });
  expect(await inBucket(world)).toEqual(['c', 'changelog-of-f', 'd', 'e', 'f']);
  expect(await litterIn(world.store, world.table)).toEqual([]);
  expect(await missingFiles(world.store, world.table)).toEqual([]);
});

test('a changelog that outlived its snapshot keeps its own files and those of its delta, and nothing else', async () => {
  const world = await newWorld();
  await withChangelogs(world);
  const first = await snapshotById(world.table, 1);
  // Its index manifest is gone: nobody reads one through a changelog.
  await outlive(world, { ...first, indexManifest: 'index-manifest-gone' });
  const manifests = [
    ...(await deltaManifestsOf(world.table, first)),
    ...(await changelogManifestsOf(world.table, first)),
  ];
  expect(await expireSnapshots(world.table)).toMatchObject({ status: 'done', expiredCount: 3, data: { fileCount: 2 } });
  expect(await inBucket(world)).toEqual(['a', 'c', 'changelog-of-a', 'd', 'e']);
  const left = await paths(world.store, 'manifest/');
  for (const name of [first.deltaManifestList, first.changelogManifestList, ...manifests.map(meta => meta.fileName)]) {
    expect(left).toContain(`manifest/${name}`);
  }
  world.clock.advance(72 * hourMs);
  await append(world, 'later');
  expect(await removeOrphanFiles(world.table)).toMatchObject({ status: 'done', removed: { fileCount: 0 } });
  await world.store.delete(`${tablePath}/changelog/changelog-1`);
  expect((await removeOrphanFiles(world.table)).keys).toEqual(
    expect.arrayContaining(['a', 'changelog-of-a'].map(name => dataKey(world.table, name))),
  );
  expect(await missingFiles(world.store, world.table)).toEqual([]);
});

test('of a changelog that outlived its snapshot lists and manifests may be gone: who expires it takes it last', async () => {
  const world = await newWorld({ options: { 'manifest.merge-min-count': '2' } });
  await withChangelogs(world);
  const first = await snapshotById(world.table, 1);
  await outlive(world, first);
  expect(await expireSnapshots(world.table)).toMatchObject({ status: 'done', expiredCount: 3 });
  await loseManifests(world, await deltaManifestsOf(world.table, first));
  await compact(world, 'f');
  world.clock.advance(2 * hourMs);
  await hourly(world, world, ['g', 'h']);
  const again = await opened(world.store, world.clock, 12);
  expect(await expireSnapshots(again.table)).toMatchObject({ status: 'done', data: { fileCount: 3 } });
  world.clock.advance(72 * hourMs);
  await append(world, 'later');
  expect(await removeOrphanFiles(again.table)).toMatchObject({ status: 'done' });
  await loseManifests(world, await changelogManifestsOf(world.table, first));
  const third = await opened(world.store, world.clock, 13);
  expect(await removeOrphanFiles(third.table)).toMatchObject({ status: 'done', removed: { fileCount: 1 } });
  expect(await inBucket(world)).toEqual(['f', 'g', 'h', 'later']);
  expect(await missingFiles(world.store, world.table)).toEqual([]);
});

test('a tag keeps the rows of its snapshot and not the changelog', async () => {
  const world = await newWorld();
  await withChangelogs(world);
  await tag(world.store, 'old', 2);
  const { changelogManifestList, deltaManifestList } = await snapshotById(world.table, 2);
  expect(await expireSnapshots(world.table)).toMatchObject({ expiredCount: 3, data: { fileCount: 2 } });
  expect(await inBucket(world)).toEqual(['a', 'b', 'c', 'd', 'e']);
  expect(await paths(world.store, `manifest/${changelogManifestList}`)).toEqual([]);
  expect(await paths(world.store, `manifest/${deltaManifestList}`)).toHaveLength(1);
  expect(await missingFiles(world.store, world.table)).toEqual([]);
});

test('what the snapshots of another line have added, live or as changelog, stays for that line', async () => {
  const world = await newWorld();
  await appendWith(world, 'a', { changelog: 'changelog-of-a' });
  await append(world, 'b');
  await appendWith(world, 'c', { changelog: 'changelog-of-c' });
  await append(world, 'd');
  for (const [name, id] of [
    ['early', 1],
    ['late', 3],
  ] as const) {
    await branch(world.store, name, id);
    const dev = await opened(world.store, world.clock, 9 + id, name);
    world.clock.advance(2 * hourMs);
    await compact(dev, `${name}-compacted`);
    world.clock.advance(2 * hourMs);
    await hourly(world, dev, [`${name}-x`, `${name}-y`]);
    expect(await expireSnapshots(dev.table)).toMatchObject({ status: 'done', expiredCount: 2, data: { fileCount: 0 } });
  }
  expect(await inBucket(world)).toEqual(
    expect.arrayContaining(['a', 'b', 'c', 'd', 'changelog-of-a', 'changelog-of-c']),
  );
  expect(await missingFiles(world.store, world.table)).toEqual([]);
});

test('a manifest that is missing under the changelog of another line ends the run', async () => {
  for (const id of [1, 2]) {
    const world = await newWorld();
    await appendWith(world, 'a', { changelog: 'changelog-of-a' });
    await appendWith(world, 'b', { changelog: 'changelog-of-b' });
    await branch(world.store, 'dev', 2);
    const dev = await opened(world.store, world.clock, 9, 'dev');
    world.clock.advance(2 * hourMs);
    await compact(dev, 'c');
    world.clock.advance(2 * hourMs);
    await hourly(world, dev, ['d', 'e']);
    await loseManifests(world, await changelogManifestsOf(world.table, await snapshotById(world.table, id)));
    const again = await opened(world.store, world.clock, 10, 'dev');
    expect(await expireSnapshots(again.table)).toMatchObject({ status: 'given-up', code: 'LAKE_FILE_MISSING' });
  }
});

test('a list that is missing under what stays ends the run also when no data would go', async () => {
  const world = await newWorld();
  await hourly(world, world, ['a', 'b', 'c', 'd']);
  const third = await snapshotById(world.table, 3);
  const list = await world.store.get(`${tablePath}/manifest/${third.baseManifestList}`);
  await world.store.delete(`${tablePath}/manifest/${third.baseManifestList}`);
  const again = await opened(world.store, world.clock, 12);
  expect(await expireSnapshots(again.table)).toMatchObject({ status: 'given-up', code: 'LAKE_FILE_MISSING' });
  await world.store.put(`${tablePath}/manifest/${third.baseManifestList}`, list?.bytes ?? new Uint8Array());
  // A branch of which a list is missing: what it needs is not known.
  await branch(world.store, 'dev', 2);
  const second = await snapshotById(world.table, 2);
  const gone = { ...second, baseManifestList: 'manifest-list-gone-0', baseManifestListSize: undefined };
  await world.store.put(`${tablePath}/branch/branch-dev/snapshot/snapshot-2`, encodeSnapshot(gone));
  expect(await expireSnapshots(again.table)).toMatchObject({ status: 'given-up', code: 'LAKE_FILE_MISSING' });
});

test('manifests and changelog lists may be missing under what goes, changelog lists not under what stays', async () => {
  const world = await newWorld({ options: { 'manifest.merge-min-count': '2' } });
  await withChangelogs(world);
  await appendWith(world, 'f', { changelog: 'changelog-of-f' });
  world.clock.advance(2 * hourMs);
  await append(world, 'g');
  world.clock.advance(2 * hourMs);
  const [first, second, sixth] = await Promise.all([1, 2, 6].map(id => snapshotById(world.table, id)));
  if (first === undefined || second === undefined || sixth === undefined) throw new Error('three were asked for');
  const list = `${tablePath}/manifest/${sixth.changelogManifestList}`;
  const bytes = (await world.store.get(list))?.bytes ?? new Uint8Array();
  await loseManifests(world, await deltaManifestsOf(world.table, second));
  await loseManifests(world, await changelogManifestsOf(world.table, second));
  await world.store.delete(`${tablePath}/manifest/${first.changelogManifestList}`);
  await world.store.delete(list);
  const again = await opened(world.store, world.clock, 12);
  expect(await expireSnapshots(again.table)).toMatchObject({ status: 'given-up', code: 'LAKE_FILE_MISSING' });
  await world.store.put(list, bytes);
  expect(await expireSnapshots(again.table)).toMatchObject({ status: 'done', expiredCount: 5 });
  expect(await missingFiles(world.store, world.table)).toEqual([]);
});

test('the changelogs of all snapshots are no orphans', async () => {
  const world = await newWorld();
  await withChangelogs(world);
  world.clock.advance(72 * hourMs);
  await append(world, 'later');
  expect(await removeOrphanFiles(world.table)).toMatchObject({ status: 'done', removed: { fileCount: 0 } });
});

test('what the first snapshot that stays takes out goes with those below it', async () => {
  const world = await newWorld();
  await hourly(world, world, ['a', 'b']);
  await compact(world, 'c');
  world.clock.advance(2 * hourMs);
  await append(world, 'd');
  world.clock.advance(2 * hourMs);
  expect(await expireSnapshots(world.table)).toMatchObject({ expiredCount: 2, oldestId: 3, data: { fileCount: 2 } });
  expect(await inBucket(world)).toEqual(['c', 'd']);
});

test('side files live and go with their data file', async () => {
  const world = await newWorld();
  await appendWith(world, 'a', { file: { extraFiles: ['a.index'] } });
  await tag(world.store, 'old', 1);
  world.clock.advance(2 * hourMs);
  await compact(world, 'b');
  world.clock.advance(2 * hourMs);
  await hourly(world, world, ['c', 'd']);
  expect(await expireSnapshots(world.table)).toMatchObject({ expiredCount: 2, data: { fileCount: 0 } });
  world.clock.advance(72 * hourMs);
  await append(world, 'later');
  expect(await removeOrphanFiles(world.table)).toMatchObject({ status: 'done', removed: { fileCount: 0 } });
  expect(await inBucket(world)).toEqual(['a', 'a.index', 'b', 'c', 'd', 'later']);

  const other = await newWorld();
  await appendWith(other, 'a', { file: { extraFiles: ['a.index'] } });
  other.clock.advance(2 * hourMs);
  await compact(other, 'b');
  other.clock.advance(2 * hourMs);
  await hourly(other, other, ['c', 'd']);
  expect(await expireSnapshots(other.table)).toMatchObject({ data: { fileCount: 2, bytes: 1_000 } });
  expect(await inBucket(other)).toEqual(['b', 'c', 'd']);
});

test('a file at an external path is not ours to remove', async () => {
  const world = await newWorld();
  await appendWith(world, 'a', { file: { externalPath: 's3://elsewhere/bucket-0/a' } });
  world.clock.advance(2 * hourMs);
  await compact(world, 'b');
  world.clock.advance(2 * hourMs);
  await hourly(world, world, ['c', 'd']);
  expect(await expireSnapshots(world.table)).toMatchObject({ expiredCount: 2, data: { fileCount: 0 } });
  expect(await inBucket(world)).toContain('a');
});

test('a tag keeps files in their partitions, and a file of another partition goes', async () => {
  const world = await newWorld({ partitioned: true });
  for (const partition of ['x y', 'z']) {
    await append(world, `a-${partition}`, { partition });
    world.clock.advance(2 * hourMs);
  }
  await tag(world.store, 'old', 1);
  for (const partition of ['x y', 'z']) {
    await compact(world, `b-${partition}`, { partition });
    world.clock.advance(2 * hourMs);
  }
  for (const name of ['d', 'e']) {
    await append(world, name, { partition: 'z' });
    world.clock.advance(2 * hourMs);
  }
  expect(await expireSnapshots(world.table)).toMatchObject({ expiredCount: 4, data: { fileCount: 1 } });
  expect(await world.store.head(dataKey(world.table, 'a-z', { partition: 'z' }))).toBeUndefined();
  expect(await missingFiles(world.store, world.table)).toEqual([]);
});

function listBytesOf(snapshot: Snapshot | undefined): number {
  return (snapshot?.baseManifestListSize ?? 0) + (snapshot?.deltaManifestListSize ?? 0);
}

test('statistics go with the last snapshot that names them', async () => {
  const world = await newWorld();
  const snapshots = new Map<number, Snapshot>();
  await hourly(world, world, ['a', 'b', 'c', 'd']);
  for (const [id, statistics] of [
    [1, 'stat-1'],
    [2, undefined],
    [3, 'stat-2'],
    [4, 'stat-2'],
  ] as const) {
    if (statistics !== undefined) await world.store.put(`${tablePath}/statistics/${statistics}`, new Uint8Array(2));
    const snapshot = await snapshotById(world.table, id);
    snapshots.set(id, snapshot);
    await world.store.put(`${tablePath}/snapshot/snapshot-${id}`, encodeSnapshot({ ...snapshot, statistics }));
  }
  for (const name of ['stat-lost', 'undefined']) {
    await world.store.put(`${tablePath}/statistics/${name}`, new Uint8Array(2));
  }
  world.clock.advance(2 * hourMs);
  const fresh = await opened(world.store, world.clock, 12);
  const receipt = await expireSnapshots(fresh.table);
  // The lists of two snapshots and the statistics, whose size nobody wrote down.
  const sizes = (await Promise.all([1, 2].map(id => snapshots.get(id)))).map(snapshot => listBytesOf(snapshot));
  expect(receipt).toMatchObject({
    status: 'done',
    expiredCount: 2,
    metadata: { fileCount: 5, bytes: sizes.reduce((sum, bytes) => sum + bytes, 0) },
  });
  expect(await paths(world.store, 'statistics/')).toEqual(
    ['stat-2', 'stat-lost', 'undefined'].map(name => `statistics/${name}`),
  );
  world.clock.advance(72 * hourMs);
  await append(fresh, 'later');
  expect((await removeOrphanFiles(fresh.table)).keys).toEqual(
    ['stat-lost', 'undefined'].map(name => `${tablePath}/statistics/${name}`),
  );
});

test('snapshots that do not say how large their lists are go like others, and count as nothing', async () => {
  const world = await newWorld();
  await hourly(world, world, ['a', 'b', 'c']);
  const first = await snapshotById(world.table, 1);
  const unsized = { ...first, baseManifestListSize: undefined, deltaManifestListSize: undefined };
  await world.store.put(`${tablePath}/snapshot/snapshot-1`, encodeSnapshot(unsized));
  world.clock.advance(2 * hourMs);
  const fresh = await opened(world.store, world.clock, 12);
  const receipt = await expireSnapshots(fresh.table);
  expect(receipt).toMatchObject({ status: 'done', expiredCount: 1, metadata: { fileCount: 2, bytes: 0 } });
});
