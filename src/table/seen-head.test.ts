import { expect, test } from 'vitest';
import { fixtureTable, ManualClock, numberedAppend } from '../../test/table-fixture.ts';
import { seededRandom } from '../base/random.ts';
import { encodeSnapshot, type Snapshot } from '../format/snapshot.ts';
import { type CountingObjectStore, countingObjectStore } from '../storage/counting-object-store.ts';
import { MemoryObjectStore } from '../storage/memory/memory-object-store.ts';
import { Committer } from './commit/commit.ts';
import { baseFreshMs } from './commit/limits.ts';
import { newestSnapshot, readNewest } from './seen-head.ts';
import { snapshotById } from './snapshots.ts';
import { openTable, type Table } from './table.ts';

const folder = 'd.db/t/snapshot';

type Opened = {
  readonly store: CountingObjectStore;
  readonly clock: ManualClock;
  /** Another process's, who commits. */
  readonly writer: Table;
  readonly reader: Table;
  readonly commit: (count: number) => Promise<void>;
};

/** A table with three snapshots, whose head the reader has seen. */
async function seenTable(): Promise<Opened> {
  const clock = new ManualClock();
  const store = countingObjectStore(new MemoryObjectStore('memory:test', clock));
  const parts = { clock, random: seededRandom(1) };
  const writer = await fixtureTable(store, parts);
  let files = 0;
  const commit = async (count: number): Promise<void> => {
    await using committer = new Committer(writer);
    for (let n = 0; n < count; n += 1) {
      files += 1;
      await committer.commit(numberedAppend(writer, { name: `f${files}` }));
    }
  };
  await commit(3);
  const reader = await openTable(store, writer.identifier, { clock, random: seededRandom(2) });
  expect((await newestSnapshot(reader))?.id).toBe(3);
  store.reset();
  return { store, clock, writer, reader, commit };
}

test('a head that was seen is asked for by two GETs, those that came after it by one more each, and one', async () => {
  const { store, reader, commit } = await seenTable();
  expect((await newestSnapshot(reader))?.id).toBe(3);
  expect(store.counts()).toMatchObject({ get: 2, list: 0 });
  await commit(2);
  store.reset();
  expect((await newestSnapshot(reader))?.id).toBe(5);
  expect(store.counts()).toMatchObject({ get: 5, list: 0 });
  await commit(30);
  store.reset();
  expect((await newestSnapshot(reader))?.id).toBe(35);
  expect(store.counts()).toMatchObject({ list: 1 });
});

test('who opens the table again with the same caches knows the head, and who opens another under its name does not', async () => {
  const { store, clock, reader, commit } = await seenTable();
  const parts = { clock, random: seededRandom(3), caches: reader.caches };
  const again = await openTable(store, reader.identifier, parts);
  await commit(1);
  store.reset();
  expect((await newestSnapshot(again))?.id).toBe(4);
  expect(store.counts()).toMatchObject({ get: 4, list: 0 });
  await dropFolder(store);
  const other = await openTable(
    store,
    (await fixtureTable(store, { clock, random: seededRandom(4) })).identifier,
    parts,
  );
  store.reset();
  expect(await newestSnapshot(other)).toBeUndefined();
  expect(store.counts()).toMatchObject({ list: 1 });
});

async function dropFolder(store: CountingObjectStore): Promise<void> {
  for await (const { objects } of store.list('d.db/t/')) for (const { key } of objects) await store.delete(key);
}

test('a head that was seen longer ago is looked for by LIST: what came after it may have come and gone', async () => {
  const { store, clock, reader, commit } = await seenTable();
  await commit(4);
  for (const id of [4, 5]) await store.delete(`${folder}/snapshot-${id}`);
  clock.advance(baseFreshMs);
  // A late writer may even have filled its number again.
  store.reset();
  expect((await newestSnapshot(reader))?.id).toBe(7);
  expect(store.counts()).toMatchObject({ list: 1 });
});

test('an answer that comes too late, when snapshots can have expired meanwhile, is not believed', async () => {
  const { clock, reader, commit } = await seenTable();
  const { getHooked, hooked } = hookedReader(reader);
  // The process stands still behind the answer that there is no snapshot 4.
  getHooked(`${folder}/snapshot-4`, async () => {
    await commit(4);
    clock.advance(baseFreshMs);
  });
  expect((await newestSnapshot(hooked))?.id).toBe(7);
});

