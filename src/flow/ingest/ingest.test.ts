/** Ingest end to end on the memory drivers: producers, log, worker, table. */
import { expect, test } from 'vitest';
import { LakeError } from '../../base/errors.ts';
import { alterTable, createTable, loadSchema } from '../../catalog/catalog.ts';
import { readPlan } from '../../table/read/read-split.ts';
import { planScan } from '../../table/scan/plan-scan.ts';
import { latestSnapshot } from '../../table/snapshots.ts';
import type { Scalar } from '../../types/scalar.ts';
import {
  append,
  collect,
  openTestTable,
  type TestWorld,
  testDefinition,
  testIdentifier,
  testProducer,
  testWorld,
} from '../testing.ts';
import { readDeadLetters } from './dead-letters.ts';
import { IngestWorker } from './ingest-worker.ts';
import { loadState } from './load-state.ts';

async function tableRows(w: TestWorld): Promise<Scalar[][]> {
  const table = await openTestTable(w);
  return collect(readPlan(table, await planScan(table, await latestSnapshot(table))));
}

test('rows of the log come into the table once, in order, and the counters add up', async () => {
  const w = testWorld();
  const schema = await createTable(w, testIdentifier, testDefinition, { ifNotExists: false });
  const p = testProducer(w, schema);
  await append(
    p,
    schema,
    Array.from({ length: 500 }, (_, i) => [BigInt(i), `a${i}`, i]),
  );
  await append(
    p,
    schema,
    Array.from({ length: 100 }, (_, i) => [BigInt(i), `b${i}`, i + 1]),
  );
  await append(p, schema, [[3n, null, 0]], 3);
  for (let worker = 0; worker < 2; worker += 1) {
    await using ingest = new IngestWorker(w, { readBytesMax: 2_000, commitRowsMax: 120 });
    await ingest.drain();
  }
  const rows = await tableRows(w);
  expect(rows).toHaveLength(499);
  expect(rows[0]).toEqual([0n, 'b0', 1]);
  expect(rows[200]).toEqual([201n, 'a201', 201]);
  const table = await openTestTable(w);
  const state = await loadState(table, (await latestSnapshot(table))?.properties ?? {});
  const c = state?.counters;
  expect(c?.rowsIn).toBe(601n);
  expect(c && c.written + c.mergedAway + c.deadLettered + c.duplicates).toBe(601n);
});

test('a record that was appended twice comes in once', async () => {
  const w = testWorld();
  const schema = await createTable(w, testIdentifier, testDefinition, { ifNotExists: false });
  const doubling = {
    ...w,
    log: new Proxy(w.log, {
      get(target, name) {
        if (name !== 'append') return Reflect.get(target, name, target);
        return async (records: Parameters<typeof target.append>[0]) => {
          await target.append(records);
          return target.append(records);
        };
      },
    }),
  };
  const p = testProducer(doubling, schema);
  await append(p, schema, [
    [1n, 'x', 1],
    [2n, 'y', 2],
  ]);
  await using ingest = new IngestWorker(w);
  await ingest.drain();
  expect(await tableRows(w)).toEqual([
    [1n, 'x', 1],
    [2n, 'y', 2],
  ]);
  const table = await openTestTable(w);
  const state = await loadState(table, (await latestSnapshot(table))?.properties ?? {});
  expect(state?.counters.duplicates).toBe(2n);
});

test('a worker whose store failed in the middle reads again what it had not committed', async () => {
  const w = testWorld();
  const schema = await createTable(w, testIdentifier, testDefinition, { ifNotExists: false });
  const p = testProducer(w, schema);
  let failures = 0;
  const store = new Proxy(w.store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      if (name !== 'put' || failures === 0) return value.bind(target);
      failures -= 1;
      return () => Promise.reject(new LakeError('unavailable', 'LAKE_STORE_UNAVAILABLE', 'injected'));
    },
  });
  await using ingest = new IngestWorker({ ...w, store });
  for (let round = 0; round < 5; round += 1) {
    await append(p, schema, [[BigInt(round), 'v', round]]);
    failures = 1;
    await expect(ingest.drain()).rejects.toThrow('injected');
    failures = 0;
    await append(p, schema, [[BigInt(100 + round), 'v', round]]);
    await ingest.drain();
  }
  expect(await tableRows(w)).toHaveLength(10);
});

