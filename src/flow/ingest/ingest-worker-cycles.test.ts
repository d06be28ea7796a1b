/** A worker over several cycles and shards: pauses, ends of shards, what it believes of tables and logs, how it ends. */
import { expect, test } from 'vitest';
import { changedLog, changedStore, Gauge } from '../../../test/changed-ports.ts';
import { append, newWorld, ofOther, quick, stateOf, workerOf } from '../../../test/ingest-worker-fixture.ts';
import { fixedRequest, fixtureSchema, plannedFile, putSchema } from '../../../test/table-fixture.ts';
import { dropTable } from '../../catalog/drop-table.ts';
import { parseIdentifier } from '../../catalog/identifier.ts';
import type { LogStore } from '../../storage/log-store.ts';
import { MemoryLogStore } from '../../storage/memory/memory-log-store.ts';
import { Committer } from '../../table/commit/commit.ts';
import type { CommitPlan } from '../../table/commit/request.ts';
import { openTable } from '../../table/table.ts';
import { readCheckpoint } from './checkpoint.ts';
import { IngestWorker } from './ingest-worker.ts';

test('the pauses after swaps that were not to be had double up to five seconds, and begin anew after one that was', async () => {
  const world = await newWorld();
  const table = await openTable(world.memory, { database: 'd', name: 't' }, world.parts);
  await using committer = new Committer(table);
  const overwrite = async (draft: Partial<CommitPlan>): Promise<void> => {
    const { status } = await committer.commit(fixedRequest(table, { kind: 'OVERWRITE', ...draft }));
    expect(status).toBe('committed');
  };
  const misfit = { adds: [plannedFile(table, { name: 'old', totalBuckets: 3 })] };
  await overwrite(misfit);
  await append(world, [1]);
  await using worker = new IngestWorker({ ...world.parts, random: { ...world.random, next: () => 0.9999 } });
  const cycle = async () => (await worker.cycle(quick)).events.map(({ outcome }) => outcome.status);
  for (let count = 0; count < 9; count += 1) expect(await cycle()).toEqual(['conflict']);
  expect(world.clock.slept).toEqual([39, 79, 159, 319, 639, 1_279, 2_559, 4_999, 4_999]);
  await overwrite({ deletes: misfit.adds });
  expect(await cycle()).toEqual(['committed']);
  await overwrite({ adds: [plannedFile(table, { name: 'next', totalBuckets: 3, sequence: [100, 109] })] });
  await append(world, [2]);
  expect(await cycle()).toEqual(['conflict']);
  expect(world.clock.slept.at(-1)).toBe(39);
});

test('eight shards are read at once, and two tables committed', async () => {
  const world = await newWorld({ shardCount: 10 });
  await putSchema(world.memory, fixtureSchema({ tableId: 'table-3' }), 'd.db/v');
  for (const draft of [{}, ofOther, { tableId: 'table-3', tableName: 'd.v' }]) await append(world, [1], draft);
  const [reads, opens] = [new Gauge(), new Gauge()];
  const log = changedLog(world.parts.log, { read: (...call) => reads.through(() => world.log.read(...call)) });
  const store = changedStore(world.parts.store, {
    get: (key, options) => {
      const get = () => world.memory.get(key, options);
      return key.includes('/schema/') ? opens.through(get) : get();
    },
  });
  await using worker = new IngestWorker({ ...world.parts, log, store });
  expect((await worker.cycle(quick)).events).toHaveLength(3);
  expect([reads.max, opens.max]).toEqual([8, 2]);
});

test('rows that gather need not wait as long as a worker that has none', async () => {
  const world = await newWorld();
  await using worker = workerOf(world, { commitIntervalMs: 300 });
  await worker.cycle({ waits: true });
  expect(world.asked.filter(what => what.startsWith('wait'))).toEqual(['wait 1000']);
});

test('reading ends when it is aborted, even of a log that pays no heed', async () => {
  const world = await newWorld();
  await append(world, [1, 2, 3]);
  const stop = new AbortController();
  let asked = 0;
  const log = changedLog<LogStore>(world.log, {
    read: async (shardId, from) => {
      asked += 1;
      if (asked === 2) stop.abort(new Error('stopped'));
      return world.log.read(shardId, from, { recordsMax: 1 });
    },
  });
  await using worker = new IngestWorker({ ...world.parts, log });
  await expect(worker.cycle({ ...quick, signal: stop.signal })).rejects.toThrow('stopped');
  expect(asked).toBe(2);
});

test('a shard that has ended without rows of its own is known as ended once there is something to commit', async () => {
  const world = await newWorld({ shardCount: 2 });
  const [left, right] = (await world.log.describe()).shards;
  world.log.split(left?.shardId ?? '');
  await append(world, [1], { hashKey: right?.hashKeyStart ?? 0n });
  await using worker = workerOf(world);
  await worker.cycle(quick);
  const { state } = await stateOf(world);
  const endsOf = [...(state?.shards ?? [])].map(([shardId, { position, ended }]) => [shardId, position, ended]);
  expect(endsOf).toEqual([
    [left?.shardId, -1n, true],
    [right?.shardId, 1n, false],
  ]);
});

