import { expect, test } from 'vitest';
import {
  beforePutIfAbsent,
  fileNames,
  fixedRequest,
  fixtureSchema,
  fixtureTable,
  ManualClock,
  numberedAppend,
  plannedFile,
  putSchema,
} from '../../../test/table-fixture.ts';
import { invalid } from '../../base/errors.ts';
import { seededRandom } from '../../base/random.ts';
import { encodeSnapshot, type Snapshot } from '../../format/snapshot.ts';
import { countingObjectStore } from '../../storage/counting-object-store.ts';
import { MemoryObjectStore } from '../../storage/memory/memory-object-store.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { liveEntries, manifestsOf } from '../manifests.ts';
import { headSnapshot, listSnapshots } from '../snapshots.ts';
import { openTable, type Table } from '../table.ts';
import { Committer, commit } from './commit.ts';
import { propertiesInForce } from './look-up.ts';
import { applyMerges } from './merge-manifests.ts';
import type { CommitOutcome, CommitRequest } from './request.ts';

// The table over time: dropped and made again, written by others, branched, its manifests merged.

const clock = new ManualClock();
const parts = { clock, random: seededRandom(1) };

function memoryStore(): ObjectStore {
  return new MemoryObjectStore('memory:test', clock);
}

function committedId(outcome: CommitOutcome): number {
  if (outcome.status !== 'committed') throw new Error(`expected a commit, got ${JSON.stringify(outcome)}`);
  return outcome.snapshot.id;
}

async function headOf(table: Table): Promise<Snapshot> {
  const head = await headSnapshot(table);
  if (head === undefined) throw new Error('the table has no snapshot');
  return head;
}

function drop(table: Table): CommitRequest {
  return fixedRequest(table, { kind: 'OVERWRITE', emptied: true, properties: { 'tidelake.dropped': '1' } });
}

/** A snapshot as another program writes it on top of the head: none of our properties, a file more. */
async function foreignCommit(store: ObjectStore, table: Table, id: number): Promise<void> {
  const head = await headOf(table);
  const snapshot = { ...head, id, commitUser: 'java', properties: {}, deltaManifestList: head.deltaManifestList };
  await store.put(`d.db/t/snapshot/snapshot-${id}`, encodeSnapshot(snapshot));
}

test('S10: the marker of a dropped table fences every writer, also one that commits from memory', async () => {
  const table = await fixtureTable(memoryStore(), parts);
  await using writer = new Committer(table);
  await writer.commit(numberedAppend(table, { name: 'a' }));
  await using dropper = new Committer(table);
  expect(committedId(await dropper.commit(drop(table)))).toBe(2);
  expect(await liveEntries(table, await headOf(table))).toEqual([]);
  expect((await headOf(table)).totalRecordCount).toBe(0n);
  for (const [committer, attempts] of [
    [writer, 2],
    // Who has dropped it knows that there is nothing to build on.
    [dropper, 1],
  ] as const) {
    const outcome = await committer.commit(numberedAppend(table, { name: 'b' }));
    expect(outcome).toMatchObject({ status: 'fenced', reason: 'dropped', attempts });
  }
});

test('S10: a table made again under the name goes on with the numbers and carries nothing of the former one', async () => {
  const store = memoryStore();
  const former = await fixtureTable(store, parts);
  await using stalled = new Committer(former);
  await stalled.commit(fixedRequest(former, { kind: 'OVERWRITE', properties: { 'tidelake.position': '7' } }));
  await commit(former, drop(former));
  await store.delete('d.db/t/schema/schema-0');
  await putSchema(store, fixtureSchema({ tableId: 'table-2', schemaId: 1 }));
  const table = await openTable(store, { database: 'd', name: 't' }, parts);
  expect(committedId(await commit(table, numberedAppend(table, { name: 'a' })))).toBe(3);
  expect((await headOf(table)).properties).toMatchObject({ 'tidelake.table': 'table-2' });
  expect(Object.keys((await headOf(table)).properties).toSorted()).toEqual(['tidelake.parent', 'tidelake.table']);
  const zombie = await stalled.commit(numberedAppend(former, { name: 'z' }));
  expect(zombie).toMatchObject({ status: 'fenced', reason: 'table-gone' });
});

test('S10, S11: nor does it where another program wrote first', async () => {
  const store = memoryStore();
  const former = await fixtureTable(store, parts);
  await commit(former, fixedRequest(former, { kind: 'OVERWRITE', properties: { 'tidelake.position': '7' } }));
  await commit(former, drop(former));
  await store.delete('d.db/t/schema/schema-0');
  await putSchema(store, fixtureSchema({ tableId: 'table-2', schemaId: 1 }));
  const table = await openTable(store, { database: 'd', name: 't' }, parts);
  await foreignCommit(store, table, 3);
  expect(await propertiesInForce(table, await headOf(table))).toEqual({});
  expect(committedId(await commit(table, numberedAppend(table, { name: 'a' })))).toBe(4);
  expect(Object.keys((await headOf(table)).properties).toSorted()).toEqual(['tidelake.parent', 'tidelake.table']);
});

