/** Tables with dynamic buckets through a log: rows have no bucket on the way, and each key is in one when they are in. */
import { expect, test } from 'vitest';
import { changedStore } from '../../test/changed-ports.ts';
import { keyPlaces } from '../../test/hash-index-fixture.ts';
import { messageOf, recordOf } from '../../test/record-fixture.ts';
import { plannedFile } from '../../test/table-fixture.ts';
import { createTable } from '../catalog/catalog.ts';
import type { TableDefinition } from '../catalog/table-definition.ts';
import type { TableSchema } from '../format/table-schema.ts';
import { countingLogStore } from '../storage/counting-log-store.ts';
import { MemoryLogStore } from '../storage/memory/memory-log-store.ts';
import { Committer } from '../table/commit/commit.ts';
import { compactTable } from '../table/compact/compact-table.ts';
import { OverwriteWriter } from '../table/overwrite/overwrite-writer.ts';
import { TableWriter } from '../table/write/table-writer.ts';
import { buildBatch } from '../types/column-builder.ts';
import { rowsOf } from '../types/column-reader.ts';
import type { Scalar } from '../types/scalar.ts';
import { contentOf, EventSource, eventWorld, handOver, hurried } from './event-testing.ts';
import { applyMessages } from './group-commit/apply-messages.ts';
import { openEventIngest } from './ingest/ingest-event.ts';
import { IngestWorker } from './ingest/ingest-worker.ts';
import { rowsOfRecords } from './ingest/tail.ts';
import { subscribe } from './read/subscribe.ts';
import { unionRead } from './read/union-read.ts';
import {
  append,
  collect,
  openTestTable,
  type TestWorld,
  testDefinition,
  testIdentifier,
  testProducer,
} from './testing.ts';

const dynamic: TableDefinition = {
  ...testDefinition,
  options: { bucket: '-1', 'dynamic-bucket.target-row-num': '10' },
};

function makeTable(w: TestWorld, definition: TableDefinition = dynamic): Promise<TableSchema> {
  return createTable(w, testIdentifier, definition, { ifNotExists: false });
}

/** Keys `from` to `to`, the last column tells when they came. */
function keys(from: number, to: number, n: number): Scalar[][] {
  return Array.from({ length: to - from }, (_, index) => [BigInt(from + index), 'v', n]);
}

async function checkPlaces(w: TestWorld): Promise<number> {
  const { faults, bucketCount } = await keyPlaces(await openTestTable(w));
  expect(faults).toEqual([]);
  return bucketCount;
}

test('a union read is the model at every moment, whatever is ingested, compacted and written beside the log', async () => {
  const w = eventWorld({ shardCount: 3, seed: 5 });
  const schema = await makeTable(w);
  const producer = testProducer(w, schema);
  const model = new Map<bigint, Scalar[]>();
  await using ingest = new IngestWorker(w);
  let n = 0;
  for (let step = 0; step < 12; step += 1) {
    const rows: Scalar[][] = Array.from({ length: 1 + Math.floor(w.random.next() * 20) }, () => {
      n += 1;
      return [BigInt(Math.floor(w.random.next() * 60)), `v${n}`, n];
    });
    const isDelete = w.random.next() < 0.2;
    await append(producer, schema, rows, isDelete ? 3 : 0);
    for (const row of rows) {
      if (isDelete) model.delete(row[0] as bigint);
      else model.set(row[0] as bigint, row);
    }
    if (w.random.next() < 0.4) await ingest.drain();
    const table = await openTestTable(w);
    await using committer = new Committer(table);
    if (w.random.next() < 0.15) await compactTable(table, committer, { isFull: w.random.next() < 0.5 });
    if (w.random.next() < 0.15) {
      // Another writer gives keys buckets that nobody has seen in the log.
      const key = 1_000n + BigInt(step);
      const writer = new TableWriter(table, committer);
      await writer.add(buildBatch({ fields: schema.fields }, [[key, 'beside', step]]), new Int8Array(1));
      await writer.commit();
      model.set(key, [key, 'beside', step]);
    }
    const expected = [...model.values()].toSorted((a, b) => Number(a[0]) - Number(b[0]));
    expect(await collect(unionRead(w, await openTestTable(w))), `step ${step}`).toEqual(expected);
  }
  await ingest.drain();
  expect(await checkPlaces(w)).toBeGreaterThan(4);
  const { rows, unaccounted } = await contentOf(w);
  expect(rows).toEqual([...model.values()].toSorted((a, b) => Number(a[0]) - Number(b[0])));
  expect(unaccounted).toBe(0n);
});

