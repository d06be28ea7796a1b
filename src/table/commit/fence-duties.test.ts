/** The empty commit that makes a schema's duties count, and what becomes of it. */
import { expect, test } from 'vitest';
import { changedStore } from '../../../test/changed-ports.ts';
import {
  fixedRequest,
  fixtureSchema,
  fixtureTable,
  ManualClock,
  plannedFile,
  putSchema,
} from '../../../test/table-fixture.ts';
import { seededRandom } from '../../base/random.ts';
import { dropTable } from '../../catalog/drop-table.ts';
import { parseIdentifier } from '../../catalog/identifier.ts';
import { batchCommitIdentifier } from '../../format/snapshot.ts';
import { MemoryObjectStore } from '../../storage/memory/memory-object-store.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { headSnapshot } from '../snapshots.ts';
import { reopenTable, type Table } from '../table.ts';
import { Committer } from './commit.ts';
import { fenceDuties } from './fence-duties.ts';

const parts = { clock: new ManualClock(), random: seededRandom(1) };
const newStore = (): MemoryObjectStore => new MemoryObjectStore('memory:fence', parts.clock);

/** A table with a snapshot of one file under schema 0. */
async function tableOfRows(store: ObjectStore): Promise<Table> {
  const table = await fixtureTable(store, parts);
  await using committer = new Committer(table);
  await committer.commit(fixedRequest(table, { adds: [plannedFile(table, { name: 'a' })] }));
  return table;
}

/** The same under a schema 1 with these options. */
async function changed(table: Table, options: Readonly<Record<string, string>>): Promise<Table> {
  const schema = fixtureSchema();
  await putSchema(table.store, { ...schema, id: 1, options: { ...schema.options, ...options } });
  return reopenTable(table);
}

test('duties that are others than those of the head are fenced by one empty append, and the rows stay', async () => {
  const table = await changed(await tableOfRows(newStore()), { 'sequence.field': 'k' });
  const before = await headSnapshot(table);
  await fenceDuties(table);
  expect(await headSnapshot(table)).toMatchObject({
    id: 2,
    schemaId: 1,
    commitKind: 'APPEND',
    commitIdentifier: batchCommitIdentifier,
    deltaRecordCount: 0n,
    totalRecordCount: before?.totalRecordCount,
  });
  await fenceDuties(table);
  expect((await headSnapshot(table))?.id).toBe(2);
});

test('the same duties under another schema need no fence, an old schema fences nothing, a table without a snapshot is fenced', async () => {
  const old = await tableOfRows(newStore());
  const table = await changed(old, { 'snapshot.num-retained.min': '3' });
  await fenceDuties(table);
  expect((await headSnapshot(table))?.id).toBe(1);
  const duties = await changed(await tableOfRows(newStore()), { 'sequence.field': 'k' });
  await fenceDuties(duties);
  const head = await headSnapshot(duties);
  const late = { ...duties, schema: fixtureSchema() };
  await fenceDuties(late);
  expect(await headSnapshot(duties)).toEqual(head);
  const empty = await fixtureTable(newStore(), parts);
  await fenceDuties(empty);
  expect(await headSnapshot(empty)).toMatchObject({ id: 1, schemaId: 0, totalRecordCount: 0n });
});

test('a table that is gone has no writers to be told', async () => {
  const store = newStore();
  const table = await changed(await tableOfRows(store), { 'sequence.field': 'k' });
  await dropTable({ store, ...parts }, parseIdentifier('d.t'), { ifExists: false });
  await expect(fenceDuties(table)).resolves.toBeUndefined();
  expect((await headSnapshot(table))?.properties).toHaveProperty('tidelake.dropped');
});

test('where nobody answers it is not known whether the fence is there, and what to do is said', async () => {
  const inner = newStore();
  const table = await changed(await tableOfRows(inner), { 'sequence.field': 'k' });
  const store = changedStore<ObjectStore>(inner, {
    putIfAbsent: async () => ({ status: 'unanswered', cause: new Error('no answer') }),
  });
  await expect(fenceDuties({ ...table, store: changedStore(table.store, store) })).rejects.toMatchObject({
    kind: 'unavailable',
    code: 'LAKE_COMMIT_UNKNOWN',
    message: expect.stringMatching(/d\.t: schema 1 is there, .* maintenance sees to that/),
  });
});

test('where rivals win every time that is a conflict, and what to do is said', async () => {
  const { clock } = parts;
  const inner = newStore();
  const table = await changed(await tableOfRows(inner), { 'sequence.field': 'k' });
  const store = changedStore<ObjectStore>(table.store, {
    putIfAbsent: async () => {
      clock.advance(3_600_000);
      return { status: 'exists', storeTimeMs: clock.nowMs() };
    },
  });
  await expect(fenceDuties({ ...table, store })).rejects.toMatchObject({
    kind: 'conflict',
    code: 'LAKE_COMMIT_CONFLICT',
    message: expect.stringMatching(/d\.t: schema 1 is there, .*no swap was won.* maintenance sees to that/),
  });
  expect((await headSnapshot(table))?.id).toBe(1);
});
