// Rows beyond the write buffer that wait until it is known where they go.
import { expect, test } from 'vitest';
import { addChanges, numbered, rowTable } from '../../../test/row-fixture.ts';
import { Committer } from '../commit/commit.ts';
import { TableWriter } from './table-writer.ts';

test('files in which rows wait for their partitions are gone, too, when the commit fails', async () => {
  const options = { bucket: '-1', 'write-buffer-size': '8 kb' };
  const rows = await rowTable({ primaryKeys: ['k'], partitionKeys: ['p'], options });
  const writer = new TableWriter(rows.table, new Committer(rows.table));
  for (let round = 0; round < 20; round += 1) {
    const changes = numbered('a', 0, 40, `a${round}-`).map(row => ['+U', ...row] as const);
    await addChanges(writer, rows.table, changes);
  }
  expect(rows.dataPuts.length).toBeGreaterThan(0);
  rows.store.putIfAbsent = async () => {
    throw new Error('no snapshots today');
  };
  await expect(writer.commit()).rejects.toThrow('no snapshots today');
  const waiting = rows.dataPuts.filter(key => key.includes('temporary-'));
  expect(waiting.length).toBeGreaterThan(0);
  for (const key of waiting) expect(await rows.store.head(key)).toBeUndefined();
});
