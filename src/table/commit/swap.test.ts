/** What is sent and looked at until it is known what became of a swap; the verdicts are decide-settle.test.ts's. */
import { expect, test } from 'vitest';
import { changedStore } from '../../../test/changed-ports.ts';
import { ManualClock } from '../../../test/table-fixture.ts';
import { LakeError } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';
import { encodeSnapshot, type Snapshot } from '../../format/snapshot.ts';
import { countingObjectStore } from '../../storage/counting-object-store.ts';
import { MemoryObjectStore } from '../../storage/memory/memory-object-store.ts';
import type { ObjectStore, StoredObject } from '../../storage/object-store.ts';
import { buildSnapshot } from './decide-snapshot.ts';
import { baseFreshMs } from './limits.ts';
import { commitPlan } from './request.ts';
import { type SwapResult, swap } from './swap.ts';

const ownId = 5;

/** A snapshot by its number and identity, and by that of the one below, where it names one. */
function snapshotOf(id: number, identity: string, parent?: string): Snapshot {
  const list = { name: identity, sizeBytes: 1 };
  const first = buildSnapshot({
    parent: undefined,
    properties: {},
    tableId: undefined,
    plan: commitPlan({ kind: 'APPEND', schemaId: 0 }),
    commitUser: 'user',
    commitIdentifier: 1n,
    storeTimeMs: 0,
    baseList: list,
    deltaList: list,
    changelogList: undefined,
  });
  return { ...first, id, properties: parent === undefined ? {} : { 'tidelake.parent': parent } };
}

const ours = snapshotOf(ownId, 'ours', 'base');
const theirs = snapshotOf(ownId, 'theirs', 'base');

type Put = 'created' | 'exists' | { readonly unanswered: unknown } | { readonly thrown: Error };

type Case = {
  /** What the sendings come to; the last one stands for all that follow. */
  readonly puts: readonly Put[];
  /** How long the last of them takes. */
  readonly putMs?: number;
  readonly there?: readonly Snapshot[];
  readonly get?: (object: StoredObject | undefined, clock: ManualClock) => StoredObject | undefined;
  readonly random?: Random;
};

type Swapped = {
  readonly result: SwapResult;
  /** Requests in order, with the end of their keys. */
  readonly requests: readonly string[];
  readonly tookMs: number;
};

async function swapped({ puts, putMs = 0, there = [], get, random }: Case): Promise<Swapped> {
  const clock = new ManualClock();
  const memory = new MemoryObjectStore('memory:swap', clock);
  for (const snapshot of there) {
    await memory.put(`d.db/t/snapshot/snapshot-${snapshot.id}`, encodeSnapshot(snapshot));
  }
  const left = [...puts];
  const changed = changedStore<ObjectStore>(memory, {
    putIfAbsent: async () => {
      const put = left.length > 1 ? left.shift() : left[0];
      if (left.length <= 1) clock.advance(putMs);
      if (typeof put === 'object' && 'thrown' in put) throw put.thrown;
      if (put === 'exists') return { status: 'exists', storeTimeMs: clock.nowMs() };
      if (put === 'created') return { status: 'created', etag: 'e', storeTimeMs: clock.nowMs() };
      return { status: 'unanswered', cause: put?.unanswered };
    },
    get: async (key, options) => {
      const object = await memory.get(key, options);
      return get === undefined ? object : get(object, clock);
    },
  });
  const requests: string[] = [];
  const store = countingObjectStore(changed, (operation, key) =>
    requests.push(`${operation} ${key.split('/').at(-1)}`),
  );
  const baseStoreTimeMs = clock.nowMs();
  const result = await swap({
    store,
    clock,
    random: random ?? { next: () => 0, uuid: () => '' },
    metaPath: 'd.db/t',
    label: 'd.t',
    snapshot: ours,
    baseStoreTimeMs,
    signal: undefined,
  });
  return { result, requests, tookMs: clock.nowMs() - baseStoreTimeMs };
}

const put = 'putIfAbsent snapshot-5';
const [own, largest, next] = ['get snapshot-5', 'list snapshot-', 'get snapshot-6'];
const committed: SwapResult = { status: 'committed', prompt: false };
const tooLate: SwapResult = { status: 'unknown', detail: 'the answer came too late to tell what became of it' };
const late = { puts: ['created'], putMs: baseFreshMs } as const;
const inDoubt = { puts: [{ unanswered: 'reset' }, 'exists'] } as const;
/** What is there is seen when the base is no longer fresh. */
const lateLook = (object: StoredObject | undefined, clock: ManualClock): StoredObject | undefined => {
  clock.advance(baseFreshMs);
  return object && { ...object, storeTimeMs: clock.nowMs() };
};

