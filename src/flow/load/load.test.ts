/** Bulk loads: all or nothing until the load is written down, once after that, in one order with everything else. */
import { expect, test } from 'vitest';
import { changedLog, changedStore } from '../../../test/changed-ports.ts';
import { present } from '../../base/assert.ts';
import { systemClock } from '../../base/clock.ts';
import { createTable } from '../../catalog/catalog.ts';
import { removeAgedClaims } from '../../maintenance/aged-claims.ts';
import { MemoryLogStore } from '../../storage/memory/memory-log-store.ts';
import { buildBatch } from '../../types/column-builder.ts';
import type { Scalar } from '../../types/scalar.ts';
import { claimFolder } from '../claim.ts';
import { IngestWorker } from '../ingest/ingest-worker.ts';
import { decodeRecord, type LogRows } from '../log-record.ts';
import { unionRead } from '../read/union-read.ts';
import {
  collect,
  openTestTable,
  type TestWorld,
  testDefinition,
  testIdentifier,
  testProducer,
  testWorld,
} from '../testing.ts';
import { type LoadOutcome, loadRows } from './load.ts';
import { findLoad, keepLoad } from './load-file.ts';

const settings = { claimBytes: 2_000, heldBytesMax: 8_000 };
const hourMs = 3_600_000;

async function worldOf(isKeyed = true): Promise<TestWorld> {
  const w = testWorld();
  const options: Record<string, string> = isKeyed ? { bucket: '3' } : {};
  const primaryKeys = isKeyed ? ['k'] : [];
  await createTable(w, testIdentifier, { ...testDefinition, primaryKeys, options }, { ifNotExists: false });
  return w;
}

const rowsFrom = (first: number, count: number, text: string): Scalar[][] =>
  Array.from({ length: count }, (_, index) => [BigInt(first + index), `${text} ${'x'.repeat(60)}`, index]);

type Given = { readonly name?: string; readonly rows: Scalar[][]; readonly failsAfter?: number };

async function load(w: TestWorld, { name = 'one', rows, failsAfter }: Given): Promise<LoadOutcome> {
  const { id: tableId = '', label: tableName, schema } = await openTestTable(w);
  async function* batches(): AsyncGenerator<LogRows, void, undefined> {
    for (let at = 0; at < rows.length; at += 50) {
      if (failsAfter !== undefined && at >= failsAfter) throw new Error('a row is none');
      const part = rows.slice(at, at + 50);
      yield { rows: buildBatch({ fields: schema.fields }, part), kinds: new Int8Array(part.length) };
    }
  }
  return loadRows(w, { tableId, tableName, schema }, { name, settings }, batches());
}

async function recordCount(w: TestWorld): Promise<number> {
  const { shards } = await w.log.describe();
  const reads = await Promise.all(shards.map(({ shardId }) => w.log.read(shardId, { kind: 'earliest' })));
  return reads.reduce((sum, { records }) => sum + records.length, 0);
}

async function ingest(w: TestWorld): Promise<void> {
  await using worker = new IngestWorker(w);
  await worker.drain();
}

const rowsNow = async (w: TestWorld): Promise<Scalar[][]> => collect(unionRead(w, await openTestTable(w)));

test('a load is many claims and as many small records, before and behind what others write', async () => {
  const w = await worldOf();
  const { schema } = await openTestTable(w);
  const send = (rows: Scalar[][]): Promise<unknown> =>
    testProducer(w, schema).append(buildBatch({ fields: schema.fields }, rows), new Int8Array(rows.length));
  await send(rowsFrom(0, 300, 'before'));
  const before = await recordCount(w);
  const outcome = await load(w, { rows: rowsFrom(100, 600, 'load') });
  await send(rowsFrom(600, 300, 'after'));
  const expected = [...rowsFrom(0, 100, 'before'), ...rowsFrom(100, 500, 'load'), ...rowsFrom(600, 300, 'after')];
  expect(await rowsNow(w)).toEqual(expected);
  expect(outcome).toMatchObject({ status: 'acknowledged', rowCount: 600 });
  expect(outcome.recordCount).toBeGreaterThan(10);
  expect(outcome.records).toHaveLength(outcome.recordCount);
  const { shards } = await w.log.describe();
  for (const { shardId } of shards) {
    for (const { data } of (await w.log.read(shardId, { kind: 'earliest' })).records) {
      const { header } = decodeRecord(data, 'test');
      if (!header.producerId.startsWith('load/')) continue;
      expect(data.length).toBeLessThan(600);
      expect(header.claim).toBeDefined();
    }
  }
  await ingest(w);
  expect(await rowsNow(w)).toEqual(expected);
  const all = await recordCount(w);
  expect(all).toBeGreaterThan(before + outcome.recordCount);
  expect(await load(w, { rows: rowsFrom(0, 10, 'again') })).toEqual({
    ...{ status: 'repeated', rowCount: 600, recordCount: outcome.recordCount, records: [] },
  });
  expect(await recordCount(w)).toBe(all);
  expect(await rowsNow(w)).toEqual(expected);
});

