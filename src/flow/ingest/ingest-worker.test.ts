/** A worker cycle by cycle: what it reads, when it commits, waits, looks around and writes checkpoints. */
import { expect, test } from 'vitest';
import { changedStore } from '../../../test/changed-ports.ts';
import { append, newWorld, ofOther, quick, quiet, stateOf, workerOf } from '../../../test/ingest-worker-fixture.ts';
import { recordOf } from '../../../test/record-fixture.ts';
import { fixtureSchema, putSchema } from '../../../test/table-fixture.ts';
import { dropTable } from '../../catalog/drop-table.ts';
import { parseIdentifier } from '../../catalog/identifier.ts';
import { MemoryLogStore } from '../../storage/memory/memory-log-store.ts';
import { latestSnapshot } from '../../table/snapshots.ts';
import { openTable } from '../../table/table.ts';
import { readCheckpoint, writeCheckpoint } from './checkpoint.ts';
import { IngestWorker, ingestDefaults } from './ingest-worker.ts';

test('a cycle commits what it read of each table and says how many rows, and how long it took', async () => {
  const world = await newWorld();
  await append(world, [1, 2]);
  await append(world, [1], ofOther);
  world.hooks.beforeSwap = async key => {
    if (key.startsWith('d.db/t/')) world.clock.advance(7);
  };
  await using worker = workerOf(world);
  const { events, ...rest } = await worker.cycle(quick);
  expect(rest).toEqual({
    isIdle: true,
    isAtTip: true,
    blocked: [],
    droppedTableRows: 0,
    unreadableRecords: 0,
    lostShards: [],
  });
  expect(events).toMatchObject([
    { tableName: 'd.t', rowCount: 2, outcome: { status: 'committed', counters: { written: 2n }, attempts: 1 } },
    { tableName: 'd.u', rowCount: 1, outcome: { status: 'committed', counters: { written: 1n } } },
  ]);
  expect(events[0]?.elapsedMs).toBeGreaterThanOrEqual(7);
  expect(events[0]?.elapsedMs).toBeLessThan(1_000);
  const { id, commitUser, state } = await stateOf(world);
  expect([id, commitUser]).toEqual([1, expect.stringMatching(/^ingest-./)]);
  expect(state?.shards.get(world.shardId)).toMatchObject({ position: 3n, ended: false });
  expect(await worker.cycle(quick)).toEqual(quiet);
  expect((await stateOf(world)).id).toBe(1);
});

test('the settings of a worker that is told nothing are those of a worker that commits each second', () => {
  expect(ingestDefaults).toEqual({
    commitRowsMax: 100_000,
    commitIntervalMs: 1_000,
    freshnessMs: 0,
    readBytesMax: 524_288,
    checkpointIntervalMs: 60_000,
  });
});

test('no more is read for a commit once it has its rows, and what is left is for the next cycle', async () => {
  const world = await newWorld();
  await append(world, [1, 2, 3, 4, 5]);
  await using worker = workerOf(world, { commitRowsMax: 2, readBytesMax: 1_234 });
  const cycles = [await worker.cycle(quick), await worker.cycle(quick), await worker.cycle(quick)];
  expect(cycles.map(({ events, isIdle }) => [events.map(({ rowCount }) => rowCount), isIdle])).toEqual([
    [[2], false],
    [[2], false],
    [[1], true],
  ]);
  expect(world.asked.filter(what => what.startsWith('read'))).toEqual(
    ['earliest', 1, 2, 3, 4].map(from => `read ${world.shardId} ${from} 1234`),
  );
});

test('draining goes on until all is read, and ends with a checkpoint', async () => {
  const world = await newWorld();
  await append(world, [1, 2, 3]);
  await using worker = workerOf(world, { commitRowsMax: 2 });
  const results = await worker.drain();
  expect(results.map(({ isIdle }) => isIdle)).toEqual([false, true]);
  const { incarnation } = await world.log.describe();
  expect((await readCheckpoint(world.memory, incarnation, world.shardId))?.position).toBe(3n);
  expect(await worker.drain()).toEqual([quiet]);
  expect(world.count('put tidelake-log/')).toBe(1);
});