test('S10: a writer of a table that is older than the marker is fenced by the schema', async () => {
  const store = memoryStore();
  const former = await fixtureTable(store, parts, { tableId: 'table-0' });
  await putSchema(store, fixtureSchema({ tableId: 'table-1', schemaId: 1 }));
  const table = await openTable(store, { database: 'd', name: 't' }, parts);
  await commit(table, drop(table));
  expect(await commit(former, numberedAppend(former, { name: 'z' }))).toMatchObject({
    status: 'fenced',
    reason: 'table-gone',
  });
});

test('S11: our properties are carried over heads of other writers', async () => {
  const store = memoryStore();
  const table = await fixtureTable(store, parts);
  await commit(table, fixedRequest(table, { kind: 'OVERWRITE', properties: { 'tidelake.position': '7' } }));
  for (const id of [2, 3, 4]) await foreignCommit(store, table, id);
  expect(committedId(await commit(table, numberedAppend(table, { name: 'a' })))).toBe(5);
  expect((await headOf(table)).properties).toMatchObject({ 'tidelake.position': '7', 'tidelake.table': 'table-1' });
});

test("a property that is not ours is its own snapshot's alone", async () => {
  const table = await fixtureTable(memoryStore(), parts);
  await using committer = new Committer(table);
  await committer.commit(fixedRequest(table, { properties: { note: 'x', 'tidelake.position': '7' } }));
  expect((await headOf(table)).properties).toMatchObject({ note: 'x' });
  // From memory, and by somebody who has looked.
  await committer.commit(fixedRequest(table, {}));
  await commit(table, fixedRequest(table, { properties: { note: 'y' } }));
  await commit(table, fixedRequest(table, {}));
  expect((await listSnapshots(table)).map(({ properties }) => properties['note'])).toEqual([
    'x',
    undefined,
    'y',
    undefined,
  ]);
  expect((await headOf(table)).properties).toMatchObject({ 'tidelake.position': '7' });
});

test('S11: what lies below an expired number is not searched', async () => {
  const store = memoryStore();
  const table = await fixtureTable(store, parts);
  await commit(table, fixedRequest(table, { kind: 'OVERWRITE', properties: { 'tidelake.position': '7' } }));
  for (const id of [2, 3, 4]) await foreignCommit(store, table, id);
  await store.delete('d.db/t/snapshot/snapshot-2');
  expect(committedId(await commit(table, numberedAppend(table, { name: 'a' })))).toBe(5);
  expect((await headOf(table)).properties['tidelake.position']).toBeUndefined();
});

test('a committer whose snapshots were taken away from the top stops', async () => {
  const store = memoryStore();
  const table = await fixtureTable(store, parts);
  await using committer = new Committer(table);
  for (const name of ['a', 'b', 'c']) await committer.commit(numberedAppend(table, { name }));
  await store.delete('d.db/t/snapshot/snapshot-3');
  await store.delete('d.db/t/snapshot/snapshot-2');
  clock.advance(24 * 3_600_000);
  // However often it tries.
  for (const name of ['d', 'e']) {
    expect(await committer.commit(numberedAppend(table, { name }))).toMatchObject({
      status: 'fenced',
      reason: 'history-rewritten',
    });
  }
});

test('a branch has its own snapshots and shares manifests with the table', async () => {
  const store = memoryStore();
  const main = await fixtureTable(store, parts);
  await commit(main, numberedAppend(main, { name: 'a' }));
  await putSchema(store, fixtureSchema(), 'd.db/t/branch/branch-b');
  const branch = await openTable(store, { database: 'd', name: 't', branch: 'b' }, parts);
  expect(committedId(await commit(branch, numberedAppend(branch, { name: 'b' })))).toBe(1);
  expect(fileNames(await liveEntries(branch, await headOf(branch)))).toEqual(['b']);
  expect(fileNames(await liveEntries(main, await headOf(main)))).toEqual(['a']);
  const manifest = `d.db/t/manifest/${(await headOf(branch)).deltaManifestList}`;
  expect(await store.get(manifest)).toBeDefined();
});

test('manifests are merged as they become many: the list stays short and says the same', async () => {
  const store = countingObjectStore(memoryStore());
  const table = await fixtureTable(store, parts, { options: { 'manifest.merge-min-count': '8' } });
  await using committer = new Committer(table);
  let [merges, longest] = [0, 0];
  for (let n = 0; n < 200; n += 1) {
    const outcome = await committer.commit(numberedAppend(table, { name: `f${n}` }));
    // Merges are counted apart, and read nothing that was just written.
    expect(outcome.requests).toMatchObject({ put: 3, putIfAbsent: 1 });
    if (outcome.requests.merge > 0) merges += 1;
    longest = Math.max(longest, (await manifestsOf(table, await headOf(table))).length);
  }
  expect(merges).toBeGreaterThan(10);
  expect(longest).toBeLessThan(20);
  const fresh = await openTable(store, { database: 'd', name: 't' }, parts);
  expect((await liveEntries(fresh, await headOf(fresh))).length).toBe(200);
  expect((await listSnapshots(fresh)).length).toBe(200);
});

