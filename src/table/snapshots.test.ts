import { expect, test } from 'vitest';
import { fixtureTable, ManualClock, numberedAppend } from '../../test/table-fixture.ts';
import { seededRandom } from '../base/random.ts';
import { encodeSnapshot } from '../format/snapshot.ts';
import { countingObjectStore } from '../storage/counting-object-store.ts';
import { MemoryObjectStore } from '../storage/memory/memory-object-store.ts';
import type { ListPage, ObjectStore } from '../storage/object-store.ts';
import { Committer } from './commit/commit.ts';
import { baseFreshMs } from './commit/limits.ts';
import {
  type KnownHead,
  latestIdAbove,
  latestSnapshot,
  latestSnapshotFrom,
  listSnapshotIds,
  listSnapshots,
  listTags,
  snapshotAtTimestamp,
  snapshotById,
  snapshotOfTag,
} from './snapshots.ts';
import { openTable, type Table } from './table.ts';

const folder = 'd.db/t/snapshot';

type Opened = {
  readonly store: ObjectStore;
  readonly table: Table;
  readonly clock: ManualClock;
  readonly timesMs: number[];
};

/** A table with snapshots 1 to `count`, a minute apart. */
async function tableWith(count: number): Promise<Opened> {
  const clock = new ManualClock();
  const store = new MemoryObjectStore('memory:test', clock);
  const table = await fixtureTable(store, { clock, random: seededRandom(1) });
  await using committer = new Committer(table);
  const timesMs: number[] = [];
  for (let n = 1; n <= count; n += 1) {
    clock.advance(60_000);
    const outcome = await committer.commit(numberedAppend(table, { name: `f${n}` }));
    if (outcome.status === 'committed') timesMs.push(outcome.snapshot.timeMillis);
  }
  return { store, table, clock, timesMs };
}

test('the head is the largest id there is, whatever the hints say', async () => {
  const { store, table } = await tableWith(12);
  await store.put(`${folder}/LATEST`, new TextEncoder().encode('3'));
  expect((await latestSnapshot(table))?.id).toBe(12);
});

test('from a known snapshot the newest is found step by step, by LIST when it is far or the known one is gone', async () => {
  const { store, table } = await tableWith(12);
  const counted = countingObjectStore(store);
  const seen = await openTable(counted, table.identifier, table);
  for (const [knownId, gets, lists] of [
    [12, 2, 0],
    [9, 5, 0],
    [1, 10, 1],
    [99, 2, 1],
  ] as const) {
    counted.reset();
    expect((await latestSnapshotFrom(seen, knownId))?.id, `from ${knownId}`).toBe(12);
    expect([counted.counts().get, counted.counts().list], `from ${knownId}`).toEqual([gets, lists]);
  }
});

test('a table without snapshots has no head and an empty chain', async () => {
  const { table } = await tableWith(0);
  expect(await latestSnapshot(table)).toBeUndefined();
  expect(await listSnapshots(table)).toEqual([]);
  await expect(snapshotById(table, 1)).rejects.toMatchObject({ code: 'LAKE_SNAPSHOT_NOT_FOUND' });
  await expect(snapshotAtTimestamp(table, 0)).rejects.toMatchObject({ code: 'LAKE_SNAPSHOT_NOT_FOUND' });
});

test('a snapshot that never was is told from one that has expired', async () => {
  const { store, table } = await tableWith(5);
  await store.delete(`${folder}/snapshot-1`);
  expect((await snapshotById(table, 3)).id).toBe(3);
  expect((await snapshotById(table, 5)).id).toBe(5);
  await expect(snapshotById(table, 1)).rejects.toMatchObject({ code: 'LAKE_SNAPSHOT_EXPIRED' });
  for (const id of [6, 0, -1, 1.5]) {
    await expect(snapshotById(table, id)).rejects.toMatchObject({ code: 'LAKE_SNAPSHOT_NOT_FOUND' });
  }
});

