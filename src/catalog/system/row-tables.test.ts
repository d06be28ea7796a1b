import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemClock } from '../../base/clock.ts';
import { systemRandom } from '../../base/random.ts';
import { openLocalObjectStore } from '../../storage/local/local-object-store.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { latestSnapshot, snapshotById } from '../../table/snapshots.ts';
import { openTable, type Table } from '../../table/table.ts';
import { canonicalRow } from '../../types/canonical-json.ts';
import type { Predicate } from '../../types/predicate.ts';
import { isRowTableName, type RowTableName, type RowTableRead, readRowTable, rowTableFields } from './row-tables.ts';

// All rows of all golden tables are held against real Paimon in test/interop.

const warehouse = join(import.meta.dirname, '../../../test/golden/tables/warehouse');
const parts = { clock: systemClock, random: systemRandom };

function openGolden(): Promise<ObjectStore> {
  return openLocalObjectStore({ root: warehouse, access: 'read' }, parts);
}

async function linesOf(
  table: Table,
  name: RowTableName,
  options: Partial<RowTableRead> = {},
): Promise<readonly string[]> {
  const lines: string[] = [];
  const state = { snapshot: await latestSnapshot(table), schema: table.schema };
  for await (const batch of readRowTable(table, name, { ...state, ...options })) {
    const print = canonicalRow(batch);
    for (let row = 0; row < batch.rowCount; row += 1) lines.push(print(row));
  }
  return lines.toSorted();
}

test('an audit log has each row behind its kind, deletes too, and a binlog has arrays', async () => {
  await using store = await openGolden();
  const table = await openTable(store, { database: 'db', name: 'rowkind_field' }, parts);
  expect(await linesOf(table, 'audit_log')).toEqual([
    '{"rowkind":"+I","id":3,"op":"+I","v":3}',
    '{"rowkind":"+U","id":2,"op":"+U","v":22}',
    '{"rowkind":"-D","id":1,"op":"-D","v":1}',
  ]);
  expect(await linesOf(table, 'binlog', { columns: ['v', 'rowkind'] })).toEqual([
    '{"v":[1],"rowkind":"-D"}',
    '{"v":[22],"rowkind":"+U"}',
    '{"v":[3],"rowkind":"+I"}',
  ]);
});

test('a condition over values does not bring back what a newer row has replaced', async () => {
  await using store = await openGolden();
  const table = await openTable(store, { database: 'db', name: 'pk_l0_many' }, parts);
  const all = await linesOf(table, 'audit_log');
  const value: Predicate = { kind: 'is-null', column: 'v' };
  const byValue = await linesOf(table, 'audit_log', { predicate: value });
  expect(byValue).toEqual(all);
  const key: Predicate = { kind: 'compare', column: 'id', op: '=', value: 101n };
  const byKey = await linesOf(table, 'audit_log', { predicate: key });
  expect(byKey.filter(line => line.includes('"id":"101"'))).toEqual(all.filter(line => line.includes('"id":"101"')));
  expect(byKey).not.toEqual([]);
});

test('ro shows the top level alone, and of append tables everything', async () => {
  await using store = await openGolden();
  const table = await openTable(store, { database: 'db', name: 'pk_l0_many' }, parts);
  const now = await linesOf(table, 'audit_log', { columns: ['id'] });
  expect(now.length).toBeGreaterThan(0);
  expect(await linesOf(table, 'ro')).toEqual([]);
  const compacted = await openTable(store, { database: 'db', name: 'pk_levels' }, parts);
  const ids = await linesOf(compacted, 'ro', { columns: ['id'] });
  expect(ids).toHaveLength(1990);
  const append = await openTable(store, { database: 'db', name: 'ap_part' }, parts);
  expect(await linesOf(append, 'ro')).toHaveLength(6);
  expect(await linesOf(append, 'ro', { snapshot: await snapshotById(append, 1) })).toHaveLength(5);
});

test('row ids are told of tables that track rows only, and names that are taken are refused', async () => {
  await using store = await openGolden();
  const table = await openTable(store, { database: 'db', name: 'ap_part' }, parts);
  await expect(linesOf(table, 'row_tracking')).rejects.toThrow(/LAKE_NO_ROW_TRACKING|row-tracking\.enabled/);
  const { schema } = table;
  const [first, ...others] = schema.fields;
  const taken = { ...schema, fields: first === undefined ? [] : [{ ...first, name: 'rowkind' }, ...others] };
  expect(() => rowTableFields(table, taken, 'binlog')).toThrow(/a column named rowkind/);
  expect(rowTableFields(table, taken, 'ro')).toBe(taken.fields);
  expect(isRowTableName('files')).toBe(false);
});

test('a table without a snapshot has no rows in any of them', async () => {
  await using store = await openGolden();
  const table = await openTable(store, { database: 'db', name: 'empty_table' }, parts);
  for (const name of ['ro', 'audit_log', 'binlog'] as const) expect(await linesOf(table, name), name).toEqual([]);
});
