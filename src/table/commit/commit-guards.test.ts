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
import { seededRandom } from '../../base/random.ts';
import { countingObjectStore } from '../../storage/counting-object-store.ts';
import { MemoryObjectStore } from '../../storage/memory/memory-object-store.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { deltaManifestsOf, liveEntries, readEntries } from '../manifests.ts';
import { latestSnapshot } from '../snapshots.ts';
import { openTable, reopenTable, type Table } from '../table.ts';
import { Committer, commit } from './commit.ts';
import { uploadAgeMsMax } from './limits.ts';
import { type CommitOutcome, type CommitRequest, commitPlan, commitStop, type PlanAgain } from './request.ts';

// The guards at work: what a committer does when the base is not what its plan was made for.

const clock = new ManualClock();
const parts = { clock, random: seededRandom(1) };

function memoryStore(): ObjectStore {
  return new MemoryObjectStore('memory:test', clock);
}

async function liveNames(table: Table): Promise<readonly string[]> {
  const head = await latestSnapshot(table);
  return head === undefined ? [] : fileNames(await liveEntries(table, head));
}

function committedId(outcome: CommitOutcome): number {
  if (outcome.status !== 'committed') throw new Error(`expected a commit, got ${JSON.stringify(outcome)}`);
  return outcome.snapshot.id;
}

/** Writes its one file again, under a new name, whenever it is asked to. */
function rewritingAppend(
  table: Table,
  draft: { uploadBeganMs?: number },
): CommitRequest & { readonly asked: PlanAgain[] } {
  const asked: PlanAgain[] = [];
  let schemaId = table.schema.id;
  let current = plannedFile(table, { name: 'v0', ...draft });
  return {
    commitUser: 'test',
    commitIdentifier: 1n,
    asked,
    async plan(base, again) {
      if (again !== undefined) {
        asked.push(again);
        const first = Number(await base.sequenceFloor(current)) + 1;
        if (again.reason === 'schema') schemaId = base.schema.id;
        current = plannedFile(table, { name: `v${asked.length}`, sequence: [first, first + 9], schemaId });
      }
      return commitPlan({ kind: 'APPEND', schemaId, adds: [current] });
    },
  };
}

test('S6: rows numbered under an older base are numbered and written again', async () => {
  const table = await fixtureTable(memoryStore(), parts);
  await commit(table, numberedAppend(table, { name: 'first', rows: 100 }));
  const request = rewritingAppend(table, {});
  const outcome = await commit(table, request);
  expect(committedId(outcome)).toBe(2);
  expect(request.asked.map(({ reason }) => reason)).toEqual(['sequence-floor']);
  const live = await liveEntries(table, (await latestSnapshot(table)) ?? raise());
  expect(live.map(({ file }) => [file.fileName, file.minSequenceNumber])).toEqual([
    ['first', 0n],
    ['v1', 100n],
  ]);
});

test('S6: two writers of one bucket never share a sequence number, whoever wins', async () => {
  const table = await fixtureTable(memoryStore(), parts);
  await using ours = new Committer(table);
  await using theirs = new Committer(table);
  for (let n = 0; n < 5; n += 1) {
    await Promise.all([
      ours.commit(numberedAppend(table, { name: `o${n}` })),
      theirs.commit(numberedAppend(table, { name: `t${n}` })),
    ]);
  }
  const live = await liveEntries(table, (await latestSnapshot(table)) ?? raise());
  const starts = live.map(({ file }) => Number(file.minSequenceNumber)).toSorted((a, b) => a - b);
  expect(starts).toEqual(Array.from({ length: 10 }, (_, n) => n * 10));
});

test('S7: a file uploaded U before its base is written again', async () => {
  const table = await fixtureTable(memoryStore(), parts);
  const beganMs = table.storeTimeMs();
  clock.advance(uploadAgeMsMax);
  const request = rewritingAppend(table, { uploadBeganMs: beganMs });
  expect(committedId(await commit(table, request))).toBe(1);
  expect(request.asked.map(({ reason }) => reason)).toEqual(['upload-age']);
  expect(await liveNames(table)).toEqual(['v1']);
});

test('S7: a manifest kept over a lost swap is written again once it is U old', async () => {
  const store = memoryStore();
  const rival = await fixtureTable(store, parts, { primaryKey: false, options: { bucket: '-1' } });
  const hooked = countingObjectStore(
    beforePutIfAbsent(store, 'snapshot-1', async () => {
      await commit(rival, fixedRequest(rival, { adds: [plannedFile(rival, { name: 'theirs' })] }));
      clock.advance(uploadAgeMsMax + 1);
    }),
  );
  const table = await openTable(hooked, { database: 'd', name: 't' }, parts);
  const request: CommitRequest = {
    commitUser: 'test',
    commitIdentifier: 1n,
    // The file itself is always young; its objects are the same so that the manifest could be kept.
    plan: async () =>
      commitPlan({ kind: 'APPEND', schemaId: 0, adds: [{ ...file, uploadBeganMs: table.storeTimeMs() }] }),
  };
  const file = plannedFile(table, { name: 'ours' });
  const outcome = await commit(table, request);
  expect(outcome).toMatchObject({ status: 'committed', attempts: 2, requests: { put: 6 } });
  expect(await liveNames(rival)).toEqual(['ours', 'theirs']);
});

