/**
 * Expiry and orphan cleaning that die at every one of their writes, before and after it has happened: nothing that a
 * snapshot, tag or branch needs is ever lost, what a consumer holds comes back, and the next runs leave no litter.
 */
import { expect, test } from 'vitest';
import { Died, dyingStore } from '../../test/dying-store.ts';
import {
  append,
  branch,
  commitPlanned,
  compact,
  copyOf,
  fiveSnapshots,
  hourMs,
  litterIn,
  missingFiles,
  newWorld,
  opened,
  snapshotIds,
  tablePath,
  tag,
  type World,
} from '../../test/maintenance-fixture.ts';
import { snapshotById } from '../table/snapshots.ts';
import { readChain } from './chain.ts';
import { expireSnapshots } from './expire-snapshots.ts';
import { ownLine } from './lines.ts';
import { maintainTable } from './maintain-table.ts';

const dayMs = 24 * hourMs;

/** Every kind of thing that is removed, and every kind of pin; old litter, too. */
async function busyWorld(): Promise<World> {
  const world = await newWorld({ options: { 'manifest.merge-min-count': '2' } });
  const { store, clock } = world;
  await append(world, 'a');
  await store.put(`${tablePath}/tidelake/state-1`, Buffer.from('{}'));
  await commitPlanned(world, { properties: { 'tidelake.ingest-object': 'state-1' } });
  await tag(store, 'first', 1);
  await store.put(`${tablePath}/tidelake/state-2`, Buffer.from('{}'));
  await commitPlanned(world, { properties: { 'tidelake.ingest-object': 'state-2' } });
  await branch(store, 'dev', 3);
  await store.put(`${tablePath}/manifest/manifest-lost`, new Uint8Array(1));
  await store.put(`${tablePath}/bucket-0/lost`, new Uint8Array(1));
  clock.advance(3 * dayMs);
  const dev = await opened(store, clock, 4, 'dev');
  await compact(dev, 'dev-c');
  await compact(world, 'c');
  await append(world, 'd');
  await append(world, 'e');
  await compact(world, 'f');
  for (const name of ['g', 'h']) {
    clock.advance(2 * hourMs);
    await append(dev, `dev-${name}`);
    await append(world, name);
  }
  clock.advance(2 * hourMs);
  return world;
}

async function runUntilDeath(run: () => Promise<unknown>): Promise<void> {
  await run().catch((error: unknown) => {
    if (!(error instanceof Died)) throw error;
  });
}

test('maintenance that dies at any moment loses no file, and the next runs leave no litter', async () => {
  const world = await busyWorld();
  const lives = await copyOf(world);
  const counting = dyingStore(lives.store, undefined);
  const receipt = await maintainTable((await opened(counting, lives.clock)).table, { orphans: 'remove' });
  expect(receipt.end).toEqual({ status: 'done' });
  expect(receipt.lines.map(({ expiry }) => expiry.expiredCount)).toEqual([7, 2]);
  expect(receipt.orphans?.removed.fileCount).toBeGreaterThan(0);
  expect(await missingFiles(lives.store, lives.table)).toEqual([]);
  expect(await litterIn(lives.store, lives.table)).toEqual([]);
  const ids = await snapshotIds(lives.store);
  expect(counting.steps()).toBeGreaterThan(100);
  expect(counting.writes().length).toBeGreaterThan(20);
  // Requests that change nothing need no death of their own: it is the same as after the write before.
  for (const step of counting.writes()) {
    for (const when of ['before', 'after'] as const) {
      const where = `step ${step}, ${when}`;
      const copy = await copyOf(world);
      const dying = dyingStore(copy.store, { step, when });
      await runUntilDeath(async () => maintainTable((await opened(dying, copy.clock)).table, { orphans: 'remove' }));
      expect(await missingFiles(copy.store, copy.table), where).toEqual([]);
      const next = await opened(copy.store, copy.clock, step);
      expect((await maintainTable(next.table, { orphans: 'skip' })).end, where).toEqual({ status: 'done' });
      expect(await snapshotIds(copy.store), where).toEqual(ids);
      expect(await missingFiles(copy.store, copy.table), where).toEqual([]);
      // What a dead run left is cleaned when it is old and every line has gone on.
      copy.clock.advance(2 * dayMs);
      for (const line of [next, await opened(copy.store, copy.clock, step, 'dev')]) await append(line, `on-${step}`);
      const cleaned = await maintainTable(next.table, { orphans: 'remove' });
      expect(cleaned.end, where).toEqual({ status: 'done' });
      expect(await missingFiles(copy.store, copy.table), where).toEqual([]);
      expect(await litterIn(copy.store, copy.table), where).toEqual([]);
    }
  }
});

test('a snapshot that a consumer pinned at any moment of a run that then died is there again after the next', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  const counting = dyingStore((await copyOf(world)).store, undefined);
  await expireSnapshots((await opened(counting, world.clock)).table);
  for (const step of counting.writes()) {
    for (const when of ['before', 'after'] as const) {
      const copy = await copyOf(world);
      const dying = dyingStore(copy.store, { step, when });
      await runUntilDeath(async () => expireSnapshots((await opened(dying, copy.clock)).table));
      const { record } = await readChain(ownLine(copy.table), 1);
      // Whatever is not gone for good can still be wanted.
      const wanted = Math.max(2, record.floor);
      await copy.store.put(`${tablePath}/consumer/consumer-job`, Buffer.from(`{"nextSnapshot":${wanted}}`));
      const next = await opened(copy.store, copy.clock, step);
      expect(await expireSnapshots(next.table)).toMatchObject({ status: 'done' });
      expect((await snapshotById(next.table, wanted)).id, `step ${step}, ${when}`).toBe(wanted);
      expect(await missingFiles(copy.store, copy.table), `step ${step}, ${when}`).toEqual([]);
    }
  }
});
