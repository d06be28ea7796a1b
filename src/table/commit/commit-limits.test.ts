/** When a commit gives up, what stops it, and what a committer remembers. */
import { expect, test } from 'vitest';
import { changedStore } from '../../../test/changed-ports.ts';
import {
  beforePutIfAbsent,
  fixedRequest,
  fixtureSchema,
  fixtureTable,
  ManualClock,
  numberedAppend,
  plannedFile,
  putSchema,
} from '../../../test/table-fixture.ts';
import { type Random, seededRandom } from '../../base/random.ts';
import { emptyRow } from '../../format/binary-row.ts';
import { countingObjectStore } from '../../storage/counting-object-store.ts';
import { MemoryObjectStore } from '../../storage/memory/memory-object-store.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { latestSnapshot } from '../snapshots.ts';
import { openTable } from '../table.ts';
import { Committer, commit } from './commit.ts';
import { baseAskAfterMs, baseFreshMs, baseLookAgainMs, supersededStaysMs, uploadAgeMsMax } from './limits.ts';
import { commitPlan, commitStop } from './request.ts';

const hourMs = 3_600_000;

test("the protocol's periods of store time leave room for one another", () => {
  expect({ supersededStaysMs, baseFreshMs, baseLookAgainMs, uploadAgeMsMax }).toEqual({
    supersededStaysMs: hourMs,
    baseFreshMs: hourMs / 6,
    baseLookAgainMs: hourMs / 12,
    uploadAgeMsMax: 12 * hourMs,
  });
  // A base that is built on is there, and so is what it names, for as long as the swap on it may take.
  expect(baseLookAgainMs + baseFreshMs).toBeLessThan(supersededStaysMs);
});

/** Rivals win every swap; each takes a while. */
function losing(inner: ObjectStore, clock: ManualClock, swapMs: number): ObjectStore {
  return {
    ...beforePutIfAbsent(inner, '', async () => {}),
    async putIfAbsent() {
      clock.advance(swapMs);
      return { status: 'exists', storeTimeMs: clock.nowMs() };
    },
  };
}

/** A clock on which waiting takes no time. */
class HastyClock extends ManualClock {
  readonly waitsMs: number[] = [];

  override async sleep(ms: number): Promise<void> {
    this.waitsMs.push(ms);
    await Promise.resolve();
  }
}

async function attemptsWhenLosing(clock: ManualClock, swapMs: number): Promise<number> {
  const store = new MemoryObjectStore('memory:limits', clock);
  const table = await fixtureTable(losing(store, clock, swapMs), { clock, random: seededRandom(3) });
  const outcome = await commit(table, fixedRequest(table, {}));
  expect(outcome).toMatchObject({ status: 'conflict', rule: 'S4' });
  expect(await latestSnapshot(table)).toBeUndefined();
  return outcome.attempts;
}

test('S4: a commit that loses every swap is a conflict after as many attempts as there may be', async () => {
  expect(await attemptsWhenLosing(new HastyClock(), 0)).toBe(1_000);
});

test('S4: or after a quarter of an hour, but not before it has tried often enough', async () => {
  const quarterMs = hourMs / 4;
  expect(await attemptsWhenLosing(new HastyClock(), quarterMs + 1)).toBe(20);
  // Of 30 s each the 31st begins exactly when the time is over, and is still made.
  expect(await attemptsWhenLosing(new HastyClock(), quarterMs / 30)).toBe(31);
  expect(await attemptsWhenLosing(new HastyClock(), (quarterMs + 1) / 30)).toBe(30);
});

test('a signal that aborts between two attempts ends the commit', async () => {
  const clock = new HastyClock();
  const controller = new AbortController();
  const inner = new MemoryObjectStore('memory:limits', clock);
  const store: ObjectStore = {
    ...losing(inner, clock, 0),
    async putIfAbsent() {
      controller.abort(new Error('enough'));
      return { status: 'exists', storeTimeMs: clock.nowMs() };
    },
  };
  const table = await fixtureTable(store, { clock, random: seededRandom(3) });
  const request = { ...fixedRequest(table, {}), signal: controller.signal };
  await expect(commit(table, request)).rejects.toThrow('enough');
});

test('a plan that never fits is asked for so many times on one base, and given up by the rule in its way', async () => {
  const clock = new ManualClock();
  const table = await fixtureTable(new MemoryObjectStore('memory:limits', clock), { clock, random: seededRandom(3) });
  await commit(table, numberedAppend(table, { name: 'first' }));
  let rounds = 0;
  const outcome = await commit(table, {
    commitUser: 'test',
    commitIdentifier: 1n,
    plan: async () => {
      rounds += 1;
      return commitPlan({ kind: 'APPEND', schemaId: 0, adds: [plannedFile(table, { name: `low-${rounds}` })] });
    },
  });
  expect(outcome).toMatchObject({ status: 'conflict', rule: 'S6', attempts: 1 });
  expect(rounds).toBe(4);
});

