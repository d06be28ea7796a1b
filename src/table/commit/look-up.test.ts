/** How the base of a commit is found, and what that costs. */
import { expect, test } from 'vitest';
import { changedStore } from '../../../test/changed-ports.ts';
import { fixedRequest, fixtureTable, ManualClock, numberedAppend } from '../../../test/table-fixture.ts';
import { seededRandom } from '../../base/random.ts';
import { encodeSnapshot } from '../../format/snapshot.ts';
import { type CountingObjectStore, countingObjectStore } from '../../storage/counting-object-store.ts';
import { MemoryObjectStore } from '../../storage/memory/memory-object-store.ts';
import type { ObjectStore, StoredObject } from '../../storage/object-store.ts';
import { headSnapshot } from '../snapshots.ts';
import { openTable, type Table } from '../table.ts';
import type { TableBase } from './base.ts';
import { commit } from './commit.ts';
import { baseLookAgainMs } from './limits.ts';
import { followBase, lookUpBase, propertiesInForce } from './look-up.ts';

const clock = new ManualClock();
const parts = { clock, random: seededRandom(1) };

type Bench = {
  readonly inner: MemoryObjectStore;
  /** Writes, past what is counted. */
  readonly writer: Table;
  /** What the other table asks, with the end of the key. */
  readonly requests: string[];
  readonly store: CountingObjectStore;
  readonly table: Table;
};

/** A table, and the same once more; `get` stands between the store and the latter. */
async function bench(
  get: (key: string, object: StoredObject | undefined) => Promise<StoredObject | undefined> = async (_, object) =>
    object,
): Promise<Bench> {
  const inner = new MemoryObjectStore('memory:look-up', clock);
  const writer = await fixtureTable(inner, parts);
  const requests: string[] = [];
  const changed = changedStore<ObjectStore>(inner, {
    get: async (key, options) => get(key, await inner.get(key, options)),
  });
  const store = countingObjectStore(changed, (operation, key) =>
    requests.push(`${operation} ${key.split('/').at(-1)}`),
  );
  const table = await openTable(store, { database: 'd', name: 't' }, parts);
  requests.length = 0;
  return { inner, writer, requests, store, table };
}

async function baseOf(table: Table, known?: TableBase): Promise<TableBase> {
  const found = await lookUpBase(table, known);
  if (found.kind !== 'base') throw new Error(`no base: ${found.reason}`);
  return found.base;
}

/** Ours from number 1 with a property; on top of them snapshots as another program writes them. */
async function foreignOnTop({ inner, writer }: Bench, count: number, oursCount = 1): Promise<void> {
  for (let id = 1; id <= oursCount; id += 1) {
    await commit(writer, fixedRequest(writer, { properties: { 'tidelake.position': '7' } }));
  }
  const head = await headSnapshot(writer);
  if (head === undefined) throw new Error('there is a snapshot');
  for (let id = 1 + oursCount; id < 1 + oursCount + count; id += 1) {
    await inner.put(`d.db/t/snapshot/snapshot-${id}`, encodeSnapshot({ ...head, id, properties: {} }));
  }
}

function snapshotReads(requests: readonly string[]): readonly number[] {
  return requests.flatMap(request => {
    const id = /^get snapshot-(.+)$/.exec(request)?.[1];
    return id === undefined ? [] : [Number(id)];
  });
}

test('a base that is still the head costs no reading, and only its time is new', async () => {
  const opened = await bench();
  await foreignOnTop(opened, 11);
  const { requests, table } = opened;
  const first = await baseOf(table);
  requests.length = 0;
  clock.advance(1_000);
  const again = await baseOf(table, first);
  // Numbers that begin as that of the base does; and whose another program's head is.
  expect(requests).toEqual(['list snapshot-', 'list schema-']);
  expect(again).toMatchObject({
    id: 12,
    snapshot: first.snapshot,
    schema: first.schema,
    properties: { 'tidelake.position': '7' },
    manifests: first.manifests,
    storeTimeMs: first.storeTimeMs + 1_000,
    seenAtMs: first.seenAtMs + 1_000,
  });
});

test('what others have committed since is found above the base that is known', async () => {
  const { table, writer } = await bench();
  const first = await baseOf(table);
  expect(first).toMatchObject({ id: 0, manifests: [], properties: {} });
  await commit(writer, numberedAppend(writer, { name: 'a' }));
  const second = await baseOf(table, first);
  expect(second).toMatchObject({ id: 1, manifests: [{ numAddedFiles: 1 }] });
  await commit(writer, numberedAppend(writer, { name: 'b' }));
  expect((await baseOf(table, second)).id).toBe(2);
});

