/** Ingest of handed-over batches on the memory drivers: every row once, whatever the invoker does. */
import { expect, test } from 'vitest';
import { present } from '../../base/assert.ts';
import { createTable } from '../../catalog/catalog.ts';
import { dropTable } from '../../catalog/drop-table.ts';
import { parseIdentifier } from '../../catalog/identifier.ts';
import type { TableSchema } from '../../format/table-schema.ts';
import { faultyObjectStore, scriptedFaults } from '../../storage/faulty-object-store.ts';
import type { LogRecordEnvelope } from '../../storage/log-store.ts';
import { MemoryLogStore } from '../../storage/memory/memory-log-store.ts';
import { Committer } from '../../table/commit/commit.ts';
import { buildBatch } from '../../types/column-builder.ts';
import {
  contentOf,
  EventSource,
  eventWorld,
  halfDrop,
  handOver,
  keepingDefinition,
  numberedRows,
} from '../event-testing.ts';
import { Producer } from '../producer.ts';
import { append, openTestTable, type TestWorld, testIdentifier, testProducer } from '../testing.ts';
import { readCheckpoint } from './checkpoint.ts';
import { openEventIngest } from './ingest-event.ts';
import { IngestWorker } from './ingest-worker.ts';

function makeTable(w: TestWorld): Promise<TableSchema> {
  return createTable(w, testIdentifier, keepingDefinition, { ifNotExists: false });
}

async function firstShard(w: TestWorld): Promise<string> {
  return present((await w.log.describe()).shards[0], 'a shard').shardId;
}

async function everything(w: TestWorld, shardId: string): Promise<readonly LogRecordEnvelope[]> {
  return (await w.log.read(shardId, { kind: 'earliest' })).records;
}

test('a batch that comes twice, overlaps the next or is out of date changes nothing more', async () => {
  const w = eventWorld({ shardCount: 1 });
  const schema = await makeTable(w);
  const p = testProducer(w, schema);
  for (let i = 0; i < 6; i += 1) await append(p, schema, numberedRows(i * 10, i * 10 + 10));
  const shardId = await firstShard(w);
  const records = await everything(w, shardId);
  const third = Math.floor(records.length / 3);
  await using ingest = openEventIngest(w);
  const first = records.slice(0, third);
  await handOver(ingest, shardId, first);
  const { snapshotId } = await contentOf(w);
  const again = await handOver(ingest, shardId, first);
  expect(again).toMatchObject({ heldAt: undefined, tables: [{ status: 'taken', commitCount: 0 }] });
  expect((await contentOf(w)).snapshotId).toBe(snapshotId);
  await handOver(ingest, shardId, records.slice(third - 3, 2 * third));
  await handOver(ingest, shardId, records.slice(0, third + 2));
  await using fresh = openEventIngest(w);
  await handOver(fresh, shardId, records.slice(2 * third - 5));
  const content = await contentOf(w);
  expect(content.rows).toEqual(numberedRows(0, 60));
  expect(content).toMatchObject({ unaccounted: 0n, state: { counters: { rowsIn: 60n, duplicates: 0n, gaps: 0n } } });
});

test('of any number of calls with the same batch at once, one takes it and all acknowledge it', async () => {
  const w = eventWorld({ shardCount: 1 });
  const schema = await makeTable(w);
  await append(testProducer(w, schema), schema, numberedRows(0, 100));
  const shardId = await firstShard(w);
  const records = await everything(w, shardId);
  const ingests = [1, 2, 3, 4].map(() => openEventIngest(w));
  const results = await Promise.all(ingests.map(ingest => handOver(ingest, shardId, records)));
  expect(results.map(result => result.heldAt)).toEqual([undefined, undefined, undefined, undefined]);
  expect(results.flatMap(result => result.tables).reduce((sum, table) => sum + table.commitCount, 0)).toBe(1);
  const content = await contentOf(w);
  expect(content.rows).toEqual(numberedRows(0, 100));
  expect(content.unaccounted).toBe(0n);
});

