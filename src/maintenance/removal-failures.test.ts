/** Removal when files are missing, stores do not answer, answers are lost and others are quicker. */
import { expect, test } from 'vitest';
import { changedStore } from '../../test/changed-ports.ts';
import {
  append,
  commitPlanned,
  fiveSnapshots,
  hourMs,
  missingFiles,
  newWorld,
  opened,
  paths,
  snapshotIds,
  tablePath,
  tag,
  type World,
} from '../../test/maintenance-fixture.ts';
import { beforePutIfAbsent } from '../../test/table-fixture.ts';
import { LakeError } from '../base/errors.ts';
import { encodeSnapshot } from '../format/snapshot.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { expiryRecordKey, readExpiryRecord } from '../table/expiry-record.ts';
import { deltaManifestsOf } from '../table/manifests.ts';
import { readSnapshot, snapshotById } from '../table/snapshots.ts';
import { type ExpireReceipt, expireSnapshots } from './expire-snapshots.ts';
import { ownLine } from './lines.ts';
import { removeOrphanFiles } from './remove-orphan-files.ts';

/** Another process each time: the same seed would be the same run. */
let processes = 0;
async function expireOn(world: World, store: ObjectStore = world.store): Promise<ExpireReceipt> {
  processes += 1;
  return expireSnapshots((await opened(store, world.clock, 100 + processes)).table);
}

const isSnapshot = (key: string): boolean => key.includes('/snapshot/snapshot-');

/** A run that dies when it has taken the snapshot files away. */
async function dieInTheMiddle(world: World): Promise<void> {
  const store = changedStore<ObjectStore>(world.store, { putIfMatch: () => Promise.reject(new Error('died')) });
  await expect(expireOn(world, store)).rejects.toThrow('died');
  expect(await snapshotIds(world.store)).toEqual([4, 5]);
}

test('an aborted run removes nothing and says why', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  const signal = AbortSignal.abort(new Error('stopped'));
  await expect(expireSnapshots(world.table, { signal })).rejects.toThrow('stopped');
  await expect(removeOrphanFiles(world.table, { signal })).rejects.toThrow('stopped');
  expect(await snapshotIds(world.store)).toEqual([1, 2, 3, 4, 5]);
});

test('cleaning that is aborted while it removes stops there', async () => {
  const world = await newWorld();
  await append(world, 'a');
  for (let at = 0; at < 40; at += 1) await world.store.put(`${tablePath}/index/lost-${at}`, new Uint8Array(1));
  world.clock.advance(72 * hourMs);
  await append(world, 'b');
  const abort = new AbortController();
  const store = changedStore<ObjectStore>(world.store, {
    delete: async key => {
      abort.abort(new Error('stopped'));
      await world.store.delete(key);
    },
  });
  const { table } = await opened(store, world.clock, 12);
  await expect(removeOrphanFiles(table, { signal: abort.signal })).rejects.toThrow('stopped');
  expect((await paths(world.store, 'index/')).length).toBeGreaterThan(20);
});

test('of many orphans a receipt counts all and shows the first thousand', async () => {
  const world = await newWorld();
  await append(world, 'a');
  for (let at = 0; at < 1_001; at += 1) await world.store.put(`${tablePath}/index/lost-${at}`, new Uint8Array(1));
  world.clock.advance(72 * hourMs);
  await append(world, 'b');
  const receipt = await removeOrphanFiles(world.table);
  expect(receipt).toMatchObject({ removed: { fileCount: 1_001, bytes: 1_001 }, cutoffMs: expect.any(Number) });
  expect(receipt.keys).toHaveLength(1_000);
  // What was left alone was looked at, too.
  expect(receipt.listedCount).toBe(1_001 + (await paths(world.store, '')).length);
});

test('orphans of a table whose options ask for more than is known are left alone, by name', async () => {
  const world = await newWorld({ options: { 'data-file.external-paths': 's3://elsewhere' } });
  const receipt = await removeOrphanFiles(world.table);
  expect(receipt).toMatchObject({ status: 'given-up', code: 'LAKE_UNSUPPORTED', listedCount: 0 });
});

test('orphans are looked for again when a tag whose files are gone goes itself meanwhile', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  const first = await snapshotById(world.table, 1);
  const gone = { ...first, id: 9, deltaManifestList: 'manifest-list-gone-1' };
  await world.store.put(`${tablePath}/tag/tag-gone`, encodeSnapshot(gone));
  await world.store.put(`${tablePath}/index/lost`, new Uint8Array(1));
  world.clock.advance(72 * hourMs);
  await append(world, 'later');
  let listings = 0;
  const store = changedStore<ObjectStore>(world.store, {
    list: async function* (prefix) {
      if (prefix.includes('/tag/')) listings += 1;
      if (listings === 3) await world.store.delete(`${tablePath}/tag/tag-gone`);
      yield* world.store.list(prefix);
    },
  });
  const { table } = await opened(store, world.clock, 12);
  expect(await removeOrphanFiles(table)).toMatchObject({ status: 'done', removed: { fileCount: 1 } });
});

