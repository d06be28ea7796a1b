/** Expiry beside consumers, tags and other runs that come at the worst moment, and after runs that died. */
import { expect, test } from 'vitest';
import { changedStore } from '../../test/changed-ports.ts';
import {
  append,
  compact,
  fiveSnapshots,
  hourMs,
  missingFiles,
  newWorld,
  opened,
  paths,
  snapshotIds,
  tablePath,
  type World,
} from '../../test/maintenance-fixture.ts';
import { encodeSnapshot } from '../format/snapshot.ts';
import { readExpiryRecord } from '../table/expiry-record.ts';
import { liveEntries } from '../table/manifests.ts';
import { pinSnapshot } from '../table/pins.ts';
import { snapshotById } from '../table/snapshots.ts';
import { type ExpireReceipt, expireSnapshots } from './expire-snapshots.ts';
import { ownLine } from './lines.ts';

/** Runs expiry on a store that calls back when the given snapshot file has just been removed. */
async function expireWith(world: World, id: number, callback: () => Promise<void>): Promise<ExpireReceipt> {
  const inner = world.store;
  let isDone = false;
  const store = changedStore(inner, {
    async delete(key) {
      await inner.delete(key);
      if (key.endsWith(`/snapshot-${id}`) && !isDone) {
        isDone = true;
        await callback();
      }
    },
  });
  const { table } = await opened(store, world.clock, 11);
  return expireSnapshots(table);
}

test('a consumer that comes between the removal and the second look gets its snapshots back', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  const second = await snapshotById(world.table, 2);
  const receipt = await expireWith(world, 3, async () => {
    await world.store.put(`${tablePath}/consumer/consumer-late`, Buffer.from('{"nextSnapshot":2}'));
  });
  expect(receipt).toMatchObject({ status: 'done', expiredCount: 1, putBackCount: 2, oldestId: 2 });
  expect(await pinSnapshot(ownLine(world.table), 'late', second)).toBe('pinned');
  expect(await snapshotIds(world.store)).toEqual([2, 3, 4, 5]);
  expect(await missingFiles(world.store, world.table)).toEqual([]);
});

test('a tag that comes between the removal and the second look keeps its data and gets its snapshot back', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  const bytes = (await world.store.get(`${tablePath}/snapshot/snapshot-1`))?.bytes ?? new Uint8Array();
  const receipt = await expireWith(world, 2, async () => {
    await world.store.put(`${tablePath}/tag/tag-late`, bytes);
  });
  expect(receipt).toMatchObject({ status: 'done', expiredCount: 0, putBackCount: 3 });
  expect(await readExpiryRecord(ownLine(world.table))).toMatchObject({ floor: 1, floorIdentity: undefined });
  expect(await snapshotIds(world.store)).toEqual([1, 2, 3, 4, 5]);
  expect(await missingFiles(world.store, world.table)).toEqual([]);
});

test('a run that stands still while another expires what it would have kept ends on a missing file, and takes nothing', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  const inner = world.store;
  const consumerKey = `${tablePath}/consumer/consumer-c`;
  await inner.put(consumerKey, Buffer.from('{"nextSnapshot":2}'));
  let other: ExpireReceipt | undefined;
  const store = changedStore(inner, {
    async get(key, options) {
      if (key.includes('/manifest/manifest-list') && other === undefined) {
        await inner.delete(consumerKey);
        other = await expireSnapshots((await opened(inner, world.clock, 12)).table);
      }
      return inner.get(key, options);
    },
  });
  const receipt = await expireSnapshots((await opened(store, world.clock, 11)).table);
  expect(other).toMatchObject({ status: 'done', expiredCount: 3 });
  expect(receipt).toMatchObject({ status: 'given-up', code: 'LAKE_FILE_MISSING', expiredCount: 0 });
  expect([receipt.data.fileCount, receipt.metadata.fileCount]).toEqual([0, 0]);
  expect(await missingFiles(inner, world.table)).toEqual([]);
  expect(await expireSnapshots((await opened(inner, world.clock, 13)).table)).toMatchObject({ status: 'done' });
});

test('of two runs at once neither takes what the other keeps, and no data goes twice over', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  const second = await snapshotById(world.table, 2);
  // The second run takes the record over while the first is in the middle, and sees a consumer that the first did not.
  const receipt = await expireWith(world, 2, async () => {
    await world.store.put(`${tablePath}/consumer/consumer-late`, Buffer.from('{"nextSnapshot":2}'));
    const other = await opened(world.store, world.clock, 12);
    // What is back is as young as any new file, and holds the one below it for another hour.
    expect(await expireSnapshots(other.table)).toMatchObject({ status: 'done', expiredCount: 0, oldestId: 1 });
  });
  expect(receipt).toMatchObject({ status: 'given-up', code: 'LAKE_EXPIRY_RIVAL' });
  expect(await pinSnapshot(ownLine(world.table), 'late', second)).toBe('pinned');
  expect(await snapshotIds(world.store)).toEqual([1, 2, 3, 4, 5]);
  expect(await missingFiles(world.store, world.table)).toEqual([]);
});

