/** Union reads and subscriptions against a plain model, while ingest and compaction go on. */
import { expect, test } from 'vitest';
import { alterTable, createTable, loadSchema } from '../../catalog/catalog.ts';
import { countingLogStore } from '../../storage/counting-log-store.ts';
import { Committer } from '../../table/commit/commit.ts';
import { compactTable } from '../../table/compact/compact-table.ts';
import { latestSnapshot } from '../../table/snapshots.ts';
import { rowsOf } from '../../types/column-reader.ts';
import type { Scalar } from '../../types/scalar.ts';
import { IngestWorker } from '../ingest/ingest-worker.ts';
import { append, collect, openTestTable, testDefinition, testIdentifier, testProducer, testWorld } from '../testing.ts';
import type { SubscribeFrom } from './history-range.ts';
import { subscribe } from './subscribe.ts';
import type { SubscribedBatch } from './subscribed-batch.ts';
import { unionRead } from './union-read.ts';

test('a union read is the model at every moment, whatever is ingested and compacted', async () => {
  const w = testWorld(11);
  const schema = await createTable(w, testIdentifier, testDefinition, { ifNotExists: false });
  const producer = testProducer(w, schema);
  const model = new Map<bigint, Scalar[]>();
  await using ingest = new IngestWorker(w);
  // One that knows what it read before, beside one that is opened anew each time.
  const opened = await openTestTable(w);
  let n = 0;
  for (let step = 0; step < 120; step += 1) {
    const rows: Scalar[][] = Array.from({ length: 1 + Math.floor(w.random.next() * 20) }, () => {
      n += 1;
      return [BigInt(Math.floor(w.random.next() * 200)), `v${n}`, n];
    });
    const isDelete = w.random.next() < 0.2;
    await append(producer, schema, rows, isDelete ? 3 : 0);
    for (const row of rows) {
      if (isDelete) model.delete(row[0] as bigint);
      else model.set(row[0] as bigint, row);
    }
    if (w.random.next() < 0.3) await ingest.drain();
    const table = await openTestTable(w);
    if (w.random.next() < 0.1) {
      await using committer = new Committer(table);
      await compactTable(table, committer, { isFull: w.random.next() < 0.5 });
    }
    const expected = [...model.values()].toSorted((a, b) => Number(a[0]) - Number(b[0]));
    expect(await collect(unionRead(w, table)), `step ${step}`).toEqual(expected);
    expect(await collect(unionRead(w, opened)), `step ${step}, opened before`).toEqual(expected);
    const key = BigInt(Math.floor(w.random.next() * 200));
    const ofKey = { kind: 'compare', op: '=', column: 'k', value: key } as const;
    const row = model.get(key);
    expect(await collect(unionRead(w, opened, { predicate: ofKey })), `step ${step}, key ${key}`).toEqual(
      row === undefined ? [] : [row],
    );
    const predicate = { kind: 'compare', op: '<', column: 'n', value: n - 30 } as const;
    const some = await collect(unionRead(w, table, { columns: ['k', 'v'], predicate }));
    expect(some, `step ${step}, filtered`).toEqual(
      expected.filter(row => Number(row[2]) < n - 30).map(row => row.slice(0, 2)),
    );
  }
  expect((await latestSnapshot(await openTestTable(w)))?.id).toBeGreaterThan(20);
});

test('a lookup by key reads only the shard of its bucket', async () => {
  const w = testWorld(16);
  const schema = await createTable(w, testIdentifier, testDefinition, { ifNotExists: false });
  await append(
    testProducer(w, schema),
    schema,
    Array.from({ length: 40 }, (_, i) => [BigInt(i), 'v', i]),
  );
  const counted = countingLogStore(w.log);
  const predicate = { kind: 'compare', op: '=', column: 'k', value: 7n } as const;
  const table = await openTestTable(w);
  expect(await collect(unionRead({ ...w, log: counted }, table, { predicate }))).toEqual([[7n, 'v', 7]]);
  const ofOneKey = counted.counts().read;
  counted.reset();
  expect(await collect(unionRead({ ...w, log: counted }, table))).toHaveLength(40);
  expect([ofOneKey, counted.counts().read]).toEqual([1, 4]);
});

