/** The orphan cleaner on tables in memory. */
import { expect, test } from 'vitest';
import { changedStore } from '../../test/changed-ports.ts';
import {
  allObjects,
  append,
  branch,
  commitPlanned,
  compact,
  fiveSnapshots,
  hourMs,
  missingFiles,
  newWorld,
  opened,
  paths,
  tablePath,
  tag,
  type World,
} from '../../test/maintenance-fixture.ts';
import { plannedFile } from '../../test/table-fixture.ts';
import { LakeError } from '../base/errors.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { commitPlan } from '../table/commit/request.ts';
import { snapshotById } from '../table/snapshots.ts';
import { expireSnapshots } from './expire-snapshots.ts';
import { type OrphanReceipt, removeOrphanFiles } from './remove-orphan-files.ts';

const dayMs = 24 * hourMs;

/** Files that nobody names, in every place there is. */
async function litter({ store }: World): Promise<readonly string[]> {
  const keys = [
    'bucket-0/data-lost.parquet',
    'manifest/manifest-list-lost-0',
    'manifest/manifest-lost-0',
    'p=1/bucket-0/data-lost-2.parquet',
    'snapshot/.snapshot-9.lost.tmp',
    'tidelake/dead-letters-lost',
    'tidelake/state-lost',
  ];
  for (const key of keys) await store.put(`${tablePath}/${key}`, new Uint8Array(5));
  return keys;
}

/** A day and more later somebody commits again: the head is young, what lay about is old. */
async function later(world: World): Promise<void> {
  world.clock.advance(2 * dayMs);
  await append(world, 'later');
}

test('what nobody names goes, once it is a day older than the head; all else stays', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  const before = await paths(world.store, '');
  const lost = await litter(world);
  await later(world);
  const receipt = await removeOrphanFiles(world.table);
  expect(receipt).toMatchObject({ status: 'done', isDryRun: false, removed: { fileCount: 7, bytes: 35 } });
  expect(receipt.keys).toEqual(lost.map(path => `${tablePath}/${path}`));
  expect(await paths(world.store, '')).toEqual(expect.arrayContaining([...before]));
  expect(await missingFiles(world.store, world.table)).toEqual([]);
});

test('the age counts from the head and not from now: an idle table keeps its orphans', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  await litter(world);
  world.clock.advance(100 * dayMs);
  expect(await removeOrphanFiles(world.table)).toMatchObject({ status: 'done', removed: { fileCount: 0 } });
});

test('a writer that stalls for days can still commit what it uploaded', async () => {
  const world = await newWorld();
  await append(world, 'a');
  const stalled = await opened(world.store, world.clock, 5);
  await world.store.head(tablePath);
  const file = plannedFile(stalled.table, { name: 'slow', sequence: [50, 59] });
  await world.store.put(`${tablePath}/bucket-0/slow`, new Uint8Array(3));
  await stalled.committer.base();
  world.clock.advance(9 * dayMs);
  expect(await removeOrphanFiles(world.table)).toMatchObject({ status: 'done', removed: { fileCount: 0 } });
  const outcome = await stalled.committer.commit({
    commitUser: 'slow',
    commitIdentifier: 1n,
    plan: async (_base, again) => {
      // S7 has it written again; what matters is that nothing named was taken.
      const uploadBeganMs = again === undefined ? file.uploadBeganMs : stalled.table.storeTimeMs();
      return commitPlan({ kind: 'APPEND', schemaId: 0, adds: [{ ...file, uploadBeganMs }] });
    },
  });
  expect(outcome.status).toBe('committed');
  expect(await missingFiles(world.store, world.table)).toEqual([]);
});

test('a branch whose head is old, or that has none yet, holds the age back: its next commit may name old files', async () => {
  const world = await newWorld();
  await append(world, 'a');
  await branch(world.store, 'dev', 1);
  await litter(world);
  await later(world);
  expect(await removeOrphanFiles(world.table)).toMatchObject({ status: 'done', removed: { fileCount: 0 } });
  await world.store.delete(`${tablePath}/branch/branch-dev/snapshot/snapshot-1`);
  const receipt = await removeOrphanFiles(world.table);
  expect(receipt).toMatchObject({ status: 'done', cutoffMs: undefined, removed: { fileCount: 0 } });
});