test('what was uploaded but not committed leaves nothing, and the batch comes in when it is handed over again', async () => {
  const w = eventWorld({ shardCount: 1 });
  const schema = await makeTable(w);
  await append(testProducer(w, schema), schema, numberedRows(0, 50));
  const shardId = await firstShard(w);
  const records = await everything(w, shardId);
  const isSwap = { operation: 'putIfAbsent', keyPart: 'snapshot/snapshot-' } as const;
  const fault = { kind: 'refused' } as const;
  const broken = faultyObjectStore(w.store, scriptedFaults(Array(400).fill({ ...isSwap, fault })), w);
  const failing = openEventIngest({ ...w, store: broken });
  const stop = AbortSignal.timeout(300);
  const result = await handOver(failing, shardId, records, { forMs: 200, signal: stop });
  expect(result.heldAt).toBe(records[0]?.position);
  expect(result.tables[0]?.error?.kind).toBe('unavailable');
  expect((await contentOf(w)).rows).toEqual([]);
  await using ingest = openEventIngest(w);
  expect((await handOver(ingest, shardId, records)).heldAt).toBeUndefined();
  expect((await contentOf(w)).rows).toEqual(numberedRows(0, 50));
});

test('a swap whose answer was lost is found in the table, and the repeat takes nothing', async () => {
  const w = eventWorld({ shardCount: 1 });
  const schema = await makeTable(w);
  await append(testProducer(w, schema), schema, numberedRows(0, 50));
  const shardId = await firstShard(w);
  const records = await everything(w, shardId);
  const script = [{ operation: 'putIfAbsent', keyPart: 'snapshot/', fault: { kind: 'answer-lost' } }] as const;
  const store = faultyObjectStore(w.store, scriptedFaults(script), w);
  await using ingest = openEventIngest({ ...w, store });
  expect((await handOver(ingest, shardId, records)).heldAt).toBeUndefined();
  await using fresh = openEventIngest(w);
  expect((await handOver(fresh, shardId, records)).tables[0]?.commitCount).toBe(0);
  expect(await contentOf(w)).toMatchObject({ snapshotId: 1, unaccounted: 0n, rows: numberedRows(0, 50) });
});

test('a batch before which another was skipped is not taken: the log is read from the recorded position', async () => {
  const w = eventWorld({ shardCount: 1 });
  const schema = await makeTable(w);
  const p = testProducer(w, schema);
  const shardId = await firstShard(w);
  await append(p, schema, numberedRows(0, 20));
  await using ingest = openEventIngest(w);
  await handOver(ingest, shardId, await everything(w, shardId));
  const [taken] = [(await everything(w, shardId)).length];
  await append(p, schema, numberedRows(20, 40));
  await append(p, schema, numberedRows(40, 60));
  const records = await everything(w, shardId);
  const middle = taken + Math.floor((records.length - taken) / 2);
  expect((await handOver(ingest, shardId, records.slice(middle))).heldAt).toBeUndefined();
  expect((await contentOf(w)).rows).toEqual(numberedRows(0, 60));
  await handOver(ingest, shardId, records.slice(taken, middle));
  expect(await contentOf(w)).toMatchObject({ unaccounted: 0n, rows: numberedRows(0, 60) });
});

test('a child shard is not begun before its parents are taken to their end, in the same swap', async () => {
  const w = eventWorld({ shardCount: 2 });
  const schema = await makeTable(w);
  const p = testProducer(w, schema);
  const [left, right] = (await w.log.describe()).shards.map(shard => shard.shardId);
  await append(p, schema, numberedRows(0, 64));
  w.log.split(left ?? '');
  await append(p, schema, numberedRows(64, 128));
  const children = (await w.log.describe()).shards.filter(shard => shard.parentIds.includes(left ?? ''));
  w.log.merge(children[1]?.shardId ?? '', right ?? '');
  await append(p, schema, numberedRows(128, 192));
  const merged = present((await w.log.describe()).shards.at(-1), 'the merged shard');
  expect(merged.parentIds).toHaveLength(2);
  await using ingest = openEventIngest(w);
  const result = await handOver(ingest, merged.shardId, await everything(w, merged.shardId));
  expect(result.heldAt).toBeUndefined();
  const content = await contentOf(w);
  expect(content.snapshotId).toBe(1);
  const ended = [...(content.state?.shards ?? [])].filter(([, entry]) => entry.ended).map(([id]) => id);
  expect(ended.toSorted()).toEqual([left, right, children[1]?.shardId].toSorted());
  await new EventSource(w.log).drain(ingest, 2);
  expect(await contentOf(w)).toMatchObject({ unaccounted: 0n, rows: numberedRows(0, 192) });
});