test('S9: a late file in the number of an expired snapshot is not history', async () => {
  const { store, table } = await tableWith(5);
  const two = await snapshotById(table, 2);
  await store.delete(`${folder}/snapshot-1`);
  await store.put(`${folder}/snapshot-2`, encodeSnapshot({ ...two, deltaManifestList: 'manifest-list-late-1' }));
  expect((await listSnapshots(table)).map(({ id }) => id)).toEqual([3, 4, 5]);
  await expect(snapshotById(table, 2)).rejects.toMatchObject({ code: 'LAKE_SNAPSHOT_EXPIRED' });
});

test('S9: below a hole nothing counts', async () => {
  const { store, table } = await tableWith(6);
  await store.delete(`${folder}/snapshot-3`);
  expect((await listSnapshots(table)).map(({ id }) => id)).toEqual([4, 5, 6]);
  await expect(snapshotById(table, 2)).rejects.toMatchObject({ code: 'LAKE_SNAPSHOT_EXPIRED' });
  await expect(snapshotAtTimestamp(table, 0)).rejects.toMatchObject({ code: 'LAKE_SNAPSHOT_EXPIRED' });
});

test('S9: a hole that only one LIST shows is none', async () => {
  const { store, table, clock } = await tableWith(4);
  let lists = 0;
  const blinking: ObjectStore = {
    ...forwarding(store),
    async *list(prefix, options): AsyncIterable<ListPage> {
      lists += 1;
      for await (const page of store.list(prefix, options)) {
        const objects = lists === 1 ? page.objects.filter(({ key }) => !key.endsWith('-2')) : page.objects;
        yield { ...page, objects };
      }
    },
  };
  const parts = { clock, random: seededRandom(1) };
  const seen: Table = { ...(await openTable(store, { database: 'd', name: 't' }, parts)), store: blinking };
  expect((await listSnapshots(seen)).map(({ id }) => id)).toEqual([1, 2, 3, 4]);
  expect((await listSnapshots(table)).length).toBe(4);
});

test('time travel takes the newest snapshot at or before the time', async () => {
  const { store, table, timesMs } = await tableWith(9);
  for (const [index, timeMs] of timesMs.entries()) {
    expect((await snapshotAtTimestamp(table, timeMs)).id).toBe(index + 1);
    expect((await snapshotAtTimestamp(table, timeMs + 1)).id).toBe(index + 1);
  }
  const firstMs = timesMs[0] ?? 0;
  await expect(snapshotAtTimestamp(table, firstMs - 1)).rejects.toMatchObject({ code: 'LAKE_SNAPSHOT_NOT_FOUND' });
  await store.delete(`${folder}/snapshot-1`);
  await expect(snapshotAtTimestamp(table, firstMs)).rejects.toMatchObject({ code: 'LAKE_SNAPSHOT_EXPIRED' });
});

test('tags are snapshots by name', async () => {
  const { store, table } = await tableWith(2);
  const two = await snapshotById(table, 2);
  await store.put('d.db/t/tag/tag-v1.0', encodeSnapshot(two));
  expect(await listTags(table)).toEqual(['v1.0']);
  expect((await snapshotOfTag(table, 'v1.0')).id).toBe(2);
  for (const name of ['v2', '', 'a/b']) {
    await expect(snapshotOfTag(table, name)).rejects.toMatchObject({ code: 'LAKE_TAG_NOT_FOUND' });
  }
});

function knownHead(table: Table, id: number): KnownHead {
  return { id, storeTimeMs: table.clock.nowMs() };
}

test('from a known id the head is found in one LIST of the numbers that differ in the last two digits, else in two', async () => {
  const { store, table } = await tableWith(123);
  const asked = countingObjectStore(store);
  for (const known of [1, 5, 9, 10, 19, 42, 98, 99, 100, 109, 119, 120, 123]) {
    asked.reset();
    expect(await latestIdAbove({ ...table, store: asked }, knownHead(table, known))).toMatchObject({ id: 123 });
    expect(asked.counts().list, `from ${known}`).toBe(known < 100 ? 2 : 1);
  }
  const sizes: number[] = [];
  const measured: ObjectStore = {
    ...forwarding(store),
    async *list(prefix, options): AsyncIterable<ListPage> {
      for await (const page of store.list(prefix, options)) {
        sizes.push(page.objects.length);
        yield page;
      }
    },
  };
  expect(await latestIdAbove({ ...table, store: measured }, knownHead(table, 121))).toMatchObject({ id: 123 });
  // 1, 10 to 19 and 100 to 123.
  expect(sizes).toEqual([35]);
});