test('rows of which one is wrong leave nothing in the log, and the name is free', async () => {
  const w = await worldOf(false);
  await expect(load(w, { rows: rowsFrom(0, 300, 'a'), failsAfter: 250 })).rejects.toThrow('a row is none');
  expect(await recordCount(w)).toBe(0);
  expect(await load(w, { rows: rowsFrom(0, 20, 'b') })).toMatchObject({ status: 'acknowledged', rowCount: 20 });
  expect(await rowsNow(w)).toEqual(rowsFrom(0, 20, 'b'));
});

test('whichever request fails, who calls again ends the load with the rows of one call, each once', async () => {
  let requests = 0;
  for (let failing = 1; ; failing += 1) {
    const w = await worldOf(false);
    let left = failing;
    const once = async <T>(action: () => Promise<T>): Promise<T> => {
      left -= 1;
      // It happened, and the answer was lost.
      const done = await action();
      if (left === 0) throw new Error('no answer');
      return done;
    };
    const broken = {
      ...w,
      store: changedStore(w.store, {
        put: (key, bytes, options) => once(() => w.store.put(key, bytes, options)),
        get: (key, options) => once(() => w.store.get(key, options)),
        putIfAbsent: (key, bytes, options) => once(() => w.store.putIfAbsent(key, bytes, options)),
        putIfMatch: (key, bytes, etag, options) => once(() => w.store.putIfMatch(key, bytes, etag, options)),
      }),
      log: changedLog(w.log, { append: (records, options) => once(() => w.log.append(records, options)) }),
    };
    const first = rowsFrom(0, 120, 'first');
    const ended = await load(broken, { rows: first }).then(
      () => true,
      () => false,
    );
    await load(w, { rows: rowsFrom(0, 120, 'second') });
    await ingest(w);
    const rows = await rowsNow(w);
    expect([first, rowsFrom(0, 120, 'second')], `request ${failing}`).toContainEqual(rows);
    if (ended) {
      expect(rows).toEqual(first);
      requests = failing;
      break;
    }
  }
  expect(requests).toBeGreaterThan(8);
});

test('of two at a time that load under one name the rows of one are there', async () => {
  const w = await worldOf(false);
  const both = await Promise.all([load(w, { rows: rowsFrom(0, 200, 'a') }), load(w, { rows: rowsFrom(0, 200, 'b') })]);
  for (const outcome of both) expect(outcome.rowCount).toBe(200);
  await ingest(w);
  expect([rowsFrom(0, 200, 'a'), rowsFrom(0, 200, 'b')]).toContainEqual(await rowsNow(w));
});

test('who wakes when age has taken its load away does not end the next one under its name', async () => {
  const w = await worldOf(false);
  const { id: tableId = '' } = await openTestTable(w);
  const append: typeof w.log.append = async (records, options) => {
    const outcomes = await w.log.append(records, options);
    await w.store.delete(`${claimFolder}/load-${tableId}-one`);
    const down = { ...w, log: changedLog(w.log, { append: () => Promise.reject(new Error('down')) }) };
    await expect(load(down, { rows: rowsFrom(500, 10, 'next') })).rejects.toThrow('down');
    return outcomes;
  };
  await load({ ...w, log: changedLog(w.log, { append }) }, { rows: rowsFrom(0, 10, 'a') });
  expect(await load(w, { rows: [] })).toMatchObject({ status: 'acknowledged', rowCount: 10 });
  await ingest(w);
  expect(await rowsNow(w)).toEqual([...rowsFrom(0, 10, 'a'), ...rowsFrom(500, 10, 'next')]);
});

