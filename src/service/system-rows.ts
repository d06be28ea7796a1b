/** Rows of system tables for the SDK. */
import { deadLettersName, deadLettersType } from '../catalog/system/dead-letter-table.ts';
import { isRowTableName, readRowTable, rowTableFields } from '../catalog/system/row-tables.ts';
import { readSystemTable } from '../catalog/system-tables.ts';
import { readDeadLetterRows } from '../flow/read/dead-letter-rows.ts';
import { latestSnapshot } from '../table/snapshots.ts';
import type { Table } from '../table/table.ts';
import type { RowBatch } from '../types/row-batch.ts';
import type { OpenedRows } from './row-stream.ts';

/** As of the newest snapshot. @throws LakeError as `readSystemTable` and `rowTableFields` do */
export async function openSystemTable(table: Table, name: string): Promise<OpenedRows> {
  if (name === deadLettersName) {
    return { rowType: deadLettersType, batches: readDeadLetterRows(table, await latestSnapshot(table)) };
  }
  if (!isRowTableName(name)) return openBatch(await readSystemTable(table, name));
  const { schema } = table;
  const rowType = { fields: rowTableFields(table, schema, name) };
  return { rowType, batches: readRowTable(table, name, { snapshot: await latestSnapshot(table), schema }) };
}

export function openBatch(batch: RowBatch): OpenedRows {
  return { rowType: batch.rowType, batches: once(batch) };
}

async function* once<T>(value: T): AsyncGenerator<T, void, undefined> {
  yield value;
}
