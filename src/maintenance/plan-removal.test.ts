/** What ends a plan of removal, and what does not hold a file. */
import { expect, test } from 'vitest';
import {
  append,
  branch,
  compact,
  fiveSnapshots,
  hourMs,
  newWorld,
  opened,
  paths,
  tablePath,
  type World,
} from '../../test/maintenance-fixture.ts';
import { encodeSnapshot } from '../format/snapshot.ts';
import { deltaManifestsOf } from '../table/manifests.ts';
import { snapshotById } from '../table/snapshots.ts';
import { type ExpireReceipt, expireSnapshots } from './expire-snapshots.ts';

/** By a process that has read nothing yet. */
async function expireAfresh({ store, clock }: World): Promise<ExpireReceipt> {
  return expireSnapshots((await opened(store, clock, 12)).table);
}

const fileMissing = { status: 'given-up', code: 'LAKE_FILE_MISSING', expiredCount: 0 };

test('a manifest that is missing under what the first snapshot that stays took out ends the run', async () => {
  const world = await newWorld();
  for (const step of [
    () => append(world, 'a'),
    () => append(world, 'b'),
    () => compact(world, 'c'),
    () => append(world, 'd'),
  ]) {
    await step();
    world.clock.advance(2 * hourMs);
  }
  const [manifest] = await deltaManifestsOf(world.table, await snapshotById(world.table, 3));
  await world.store.delete(`${tablePath}/manifest/${manifest?.fileName}`);
  expect(await expireAfresh(world)).toMatchObject(fileMissing);
});

test('a list that is missing ends the run, be it of the first that stays or of the first of ours above it', async () => {
  const world = await newWorld();
  for (const name of ['a', 'b', 'c', 'd']) {
    await append(world, name);
    world.clock.advance(2 * hourMs);
  }
  const [third, fourth] = [await snapshotById(world.table, 3), await snapshotById(world.table, 4)];
  // A writer that knows nothing of us has made the first that stays.
  await world.store.put(`${tablePath}/snapshot/snapshot-3`, encodeSnapshot({ ...third, properties: {} }));
  world.clock.advance(2 * hourMs);
  for (const { baseManifestList } of [third, fourth]) {
    const key = `${tablePath}/manifest/${baseManifestList}`;
    const list = await world.store.get(key);
    await world.store.delete(key);
    expect(await expireAfresh(world)).toMatchObject(fileMissing);
    await world.store.put(key, list?.bytes ?? new Uint8Array());
  }
  expect(await expireAfresh(world)).toMatchObject({ status: 'done', expiredCount: 2 });
});

test('a branch that has no snapshot yet holds nothing', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  await branch(world.store, 'dev', 1);
  await world.store.delete(`${tablePath}/branch/branch-dev/snapshot/snapshot-1`);
  expect(await expireAfresh(world)).toMatchObject({ status: 'done', expiredCount: 3, data: { fileCount: 2 } });
});

test('what the delta of a changelog that outlived its snapshot took out is not held by it', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  const third = await snapshotById(world.table, 3);
  await world.store.put(`${tablePath}/changelog/changelog-3`, encodeSnapshot(third));
  expect(await expireAfresh(world)).toMatchObject({ status: 'done', expiredCount: 3, data: { fileCount: 2 } });
  expect(await paths(world.store, 'bucket-0/')).toEqual(['c', 'd', 'e'].map(name => `bucket-0/${name}`));
});