test('the end of a shard behind which nothing came does not move the position of a table', async () => {
  const world = await newWorld({ shardCount: 2 });
  const right = (await world.log.describe()).shards[1];
  await append(world, [1]);
  await using first = workerOf(world);
  await first.drain();
  world.log.split(world.shardId);
  await append(world, [2], { hashKey: right?.hashKeyStart ?? 0n, bucket: 1, producerNumber: 1 });
  // It begins behind the checkpoint, so it sees no record of the shard.
  await using second = workerOf(world);
  expect((await second.cycle(quick)).events).toMatchObject([{ rowCount: 1, outcome: { status: 'committed' } }]);
  expect((await stateOf(world)).state?.shards.get(world.shardId)).toMatchObject({ position: 1n, ended: true });
});

test('children of a shard that ended in a cycle are read in the same one, also beside shards that go on', async () => {
  const world = await newWorld({ shardCount: 2 });
  await append(world, [1]);
  world.log.split(world.shardId);
  await append(world, [2]);
  await using worker = workerOf(world);
  expect(await worker.cycle(quick)).toMatchObject({ isIdle: true, events: [{ rowCount: 2 }] });
});

test('a table has positions of the shards only that it has taken rows of', async () => {
  const world = await newWorld({ shardCount: 2 });
  const [left, right] = (await world.log.describe()).shards;
  await append(world, [1], { hashKey: left?.hashKeyStart ?? 0n });
  await append(world, [1], { ...ofOther, hashKey: right?.hashKeyStart ?? 0n });
  await using worker = workerOf(world);
  await worker.cycle(quick);
  const shardsOf = async (name: string) => [...((await stateOf(world, name)).state?.shards.keys() ?? [])];
  expect(await shardsOf('t')).toEqual([left?.shardId]);
  expect(await shardsOf('u')).toEqual([right?.shardId]);
});

test('a worker that has not seen the last records of a shard before the log forgot them does not take its table back', async () => {
  const world = await newWorld({ shardCount: 2, retentionMs: 1_000 });
  const [left, right] = (await world.log.describe()).shards;
  await append(world, [1, 2]);
  await using worker = workerOf(world);
  await worker.cycle(quick);
  await append(world, [3]);
  await using other = workerOf(world);
  await other.cycle(quick);
  const before = (await stateOf(world)).state?.shards.get(left?.shardId ?? '');
  world.clock.advance(1_001);
  world.log.split(left?.shardId ?? '');
  await append(world, [4], { hashKey: right?.hashKeyStart ?? 0n, bucket: 1, producerNumber: 1 });
  const results = await worker.drain();
  expect(results.at(-1)?.isIdle).toBe(true);
  const after = (await stateOf(world)).state?.shards.get(left?.shardId ?? '');
  expect(after).toEqual({ ...before, ended: true });
});

test('a table whose drop is seen before its rows are sorted is fenced as well', async () => {
  const world = await newWorld();
  await append(world, [1]);
  await using worker = workerOf(world);
  await worker.cycle(quick);
  await dropTable({ ...world.parts, store: world.memory }, parseIdentifier('d.t'), { ifExists: false });
  // Long enough that the table is looked up again.
  world.clock.advance(3_600_000);
  await append(world, [2]);
  expect(await worker.cycle(quick)).toMatchObject({ events: [{ rowCount: 1, outcome: { status: 'fenced' } }] });
});

test('a checkpoint is not written again by the next worker, and that of a former log says nothing of the next', async () => {
  const world = await newWorld();
  await append(world, [1, 2, 3]);
  const shown: { log: LogStore } = { log: world.log };
  const log = changedLog<LogStore>(world.log, {
    describe: options => shown.log.describe(options),
    read: (...call) => shown.log.read(...call),
  });
  await using first = new IngestWorker({ ...world.parts, log });
  await first.drain();
  expect(world.count('put tidelake-log/')).toBe(1);
  await using second = new IngestWorker({ ...world.parts, log });
  await second.drain();
  expect(world.count('put tidelake-log/')).toBe(1);
  const next = new MemoryLogStore({ name: 'next', shardCount: 1 }, { clock: world.clock, random: world.random });
  shown.log = next;
  await append({ ...world, log: next }, [1]);
  world.clock.advance(10_000);
  await second.drain();
  const { incarnation } = await next.describe();
  expect(await readCheckpoint(world.memory, incarnation, world.shardId)).toMatchObject({ position: 1n });
});

test('a worker that is disposed of waits for what its tables are still writing', async () => {
  const world = await newWorld();
  await append(world, [1]);
  const gate = Promise.withResolvers<void>();
  const store = changedStore(world.parts.store, {
    put: async (key, bytes, options) => {
      if (key.endsWith('/snapshot/LATEST')) await gate.promise;
      return world.memory.put(key, bytes, options);
    },
  });
  const worker = new IngestWorker({ ...world.parts, store });
  await worker.cycle(quick);
  let isDone = false;
  const done = worker[Symbol.asyncDispose]().then(() => {
    isDone = true;
  });
  await new Promise(resolve => setImmediate(resolve));
  expect(isDone).toBe(false);
  gate.resolve();
  await done;
  expect(await world.memory.head('d.db/t/snapshot/LATEST')).toBeDefined();
});