test('a known id that has expired is no place to begin: everything is listed', async () => {
  const { store, table } = await tableWith(30);
  for (let id = 1; id <= 25; id += 1) await store.delete(`${folder}/snapshot-${id}`);
  expect(await latestIdAbove(table, knownHead(table, 13))).toMatchObject({ id: 30 });
  expect(await latestIdAbove(table, knownHead(table, 25))).toMatchObject({ id: 30 });
});

test('a known id that a late writer may have filled again is no place to begin', async () => {
  const { store, table, clock } = await tableWith(30);
  const known = knownHead(table, 13);
  const thirteen = encodeSnapshot(await snapshotById(table, 13));
  for (let id = 1; id <= 25; id += 1) await store.delete(`${folder}/snapshot-${id}`);
  clock.advance(baseFreshMs);
  await store.put(`${folder}/snapshot-13`, thirteen);
  expect(await latestIdAbove(table, known)).toMatchObject({ id: 30 });
});

test('a head that ends a block of numbers is found', async () => {
  for (const count of [9, 10, 99, 100]) {
    const { table } = await tableWith(count);
    for (const known of [1, 7, count - 1, count].filter(id => id <= count)) {
      expect(await latestIdAbove(table, knownHead(table, known))).toMatchObject({ id: count });
    }
  }
});

test('a LIST that takes longer than B shows no moment and is made again', async () => {
  const { store, table, clock } = await tableWith(3);
  let lists = 0;
  const slow: ObjectStore = {
    ...forwarding(store),
    async *list(prefix): AsyncIterable<ListPage> {
      lists += 1;
      for await (const page of store.list(prefix, { pageKeysMax: 1 })) {
        yield { ...page, storeTimeMs: clock.nowMs() };
        if (lists === 1) clock.advance(baseFreshMs);
      }
    },
  };
  expect((await listSnapshotIds({ ...table, store: slow })).ids).toEqual([1, 2, 3]);
  expect(lists).toBe(2);
});

test('files that are no snapshots are passed over', async () => {
  const { store, table } = await tableWith(2);
  for (const name of ['snapshot-x', '.snapshot-9.uuid.tmp', 'snapshot-007', 'snapshot-3.bak']) {
    await store.put(`${folder}/${name}`, new Uint8Array(1));
  }
  expect((await listSnapshotIds(table)).ids).toEqual([1, 2]);
});

test('a snapshot file that says it is another is corrupt', async () => {
  const { store, table } = await tableWith(2);
  await store.put(`${folder}/snapshot-3`, encodeSnapshot(await snapshotById(table, 2)));
  await expect(latestSnapshot(table)).rejects.toMatchObject({ kind: 'corrupt', code: 'LAKE_CORRUPT_SNAPSHOT' });
});

function forwarding(inner: ObjectStore): ObjectStore {
  return {
    uri: inner.uri,
    get: (key, options) => inner.get(key, options),
    getRange: (key, range, options) => inner.getRange(key, range, options),
    head: (key, options) => inner.head(key, options),
    put: (key, bytes, options) => inner.put(key, bytes, options),
    putIfAbsent: (key, bytes, options) => inner.putIfAbsent(key, bytes, options),
    putIfMatch: (key, bytes, etag, options) => inner.putIfMatch(key, bytes, etag, options),
    delete: (key, options) => inner.delete(key, options),
    list: (prefix, options) => inner.list(prefix, options),
    [Symbol.asyncDispose]: async () => {},
  };
}