test('S2 g, A2: an empty commit with a newer schema is a fence for writers under the old duties', async () => {
  const store = memoryStore();
  const table = await fixtureTable(store, parts);
  await commit(table, numberedAppend(table, { name: 'a' }));
  await putSchema(store, fixtureSchema({ schemaId: 1, options: { 'sequence.field': 'v' } }));
  const reopened = await reopenTable(table);
  expect(committedId(await commit(reopened, fixedRequest(reopened, { kind: 'OVERWRITE' })))).toBe(2);
  expect((await latestSnapshot(table))?.schemaId).toBe(1);
  // The old writer stays under its old schema whatever it is asked: nothing of it is committed.
  expect(await commit(table, numberedAppend(table, { name: 'b' }))).toMatchObject({ status: 'conflict', rule: 'S2g' });
  // Nor does it help to name the base's schema: the file says under which it was written.
  const pretending = fixedRequest(table, {
    schemaId: 1,
    adds: [plannedFile(table, { name: 'c', sequence: [90, 99] })],
  });
  expect(await commit(table, pretending)).toMatchObject({ status: 'conflict', rule: 'S2g' });
  // One that writes again under the schema of the base goes on.
  const request = rewritingAppend(table, {});
  expect(committedId(await commit(table, request))).toBe(3);
  expect(request.asked.map(({ reason }) => reason)).toEqual(['schema']);
});

test('S2 g: a column change is no duty, and the snapshot keeps the larger schema', async () => {
  const store = memoryStore();
  const table = await fixtureTable(store, parts);
  await putSchema(store, fixtureSchema({ schemaId: 1, options: { comment: 'x' } }));
  const reopened = await reopenTable(table);
  await commit(reopened, fixedRequest(reopened, { kind: 'OVERWRITE' }));
  expect(committedId(await commit(table, numberedAppend(table, { name: 'a' })))).toBe(2);
  expect((await latestSnapshot(table))?.schemaId).toBe(1);
});

test('C1: a compaction rebases over appends and never makes one fail', async () => {
  const table = await fixtureTable(memoryStore(), parts);
  await using writer = new Committer(table);
  await using compactor = new Committer(table);
  await writer.commit(numberedAppend(table, { name: 'a' }));
  await writer.commit(numberedAppend(table, { name: 'b' }));
  const inputs = await liveEntries(table, (await latestSnapshot(table)) ?? raise());
  const output = plannedFile(table, { name: 'ab', level: 5, sequence: [0, 19], rows: 20 });
  await writer.commit(numberedAppend(table, { name: 'c' }));
  const outcome = await compactor.commit(fixedRequest(table, { kind: 'COMPACT', deletes: inputs, adds: [output] }));
  expect(committedId(outcome)).toBe(4);
  expect(await liveNames(table)).toEqual(['ab', 'c']);
  // The writer's base is stale by one compaction; its append goes through with the next number.
  expect(committedId(await writer.commit(numberedAppend(table, { name: 'd' })))).toBe(5);
  expect((await latestSnapshot(table))?.totalRecordCount).toBe(40n);
});

test('C1: of two compactions of the same files one is given up', async () => {
  const table = await fixtureTable(memoryStore(), parts);
  await commit(table, numberedAppend(table, { name: 'a' }));
  const deletes = await liveEntries(table, (await latestSnapshot(table)) ?? raise());
  const one = fixedRequest(table, { kind: 'COMPACT', deletes, adds: [plannedFile(table, { name: 'x', level: 5 })] });
  const two = fixedRequest(table, { kind: 'COMPACT', deletes, adds: [plannedFile(table, { name: 'y', level: 5 })] });
  expect(committedId(await commit(table, one))).toBe(2);
  expect(await commit(table, two)).toMatchObject({ status: 'conflict', rule: 'S2a' });
  expect(await liveNames(table)).toEqual(['x']);
});

