/** The chain as removal sees it. */
import { expect, test } from 'vitest';
import { changedStore } from '../../test/changed-ports.ts';
import { fiveSnapshots, newWorld, snapshotIds, tablePath, type World } from '../../test/maintenance-fixture.ts';
import { encodeSnapshot } from '../format/snapshot.ts';
import { countingObjectStore } from '../storage/counting-object-store.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { expiryRecordKey } from '../table/expiry-record.ts';
import { readSnapshot } from '../table/snapshots.ts';
import { newestOwn, readChain } from './chain.ts';
import { ownLine } from './lines.ts';

/** The line on a store whose first listings of the snapshots leave some out, as pages of different moments do. */
function lineWithout(world: World, ids: readonly number[], listings: number) {
  let count = 0;
  const store = changedStore<ObjectStore>(world.store, {
    async *list(prefix) {
      count += 1;
      for await (const page of world.store.list(prefix)) {
        const isLeftOut = (key: string): boolean => count <= listings && ids.some(id => key.endsWith(`-${id}`));
        yield { ...page, objects: page.objects.filter(({ key }) => !isLeftOut(key)) };
      }
    },
  });
  return { ...ownLine(world.table), store };
}

/** The line on a store that does not find a snapshot file the first times. */
function lineBlindFor(line: ReturnType<typeof lineWithout>, id: number, times: number) {
  let count = 0;
  const { store: inner } = line;
  const store = changedStore<ObjectStore>(inner, {
    get: async key => {
      if (!key.endsWith(`/snapshot-${id}`)) return inner.get(key);
      count += 1;
      return count <= times ? undefined : inner.get(key);
    },
  });
  return { ...line, store };
}

test('a hole that a listing shows is not believed when the snapshot is there', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  for (const id of [2, 3]) {
    for (const listings of [1, 2]) {
      const chain = await readChain(lineWithout(world, [id], listings), 10);
      expect(chain.ids).toEqual([1, 2, 3, 4, 5]);
      expect(chain.garbage).toEqual([]);
    }
  }
});

test('a hole is not believed either when only a second listing shows the snapshot', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  const chain = await readChain(lineBlindFor(lineWithout(world, [3], 1), 3, 1), 10);
  expect(chain).toMatchObject({ ids: [1, 2, 3, 4, 5], garbage: [] });
});

test('a snapshot that vanishes between the listing and the look makes the chain be read again, and not for ever', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  const line = lineWithout(world, [], 0);
  expect((await readChain(lineBlindFor(line, 2, 1), 10)).lowest.map(({ snapshot }) => snapshot.id)).toEqual([
    1, 2, 3, 4, 5,
  ]);
  await expect(readChain(lineBlindFor(line, 2, 100), 10)).rejects.toMatchObject({ code: 'LAKE_STORE_UNAVAILABLE' });
});

test('what lies below a broken link is not of the chain', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  const line = ownLine(world.table);
  const second = await readSnapshot(line, 2);
  if (second === undefined) throw new Error('there is no snapshot 2');
  const bytes = encodeSnapshot({ ...second, deltaManifestList: 'another' });
  await world.store.put(`${tablePath}/snapshot/snapshot-2`, bytes);
  const chain = await readChain(line, 10);
  expect(chain.ids).toEqual([3, 4, 5]);
  expect(chain.lowest.map(({ snapshot }) => snapshot.id)).toEqual([3, 4, 5]);
  expect(chain.garbage.map(({ id }) => id)).toEqual([1, 2]);
});

test('a record whose floor is another snapshot than the one there is of numbers given back: nothing is garbage by it', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  const line = ownLine(world.table);
  const recordOf = (floorIdentity: string | undefined): Buffer =>
    Buffer.from(JSON.stringify({ version: 1, turn: 't', floor: 4, floorIdentity, isOpen: false, held: [] }));
  await world.store.put(expiryRecordKey(line), recordOf('another'));
  expect(await readChain(line, 10)).toMatchObject({ ids: [1, 2, 3, 4, 5], garbage: [] });
  await world.store.put(expiryRecordKey(line), recordOf((await readSnapshot(line, 4))?.deltaManifestList));
  const chain = await readChain(line, 10);
  expect(chain.ids).toEqual([4, 5]);
  expect(chain.garbage.map(({ id }) => id)).toEqual([1, 2, 3]);
});

test('a line without a snapshot has an empty chain', async () => {
  const world = await newWorld();
  const chain = await readChain(ownLine(world.table), 10);
  expect(chain).toMatchObject({ files: [], ids: [], lowest: [], garbage: [] });
  expect(await newestOwn(ownLine(world.table), chain)).toBeUndefined();
});

test('a hole that is one ends the chain', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  await world.store.delete(`${tablePath}/snapshot/snapshot-3`);
  const chain = await readChain(ownLine(world.table), 10);
  expect(chain.ids).toEqual([4, 5]);
  expect(chain.garbage.map(({ id }) => id)).toEqual([1, 2]);
});

test('only the oldest are read when only they are wanted', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  const chain = await readChain(ownLine(world.table), 2);
  expect(chain.ids).toEqual([1, 2, 3, 4, 5]);
  expect(chain.lowest.map(({ snapshot }) => snapshot.id)).toEqual([1, 2]);
});

test('a chain of which nothing is read is what the listing shows', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  expect(await readChain(ownLine(world.table), 0)).toMatchObject({ ids: [1, 2, 3, 4, 5], lowest: [], garbage: [] });
});

test('the head alone is read to find that it is ours, and nothing that the chain has read already', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  const store = countingObjectStore(world.store);
  const line = { ...ownLine(world.table), store };
  const [lowest, whole] = [await readChain(line, 1), await readChain(line, 10)];
  store.reset();
  expect((await newestOwn(line, lowest))?.id).toBe(5);
  expect(store.counts().get).toBe(1);
  store.reset();
  expect((await newestOwn(line, whole))?.id).toBe(5);
  expect(store.counts().get).toBe(0);
});

test('a head that vanishes is passed over on the way to the newest snapshot of ours', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  const line = ownLine(world.table);
  const chain = await readChain(line, 1);
  await world.store.delete(`${tablePath}/snapshot/snapshot-5`);
  expect((await newestOwn(line, chain))?.id).toBe(4);
});

test('the newest snapshot with properties of ours is found below heads of others', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  const line = ownLine(world.table);
  expect((await newestOwn(line, await readChain(line, 1)))?.id).toBe(5);
  for (const id of [3, 4, 5]) {
    const snapshot = await readSnapshot(line, id);
    if (snapshot === undefined) throw new Error(`there is no snapshot ${id}`);
    await world.store.put(`${tablePath}/snapshot/snapshot-${id}`, encodeSnapshot({ ...snapshot, properties: {} }));
  }
  expect((await newestOwn(line, await readChain(line, 1)))?.id).toBe(2);
  for (const id of await snapshotIds(world.store)) {
    const snapshot = await readSnapshot(line, id);
    if (snapshot === undefined) throw new Error(`there is no snapshot ${id}`);
    await world.store.put(`${tablePath}/snapshot/snapshot-${id}`, encodeSnapshot({ ...snapshot, properties: {} }));
  }
  expect(await newestOwn(line, await readChain(line, 1))).toBeUndefined();
});
