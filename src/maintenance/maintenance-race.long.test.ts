/**
 * Expiry (two at a time), orphan cleaning, commits, compactions, tags, branches, consumers and readers on one table, in
 * orders that seeds decide. Whoever reads something that is there from the beginning to the end of the read misses nothing.
 */
import { expect, test } from 'vitest';
import {
  append,
  compact,
  hourMs,
  litterIn,
  missingFiles,
  missingUnder,
  newWorld,
  opened,
  type Rooted,
  roots,
  tablePath,
  type World,
} from '../../test/maintenance-fixture.ts';
import { Turns } from '../../test/turn-store.ts';
import { type Random, seededRandom } from '../base/random.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { pinSnapshot, unpin } from '../table/pins.ts';
import { latestSnapshot, readSnapshot } from '../table/snapshots.ts';
import { expireSnapshots } from './expire-snapshots.ts';
import { ownLine } from './lines.ts';
import { maintainTable } from './maintain-table.ts';
import { removeOrphanFiles } from './remove-orphan-files.ts';

const dayMs = 24 * hourMs;

type Scene = {
  readonly world: World;
  readonly random: Random;
  readonly store: ObjectStore;
  /** Names of files and of what is made; never twice. */
  readonly name: (what: string) => string;
  readonly pinned: Map<string, { readonly id: number; readonly identity: string }>;
  readonly figures: Record<'reads' | 'expired' | 'orphans' | 'tags' | 'refusedPins' | 'pins' | 'rivals', number>;
};

/** The table as another process has it. Each has chance of its own: their file names must differ. */
function process({ store, world, random }: Scene): Promise<Pick<World, 'table' | 'committer'>> {
  return opened(store, world.clock, Math.floor(random.next() * 2 ** 32));
}

async function writes(scene: Scene, turns: number): Promise<void> {
  const writer = await process(scene);
  for (let turn = 0; turn < turns; turn += 1) await append(writer, scene.name('data'));
}

async function compacts(scene: Scene, turns: number): Promise<void> {
  const compactor = await process(scene);
  for (let turn = 0; turn < turns; turn += 1) await compact(compactor, scene.name('compacted'));
}

async function expires(scene: Scene, turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) {
    const { table } = await process(scene);
    const receipt = await expireSnapshots(table);
    scene.figures.expired += receipt.expiredCount;
    if (receipt.status === 'given-up') {
      expect(['LAKE_EXPIRY_RIVAL', 'LAKE_FILE_MISSING', 'LAKE_STORE_UNAVAILABLE']).toContain(receipt.code);
      scene.figures.rivals += 1;
    }
  }
}

async function cleans(scene: Scene, turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) {
    const { table } = await process(scene);
    scene.figures.orphans += (await removeOrphanFiles(table)).removed.fileCount;
  }
}

/** R2: writes the tag, then looks whether the snapshot file is still there. */
async function tags(scene: Scene, turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) {
    const root = await anyRoot(scene, /\/t\/snapshot\//);
    if (root === undefined) continue;
    const object = await scene.store.get(root.key);
    if (object === undefined) continue;
    const key = `${tablePath}/tag/tag-${scene.name('tag')}`;
    await scene.store.put(key, object.bytes);
    if ((await scene.store.head(root.key)) === undefined) await scene.store.delete(key);
    else scene.figures.tags += 1;
  }
}

async function consumes(scene: Scene, turns: number): Promise<void> {
  const { table } = await process(scene);
  for (let turn = 0; turn < turns; turn += 1) {
    const root = await anyRoot(scene, /\/t\/snapshot\//);
    if (root === undefined) continue;
    const { id, deltaManifestList: identity } = root.snapshot;
    const name = scene.name('consumer');
    if ((await pinSnapshot(ownLine(table), name, root.snapshot)) === 'pinned') {
      scene.figures.pins += 1;
      scene.pinned.set(name, { id, identity });
      if (scene.random.next() < 0.93) {
        scene.pinned.delete(name);
        await unpin(ownLine(table), name);
      }
    } else scene.figures.refusedPins += 1;
  }
}

async function reads(scene: Scene, turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) {
    const root = await anyRoot(scene, /./);
    if (root === undefined) continue;
    const missing = await missingUnder(scene.store, scene.world.table, root);
    const after = await scene.store.get(root.key);
    // A tag or snapshot that went meanwhile was not retained.
    if (after !== undefined) expect(missing).toEqual([]);
    scene.figures.reads += 1;
  }
}

