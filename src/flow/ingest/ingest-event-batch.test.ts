/** What one call says of its batch: where it is held, what was dropped or kept, and who commits. */
import { expect, test } from 'vitest';
import { changedStore, Gauge } from '../../../test/changed-ports.ts';
import { append, newWorld, ofOther, stateOf, type World } from '../../../test/ingest-worker-fixture.ts';
import { fixtureSchema, putSchema } from '../../../test/table-fixture.ts';
import { handOver } from '../event-testing.ts';
import { readCheckpoint } from './checkpoint.ts';
import { type EventIngest, type EventResult, openEventIngest } from './ingest-event.ts';

async function handAll({ log, shardId }: World, ingest: EventIngest): Promise<EventResult> {
  const { records } = await log.read(shardId, { kind: 'earliest' });
  return await handOver(ingest, shardId, records, { forMs: 10 });
}

test('a batch without records is nothing, and nobody is asked', async () => {
  const world = await newWorld();
  await using ingest = openEventIngest(world.parts);
  const nothing = { tables: [], heldAt: undefined, droppedTableRows: 0, unreadableRecords: 0 };
  expect(await handOver(ingest, world.shardId, [])).toEqual(nothing);
  expect(world.asked).toEqual([]);
});

test('rows of tables that are no more and records that nobody can read hold nothing', async () => {
  const world = await newWorld();
  await append(world, [1]);
  await append(world, [1, 2, 3], { tableId: 'table-3', tableName: 'd.v' });
  await world.log.append([{ hashKey: 0n, data: Buffer.from('no record') }]);
  await using ingest = openEventIngest(world.parts);
  expect(await handAll(world, ingest)).toMatchObject({
    heldAt: undefined,
    droppedTableRows: 3,
    unreadableRecords: 1,
    tables: [{ status: 'taken', tableName: 'd.t' }, { status: 'dropped' }],
  });
  expect((await stateOf(world)).commitUser).toMatch(/^ingest-./);
});

test('a record that nobody can read is kept with its bytes, also when it comes alone', async () => {
  const world = await newWorld();
  await world.log.append([{ hashKey: 0n, data: Buffer.from('no record') }]);
  await using ingest = openEventIngest(world.parts);
  expect(await handAll(world, ingest)).toMatchObject({ heldAt: undefined, tables: [], unreadableRecords: 1 });
  const { incarnation } = await world.log.describe();
  const kept = await world.memory.get(`tidelake/unreadable/${incarnation}-${world.shardId}-1`);
  expect(Buffer.from(kept?.bytes ?? []).toString()).toBe('no record');
});

test('a batch is held at the first record that some table has not taken, whichever comes first in it', async () => {
  for (const [isTaken, heldAt] of [
    [true, 2n],
    [false, 1n],
  ] as const) {
    const world = await newWorld();
    await append(world, [1]);
    await using ingest = openEventIngest(world.parts);
    if (isTaken) await handAll(world, ingest);
    await append(world, [1], ofOther);
    await append(world, [2]);
    world.hooks.beforeSwap = () => Promise.reject(new Error('no answer'));
    const result = await handAll(world, ingest);
    expect(result.tables.map(table => table.heldAt)).toEqual([isTaken ? 3n : 1n, 2n]);
    expect(result.heldAt).toBe(heldAt);
  }
});

test('a batch that was never handed over comes in, though a checkpoint is above it, once a number shows it', async () => {
  const world = await newWorld();
  await append(world, [1], ofOther);
  await append(world, [1]);
  await using ingest = openEventIngest(world.parts);
  const { records } = await world.log.read(world.shardId, { kind: 'earliest' });
  await handOver(ingest, world.shardId, records.slice(1), { forMs: 10 });
  const { incarnation } = await world.log.describe();
  expect(await readCheckpoint(world.memory, incarnation, world.shardId)).toMatchObject({ position: 2n });
  await append(world, [2], ofOther);
  const { records: all } = await world.log.read(world.shardId, { kind: 'earliest' });
  const result = await handOver(ingest, world.shardId, all.slice(2), { forMs: 10 });
  expect(result).toMatchObject({ heldAt: undefined, tables: [{ status: 'taken', tableName: 'd.u' }] });
  expect((await stateOf(world, 'u')).state?.counters).toMatchObject({ rowsIn: 2n, written: 2n, duplicates: 0n });
});

test('four tables are committed at once', async () => {
  const world = await newWorld();
  for (const at of [1, 2, 3, 4, 5, 6]) {
    await putSchema(world.memory, fixtureSchema({ tableId: `many-${at}` }), `d.db/many${at}`);
    await append(world, [1], { tableId: `many-${at}`, tableName: `d.many${at}` });
  }
  const opens = new Gauge();
  const store = changedStore(world.parts.store, {
    get: (key, options) => {
      const get = () => world.memory.get(key, options);
      return key.includes('/schema/') ? opens.through(get) : get();
    },
  });
  await using ingest = openEventIngest({ ...world.parts, store });
  expect((await handAll(world, ingest)).tables).toHaveLength(6);
  expect(opens.max).toBe(4);
});