test('two workers at once take every row once', async () => {
  const w = testWorld();
  const schema = await createTable(w, testIdentifier, testDefinition, { ifNotExists: false });
  const p = testProducer(w, schema);
  const done = new AbortController();
  const workers = [1, 2].map(async () => {
    await using ingest = new IngestWorker(w, { commitIntervalMs: 5, readBytesMax: 3_000 });
    await ingest.run(done.signal).catch(error => {
      if (!done.signal.aborted) throw error;
    });
  });
  for (let i = 0; i < 20; i += 1) {
    await append(
      p,
      schema,
      Array.from({ length: 50 }, (_, j) => [BigInt(i * 50 + j), 'v', i]),
    );
  }
  await using last = new IngestWorker(w);
  await last.drain();
  done.abort();
  await Promise.all(workers);
  expect(await tableRows(w)).toHaveLength(1_000);
  const table = await openTestTable(w);
  const state = await loadState(table, (await latestSnapshot(table))?.properties ?? {});
  expect(state?.counters).toMatchObject({ rowsIn: 1_000n, written: 1_000n, duplicates: 0n });
});

test('a schema that grows under way: old and new records come in, nothing is lost', async () => {
  const w = testWorld();
  const first = await createTable(w, testIdentifier, testDefinition, { ifNotExists: false });
  const old = testProducer(w, first);
  await append(old, first, [[1n, 'old', 1]]);
  await using ingest = new IngestWorker(w);
  await ingest.drain();
  await alterTable(w, testIdentifier, [{ kind: 'add-column', name: 'w', type: { kind: 'double', nullable: true } }]);
  const second = await loadSchema(w, testIdentifier);
  await append(testProducer(w, second), second, [[2n, 'new', 2, 2.5]]);
  await append(old, first, [[3n, 'old', 3]]);
  await ingest.drain();
  expect(await tableRows(w)).toEqual([
    [1n, 'old', 1, null],
    [2n, 'new', 2, 2.5],
    [3n, 'old', 3, null],
  ]);
});

test('what does not fit becomes a dead letter with its reason, and the rest goes on', async () => {
  const w = testWorld();
  const schema = await createTable(w, testIdentifier, testDefinition, { ifNotExists: false });
  const loose = { ...schema, fields: schema.fields.map(f => ({ ...f, type: { ...f.type, nullable: true } })) };
  await append(testProducer(w, loose), loose, [
    [1n, 'ok', 1],
    [2n, 'no number', null],
    [3n, 'ok', 3],
  ]);
  const wrongBuckets = { ...schema, options: { ...schema.options, bucket: '2' } };
  await append(testProducer(w, wrongBuckets), wrongBuckets, [[9n, 'hashed otherwise', 9]]);
  await using ingest = new IngestWorker(w);
  await ingest.drain();
  expect(await tableRows(w)).toEqual([
    [1n, 'ok', 1],
    [3n, 'ok', 3],
  ]);
  const table = await openTestTable(w);
  const state = await loadState(table, (await latestSnapshot(table))?.properties ?? {});
  expect(state?.counters).toMatchObject({ rowsIn: 4n, written: 2n, deadLettered: 2n });
  const letters = [];
  for await (const letter of readDeadLetters(table, state?.deadLetters ?? '')) letters.push(letter);
  expect(letters.map(letter => [letter.reason, letter.rowCount]).toSorted()).toEqual([
    ['bucket-count', 1],
    ['null-value', 1],
  ]);
});
