/** Where subscriptions begin and end, by the history of snapshots and by the log. */
import { expect, test } from 'vitest';
import { hourMs } from '../../../test/maintenance-fixture.ts';
import { numbered, type RowTable, rowTable } from '../../../test/row-fixture.ts';
import { createTable } from '../../catalog/catalog.ts';
import { expireSnapshots } from '../../maintenance/expire-snapshots.ts';
import { createTag } from '../../table/tags/manage-tags.ts';
import { rowsOf } from '../../types/column-reader.ts';
import { IngestWorker } from '../ingest/ingest-worker.ts';
import { append, openTestTable, testDefinition, testIdentifier, testProducer, testWorld } from '../testing.ts';
import type { SubscribeFrom, SubscribeUntil } from './history-range.ts';
import { type SubscribeRequest, subscribe } from './subscribe.ts';

/** The keys that come until it ends by itself, those that one snapshot gives together; a place without rows is nothing. */
async function bounded(rows: RowTable, request: SubscribeRequest): Promise<string[]> {
  const parts = { store: rows.store, log: undefined, clock: rows.clock, random: rows.random };
  const seen: string[] = [];
  for await (const batch of subscribe(parts, await rows.open(), request, new AbortController().signal)) {
    if (batch.rows.rowCount === 0) continue;
    const head = `${batch.phase} ${batch.snapshotId}: `;
    const keys = rowsOf(batch.rows)
      .map(([, k]) => k)
      .join();
    if (seen.at(-1)?.startsWith(head) === true) seen.push(`${seen.pop()},${keys}`);
    else seen.push(head + keys);
  }
  return seen;
}

/** Snapshots 1 to 6, two hours between them, of which those below 4 have expired when nothing keeps them. */
async function sixSnapshots(options: Readonly<Record<string, string>> = {}): Promise<RowTable> {
  const rows = await rowTable({ options: { 'snapshot.num-retained.min': '1', ...options } });
  for (let k = 1; k <= 6; k += 1) {
    await rows.write(numbered('x', k, 1));
    rows.clock.advance(2 * hourMs);
  }
  return rows;
}

async function timeOf(rows: RowTable, id: number): Promise<number> {
  const bytes = (await rows.store.get(`d.db/t/snapshot/snapshot-${id}`))?.bytes;
  return JSON.parse(new TextDecoder().decode(bytes)).timeMillis;
}

const now: SubscribeUntil = { kind: 'now' };
const changesOf = (...ids: readonly number[]): string[] => ids.map(id => `changes ${id}: ${id}`);

test('it begins where it is told: at all rows, at the oldest change, behind a snapshot or a tag, at a time, now', async () => {
  const rows = await sixSnapshots();
  await createTag(await rows.open(), 'four', { snapshotId: 4 });
  const from = (start: SubscribeFrom): Promise<string[]> => bounded(rows, { from: start, until: now });
  expect(await from({ kind: 'full' })).toEqual(['snapshot 6: 1,2,3,4,5,6']);
  expect(await from({ kind: 'earliest' })).toEqual(changesOf(1, 2, 3, 4, 5, 6));
  expect(await from({ kind: 'after', of: { snapshotId: 4 } })).toEqual(changesOf(5, 6));
  expect(await from({ kind: 'after', of: { tag: 'four' } })).toEqual(changesOf(5, 6));
  expect(await from({ kind: 'full-of', of: { tag: 'four' } })).toEqual(['snapshot 4: 1,2,3,4', ...changesOf(5, 6)]);
  expect(await from({ kind: 'full-of', of: { snapshotId: 6 } })).toEqual(['snapshot 6: 1,2,3,4,5,6']);
  const thirdMs = await timeOf(rows, 3);
  expect(await from({ kind: 'timestamp', timestampMs: thirdMs })).toEqual(changesOf(3, 4, 5, 6));
  expect(await from({ kind: 'timestamp', timestampMs: thirdMs + 1 })).toEqual(changesOf(4, 5, 6));
  expect(await from({ kind: 'timestamp', timestampMs: 0 })).toEqual(changesOf(1, 2, 3, 4, 5, 6));
  expect(await from({ kind: 'timestamp', timestampMs: rows.clock.nowMs() })).toEqual([]);
  expect(await from({ kind: 'latest' })).toEqual([]);
});

test('it ends where it is told, and ranges of time that meet share no change and leave none out', async () => {
  const rows = await sixSnapshots();
  await createTag(await rows.open(), 'four', { snapshotId: 4 });
  const until = (end: SubscribeUntil, from: SubscribeFrom = { kind: 'earliest' }): Promise<string[]> =>
    bounded(rows, { from, until: end });
  expect(await until({ kind: 'snapshot', of: { snapshotId: 2 } })).toEqual(changesOf(1, 2));
  expect(await until({ kind: 'snapshot', of: { tag: 'four' } })).toEqual(changesOf(1, 2, 3, 4));
  expect(await until({ kind: 'snapshot', of: { snapshotId: 2 } }, { kind: 'full' })).toEqual(['snapshot 2: 1,2']);
  for (const id of [1, 3, 6]) {
    for (const aside of [0, 1]) {
      const timestampMs = (await timeOf(rows, id)) + aside;
      const before = await until({ kind: 'timestamp', timestampMs });
      const after = await until(now, { kind: 'timestamp', timestampMs });
      expect([...before, ...after]).toEqual(changesOf(1, 2, 3, 4, 5, 6));
      expect(before).toHaveLength(id - 1 + aside);
    }
  }
});

