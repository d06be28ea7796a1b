/** The rounds of a call: how it waits between them, and what it looks up again. */
import { expect, test } from 'vitest';
import { changedLog } from '../../../test/changed-ports.ts';
import { recordOf } from '../../../test/record-fixture.ts';
import {
  anotherProcess,
  append,
  everything,
  handed,
  newTakeWorld,
  rows,
  stateOf,
  type TakeWorld,
  take,
} from '../../../test/take-records-fixture.ts';
import { LakeError } from '../../base/errors.ts';
import type { LogStore } from '../../storage/log-store.ts';
import { MemoryLogStore } from '../../storage/memory/memory-log-store.ts';
import { readPlan } from '../../table/read/read-split.ts';
import { planScan } from '../../table/scan/plan-scan.ts';
import { latestSnapshot } from '../../table/snapshots.ts';
import { openTable } from '../../table/table.ts';
import { collect } from '../testing.ts';
import { KnownShards } from './known-shards.ts';
import { takeRecords } from './take-records.ts';

const unavailable = new LakeError('unavailable', 'LAKE_LOG_UNAVAILABLE', 'injected');

/** The log of a world whose first reads fail, and how often it was read. */
function failingReads(world: TakeWorld, count: number, failure: Error = unavailable) {
  let asked = 0;
  const log = changedLog<LogStore>(world.log, {
    read: (...call) => {
      asked += 1;
      return asked <= count ? Promise.reject(failure) : world.log.read(...call);
    },
  });
  return { log, asked: () => asked };
}

test('before each try but the first there is a pause, of up to twice the one before and of two seconds at most', async () => {
  const world = await newTakeWorld();
  await append(world, [1]);
  const { log } = failingReads(world, 8);
  const random = { ...world.random, next: () => 0.9999 };
  expect(await takeRecords({ ...world.parts, log, random }, await handed(world))).toMatchObject({ status: 'taken' });
  expect(world.clock.slept).toEqual([39, 79, 159, 319, 639, 1_279, 1_999, 1_999]);
});

test('at the deadline nothing is tried again, nor waited for', async () => {
  const world = await newTakeWorld();
  await append(world, [1]);
  const { log, asked } = failingReads(world, 9);
  const call = await handed(world, { deadlineMs: world.clock.monotonicMs() });
  expect(await takeRecords({ ...world.parts, log }, call)).toMatchObject({ status: 'failed', error: unavailable });
  expect(asked()).toBe(1);
  expect(world.clock.slept).toEqual([]);
});

test('a failure that a later round has got over is not the one that is told', async () => {
  const world = await newTakeWorld();
  await append(world, [1]);
  world.hooks.before = async (operation, key) => {
    if (operation === 'putIfAbsent' && key.includes('/snapshot/')) throw new Error('no answer');
  };
  const { log } = failingReads(world, 1);
  const call = await handed(world, { deadlineMs: world.clock.monotonicMs() + 1 });
  expect(await takeRecords({ ...world.parts, log }, call)).toMatchObject({
    status: 'failed',
    error: { code: 'LAKE_COMMIT_UNKNOWN' },
  });
});

test('of a shard that begins at 0 the first record is held as well', async () => {
  const world = await newTakeWorld();
  await append(world, [1]);
  const records = (await everything(world, world.shardId)).map(record => ({ ...record, position: 0n }));
  const { log } = failingReads(world, 1, new LakeError('corrupt', 'LAKE_LOG_CORRUPT', 'injected'));
  expect(await takeRecords({ ...world.parts, log }, await handed(world, { records }))).toMatchObject({ heldAt: 0n });
});

