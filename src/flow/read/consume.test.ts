/** Consumers: what a table remembers of its readers. */
import { expect, test } from 'vitest';
import { hourMs } from '../../../test/maintenance-fixture.ts';
import { numbered, type RowTable, rowTable } from '../../../test/row-fixture.ts';
import { Scheduler } from '../../../test/simulation/scheduler.ts';
import { runUntil, virtualClock } from '../../../test/virtual-clock.ts';
import { seededRandom } from '../../base/random.ts';
import { createTable } from '../../catalog/catalog.ts';
import { expireSnapshots } from '../../maintenance/expire-snapshots.ts';
import { faultyObjectStore } from '../../storage/faulty-object-store.ts';
import { MemoryLogStore } from '../../storage/memory/memory-log-store.ts';
import { MemoryObjectStore } from '../../storage/memory/memory-object-store.ts';
import { watchedObjectStore } from '../../storage/watched-object-store.ts';
import { readConsumers, unpin } from '../../table/pins.ts';
import type { Table } from '../../table/table.ts';
import { rowsOf } from '../../types/column-reader.ts';
import { IngestWorker } from '../ingest/ingest-worker.ts';
import {
  append,
  openTestTable,
  type TestWorld,
  testDefinition,
  testIdentifier,
  testProducer,
  testWorld,
} from '../testing.ts';
import { type ConsumeRequest, consume } from './consume.ts';

const untilNow = { from: { kind: 'full' }, until: { kind: 'now' }, consumerId: 'c' } as const;
const key = 'd.db/t/consumer/consumer-c';

/** Keys that come until it ends, or until so many have come and more are asked for. */
async function keysOf(rows: RowTable, request: ConsumeRequest = untilNow, table?: Table): Promise<unknown[]> {
  const parts = { store: rows.store, log: undefined, clock: rows.clock, random: rows.random };
  const keys: unknown[] = [];
  for await (const batch of consume(parts, table ?? (await rows.open()), request, new AbortController().signal)) {
    keys.push(...rowsOf(batch.rows).map(([, k]) => k));
  }
  return keys;
}

test('the next reader under a name goes on where the last one ended, and what it needs does not expire', async () => {
  const rows = await rowTable({ options: { 'snapshot.num-retained.min': '1' } });
  for (const k of [1, 2]) await rows.write(numbered('x', k, 1));
  expect(await keysOf(rows)).toEqual([1, 2]);
  for (const k of [3, 4, 5, 6]) {
    rows.clock.advance(2 * hourMs);
    await rows.write(numbered('x', k, 1));
  }
  rows.clock.advance(2 * hourMs);
  expect(await expireSnapshots(await rows.open())).toMatchObject({ status: 'done', expiredCount: 2 });
  expect(await readConsumers(await rows.open())).toMatchObject([{ consumerId: 'c', nextSnapshot: 3 }]);
  expect(await keysOf(rows)).toEqual([3, 4, 5, 6]);
  expect(await keysOf(rows)).toEqual([]);
  await unpin(rows.table, 'c');
  expect(await keysOf(rows)).toEqual([1, 2, 3, 4, 5, 6]);
});

test('where Paimon has put a consumer, it goes on there', async () => {
  const rows = await rowTable();
  for (const k of [1, 2, 3]) await rows.write(numbered('x', k, 1));
  await rows.store.put(key, new TextEncoder().encode('{\n  "nextSnapshot" : 2\n}'));
  expect(await keysOf(rows)).toEqual([2, 3]);
  await rows.store.put(key, new TextEncoder().encode('{"nextSnapshot":"2"}'));
  await expect(keysOf(rows)).rejects.toMatchObject({ code: 'LAKE_CORRUPT_CONSUMER' });
  await expect(keysOf(rows, { ...untilNow, consumerId: 'a/b' })).rejects.toMatchObject({ code: 'LAKE_BAD_NAME' });
});

test('of two readers under a name the one that came first is ended, and moves no place after the other came', async () => {
  const rows = await rowTable();
  await rows.write(numbered('x', 1, 1));
  expect(await keysOf(rows)).toEqual([1]);
  const parts = { store: rows.store, log: undefined, clock: rows.clock, random: rows.random };
  const first = consume(parts, await rows.open(), untilNow, new AbortController().signal);
  await rows.write(numbered('x', 2, 1));
  expect((await first.next()).value?.snapshotId).toBe(2);
  expect(await keysOf(rows)).toEqual([2]);
  const stored = (await rows.store.get(key))?.bytes;
  await expect(first.next()).rejects.toMatchObject({ code: 'LAKE_CONSUMER_TAKEN', kind: 'fenced' });
  expect((await rows.store.get(key))?.bytes).toEqual(stored);
});

test('changes whose successors were not asked for come again, and none is left out', async () => {
  const rows = await rowTable();
  for (const k of [1, 2, 3]) await rows.write(numbered('x', k, 1));
  const parts = { store: rows.store, log: undefined, clock: rows.clock, random: rows.random };
  const request = { ...untilNow, from: { kind: 'earliest' } } as const;
  for await (const batch of consume(parts, await rows.open(), request, new AbortController().signal)) {
    if (batch.snapshotId === 2) break;
  }
  expect(await keysOf(rows)).toEqual([2, 3]);
});