test('a list or manifest that is missing under any snapshot ends the cleaning', async () => {
  const lists = await newWorld();
  await fiveSnapshots(lists);
  lists.clock.advance(72 * hourMs);
  await append(lists, 'later');
  const { deltaManifestList } = await snapshotById(lists.table, 1);
  await lists.store.delete(`${tablePath}/manifest/${deltaManifestList}`);
  const other = await opened(lists.store, lists.clock, 8);
  expect(await removeOrphanFiles(other.table)).toMatchObject({ status: 'given-up', code: 'LAKE_FILE_MISSING' });
  for (const id of [1, 3, 5]) {
    const world = await newWorld();
    await fiveSnapshots(world);
    world.clock.advance(72 * hourMs);
    await append(world, 'later');
    for (const { fileName } of await deltaManifestsOf(world.table, await snapshotById(world.table, id))) {
      await world.store.delete(`${tablePath}/manifest/${fileName}`);
    }
    const fresh = await opened(world.store, world.clock, 8);
    expect(await removeOrphanFiles(fresh.table)).toMatchObject({ status: 'given-up', code: 'LAKE_FILE_MISSING' });
  }
});

test('a tag whose files are missing ends a run of expiry, one that has just gone does not', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  const first = await snapshotById(world.table, 1);
  const broken = { ...first, id: 9, deltaManifestList: 'manifest-list-gone-1' };
  await world.store.put(`${tablePath}/tag/tag-broken`, encodeSnapshot(broken));
  expect(await expireOn(world)).toMatchObject({ status: 'given-up', code: 'LAKE_FILE_MISSING', expiredCount: 0 });
  const store = changedStore<ObjectStore>(world.store, {
    get: async key => (key.endsWith('/tag-broken') ? undefined : world.store.get(key)),
  });
  expect(await expireOn(world, store)).toMatchObject({ status: 'done', expiredCount: 3 });
});

test('an index or a state that is missing is no harm under what goes, and ends the run under what stays', async () => {
  const world = await newWorld();
  const index = { name: 'index-manifest-gone', uploadBeganMs: world.clock.nowMs(), madeFrom: undefined, files: [] };
  await commitPlanned(world, { index, properties: { 'tidelake.ingest-object': 'state-gone' } });
  world.clock.advance(2 * hourMs);
  await world.store.put(`${tablePath}/tidelake/state-2`, Buffer.from('{"dead":"dead-letter-list-2"}'));
  await world.store.put(`${tablePath}/tidelake/dead-letter-list-2`, Buffer.from('[]'));
  await commitPlanned(world, {
    kind: 'OVERWRITE',
    index: {
      ...index,
      name: 'index-manifest-2',
      madeFrom: 'index-manifest-gone',
      uploadBeganMs: world.clock.nowMs(),
    },
    properties: { 'tidelake.ingest-object': 'state-2' },
  });
  for (const name of ['a', 'b']) {
    world.clock.advance(2 * hourMs);
    await append(world, name);
  }
  world.clock.advance(2 * hourMs);
  // The second names an index manifest that was never written.
  expect(await expireOn(world)).toMatchObject({ status: 'given-up', code: 'LAKE_FILE_MISSING', expiredCount: 0 });
  for (const id of [2, 3, 4]) {
    const snapshot = await snapshotById(world.table, id);
    const bytes = encodeSnapshot({ ...snapshot, indexManifest: undefined });
    await world.store.put(`${tablePath}/snapshot/snapshot-${id}`, bytes);
  }
  world.clock.advance(2 * hourMs);
  await world.store.delete(`${tablePath}/tidelake/dead-letter-list-2`);
  expect(await expireOn(world)).toMatchObject({ status: 'given-up', code: 'LAKE_FILE_MISSING', expiredCount: 0 });
  await world.store.put(`${tablePath}/tidelake/dead-letter-list-2`, Buffer.from('[]'));
  expect(await expireOn(world)).toMatchObject({ status: 'done', expiredCount: 2 });
});

test('a dead-letter list that is missing under what goes is no harm', async () => {
  const world = await newWorld();
  await commitPlanned(world, { properties: { 'tidelake.ingest': '{"dead":"dead-letter-list-gone"}' } });
  await world.store.put(`${tablePath}/tidelake/dead-letter-list-2`, Buffer.from('[{"name":"dead-letters-2"}]'));
  for (const name of ['a', 'b', 'c']) {
    world.clock.advance(2 * hourMs);
    await commitPlanned(world, { properties: { 'tidelake.ingest': '{"dead":"dead-letter-list-2"}', note: name } });
  }
  world.clock.advance(2 * hourMs);
  expect(await expireOn(world)).toMatchObject({ status: 'done', expiredCount: 2 });
  expect(await paths(world.store, 'tidelake/dead')).toEqual(['tidelake/dead-letter-list-2']);
});

