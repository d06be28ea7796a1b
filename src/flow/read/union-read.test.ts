/** What a union read asks of the log; that its rows are right is tested in union-read.long.test.ts. */
import { expect, test } from 'vitest';
import { LakeError } from '../../base/errors.ts';
import { createTable } from '../../catalog/catalog.ts';
import { countingLogStore } from '../../storage/counting-log-store.ts';
import { countingObjectStore } from '../../storage/counting-object-store.ts';
import type { LogStore } from '../../storage/log-store.ts';
import { MemoryObjectStore } from '../../storage/memory/memory-object-store.ts';
import { openObjectLog } from '../../storage/object-log/object-log-store.ts';
import { openTable } from '../../table/table.ts';
import type { Scalar } from '../../types/scalar.ts';
import { IngestWorker } from '../ingest/ingest-worker.ts';
import { append, collect, openTestTable, testDefinition, testIdentifier, testProducer, testWorld } from '../testing.ts';
import { unionRead } from './union-read.ts';

async function halfIngested(log?: LogStore) {
  const w = { ...testWorld(3), ...(log === undefined ? {} : { log }) };
  const schema = await createTable(w, testIdentifier, testDefinition, { ifNotExists: false });
  const producer = testProducer(w, schema);
  const rowsFrom = (first: number) => Array.from({ length: 20 }, (_, i) => [BigInt(first + i), 'v', first + i]);
  await append(producer, schema, rowsFrom(0));
  await using worker = new IngestWorker(w);
  await worker.drain();
  await append(producer, schema, rowsFrom(20));
  const write = (rows: Scalar[][], kind = 0) => append(producer, schema, rows, kind);
  return { w, table: await openTestTable(w), write };
}

test('a union read asks once which shards there are and reads each once', async () => {
  const { w, table } = await halfIngested();
  const log = countingLogStore(w.log);
  expect(await collect(unionRead({ ...w, log }, table))).toHaveLength(40);
  expect(log.counts()).toMatchObject({ describe: 1, read: 4 });
});

test('by key only the shard is read, and only the checkpoint, that the key can be in', async () => {
  const { w } = await halfIngested();
  const log = countingLogStore(w.log);
  const checkpoints: string[] = [];
  const store = countingObjectStore(w.store, (operation, key) => {
    if (operation === 'get' && key.startsWith('tidelake-log/')) checkpoints.push(key);
  });
  for (const k of [7n, 27n]) {
    const table = await openTestTable(w);
    checkpoints.length = 0;
    const before = log.counts();
    const predicate = { kind: 'compare', op: '=', column: 'k', value: k } as const;
    expect(await collect(unionRead({ ...w, store, log }, table, { predicate }))).toEqual([[k, 'v', Number(k)]]);
    const after = log.counts();
    expect([after.describe - before.describe, after.read - before.read, checkpoints.length]).toEqual([1, 1, 1]);
  }
});

test('who reads again asks the log for what is new, and the store whether the snapshot is still the head', async () => {
  const { w, write } = await halfIngested();
  const log = countingLogStore(w.log);
  const store = countingObjectStore(w.store);
  const table = await openTable(store, { database: 'db', name: 't' }, w);
  const ofKey = { predicate: { kind: 'compare', op: '=', column: 'k', value: 25n } } as const;
  const read = () => collect(unionRead({ ...w, store, log }, table, ofKey));
  expect(await read()).toEqual([[25n, 'v', 25]]);
  await write([[25n, 'newer', 1]]);
  const [logBefore, storeBefore] = [log.counts(), store.counts()];
  expect(await read()).toEqual([[25n, 'newer', 1]]);
  expect(log.counts()).toMatchObject({ describe: logBefore.describe, read: logBefore.read + 1 });
  // No list, and no data file: the newest row of the key is all there is of it.
  expect(store.counts()).toMatchObject({
    get: storeBefore.get + 2,
    getRange: storeBefore.getRange,
    list: storeBefore.list,
  });
  await write([[25n, 'gone', 1]], 3);
  expect(await read()).toEqual([]);
  await write([[25n, 'back', 2]]);
  await using worker = new IngestWorker(w);
  await worker.drain();
  // The tail was that of another snapshot.
  expect(await read()).toEqual([[25n, 'back', 2]]);
  expect(log.counts().describe).toBe(logBefore.describe + 1);
});