test('a dry run says what would go and takes nothing', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  await litter(world);
  await later(world);
  const before = (await allObjects(world.store)).map(({ key }) => key);
  const receipt = await removeOrphanFiles(world.table, { isDryRun: true });
  expect(receipt).toMatchObject({ status: 'done', isDryRun: true, removed: { fileCount: 7, bytes: 35 } });
  expect((await allObjects(world.store)).map(({ key }) => key)).toEqual(before);
});

test('what only tags and branches name stays, and what they no longer name goes', async () => {
  const world = await newWorld();
  await append(world, 'a');
  await append(world, 'b');
  await tag(world.store, 'old', 2);
  await branch(world.store, 'dev', 1);
  await compact(world, 'c');
  for (const name of ['d', 'e']) {
    world.clock.advance(2 * hourMs);
    await append(world, name);
  }
  await expireSnapshots(world.table);
  const dev = await opened(world.store, world.clock, 7, 'dev');
  world.clock.advance(2 * dayMs);
  await append(dev, 'dev-later');
  await append(world, 'later');
  expect(await removeOrphanFiles(world.table)).toMatchObject({ status: 'done', removed: { fileCount: 0 } });
  expect(await missingFiles(world.store, world.table)).toEqual([]);
  // Without the tag b is nobody's; a is still the branch's.
  await world.store.delete(`${tablePath}/tag/tag-old`);
  const receipt = await removeOrphanFiles(world.table);
  expect(receipt.status).toBe('done');
  expect(receipt.keys).toContain(`${tablePath}/bucket-0/b`);
  expect(await paths(world.store, 'bucket-0/')).toContain('bucket-0/a');
  expect(await missingFiles(world.store, world.table)).toEqual([]);
});

test('files that were dead before the oldest snapshot go, although manifests still speak of them', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  await expireSnapshots(world.table);
  // As a run of expiry leaves them that died before it took the data.
  for (const name of ['a', 'b']) await world.store.put(`${tablePath}/bucket-0/${name}`, new Uint8Array(3));
  await later(world);
  const receipt = await removeOrphanFiles(world.table);
  expect(receipt.keys).toEqual([`${tablePath}/bucket-0/a`, `${tablePath}/bucket-0/b`]);
  expect(await missingFiles(world.store, world.table)).toEqual([]);
});

test('states, dead-letter lists and their files, and origins of rows stay while a snapshot or tag names them', async () => {
  const world = await newWorld();
  const { store } = world;
  await store.put(`${tablePath}/tidelake/dead-letter-list-1`, Buffer.from('[{"name":"dead-letters-1"}]'));
  await store.put(`${tablePath}/tidelake/dead-letters-1`, new Uint8Array(1));
  await store.put(`${tablePath}/tidelake/state-1`, Buffer.from('{"dead":"dead-letter-list-1"}'));
  await store.put(`${tablePath}/tidelake/origins-1`, new Uint8Array(1));
  await commitPlanned(world, {
    properties: { 'tidelake.ingest-object': 'state-1', 'tidelake.origins-object': 'origins-1' },
  });
  await litter(world);
  await later(world);
  expect(await removeOrphanFiles(world.table)).toMatchObject({ removed: { fileCount: 7 } });
  expect((await paths(store, 'tidelake/')).filter(path => !path.includes('expiry'))).toEqual([
    'tidelake/dead-letter-list-1',
    'tidelake/dead-letters-1',
    'tidelake/origins-1',
    'tidelake/state-1',
  ]);
});

test('a file that is missing under a root ends the run without a deletion', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  await litter(world);
  await later(world);
  const { deltaManifestList } = await snapshotById(world.table, 2);
  await world.store.delete(`${tablePath}/manifest/${deltaManifestList}`);
  const fresh = await opened(world.store, world.clock, 8);
  const receipt = await removeOrphanFiles(fresh.table);
  expect(receipt).toMatchObject({ status: 'given-up', code: 'LAKE_FILE_MISSING', removed: { fileCount: 0 } });
  expect(await paths(world.store, 'tidelake/')).toHaveLength(2);
});