test('a store that fails under what goes is not taken for a file that is missing', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  const { deltaManifestList } = await snapshotById(world.table, 1);
  const store = changedStore<ObjectStore>(world.store, {
    get: async key => {
      if (key.endsWith(deltaManifestList)) throw new LakeError('unavailable', 'LAKE_STORE_UNAVAILABLE', 'injected');
      return world.store.get(key);
    },
  });
  expect(await expireOn(world, store)).toMatchObject({ status: 'given-up', code: 'LAKE_STORE_UNAVAILABLE' });
  expect(await snapshotIds(world.store)).toEqual([1, 2, 3, 4, 5]);
});

test('a snapshot file that is another snapshot is corrupt, and nothing expires', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  const second = await snapshotById(world.table, 2);
  await world.store.put(`${tablePath}/snapshot/snapshot-1`, encodeSnapshot(second));
  world.clock.advance(2 * hourMs);
  const cause = expect.stringContaining(`${tablePath}/snapshot/snapshot-1 says`);
  expect(await expireOn(world)).toMatchObject({ code: 'LAKE_CORRUPT_SNAPSHOT', cause, expiredCount: 0 });
});

test('one snapshot goes when one may go', async () => {
  const world = await newWorld();
  for (const name of ['a', 'b', 'c']) {
    await append(world, name);
    world.clock.advance(2 * hourMs);
  }
  expect(await expireOn(world)).toMatchObject({ expiredCount: 1, oldestId: 2, putBackCount: 0 });
  const record = await readExpiryRecord(ownLine(world.table));
  expect(record).toMatchObject({ floor: 2, isOpen: false, held: [] });
  expect(record.floorIdentity).toBe((await snapshotById(world.table, 2)).deltaManifestList);
});

test('snapshots of writers that know nothing of ours expire like ours', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  for (const id of await snapshotIds(world.store)) {
    const snapshot = await readSnapshot(ownLine(world.table), id);
    if (snapshot === undefined) throw new Error(`there is no snapshot ${id}`);
    await world.store.put(`${tablePath}/snapshot/snapshot-${id}`, encodeSnapshot({ ...snapshot, properties: {} }));
  }
  world.clock.advance(2 * hourMs);
  expect(await expireOn(world)).toMatchObject({ status: 'done', expiredCount: 3, data: { fileCount: 2 } });
});

test('a snapshot that is larger than a record should be goes all the same, by itself', async () => {
  const world = await newWorld();
  for (let turn = 0; turn < 4; turn += 1) {
    await commitPlanned(world, { properties: { 'tidelake.large': 'x'.repeat(1_200_000) } });
    world.clock.advance(2 * hourMs);
  }
  expect(await expireOn(world)).toMatchObject({ status: 'done', expiredCount: 2 });
});

test('whoever finds that another run has opened the record first takes nothing', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  const rival = { version: 1, turn: 'rival', floor: 1, isOpen: true, held: [] };
  const store = beforePutIfAbsent(world.store, '/tidelake/expiry', async () => {
    await world.store.put(expiryRecordKey(ownLine(world.table)), Buffer.from(JSON.stringify(rival)));
  });
  expect(await expireOn(world, store)).toMatchObject({ status: 'given-up', code: 'LAKE_EXPIRY_RIVAL' });
  expect(await snapshotIds(world.store)).toEqual([1, 2, 3, 4, 5]);
});

test('what a run that died took away is put back only by the run that wins the record', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  await dieInTheMiddle(world);
  await world.store.put(`${tablePath}/consumer/consumer-job`, Buffer.from('{"nextSnapshot":2}'));
  const losing = changedStore<ObjectStore>(world.store, {
    putIfMatch: async () => ({ status: 'mismatch', storeTimeMs: world.clock.nowMs() }),
  });
  expect(await expireOn(world, losing)).toMatchObject({ status: 'given-up', code: 'LAKE_EXPIRY_RIVAL' });
  expect(await snapshotIds(world.store)).toEqual([4, 5]);
  expect(await expireOn(world)).toMatchObject({ status: 'done', putBackCount: 3 });
});