test('a lookup of a key reads the shard of its lane alone, and what the log says of it', async () => {
  const w = eventWorld({ shardCount: 8, seed: 3 });
  const schema = await makeTable(w);
  const producer = testProducer(w, schema);
  await append(producer, schema, keys(0, 60, 1));
  await using ingest = new IngestWorker(w);
  await ingest.drain();
  await append(producer, schema, keys(40, 80, 2));
  const table = await openTestTable(w);
  const counted = countingLogStore(w.log);
  const parts = { ...w, log: counted };
  for (const [key, expected] of [
    [7n, [[7n, 'v', 1]]],
    [50n, [[50n, 'v', 2]]],
    [70n, [[70n, 'v', 2]]],
    [90n, []],
  ] as const) {
    counted.reset();
    const predicate = { kind: 'compare', op: '=', column: 'k', value: key } as const;
    expect(await collect(unionRead(parts, table, { predicate }))).toEqual(expected);
    expect(counted.counts().read).toBe(1);
  }
});

test('many workers give new keys of one partition buckets at the same time, each key one', async () => {
  const w = eventWorld({ shardCount: 6, seed: 9 });
  const partitioned = {
    ...dynamic,
    columns: [...dynamic.columns, { name: 'p', type: { kind: 'int', nullable: false } } as const],
    primaryKeys: ['p', 'k'],
    partitionKeys: ['p'],
  };
  const schema = await makeTable(w, partitioned);
  const producer = testProducer(w, schema);
  const ids = (await w.log.describe()).shards.map(({ shardId }) => shardId);
  const ingests = ids.map(() => openEventIngest(w));
  const sources = ids.map(() => new EventSource(w.log));
  for (let round = 0; round < 4; round += 1) {
    const rows = keys(round * 40, round * 40 + 80, round).flatMap(row => [0, 1].map(p => [...row, p]));
    await append(producer, schema, rows);
    await Promise.all(
      ids.map(async (shardId, index) => {
        const [source, ingest] = [sources[index], ingests[index]];
        const envelopes = (await source?.batch(shardId)) ?? [];
        if (source === undefined || ingest === undefined || envelopes.length === 0) return;
        source.acknowledge(shardId, envelopes, await handOver(ingest, shardId, envelopes));
      }),
    );
    await checkPlaces(w);
  }
  const { rows, unaccounted, state } = await contentOf(w);
  expect(rows).toHaveLength(400);
  expect(unaccounted).toBe(0n);
  expect(state?.counters).toMatchObject({ rowsIn: 640n, deadLettered: 0n, duplicates: 0n });
  for (const [k, , n] of rows) expect(n).toBe(Math.min(3, Math.floor(Number(k) / 40)));
});

