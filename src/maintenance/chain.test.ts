/** The chain as removal sees it. */
import { expect, test } from 'vitest';
import { fiveSnapshots, newWorld, snapshotIds, tablePath, type World } from '../../test/maintenance-fixture.ts';
import { encodeSnapshot } from '../format/snapshot.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { readSnapshot } from '../table/snapshots.ts';
import { newestOwn, readChain } from './chain.ts';
import { ownLine } from './lines.ts';

/** The line on a store whose first listings of the snapshots leave some out, as pages of different moments do. */
function lineWithout(world: World, ids: readonly number[], listings: number) {
  let count = 0;
  const store: ObjectStore = new Proxy(world.store, {
    get(target, property) {
      if (property === 'list') {
        return async function* (prefix: string) {
          count += 1;
          for await (const page of target.list(prefix)) {
            const isLeftOut = (key: string): boolean => count <= listings && ids.some(id => key.endsWith(`-${id}`));
            yield { ...page, objects: page.objects.filter(({ key }) => !isLeftOut(key)) };
          }
        };
      }
      const value: unknown = Reflect.get(target, property);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return { ...ownLine(world.table), store };
}

test('a hole that a listing shows is not believed when the snapshot is there', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  const chain = await readChain(lineWithout(world, [3], 1), 10);
  expect(chain.ids).toEqual([1, 2, 3, 4, 5]);
  expect(chain.garbage).toEqual([]);
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
