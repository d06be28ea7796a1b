import { expect, test } from 'vitest';
import { equals, numbered, type RowTable, rowTable } from '../../../test/row-fixture.ts';
import { rowsOf } from '../../types/column-reader.ts';
import { rowKindOf } from '../../types/row-kind.ts';
import { changeSourceOf } from './change-source.ts';
import { type ChangeOptions, readChanges } from './read-changes.ts';

async function changes(rows: RowTable, id: number, options: ChangeOptions = {}): Promise<string[]> {
  const table = await rows.open();
  const lines: string[] = [];
  for await (const batch of readChanges(table, await changeSourceOf(table, id), options)) {
    for (const [row, values] of rowsOf(batch.rows).entries()) {
      lines.push([rowKindOf(batch.kinds[row] ?? 0), ...values].map(String).join(' '));
    }
  }
  return lines;
}

test('the changes of a commit are its rows with their kinds, one for each key', async () => {
  const rows = await rowTable();
  await rows.write(numbered('x', 0, 2));
  await rows.change([
    ['+U', 'x', 1, 'new'],
    ['-D', 'x', 0, 'v0'],
    ['+I', 'x', 5, 'a'],
    ['+U', 'x', 5, 'b'],
  ]);
  expect(await changes(rows, 1)).toEqual(['+I x 0 v0', '+I x 1 v1']);
  expect(await changes(rows, 2)).toEqual(['-D x 0 v0', '+U x 1 new', '+U x 5 b']);
});

test('a compaction changes nothing', async () => {
  const rows = await rowTable();
  await rows.write(numbered('x', 0, 2));
  await rows.write(numbered('x', 0, 2));
  await rows.compact({ isFull: true });
  expect(await changes(rows, 3)).toEqual([]);
});

test('an append table gives its rows in the order they were written, bucket by bucket', async () => {
  const rows = await rowTable({ primaryKeys: [], options: { bucket: '-1', 'target-file-size': '1 kb' } });
  await rows.write(numbered('x', 0, 2_500));
  expect((await rows.files()).length).toBeGreaterThan(1);
  expect((await changes(rows, 1, { columns: ['k'] })).slice(0, 3)).toEqual(['+I 0', '+I 1', '+I 2']);
  expect(await changes(rows, 1, { columns: ['k'] })).toHaveLength(2_500);
});

test('changes are projected and filtered', async () => {
  const rows = await rowTable();
  await rows.change([
    ['+I', 'x', 1, 'a'],
    ['-D', 'x', 2, 'b'],
    ['+I', 'x', 3, 'b'],
  ]);
  expect(await changes(rows, 1, { columns: ['k'], predicate: equals('v', 'b') })).toEqual(['-D 2', '+I 3']);
  expect(await changes(rows, 1, { columns: ['v', 'k'] })).toEqual(['+I a 1', '-D b 2', '+I b 3']);
});

test('what never was is not found, what was has expired, also when it goes while it is read', async () => {
  const rows = await rowTable();
  await rows.write(numbered('x', 0, 2));
  await rows.write(numbered('x', 0, 2));
  await expect(changes(rows, 7)).rejects.toMatchObject({ code: 'LAKE_SNAPSHOT_NOT_FOUND' });
  const table = await rows.open();
  const snapshot = await changeSourceOf(table, 1);
  const [file] = await rows.files();
  await rows.store.delete(`d.db/t/bucket-0/${file?.fileName ?? ''}`);
  await rows.store.delete('d.db/t/snapshot/snapshot-1');
  await expect(changes(rows, 1)).rejects.toMatchObject({ code: 'LAKE_SNAPSHOT_EXPIRED' });
  await expect(
    (async () => {
      for await (const _ of readChanges(table, snapshot));
    })(),
  ).rejects.toMatchObject({ code: 'LAKE_SNAPSHOT_EXPIRED' });
});

test('a decoupled changelog stands in for a snapshot that has expired', async () => {
  const rows = await rowTable();
  await rows.write(numbered('x', 0, 2));
  await rows.write(numbered('x', 5, 1));
  const kept = (await rows.store.get('d.db/t/snapshot/snapshot-1'))?.bytes ?? new Uint8Array();
  await rows.store.put('d.db/t/changelog/changelog-1', kept);
  await rows.store.delete('d.db/t/snapshot/snapshot-1');
  expect(await changes(rows, 1)).toEqual(['+I x 0 v0', '+I x 1 v1']);
});
