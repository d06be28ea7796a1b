import { expect, test } from 'vitest';
import { changedStore } from '../../test/changed-ports.ts';
import { fixtureSchema, fixtureTable, ManualClock, putSchema } from '../../test/table-fixture.ts';
import { seededRandom } from '../base/random.ts';
import { countingObjectStore } from '../storage/counting-object-store.ts';
import { MemoryObjectStore } from '../storage/memory/memory-object-store.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { BoundedCache } from './bounded-cache.ts';
import { dutiesDiffer } from './commit/duties.ts';
import { ObservedStore } from './observed-store.ts';
import { openTable, reopenTable } from './table.ts';

const clock = new ManualClock();
const parts = { clock, random: seededRandom(1) };
const name = { database: 'd', name: 't' };

function memoryStore(): ObjectStore {
  return new MemoryObjectStore('memory:test', clock);
}

test('a table that is not there is named', async () => {
  await expect(openTable(memoryStore(), name, parts)).rejects.toMatchObject({
    kind: 'invalid',
    code: 'LAKE_TABLE_NOT_FOUND',
    message: expect.stringContaining('d.t'),
  });
});

test('opening takes one LIST and one GET and shows the newest schema', async () => {
  const store = countingObjectStore(memoryStore());
  for (const schemaId of [0, 1, 10, 9]) await putSchema(store, fixtureSchema({ schemaId }));
  store.reset();
  const table = await openTable(store, name, parts);
  expect(store.counts()).toMatchObject({ list: 1, get: 1 });
  expect(table).toMatchObject({ id: 'table-1', path: 'd.db/t', metaPath: 'd.db/t', label: 'd.t', schema: { id: 10 } });
  expect((await table.schemas.get(9)).id).toBe(9);
  await expect(table.schemas.get(3)).rejects.toMatchObject({ kind: 'corrupt', code: 'LAKE_SCHEMA_MISSING' });
});

test('a table that is dropped between the listing and the look at its schema is not there', async () => {
  const inner = memoryStore();
  const store = changedStore(inner, {
    get: async key => {
      await inner.delete(key);
      return inner.get(key);
    },
  });
  await putSchema(inner, fixtureSchema());
  await expect(openTable(store, name, parts)).rejects.toMatchObject({ code: 'LAKE_TABLE_NOT_FOUND' });
});

test('a table that is made again between the listing and the look is opened', async () => {
  const inner = memoryStore();
  const gone = 'd.db/t/schema/schema-0';
  const store = changedStore(inner, {
    get: async key => {
      if (key !== gone) return inner.get(key);
      await inner.delete(gone);
      await putSchema(inner, fixtureSchema({ schemaId: 1 }));
      return undefined;
    },
  });
  await putSchema(inner, fixtureSchema());
  expect((await openTable(store, name, parts)).schema.id).toBe(1);
});

test('a schema that is listed twice and can not be read is missing', async () => {
  const inner = memoryStore();
  const store = countingObjectStore(changedStore(inner, { get: async () => undefined }));
  await putSchema(inner, fixtureSchema());
  await expect(openTable(store, name, parts)).rejects.toMatchObject({
    code: 'LAKE_SCHEMA_MISSING',
    message: expect.stringContaining('d.db/t/schema/schema-0 is named by the table'),
  });
  expect(store.counts()).toMatchObject({ list: 2, get: 2 });
});

test('a table changed by another program keeps the id of its older schema', async () => {
  const store = memoryStore();
  await putSchema(store, fixtureSchema());
  await putSchema(store, { ...fixtureSchema({ schemaId: 1 }), extra: {} });
  expect((await openTable(store, name, parts)).id).toBe('table-1');
});

test('a table reopened shows a newer schema and keeps its caches', async () => {
  const store = memoryStore();
  const table = await fixtureTable(store, parts);
  await putSchema(store, fixtureSchema({ schemaId: 1 }));
  const reopened = await reopenTable(table);
  expect(reopened.schema.id).toBe(1);
  expect(reopened.caches).toBe(table.caches);
});

