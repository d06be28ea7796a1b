/** Subscriptions that go on from changelogs whose snapshots have expired. */
import { expect, test } from 'vitest';
import { hourMs } from '../../../test/maintenance-fixture.ts';
import { numbered, type RowTable, rowTable } from '../../../test/row-fixture.ts';
import { expireChangelogs } from '../../maintenance/expire-changelogs.ts';
import { expireSnapshots } from '../../maintenance/expire-snapshots.ts';
import { rowsOf } from '../../types/column-reader.ts';
import { subscribe } from './subscribe.ts';
import type { SubscribedBatch } from './subscribed-batch.ts';

const options = { 'changelog.time-retained': '30 d', 'snapshot.num-retained.min': '1' };

async function writeHourly(rows: RowTable, first: number, count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    await rows.write(numbered('x', first + index, 1));
    rows.clock.advance(2 * hourMs);
  }
}

function textOf({ snapshotId, rows }: SubscribedBatch): string {
  return `${snapshotId}: ${rowsOf(rows)
    .map(row => row.map(String).join(' '))
    .join()}`;
}

test('changes are followed from a changelog on, from the first as well, until changelogs expire', async () => {
  const rows = await rowTable({ options });
  await writeHourly(rows, 0, 5);
  const table = await rows.open();
  expect(await expireSnapshots(table)).toMatchObject({ status: 'done', expiredCount: 3 });
  const followed = async (snapshotId: number, count: number): Promise<string[]> => {
    const stop = new AbortController();
    const seen: string[] = [];
    const parts = { store: rows.store, log: undefined, clock: rows.clock, random: rows.random };
    for await (const batch of subscribe(parts, table, { from: { kind: 'after', of: { snapshotId } } }, stop.signal)) {
      if (batch.rows.rowCount > 0) seen.push(textOf(batch));
      if (seen.length === count) stop.abort();
    }
    return seen;
  };
  const all = ['1: x 0 v0', '2: x 1 v1', '3: x 2 v2', '4: x 3 v3', '5: x 4 v4'];
  expect(await followed(0, 5)).toEqual(all);
  expect(await followed(2, 3)).toEqual(all.slice(2));
  await expireChangelogs(table, { retention: 'all' });
  await expect(followed(2, 3)).rejects.toMatchObject({ code: 'LAKE_SNAPSHOT_EXPIRED' });
  await expect(followed(99, 1)).rejects.toMatchObject({ code: 'LAKE_SNAPSHOT_NOT_FOUND' });
});

test('a subscriber that was too slow for snapshots goes on with the changelogs', async () => {
  const rows = await rowTable({ options });
  await writeHourly(rows, 0, 1);
  const stop = new AbortController();
  const seen: string[] = [];
  const parts = { store: rows.store, log: undefined, clock: rows.clock, random: rows.random };
  const table = await rows.open();
  for await (const batch of subscribe(parts, table, { from: { kind: 'full' } }, stop.signal)) {
    // One without rows tells a place.
    if (batch.rows.rowCount === 0) continue;
    seen.push(textOf(batch));
    if (seen.length === 1) {
      await writeHourly(rows, 1, 4);
      expect(await expireSnapshots(await rows.open())).toMatchObject({ status: 'done', expiredCount: 3 });
    }
    if (seen.length === 5) stop.abort();
  }
  expect(seen).toEqual(['1: x 0 v0', '2: x 1 v1', '3: x 2 v2', '4: x 3 v3', '5: x 4 v4']);
});
