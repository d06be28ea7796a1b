/** The world of a scenario: a store, two logs and a clock in memory, with the table `d.t`; and the processes in it. */
import { createHash } from 'node:crypto';
import type { Clock } from '../../src/base/clock.ts';
import { type Random, seededRandom } from '../../src/base/random.ts';
import type { LogStore } from '../../src/storage/log-store.ts';
import { MemoryLogStore } from '../../src/storage/memory/memory-log-store.ts';
import { MemoryObjectStore } from '../../src/storage/memory/memory-object-store.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { dyingLogStore, dyingStore, type Steps } from '../dying-store.ts';
import { allObjects, replayObjects, type TimedAction } from '../maintenance-fixture.ts';
import { ManualClock } from '../table-fixture.ts';

export type WorldSettings = { readonly logRecordBytesMax?: number | undefined };

export type World = {
  readonly settings: WorldSettings;
  readonly clock: ManualClock;
  readonly random: Random;
  readonly store: MemoryObjectStore;
  readonly log: MemoryLogStore;
  readonly commitLog: MemoryLogStore;
  /** Shards of the log that were split, and when. */
  readonly splits: { readonly shardId: string; readonly atMs: number }[];
  /** What callers were told is done: it must be, whatever happened since. */
  readonly acknowledged: Set<string>;
};

export type LakeProcess = {
  readonly store: ObjectStore;
  readonly log: LogStore;
  readonly commitLog: LogStore;
  readonly clock: Clock;
  readonly random: Random;
  /** The world outside of the process: who hands it its work, and who else is there. */
  readonly world: World;
  /** Tells the caller that something is done. The dead tell nothing. */
  readonly acknowledge: (what: string) => void;
};

const logSeed = 11;
const shardCount = 2;

/** @param seed of what happens in the world outside of the processes */
export function newWorld(settings: WorldSettings = {}, seed = 1): World {
  const clock = new ManualClock();
  // The same seed gives a log and its copy the same incarnation.
  const parts = { clock, random: seededRandom(logSeed) };
  return {
    settings,
    clock,
    random: seededRandom(seed),
    store: new MemoryObjectStore('memory:crash-points', clock),
    log: new MemoryLogStore({ name: 'events', shardCount, recordBytesMax: settings.logRecordBytesMax }, parts),
    commitLog: new MemoryLogStore({ name: 'commits', shardCount: 1 }, parts),
    splits: [],
    acknowledged: new Set(),
  };
}

/** At a moment of its own, so that a copy of the world has it between the same records. */
export function splitShard({ log, clock, splits }: World, shardId: string): void {
  clock.advance(1);
  log.split(shardId);
  splits.push({ shardId, atMs: clock.nowMs() });
  clock.advance(1);
}

/** The same objects and records, of the same ages and at the same positions. */
export async function copyWorld(from: World): Promise<World> {
  // Other ids than those that the world was made with.
  const to = newWorld(from.settings, 2);
  const splits = from.splits.map(({ shardId, atMs }) => ({ atMs, run: async () => to.log.split(shardId) }));
  const records = [
    ...(await recordsOf(from.log, to.log)),
    ...(await recordsOf(from.commitLog, to.commitLog)),
    ...splits,
  ];
  await replayObjects(from.store, to.store, { clock: to.clock, untilMs: from.clock.nowMs(), alongside: records });
  to.splits.push(...from.splits);
  for (const what of from.acknowledged) to.acknowledged.add(what);
  return to;
}

async function recordsOf(from: LogStore, to: LogStore): Promise<readonly TimedAction[]> {
  const { shards } = await from.describe();
  const found = await Promise.all(
    shards.map(async ({ shardId, hashKeyStart: hashKey }) => {
      const { records } = await from.read(shardId, { kind: 'earliest' });
      return records.map(({ position, arrivalMs, data }) => ({ hashKey, position, arrivalMs, data }));
    }),
  );
  // Positions of this log count its records, so the same order gives the same positions.
  const inOrder = found.flat().toSorted((a, b) => (a.position < b.position ? -1 : 1));
  return inOrder.map(({ hashKey, data, arrivalMs }) => ({
    atMs: arrivalMs,
    run: async () => void (await to.append([{ hashKey, data }])),
  }));
}

/** The same text for worlds that are the same to the byte and the millisecond. */
export async function digestOf(world: World): Promise<string> {
  const hash = createHash('sha256').update(`${world.clock.nowMs()} ${[...world.acknowledged].toSorted()}`);
  for (const { key, lastModifiedMs } of await allObjects(world.store)) {
    hash.update(`\n${key} ${lastModifiedMs} `).update((await world.store.get(key))?.bytes ?? '');
  }
  for (const log of [world.log, world.commitLog]) {
    for (const { shardId } of (await log.describe()).shards) {
      const { records } = await log.read(shardId, { kind: 'earliest' });
      for (const { position, arrivalMs, data } of records) hash.update(`\n${position} ${arrivalMs} `).update(data);
    }
  }
  return hash.digest('hex');
}

const seedOf = { first: 101, second: 202, third: 303 } as const;

export function processOf(world: World, steps: Steps, which: keyof typeof seedOf): LakeProcess {
  return {
    store: dyingStore(world.store, steps),
    log: dyingLogStore(world.log, steps),
    commitLog: dyingLogStore(world.commitLog, steps),
    clock: world.clock,
    random: seededRandom(seedOf[which]),
    world,
    acknowledge: what => {
      if (!steps.isDead) world.acknowledged.add(what);
    },
  };
}