test('rows gather for the commit interval after the first came, and come in together', async () => {
  const world = await newWorld();
  await append(world, [1]);
  const beganMs = world.clock.nowMs();
  let waits = 0;
  world.hooks.beforeWait = async () => {
    waits += 1;
    if (waits > 3) return;
    world.clock.advance(100);
    await append(world, [1 + waits]);
  };
  await using worker = workerOf(world, { commitIntervalMs: 500 });
  const { events, isIdle } = await worker.cycle({ waits: true });
  expect(events).toMatchObject([{ rowCount: 4, outcome: { status: 'committed' } }]);
  expect(isIdle).toBe(true);
  expect(world.clock.nowMs()).toBe(beganMs + 500);
  expect(world.asked.filter(what => what.startsWith('wait'))).toEqual([500, 400, 300, 200].map(ms => `wait ${ms}`));
  expect((await stateOf(world)).id).toBe(1);
});

test('a worker without rows waits for a second at most, and looks around again', async () => {
  const world = await newWorld();
  await using worker = workerOf(world);
  expect(await worker.cycle({ waits: true })).toEqual(quiet);
  expect(world.asked.filter(what => what.startsWith('wait'))).toEqual(['wait 1000']);
});

test('running goes on from cycle to cycle until it is aborted', async () => {
  const world = await newWorld();
  await append(world, [1]);
  const stop = new AbortController();
  await using worker = workerOf(world);
  let count = 0;
  await worker.run(stop.signal, ({ events }) => {
    expect(events).toHaveLength(count === 0 ? 1 : 0);
    count += 1;
    if (count === 3) stop.abort();
  });
  expect(count).toBe(3);
  await worker.run(stop.signal);
  expect((await stateOf(world)).id).toBe(1);
});

test('reading and waiting end when they are aborted', async () => {
  const world = await newWorld();
  await append(world, [1]);
  const signal = AbortSignal.abort(new Error('stopped'));
  await using worker = workerOf(world);
  await worker.cycle(quick);
  await expect(worker.cycle({ ...quick, signal })).rejects.toThrow('stopped');
  const stop = new AbortController();
  world.hooks.beforeWait = async () => stop.abort(new Error('stopped while waiting'));
  await expect(worker.cycle({ waits: true, signal: stop.signal })).rejects.toThrow('stopped while waiting');
  await append(world, [2]);
  const again = new AbortController();
  world.hooks.beforeWait = async () => again.abort(new Error('stopped while gathering'));
  await expect(worker.cycle({ waits: true, signal: again.signal })).rejects.toThrow('stopped while gathering');
  // What had been read is read again.
  world.hooks.beforeWait = async () => {};
  expect((await worker.cycle(quick)).events).toMatchObject([{ rowCount: 1 }]);
});

test('rows of dropped tables, records nobody can read and shards with a gap are counted and told', async () => {
  const world = await newWorld({ retentionMs: 1_000 });
  await append(world, [1]);
  await using worker = workerOf(world);
  await worker.cycle(quick);
  await append(world, [2]);
  world.clock.advance(1_001);
  await append(world, [3]);
  await append(world, [1, 2, 3], { tableId: 'table-3', tableName: 'd.v' });
  await world.log.append([{ hashKey: 0n, data: Buffer.from('no record') }]);
  await append(world, [1], ofOther);
  const result = await worker.cycle(quick);
  expect(result).toMatchObject({ droppedTableRows: 3, unreadableRecords: 1, lostShards: [world.shardId] });
  expect(result.events.map(({ tableName, rowCount }) => [tableName, rowCount])).toEqual([
    ['d.t', 1],
    ['d.u', 1],
  ]);
  const { incarnation } = await world.log.describe();
  expect(world.count(`put tidelake/unreadable/${incarnation}-${world.shardId}-7`)).toBe(1);
});

test('a swap that did not come about is told, and its rows are read again after a pause that grows', async () => {
  const world = await newWorld();
  await append(world, [1, 2]);
  let isBroken = true;
  world.hooks.beforeSwap = async () => {
    if (isBroken) throw new Error('no answer');
  };
  await using worker = workerOf(world, { checkpointIntervalMs: 0 });
  const failed = await worker.cycle(quick);
  expect(failed).toMatchObject({ isIdle: false, events: [{ rowCount: 2, outcome: { status: 'unknown' } }] });
  expect(world.count('put tidelake-log/')).toBe(0);
  isBroken = false;
  const done = await worker.cycle(quick);
  expect(done).toMatchObject({ isIdle: true, events: [{ rowCount: 2, outcome: { status: 'committed' } }] });
  expect(world.count('put tidelake-log/')).toBe(1);
});

