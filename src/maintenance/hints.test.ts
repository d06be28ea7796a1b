import { expect, test } from 'vitest';
import { changedStore } from '../../test/changed-ports.ts';
import { fiveSnapshots, hourMs, newWorld, opened, tablePath } from '../../test/maintenance-fixture.ts';
import { LakeError } from '../base/errors.ts';
import { encodeSnapshot } from '../format/snapshot.ts';
import { countingObjectStore } from '../storage/counting-object-store.ts';
import { snapshotById } from '../table/snapshots.ts';
import { expireSnapshots } from './expire-snapshots.ts';
import { repairHints } from './hints.ts';

test('hints that are wrong are put right and named, others are left alone', async () => {
  const world = await newWorld();
  const none = { status: 'done', latest: undefined, earliest: undefined, changed: [] };
  expect(await repairHints(world.table)).toMatchObject(none);
  await fiveSnapshots(world);
  await world.store.put(`${tablePath}/snapshot/LATEST`, Buffer.from('3'));
  await world.store.put(`${tablePath}/snapshot/EARLIEST`, Buffer.from('9'));
  const right = { status: 'done', latest: 5, earliest: 1 };
  expect(await repairHints(world.table)).toMatchObject({ ...right, changed: ['LATEST', 'EARLIEST'] });
  expect(await repairHints(world.table)).toMatchObject({ ...right, changed: [] });
  await world.store.put(`${tablePath}/snapshot/EARLIEST`, Buffer.from('9'));
  expect(await repairHints(world.table)).toMatchObject({ ...right, changed: ['EARLIEST'] });
});

test('a hint longer than any number is put right; one that cannot be read ends the run, and nothing is written over it', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  const key = `${tablePath}/snapshot/LATEST`;
  await world.store.put(key, Buffer.from('5 and more'));
  expect(await repairHints(world.table)).toMatchObject({ status: 'done', changed: ['LATEST'] });
  await world.store.put(key, Buffer.from('3'));
  const away = new LakeError('unavailable', 'LAKE_STORE_UNAVAILABLE', 'injected');
  const store = changedStore(world.store, {
    get: (path, options) => (path === key ? Promise.reject(away) : world.store.get(path, options)),
  });
  const { table } = await opened(store, world.clock);
  expect(await repairHints(table)).toMatchObject({ status: 'given-up', code: 'LAKE_STORE_UNAVAILABLE' });
  expect(Buffer.from((await world.store.get(key))?.bytes ?? []).toString()).toBe('3');
});

test('the oldest is the one above a broken link, which the two lowest show', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  const first = await snapshotById(world.table, 1);
  const bytes = encodeSnapshot({ ...first, deltaManifestList: 'another' });
  await world.store.put(`${tablePath}/snapshot/snapshot-1`, bytes);
  const store = countingObjectStore(world.store);
  const { table } = await opened(store, world.clock);
  store.reset();
  expect(await repairHints(table)).toMatchObject({ status: 'done', latest: 5, earliest: 2 });
  // The record, two snapshots, two hints.
  expect(store.counts().get).toBe(5);
});

test('a consumer holds until it has been silent for longer than consumer.expiration-time', async () => {
  const world = await newWorld({ options: { 'consumer.expiration-time': '1 d' } });
  await fiveSnapshots(world);
  await world.store.put(`${tablePath}/consumer/consumer-job`, Buffer.from('{"nextSnapshot":1}'));
  world.clock.advance(24 * hourMs);
  expect(await expireSnapshots(world.table)).toMatchObject({ expiredCount: 0 });
  world.clock.advance(1);
  expect(await expireSnapshots(world.table)).toMatchObject({ expiredCount: 3 });
});