test('a record nobody can read is kept and passed over; rows of a table that is gone are counted', async () => {
  const w = eventWorld({ shardCount: 1 });
  const schema = await makeTable(w);
  const gone = parseIdentifier('db.gone');
  const goneSchema = await createTable(w, gone, keepingDefinition, { ifNotExists: false });
  const goneTable = { tableId: goneSchema.extra['tidelake.table'] ?? '', tableName: 'db.gone', schema: goneSchema };
  const batch = buildBatch({ fields: goneSchema.fields }, numberedRows(0, 7));
  await new Producer(w, goneTable).append(batch, new Int8Array(7));
  await dropTable(w, gone, { ifExists: false });
  await w.log.append([{ hashKey: 1n, data: Buffer.from('no record at all') }]);
  await append(testProducer(w, schema), schema, numberedRows(0, 5));
  const shardId = await firstShard(w);
  await using ingest = openEventIngest(w);
  const result = await handOver(ingest, shardId, await everything(w, shardId));
  expect(result).toMatchObject({ heldAt: undefined, droppedTableRows: 7, unreadableRecords: 1 });
  expect((await contentOf(w)).rows).toEqual(numberedRows(0, 5));
  const kept: string[] = [];
  for await (const page of w.store.list('tidelake/unreadable/')) kept.push(...page.objects.map(object => object.key));
  expect(kept).toHaveLength(1);
});

test('a table whose drop was cut short holds nobody up: its rows are those of a dropped table', async () => {
  for (const isKnown of [false, true]) {
    const w = eventWorld({ shardCount: 1 });
    const schema = await makeTable(w);
    const p = testProducer(w, schema);
    const shardId = await firstShard(w);
    await using ingest = openEventIngest(w);
    await append(p, schema, numberedRows(0, 5));
    const early = isKnown ? await everything(w, shardId) : [];
    await handOver(ingest, shardId, early);
    await halfDrop(w);
    await append(p, schema, numberedRows(5, 12));
    const late = (await everything(w, shardId)).slice(early.length);
    const result = await handOver(ingest, shardId, late);
    expect(result).toMatchObject({ heldAt: undefined, droppedTableRows: isKnown ? 7 : 12 });
  }
  const w = eventWorld({ shardCount: 1 });
  const schema = await makeTable(w);
  await using worker = new IngestWorker(w);
  await append(testProducer(w, schema), schema, numberedRows(0, 5));
  await worker.drain();
  await halfDrop(w);
  await append(testProducer(w, schema), schema, numberedRows(5, 12));
  const cycles = await worker.drain();
  expect(cycles.at(-1)).toMatchObject({ isIdle: true, droppedTableRows: 7 });
});

test('a table that cannot commit holds the batch at its first record, and no other table', async () => {
  const w = eventWorld({ shardCount: 1 });
  const schema = await makeTable(w);
  const other = parseIdentifier('db.stuck');
  const otherSchema = await createTable(w, other, keepingDefinition, { ifNotExists: false });
  const stuck = { tableId: otherSchema.extra['tidelake.table'] ?? '', tableName: 'db.stuck', schema: otherSchema };
  const p = testProducer(w, schema);
  await append(p, schema, numberedRows(0, 20));
  const shardId = await firstShard(w);
  const before = await everything(w, shardId);
  await new Producer(w, stuck).append(buildBatch({ fields: schema.fields }, numberedRows(0, 9)), new Int8Array(9));
  await append(p, schema, numberedRows(20, 40));
  const fault = { kind: 'refused' } as const;
  const script = Array(10_000).fill({ operation: 'putIfAbsent', keyPart: 'stuck/snapshot/', fault });
  const store = faultyObjectStore(w.store, scriptedFaults(script), w);
  const failing = openEventIngest({ ...w, store });
  const records = await everything(w, shardId);
  const result = await handOver(failing, shardId, records, { forMs: 100, signal: AbortSignal.timeout(200) });
  expect(result.heldAt).toBe(records[before.length]?.position);
  const { incarnation } = await w.log.describe();
  expect(await readCheckpoint(w.store, incarnation, shardId)).toBeUndefined();
  expect((await contentOf(w)).rows).toEqual(numberedRows(0, 40));
  await using ingest = openEventIngest(w);
  expect((await handOver(ingest, shardId, records)).heldAt).toBeUndefined();
  expect((await readCheckpoint(w.store, incarnation, shardId))?.position).toBe(records.at(-1)?.position);
  expect((await contentOf(w)).rows).toEqual(numberedRows(0, 40));
});

