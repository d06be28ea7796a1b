import { expect, test } from 'vitest';
import {
  beforePutIfAbsent,
  fileNames,
  fixedRequest,
  fixtureTable,
  ManualClock,
  numberedAppend,
  plannedFile,
} from '../../../test/table-fixture.ts';
import { seededRandom } from '../../base/random.ts';
import { countingObjectStore } from '../../storage/counting-object-store.ts';
import {
  faultyObjectStore,
  type ScriptedFault,
  type StoreFault,
  scriptedFaults,
} from '../../storage/faulty-object-store.ts';
import { MemoryObjectStore } from '../../storage/memory/memory-object-store.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { liveEntries } from '../manifests.ts';
import { latestSnapshot, listSnapshots } from '../snapshots.ts';
import { openTable, type Table } from '../table.ts';
import { Committer, commit } from './commit.ts';
import { baseAskAfterMs, baseFreshMs, baseLookAgainMs, supersededStaysMs, swapTriesMax } from './limits.ts';
import type { CommitOutcome } from './request.ts';

const clock = new ManualClock();
const parts = { clock, random: seededRandom(1) };

function memoryStore(): ObjectStore {
  return new MemoryObjectStore('memory:test', clock);
}

async function sameTable(store: ObjectStore): Promise<Table> {
  return openTable(store, { database: 'd', name: 't' }, parts);
}

async function liveNames(table: Table): Promise<readonly string[]> {
  const head = await latestSnapshot(table);
  return head === undefined ? [] : fileNames(await liveEntries(table, head));
}

function committedId(outcome: CommitOutcome): number {
  if (outcome.status !== 'committed') throw new Error(`expected a commit, got ${JSON.stringify(outcome)}`);
  return outcome.snapshot.id;
}

/** The outcome of one commit whose swaps meet these faults, and the table as it really is afterwards. */
async function commitWithFaults(
  faults: readonly StoreFault[],
): Promise<{ outcome: CommitOutcome; names: readonly string[] }> {
  const store = memoryStore();
  await fixtureTable(store, parts);
  const script: ScriptedFault[] = faults.map(fault => ({ operation: 'putIfAbsent', fault }));
  const faulty = faultyObjectStore(store, scriptedFaults(script), { clock });
  const table = await sameTable(faulty);
  await using committer = new Committer(table);
  const outcome = await committer.commit(numberedAppend(table, { name: 'a' }));
  await faulty.settle();
  return { outcome, names: await liveNames(await sameTable(store)) };
}

test('a warm unopposed commit is three PUTs and the swap, no GET and no LIST', async () => {
  const store = countingObjectStore(memoryStore());
  const table = await fixtureTable(store, parts);
  await using committer = new Committer(table);
  await committer.commit(numberedAppend(table, { name: 'first' }));
  await committer[Symbol.asyncDispose]();
  for (const name of ['a', 'b', 'c']) {
    store.reset();
    const outcome = await committer.commit(numberedAppend(table, { name }));
    expect(outcome).toMatchObject({
      status: 'committed',
      attempts: 1,
      requests: { put: 3, putIfAbsent: 1, get: 0, list: 0, merge: 0 },
    });
    expect(store.counts()).toMatchObject({ put: 3, putIfAbsent: 1, get: 0, getRange: 0, list: 0, head: 0, delete: 0 });
  }
});

test('a warm commit costs the same with 100,000 data files', async () => {
  const store = countingObjectStore(memoryStore());
  const table = await fixtureTable(store, parts, { options: { bucket: '16' } });
  const adds = Array.from({ length: 100_000 }, (_, n) =>
    plannedFile(table, { name: `data-${n}`, bucket: n % 16, sequence: [n, n], rows: 1 }),
  );
  await commit(table, fixedRequest(table, { adds }));
  await using committer = new Committer(await sameTable(store));
  await committer.commit(numberedAppend(table, { name: 'warm-up' }));
  await committer[Symbol.asyncDispose]();
  store.reset();
  const outcome = await committer.commit(numberedAppend(table, { name: 'a', bucket: 3 }));
  expect(outcome).toMatchObject({ status: 'committed', attempts: 1 });
  expect(store.counts()).toMatchObject({ put: 3, putIfAbsent: 1, get: 0, list: 0 });
});

test('S4: who loses begins again at the new head, keeps the manifest and writes new lists', async () => {
  const store = countingObjectStore(memoryStore());
  const table = await fixtureTable(store, parts, { primaryKey: false, options: { bucket: '-1' } });
  await using ours = new Committer(table);
  await using theirs = new Committer(table);
  await ours.commit(fixedRequest(table, { adds: [plannedFile(table, { name: 'a' })] }));
  await theirs.commit(fixedRequest(table, { adds: [plannedFile(table, { name: 'b' })] }));
  const outcome = await ours.commit(fixedRequest(table, { adds: [plannedFile(table, { name: 'c' })] }));
  expect(outcome).toMatchObject({ status: 'committed', attempts: 2, requests: { put: 5, putIfAbsent: 2 } });
  expect(committedId(outcome)).toBe(3);
  expect(await liveNames(table)).toEqual(['a', 'b', 'c']);
});