/** The log, whose records are read so. */
function readingBy(log: LogStore, read: LogStore['read']): LogStore {
  return new Proxy(log, {
    get(target, name) {
      if (name === 'read') return read;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

test('each of many reads at a time has what was acknowledged before it began', async () => {
  const { w, table, write } = await halfIngested();
  let reads = 0;
  const slow: LogStore = readingBy(w.log, async (...args) => {
    reads += 1;
    const answer = await w.log.read(...args);
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
    return answer;
  });
  const ofKey = { predicate: { kind: 'compare', op: '=', column: 'k', value: 25n } } as const;
  const newest = async () => (await collect(unionRead({ ...w, log: slow }, table, ofKey)))[0]?.[2];
  await newest();
  reads = 0;
  const looks: Promise<void>[] = [];
  for (let n = 100; n < 160; n += 1) {
    await write([[25n, 'v', n]]);
    looks.push(
      newest().then(found => {
        expect(found).toBeGreaterThanOrEqual(n);
      }),
    );
  }
  await Promise.all(looks);
  // Those that wait for the same read share it.
  expect(reads).toBeLessThanOrEqual(looks.length);
});

test('a tail that many ask for is read on by one at a time, whenever they come', async () => {
  const { w, table } = await halfIngested();
  let [running, runningMost, reads] = [0, 0, 0];
  const slow: LogStore = readingBy(w.log, async (...args) => {
    running += 1;
    reads += 1;
    runningMost = Math.max(runningMost, running);
    const answer = await w.log.read(...args);
    running -= 1;
    return answer;
  });
  const ofKey = { predicate: { kind: 'compare', op: '=', column: 'k', value: 25n } } as const;
  const read = () => collect(unionRead({ ...w, log: slow }, table, ofKey));
  await read();
  reads = 0;
  const looks: Promise<unknown>[] = [];
  for (let turn = 0; turn < 300; turn += 1) {
    looks.push(read());
    await Promise.resolve();
  }
  for (const found of await Promise.all(looks)) expect(found).toEqual([[25n, 'v', 25]]);
  expect(reads).toBeGreaterThan(2);
  expect(runningMost).toBe(1);
});

test('of a key that is zero a filter does not leave out a newer row whose zero is another', async () => {
  const w = testWorld();
  const schema = await createTable(
    w,
    testIdentifier,
    {
      columns: [
        { name: 'd', type: { kind: 'double', nullable: false } },
        { name: 'n', type: { kind: 'int', nullable: true } },
      ],
      primaryKeys: ['d'],
      partitionKeys: [],
      options: { bucket: '1' },
    },
    { ifNotExists: false },
  );
  const producer = testProducer(w, schema);
  await append(producer, schema, [[0, 1]]);
  await using worker = new IngestWorker(w);
  await worker.drain();
  await append(producer, schema, [[-0, 2]]);
  const table = await openTestTable(w);
  expect(await collect(unionRead(w, table))).toEqual([[-0, 2]]);
  for (const op of ['=', '>='] as const) {
    const predicate = { kind: 'compare', op, column: 'd', value: 0 } as const;
    expect(await collect(unionRead(w, table, { predicate })), op).toEqual([]);
  }
  // The same when both are in files.
  await worker.drain();
  for (const op of ['=', '>='] as const) {
    const predicate = { kind: 'compare', op, column: 'd', value: 0 } as const;
    expect(await collect(unionRead(w, await openTestTable(w), { predicate })), `${op}, files`).toEqual([]);
  }
});

test('a tail of which a read failed is begun anew', async () => {
  const { w, table, write } = await halfIngested();
  let failures = 0;
  const failing: LogStore = readingBy(w.log, (...args) => {
    if (failures === 0) return w.log.read(...args);
    failures -= 1;
    return Promise.reject(new LakeError('unavailable', 'LAKE_LOG_UNAVAILABLE', 'the log does not answer'));
  });
  const read = () => collect(unionRead({ ...w, log: failing }, table));
  expect(await read()).toHaveLength(40);
  await write([
    [100n, 'v', 1],
    [101n, 'v', 1],
    [102n, 'v', 1],
  ]);
  failures = 1;
  expect(await read()).toHaveLength(43);
  failures = 6;
  await expect(read()).rejects.toMatchObject({ code: 'LAKE_LOG_UNAVAILABLE' });
  failures = 0;
  expect(await read()).toHaveLength(43);
});

test('a log that was deleted and made anew is noticed while the snapshot stays the head', async () => {
  const { clock, random } = testWorld(3);
  const objects = new MemoryObjectStore('memory:log', clock);
  const openLog = () => openObjectLog(objects, { shardCount: 1 }, { clock, random });
  const { w, table } = await halfIngested(await openLog());
  const read = () => collect(unionRead(w, table));
  expect(await read()).toHaveLength(40);
  await objects.delete('tidelake-log.json');
  await openLog();
  await expect(read()).rejects.toMatchObject({ code: 'LAKE_LOG_NOT_FOUND' });
});