test('a table whose positions are lost takes nothing, and says so', async () => {
  const w = eventWorld({ shardCount: 1 });
  const schema = await makeTable(w);
  const p = testProducer(w, schema);
  const shardId = await firstShard(w);
  await using ingest = openEventIngest(w);
  for (let i = 0; i < 2; i += 1) {
    await append(p, schema, numberedRows(i * 10, i * 10 + 10));
    await handOver(ingest, shardId, await everything(w, shardId));
  }
  for await (const page of w.store.list('db.db/t/snapshot/snapshot-')) {
    for (const { key } of page.objects) {
      const text = Buffer.from((await w.store.get(key))?.bytes ?? []).toString('utf8');
      await w.store.put(key, Buffer.from(text.replaceAll('tidelake.', 'forgotten.')));
    }
  }
  await using fresh = openEventIngest(w);
  const records = await everything(w, shardId);
  const result = await handOver(fresh, shardId, records);
  expect(result.heldAt).toBe(records[0]?.position);
  expect(result.tables[0]?.error?.code).toBe('LAKE_POSITIONS_LOST');
});

test('a plain commit before the first rows of the log is no sign of lost positions', async () => {
  const w = eventWorld({ shardCount: 2 });
  const schema = await makeTable(w);
  await using committer = new Committer(await openTestTable(w));
  await append(testProducer(w, schema), schema, numberedRows(0, 40));
  const shards = (await w.log.describe()).shards.map(shard => shard.shardId);
  const broken = faultyObjectStore(
    w.store,
    scriptedFaults(Array(40).fill({ operation: 'putIfAbsent', keyPart: 'snapshot/', fault: { kind: 'refused' } })),
    w,
  );
  const signal = AbortSignal.timeout(100);
  const failing = openEventIngest({ ...w, store: broken });
  await handOver(failing, shards[0] ?? '', await everything(w, shards[0] ?? ''), { forMs: 50, signal });
  const plain = { commitUser: 'plain', commitIdentifier: 1n };
  const { commitPlan } = await import('../../table/commit/request.ts');
  const outcome = await committer.commit({
    ...plain,
    plan: async () => commitPlan({ kind: 'APPEND', schemaId: schema.id }),
  });
  expect(outcome.status).toBe('committed');
  const ingests = [openEventIngest(w), openEventIngest(w)];
  await Promise.all(
    ingests.map(async (ingest, index) => {
      const shardId = shards[index] ?? '';
      return handOver(ingest, shardId, await everything(w, shardId));
    }),
  );
  expect((await contentOf(w)).rows).toEqual(numberedRows(0, 40));
});

test('a log made again under its name is read from its start, and what was counted stays counted', async () => {
  const w = eventWorld({ shardCount: 1 });
  const schema = await makeTable(w);
  await append(testProducer(w, schema), schema, numberedRows(0, 30));
  const shardId = await firstShard(w);
  await using ingest = openEventIngest(w);
  await handOver(ingest, shardId, await everything(w, shardId));
  const next = { ...w, log: new MemoryLogStore({ name: 'next', shardCount: 1 }, w) };
  await append(testProducer(next, schema), schema, numberedRows(30, 40));
  await using other = openEventIngest(next);
  await handOver(other, shardId, await everything(next, shardId));
  const content = await contentOf(w);
  expect(content.rows).toEqual(numberedRows(0, 40));
  expect(content).toMatchObject({ unaccounted: 0n, state: { counters: { rowsIn: 40n } } });
});