test('a load of more records than can be read again is refused, and nothing of it is there', async () => {
  const w = await worldOf(false);
  const name = { tableId: (await openTestTable(w)).id ?? '', name: 'one' };
  await load(w, { rows: rowsFrom(0, 1, 'a') });
  const kept = present(await findLoad(w, name), 'a load');
  const [record] = kept.records.map(({ header, ...rest }) => ({
    ...rest,
    header: { ...header, headers: { long: '"'.repeat(4_000) } },
  }));
  const records = Array.from({ length: 8_000 }, () => present(record, 'a record'));
  const other = { ...name, name: 'two' };
  await expect(keepLoad(w, other, { ...kept, records })).rejects.toMatchObject({ code: 'LAKE_LOAD_TOO_LARGE' });
  expect(await findLoad(w, other)).toBeUndefined();
});

test('claims that have become old before their records are sent are written anew', async () => {
  let offsetMs = 0;
  const clock = { ...testWorld().clock, nowMs: () => Date.now() + offsetMs };
  const w = testWorld(7, clock);
  await createTable(w, testIdentifier, { ...testDefinition, primaryKeys: [], options: {} }, { ifNotExists: false });
  const down = { ...w, log: changedLog(w.log, { append: () => Promise.reject(new Error('down')) }) };
  await expect(load(down, { rows: rowsFrom(0, 100, 'a') })).rejects.toThrow('down');
  offsetMs = 20 * hourMs;
  expect(await load(w, { rows: [] })).toMatchObject({ status: 'acknowledged', rowCount: 100 });
  offsetMs = 60 * hourMs;
  await removeAgedClaims(w.store, { logRetentionMs: 24 * hourMs });
  expect(await rowsNow(w)).toEqual(rowsFrom(0, 100, 'a'));
  offsetMs = 70 * hourMs;
  await removeAgedClaims(w.store, { logRetentionMs: 24 * hourMs });
  for await (const { objects } of w.store.list(`${claimFolder}/`)) expect(objects).toEqual([]);
});

test('a load that was begun in a log that is not there any more says so', async () => {
  const w = await worldOf(false);
  const down = { ...w, log: changedLog(w.log, { append: () => Promise.reject(new Error('down')) }) };
  await expect(load(down, { rows: rowsFrom(0, 10, 'a') })).rejects.toThrow('down');
  const other = { ...w, log: testWorld(8).log };
  await expect(load(other, { rows: rowsFrom(0, 10, 'a') })).rejects.toMatchObject({ code: 'LAKE_LOAD_LOST' });
  expect(await load(w, { rows: [] })).toMatchObject({ status: 'acknowledged', rowCount: 10 });
});

test('a load that was begun longer ago than the log keeps records is not gone on with: its numbers are forgotten', async () => {
  let offsetMs = 0;
  const clock = { ...systemClock, nowMs: () => Date.now() + offsetMs };
  const world = testWorld(7, clock);
  const log = new MemoryLogStore({ name: 'test', shardCount: 1, retentionMs: 24 * hourMs }, world);
  const w = { ...world, log };
  await createTable(w, testIdentifier, { ...testDefinition, primaryKeys: [], options: {} }, { ifNotExists: false });
  let left = 1;
  const append: typeof log.append = async (records, options) => {
    left -= 1;
    if (left < 0) throw new Error('down');
    return log.append(records, options);
  };
  await expect(load({ ...w, log: changedLog(log, { append }) }, { rows: rowsFrom(0, 100, 'a') })).rejects.toThrow(
    'down',
  );
  await ingest(w);
  const taken = await rowsNow(w);
  expect(taken.length).toBeGreaterThan(0);
  expect(taken.length).toBeLessThan(100);
  offsetMs = 30 * hourMs;
  const { schema } = await openTestTable(w);
  await testProducer(w, schema).append(buildBatch({ fields: schema.fields }, rowsFrom(500, 1, 'b')), new Int8Array(1));
  await ingest(w);
  await expect(load(w, { rows: [] })).rejects.toMatchObject({ code: 'LAKE_LOAD_LOST' });
  await ingest(w);
  expect(await rowsNow(w)).toEqual([...taken, ...rowsFrom(500, 1, 'b')]);
});