test('a plan that says that it cannot be had ends the commit as it says', async () => {
  const clock = new ManualClock();
  const table = await fixtureTable(new MemoryObjectStore('memory:limits', clock), { clock, random: seededRandom(3) });
  for (const [outcome, expected] of [
    ['conflict', { status: 'conflict', rule: 'plan', detail: 'why' }],
    ['changed', { status: 'changed', detail: 'why' }],
  ] as const) {
    const plan = async () => commitStop(outcome, 'why');
    expect(await commit(table, { commitUser: 'test', commitIdentifier: 1n, plan })).toMatchObject(expected);
  }
  expect(await latestSnapshot(table)).toBeUndefined();
});

test('a committer believes the base it remembers, unless it is asked to look', async () => {
  const clock = new ManualClock();
  const inner = new MemoryObjectStore('memory:limits', clock);
  const store = countingObjectStore(inner);
  const table = await fixtureTable(store, { clock, random: seededRandom(3) });
  await using committer = new Committer(table);
  await committer.commit(numberedAppend(table, { name: 'a' }));
  const other = await openTable(inner, { database: 'd', name: 't' }, { clock, random: seededRandom(4) });
  await commit(other, numberedAppend(other, { name: 'b' }));
  const idOf = async (options?: { readonly isFresh: boolean }): Promise<number | undefined> => {
    const found = await committer.base(options);
    return found.kind === 'base' ? found.base.snapshot?.id : undefined;
  };
  store.reset();
  expect([await idOf(), await idOf({ isFresh: false })]).toEqual([1, 1]);
  expect(store.counts()).toMatchObject({ list: 0, get: 0 });
  expect(await idOf({ isFresh: true })).toBe(2);
  expect(store.counts()).toMatchObject({ list: 1 });
  // What was looked up is remembered, too.
  expect(await idOf()).toBe(2);
  expect(store.counts()).toMatchObject({ list: 1 });
});

test('a committer that has lost a swap looks again, and believes what it remembers once it has won', async () => {
  const clock = new ManualClock();
  const inner = new MemoryObjectStore('memory:limits', clock);
  const table = await fixtureTable(inner, { clock, random: seededRandom(3) });
  const rival = await openTable(inner, { database: 'd', name: 't' }, { clock, random: seededRandom(4) });
  const store = beforePutIfAbsent(inner, '/snapshot-2', async () => {
    await commit(rival, numberedAppend(rival, { name: 'theirs' }));
  });
  const own = await openTable(store, { database: 'd', name: 't' }, { clock, random: seededRandom(5) });
  await using committer = new Committer(own);
  const figures: (readonly [number, number])[] = [];
  for (const name of ['a', 'b', 'c', 'd']) {
    const { attempts, requests } = await committer.commit(numberedAppend(own, { name }));
    figures.push([attempts, requests.list]);
  }
  // The second loses once, and knows then where to look. After it has won nobody is taken to be about any more.
  expect(figures).toEqual([
    [1, 1],
    [2, 0],
    [1, 0],
    [1, 0],
  ]);
  expect((await latestSnapshot(table))?.id).toBe(5);
});

test('a committer among rivals asks for the next snapshot before it writes, and builds on that', async () => {
  const clock = new ManualClock();
  const inner = new MemoryObjectStore('memory:limits', clock);
  const table = await fixtureTable(inner, { clock, random: seededRandom(3) });
  const rival = await openTable(inner, { database: 'd', name: 't' }, { clock, random: seededRandom(4) });
  const lose = beforePutIfAbsent(inner, '/snapshot-1', async () => {
    await commit(rival, numberedAppend(rival, { name: 'first' }));
  });
  const store = countingObjectStore(lose);
  const own = await openTable(store, { database: 'd', name: 't' }, { clock, random: seededRandom(5) });
  await using committer = new Committer(own);
  const request = numberedAppend(own, { name: 'a' });
  const bases: number[] = [];
  const outcome = await committer.commit({
    ...request,
    async plan(base, again) {
      const id = base.snapshot?.id ?? 0;
      bases.push(id);
      const planned = await request.plan(base, again);
      // At the second attempt, when it is known that there are rivals: one is quicker than this plan.
      if (id === 1) await commit(rival, numberedAppend(rival, { name: 'second' }));
      return planned;
    },
  });
  expect(outcome).toMatchObject({ status: 'committed', snapshot: { id: 3 }, attempts: 2 });
  expect(bases).toEqual([0, 1, 2]);
  // Of the swap that was lost and of the one that was won, a manifest for each, since numbers changed; nothing on base 1.
  expect(outcome.requests).toMatchObject({ put: 6, putIfAbsent: 2 });
  expect((await latestSnapshot(table))?.id).toBe(3);
});

