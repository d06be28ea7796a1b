import { expect, test } from 'vitest';
import { fixtureTable, ManualClock, numberedAppend, putSchema } from '../../test/table-fixture.ts';
import { seededRandom } from '../base/random.ts';
import type { TableStatistics } from '../format/statistics.ts';
import { MemoryObjectStore } from '../storage/memory/memory-object-store.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { commit } from './commit/commit.ts';
import { latestSnapshot } from './snapshots.ts';
import { reopenTable, type Table } from './table.ts';
import { commitStatistics, mergedSize, readStatistics } from './table-statistics.ts';

const statistics: TableStatistics = {
  snapshotId: 1,
  schemaId: 0,
  mergedRecordCount: 1n,
  mergedRecordSize: 10n,
  columns: new Map(),
};

type World = { readonly store: ObjectStore; readonly clock: ManualClock; readonly table: Table };

async function world(): Promise<World> {
  const clock = new ManualClock();
  const store = new MemoryObjectStore('memory:statistics', clock);
  const table = await fixtureTable(store, { clock, random: seededRandom(1) });
  await commit(table, numberedAppend(table, { name: 'a' }));
  return { store, clock, table };
}

test('a snapshot of kind ANALYZE names them, and changes no file', async () => {
  const { table } = await world();
  const before = await latestSnapshot(table);
  const outcome = await commitStatistics(table, statistics);
  const after = await latestSnapshot(table);
  expect(outcome.status).toBe('committed');
  expect(after).toMatchObject({ id: 2, commitKind: 'ANALYZE', deltaRecordCount: 0n });
  expect(after?.totalRecordCount).toBe(before?.totalRecordCount);
  expect(after === undefined ? undefined : await readStatistics(table, after)).toEqual(statistics);
});

test('rows that come meanwhile do not matter', async () => {
  const { table } = await world();
  await commit(table, numberedAppend(table, { name: 'b' }));
  expect((await commitStatistics(table, statistics)).status).toBe('committed');
  const after = await latestSnapshot(table);
  expect(after === undefined ? undefined : await readStatistics(table, after)).toMatchObject({ snapshotId: 1 });
});

test('of a schema that is no longer the newest, nothing is committed', async () => {
  const { store, table } = await world();
  await putSchema(store, { ...table.schema, id: 1 });
  const outcome = await commitStatistics(await reopenTable(table), statistics);
  expect(outcome).toMatchObject({ status: 'changed', detail: expect.stringContaining('schema is 1') });
  expect((await latestSnapshot(table))?.id).toBe(1);
});

test('a file that is gone under a snapshot that stays is told', async () => {
  const { store, table } = await world();
  await commitStatistics(table, statistics);
  const snapshot = await latestSnapshot(table);
  await store.delete(`${table.path}/statistics/${snapshot?.statistics}`);
  await expect(readStatistics(table, { statistics: snapshot?.statistics })).rejects.toMatchObject({
    code: 'LAKE_FILE_MISSING',
  });
});

test('the size is the part of the files in the rows that are seen', async () => {
  const { table } = await world();
  const snapshot = await latestSnapshot(table);
  if (snapshot === undefined) throw new Error('there is a snapshot');
  const whole = await mergedSize(table, snapshot, snapshot.totalRecordCount);
  expect(whole).toBeGreaterThan(0n);
  expect(await mergedSize(table, snapshot, 0n)).toBe(0n);
});
