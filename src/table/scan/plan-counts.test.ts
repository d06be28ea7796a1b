/** What plans and commits ask for while a table grows from 10 to 100,000 data files: metadata only, no file is there. */
import { expect, test } from 'vitest';
import { fixedRequest, fixtureTable, ManualClock, numberedAppend, plannedFile } from '../../../test/table-fixture.ts';
import { seededRandom } from '../../base/random.ts';
import { type CountingObjectStore, countingObjectStore } from '../../storage/counting-object-store.ts';
import { MemoryObjectStore } from '../../storage/memory/memory-object-store.ts';
import type { Predicate } from '../../types/predicate.ts';
import { Committer } from '../commit/commit.ts';
import { latestSnapshot } from '../snapshots.ts';
import { openTable, type Table } from '../table.ts';
import { planScan } from './plan-scan.ts';
import { filesOf } from './split.ts';

const commitCount = 10;
const identifier = { database: 'd', name: 't' };

type Shape = {
  readonly partitioned: boolean;
  readonly buckets: number;
  /** Partition and bucket of the n-th file of so many. */
  readonly place: (n: number, count: number) => { readonly partition?: string; readonly bucket: number };
};

/** A partition a day, each written on its day. */
const byDay: Shape = {
  partitioned: true,
  buckets: 1,
  place: (n, count) => ({ partition: dayOf(Math.floor((n * 100) / count)), bucket: 0 }),
};
/** Every commit writes to all buckets. */
const byBucket: Shape = { partitioned: false, buckets: 500, place: n => ({ bucket: n % 500 }) };
/** Every commit writes to partitions here and there. */
const byCustomer: Shape = {
  partitioned: true,
  buckets: 1,
  place: n => ({ partition: dayOf((n * 61) % 100), bucket: 0 }),
};

function dayOf(n: number): string {
  return `day-${String(n).padStart(3, '0')}`;
}

type Grown = {
  readonly store: CountingObjectStore;
  readonly table: Table;
  readonly committer: Committer;
  readonly anew: () => Promise<Table>;
  /** Objects read by a plan, without the search for the head, and how many files it finds. */
  readonly plan: (table: Table, predicate: Predicate) => Promise<{ readonly read: number; readonly files: number }>;
};

/** A table of so many files in ten commits, after a compaction. */
async function grown(fileCount: number, { partitioned, buckets, place }: Shape): Promise<Grown> {
  const clock = new ManualClock();
  const parts = { clock, random: seededRandom(1) };
  const store = countingObjectStore(new MemoryObjectStore('memory:grown', clock));
  const options = { bucket: String(buckets) };
  const table = await fixtureTable(store, parts, { partitioned, options });
  const committer = new Committer(table);
  const perCommit = fileCount / commitCount;
  for (let index = 0; index < commitCount; index += 1) {
    const adds = Array.from({ length: perCommit }, (_, i) => {
      const n = index * perCommit + i;
      return plannedFile(table, { name: `data-${n}`, sequence: [n, n], rows: 1, ...place(n, fileCount) });
    });
    await committer.commit(fixedRequest(table, { adds }));
  }
  const compacted = plannedFile(table, { name: 'compacted', level: 5, rows: 1, ...place(0, fileCount) });
  await committer.commit(fixedRequest(table, { kind: 'COMPACT', adds: [compacted] }));
  await committer[Symbol.asyncDispose]();
  return {
    store,
    table,
    committer,
    anew: () => openTable(store, identifier, { clock, random: seededRandom(2) }),
    plan: async (of, predicate) => {
      const snapshot = await latestSnapshot(of);
      store.reset();
      const { splits } = await planScan(of, snapshot, { predicate });
      return { read: store.counts().get, files: splits.reduce((sum, split) => sum + filesOf(split).length, 0) };
    },
  };
}

function equals(column: string, value: string | number): Predicate {
  return { kind: 'compare', op: '=', column, value };
}

/** Making 100,000 files takes seconds, and on a machine that does much else a minute. */
const timeoutMs = 240_000;

const sizes = [10, 1_000, 100_000] as const;

test.each(sizes)(
  'of %i files a partition takes both lists and one manifest to plan, and nothing when asked again',
  async fileCount => {
    const { store, table, committer, anew, plan } = await grown(fileCount, byDay);
    const reader = await anew();
    const ofDay = equals('p', dayOf(40));
    const files = Math.max(1, fileCount / 100);
    expect(await plan(reader, ofDay)).toEqual({ read: 3, files });
    expect(await plan(reader, ofDay)).toEqual({ read: 0, files });
    // Whoever commits asks for nothing, however many files there are.
    for (const [name, partition] of [
      ['same', dayOf(40)],
      ['other', dayOf(99)],
    ] as const) {
      store.reset();
      const outcome = await committer.commit(numberedAppend(table, { name, partition }));
      await committer[Symbol.asyncDispose]();
      expect(outcome).toMatchObject({ status: 'committed', attempts: 1, requests: { merge: 0 } });
      expect(store.counts()).toMatchObject({ put: 3, putIfAbsent: 1, get: 0, getRange: 0, list: 0, head: 0 });
      // Of what has come since a reader takes the lists, and what is in its partition.
      const isOfDay = name === 'same';
      expect(await plan(reader, ofDay)).toEqual({ read: isOfDay ? 3 : 2, files: files + 1 });
    }
  },
  timeoutMs,
);

test.each(sizes)(
  'of %i files a key takes both lists and two manifests to plan, and nothing when asked again',
  async fileCount => {
    const { anew, plan } = await grown(fileCount, byBucket);
    const reader = await anew();
    // Of one in 500 buckets; all files have the keys 1 to 9. That of the compaction is not known to be of another bucket.
    const [first, again] = [await plan(reader, equals('k', 5)), await plan(reader, equals('k', 5))];
    expect([first.read, again.read]).toEqual([4, 0]);
    expect([first.files, again.files]).toEqual(fileCount < 500 ? [0, 0] : [fileCount / 500, fileCount / 500]);
  },
  timeoutMs,
);

test('partitions that every commit writes to are found in one manifest, once a compaction has put it in order', async () => {
  const { anew, plan } = await grown(10_000, byCustomer);
  const reader = await anew();
  expect(await plan(reader, equals('p', dayOf(40)))).toEqual({ read: 3, files: 100 });
});