test('S1: where a plan does not fit a base that no LIST has shown, it is made again on one that a LIST shows', async () => {
  const clock = new ManualClock();
  const inner = new MemoryObjectStore('memory:limits', clock);
  const table = await fixtureTable(inner, { clock, random: seededRandom(3) });
  const store = countingObjectStore(inner);
  const own = await openTable(store, { database: 'd', name: 't' }, { clock, random: seededRandom(5) });
  await using committer = new Committer(own);
  await committer.commit(numberedAppend(own, { name: 'a' }));
  await commit(table, numberedAppend(table, { name: 'b' }));
  expect(await committer.hasNewer()).toBe(true);
  expect(await committer.base({ isFresh: true })).toMatchObject({ base: { id: 2 }, isListed: false });
  await commit(table, numberedAppend(table, { name: 'c' }));
  clock.advance(baseAskAfterMs);
  store.reset();
  const bases: number[] = [];
  const outcome = await committer.commit({
    ...{ commitUser: 'test', commitIdentifier: 1n },
    async plan(base) {
      bases.push(base.snapshot?.id ?? 0);
      return commitStop('conflict', 'it does not fit');
    },
  });
  expect(outcome).toMatchObject({ status: 'conflict', attempts: 2 });
  expect(bases).toEqual([3, 3]);
  expect(store.counts()).toMatchObject({ list: 1, put: 0 });
});

test('a head that is farther than a few numbers is found by a LIST', async () => {
  const clock = new ManualClock();
  const inner = new MemoryObjectStore('memory:limits', clock);
  const table = await fixtureTable(inner, { clock, random: seededRandom(3) });
  const store = countingObjectStore(inner);
  const own = await openTable(store, { database: 'd', name: 't' }, { clock, random: seededRandom(5) });
  await using committer = new Committer(own);
  await committer.commit(numberedAppend(own, { name: 'a' }));
  for (const [count, lists] of [
    [3, 0],
    [4, 1],
  ] as const) {
    for (let n = 0; n < count; n += 1) await commit(table, numberedAppend(table, { name: `b-${count}-${n}` }));
    expect(await committer.hasNewer()).toBe(true);
    store.reset();
    const head = await latestSnapshot(table);
    expect(await committer.base({ isFresh: true })).toMatchObject({ base: { id: head?.id }, isListed: lists === 1 });
    expect(store.counts()).toMatchObject({ list: lists });
  }
});

test('commits of one committer take turns', async () => {
  const clock = new ManualClock();
  const table = await fixtureTable(new MemoryObjectStore('memory:limits', clock), { clock, random: seededRandom(3) });
  await using committer = new Committer(table);
  const outcomes = await Promise.all(['a', 'b', 'c'].map(name => committer.commit(numberedAppend(table, { name }))));
  expect(outcomes.map(({ status, attempts }) => `${status} ${attempts}`)).toEqual(
    Array.from({ length: 3 }, () => 'committed 1'),
  );
});

test('who has lost a swap waits as many attempts as the window is wide, and who has won once of two looks', async () => {
  const clock = new HastyClock();
  const inner = new MemoryObjectStore('memory:limits', clock);
  let swapMs = 0;
  let losses = 2;
  const store = changedStore<ObjectStore>(inner, {
    async putIfAbsent(key, bytes) {
      clock.advance(swapMs);
      losses -= 1;
      return losses < 0 ? inner.putIfAbsent(key, bytes) : { status: 'exists', storeTimeMs: clock.nowMs() };
    },
  });
  const half: Random = { ...seededRandom(3), next: () => 0.5 };
  const table = await fixtureTable(store, { clock, random: half });
  await using quick = new Committer(table);
  expect(await quick.commit(fixedRequest(table, {}))).toMatchObject({ status: 'committed', attempts: 3 });
  // An attempt counts half a millisecond at least; the window is two of them by one and a half, then four by two.
  expect(clock.waitsMs.splice(0)).toEqual([1 / 3, 0.5]);
  // Somebody is still about.
  expect(await quick.commit(fixedRequest(table, {}))).toMatchObject({ attempts: 1, requests: { list: 1 } });
  expect(await quick.commit(fixedRequest(table, {}))).toMatchObject({ attempts: 1, requests: { list: 0 } });
  clock.waitsMs.length = 0;
  [swapMs, losses] = [100, 2];
  await using slow = new Committer(table);
  expect(await slow.commit(fixedRequest(table, {}))).toMatchObject({ status: 'committed', attempts: 3 });
  expect(clock.waitsMs).toEqual([200 / 3, 100]);
});