/** Now and then nothing happens for a while. */
async function waits(scene: Scene, turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) {
    for (let quiet = 0; quiet < 12; quiet += 1) await scene.store.head(tablePath);
    scene.world.clock.advance(Math.floor(scene.random.next() * 0.6 * hourMs));
  }
}

/** One that is there, found without a turn. */
async function anyRoot(scene: Scene, pattern: RegExp): Promise<Rooted | undefined> {
  const found = (await roots(scene.world.store)).filter(({ key }) => pattern.test(key));
  // The oldest are the ones in danger.
  const place = Math.floor(scene.random.next() ** 2 * found.length);
  return found.toSorted((a, b) => a.snapshot.id - b.snapshot.id)[place];
}

async function play(seed: number): Promise<Scene> {
  const world = await newWorld({}, seed);
  const random = seededRandom(seed * 7919);
  let count = 0;
  const turns = new Turns({ random, clock: world.clock, stepMsMax: 4_000 });
  const scene: Scene = {
    world,
    random,
    store: turns.store(world.store),
    name: what => `${what}-${(count += 1)}`,
    pinned: new Map(),
    figures: { reads: 0, expired: 0, orphans: 0, tags: 0, refusedPins: 0, pins: 0, rivals: 0 },
  };
  await append(world, 'first');
  await world.store.put(`${tablePath}/bucket-0/lost`, new Uint8Array(1));
  world.clock.advance(2 * dayMs);
  for (const name of ['a', 'b', 'c']) {
    await append(world, name);
    world.clock.advance(2 * hourMs);
  }
  await turns.run([
    () => writes(scene, 15),
    () => compacts(scene, 8),
    () => expires(scene, 12),
    () => expires(scene, 12),
    () => cleans(scene, 3),
    () => tags(scene, 6),
    () => consumes(scene, 6),
    () => reads(scene, 25),
    () => waits(scene, 40),
  ]);
  return scene;
}

test('whatever is retained stays whole while everything happens at once, and pins hold', async () => {
  const sums: Record<string, number> = {};
  for (let seed = 1; seed <= 8; seed += 1) {
    const scene = await play(seed);
    const { world, pinned, figures } = scene;
    const where = `seed ${seed}`;
    for (const [figure, value] of Object.entries(figures)) sums[figure] = (sums[figure] ?? 0) + value;
    expect(await missingFiles(world.store, world.table), where).toEqual([]);
    const { table } = await opened(world.store, world.clock, seed + 1_000);
    expect((await maintainTable(table, { orphans: 'remove' })).end, where).toEqual({ status: 'done' });
    expect(await missingFiles(world.store, world.table), where).toEqual([]);
    for (const [name, { id, identity }] of pinned) {
      const snapshot = await readSnapshot(ownLine(table), id);
      expect(snapshot?.deltaManifestList, `${where}: ${name} holds ${id}`).toBe(identity);
    }
    // Without its pins nothing but what is needed stays, once all is old.
    for (const name of pinned.keys()) await unpin(ownLine(table), name);
    world.clock.advance(2 * dayMs);
    const last = await opened(world.store, world.clock, seed + 2_000);
    await append(last, 'last');
    expect((await maintainTable(last.table, { orphans: 'remove' })).end, where).toEqual({ status: 'done' });
    expect(await missingFiles(world.store, world.table), where).toEqual([]);
    expect(await litterIn(world.store, world.table), where).toEqual([]);
    expect((await latestSnapshot(last.table))?.id, where).toBeGreaterThan(25);
  }
  for (const figure of ['reads', 'expired', 'orphans', 'tags', 'pins', 'rivals']) {
    expect(sums[figure], figure).toBeGreaterThan(0);
  }
});
