/** Records of one table that were handed over: how each round ends, and what the call says of them. */
import { expect, test } from 'vitest';
import { changedLog } from '../../../test/changed-ports.ts';
import { fixedRequest, plannedFile } from '../../../test/table-fixture.ts';
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
import { dropTable } from '../../catalog/drop-table.ts';
import { parseIdentifier } from '../../catalog/identifier.ts';
import type { LogStore } from '../../storage/log-store.ts';
import { MemoryLogStore } from '../../storage/memory/memory-log-store.ts';
import { Committer } from '../../table/commit/commit.ts';
import { openTable } from '../../table/table.ts';
import { applyMessages } from '../group-commit/apply-messages.ts';
import { decodeCommitMessage } from '../group-commit/commit-message.ts';
import { TableRegistry } from '../table-registry.ts';
import { KnownShards } from './known-shards.ts';
import { noCounters } from './state.ts';
import { takeRecords } from './take-records.ts';

test('what is new to the table is read from the log, what goes on is taken as it is, what is there is nothing', async () => {
  const world = await newTakeWorld();
  await append(world, [1, 2]);
  const beganMs = world.clock.nowMs();
  const { shardId } = world;
  const rest = { lostShards: [], lostSwaps: 0, heldAt: undefined, error: undefined };
  const done = { tableName: 'd.t', shardId, status: 'taken', ...rest };
  const commit = { commitUser: 'ingest', message: undefined, freshnessMs: expect.any(Number) };
  const first = {
    ...commit,
    snapshotId: 1,
    shards: [{ shardId, from: undefined, to: expect.any(BigInt) }],
    producers: [{ lane: '0/p', first: 1, last: 2 }],
    rowCount: 2,
  };
  expect(await take(world)).toEqual({ ...done, commitCount: 1, commits: [first], counters: rows(2n) });
  await append(world, [3]);
  let readCount = 0;
  const log = changedLog<LogStore>(world.log, {
    read: (...call) => {
      readCount += 1;
      return world.log.read(...call);
    },
  });
  const next = await handed(world);
  world.store.reset();
  const from = (await stateOf(world)).state?.shards.get(shardId)?.position;
  const second = {
    ...commit,
    snapshotId: 2,
    shards: [{ shardId, from, to: next.through.position }],
    producers: [{ lane: '0/p', first: 3, last: 3 }],
    rowCount: 1,
  };
  const again = { ...done, commitCount: 0, commits: [], counters: noCounters };
  world.store.reset();
  expect(await takeRecords({ ...world.parts, log }, next)).toEqual({
    ...done,
    commitCount: 1,
    commits: [second],
    counters: rows(1n),
  });
  expect(await takeRecords({ ...world.parts, log }, next)).toEqual(again);
  expect(readCount).toBe(0);
  // What this process has committed itself it need not look for.
  expect(world.store.counts().list).toBe(0);
  expect(world.clock.nowMs()).toBe(beganMs);
  const { id, state } = await stateOf(world);
  expect(id).toBe(2);
  expect(state?.shards.get(world.shardId)).toMatchObject({ position: 3n, ended: false });
});

test('a batch whose beginning is missing is read from the log', async () => {
  const world = await newTakeWorld();
  await append(world, [1]);
  await take(world);
  await append(world, [2, 3, 4]);
  const records = (await everything(world, world.shardId)).slice(-1);
  expect(await take(world, { records })).toMatchObject({ status: 'taken', counters: rows(3n) });
});

test('rows of a table that is not there, or no longer, are those of a dropped table', async () => {
  const world = await newTakeWorld();
  await append(world, [1]);
  expect(await take(world, { tableId: 'table-2' })).toMatchObject({ status: 'dropped', tableName: 'd.t' });
  await take(world);
  await append(world, [2]);
  await dropTable({ ...world.parts, store: world.memory }, parseIdentifier('d.t'), { ifExists: false });
  // The process knows the table still.
  expect(world.parts.registry.tables).toHaveLength(1);
  expect(await take(world)).toMatchObject({ status: 'dropped', commitCount: 0, heldAt: undefined, error: undefined });
  expect(world.parts.registry.tables).toHaveLength(0);
});