test('what has not come or has no end behind its beginning is refused, and so are times whose changes are gone', async () => {
  const rows = await sixSnapshots();
  await createTag(await rows.open(), 'one', { snapshotId: 1 });
  const thirdMs = await timeOf(rows, 3);
  const code = (request: SubscribeRequest): Promise<unknown> =>
    bounded(rows, request).then(
      () => 'read',
      error => error.code,
    );
  const later = { kind: 'timestamp', timestampMs: rows.clock.nowMs() + hourMs } as const;
  expect(await code({ from: { kind: 'earliest' }, until: later })).toBe('LAKE_BAD_RANGE');
  expect(await code({ from: later, until: now })).toBe('LAKE_BAD_RANGE');
  const second: SubscribeUntil = { kind: 'snapshot', of: { snapshotId: 2 } };
  expect(await code({ from: { kind: 'after', of: { snapshotId: 3 } }, until: second })).toBe('LAKE_BAD_RANGE');
  expect(await code({ from: { kind: 'latest' }, until: second })).toBe('LAKE_BAD_RANGE');
  expect(await code({ from: { kind: 'after', of: { snapshotId: 9 } }, until: now })).toBe('LAKE_SNAPSHOT_NOT_FOUND');
  expect(await code({ from: { kind: 'after', of: { tag: 'none' } }, until: now })).toBe('LAKE_TAG_NOT_FOUND');
  expect(await expireSnapshots(await rows.open())).toMatchObject({ status: 'done', expiredCount: 4 });
  expect(await bounded(rows, { from: { kind: 'earliest' }, until: now })).toEqual(changesOf(5, 6));
  expect(await code({ from: { kind: 'timestamp', timestampMs: thirdMs }, until: now })).toBe('LAKE_SNAPSHOT_EXPIRED');
  // Its rows are kept by the tag; what follows them is not.
  expect(await code({ from: { kind: 'full-of', of: { tag: 'one' } }, until: now })).toBe('LAKE_SNAPSHOT_EXPIRED');
});

test('earliest and times reach back to changelogs that have outlived their snapshots', async () => {
  const rows = await sixSnapshots({ 'changelog.time-retained': '30 d' });
  const thirdMs = await timeOf(rows, 3);
  expect(await expireSnapshots(await rows.open())).toMatchObject({ status: 'done', expiredCount: 4 });
  expect(await bounded(rows, { from: { kind: 'earliest' }, until: now })).toEqual(changesOf(1, 2, 3, 4, 5, 6));
  const range = { from: { kind: 'timestamp', timestampMs: thirdMs }, until: now } as const;
  expect(await bounded(rows, range)).toEqual(changesOf(3, 4, 5, 6));
});

test('until now ends with what the log has, though others go on appending, and the place behind it goes on', async () => {
  const w = testWorld();
  const schema = await createTable(w, testIdentifier, testDefinition, { ifNotExists: false });
  const producer = testProducer(w, schema);
  await using ingest = new IngestWorker(w);
  await append(producer, schema, [[1n, 'v', 1]]);
  await ingest.drain();
  await append(producer, schema, [[2n, 'v', 2]]);
  const table = await openTestTable(w);
  let extra = 100;
  const read = async (from: SubscribeFrom): Promise<{ keys: unknown[]; next: SubscribeFrom }> => {
    const keys: unknown[] = [];
    let next: SubscribeFrom = from;
    for await (const batch of subscribe(w, table, { from, until: now }, new AbortController().signal)) {
      keys.push(...rowsOf(batch.rows).map(([k]) => k));
      if (batch.resume !== undefined) next = { kind: 'resume', point: batch.resume };
      // To other shards perhaps, which have been read to their tip.
      if (batch.phase === 'log' && keys.length < 20) await append(producer, schema, [[BigInt((extra += 1)), 'v', 0]]);
    }
    return { keys, next };
  };
  const first = await read({ kind: 'full' });
  expect(first.keys.slice(0, 2)).toEqual([1n, 2n]);
  expect(first.keys.length).toBeLessThan(20);
  const second = await read(first.next);
  const all = [...first.keys, ...second.keys];
  expect(new Set(all).size).toBe(all.length);
  const until = { kind: 'snapshot', of: { snapshotId: 1 } } as const;
  await expect(
    subscribe(w, table, { from: first.next, until }, new AbortController().signal).next(),
  ).rejects.toMatchObject({ code: 'LAKE_BAD_RANGE' });
});