test('a shard that lags behind keeps its producers known, so a record that was doubled in it comes in once', async () => {
  let nowMs = 1_000_000;
  const w = eventWorld({ shardCount: 2, nowMs: () => nowMs });
  const schema = await makeTable(w);
  const [slow = '', quick = ''] = (await w.log.describe()).shards.map(shard => shard.shardId);
  await append(testProducer(w, schema), schema, numberedRows(0, 64));
  await using ingest = openEventIngest(w);
  const inSlow = await everything(w, slow);
  for (const shardId of [slow, quick]) await handOver(ingest, shardId, await everything(w, shardId));
  // The answer of the last append was lost, so it was made again, a moment later.
  const doubled = present(inSlow.at(-1), 'a record');
  await w.log.append([{ hashKey: 0n, data: doubled.data }]);
  nowMs += 3 * 3_600_000;
  await append(testProducer(w, schema), schema, numberedRows(64, 128));
  await handOver(ingest, quick, await everything(w, quick));
  await new EventSource(w.log).drain(ingest);
  const content = await contentOf(w);
  expect(content.rows).toEqual(numberedRows(0, 128));
  expect(content.unaccounted).toBe(0n);
  expect(content.state?.counters.duplicates).toBeGreaterThan(0n);
});

test('producers are forgotten an hour after their last record', async () => {
  let nowMs = 1_000_000;
  const w = eventWorld({ shardCount: 1, nowMs: () => nowMs });
  const schema = await makeTable(w);
  await using ingest = openEventIngest(w);
  const source = new EventSource(w.log);
  await append(testProducer(w, schema), schema, numberedRows(0, 64));
  await source.drain(ingest);
  expect((await contentOf(w)).state?.producers.size).toBe(16);
  nowMs += 3_600_001;
  await append(testProducer(w, schema), schema, [[1_000n, 'later', 1_000]]);
  await source.drain(ingest);
  expect((await contentOf(w)).state?.producers.size).toBe(1);
});

test('what the log no longer keeps is told and counted, and the rest comes in', async () => {
  let nowMs = 1_000_000;
  const w = eventWorld({ shardCount: 1, nowMs: () => nowMs, retentionMs: 60_000 });
  const schema = await makeTable(w);
  const p = testProducer(w, schema);
  const shardId = await firstShard(w);
  await using ingest = openEventIngest(w);
  await append(p, schema, numberedRows(0, 10));
  await handOver(ingest, shardId, await everything(w, shardId));
  await append(p, schema, numberedRows(10, 20));
  nowMs += 61_000;
  await append(p, schema, numberedRows(20, 200));
  const result = await handOver(ingest, shardId, await everything(w, shardId));
  expect(result).toMatchObject({ heldAt: undefined, tables: [{ status: 'taken', lostShards: [shardId] }] });
  const { rows, state, unaccounted } = await contentOf(w);
  expect(rows).toEqual([...numberedRows(0, 10), ...numberedRows(20, 200)]);
  expect(unaccounted).toBe(0n);
  expect(state?.counters.gaps).toBeGreaterThan(0n);
});

test('a rebase keeps what another shard has made known meanwhile', async () => {
  const w = eventWorld({ shardCount: 4 });
  const schema = await makeTable(w);
  const shards = (await w.log.describe()).shards.map(shard => shard.shardId);
  const ingests = shards.map(() => openEventIngest(w));
  const sources = shards.map(() => new EventSource(w.log));
  const p = testProducer(w, schema);
  for (let round = 0; round < 5; round += 1) {
    await append(p, schema, numberedRows(round * 64, round * 64 + 64));
    await Promise.all(
      shards.map(async (shardId, index) => {
        const [ingest, source] = [present(ingests[index], 'ingest'), present(sources[index], 'source')];
        const envelopes = await source.batch(shardId);
        source.acknowledge(shardId, envelopes, await handOver(ingest, shardId, envelopes));
      }),
    );
  }
  // Every record once more, as if every answer had been lost.
  const { shards: listed } = await w.log.describe();
  for (const { shardId, hashKeyStart } of listed) {
    for (const { data } of await everything(w, shardId)) await w.log.append([{ hashKey: hashKeyStart, data }]);
  }
  for (const [index, shardId] of shards.entries()) {
    const source = present(sources[index], 'source');
    await handOver(present(ingests[index], 'ingest'), shardId, await source.batch(shardId));
  }
  const content = await contentOf(w);
  expect(content.rows).toEqual(numberedRows(0, 320));
  expect(content).toMatchObject({ unaccounted: 0n, state: { counters: { rowsIn: 640n, duplicates: 320n } } });
});