test('a full merge works off the deletes, whatever manifests they are in', async () => {
  const store = memoryStore();
  const options = {
    'manifest.merge-min-count': '1000',
    'manifest.compression': 'null',
    'manifest.target-file-size': '40 kb',
    'manifest.full-compaction-threshold-size': '60 kb',
  };
  const table = await fixtureTable(store, parts, { options });
  const big = Array.from({ length: 400 }, (_, n) =>
    plannedFile(table, { name: `big-${n}`, bucket: n % 2, sequence: [n, n], rows: 1, keys: [n, n] }),
  );
  await using committer = new Committer(table);
  await committer.commit(fixedRequest(table, { adds: big }));
  for (let n = 0; n < 30; n += 1) {
    const deletes = big.slice(n * 2, n * 2 + 2);
    const adds = deletes.map(file => ({ ...file, file: { ...file.file, level: 5 }, uploadBeganMs: undefined }));
    expect(committedId(await committer.commit(fixedRequest(table, { kind: 'COMPACT', deletes, adds })))).toBe(n + 2);
    const live = await liveEntries(table, await headOf(table));
    expect(live.length).toBe(400);
    expect(live.filter(({ file }) => file.level === 5).length).toBe(2 * n + 2);
  }
  const metas = await manifestsOf(table, await headOf(table));
  expect(metas.filter(({ numDeletedFiles }) => numDeletedFiles > 0).length).toBeLessThan(25);
});

test('a merge made on an older base stands in only while all that it merged is still there', async () => {
  const table = await fixtureTable(memoryStore(), parts);
  await using committer = new Committer(table);
  for (const name of ['a', 'b', 'c', 'd']) await committer.commit(numberedAppend(table, { name }));
  const metas = await manifestsOf(table, await headOf(table));
  const [a, b, c, d] = metas;
  if (a === undefined || b === undefined || c === undefined || d === undefined) throw new Error('four manifests');
  const merged = { ...b, fileName: 'merged' };
  const merge = { inputs: [b.fileName, c.fileName], outputs: [merged], uploadBeganMs: 0 };
  expect(applyMerges(metas, [merge])).toEqual([a, merged, d]);
  expect(applyMerges([a, c, d], [merge])).toEqual([a, c, d]);
  expect(applyMerges([d], [merge])).toEqual([d]);
});

test('a merge is kept over a lost swap', async () => {
  const store = memoryStore();
  const options = { bucket: '-1', 'manifest.merge-min-count': '4' };
  const rival = await fixtureTable(store, parts, { primaryKey: false, options: { bucket: '-1' } });
  for (const name of ['a', 'b', 'c', 'd']) {
    await commit(rival, fixedRequest(rival, { adds: [plannedFile(rival, { name })] }));
  }
  const hooked = beforePutIfAbsent(store, 'snapshot-5', async () => {
    await commit(rival, fixedRequest(rival, { adds: [plannedFile(rival, { name: 'e' })] }));
  });
  await putSchema(store, fixtureSchema({ primaryKey: false, options }));
  const table = await openTable(hooked, { database: 'd', name: 't' }, parts);
  const outcome = await commit(table, fixedRequest(table, { adds: [plannedFile(table, { name: 'f' })] }));
  // The four were read by the guards already; the merged one is written once.
  expect(outcome).toMatchObject({ status: 'committed', attempts: 2, requests: { merge: 1, put: 5 } });
  expect(fileNames(await liveEntries(table, await headOf(table)))).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
  expect((await manifestsOf(table, await headOf(table))).length).toBe(3);
});

test('a base that expires under its plan is looked up again, and a plan that always says so is not asked for ever', async () => {
  const store = memoryStore();
  const table = await fixtureTable(store, parts);
  await commit(table, numberedAppend(table, { name: 'a' }));
  await commit(table, numberedAppend(table, { name: 'b' }));
  const rival = await openTable(store, { database: 'd', name: 't' }, parts);
  const late = await openTable(store, { database: 'd', name: 't' }, parts);
  let plans = 0;
  const outcome = await commit(late, {
    ...numberedAppend(late, { name: 'c' }),
    async plan(base, again) {
      plans += 1;
      if (plans === 1) {
        // Everything the base names is superseded and removed before it is read.
        const metas = await manifestsOf(rival, await headOf(rival));
        await commit(rival, drop({ ...rival, id: undefined }));
        for (const { fileName } of metas) await store.delete(`d.db/t/manifest/${fileName}`);
        for (const id of [1, 2]) await store.delete(`d.db/t/snapshot/snapshot-${id}`);
      }
      return numberedAppend(late, { name: 'c' }).plan(base, again);
    },
  });
  expect(outcome).toMatchObject({ status: 'fenced', reason: 'dropped' });
  let asked = 0;
  const empty = await fixtureTable(memoryStore(), parts);
  const never = commit(empty, {
    ...numberedAppend(empty, { name: 'd' }),
    plan: async () => {
      asked += 1;
      throw invalid('LAKE_SNAPSHOT_EXPIRED', 'something else has expired');
    },
  });
  await expect(never).rejects.toMatchObject({ code: 'LAKE_SNAPSHOT_EXPIRED' });
  expect(asked).toBe(11);
});