test('the snapshot that follows a base is found by one GET, and is a base of the same time', async () => {
  const { table, writer, requests } = await bench();
  await commit(writer, numberedAppend(writer, { name: 'a' }));
  const first = await baseOf(table);
  requests.length = 0;
  expect(await followBase(table, first)).toBeUndefined();
  expect(requests).toEqual(['get snapshot-2']);
  clock.advance(1_000);
  for (const name of ['b', 'c']) await commit(writer, numberedAppend(writer, { name }));
  const found = await followBase(table, first);
  expect(found).toMatchObject({ kind: 'base', base: { id: 2, storeTimeMs: first.storeTimeMs } });
  expect(found?.kind === 'base' && found.base.manifests.length).toBe(2);
  expect(snapshotReads(requests)).toEqual([2, 2]);
  // Of several the last one.
  expect(await followBase(table, first, 4)).toMatchObject({ kind: 'base', base: { id: 3 } });
  expect(await followBase(table, first, 2)).toBeUndefined();
});

test('S1: what lies above a base that has grown old is not believed', async () => {
  const { table, writer } = await bench();
  await commit(writer, numberedAppend(writer, { name: 'a' }));
  const first = await baseOf(table);
  await commit(writer, numberedAppend(writer, { name: 'b' }));
  clock.advance(baseLookAgainMs);
  expect(await followBase(table, first)).toMatchObject({ kind: 'base', base: { id: 2 } });
  clock.advance(1);
  expect(await followBase(table, first)).toBeUndefined();
});

test('S10: what follows a base and is of another table fences', async () => {
  const opened = await bench();
  await foreignOnTop(opened, 0);
  const { inner, table } = opened;
  const first = await baseOf(table);
  const head = await headSnapshot(table);
  if (head === undefined) throw new Error('there is a snapshot');
  const another = encodeSnapshot({ ...head, id: 2, properties: { 'tidelake.table': 'another' } });
  await inner.put('d.db/t/snapshot/snapshot-2', another);
  expect(await followBase(table, first)).toEqual({ kind: 'fenced', reason: 'table-gone' });
});

test('a head that goes between listing and reading, or before its manifests are read, is looked for again', async () => {
  for (const goesAt of ['snapshot-1', 'manifest-list-']) {
    let pending = true;
    const { inner, table, writer } = await bench(async (key, object) => {
      if (!pending || !key.includes(goesAt)) return object;
      pending = false;
      await commit(writer, numberedAppend(writer, { name: 'b' }));
      await inner.delete('d.db/t/snapshot/snapshot-1');
      return undefined;
    });
    await commit(writer, numberedAppend(writer, { name: 'a' }));
    expect([goesAt, (await baseOf(table)).id]).toEqual([goesAt, 2]);
  }
});

test('a head that is always gone when it is read is looked for so many times', async () => {
  const { table, writer, store } = await bench(async (key, object) => (key.includes('snapshot-') ? undefined : object));
  await commit(writer, numberedAppend(writer, { name: 'a' }));
  store.reset();
  await expect(lookUpBase(table, undefined)).rejects.toMatchObject({
    kind: 'unavailable',
    code: 'LAKE_STORE_UNAVAILABLE',
  });
  expect(store.counts()).toMatchObject({ list: 10, get: 10 });
});

test('a file that is missing under a head that stays is no reason to look again', async () => {
  const { table, writer, store } = await bench(async (key, object) =>
    key.includes('manifest-list') ? undefined : object,
  );
  await commit(writer, numberedAppend(writer, { name: 'a' }));
  await expect(lookUpBase(table, undefined)).rejects.toMatchObject({ code: 'LAKE_FILE_MISSING' });
  expect(store.counts().list).toBeLessThan(10);
});

test('our properties are looked for below heads of others, sixteen at a time and no further than needed', async () => {
  const range = (from: number, to: number): readonly number[] =>
    Array.from({ length: from - to + 1 }, (_, index) => from - index);
  for (const [ours, foreign, reads] of [
    [1, 0, []],
    [1, 1, [1]],
    [1, 40, range(40, 1)],
    [4, 16, range(19, 4)],
    [4, 17, range(20, 1)],
  ] as const) {
    const opened = await bench();
    await foreignOnTop(opened, foreign, ours);
    const { table, requests } = opened;
    const head = await headSnapshot(table);
    if (head === undefined) throw new Error('there is a snapshot');
    requests.length = 0;
    expect(await propertiesInForce(table, head)).toEqual({ 'tidelake.position': '7', 'tidelake.table': 'table-1' });
    expect(snapshotReads(requests)).toEqual(reads);
  }
});

test('where there is nothing of ours below nothing is in force', async () => {
  const opened = await bench();
  await foreignOnTop(opened, 20);
  const { inner, table, requests } = opened;
  const head = await headSnapshot(table);
  if (head === undefined) throw new Error('there is a snapshot');
  await inner.put('d.db/t/snapshot/snapshot-1', encodeSnapshot({ ...head, id: 1 }));
  requests.length = 0;
  expect(await propertiesInForce(table, head)).toEqual({});
  expect(snapshotReads(requests)).toEqual(Array.from({ length: 20 }, (_, index) => 20 - index));
  expect(await propertiesInForce(table, { ...head, id: 1 })).toEqual({});
});
