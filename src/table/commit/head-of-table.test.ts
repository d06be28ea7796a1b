/** Whose the head is that a name has; the verdicts are decide-base.test.ts's. */
import { expect, test } from 'vitest';
import { fixedRequest, fixtureTable, ManualClock } from '../../../test/table-fixture.ts';
import { seededRandom } from '../../base/random.ts';
import type { Snapshot } from '../../format/snapshot.ts';
import { countingObjectStore } from '../../storage/counting-object-store.ts';
import { MemoryObjectStore } from '../../storage/memory/memory-object-store.ts';
import { commit } from './commit.ts';
import { headOfTable, isOfAnother } from './head-of-table.ts';

async function headWith(properties: Snapshot['properties']) {
  const clock = new ManualClock();
  const store = countingObjectStore(new MemoryObjectStore('memory:head', clock));
  const table = await fixtureTable(store, { clock, random: seededRandom(1) });
  const outcome = await commit(table, fixedRequest(table, {}));
  if (outcome.status !== 'committed') throw new Error(`not committed: ${outcome.status}`);
  store.reset();
  return { store, table, head: { ...outcome.snapshot, properties } };
}

test('a head that names its table is asked nothing more, one that names none asks the schemas', async () => {
  const own = await headWith({ 'tidelake.table': 'table-1' });
  expect(await headOfTable(own.table, 1, own.head)).toEqual({ kind: 'use', fresh: false });
  expect(own.store.counts().list).toBe(0);
  const { store, table, head } = await headWith({});
  expect(await headOfTable(table, 1, head)).toEqual({ kind: 'use', fresh: false });
  expect(store.counts().list).toBe(1);
  // The table is gone: what is there belongs to nobody.
  await store.delete('d.db/t/schema/schema-0');
  expect(await headOfTable(table, 1, head)).toEqual({ kind: 'fenced', reason: 'table-gone' });
});

test("a snapshot is surely another table's only where both have a name, and it is no marker of an end", async () => {
  const { head } = await headWith({});
  const named = (properties: Snapshot['properties'], id: string | undefined = 'table-1'): boolean =>
    isOfAnother({ id }, { ...head, properties });
  expect(named({ 'tidelake.table': 'table-2' })).toBe(true);
  expect(named({ 'tidelake.table': 'table-1' })).toBe(false);
  expect(named({})).toBe(false);
  expect(named({ 'tidelake.table': 'table-2', 'tidelake.dropped': '1' })).toBe(false);
  expect(isOfAnother({ id: undefined }, { ...head, properties: { 'tidelake.table': 'table-2' } })).toBe(false);
});