test('I1: records of a shard that neither the log nor the table knows are stale', async () => {
  const world = await newTakeWorld();
  await append(world, [1]);
  const records = await everything(world, world.shardId);
  expect(await take(world, { shardId: 'gone', records })).toMatchObject({ status: 'stale', commitCount: 0 });
});

test('shards and logs that are newer than what is believed of the log are asked about', async () => {
  const world = await newTakeWorld();
  await append(world, [1]);
  await take(world);
  world.log.split(world.shardId);
  const [, child] = (await world.log.describe()).shards;
  await append(world, [2]);
  expect(await take(world, { shardId: child?.shardId ?? '' })).toMatchObject({ status: 'taken', counters: rows(1n) });
  const { state } = await stateOf(world);
  expect([...(state?.shards ?? [])].map(([id, { ended }]) => [id, ended])).toEqual([
    [world.shardId, true],
    [child?.shardId, false],
  ]);
  const another = await newTakeWorld();
  await append(another, [1]);
  const log = new MemoryLogStore({ name: 'next', shardCount: 1 }, { clock: another.clock, random: another.random });
  const shown = { log: another.parts.log };
  const replaced = changedLog<LogStore>(another.log, {
    describe: options => shown.log.describe(options),
    read: (...call) => shown.log.read(...call),
  });
  const parts = { ...another.parts, log: replaced, shards: new KnownShards({ log: replaced, clock: another.clock }) };
  await takeRecords(parts, await handed(another));
  shown.log = log;
  await append({ ...another, log }, [5]);
  const records = await everything({ ...another, log }, another.shardId);
  // By what is believed, the position of the former log covers the record.
  expect(await takeRecords(parts, await handed(another, { records }))).toMatchObject({ commitCount: 0 });
  another.clock.advance(10_000);
  expect(await takeRecords(parts, await handed(another, { records }))).toMatchObject({ commitCount: 1 });
});

test('a store that does not answer is asked again, after a pause, until the deadline', async () => {
  const world = await newTakeWorld();
  await append(world, [1]);
  await take(world);
  await append(world, [2, 3]);
  let count = 0;
  const failure = new LakeError('unavailable', 'LAKE_STORE_UNAVAILABLE', 'injected');
  const failing = { ...world.parts, registry: new TableRegistry(world.parts) };
  world.hooks.before = async (_operation, key) => {
    if (!key.includes('/schema/')) return;
    count += 1;
    if (count <= 2) throw failure;
  };
  const beganMs = world.clock.nowMs();
  expect(await takeRecords(failing, await handed(world))).toMatchObject({ status: 'taken', error: undefined });
  expect(world.clock.nowMs()).toBeGreaterThan(beganMs);
  await append(world, [4]);
  count = Number.NEGATIVE_INFINITY;
  const still = { ...world.parts, registry: new TableRegistry(world.parts) };
  const result = await takeRecords(still, await handed(world));
  expect(result).toMatchObject({ status: 'failed', commitCount: 0, error: failure });
  // Nothing was seen of the table, so all of it is held.
  expect(result.heldAt).toBe(1n);
});

test('a store that is wrong ends the call at once, held at the first record above the recorded position', async () => {
  const world = await newTakeWorld();
  await append(world, [1]);
  await take(world);
  await append(world, [2, 3]);
  const failure = new LakeError('corrupt', 'LAKE_CORRUPT_SNAPSHOT', 'injected');
  let count = 0;
  const log = changedLog<LogStore>(world.log, {
    read: async () => {
      count += 1;
      throw failure;
    },
  });
  const records = (await everything(world, world.shardId)).filter(({ position }) => position !== 2n);
  const result = await takeRecords({ ...world.parts, log }, await handed(world, { records }));
  expect(result).toMatchObject({ status: 'failed', heldAt: 3n, error: failure, tableName: 'd.t' });
  expect(count).toBe(1);
});

