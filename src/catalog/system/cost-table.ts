/**
 * `$cost` of a table, and `sys.cost` of all: what the ledger says was used, by day and purpose, with dollars at list prices.
 * Tidelake's own; Paimon has no such table.
 */
import { billOf } from '../../metering/bill.ts';
import { priceRegionDefault, pricesOf } from '../../metering/prices.ts';
import { readLedger } from '../../metering/read-ledger.ts';
import { sharedTable, type UsageEntry } from '../../metering/usage.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import type { Table } from '../../table/table.ts';
import type { DataType, RowType } from '../../types/data-type.ts';
import type { Scalar } from '../../types/scalar.ts';
import { bigint, required, rowTypeOf, text } from './columns.ts';
import type { Rows } from './history-tables.ts';

const double: DataType = { kind: 'double', nullable: false };

const columns = {
  day: required(text),
  purpose: required(text),
  put_requests: required(bigint),
  list_requests: required(bigint),
  get_requests: required(bigint),
  delete_requests: required(bigint),
  bytes_written: required(bigint),
  bytes_read: required(bigint),
  log_payload_units: required(bigint),
  log_bytes_written: required(bigint),
  log_bytes_read: required(bigint),
  invocations: double,
  gb_seconds: double,
  dollars: double,
};

export const costType: RowType = rowTypeOf(columns);
export const allCostType: RowType = rowTypeOf({ database_name: text, table_name: text, ...columns });

export async function costRows(table: Table): Promise<Rows> {
  const name = `${table.identifier.database}.${table.identifier.name}`;
  const rows: (readonly Scalar[])[] = [];
  for (const { day, entries } of await readLedger(table.store)) {
    for (const entry of entries) if (entry.table === name) rows.push(costRow(day, entry));
  }
  return rows;
}

/** Names are null for what is of no one table. */
export async function* allCostRows(parts: {
  readonly store: ObjectStore;
}): AsyncGenerator<readonly Scalar[], void, undefined> {
  for (const { day, entries } of await readLedger(parts.store)) {
    for (const entry of entries) yield [...namesOf(entry.table), ...costRow(day, entry)];
  }
}

function namesOf(table: string): readonly [string | null, string | null] {
  if (table === sharedTable) return [null, null];
  const dot = table.indexOf('.');
  return [table.slice(0, dot), table.slice(dot + 1)];
}

function costRow(day: string, { purpose, usage }: UsageEntry): readonly Scalar[] {
  const { put, list, get, bytesWritten, bytesRead, logUnit, logBytesWritten, logBytesRead } = usage;
  const counts = [put, list, get, usage.delete, bytesWritten, bytesRead, logUnit, logBytesWritten, logBytesRead];
  const { total } = billOf(usage, pricesOf(priceRegionDefault).prices);
  return [day, purpose, ...counts.map(count => BigInt(Math.round(count))), usage.invocation, usage.gbSecond, total];
}
