import { expect, test } from 'vitest';
import { changedStore } from '../../../test/changed-ports.ts';
import { numbered, type RowTable, rowTable } from '../../../test/row-fixture.ts';
import { expireSnapshots } from '../../maintenance/expire-snapshots.ts';
import { Committer } from '../commit/commit.ts';
import { OverwriteWriter } from '../overwrite/overwrite-writer.ts';
import { latestSnapshot, snapshotById } from '../snapshots.ts';
import { openTable, type Table } from '../table.ts';
import { type RestoreReceipt, restoreTable } from './restore-table.ts';

async function rollBack(rows: RowTable, id: number, table?: Table): Promise<RestoreReceipt> {
  const opened = table ?? (await rows.open());
  return restoreTable(opened, { table: opened, snapshot: await snapshotById(opened, id) });
}

async function truncate(rows: RowTable): Promise<void> {
  const table = await rows.open();
  await using committer = new Committer(table);
  await new OverwriteWriter(table, committer, { kind: 'chosen', predicate: undefined }).commit();
}

/** Keys 0..9 of two partitions, overwritten, deleted in, compacted at random places. */
async function history(settings: Parameters<typeof rowTable>[0], turns: number): Promise<RowTable> {
  const rows = await rowTable(settings);
  const isKeyed = (settings?.primaryKeys ?? ['k']).length > 0;
  for (let turn = 0; turn < turns; turn += 1) {
    const p = turn % 2 === 0 ? 'a' : 'b';
    await rows.write(numbered(p, turn, 4, `turn${turn}-`));
    if (isKeyed && turn % 3 === 1) await rows.change([['-D', p, turn, null]]);
    if (turn % 4 === 2) await rows.compact({ isFull: turn % 8 === 2 });
    if (turn % 5 === 4) await truncate(rows);
  }
  return rows;
}

const kinds: readonly Parameters<typeof rowTable>[0][] = [
  {},
  { primaryKeys: ['p', 'k'], partitionKeys: ['p'], options: { bucket: '2' } },
  { primaryKeys: [], options: { bucket: '-1' } },
  { primaryKeys: [], partitionKeys: ['p'], options: { bucket: '2', 'bucket-key': 'k' } },
];

test('every state of a table can be gone back to, again and again, and written on', async () => {
  for (const settings of kinds) {
    const rows = await history(settings, 9);
    const head = (await latestSnapshot(await rows.open()))?.id ?? 0;
    const states = new Map<number, unknown>();
    for (let id = 1; id <= head; id += 1) states.set(id, await rows.rows({ snapshotId: id }));
    let newest = head;
    for (const id of [1, head, 3, head - 1, 2, 7, 6]) {
      const receipt = await rollBack(rows, id);
      expect(await rows.rows(), `snapshot ${id}`).toEqual(states.get(id));
      if (receipt.isChanged) {
        newest += 1;
        expect(receipt).toMatchObject({ snapshotId: newest, previousId: newest - 1 });
        expect((await latestSnapshot(await rows.open()))?.commitKind).toBe('OVERWRITE');
      }
    }
    await rows.write(numbered('a', 100, 2, 'after'));
    await rows.compact({ isFull: true });
    const after = (await rows.rows()).filter(([, k]) => Number(k) >= 100);
    expect(after).toHaveLength(2);
    expect((await rows.rows()).filter(([, k]) => Number(k) < 100)).toEqual(states.get(6));
    // What was there before can be read on.
    for (const [id, state] of states) expect(await rows.rows({ snapshotId: id })).toEqual(state);
  }
});

test('going back over appends alone copies nothing', async () => {
  const rows = await rowTable();
  for (let turn = 0; turn < 3; turn += 1) await rows.write(numbered('a', turn, 2));
  expect(await rollBack(rows, 2)).toEqual({ snapshotId: 4, previousId: 3, isChanged: true, copiedFileCount: 0 });
  expect(await rollBack(rows, 2)).toEqual({ snapshotId: 4, previousId: 4, isChanged: false, copiedFileCount: 0 });
  expect(await rollBack(rows, 1)).toMatchObject({ copiedFileCount: 0 });
  expect(await rollBack(rows, 3)).toMatchObject({ copiedFileCount: 3 });
});

test('what came back stays when the snapshots it came from expire', async () => {
  const rows = await history({ options: { 'snapshot.num-retained.min': '1', 'snapshot.time-retained': '1 ms' } }, 6);
  const state = await rows.rows({ snapshotId: 2 });
  await rollBack(rows, 2);
  for (let turn = 0; turn < 3; turn += 1) {
    rows.clock.advance(2 * 3_600_000);
    await rows.write([['late', 1_000 + turn, 'x']]);
    await expireSnapshots(await rows.open());
  }
  expect((await rows.rows()).filter(([p]) => p !== 'late')).toEqual(state);
  await expect(rollBack(rows, 2)).rejects.toMatchObject({ code: 'LAKE_SNAPSHOT_EXPIRED' });
});

test('who commits meanwhile comes before, and is taken back with the rest, or after', async () => {
  const rows = await rowTable();
  await rows.write(numbered('a', 0, 4));
  await rows.write(numbered('a', 4, 4));
  await rows.compact({ isFull: true });
  let hasCome = false;
  const store = changedStore(rows.store, {
    async putIfAbsent(key, bytes, options) {
      if (key.includes('/snapshot-') && !hasCome) {
        hasCome = true;
        await rows.write([['a', 99, 'rival']]);
      }
      return rows.store.putIfAbsent(key, bytes, options);
    },
  });
  const table = await openTable(store, { database: 'd', name: 't' }, rows);
  // A writer that has known the head before goes on as if nothing had been.
  const other = await rows.open();
  await using committer = new Committer(other);
  await committer.base();
  expect(await rollBack(rows, 1, table)).toMatchObject({ snapshotId: 5, previousId: 4 });
  expect((await rows.rows()).map(([, k]) => k)).toEqual([0, 1, 2, 3]);
  const writer = new OverwriteWriter(other, committer, { kind: 'chosen', predicate: undefined });
  expect((await writer.commit()).snapshotId).toBe(6);
});

test('copies that have grown too old are made again', async () => {
  const rows = await rowTable();
  await rows.write(numbered('a', 0, 4));
  await rows.compact({ isFull: true });
  await rows.write(numbered('a', 4, 4));
  const putsBefore = rows.dataPuts.length;
  let hasCome = false;
  const store = changedStore(rows.store, {
    async putIfAbsent(key, bytes, options) {
      if (key.includes('/snapshot-') && !hasCome) {
        hasCome = true;
        rows.clock.advance(13 * 3_600_000);
        await rows.write([['a', 99, 'rival']]);
      }
      return rows.store.putIfAbsent(key, bytes, options);
    },
  });
  const table = await openTable(store, { database: 'd', name: 't' }, rows);
  expect((await rollBack(rows, 1, table)).copiedFileCount).toBe(1);
  expect((await rows.rows()).map(([, k]) => k)).toEqual([0, 1, 2, 3]);
  expect(rows.dataPuts.length - putsBefore).toBe(3);
});