test.each(['answer-lost', 'refused'] as const)(
  'a place is kept though the first answer to each try is %s',
  async kind => {
    const rows = await rowTable();
    await rows.write(numbered('x', 1, 1));
    let puts = 0;
    const isPut = (operation: string): boolean => operation === 'putIfAbsent' || operation === 'putIfMatch';
    const store = faultyObjectStore(
      rows.store,
      ({ operation, key: of }) => {
        if (!isPut(operation) || of !== key) return undefined;
        puts += 1;
        return puts % 2 === 1 ? { kind } : undefined;
      },
      rows,
    );
    const table = { ...(await rows.open()), store };
    expect(await keysOf(rows, untilNow, table)).toEqual([1]);
    await rows.write(numbered('x', 2, 1));
    expect(await keysOf(rows, untilNow, table)).toEqual([2]);
    // Three places, each sent twice.
    expect(puts).toBe(6);
    expect(await keysOf(rows)).toEqual([]);
  },
);

async function logWorld(): Promise<{
  w: TestWorld;
  write: (from: number, to: number) => Promise<void>;
  read: () => Promise<number[]>;
}> {
  const w = testWorld();
  const schema = await createTable(w, testIdentifier, testDefinition, { ifNotExists: false });
  const producer = testProducer(w, schema);
  return {
    w,
    write: (from, to) =>
      append(
        producer,
        schema,
        Array.from({ length: to - from }, (_, i) => [BigInt(from + i), 'v', 1]),
      ),
    async read() {
      const keys: number[] = [];
      for await (const { rows } of consume(w, await openTestTable(w), untilNow, new AbortController().signal)) {
        keys.push(...rowsOf(rows).map(([k]) => Number(k)));
      }
      return keys.toSorted((a, b) => a - b);
    },
  };
}

test('in the log it holds the snapshot from which its place can be reached, whatever is committed since', async () => {
  const { w, write, read } = await logWorld();
  const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);
  await using ingest = new IngestWorker(w);
  await write(0, 10);
  expect(await read()).toEqual(range(0, 10));
  const next = async (): Promise<unknown> => (await readConsumers(await openTestTable(w)))[0]?.nextSnapshot;
  expect(await next()).toBe(1);
  for (let turn = 1; turn < 6; turn += 1) {
    await write(turn * 10, turn * 10 + 10);
    if (turn % 2 === 0) await ingest.drain();
    expect(await read()).toEqual(range(turn * 10, turn * 10 + 10));
  }
  // Two commits, of which the second took what had been read up to turn 4.
  expect(await next()).toBe(2);
  await write(60, 70);
  await ingest.drain();
  await write(70, 80);
  expect(await read()).toEqual(range(60, 80));
  expect(await next()).toBe(3);
});

test('who is overtaken under its name hears of that, also when the other holds none of its snapshots any more', async () => {
  const { w, write, read } = await logWorld();
  await using ingest = new IngestWorker(w);
  await write(0, 10);
  const first = consume(w, await openTestTable(w), untilNow, new AbortController().signal);
  expect((await first.next()).value?.phase).toBe('log');
  for (let turn = 1; turn < 4; turn += 1) {
    await write(turn * 10, turn * 10 + 10);
    await ingest.drain();
    await read();
  }
  const { metaPath } = await openTestTable(w);
  for (const id of [1, 2]) await w.store.delete(`${metaPath}/snapshot/snapshot-${id}`);
  await expect(first.next()).rejects.toMatchObject({ code: 'LAKE_CONSUMER_TAKEN' });
});

test('a consumer of a quiet log keeps its place anew once an hour, not at each tip', async () => {
  const scheduler = new Scheduler(Date.parse('2026-11-27T00:00:00Z'), () => 0.5);
  const clock = virtualClock(scheduler);
  const random = seededRandom(4);
  const memory = new MemoryObjectStore('memory:quiet', clock);
  let puts = 0;
  const store = watchedObjectStore(memory, {
    asked: (operation, key) => {
      if (operation.startsWith('putIf') && key.includes('/consumer/')) puts += 1;
    },
    received: () => undefined,
  });
  const log = new MemoryLogStore({ name: 'quiet-consumer', shardCount: 2 }, { clock, random });
  const w = { clock, random, store, log };
  const stop = new AbortController();
  const counts: number[] = [];
  const playing = (async () => {
    const schema = await createTable(w, testIdentifier, testDefinition, { ifNotExists: false });
    await append(testProducer(w, schema), schema, [[1n, 'v', 1]]);
    const reading = (async () => {
      const request = { from: { kind: 'full' }, consumerId: 'c' } as const;
      for await (const _ of consume(w, await openTestTable(w), request, stop.signal));
    })();
    for (let hour = 1; hour <= 4; hour += 1) {
      await clock.sleep(hourMs);
      counts.push(puts);
      puts = 0;
    }
    stop.abort();
    await reading;
  })();
  await runUntil(scheduler, playing);
  expect(counts.slice(1)).toEqual([1, 1, 1]);
});