test('S4: an answer that is lost does not commit twice', async () => {
  const { outcome, names } = await commitWithFaults([{ kind: 'answer-lost' }]);
  expect(outcome).toMatchObject({ status: 'committed', attempts: 1, requests: { putIfAbsent: 2 } });
  expect(names).toEqual(['a']);
});

test('S4: a storm of 409 and 500 is answered with the same body at the same number', async () => {
  const { outcome, names } = await commitWithFaults(Array.from({ length: 12 }, () => ({ kind: 'refused' })));
  expect(outcome).toMatchObject({ status: 'committed', attempts: 1, requests: { putIfAbsent: 13 } });
  expect(names).toEqual(['a']);
});

test('S4: a sending that arrives after a later one was answered changes nothing', async () => {
  const { outcome, names } = await commitWithFaults([{ kind: 'late', lateMs: 5_000 }]);
  expect(committedId(outcome)).toBe(1);
  expect(names).toEqual(['a']);
});

test('S5: with no answer at all the number itself is looked at once, and if it is empty the outcome is unknown', async () => {
  const silence: StoreFault[] = Array.from({ length: swapTriesMax }, () => ({ kind: 'refused' }));
  const nothing = await commitWithFaults(silence);
  expect(nothing.outcome).toMatchObject({ status: 'unknown', snapshotId: 1 });
  expect(nothing.names).toEqual([]);
  const happened = await commitWithFaults([{ kind: 'answer-lost' }, ...silence.slice(1)]);
  expect(happened.outcome.status).toBe('committed');
  expect(happened.names).toEqual(['a']);
});

test('S5: a 412 after an unanswered try is lost when another lies there', async () => {
  const store = memoryStore();
  await fixtureTable(store, parts);
  const rival = await sameTable(store);
  const hooked = beforePutIfAbsent(store, 'snapshot-1', async () => {
    await commit(rival, numberedAppend(rival, { name: 'theirs' }));
  });
  const faulty = faultyObjectStore(
    hooked,
    scriptedFaults([{ operation: 'putIfAbsent', fault: { kind: 'answer-lost' } }]),
    { clock },
  );
  const table = await sameTable(faulty);
  const outcome = await commit(table, numberedAppend(table, { name: 'ours' }));
  expect(committedId(outcome)).toBe(2);
  expect(await liveNames(table)).toEqual(['ours', 'theirs']);
});

test('S5: a 200 that comes later than B is committed when it is the largest', async () => {
  const store = memoryStore();
  await fixtureTable(store, parts);
  const slow = beforePutIfAbsent(store, 'snapshot-1', async () => clock.advance(baseFreshMs));
  const counted = countingObjectStore(slow);
  const table = await sameTable(counted);
  await using committer = new Committer(table);
  counted.reset();
  const outcome = await committer.commit(numberedAppend(table, { name: 'a' }));
  expect(outcome).toMatchObject({ status: 'committed', attempts: 1, requests: { list: 2 } });
  // It is not built on without a look, and no hint is written.
  expect(await store.get('d.db/t/snapshot/LATEST')).toBeUndefined();
  const next = await committer.commit(numberedAppend(table, { name: 'b' }));
  expect(next).toMatchObject({ status: 'committed', attempts: 1, requests: { list: 1, put: 3 } });
});

test('S5: a 200 into a number that has expired is void, and the commit goes on at the head', async () => {
  const store = memoryStore();
  await fixtureTable(store, parts);
  const rival = await sameTable(store);
  const hooked = beforePutIfAbsent(store, 'snapshot-1', async () => {
    for (const name of ['r1', 'r2', 'r3']) await commit(rival, numberedAppend(rival, { name }));
    clock.advance(2 * supersededStaysMs);
    await store.delete('d.db/t/snapshot/snapshot-1');
  });
  const table = await sameTable(hooked);
  const outcome = await commit(table, numberedAppend(table, { name: 'ours' }));
  expect(outcome).toMatchObject({ status: 'committed', attempts: 2 });
  expect(committedId(outcome)).toBe(4);
  expect(await liveNames(table)).toEqual(['ours', 'r1', 'r2', 'r3']);
  // What fell into the hole is not part of the chain.
  expect((await listSnapshots(table)).map(({ id }) => id)).toEqual([2, 3, 4]);
});

