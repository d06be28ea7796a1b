import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { readSystemTable, systemTableNames } from '../../src/catalog/system-tables.ts';
import { printJavaType } from '../../src/format/type-text.ts';
import { openLocalObjectStore } from '../../src/storage/local/local-object-store.ts';
import { openTable } from '../../src/table/table.ts';
import { canonicalRow } from '../../src/types/canonical-json.ts';
import { projectBatch } from '../../src/types/row-batch.ts';
import { startPaimon } from './paimon.ts';

const warehouse = join(import.meta.dirname, '../golden/tables/warehouse');
/** Columns of releases after the one that is asked. */
const newer: Readonly<Record<string, readonly string[]>> = {
  snapshots: ['operation'],
  table_indexes: ['row_range_start', 'row_range_end', 'index_field_id', 'index_field_name'],
  partitions: ['total_buckets', 'done', 'deleted_record_count'],
};

test('system tables show what those of real Paimon show', async () => {
  const parts = { clock: systemClock, random: systemRandom };
  await using store = await openLocalObjectStore({ root: warehouse, access: 'read' }, parts);
  await using paimon = await startPaimon();
  const tables = readdirSync(join(warehouse, 'db.db')).toSorted();
  expect(tables.length).toBeGreaterThan(50);
  for (const name of tables) {
    const table = await openTable(store, { database: 'db', name }, parts);
    // `$cost` is our own.
    for (const system of systemTableNames.filter(own => own !== 'cost')) {
      const batch = await readSystemTable(table, system);
      const columns = batch.rowType.fields.map(field => field.name);
      const shown = projectBatch(
        batch,
        columns.filter(column => !newer[system]?.includes(column)),
      );
      const print = canonicalRow(shown);
      const ours = Array.from({ length: batch.rowCount }, (_, row) => comparable(print(row)));
      const types = shown.rowType.fields.map(field => `${field.name} ${printJavaType(field.type)}`);
      expect(types, `${name}$${system}`).toEqual(await paimon.columns({ warehouse, table: `db.${name}$${system}` }));
      // Paimon throws where nobody has analyzed the table.
      if (system === 'statistics' && ours.length === 0) continue;
      const theirs = await paimon.rows({ warehouse, table: `db.${name}$${system}` });
      expect(ours.toSorted(), `${name}$${system}`).toEqual(theirs.map(comparable).toSorted());
    }
  }
});

/** Without what Java prints of byte arrays (their identity), and when a folder was copied. */
function comparable(line: string): string {
  const row: Record<string, unknown> = JSON.parse(line);
  for (const bound of ['min_key', 'max_key']) {
    if (typeof row[bound] === 'string')
      row[bound] = row[bound].replace(/\[B@[0-9a-f]+|(?<=[[ ])[0-9a-f]{6,}(?=[\],])/g, 'bytes');
  }
  // A hash map's order, and blanks.
  if (typeof row['colstat'] === 'string') row['colstat'] = JSON.parse(row['colstat']);
  if (typeof row['options'] === 'string') row['options'] = Object.entries(JSON.parse(row['options'])).toSorted();
  if ('branch_name' in row) delete row['create_time'];
  return JSON.stringify(row);
}
