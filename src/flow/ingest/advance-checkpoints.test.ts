/** Checkpoints catch up with the tables, and never overtake them. */
import { expect, test } from 'vitest';
import { changedLog, Gauge } from '../../../test/changed-ports.ts';
import { ManualClock } from '../../../test/table-fixture.ts';
import { present } from '../../base/assert.ts';
import { seededRandom } from '../../base/random.ts';
import { createTable } from '../../catalog/catalog.ts';
import { dropTable } from '../../catalog/drop-table.ts';
import { parseIdentifier } from '../../catalog/identifier.ts';
import type { TableSchema } from '../../format/table-schema.ts';
import { countingObjectStore } from '../../storage/counting-object-store.ts';
import type { LogRecordEnvelope } from '../../storage/log-store.ts';
import { MemoryLogStore } from '../../storage/memory/memory-log-store.ts';
import { MemoryObjectStore } from '../../storage/memory/memory-object-store.ts';
import { halfDrop, handOver, keepingDefinition, numberedRows } from '../event-testing.ts';
import { unionRead } from '../read/union-read.ts';
import { append, collect, openTestTable, type TestWorld, testIdentifier, testProducer } from '../testing.ts';
import { advanceCheckpoints } from './advance-checkpoints.ts';
import { readCheckpoint, type StoredCheckpoint } from './checkpoint.ts';
import { openEventIngest } from './ingest-event.ts';

const hourMs = 3_600_000;
const otherIdentifier = parseIdentifier('db.other');

type World = TestWorld & { readonly clock: ManualClock };

function world(retentionMs?: number): World {
  const [clock, random] = [new ManualClock(), seededRandom(7)];
  const log = new MemoryLogStore({ name: 'advance', shardCount: 1, retentionMs }, { clock, random });
  return { clock, random, store: new MemoryObjectStore('memory:advance', clock), log };
}

function makeTable(w: World, identifier = testIdentifier): Promise<TableSchema> {
  return createTable(w, identifier, keepingDefinition, { ifNotExists: false });
}

async function everything(w: World): Promise<{ shardId: string; records: readonly LogRecordEnvelope[] }> {
  const { shardId } = present((await w.log.describe()).shards[0], 'a shard');
  return { shardId, records: (await w.log.read(shardId, { kind: 'earliest' })).records };
}

/** Hands the records to a process that has written its checkpoint already and may not do so again for a minute. */
async function ingestAll(w: World): Promise<void> {
  const { shardId, records } = await everything(w);
  await using ingest = openEventIngest(w);
  await handOver(ingest, shardId, records.slice(0, 1));
  await handOver(ingest, shardId, records);
}

async function checkpoint(w: World): Promise<StoredCheckpoint | undefined> {
  const { incarnation } = await w.log.describe();
  return await readCheckpoint(w.store, incarnation, (await everything(w)).shardId);
}

async function unionRows(w: World): Promise<number> {
  return (await collect(unionRead(w, await openTestTable(w)))).length;
}

test('after the last batch of a log that then forgets, a union read loses nothing and says nothing of a gap', async () => {
  for (const advances of [false, true]) {
    const w = world(24 * hourMs);
    const [schema, other] = [await makeTable(w), await makeTable(w, otherIdentifier)];
    await append(testProducer(w, schema), schema, numberedRows(0, 10));
    await ingestAll(w);
    await append(testProducer(w, other, 'db.other'), other, numberedRows(0, 10));
    const { shardId, records } = await everything(w);
    await using ingest = openEventIngest(w);
    await handOver(ingest, shardId, records.slice(0, 1));
    await handOver(ingest, shardId, records.slice(-1));
    w.clock.advance(hourMs);
    if (advances) expect(await advanceCheckpoints(w)).toEqual({ advanced: 1, behind: 0 });
    w.clock.advance(25 * hourMs);
    if (advances) expect(await unionRows(w)).toBe(10);
    else await expect(unionRows(w)).rejects.toMatchObject({ code: 'LAKE_LOG_GAP' });
  }
});

test('a checkpoint does not pass a record that its table has not taken, whichever table that is', async () => {
  const w = world();
  const [schema, other] = [await makeTable(w), await makeTable(w, otherIdentifier)];
  await append(testProducer(w, schema), schema, numberedRows(0, 2));
  const taken = (await everything(w)).records.at(-1)?.position;
  await ingestAll(w);
  await append(testProducer(w, other, 'db.other'), other, numberedRows(0, 2));
  await append(testProducer(w, schema), schema, numberedRows(2, 4));
  w.clock.advance(hourMs);
  const { shardId, records } = await everything(w);
  expect(await advanceCheckpoints(w)).toEqual({ advanced: 1, behind: 1 });
  expect((await checkpoint(w))?.position).toBe(taken);
  await using ingest = openEventIngest(w);
  await ingest.checkpoints.reached((await w.log.describe()).incarnation, shardId, present(taken, 'a position'));
  await handOver(ingest, shardId, records);
  expect((await checkpoint(w))?.position).toBe(taken);
  w.clock.advance(hourMs);
  expect(await advanceCheckpoints(w)).toEqual({ advanced: 1, behind: 0 });
  expect((await checkpoint(w))?.position).toBe(records.at(-1)?.position);
  w.clock.advance(hourMs);
  expect(await advanceCheckpoints(w)).toEqual({ advanced: 0, behind: 0 });
});