test.each<readonly [string, Case, SwapResult, readonly string[]]>([
  ['a prompt 200 needs no look', { puts: ['created'] }, { status: 'committed', prompt: true }, [put]],
  ['a 412 without doubt is lost', { puts: ['exists'] }, { status: 'lost' }, [put]],
  ['a late 200 is committed where it is the largest', { ...late, there: [ours] }, committed, [put, largest]],
  [
    'a late 200 is committed where a child names it',
    { ...late, there: [ours, snapshotOf(6, 'x', 'ours')] },
    committed,
    [put, largest, next],
  ],
  [
    'a late 200 is void where a child names another',
    { ...late, there: [ours, snapshotOf(6, 'x', 'theirs')] },
    { status: 'void' },
    [put, largest, next],
  ],
  [
    'a late 200 is unknown where a child names nobody',
    { ...late, there: [ours, snapshotOf(6, 'x')] },
    tooLate,
    [put, largest, next],
  ],
  [
    'a late 200 is void in a hole below others',
    { ...late, there: [ours, snapshotOf(8, 'x')] },
    { status: 'void' },
    [put, largest, next, own],
  ],
  [
    'a late 200 stays late, though a look is answered by a clock that is behind',
    {
      ...late,
      there: [ours, snapshotOf(8, 'x')],
      get: (object, clock) => object && { ...object, storeTimeMs: clock.nowMs() - baseFreshMs },
    },
    { status: 'void' },
    [put, largest, next, own],
  ],
  [
    'a late 200 is unknown where it is gone itself',
    { ...late, there: [snapshotOf(8, 'x')] },
    tooLate,
    [put, largest, next, own],
  ],
  ['a 412 in doubt is ours', { ...inDoubt, there: [ours] }, { status: 'committed', prompt: true }, [put, put, own]],
  ["a 412 in doubt is another's", { ...inDoubt, there: [theirs] }, { status: 'lost' }, [put, put, own]],
  [
    'a 412 in doubt that is seen late counts where it is the largest',
    { ...inDoubt, there: [ours], get: lateLook },
    committed,
    [put, put, own, largest],
  ],
  [
    'a 412 in doubt that is seen late is lost where a child names another',
    { ...inDoubt, there: [theirs, snapshotOf(6, 'x', 'theirs')], get: lateLook },
    { status: 'lost' },
    [put, put, own, largest, next],
  ],
  [
    'a 412 in doubt that is seen late is unknown where a child names nobody',
    { ...inDoubt, there: [ours, snapshotOf(6, 'x')], get: lateLook },
    tooLate,
    [put, put, own, largest, next],
  ],
  [
    'a 412 in doubt is unknown where nothing is left',
    { ...inDoubt, there: [snapshotOf(8, 'x')] },
    tooLate,
    [put, put, own, largest, next],
  ],
  [
    'a 412 in doubt is committed where a child names it, though it has gone itself',
    { ...inDoubt, there: [snapshotOf(6, 'x', 'ours')] },
    { status: 'committed', prompt: true },
    [put, put, own, largest, next],
  ],
])('%s', async (_, settings, expected, asked) => {
  const { result, requests } = await swapped(settings);
  expect(result).toEqual(expected);
  expect(requests).toEqual(asked);
});

const away = new LakeError('unavailable', 'LAKE_STORE_UNAVAILABLE', 'the store is away');

test('a sending that surely did not happen fails the swap, but not once an earlier one may have', async () => {
  await expect(swapped({ puts: [{ thrown: away }] })).rejects.toBe(away);
  const puts: readonly Put[] = [{ unanswered: 'reset' }, { thrown: away }];
  const after = await swapped({ puts });
  expect(after.requests).toEqual([put, put, own]);
  expect(after.result).toEqual({
    status: 'unknown',
    detail: 'no answer to the swap (LAKE_STORE_UNAVAILABLE: the store is away)',
  });
  expect((await swapped({ puts, there: [theirs] })).result).toEqual({ status: 'lost' });
  expect((await swapped({ puts, there: [ours] })).result).toEqual({ status: 'committed', prompt: true });
});

test('one body is sent so many times, each after a longer wait, and what happened last is told', async () => {
  const longest: Random = { next: () => 1, uuid: () => '' };
  const { result, requests, tookMs } = await swapped({ puts: [{ unanswered: 'reset' }], random: longest });
  expect(result).toEqual({ status: 'unknown', detail: 'no answer to the swap (reset)' });
  expect(requests).toEqual([...Array.from({ length: 30 }, () => put), own]);
  // Of the thirty waits seven double, and the others are five seconds each.
  expect(tookMs).toBe(50 * (2 ** 7 - 1) + 23 * 5_000);
});

test('where looking fails, too, it is unknown, and both are told', async () => {
  const get = (): never => {
    throw away;
  };
  expect((await swapped({ puts: [{ unanswered: new Error('reset') }], get })).result).toEqual({
    status: 'unknown',
    detail: 'no answer to the swap (reset), nor to looking (LAKE_STORE_UNAVAILABLE: the store is away)',
  });
  expect((await swapped({ ...inDoubt, get })).result).toEqual({
    status: 'unknown',
    detail: 'the swap was answered, and looking at what became of it failed: LAKE_STORE_UNAVAILABLE: the store is away',
  });
});