test('a swap that another worker has won is given up, and only what it left is taken', async () => {
  const world = await newWorld();
  await append(world, [1]);
  await using worker = workerOf(world);
  await worker.cycle(quick);
  await append(world, [2]);
  await using other = workerOf(world);
  await other.drain();
  await append(world, [3]);
  const beganMs = world.clock.nowMs();
  const lost = await worker.cycle(quick);
  expect(lost).toMatchObject({ isIdle: false, events: [{ outcome: { status: 'changed' } }] });
  expect(world.clock.nowMs()).toBeGreaterThan(beganMs);
  const won = await worker.cycle(quick);
  expect(won.events).toMatchObject([{ rowCount: 1, outcome: { status: 'committed', counters: { duplicates: 0n } } }]);
  expect(await stateOf(world)).toMatchObject({ id: 3, state: { counters: { rowsIn: 3n, written: 3n } } });
});

test('what the table has taken already is nothing to commit', async () => {
  const world = await newWorld();
  await append(world, [1, 2]);
  await using first = workerOf(world);
  await first.cycle(quick);
  // No checkpoint is written yet, so that a second one reads from the beginning.
  await using second = workerOf(world);
  expect(await second.cycle(quick)).toEqual(quiet);
  expect(world.count(`read ${world.shardId} earliest`)).toBe(2);
  await append(world, [3]);
  expect((await second.cycle(quick)).events).toMatchObject([{ rowCount: 1 }]);
  expect((await stateOf(world)).state?.counters).toMatchObject({ rowsIn: 3n, duplicates: 0n });
});

test('a new worker begins behind the checkpoint', async () => {
  const world = await newWorld();
  await append(world, [1, 2, 3]);
  const { incarnation } = await world.log.describe();
  await writeCheckpoint(world.memory, incarnation, world.shardId, { position: 2n });
  await using worker = workerOf(world);
  expect((await worker.cycle(quick)).events).toMatchObject([{ rowCount: 1 }]);
  expect(world.asked.filter(what => what.startsWith('read'))).toEqual([`read ${world.shardId} 2 524288`]);
});

test('checkpoints are written when their interval is over and a shard has moved', async () => {
  const world = await newWorld();
  await append(world, [1]);
  await using worker = workerOf(world, { checkpointIntervalMs: 1_000 });
  const written = async (): Promise<number> => {
    await worker.cycle(quick);
    return world.count('put tidelake-log/');
  };
  expect(await written()).toBe(0);
  world.clock.advance(999);
  expect(await written()).toBe(0);
  world.clock.advance(1);
  expect(await written()).toBe(1);
  await append(world, [2]);
  expect(await written()).toBe(1);
  world.clock.advance(1_000);
  expect(await written()).toBe(2);
  world.clock.advance(1_000);
  expect(await written()).toBe(2);
});

test('the shards are looked up again after ten seconds', async () => {
  const world = await newWorld();
  await using worker = workerOf(world);
  const looked = async (): Promise<number> => {
    await worker.cycle(quick);
    return world.count('describe');
  };
  expect(await looked()).toBe(1);
  world.clock.advance(9_999);
  expect(await looked()).toBe(1);
  world.clock.advance(1);
  expect(await looked()).toBe(2);
});

test('I5: a shard that has ended is known as ended with the rows before it, and its children are looked for at once', async () => {
  const world = await newWorld();
  await append(world, [1]);
  world.log.split(world.shardId);
  await append(world, [2]);
  await using worker = workerOf(world);
  await worker.cycle(quick);
  world.log.split((await world.log.describe()).shards[1]?.shardId ?? '');
  await append(world, [3]);
  const results = await worker.drain();
  expect(results.at(-1)?.isIdle).toBe(true);
  const { state } = await stateOf(world);
  expect(state?.counters).toMatchObject({ rowsIn: 3n, duplicates: 0n });
  const { shards } = await world.log.describe();
  const ended = shards.filter(({ shardId }) => state?.shards.get(shardId)?.ended === true);
  // Of the second the end came without rows: who goes on with its child reads it to its end once more.
  expect(ended).toEqual(shards.slice(0, 1));
});

test('a worker is not idle while the children of a shard that has ended are not listed, and asks the log once for them', async () => {
  const world = await newWorld({ shardCount: 2 });
  await append(world, [1]);
  await using worker = workerOf(world);
  expect((await worker.cycle(quick)).isIdle).toBe(true);
  world.log.split(world.shardId);
  await append(world, [2]);
  expect(await worker.cycle(quick)).toMatchObject({ isIdle: false, events: [] });
  expect(world.count('describe')).toBe(1);
  expect(await worker.cycle(quick)).toMatchObject({ isIdle: true, events: [{ rowCount: 1 }] });
  await worker.cycle(quick);
  expect(world.count('describe')).toBe(2);
});

