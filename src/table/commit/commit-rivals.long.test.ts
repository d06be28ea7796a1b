import { expect, test } from 'vitest';
import { fixtureTable, numberedAppend } from '../../../test/table-fixture.ts';
import { systemClock } from '../../base/clock.ts';
import { isLakeError } from '../../base/errors.ts';
import { seededRandom } from '../../base/random.ts';
import { faultyObjectStore, randomFaults } from '../../storage/faulty-object-store.ts';
import { MemoryObjectStore } from '../../storage/memory/memory-object-store.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { liveEntries } from '../manifests.ts';
import { listSnapshots } from '../snapshots.ts';
import { openTable, type Table } from '../table.ts';
import { Committer } from './commit.ts';

// Rivals on one table: each commit exactly once, nothing lost, nothing reported wrongly.

const rowsEach = 10;

type Told = { readonly committed: Map<string, number>; readonly unknown: Set<string> };

/** What the table says against what its writers were told. */
async function checkTable(table: Table, { committed, unknown }: Told): Promise<void> {
  const snapshots = await listSnapshots(table);
  const head = snapshots.at(-1);
  if (head === undefined) throw new Error('the table has no snapshot');
  expect(snapshots.map(({ id }) => id)).toEqual(snapshots.map((_, index) => index + 1));
  expect(new Set(committed.values()).size).toBe(committed.size);
  const live = await liveEntries(table, head);
  const names = live.map(({ file }) => file.fileName);
  expect(new Set(names).size).toBe(names.length);
  expect(names.filter(name => !committed.has(name) && !unknown.has(name))).toEqual([]);
  expect([...committed.keys()].filter(name => !names.includes(name))).toEqual([]);
  expect(snapshots.length).toBe(names.length);
  expect(head.totalRecordCount).toBe(BigInt(names.length * rowsEach));
  for (const files of Map.groupBy(live, ({ bucket }) => bucket).values()) {
    const starts = files.map(({ file }) => Number(file.minSequenceNumber)).toSorted((a, b) => a - b);
    expect(starts).toEqual(starts.map((_, index) => index * rowsEach));
  }
}

type Race = { readonly workers: number; readonly commitsEach: number; readonly store: ObjectStore };

async function race({ workers, commitsEach, store }: Race): Promise<Told> {
  const parts = { clock: systemClock, random: seededRandom(7) };
  const table = await openTable(store, { database: 'd', name: 't' }, parts);
  const told: Told = { committed: new Map(), unknown: new Set() };
  const work = async (worker: number): Promise<void> => {
    await using committer = new Committer(table);
    for (let n = 0; n < commitsEach; n += 1) {
      const name = `data-${worker}-${n}.parquet`;
      const request = numberedAppend(table, { name, bucket: worker % 2, rows: rowsEach });
      for (let settled = false; !settled; ) {
        try {
          const outcome = await committer.commit(request);
          if (outcome.status === 'committed') told.committed.set(name, outcome.snapshot.id);
          else if (outcome.status === 'unknown') told.unknown.add(name);
          else throw new Error(`${name}: ${outcome.status}`);
          settled = true;
        } catch (error) {
          // An exception promises that nothing was committed, so the same is tried again.
          if (!isLakeError(error, 'LAKE_STORE_UNAVAILABLE')) throw error;
        }
      }
    }
  };
  await Promise.all(Array.from({ length: workers }, (_, worker) => work(worker)));
  return told;
}

test('50 committers make 10,000 commits, each exactly once', async () => {
  const store = new MemoryObjectStore('memory:rivals', systemClock);
  const parts = { clock: systemClock, random: seededRandom(1) };
  const table = await fixtureTable(store, parts, { options: { 'manifest.compression': 'null' } });
  const told = await race({ workers: 50, commitsEach: 200, store });
  expect(told.committed.size).toBe(10_000);
  await checkTable(table, told);
});

test('20 committers on a store that loses answers, refuses, delays and delivers late: each exactly once', async () => {
  const inner = new MemoryObjectStore('memory:rivals', systemClock);
  const parts = { clock: systemClock, random: seededRandom(1) };
  const table = await fixtureTable(inner, parts);
  const shares = { answerLost: 0.03, refused: 0.03, late: 0.03, slow: 0.4, delayMsMax: 3 };
  const store = faultyObjectStore(inner, randomFaults(seededRandom(3), shares), { clock: systemClock });
  const told = await race({ workers: 20, commitsEach: 10, store });
  await store.settle();
  expect(told.committed.size + told.unknown.size).toBe(200);
  await checkTable(table, told);
});
