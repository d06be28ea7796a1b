import { expect, test } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { seededRandom } from '../base/random.ts';
import { MemoryObjectStore } from '../storage/memory/memory-object-store.ts';
import { canonicalRow } from '../types/canonical-json.ts';
import { createDatabase, createTable } from './catalog.ts';
import { dropTable } from './drop-table.ts';
import type { CatalogParts } from './publish-schema.ts';
import { catalogTableNames, catalogTableType, readCatalogTable } from './system-database.ts';

// Columns, types and rows of golden tables are held against real Paimon in test/interop.

function lake(): CatalogParts {
  return { store: new MemoryObjectStore('memory:sys', systemClock), clock: systemClock, random: seededRandom(3) };
}

async function make(
  parts: CatalogParts,
  table: string,
  options: Readonly<Record<string, string>> = {},
  partitionKeys: readonly string[] = [],
): Promise<void> {
  const identifier = { database: 'd', table, branch: undefined, systemTable: undefined };
  const columns = [
    { name: 'k', type: { kind: 'int', nullable: false } as const, comment: undefined },
    { name: 'p', type: { kind: 'int', nullable: false } as const, comment: undefined },
  ];
  const definition = { columns, primaryKeys: ['k', 'p'], partitionKeys, options, comment: undefined };
  await createTable(parts, identifier, definition, { ifNotExists: false });
}

async function lines(parts: CatalogParts, name: string): Promise<readonly string[]> {
  const batch = await readCatalogTable(parts, name);
  const print = canonicalRow(batch);
  return Array.from({ length: batch.rowCount }, (_, row) => print(row));
}

test('tables are listed with what their options say of them, and dropped ones are not', async () => {
  const parts = lake();
  await createDatabase(parts, 'empty', { ifNotExists: false });
  await make(parts, 'a', { bucket: '1', owner: 'me', createdAt: '12', updatedAt: 'yesterday' });
  await make(parts, 'b', { bucket: '1' }, ['p']);
  await make(parts, 'gone', { bucket: '1' });
  await dropTable(
    parts,
    { database: 'd', table: 'gone', branch: undefined, systemTable: undefined },
    { ifExists: false },
  );
  const rows = (await lines(parts, 'tables')).map(line => JSON.parse(line));
  expect(rows).toHaveLength(2);
  expect(rows[0]).toMatchObject({
    table_name: 'a',
    table_type: 'table',
    partitioned: false,
    primary_key: true,
    owner: 'me',
    created_at: '12',
    updated_at: null,
    record_count: null,
  });
  expect(rows[1]).toMatchObject({ table_name: 'b', partitioned: true });
  expect(await lines(parts, 'partitions')).toEqual([]);
  const options = await lines(parts, 'all_table_options');
  expect(options).toContain('{"database_name":"d","table_name":"a","key":"owner","value":"me"}');
  expect(options).toContain('{"database_name":"d","table_name":"b","key":"path","value":"memory:sys/d.db/b"}');
  expect(await lines(parts, 'catalog_options')).toEqual([
    '{"key":"metastore","value":"filesystem"}',
    '{"key":"warehouse","value":"memory:sys"}',
  ]);
});

test('a name that is none says which there are', async () => {
  expect(() => catalogTableType('nothing')).toThrow(`it has ${catalogTableNames.join(', ')}`);
  await expect(readCatalogTable(lake(), 'snapshots')).rejects.toThrow(/database sys has no table snapshots/);
});