test('a committer that does not know what became of its swap looks before the next', async () => {
  const clock = new ManualClock();
  const inner = new MemoryObjectStore('memory:limits', clock);
  let isAway = false;
  const store = changedStore<ObjectStore>(inner, {
    putIfAbsent: async (key, bytes) => {
      const outcome = await inner.putIfAbsent(key, bytes);
      return isAway ? { status: 'unanswered', cause: 'reset' } : outcome;
    },
    get: async key => {
      if (isAway) throw new Error('away');
      return inner.get(key);
    },
  });
  const table = await fixtureTable(store, { clock, random: seededRandom(3) });
  await using committer = new Committer(table);
  await committer.commit(numberedAppend(table, { name: 'a' }));
  isAway = true;
  const unknown = await committer.commit(numberedAppend(table, { name: 'b' }));
  isAway = false;
  expect(unknown).toMatchObject({ status: 'unknown', snapshotId: 2 });
  const next = await committer.commit(numberedAppend(table, { name: 'c' }));
  expect(next).toMatchObject({ status: 'committed', snapshot: { id: 3 }, attempts: 1, requests: { list: 1 } });
});

test('after a commit under a newer schema than before, that schema is the base of the next', async () => {
  const clock = new ManualClock();
  const store = new MemoryObjectStore('memory:limits', clock);
  const table = await fixtureTable(store, { clock, random: seededRandom(3) });
  await putSchema(store, fixtureSchema({ schemaId: 1, options: { comment: 'x' } }));
  await using committer = new Committer(table);
  await committer.commit(fixedRequest(table, { schemaId: 1 }));
  expect(await committer.base()).toMatchObject({ base: { id: 1, schema: { id: 1 } } });
});

test('what does not fit a base that is only remembered is not written again for it', async () => {
  const clock = new ManualClock();
  const store = new MemoryObjectStore('memory:limits', clock);
  const table = await fixtureTable(store, { clock, random: seededRandom(3) });
  await using committer = new Committer(table);
  await committer.commit(numberedAppend(table, { name: 'a' }));
  await commit(table, numberedAppend(table, { name: 'b' }));
  const asked: (string | undefined)[] = [];
  const outcome = await committer.commit({
    commitUser: 'test',
    commitIdentifier: 1n,
    plan: async (base, again) => {
      asked.push(`${base.snapshot?.id} ${again?.reason}`);
      const first = again === undefined ? 0 : Number(await base.sequenceFloor({ partition: emptyRow, bucket: 0 })) + 1;
      const adds = [plannedFile(table, { name: 'c', sequence: [first, first + 9] })];
      return commitPlan({ kind: 'APPEND', schemaId: 0, adds });
    },
  });
  expect(outcome).toMatchObject({ status: 'committed', attempts: 2 });
  expect(asked).toEqual(['1 undefined', '2 undefined', '2 sequence-floor']);
});

test('what a commit asks of the store is told, and apart from it what its merges ask', async () => {
  const clock = new ManualClock();
  const store = countingObjectStore(new MemoryObjectStore('memory:limits', clock));
  const writer = await fixtureTable(store, { clock, random: seededRandom(3) });
  await commit(writer, numberedAppend(writer, { name: 'before' }));
  const options = { 'manifest.merge-min-count': '4' };
  await putSchema(store, fixtureSchema({ schemaId: 1, options }));
  const table = await openTable(store, { database: 'd', name: 't' }, { clock, random: seededRandom(4) });
  await using committer = new Committer(table);
  await committer.commit(fixedRequest(table, {}));
  for (const name of ['a', 'b', 'c', 'd']) await commit(writer, numberedAppend(writer, { name }));
  clock.advance(baseLookAgainMs);
  await committer[Symbol.asyncDispose]();
  store.reset();
  const { requests } = await committer.commit(fixedRequest(table, { schemaId: 1 }));
  // The head with its two lists, and no manifest but for the five that become one.
  expect(requests).toEqual({ list: 1, get: 3, put: 2, putIfAbsent: 1, merge: 6 });
  await committer[Symbol.asyncDispose]();
  // The hint is not the commit's.
  expect(store.counts()).toMatchObject({ list: 1, get: 8, put: 4, putIfAbsent: 1 });
});

test('a commit by a committer of its own waits for the hint', async () => {
  const clock = new ManualClock();
  const inner = new MemoryObjectStore('memory:limits', clock);
  const store = changedStore<ObjectStore>(inner, {
    put: async (key, bytes) => {
      if (key.endsWith('LATEST')) await clock.sleep(100);
      return inner.put(key, bytes);
    },
  });
  const table = await fixtureTable(store, { clock, random: seededRandom(3) });
  await commit(table, fixedRequest(table, {}));
  expect(await inner.get('d.db/t/snapshot/LATEST')).toBeDefined();
});
