// Rows that another program has put off (`bucket` = -2): they lie in files that are not ours to read, and nothing that reads,
// counts or copies files may take them for rows of a bucket.
import { beforeEach, expect, test } from 'vitest';
import { numbered, type RowTable, rowTable } from '../../test/row-fixture.ts';
import { fixedRequest, plannedFile } from '../../test/table-fixture.ts';
import { readSystemTable } from '../catalog/system-tables.ts';
import { postponedBucket } from '../format/bucket.ts';
import { rowsOf } from '../types/column-reader.ts';
import { changeSourceOf } from './changelog/change-source.ts';
import { readChanges } from './changelog/read-changes.ts';
import { commit } from './commit/commit.ts';
import { restoreTable } from './restore/restore-table.ts';
import { latestSnapshot, snapshotById } from './snapshots.ts';
import { mergedSize } from './table-statistics.ts';

const refusal = { kind: 'unsupported', message: expect.stringContaining('postponed bucket (bucket=-2)') };

let rows: RowTable;

/** Snapshot 1 has four rows in a bucket, snapshot 2 puts ten more off, snapshot 3 is as 1. */
beforeEach(async () => {
  rows = await rowTable();
  await rows.write(numbered('x', 0, 4));
  const table = await rows.open();
  const place = { bucket: postponedBucket, totalBuckets: postponedBucket };
  const waiting = plannedFile(table, { name: 'data--u-them-s-1-w-0-0.avro', ...place });
  expect(await commit(table, fixedRequest(table, { adds: [waiting] }))).toMatchObject({ status: 'committed' });
});

test('a scan passes them over, with and without a filter', async () => {
  expect(await rows.rows()).toHaveLength(4);
  const predicate = { kind: 'compare', op: '=', column: 'k', value: 2 } as const;
  expect(await rows.rows({ predicate })).toEqual([['x', 2, 'v2']]);
  expect(await rows.live()).toHaveLength(2);
});

test('they are changes that cannot be told, and refused by name', async () => {
  const table = await rows.open();
  const read = async (id: number): Promise<number> => {
    let count = 0;
    for await (const batch of readChanges(table, await changeSourceOf(table, id))) count += batch.rows.rowCount;
    return count;
  };
  expect(await read(1)).toBe(4);
  await expect(read(2)).rejects.toMatchObject(refusal);
});

test('files and partitions are counted without them, buckets with them', async () => {
  const table = await rows.open();
  const countOf = async (name: 'files' | 'buckets' | 'partitions'): Promise<number> =>
    rowsOf(await readSystemTable(table, name)).length;
  expect([await countOf('files'), await countOf('partitions'), await countOf('buckets')]).toEqual([1, 1, 2]);
  const snapshot = await latestSnapshot(table);
  const [inBucket] = (await rows.live()).filter(({ bucket }) => bucket !== postponedBucket);
  expect(snapshot && (await mergedSize(table, snapshot, 4n))).toBe(BigInt(inBucket?.file.fileSize ?? 0));
});

test('they are not copied back: a copy would have lost its place among those of its writer', async () => {
  const table = await rows.open();
  expect(await restoreTable(table, { table, snapshot: await snapshotById(table, 1) })).toMatchObject({
    isChanged: true,
  });
  expect(await rows.live()).toHaveLength(1);
  const again = await rows.open();
  const back = restoreTable(again, { table: again, snapshot: await snapshotById(again, 2) });
  await expect(back).rejects.toMatchObject(refusal);
});
