import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { systemRandom } from '../base/random.ts';
import { openLocalObjectStore } from '../storage/local/local-object-store.ts';
import { snapshotById } from '../table/snapshots.ts';
import { openTable } from '../table/table.ts';
import { canonicalRow } from '../types/canonical-json.ts';
import type { RowBatch } from '../types/row-batch.ts';
import { readSystemTable, systemTableFields, systemTableNames } from './system-tables.ts';

// What real Paimon 1.4.2 shows of the same tables is held against all of it in test/interop.

const warehouse = join(import.meta.dirname, '../../test/golden/tables/warehouse');
const parts = { clock: systemClock, random: systemRandom };

function linesOf(batch: RowBatch): string[] {
  const print = canonicalRow(batch);
  return Array.from({ length: batch.rowCount }, (_, row) => print(row));
}

test("files show keys and statistics under the reader's schema", async () => {
  await using store = await openLocalObjectStore({ root: warehouse, access: 'read' }, parts);
  const table = await openTable(store, { database: 'db', name: 'evo_columns' }, parts);
  const lines = linesOf(await readSystemTable(table, 'files')).map(line => JSON.parse(line));
  expect(lines).toHaveLength(5);
  expect(lines[1]).toMatchObject({
    partition: '{}',
    bucket: 0,
    schema_id: '1',
    min_key: '[20]',
    max_key: '[39]',
    null_value_counts: '{a=5, bb=2, d=20, e=3, id=0}',
    min_value_stats: '{a=-1875965841, bb=, d=null, e=-9137372493080923923, id=20}',
    creation_time: '2026-11-23T08:29:56.856',
    file_source: 'APPEND',
  });
  const first = await readSystemTable(table, 'files', { snapshot: await snapshotById(table, 1) });
  expect(first.rowCount).toBe(1);
});

test('partitions and buckets add up what lies in them', async () => {
  await using store = await openLocalObjectStore({ root: warehouse, access: 'read' }, parts);
  const table = await openTable(store, { database: 'db', name: 'pk_part' }, parts);
  expect(linesOf(await readSystemTable(table, 'partitions'))[0]).toBe(
    '{"partition":"dt=2024-01-01/hh=0","record_count":"100","file_size_in_bytes":"10143","file_count":"4",' +
      '"last_update_time":"2026-11-23T08:29:28.707","created_at":null,"created_by":null,"updated_by":null,"options":null,' +
      '"total_buckets":2,"done":null,"deleted_record_count":"50"}',
  );
  expect((await readSystemTable(table, 'buckets')).rowCount).toBe(12);
});

test('tags and branches are listed with what they point to', async () => {
  await using store = await openLocalObjectStore({ root: warehouse, access: 'read' }, parts);
  const tags = await readSystemTable(await openTable(store, { database: 'db', name: 'tags' }, parts), 'tags');
  expect(linesOf(tags)[0]).toBe(
    '{"tag_name":"old","snapshot_id":"1","schema_id":"0","commit_time":"2026-11-23T08:29:55.647","record_count":"20",' +
      '"create_time":null,"time_retained":null}',
  );
  const table = await openTable(store, { database: 'db', name: 'branches' }, parts);
  const names = linesOf(await readSystemTable(table, 'branches')).map(line => JSON.parse(line).branch_name);
  expect(names).toEqual(['b1', 'empty']);
});

test('an empty table has system tables without rows, and an unknown name says which there are', async () => {
  await using store = await openLocalObjectStore({ root: warehouse, access: 'read' }, parts);
  const table = await openTable(store, { database: 'db', name: 'empty_table' }, parts);
  for (const name of systemTableNames) {
    const { rowCount, rowType } = await readSystemTable(table, name);
    expect(rowType.fields, name).toBe(systemTableFields(table, table.schema, name));
    if (!['schemas', 'options', 'aggregation_fields'].includes(name)) expect(rowCount, name).toBe(0);
  }
  await expect(readSystemTable(table, 'nothing')).rejects.toThrow(/\$snapshots, \$schemas/);
});