test('nothing is taken of a table that follows another log, or has no snapshot', async () => {
  const w = world();
  const schema = await makeTable(w);
  await append(testProducer(w, schema), schema, numberedRows(0, 10));
  expect(await advanceCheckpoints(w)).toEqual({ advanced: 0, behind: 1 });
  await ingestAll(w);
  const { shardId, records } = await everything(w);
  const log = new MemoryLogStore({ name: 'another', shardCount: 1 }, w);
  for (const { data } of records) await log.append([{ hashKey: 0n, data }]);
  const { incarnation } = await log.describe();
  expect(await advanceCheckpoints({ ...w, log })).toEqual({ advanced: 0, behind: 1 });
  expect(await readCheckpoint(w.store, incarnation, shardId)).toBeUndefined();
});

test('a young checkpoint is left to whoever wrote it, at the cost of one request', async () => {
  const w = world();
  const schema = await makeTable(w);
  await append(testProducer(w, schema), schema, numberedRows(0, 10));
  await ingestAll(w);
  const before = await checkpoint(w);
  w.clock.advance(299_999);
  const store = countingObjectStore(w.store);
  expect(await advanceCheckpoints({ ...w, store })).toEqual({ advanced: 0, behind: 0 });
  expect(store.counts()).toMatchObject({ get: 1, put: 0, list: 0 });
  w.clock.advance(1);
  expect(await advanceCheckpoints(w)).toEqual({ advanced: 1, behind: 0 });
  expect((await checkpoint(w))?.position).toBeGreaterThan(before?.position ?? 0n);
});

test('records of a table that is no more hold nothing, and what nobody can read is kept', async () => {
  const w = world();
  const schema = await makeTable(w);
  await append(testProducer(w, schema), schema, numberedRows(0, 10));
  await dropTable(w, testIdentifier, { ifExists: false });
  await w.log.append([{ hashKey: 0n, data: new Uint8Array(64).fill(7) }]);
  expect(await advanceCheckpoints(w)).toEqual({ advanced: 1, behind: 0 });
  const { shardId, records } = await everything(w);
  const last = present(records.at(-1), 'the unreadable record');
  expect((await checkpoint(w))?.position).toBe(last.position);
  const { incarnation } = await w.log.describe();
  const kept = await w.store.get(`tidelake/unreadable/${incarnation}-${shardId}-${last.position}`);
  expect(kept?.bytes).toEqual(last.data);
});

test('records of a table whose drop was cut short hold nothing', async () => {
  const w = world();
  const schema = await makeTable(w);
  await append(testProducer(w, schema), schema, numberedRows(0, 10));
  await halfDrop(w);
  expect(await advanceCheckpoints(w)).toEqual({ advanced: 1, behind: 0 });
});

test('what the log has lost stays for ingest to find', async () => {
  const w = world(24 * hourMs);
  const schema = await makeTable(w);
  await append(testProducer(w, schema), schema, numberedRows(0, 10));
  await ingestAll(w);
  const before = await checkpoint(w);
  await append(testProducer(w, schema), schema, numberedRows(10, 20));
  w.clock.advance(25 * hourMs);
  expect(await advanceCheckpoints(w)).toEqual({ advanced: 0, behind: 1 });
  expect((await checkpoint(w))?.position).toBe(before?.position);
});

test('an idle shard is said to be idle once an hour, so that a log which cannot see what it forgot knows', async () => {
  const w = world();
  const schema = await makeTable(w);
  await append(testProducer(w, schema), schema, numberedRows(0, 10));
  await ingestAll(w);
  const seen: (number | undefined)[] = [];
  const log = changedLog(w.log, {
    read: async (shardId, from, options) => {
      if (from.kind === 'after') seen.push(from.tipMs);
      const { next, ...result } = await w.log.read(shardId, from, options);
      return { ...result, next: next.kind === 'after' ? { ...next, tipMs: w.clock.nowMs() } : next };
    },
  });
  const tips: (number | undefined)[] = [];
  for (let halfHour = 0; halfHour < 5; halfHour += 1) {
    w.clock.advance(hourMs / 2);
    await advanceCheckpoints({ ...w, log });
    tips.push((await checkpoint(w))?.tipMs);
  }
  const first = present(tips[0], 'a first tip');
  expect(tips).toEqual([first, first, first + hourMs, first + hourMs, first + 2 * hourMs]);
  expect(seen).toEqual([undefined, first, first, first + hourMs, first + hourMs]);
});