test('whether a head still is one takes one round trip', async () => {
  const { reader } = await seenTable();
  const { getHooked, hooked } = hookedReader(reader);
  const { promise, resolve } = Promise.withResolvers<void>();
  // The one answer waits until the other is asked for.
  getHooked(`${folder}/snapshot-4`, () => promise);
  const store = new Proxy(hooked.store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (name !== 'get' || typeof value !== 'function') return value;
      return (key: string, options: object): unknown => {
        if (key === `${folder}/snapshot-3`) resolve();
        return value(key, options);
      };
    },
  });
  expect((await newestSnapshot({ ...hooked, store }))?.id).toBe(3);
});

function hookedReader(reader: Table): {
  readonly hooked: Table;
  readonly getHooked: (key: string, then: () => Promise<void>) => void;
} {
  let hook: { readonly key: string; readonly then: () => Promise<void> } | undefined;
  const observed = new Proxy(reader.store, {
    get(target, name) {
      if (name !== 'get') {
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      }
      return async (key: string, options: object) => {
        const answer = await target.get(key, options);
        if (hook?.key !== key) return answer;
        const { then } = hook;
        hook = undefined;
        await then();
        return answer;
      };
    },
  });
  return {
    hooked: { ...reader, store: observed },
    getHooked: (key, then) => {
      hook = { key, then };
    },
  };
}

test('a head that somebody took away or wrote anew is looked for by LIST', async () => {
  const { store, reader, writer } = await seenTable();
  const third = await snapshotById(writer, 3);
  // As another engine's rollback does, and a commit after it.
  await store.delete(`${folder}/snapshot-3`);
  expect((await newestSnapshot(reader))?.id).toBe(2);
  await store.put(`${folder}/snapshot-3`, encodeSnapshot(third));
  expect((await newestSnapshot(reader))?.id).toBe(3);
  const other = { ...third, deltaManifestList: 'manifest-list-of-another' };
  await store.put(`${folder}/snapshot-3`, encodeSnapshot(other));
  // Also when it has been found again since, so that its bytes are known.
  for (let time = 0; time < 2; time += 1)
    expect((await newestSnapshot(reader))?.deltaManifestList).toBe('manifest-list-of-another');
  await store.put(
    `${folder}/snapshot-3`,
    encodeSnapshot({ ...third, deltaManifestList: 'manifest-list-of-the-third' }),
  );
  expect((await newestSnapshot(reader))?.deltaManifestList).toBe('manifest-list-of-the-third');
});

test('a table whose folder is gone has no snapshot any more', async () => {
  const { store, reader } = await seenTable();
  for (const id of [1, 2, 3]) await store.delete(`${folder}/snapshot-${id}`);
  expect(await newestSnapshot(reader)).toBeUndefined();
});

/** A read that notes what it was asked to read, and gives its number. */
function notedRead(): { readonly read: (snapshot: Snapshot | undefined) => Promise<number>; readonly asked: number[] } {
  const asked: number[] = [];
  const read = async (snapshot: Snapshot | undefined): Promise<number> => {
    asked.push(snapshot?.id ?? 0);
    return snapshot?.id ?? 0;
  };
  return { asked, read };
}

test('what is read of a head that has stood is begun before it is known that it still is the head', async () => {
  const { reader } = await seenTable();
  const { getHooked, hooked } = hookedReader(reader);
  const first = notedRead();
  expect(await readNewest(hooked, first.read)).toBe(3);
  const { promise, resolve } = Promise.withResolvers<void>();
  // The answer that nothing came after it waits until it has been read.
  getHooked(`${folder}/snapshot-4`, () => promise);
  const found = await readNewest(hooked, async snapshot => {
    resolve();
    return snapshot?.id;
  });
  expect(found).toBe(3);
});

test('a head that is not the newest any more is read in vain, once', async () => {
  const { reader, commit, store } = await seenTable();
  const { asked, read } = notedRead();
  const readAgain = async (): Promise<number> => {
    asked.splice(0);
    return readNewest(reader, read);
  };
  expect([await readAgain(), asked]).toEqual([3, [3]]);
  await commit(1);
  expect([await readAgain(), asked]).toEqual([4, [3, 4]]);
  // Where heads come and go nothing is read in vain.
  await commit(1);
  expect([await readAgain(), asked]).toEqual([5, [5]]);
  expect([await readAgain(), asked]).toEqual([5, [5]]);
  await dropFolder(store);
  expect([await readAgain(), asked]).toEqual([0, [5, 0]]);
});

test('what failed of a head counts only if it is the head', async () => {
  const { reader, commit } = await seenTable();
  await readNewest(reader, notedRead().read);
  const ofThird = async (snapshot: Snapshot | undefined): Promise<number> => {
    if (snapshot?.id === 3) throw new Error('a file is missing');
    return snapshot?.id ?? 0;
  };
  await expect(readNewest(reader, ofThird)).rejects.toThrow('a file is missing');
  await commit(1);
  expect(await readNewest(reader, ofThird)).toBe(4);
});