test('an upgrade deletes and adds the same file at another level', async () => {
  const table = await fixtureTable(memoryStore(), parts);
  await commit(table, numberedAppend(table, { name: 'a' }));
  const deletes = await liveEntries(table, (await latestSnapshot(table)) ?? raise());
  const adds = deletes.map(file => ({ ...file, file: { ...file.file, level: 5 }, uploadBeganMs: undefined }));
  expect(committedId(await commit(table, fixedRequest(table, { kind: 'COMPACT', deletes, adds })))).toBe(2);
  const head = (await latestSnapshot(table)) ?? raise();
  const live = await liveEntries(table, head);
  expect(live.map(({ file }) => [file.fileName, file.level])).toEqual([['a', 5]]);
  // Expiry reads in order: the file that comes back must come after it went.
  const delta = await readEntries(table, await deltaManifestsOf(table, head));
  expect(delta.map(({ kind, file }) => `${kind} ${file.level}`)).toEqual(['delete 0', 'add 5']);
});

test('S2: what does not fit a base that is only remembered is tried on the newest', async () => {
  const table = await fixtureTable(memoryStore(), parts);
  await using compactor = new Committer(table);
  await compactor.commit(fixedRequest(table, { kind: 'OVERWRITE' }));
  await commit(table, numberedAppend(table, { name: 'a' }));
  const deletes = await liveEntries(table, (await latestSnapshot(table)) ?? raise());
  const adds = [plannedFile(table, { name: 'x', level: 5 })];
  // Its own base knows nothing of `a`.
  expect(committedId(await compactor.commit(fixedRequest(table, { kind: 'COMPACT', deletes, adds })))).toBe(3);
});

test('S2 c: files for another bucket count are refused, until an overwrite has changed the count', async () => {
  const table = await fixtureTable(memoryStore(), parts, { partitioned: true });
  const append = (name: string, totalBuckets: number, partition: string): CommitRequest =>
    numberedAppend(table, { name, totalBuckets, partition });
  expect(committedId(await commit(table, append('a', 2, 'p')))).toBe(1);
  expect(await commit(table, append('b', 4, 'p'))).toMatchObject({ status: 'conflict', rule: 'S2c' });
  expect(committedId(await commit(table, append('b', 4, 'q')))).toBe(2);
  const overwrite: CommitRequest = {
    commitUser: 'test',
    commitIdentifier: 1n,
    async plan(base) {
      const deletes = (await base.liveEntries()).filter(({ file }) => file.fileName === 'a');
      return commitPlan({
        kind: 'OVERWRITE',
        schemaId: 0,
        deletes,
        adds: [plannedFile(table, { name: 'c', totalBuckets: 4, partition: 'p' })],
      });
    },
  };
  expect(committedId(await commit(table, overwrite))).toBe(3);
  // The dead file of two buckets is still in the manifests.
  expect(committedId(await commit(table, append('d', 4, 'p')))).toBe(4);
  expect(await commit(table, append('e', 2, 'p'))).toMatchObject({ status: 'conflict', rule: 'S2c' });
});

test('a file of an append table without fixed buckets is not added a second time', async () => {
  const table = await fixtureTable(memoryStore(), parts, { primaryKey: false, options: { bucket: '-1' } });
  const request = fixedRequest(table, { adds: [plannedFile(table, { name: 'a' })] });
  expect(committedId(await commit(table, request))).toBe(1);
  expect(await commit(table, request)).toMatchObject({ status: 'conflict', rule: 'S2a' });
  expect(await liveNames(table)).toEqual(['a']);
});

test('a changed precondition ends the commit with the base it was seen on, and is looked up before it is believed', async () => {
  const table = await fixtureTable(memoryStore(), parts);
  const advance = (from: string | undefined, to: string): CommitRequest => ({
    commitUser: 'ingest',
    commitIdentifier: 1n,
    plan: async base =>
      base.properties['tidelake.position'] === from
        ? commitPlan({ kind: 'APPEND', schemaId: 0, properties: { 'tidelake.position': to } })
        : commitStop('changed', `position is ${base.properties['tidelake.position']}`),
  });
  await using ours = new Committer(table);
  expect(committedId(await ours.commit(advance(undefined, '1')))).toBe(1);
  expect(committedId(await commit(table, advance('1', '2')))).toBe(2);
  // Ours remembers position 1, the head has 2.
  expect(committedId(await ours.commit(advance('2', '3')))).toBe(3);
  expect(await ours.commit(advance('2', '3'))).toMatchObject({ status: 'changed', base: { id: 3 } });
});

test('the changelog has a list of its own, and is counted', async () => {
  const table = await fixtureTable(memoryStore(), parts);
  const adds = [plannedFile(table, { name: 'a' })];
  const changelog = [plannedFile(table, { name: 'changelog-a', rows: 12 })];
  const outcome = await commit(table, fixedRequest(table, { adds, changelog }));
  expect(outcome).toMatchObject({
    status: 'committed',
    requests: { put: 5 },
    snapshot: { changelogRecordCount: 12n, deltaRecordCount: 10n },
  });
  expect((await latestSnapshot(table))?.changelogManifestList).toMatch(/^manifest-list-.*-2$/);
  expect(await liveNames(table)).toEqual(['a']);
});

function raise(): never {
  throw new Error('the table has no snapshot');
}