test('shards are read side by side, and each table gets the rows of all', async () => {
  const world = await newWorld({ shardCount: 2 });
  const [left, right] = (await world.log.describe()).shards;
  await append(world, [1, 2], { hashKey: left?.hashKeyStart ?? 0n });
  await append(world, [1, 2, 3], { hashKey: right?.hashKeyStart ?? 0n, bucket: 1 });
  await using worker = workerOf(world);
  const { events } = await worker.cycle(quick);
  expect(events).toMatchObject([{ rowCount: 5, outcome: { status: 'committed', counters: { rowsIn: 5n } } }]);
  const { state } = await stateOf(world);
  expect([...(state?.shards ?? [])].map(([shardId, { position }]) => [shardId, position])).toEqual([
    [left?.shardId, 2n],
    [right?.shardId, 5n],
  ]);
});

test('a table that is dropped under a worker is fenced, and its rows are those of a dropped table then', async () => {
  const world = await newWorld();
  await append(world, [1]);
  await using worker = workerOf(world);
  await worker.cycle(quick);
  await dropTable({ ...world.parts, store: world.memory }, parseIdentifier('d.t'), { ifExists: false });
  await append(world, [2, 3]);
  expect(await worker.cycle(quick)).toMatchObject({
    isIdle: false,
    droppedTableRows: 0,
    events: [{ rowCount: 2, outcome: { status: 'fenced' } }],
  });
  expect(await worker.cycle(quick)).toMatchObject({ isIdle: true, droppedTableRows: 2, events: [] });
});

test('positions of another log are not those of this one', async () => {
  const world = await newWorld();
  await append(world, [1, 2, 3]);
  await using worker = workerOf(world);
  await worker.cycle(quick);
  const log = new MemoryLogStore({ name: 'next', shardCount: 1 }, { clock: world.clock, random: world.random });
  await append({ ...world, log }, [1]);
  await using next = new IngestWorker({ ...world.parts, log });
  expect((await next.cycle(quick)).events).toMatchObject([{ rowCount: 1, outcome: { status: 'committed' } }]);
  const { state } = await stateOf(world);
  expect(state?.incarnation).toBe((await log.describe()).incarnation);
  expect(state?.shards.get(world.shardId)?.position).toBe(1n);
});

test('I1: shards that the log lists no more are forgotten with what the log forgets', async () => {
  const world = await newWorld({ retentionMs: 1_000 });
  await append(world, [1]);
  world.log.split(world.shardId);
  await append(world, [2]);
  await using worker = workerOf(world);
  await worker.drain();
  expect((await stateOf(world)).state?.shards.has(world.shardId)).toBe(true);
  world.clock.advance(20_000);
  await append(world, [3]);
  await worker.drain();
  const { state } = await stateOf(world);
  expect(state?.counters.rowsIn).toBe(3n);
  expect(state?.shards.has(world.shardId)).toBe(false);
});

test('a failure of the store is thrown, and the next cycle reads again what was read before it', async () => {
  const world = await newWorld();
  await append(world, [1, 2]);
  const failure = new Error('injected');
  let isBroken = true;
  const store = changedStore(world.parts.store, {
    list: prefix => {
      if (isBroken && prefix.includes('/snapshot/')) throw failure;
      return world.memory.list(prefix);
    },
  });
  await using worker = new IngestWorker({ ...world.parts, store });
  await expect(worker.cycle(quick)).rejects.toBe(failure);
  isBroken = false;
  expect((await worker.cycle(quick)).events).toMatchObject([{ rowCount: 2, outcome: { status: 'committed' } }]);
});

test('a table is opened under a schema as new as a record is of', async () => {
  const world = await newWorld();
  await append(world, [1]);
  await using worker = workerOf(world);
  await worker.cycle(quick);
  const [k, v, p] = world.schema.fields;
  if (k === undefined || v === undefined || p === undefined) throw new Error('the fixture has three columns');
  const nullable = { ...v, id: 3, name: 'w', type: { ...v.type, nullable: true } };
  const schema = { ...fixtureSchema({ schemaId: 1 }), fields: [k, v, p, nullable], highestFieldId: 3 };
  await putSchema(world.memory, schema);
  await world.log.append([{ hashKey: 0n, data: recordOf(schema, [[2, 10, 'x', 5]], { producerNumber: 2 }).data }]);
  expect((await worker.cycle(quick)).events).toMatchObject([{ outcome: { status: 'committed' } }]);
  const table = await openTable(world.memory, { database: 'd', name: 't' }, world.parts);
  expect((await latestSnapshot(table))?.schemaId).toBe(1);
});