test('an append table: rows of the snapshot, then those of the log, each once', async () => {
  const w = testWorld(12);
  const definition = { ...testDefinition, primaryKeys: [], options: { bucket: '-1' } };
  const schema = await createTable(w, testIdentifier, definition, { ifNotExists: false });
  const producer = testProducer(w, schema);
  await using ingest = new IngestWorker(w);
  for (let i = 0; i < 10; i += 1) {
    await append(producer, schema, [[BigInt(i), `v${i}`, i]]);
    if (i === 5) await ingest.drain();
  }
  const rows = await collect(unionRead(w, await openTestTable(w)));
  expect(rows.map(row => row[2])).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test('a subscriber from full sees every change once and in order, across ingest and compaction', async () => {
  const w = testWorld(13);
  const schema = await createTable(w, testIdentifier, testDefinition, { ifNotExists: false });
  const producer = testProducer(w, schema);
  await using ingest = new IngestWorker(w);
  const write = (from: number, to: number): Promise<void> =>
    append(
      producer,
      schema,
      Array.from({ length: to - from }, (_, i) => [BigInt((from + i) % 37), 'v', from + i]),
    );
  await write(0, 100);
  await ingest.drain();
  await write(100, 150);
  const stop = new AbortController();
  const seen: SubscribedBatch[] = [];
  const subscriber = (async () => {
    for await (const batch of subscribe(w, await openTestTable(w), { from: { kind: 'full' } }, stop.signal))
      seen.push(batch);
  })();
  for (let i = 150; i < 400; i += 10) {
    await write(i, i + 10);
    if (i % 50 === 0) await ingest.drain();
  }
  const last = (): number => Math.max(...seen.flatMap(batch => rowsOf(batch.rows).map(row => Number(row[2]))));
  await expect.poll(() => (seen.length === 0 ? 0 : last()), { timeout: 10_000 }).toBe(399);
  stop.abort();
  await subscriber;
  // The snapshot gives each key's newest row up to 99; after that every single change is there, once.
  const numbers = (phase: SubscribedBatch['phase']): number[] =>
    seen.filter(batch => batch.phase === phase).flatMap(batch => rowsOf(batch.rows).map(row => Number(row[2])));
  expect(numbers('snapshot').toSorted((a, b) => a - b)).toEqual(Array.from({ length: 37 }, (_, i) => 63 + i));
  expect(numbers('log').toSorted((a, b) => a - b)).toEqual(Array.from({ length: 300 }, (_, i) => 100 + i));
  const byKey = Map.groupBy(
    seen.filter(batch => batch.phase === 'log').flatMap(batch => rowsOf(batch.rows)),
    row => row[0],
  );
  for (const rows of byKey.values()) {
    const order = rows.map(row => Number(row[2]));
    expect(order).toEqual(order.toSorted((a, b) => a - b));
  }
});

test('a subscriber after a snapshot gets the changes of later ones, then the log; from latest only what comes', async () => {
  const w = testWorld(14);
  const schema = await createTable(w, testIdentifier, testDefinition, { ifNotExists: false });
  const producer = testProducer(w, schema);
  await using ingest = new IngestWorker(w);
  for (let i = 0; i < 3; i += 1) {
    await append(producer, schema, [[BigInt(i), 'v', i]]);
    await ingest.drain();
  }
  await append(producer, schema, [[3n, 'v', 3]]);
  const stop = new AbortController();
  const follow = async (from: SubscribeFrom, seen: number[]): Promise<void> => {
    for await (const { rows } of subscribe(w, await openTestTable(w), { from }, stop.signal)) {
      seen.push(...rowsOf(rows).map(row => Number(row[2])));
    }
  };
  const after: number[] = [];
  const latest: number[] = [];
  const running = [follow({ kind: 'after', of: { snapshotId: 1 } }, after), follow({ kind: 'latest' }, latest)];
  await expect.poll(() => after).toEqual([1, 2, 3]);
  await append(producer, schema, [[4n, 'v', 4]]);
  await expect.poll(() => [...after, ...latest]).toEqual([1, 2, 3, 4, 4]);
  stop.abort();
  await Promise.all(running);
});

test('a subscriber sees the values of a column that is added while it follows, from the first row on', async () => {
  const w = testWorld(17);
  const first = await createTable(w, testIdentifier, testDefinition, { ifNotExists: false });
  const stop = new AbortController();
  const seen: Scalar[][] = [];
  const running = (async () => {
    for await (const { rows } of subscribe(w, await openTestTable(w), { from: { kind: 'full' } }, stop.signal)) {
      seen.push(...rowsOf(rows));
    }
  })();
  await append(testProducer(w, first), first, [[1n, 'old', 1]]);
  await expect.poll(() => seen).toEqual([[1n, 'old', 1]]);
  await alterTable(w, testIdentifier, [{ kind: 'add-column', name: 'w', type: { kind: 'double', nullable: true } }]);
  const second = await loadSchema(w, testIdentifier);
  await append(testProducer(w, second), second, [[2n, 'new', 2, 2.5]]);
  await expect.poll(() => seen.at(-1)).toEqual([2n, 'new', 2, 2.5]);
  stop.abort();
  await running;
});

test('without a log a subscription follows snapshots', async () => {
  const w = testWorld(15);
  const schema = await createTable(w, testIdentifier, testDefinition, { ifNotExists: false });
  const producer = testProducer(w, schema);
  await using ingest = new IngestWorker(w);
  await append(producer, schema, [[1n, 'v', 1]]);
  await ingest.drain();
  const stop = new AbortController();
  const seen: number[] = [];
  const running = (async () => {
    const parts = { ...w, log: undefined };
    for await (const { rows } of subscribe(parts, await openTestTable(w), { from: { kind: 'full' } }, stop.signal)) {
      seen.push(...rowsOf(rows).map(row => Number(row[2])));
    }
  })();
  await append(producer, schema, [[2n, 'v', 2]]);
  await ingest.drain();
  await expect.poll(() => seen, { timeout: 5_000 }).toEqual([1, 2]);
  stop.abort();
  await running;
});