test('S1: a base that has grown old while metadata was written is not swapped on', async () => {
  const store = memoryStore();
  const table = await fixtureTable(store, parts);
  await using committer = new Committer(table);
  await committer.commit(numberedAppend(table, { name: 'a' }));
  let bases = 0;
  const outcome = await committer.commit({
    ...numberedAppend(table, { name: 'b' }),
    async plan(base, again) {
      bases += 1;
      // Only the store's clock moves on: the first answer after this tells.
      if (bases === 1) clock.advance(baseLookAgainMs + 1);
      return numberedAppend(table, { name: 'b' }).plan(base, again);
    },
  });
  expect(outcome).toMatchObject({ status: 'committed', attempts: 2, requests: { list: 1, putIfAbsent: 1 } });
  expect(bases).toBe(2);
});

test('S1: a committer that has been idle looks at the head before it writes', async () => {
  const store = countingObjectStore(memoryStore());
  const table = await fixtureTable(store, parts);
  await using committer = new Committer(table);
  await committer.commit(numberedAppend(table, { name: 'a' }));
  clock.advance(baseLookAgainMs + 1);
  const outcome = await committer.commit(numberedAppend(table, { name: 'b' }));
  expect(outcome).toMatchObject({
    status: 'committed',
    attempts: 1,
    requests: { list: 1, get: 0, put: 3, putIfAbsent: 1 },
  });
});

test('a store that fails before the swap throws, and nothing was committed', async () => {
  const store = memoryStore();
  await fixtureTable(store, parts);
  const faults = scriptedFaults([{ operation: 'put', keyPart: 'manifest', fault: { kind: 'refused' } }]);
  const table = await sameTable(faultyObjectStore(store, faults, { clock }));
  await expect(commit(table, numberedAppend(table, { name: 'a' }))).rejects.toThrow('injected');
  expect(await latestSnapshot(table)).toBeUndefined();
});

test('an aborted signal stops a commit before its swap and never turns a swap in doubt into an exception', async () => {
  const store = memoryStore();
  const table = await fixtureTable(store, parts);
  const aborted = AbortSignal.abort(new Error('enough'));
  await expect(commit(table, { ...numberedAppend(table, { name: 'a' }), signal: aborted })).rejects.toThrow('enough');
  const controller = new AbortController();
  const aborting: ObjectStore = {
    ...beforePutIfAbsent(store, '', async () => {}),
    async putIfAbsent(key, bytes) {
      await store.putIfAbsent(key, bytes);
      controller.abort(new Error('enough'));
      return { status: 'unanswered', cause: 'reset' };
    },
  };
  const other = await sameTable(aborting);
  const outcome = await commit(other, { ...numberedAppend(other, { name: 'a' }), signal: controller.signal });
  expect(committedId(outcome)).toBe(1);
});

test('S8: hints come after a prompt win, once in a while', async () => {
  const store = memoryStore();
  const table = await fixtureTable(store, parts);
  const hint = async (name: string): Promise<string> =>
    Buffer.from((await store.get(`d.db/t/snapshot/${name}`))?.bytes ?? []).toString();
  await using committer = new Committer(table);
  for (const name of ['a', 'b', 'c']) await committer.commit(numberedAppend(table, { name }));
  await committer[Symbol.asyncDispose]();
  expect([await hint('EARLIEST'), await hint('LATEST')]).toEqual(['1', '1']);
  clock.advance(60_000);
  await committer.commit(numberedAppend(table, { name: 'd' }));
  await committer[Symbol.asyncDispose]();
  expect([await hint('EARLIEST'), await hint('LATEST')]).toEqual(['1', '4']);
});

test('a base that was remembered for a while is asked after once, and nothing is written on one that others have overtaken', async () => {
  const store = countingObjectStore(memoryStore());
  const table = await fixtureTable(store, parts);
  await using committer = new Committer(table);
  await committer.commit(numberedAppend(table, { name: 'first' }));
  await committer[Symbol.asyncDispose]();
  clock.advance(baseAskAfterMs);
  store.reset();
  await committer.base();
  await committer.commit(numberedAppend(table, { name: 'second' }));
  await committer[Symbol.asyncDispose]();
  expect(store.counts()).toMatchObject({ put: 3, putIfAbsent: 1, get: 0, head: 1, list: 0 });
  await commit(await sameTable(store), numberedAppend(table, { name: 'of another' }));
  clock.advance(baseAskAfterMs);
  store.reset();
  expect(await committer.commit(numberedAppend(table, { name: 'third' }))).toMatchObject({ attempts: 1 });
  // The next four numbers, of which one is there, its two lists and a manifest: cheaper than a LIST.
  expect(store.counts()).toMatchObject({ put: 3, putIfAbsent: 1, head: 1, list: 0, get: 7 });
  expect(await liveNames(table)).toEqual(['first', 'of another', 'second', 'third']);
});