/** Cleans on a store that calls back at each listing of the tags. */
async function cleanWith(world: World, atTagList: (count: number) => Promise<void>): Promise<OrphanReceipt> {
  let count = 0;
  const store = changedStore<ObjectStore>(world.store, {
    async *list(prefix) {
      if (prefix.includes('/tag/')) {
        count += 1;
        await atTagList(count);
      }
      yield* world.store.list(prefix);
    },
  });
  return removeOrphanFiles((await opened(store, world.clock, 6)).table);
}

test('a tag that comes while references are collected makes the run begin anew, and what it names stays', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  const old = await world.store.get(`${tablePath}/snapshot/snapshot-2`);
  // The files of a snapshot whose expiry took it away are there still, and the tag's maker was quicker.
  await world.store.delete(`${tablePath}/snapshot/snapshot-1`);
  await world.store.delete(`${tablePath}/snapshot/snapshot-2`);
  await later(world);
  let listings = 0;
  const receipt = await cleanWith(world, async count => {
    listings = count;
    if (count === 3) await world.store.put(`${tablePath}/tag/tag-new`, old?.bytes ?? new Uint8Array());
  });
  expect(receipt.status).toBe('done');
  expect(listings).toBeGreaterThan(3);
  expect(await missingFiles(world.store, world.table)).toEqual([]);
});

test('roots that never rest make the run give up', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  await litter(world);
  await later(world);
  const receipt = await cleanWith(world, async count => tag(world.store, `t${count}`, 5));
  expect(receipt).toMatchObject({ status: 'given-up', code: 'LAKE_ROOTS_MOVE', removed: { fileCount: 0 } });
});

test('reading that takes longer than ten minutes is not acted upon', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  await litter(world);
  await later(world);
  const receipt = await cleanWith(world, async () => world.clock.advance(400_000));
  expect(receipt).toMatchObject({ status: 'given-up', code: 'LAKE_STORE_UNAVAILABLE', removed: { fileCount: 0 } });
});

test('reading that takes ten minutes to the millisecond has taken too long already', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  await litter(world);
  await later(world);
  // The first of three listings in each of its tries.
  const receipt = await cleanWith(world, async count => {
    if (count % 3 === 1) world.clock.advance(600_000);
  });
  expect(receipt).toMatchObject({ status: 'given-up', code: 'LAKE_STORE_UNAVAILABLE', removed: { fileCount: 0 } });
});

test('a store that fails while references are collected ends the run: that is no file gone under it', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  await litter(world);
  await later(world);
  const receipt = await cleanWith(world, async count => {
    if (count === 2) throw new LakeError('unavailable', 'LAKE_STORE_UNAVAILABLE', 'injected');
  });
  expect(receipt).toMatchObject({ status: 'given-up', cause: 'injected', removed: { fileCount: 0 } });
});

test('snapshots that a run of expiry has taken away and not decided about are roots', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  world.clock.advance(2 * dayMs);
  await append(world, 'later');
  const dying = new Proxy(world.store, {
    get(target, property) {
      if (property === 'putIfMatch') return async () => Promise.reject(new Error('died'));
      const value: unknown = Reflect.get(target, property);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  await expect(expireSnapshots((await opened(dying, world.clock, 9)).table)).rejects.toThrow('died');
  expect(await removeOrphanFiles(world.table)).toMatchObject({ status: 'done', removed: { fileCount: 0 } });
  expect(await paths(world.store, 'bucket-0/')).toContain('bucket-0/a');
});

test('a table without a snapshot is left alone', async () => {
  const world = await newWorld();
  await litter(world);
  world.clock.advance(9 * dayMs);
  expect(await removeOrphanFiles(world.table)).toMatchObject({
    status: 'done',
    listedCount: 0,
    removed: { fileCount: 0 },
  });
});