test('the time of the store is that of its newest answer', async () => {
  const store = new ObservedStore(memoryStore());
  expect(store.lastStoreTimeMs).toBeUndefined();
  await store.put('a', new Uint8Array(1));
  const putMs = clock.nowMs();
  expect(store.lastStoreTimeMs).toBe(putMs);
  clock.advance(10);
  expect(await store.get('absent')).toBeUndefined();
  expect(store.lastStoreTimeMs).toBe(putMs);
  for await (const page of store.list('')) expect(page.objects.length).toBe(1);
  expect(store.lastStoreTimeMs).toBe(putMs + 10);
  clock.advance(10);
  await store.putIfAbsent('a', new Uint8Array(1));
  expect(store.lastStoreTimeMs).toBe(putMs + 20);
  expect(store.counts).toEqual({ get: 1, put: 1, putIfAbsent: 1, list: 1, other: 0 });
});

test('a cache forgets what was used longest ago, and never holds more than its bound', async () => {
  const cache = new BoundedCache<string>(10);
  cache.put('a', 'A', 4);
  cache.put('b', 'B', 4);
  expect(cache.get('a')).toBe('A');
  cache.put('c', 'C', 4);
  expect([cache.get('a'), cache.get('b'), cache.get('c'), cache.bytes]).toEqual(['A', undefined, 'C', 8]);
  cache.put('huge', 'H', 11);
  expect([cache.get('huge'), cache.bytes]).toEqual([undefined, 8]);
  cache.put('a', 'A2', 5);
  expect([cache.get('a'), cache.bytes]).toEqual(['A2', 9]);
});

test('a cache in which everything was used still takes the next value', () => {
  const cache = new BoundedCache<string>(3);
  for (const key of ['a', 'b', 'c']) cache.put(key, key, 1);
  for (const key of ['a', 'b', 'c']) cache.get(key);
  cache.put('d', 'd', 1);
  expect(['a', 'b', 'c', 'd'].map(key => cache.get(key))).toEqual([undefined, 'b', 'c', 'd']);
  cache.put('wide', 'w', 3);
  expect([...['b', 'c', 'd', 'wide'].map(key => cache.get(key)), cache.bytes]).toEqual([
    undefined,
    undefined,
    undefined,
    'w',
    3,
  ]);
});

test('a cache loads a key once for all who ask at the same time, and again after a failure', async () => {
  const cache = new BoundedCache<number>(10);
  let loads = 0;
  const load = async (): Promise<{ value: number; bytes: number }> => {
    loads += 1;
    await clock.sleep(1);
    if (loads === 1) throw new Error('first');
    return { value: loads, bytes: 1 };
  };
  await expect(Promise.all([cache.load('a', load), cache.load('a', load)])).rejects.toThrow('first');
  expect(await Promise.all([cache.load('a', load), cache.load('a', load)])).toEqual([2, 2]);
  expect(await cache.load('a', load)).toBe(2);
});

test('A2: options that writers must heed are duties, others and columns are not', () => {
  const plain = fixtureSchema();
  for (const [key, value] of [
    ['bucket', '4'],
    ['sequence.field', 'v'],
    ['changelog-producer', 'input'],
    ['deletion-vectors.enabled', 'true'],
    ['merge-engine', 'aggregation'],
    ['fields.v.aggregate-function', 'sum'],
  ] as const) {
    expect(dutiesDiffer(plain, fixtureSchema({ options: { [key]: value } })), key).toBe(true);
  }
  expect(dutiesDiffer(plain, fixtureSchema({ options: { 'snapshot.num-retained.min': '3' } }))).toBe(false);
  expect(dutiesDiffer(plain, { ...plain, fields: plain.fields.slice(0, 2), comment: 'x' })).toBe(false);
});