test('what was handed over is taken where the log has forgotten it meanwhile, and what was skipped is told', async () => {
  const world = await newTakeWorld({}, { retentionMs: 1_000 });
  await append(world, [1]);
  await take(world);
  await append(world, [2, 3]);
  const [taken, , third] = await everything(world, world.shardId);
  if (taken === undefined || third === undefined) throw new Error('three records');
  world.clock.advance(1_001);
  expect(await take(world, { records: [taken, third] })).toMatchObject({
    status: 'taken',
    commitCount: 1,
    counters: { ...rows(1n), gaps: 1n },
    lostShards: [world.shardId],
  });
  expect((await stateOf(world)).state?.shards.get(world.shardId)).toMatchObject({ position: 3n, ended: false });
});

test('what was handed over goes on where the log ends too early, parents before children, in the order of the shard', async () => {
  const world = await newTakeWorld();
  const put = async (producerNumber: number, value: number) => {
    const { data } = recordOf(world.schema, [[1, value, 'x']], { producerNumber });
    await world.log.append([{ hashKey: 0n, data }]);
  };
  for (const number of [1, 2]) await put(number, number);
  world.log.split(world.shardId);
  for (const number of [3, 4, 5]) await put(number, number);
  const shardId = (await world.log.describe()).shards.at(-2)?.shardId ?? '';
  for (const lastRead of [0, 1]) {
    // As a log that does not show its newest records to everybody at once.
    const log = changedLog<LogStore>(world.log, {
      read: async (...call) => {
        const { records, ...rest } = await world.log.read(...call);
        return { ...rest, records: call[0] === shardId ? records.slice(0, lastRead) : records };
      },
    });
    const copy = await newTakeWorld();
    const parts = { ...copy.parts, log, shards: new KnownShards({ log, clock: copy.clock }) };
    const records = await everything(world, shardId);
    const result = await takeRecords(parts, await handed(copy, { shardId, records }));
    expect(result).toMatchObject({
      status: 'taken',
      commitCount: 1,
      counters: { rowsIn: 5n, duplicates: 0n, gaps: 0n },
    });
    const table = await openTable(copy.memory, { database: 'd', name: 't' }, copy);
    const plan = await planScan(table, await latestSnapshot(table));
    expect(await collect(readPlan(table, plan))).toEqual([[1, 5, 'x']]);
    expect((await stateOf(copy)).state?.shards.get(shardId)).toMatchObject({ position: 5n, ended: false });
  }
});

test('a parent that does not say its end holds its children, and nothing is committed', async () => {
  const world = await newTakeWorld();
  world.log.split(world.shardId);
  await append(world, [1]);
  const shardId = (await world.log.describe()).shards.at(-2)?.shardId ?? '';
  const log = changedLog<LogStore>(world.log, {
    read: async (...call) => {
      const result = await world.log.read(...call);
      return call[0] === shardId ? result : { ...result, ended: false };
    },
  });
  const parts = { ...world.parts, log, shards: new KnownShards({ log, clock: world.clock }) };
  const deadlineMs = world.clock.monotonicMs() + 1_000;
  const result = await takeRecords(parts, await handed(world, { shardId, deadlineMs }));
  expect(result).toMatchObject({ status: 'failed', commitCount: 0 });
  expect((await stateOf(world)).id).toBe(0);
});

test('of a shard that has ended, and of which the log has forgotten all, what was handed over is taken', async () => {
  const world = await newTakeWorld({}, { retentionMs: 1_000 });
  await append(world, [1, 2]);
  const records = await everything(world, world.shardId);
  world.log.split(world.shardId);
  const described = await world.log.describe();
  world.clock.advance(1_001);
  // Some logs list a shard for a while after its last record has gone.
  const ended = { records: [], next: { kind: 'earliest' }, atTip: true, ended: true, gap: true, behindMs: 0 } as const;
  const log = changedLog<LogStore>(world.log, { describe: async () => described, read: async () => ended });
  const parts = { ...world.parts, log, shards: new KnownShards({ log, clock: world.clock }) };
  const result = await takeRecords(parts, await handed(world, { records }));
  expect(result).toMatchObject({ status: 'taken', commitCount: 1, lostShards: [world.shardId] });
  const { state } = await stateOf(world);
  expect(state?.counters).toMatchObject({ rowsIn: 2n, written: 2n });
  expect(state?.shards.get(world.shardId)).toMatchObject({ position: 2n, ended: true });
});