test('the first record of a shard is not passed, be it the only one and its position 0', async () => {
  const w = world();
  const schema = await makeTable(w);
  await append(testProducer(w, schema), schema, numberedRows(0, 1));
  const log = changedLog(w.log, {
    read: async (shardId, from) => {
      const { records, ...result } = await w.log.read(shardId, from);
      return { ...result, records: records.slice(0, 1).map(record => ({ ...record, position: 0n })) };
    },
  });
  expect(await advanceCheckpoints({ ...w, log })).toEqual({ advanced: 0, behind: 1 });
});

test('of several tables that lag behind, the one that lags most counts', async () => {
  const w = world();
  for (const identifier of [otherIdentifier, testIdentifier]) {
    const schema = await makeTable(w, identifier);
    await append(testProducer(w, schema, `db.${identifier.table}`), schema, numberedRows(0, 1));
  }
  expect(await advanceCheckpoints(w)).toEqual({ advanced: 0, behind: 1 });
});

test('a call looks at 64 MiB of a shard at most, and the next goes on from there', async () => {
  const w = world();
  const MiB = 1 << 20;
  const sizes = [32 * MiB, 32 * MiB - 1, 1, 5];
  const bounds: (number | undefined)[] = [];
  const log = changedLog(w.log, {
    read: async (_shardId, from, options) => {
      bounds.push(options?.bytesMax);
      const at = from.kind === 'after' ? Number(from.position) : 0;
      const records = sizes.slice(at, at + 1).map(size => {
        return { position: BigInt(at + 1), arrivalMs: 1, data: new Uint8Array(size) };
      });
      const position = BigInt(at + records.length);
      const isEnd = at + records.length === sizes.length;
      // A log may say that a shard has ended and not that this is its tip.
      return {
        records,
        next: { kind: 'after', position },
        atTip: false,
        ended: isEnd,
        gap: false,
        behindMs: undefined,
      };
    },
  });
  expect(await advanceCheckpoints({ ...w, log })).toEqual({ advanced: 1, behind: 0 });
  expect(bounds).toEqual([64 * MiB, 32 * MiB, 1]);
  w.clock.advance(hourMs);
  bounds.length = 0;
  expect(await advanceCheckpoints({ ...w, log })).toEqual({ advanced: 1, behind: 0 });
  expect(bounds).toEqual([64 * MiB]);
});

test('a table is looked up once, however many answers of the log have rows of it', async () => {
  const listsWith = async (recordsMax: number): Promise<number> => {
    const w = world();
    const schema = await makeTable(w);
    for (const from of [0, 2, 4]) await append(testProducer(w, schema), schema, numberedRows(from, from + 2));
    await ingestAll(w);
    w.clock.advance(hourMs);
    const store = countingObjectStore(w.store);
    const log = changedLog(w.log, {
      read: (shardId, from, options) => w.log.read(shardId, from, { ...options, recordsMax }),
    });
    expect(await advanceCheckpoints({ ...w, store, log })).toEqual({ advanced: 1, behind: 0 });
    return store.counts().list;
  };
  expect(await listsWith(1)).toBe(await listsWith(1_000));
});

test('four shards are looked at together, until the call is aborted', async () => {
  const w = world();
  const wide = new MemoryLogStore({ name: 'wide', shardCount: 6 }, w);
  const reads = new Gauge();
  const log = changedLog(wide, { read: (...call) => reads.through(() => wide.read(...call)) });
  expect(await advanceCheckpoints({ ...w, log })).toEqual({ advanced: 0, behind: 0 });
  expect(reads.max).toBe(4);
  const stop = new AbortController();
  // This one pays no heed to the signal, and is never at its tip.
  const endless = changedLog(w.log, {
    read: async (shardId, from) => {
      const result = await w.log.read(shardId, from);
      if (stop.signal.aborted) throw new Error('read after the end');
      stop.abort(new Error('stopped'));
      return { ...result, atTip: false };
    },
  });
  await expect(advanceCheckpoints({ ...w, log: endless }, { signal: stop.signal })).rejects.toThrow('stopped');
});

test('a shard without a record has no checkpoint', async () => {
  const w = world();
  expect(await advanceCheckpoints(w)).toEqual({ advanced: 0, behind: 0 });
  expect(await checkpoint(w)).toBeUndefined();
});