test('a run that dies after it took snapshots away loses nothing that a consumer holds: the next puts it back', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  const second = await snapshotById(world.table, 2);
  const dying = expireWith(world, 3, async () => {
    throw new Error('died');
  });
  await expect(dying).rejects.toThrow('died');
  expect(await snapshotIds(world.store)).toEqual([4, 5]);
  expect((await readExpiryRecord(ownLine(world.table))).held.map(({ id }) => id)).toEqual([1, 2, 3]);
  await world.store.put(`${tablePath}/consumer/consumer-job`, Buffer.from('{"nextSnapshot":2}'));
  const again = await opened(world.store, world.clock, 12);
  expect(await expireSnapshots(again.table)).toMatchObject({ status: 'done', expiredCount: 0, putBackCount: 3 });
  expect(await snapshotIds(world.store)).toEqual([1, 2, 3, 4, 5]);
  expect(await pinSnapshot(ownLine(world.table), 'job', second)).toBe('pinned');
  expect(await missingFiles(world.store, world.table)).toEqual([]);
});

test('a snapshot that is about to go cannot be pinned, although its file is there again', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  const third = await snapshotById(world.table, 3);
  const bytes = (await world.store.get(`${tablePath}/snapshot/snapshot-3`))?.bytes ?? new Uint8Array();
  const receipt = await expireWith(world, 3, async () => {
    // A former run that had decided to keep it was late with putting it back.
    await world.store.put(`${tablePath}/snapshot/snapshot-3`, bytes);
    expect(await pinSnapshot(ownLine(world.table), 'job', third)).toBe('expired');
  });
  expect(receipt).toMatchObject({ status: 'done', expiredCount: 3, oldestId: 4 });
  expect(await missingFiles(world.store, world.table)).toEqual([]);
});

test('a snapshot that comes back after it was declared gone is garbage: its data may have been removed', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  const snapshot = await snapshotById(world.table, 3);
  const third = await world.store.get(`${tablePath}/snapshot/snapshot-3`);
  await expireSnapshots(world.table);
  await world.store.put(`${tablePath}/snapshot/snapshot-3`, third?.bytes ?? new Uint8Array());
  expect(await pinSnapshot(ownLine(world.table), 'job', snapshot)).toBe('expired');
  const reader = await opened(world.store, world.clock, 13);
  await expect(liveEntries(reader.table, snapshot)).rejects.toMatchObject({ code: 'LAKE_SNAPSHOT_EXPIRED' });
  const again = await opened(world.store, world.clock, 12);
  expect(await expireSnapshots(again.table)).toMatchObject({ status: 'done', garbageCount: 1, oldestId: 4 });
  expect(await snapshotIds(world.store)).toEqual([4, 5]);
  expect(await missingFiles(world.store, world.table)).toEqual([]);
});

test('a snapshot that a late tag got back stays for this run, and what it took is no open question', async () => {
  const world = await newWorld();
  for (const name of ['a', 'b', 'c']) {
    await append(world, name);
    world.clock.advance(2 * hourMs);
  }
  await world.store.delete(`${tablePath}/snapshot/EARLIEST`);
  const bytes = (await world.store.get(`${tablePath}/snapshot/snapshot-1`))?.bytes ?? new Uint8Array();
  const receipt = await expireWith(world, 1, async () => {
    await world.store.put(`${tablePath}/tag/tag-late`, bytes);
  });
  expect(receipt).toMatchObject({ status: 'done', expiredCount: 0, putBackCount: 1, oldestId: 1 });
  expect(await snapshotIds(world.store)).toEqual([1, 2, 3]);
  expect(await readExpiryRecord(ownLine(world.table))).toMatchObject({ floor: 1, isOpen: false, held: [{ id: 1 }] });
  // Nothing has gone, so that nothing is said of a new oldest.
  expect(await paths(world.store, 'snapshot/EARLIEST')).toEqual([]);
});

test('a consumer that comes late keeps also what the snapshot after the range takes out', async () => {
  const world = await newWorld();
  for (const name of ['a', 'b', 'c']) {
    await append(world, name);
    world.clock.advance(1.5 * hourMs);
  }
  await compact(world, 'd');
  world.clock.advance(1.5 * hourMs);
  await append(world, 'e');
  const receipt = await expireWith(world, 3, async () => {
    await world.store.put(`${tablePath}/consumer/consumer-late`, Buffer.from('{"nextSnapshot":3}'));
  });
  expect(receipt).toMatchObject({ status: 'done', expiredCount: 2, putBackCount: 1, data: { fileCount: 0 } });
  expect(await missingFiles(world.store, world.table)).toEqual([]);
});

test('a tag that comes late keeps what it names, also when its snapshot is none of those that go', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  const second = await snapshotById(world.table, 2);
  const list = await world.store.get(`${tablePath}/manifest/${second.deltaManifestList}`);
  const receipt = await expireWith(world, 3, async () => {
    await world.store.put(`${tablePath}/manifest/manifest-list-other-1`, list?.bytes ?? new Uint8Array());
    const other = { ...second, id: 9, deltaManifestList: 'manifest-list-other-1' };
    await world.store.put(`${tablePath}/tag/tag-late`, encodeSnapshot(other));
  });
  expect(receipt).toMatchObject({ status: 'done', expiredCount: 3, putBackCount: 0, data: { fileCount: 0 } });
  expect(await missingFiles(world.store, world.table)).toEqual([]);
});

test('a run that goes on where one died does not put back first what goes all the same', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  const dying = expireWith(world, 3, async () => {
    throw new Error('died');
  });
  await expect(dying).rejects.toThrow('died');
  const again = await opened(world.store, world.clock, 12);
  expect(await expireSnapshots(again.table)).toMatchObject({ status: 'done', expiredCount: 3, putBackCount: 0 });
  expect(await snapshotIds(world.store)).toEqual([4, 5]);
  expect(await missingFiles(world.store, world.table)).toEqual([]);
});