test('a failure that is no fault of the world is thrown', async () => {
  const world = await newTakeWorld();
  await append(world, [1]);
  const failure = new TypeError('bug');
  const log = changedLog<LogStore>(world.log, { read: () => Promise.reject(failure) });
  await expect(takeRecords({ ...world.parts, log }, await handed(world))).rejects.toBe(failure);
  const signal = AbortSignal.abort(new Error('stopped'));
  await expect(takeRecords({ ...world.parts, log }, await handed(world, { signal }))).resolves.toMatchObject({
    status: 'failed',
  });
  const stop = new AbortController();
  const aborting = changedLog<LogStore>(world.log, {
    read: async () => {
      stop.abort(new Error('stopped'));
      throw failure;
    },
  });
  const call = await handed(world, { signal: stop.signal });
  await expect(takeRecords({ ...world.parts, log: aborting }, call)).rejects.toBe(failure);
});

test('a call that is aborted says so, and holds what it had not taken', async () => {
  const world = await newTakeWorld();
  await append(world, [1]);
  const stop = new AbortController();
  const reason = new Error('stopped');
  let count = 0;
  const log = changedLog<LogStore>(world.log, {
    read: async () => {
      count += 1;
      stop.abort(reason);
      throw reason;
    },
  });
  const result = await takeRecords({ ...world.parts, log }, await handed(world, { signal: stop.signal }));
  expect(result).toMatchObject({ status: 'failed', heldAt: 1n, error: { kind: 'unavailable', code: 'LAKE_ABORTED' } });
  expect(result.error?.cause).toBe(reason);
  expect(count).toBe(1);
});

test('a failure of the store in a call that has been aborted is not tried again', async () => {
  const world = await newTakeWorld();
  await append(world, [1]);
  const stop = new AbortController();
  let count = 0;
  const failure = new LakeError('unavailable', 'LAKE_LOG_UNAVAILABLE', 'injected');
  const log = changedLog<LogStore>(world.log, {
    read: async () => {
      count += 1;
      stop.abort();
      throw failure;
    },
  });
  const result = await takeRecords({ ...world.parts, log }, await handed(world, { signal: stop.signal }));
  expect(result).toMatchObject({ status: 'failed', error: failure });
  expect(count).toBe(1);
});

test('swaps without an answer end as not known when time is up, and are looked for before another try', async () => {
  const world = await newTakeWorld();
  await append(world, [1]);
  world.hooks.before = async (operation, key) => {
    if (operation === 'putIfAbsent' && key.includes('/snapshot/')) throw new Error('no answer');
  };
  const result = await take(world, { deadlineMs: world.clock.monotonicMs() + 1 });
  expect(result).toMatchObject({
    status: 'failed',
    heldAt: 1n,
    error: { kind: 'unavailable', code: 'LAKE_COMMIT_UNKNOWN', message: 'd.t: the rows were not committed in time' },
  });
  world.hooks.before = async () => {};
  expect(await take(world)).toMatchObject({ status: 'taken', commitCount: 1 });
});

test('what the table cannot be given at all ends the call as a conflict', async () => {
  const world = await newTakeWorld({ partitioned: true });
  const table = await openTable(world.memory, { database: 'd', name: 't' }, world.parts);
  const old = plannedFile(table, { name: 'old', partition: 'x', totalBuckets: 3, uploadBeganMs: world.clock.nowMs() });
  await new Committer(table).commit(fixedRequest(table, { adds: [old] }));
  await append(world, [1]);
  expect(await take(world)).toMatchObject({
    status: 'failed',
    heldAt: 1n,
    error: { kind: 'conflict', code: 'LAKE_COMMIT_CONFLICT', message: expect.stringContaining('d.t cannot be') },
  });
});

test('the log is read in pieces, each of which stays', async () => {
  const world = await newTakeWorld();
  await append(world, [1]);
  // Nobody can read these, so they are only bytes.
  const data = new Uint8Array(1 << 20);
  for (let index = 0; index < 17; index += 1) await world.log.append([{ hashKey: 0n, data }]);
  await append(world, [2]);
  const bounds: (number | undefined)[] = [];
  const log = changedLog<LogStore>(world.log, {
    read: (shardId, from, options) => {
      bounds.push(options?.bytesMax);
      return world.log.read(shardId, from, options);
    },
  });
  const result = await takeRecords({ ...world.parts, log }, await handed(world));
  expect(result).toMatchObject({ status: 'taken', commitCount: 2, counters: rows(2n) });
  expect(Math.max(...bounds.map(bytes => bytes ?? Number.POSITIVE_INFINITY))).toBe(16 << 20);
});

