/** When a commit gives up, what stops it, and what a committer remembers. */
import { expect, test } from 'vitest';
import {
  beforePutIfAbsent,
  fixedRequest,
  fixtureTable,
  ManualClock,
  numberedAppend,
  plannedFile,
} from '../../../test/table-fixture.ts';
import { seededRandom } from '../../base/random.ts';
import { countingObjectStore } from '../../storage/counting-object-store.ts';
import { MemoryObjectStore } from '../../storage/memory/memory-object-store.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { latestSnapshot } from '../snapshots.ts';
import { openTable } from '../table.ts';
import { Committer, commit } from './commit.ts';
import {
  baseFreshMs,
  baseLookAgainMs,
  commitAttemptsMax,
  commitAttemptsMin,
  commitElapsedMsMax,
  planRoundsMax,
  supersededStaysMs,
  uploadAgeMsMax,
} from './limits.ts';
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
  override async sleep(): Promise<void> {
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
  expect(await attemptsWhenLosing(new HastyClock(), 0)).toBe(commitAttemptsMax);
});

test('S4: or after a quarter of an hour, but not before it has tried often enough', async () => {
  expect(await attemptsWhenLosing(new HastyClock(), commitElapsedMsMax + 1)).toBe(commitAttemptsMin);
  // Of 30 s each the 31st begins exactly when the time is over, and is still made.
  expect(await attemptsWhenLosing(new HastyClock(), commitElapsedMsMax / 30)).toBe(31);
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
  expect(rounds).toBe(planRoundsMax);
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
  // The second loses once. After it has won nobody is taken to be about any more.
  expect(figures).toEqual([
    [1, 1],
    [2, 1],
    [1, 0],
    [1, 0],
  ]);
  expect((await latestSnapshot(table))?.id).toBe(5);
});