test('shards are split and merged: a key keeps its order and its bucket', async () => {
  const w = eventWorld({ shardCount: 2, seed: 4 });
  const schema = await makeTable(w);
  const producer = testProducer(w, schema);
  await using ingest = new IngestWorker(w);
  for (let round = 0; round < 6; round += 1) {
    await append(producer, schema, keys(0, 50 + round, round));
    const open = (await w.log.describe()).shards
      .filter(({ closed }) => !closed)
      .toSorted((a, b) => Number(a.hashKeyStart - b.hashKeyStart));
    const [first, second] = open.map(({ shardId }) => shardId);
    if (round % 2 === 0) w.log.split(first ?? '');
    else w.log.merge(first ?? '', second ?? '');
    if (round % 3 === 1) await ingest.drain();
    expect((await collect(unionRead(w, await openTestTable(w)))).slice(0, 50)).toEqual(keys(0, 50, round));
  }
  await ingest.drain();
  await checkPlaces(w);
  expect((await contentOf(w)).rows.slice(0, 50)).toEqual(keys(0, 50, 5));
});

test('a partition that is overwritten begins anew, and what comes out of the log then goes where its keys are now', async () => {
  const w = eventWorld({ shardCount: 2, seed: 6 });
  const schema = await makeTable(w);
  const producer = testProducer(w, schema);
  await using ingest = new IngestWorker(w);
  await append(producer, schema, keys(0, 70, 1));
  await ingest.drain();
  await append(producer, schema, keys(30, 90, 2));
  const table = await openTestTable(w);
  await using committer = new Committer(table);
  const writer = new OverwriteWriter(table, committer, { kind: 'chosen', predicate: undefined });
  await writer.add(buildBatch({ fields: schema.fields }, keys(60, 65, 3)), new Int8Array(5));
  await writer.commit();
  await ingest.drain();
  await checkPlaces(w);
  expect((await contentOf(w)).rows).toEqual(keys(30, 90, 2));
});

test('another writer that gives the keys in hand other buckets first: they are placed again, in the same swap', async () => {
  const w = eventWorld({ shardCount: 1, seed: 7 });
  const schema = await makeTable(w);
  const producer = testProducer(w, schema);
  await append(producer, schema, keys(0, 9, 1));
  let count = 0;
  const store = changedStore(w.store, {
    async putIfAbsent(key, bytes, options) {
      if (key.includes('/snapshot/snapshot-') && (count += 1) === 1) {
        // Bucket 0 is full before these keys come, and they go to bucket 1.
        const table = await openTestTable(w);
        await using committer = new Committer(table);
        const writer = new TableWriter(table, committer);
        await writer.add(buildBatch({ fields: schema.fields }, keys(100, 110, 0)), new Int8Array(10));
        await writer.add(buildBatch({ fields: schema.fields }, keys(3, 6, 0)), new Int8Array(3));
        await writer.commit();
      }
      return w.store.putIfAbsent(key, bytes, options);
    },
  });
  await using ingest = new IngestWorker({ ...w, store });
  const [result] = await ingest.drain();
  expect(result?.events).toMatchObject([{ outcome: { status: 'committed', attempts: 2 } }]);
  expect(await checkPlaces(w)).toBe(2);
  const { rows, unaccounted, state } = await contentOf(w);
  expect(rows).toEqual([...keys(0, 9, 1), ...keys(100, 110, 0)]);
  expect([unaccounted, state?.counters.rowsIn]).toEqual([0n, 9n]);
});

test('records whose rows were spread otherwise are dead letters: among them a key would lose its order', async () => {
  const w = eventWorld({ shardCount: 1 });
  const schema = await makeTable(w);
  const table = await openTestTable(w);
  const draft = (laneCount: number | undefined, bucketCount: number) =>
    recordOf(schema, [[1n, 'v', 1]], { tableId: table.id ?? '', bucketCount, laneCount });
  const records = [draft(16, -1), draft(8, -1), draft(undefined, -1), draft(16, 4)].map((record, index) => ({
    ...record,
    record: { ...record.record, header: { ...record.record.header, producerNumber: index + 1 } },
  }));
  const tail = await rowsOfRecords({ table, schema, store: w.store, producers: new Map(), records });
  expect(tail.rowsIn - tail.deadLettered).toBe(1);
  expect(tail.deadLetters.map(({ reason, detail }) => [reason, detail])).toEqual([
    ['bucket-count', 'spread over 8 lanes of keys, those of the table go over 16'],
    ['bucket-count', 'spread over no lanes of keys, those of the table go over 16'],
    ['bucket-count', 'hashed into 4 buckets, the table has -1'],
  ]);
});