test('a run that loses the record to one that is not done yet leaves to it what it took away', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  let isFirst = true;
  const store = changedStore<ObjectStore>(world.store, {
    delete: async key => {
      await world.store.delete(key);
      if (!key.endsWith('/snapshot-3') || !isFirst) return;
      isFirst = false;
      // The rival has opened the record anew and stalls.
      const record = await readExpiryRecord(ownLine(world.table));
      const { floor, held } = record;
      const rival = { version: 1, turn: 'rival', floor, isOpen: true, held };
      await world.store.put(expiryRecordKey(ownLine(world.table)), Buffer.from(JSON.stringify(rival)));
    },
  });
  expect(await expireOn(world, store)).toMatchObject({
    status: 'given-up',
    code: 'LAKE_EXPIRY_RIVAL',
    putBackCount: 0,
  });
  expect(await snapshotIds(world.store)).toEqual([4, 5]);
  expect(await missingFiles(world.store, world.table)).toEqual([]);
});

test('a run that loses the record to one that is done puts back what that has not declared gone', async () => {
  for (const isThere of [false, true]) {
    const world = await newWorld();
    await fiveSnapshots(world);
    let isFirst = true;
    const store = changedStore<ObjectStore>(world.store, {
      delete: async key => {
        const bytes = (await world.store.get(key))?.bytes ?? new Uint8Array();
        await world.store.delete(key);
        if (!key.endsWith('/snapshot-3') || !isFirst) return;
        isFirst = false;
        const rival = { version: 1, turn: 'rival', floor: 3, isOpen: false, held: [] };
        await world.store.put(expiryRecordKey(ownLine(world.table)), Buffer.from(JSON.stringify(rival)));
        if (isThere) await world.store.put(key, bytes);
      },
    });
    const receipt = await expireOn(world, store);
    expect(receipt).toMatchObject({ code: 'LAKE_EXPIRY_RIVAL', putBackCount: isThere ? 0 : 1 });
    expect(await snapshotIds(world.store)).toEqual([3, 4, 5]);
  }
});

test('a run goes on where one died, when what that took is there again', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  await dieInTheMiddle(world);
  for (const { id, text } of (await readExpiryRecord(ownLine(world.table))).held) {
    await world.store.put(`${tablePath}/snapshot/snapshot-${id}`, Buffer.from(text));
  }
  world.clock.advance(2 * hourMs);
  expect(await expireOn(world)).toMatchObject({ status: 'done', expiredCount: 3, putBackCount: 0 });
});

/** A consumer comes while the snapshots are away; putting them back goes to a store that does not always answer. */
async function putBackOn(world: World, isAnswered: (tries: number) => boolean) {
  const keys: string[] = [];
  const store = changedStore<ObjectStore>(world.store, {
    delete: async key => {
      await world.store.delete(key);
      if (key.endsWith('/snapshot-3')) {
        await world.store.put(`${tablePath}/consumer/consumer-late`, Buffer.from('{"nextSnapshot":2}'));
      }
    },
    putIfAbsent: async (key, bytes) => {
      if (!isSnapshot(key)) return world.store.putIfAbsent(key, bytes);
      keys.push(key.slice(key.lastIndexOf('-') + 1));
      if (isAnswered(keys.length)) return world.store.putIfAbsent(key, bytes);
      return { status: 'unanswered', cause: new Error('no answer') };
    },
  });
  return { receipt: await expireOn(world, store), keys };
}

test('snapshots are put back from the newest down, each again until there is an answer', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  const beganMs = world.clock.nowMs();
  const { receipt, keys } = await putBackOn(world, tries => tries > 2);
  expect(receipt).toMatchObject({ status: 'done', expiredCount: 1, putBackCount: 2 });
  expect(keys).toEqual(['3', '3', '3', '2']);
  expect(world.clock.nowMs()).toBeGreaterThan(beganMs);
  expect(await snapshotIds(world.store)).toEqual([2, 3, 4, 5]);
});

test('putting back that is never answered is given up, and the next run does it', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  const { receipt } = await putBackOn(world, () => false);
  expect(receipt).toMatchObject({ status: 'given-up', code: 'LAKE_STORE_UNAVAILABLE' });
  expect(await expireOn(world)).toMatchObject({ status: 'done', putBackCount: 2 });
  expect(await snapshotIds(world.store)).toEqual([2, 3, 4, 5]);
  expect(await missingFiles(world.store, world.table)).toEqual([]);
});

test('a tag that is made of a snapshot that stays does not bring back what goes', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  let isFirst = true;
  const store = changedStore<ObjectStore>(world.store, {
    delete: async key => {
      await world.store.delete(key);
      if (isFirst) await tag(world.store, 'late', 4);
      isFirst = false;
    },
  });
  const receipt = await expireOn(world, store);
  expect(receipt).toMatchObject({ status: 'done', expiredCount: 3, putBackCount: 0, data: { fileCount: 2 } });
  expect(await missingFiles(world.store, world.table)).toEqual([]);
});