test('a log with many shards is not asked again for one that it has listed', async () => {
  const world = await newTakeWorld();
  await append(world, [1]);
  world.log.split(world.shardId);
  let asked = 0;
  const log = changedLog<LogStore>(world.log, {
    describe: options => {
      asked += 1;
      return world.log.describe(options);
    },
  });
  const parts = { ...world.parts, log, shards: new KnownShards({ log, clock: world.clock }) };
  await takeRecords(parts, await handed(world));
  expect(await takeRecords(parts, await handed(world))).toMatchObject({ status: 'taken' });
  expect(asked).toBe(1);
});

test('of a shard that the log lists no more, what was handed over is taken where the table knows the shard', async () => {
  const world = await newTakeWorld();
  await append(world, [1]);
  await take(world);
  await append(world, [2]);
  const log = changedLog<LogStore>(world.log, {
    describe: async options => ({ ...(await world.log.describe(options)), shards: [] }),
    read: () => Promise.reject(new LakeError('invalid', 'LAKE_LOG_NOT_FOUND', 'injected')),
  });
  const parts = { ...world.parts, log, shards: new KnownShards({ log, clock: world.clock }) };
  expect(await takeRecords(parts, await handed(world))).toMatchObject({ status: 'taken', counters: rows(1n) });
});

test('a table that another process has moved to a new log shows that the log is another', async () => {
  const world = await newTakeWorld();
  const { clock, random } = world;
  await append(world, [1]);
  const next = new MemoryLogStore({ name: 'next', shardCount: 1 }, { clock, random });
  const shown: { log: LogStore } = { log: world.log };
  const log = changedLog<LogStore>(world.log, {
    describe: options => shown.log.describe(options),
    read: (...call) => shown.log.read(...call),
  });
  const partsOf = ({ parts }: TakeWorld) => ({ ...parts, log, shards: new KnownShards({ log, clock }) });
  const parts = partsOf(world);
  await takeRecords(parts, await handed(world));
  shown.log = next;
  await append({ ...world, log: next }, [5]);
  const first = await everything({ log: next }, world.shardId);
  const other = partsOf(anotherProcess(world));
  expect(await takeRecords(other, await handed(world, { records: first }))).toMatchObject({ commitCount: 1 });
  await append({ ...world, log: next }, [6]);
  const records = await everything({ log: next }, world.shardId);
  expect(await takeRecords(parts, await handed(world, { records }))).toMatchObject({
    commitCount: 1,
    counters: rows(1n),
  });
  const { state } = await stateOf(world);
  expect(state).toMatchObject({ incarnation: (await next.describe()).incarnation, counters: { rowsIn: 3n } });
  expect(state?.shards.get(world.shardId)?.position).toBe(2n);
});

test('that the table knows nothing of a shard which is listed no more is looked up before it is believed', async () => {
  const world = await newTakeWorld();
  await append(world, [1]);
  await take(world);
  world.log.split(world.shardId);
  await append(world, [2]);
  const shardId = (await world.log.describe()).shards.at(-2)?.shardId ?? '';
  expect(await take(anotherProcess(world), { shardId })).toMatchObject({ status: 'taken', commitCount: 1 });
  await append(world, [3]);
  const records = (await everything(world, shardId)).slice(-1);
  const log = changedLog<LogStore>(world.log, {
    describe: async options => {
      const { shards, ...rest } = await world.log.describe(options);
      return { ...rest, shards: shards.filter(shard => shard.shardId !== shardId) };
    },
  });
  const parts = { ...world.parts, log, shards: new KnownShards({ log, clock: world.clock }) };
  const result = await takeRecords(parts, await handed(world, { shardId, records }));
  expect(result).toMatchObject({ status: 'taken', commitCount: 1, counters: rows(1n) });
  expect(world.clock.slept).toEqual([]);
});