test('what the log has forgotten is told once, and the rest comes in', async () => {
  const world = await newTakeWorld({}, { retentionMs: 1_000 });
  await append(world, [1]);
  await take(world);
  await append(world, [2]);
  world.clock.advance(1_001);
  await append(world, [3]);
  expect(await take(world)).toMatchObject({
    status: 'taken',
    lostShards: [world.shardId],
    counters: { ...rows(1n), gaps: 1n },
  });
});

/** A commit log whose messages are applied at once, unless they are left alone. */
function commitLogOf(
  world: TakeWorld,
  settings: { readonly recordBytesMax?: number; readonly leavesAlone?: number } = {},
) {
  const { clock, random, memory } = world;
  let left = settings.leavesAlone ?? 0;
  let sentCount = 0;
  const log = new MemoryLogStore({ name: 'commits', shardCount: 1 }, { clock, random });
  const commitLog = changedLog<LogStore>(log, {
    supports: { ...log.supports, recordBytesMax: settings.recordBytesMax ?? 1 << 20 },
    append: async (records, options) => {
      const outcomes = await log.append(records, options);
      sentCount += records.length;
      const table = await openTable(memory, { database: 'd', name: 't' }, { clock, random });
      await using committer = new Committer(table);
      const messages = records.map(({ data }) => decodeCommitMessage(data, 'sent'));
      left -= 1;
      if (left < 0) await applyMessages(table, committer, messages, { commitUser: 'commit' });
      return outcomes;
    },
  });
  return { commitLog, sent: () => sentCount };
}

test('I8: with a commit log what goes on is sent there; a message that is too large is a swap of our own', async () => {
  const world = await newTakeWorld();
  await append(world, [1]);
  const { commitLog, sent } = commitLogOf(world);
  expect(await take(world, {}, commitLog)).toMatchObject({ status: 'taken', commitCount: 1 });
  expect(sent()).toBe(0);
  await append(world, [2]);
  const result = await take(world, {}, commitLog);
  expect(result).toMatchObject({ status: 'taken', commitCount: 1, counters: rows(1n) });
  expect(sent()).toBe(1);
  expect((await stateOf(world)).id).toBe(2);
  await append(world, [3]);
  const small = commitLogOf(world, { recordBytesMax: 10 });
  expect(await take(world, {}, small.commitLog)).toMatchObject({ status: 'taken', commitCount: 1, counters: rows(1n) });
  expect(small.sent()).toBe(0);
  expect((await stateOf(world)).id).toBe(3);
});

test('I8: what others have committed meanwhile is seen before a message is made, or the log read', async () => {
  const world = await newTakeWorld();
  await append(world, [1]);
  await take(world);
  const other = anotherProcess(world);
  await append(world, [2]);
  await take(other);
  const { commitLog, sent } = commitLogOf(world);
  expect(await take(world, {}, commitLog)).toMatchObject({ status: 'taken', commitCount: 0 });
  expect(sent()).toBe(0);
  await append(world, [3]);
  await take(other);
  await append(world, [4]);
  const records = (await everything(world, world.shardId)).slice(-1);
  const log = changedLog<LogStore>(world.log, { read: () => Promise.reject(new Error('it need not be read')) });
  const next = { ...world, parts: { ...world.parts, log } };
  expect(await take(next, { records }, commitLog)).toMatchObject({ status: 'taken', counters: rows(1n) });
  expect(sent()).toBe(1);
});

test('a remembered base is enough where nobody else commits, and is looked at again after a swap that was not won', async () => {
  const world = await newTakeWorld();
  await append(world, [1]);
  await take(world);
  const other = anotherProcess(world);
  await append(world, [2]);
  await take(other);
  expect(await take(world)).toMatchObject({ status: 'taken', commitCount: 0, counters: noCounters });
  expect(await stateOf(world)).toMatchObject({ id: 2, state: { counters: { rowsIn: 2n, duplicates: 0n } } });
});
