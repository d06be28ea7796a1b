import { expect, test } from 'vitest';
import { fiveSnapshots, hourMs, newWorld, tablePath } from '../../test/maintenance-fixture.ts';
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

test('a consumer holds until it has been silent for longer than consumer.expiration-time', async () => {
  const world = await newWorld({ options: { 'consumer.expiration-time': '1 d' } });
  await fiveSnapshots(world);
  await world.store.put(`${tablePath}/consumer/consumer-job`, Buffer.from('{"nextSnapshot":1}'));
  world.clock.advance(24 * hourMs);
  expect(await expireSnapshots(world.table)).toMatchObject({ expiredCount: 0 });
  world.clock.advance(1);
  expect(await expireSnapshots(world.table)).toMatchObject({ expiredCount: 3 });
});