test('a subscriber on the log sees the changes of each key in their order', async () => {
  const w = eventWorld({ shardCount: 4, seed: 8 });
  const schema = await makeTable(w);
  const producer = testProducer(w, schema);
  await using ingest = new IngestWorker(w);
  await append(producer, schema, keys(0, 30, 0));
  await ingest.drain();
  const stop = new AbortController();
  const seen = new Map<Scalar, number[]>();
  let count = 0;
  const running = (async () => {
    for await (const batch of subscribe(w, await openTestTable(w), { from: { kind: 'full' } }, stop.signal)) {
      for (const [k = null, , n] of rowsOf(batch.rows)) seen.set(k, [...(seen.get(k) ?? []), Number(n)]);
      count += batch.rows.rowCount;
    }
  })();
  for (let round = 1; round < 6; round += 1) {
    await append(producer, schema, keys(0, 30, round));
    if (round === 3) await ingest.drain();
  }
  await expect.poll(() => count, { timeout: 10_000 }).toBe(180);
  stop.abort();
  await running;
  for (const ofKey of seen.values()) expect(ofKey).toEqual([0, 1, 2, 3, 4, 5]);
});

test('where there is a commit function, ingest still swaps such a table by itself, and messages of it bring no files', async () => {
  const w = hurried(eventWorld({ shardCount: 6, seed: 12 }));
  const schema = await makeTable(w);
  const producer = testProducer(w, schema);
  const commitLog = new MemoryLogStore({ name: 'commits', shardCount: 1 }, w);
  const ids = (await w.log.describe()).shards.map(({ shardId }) => shardId);
  const ingests = ids.map(() => openEventIngest({ ...w, commitLog }));
  const source = new EventSource(w.log);
  for (let round = 0; round < 3; round += 1) {
    await append(producer, schema, keys(round * 50, round * 50 + 100, round));
    await Promise.all(
      ids.map(async (shardId, index) => {
        const envelopes = await source.batch(shardId);
        const ingest = ingests[index];
        if (ingest === undefined || envelopes.length === 0) return;
        source.acknowledge(shardId, envelopes, await handOver(ingest, shardId, envelopes, { forMs: 1_000_000 }));
      }),
    );
    await checkPlaces(w);
  }
  const { rows, unaccounted, state, snapshotId } = await contentOf(w);
  expect(rows).toHaveLength(200);
  for (const [k, , n] of rows) expect(n).toBe(Math.min(2, Math.floor(Number(k) / 50)));
  expect(unaccounted).toBe(0n);
  expect(state?.counters.rowsIn).toBe(300n);
  const [{ shardId: commitShard } = { shardId: '' }] = (await commitLog.describe()).shards;
  expect((await commitLog.read(commitShard, { kind: 'earliest' })).records).toEqual([]);
  const table = await openTestTable(w);
  const from = state?.shards.get(ids[0] ?? '')?.position;
  const to = { position: (from ?? 0n) + 1n, arrivalMs: 1 };
  const files = [plannedFile(table, { name: 'stray', totalBuckets: -1, sequence: [1_000, 1_010] })];
  const incarnation = state?.incarnation ?? '';
  const stray = messageOf({ tableId: table.id ?? '', incarnation, shardId: ids[0] ?? '', from, to, files });
  await using committer = new Committer(table);
  const message = { ...stray, uploadBeganMs: table.storeTimeMs() };
  const outcome = await applyMessages(table, committer, [message], { commitUser: 'commit' });
  expect(outcome).toMatchObject({ applied: [], dropped: [{ why: 'its buckets are dynamic' }] });
  expect((await contentOf(w)).snapshotId).toBe(snapshotId);
});
