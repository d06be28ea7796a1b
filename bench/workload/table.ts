/** The table of the work, in a warehouse on the local disk: made, opened, and its rows as batches of it. */
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { createTable } from '../../src/catalog/catalog.ts';
import { parseIdentifier } from '../../src/catalog/identifier.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { type ObjectStoreSettings, openObjectStore } from '../../src/storage/open-object-store.ts';
import { Committer } from '../../src/table/commit/commit.ts';
import { compactTable } from '../../src/table/compact/compact-table.ts';
import { openTable, type Table } from '../../src/table/table.ts';
import { TableWriter } from '../../src/table/write/table-writer.ts';
import { makeColumn } from '../../src/types/column-buffers.ts';
import { type DataType, lengthMax, type RowType } from '../../src/types/data-type.ts';
import { type Column, makeRowBatch, type RowBatch } from '../../src/types/row-batch.ts';
import {
  baseRange,
  makeRows,
  type RowRange,
  textBytes,
  updateRange,
  updateRowCount,
  updateRunCount,
  type WorkRows,
} from './rows.ts';

export const database = 'bench';

const bigint: DataType = { kind: 'bigint', nullable: true };
const text: DataType = { kind: 'varchar', length: lengthMax, nullable: true };
const double: DataType = { kind: 'double', nullable: true };

export const workColumns: readonly { readonly name: Exclude<keyof WorkRows, 'count'>; readonly type: DataType }[] = [
  { name: 'id', type: { ...bigint, nullable: false } },
  ...(['b1', 'b2', 'b3'] as const).map(name => ({ name, type: bigint })),
  ...(['s1', 's2', 's3'] as const).map(name => ({ name, type: text })),
  ...(['d1', 'd2'] as const).map(name => ({ name, type: double })),
  { name: 'ts', type: { kind: 'timestamp', precision: 3, nullable: true } },
];

/** As Paimon's side sets them (peers/paimon/BenchTable.java). */
export const workOptions: Readonly<Record<string, string>> = {
  bucket: '1',
  'file.format': 'parquet',
  'snapshot.num-retained.min': '5000',
  'snapshot.num-retained.max': '5000',
};

const batchRows = 50_000;

export type TablePlace = { readonly warehouse: string; readonly table: string };

const parts = { clock: systemClock, random: systemRandom };

/** A table and the store it lies in, which is closed with it. */
export type OpenedTable = AsyncDisposable & { readonly table: Table };

export async function openWorkTable(place: TablePlace): Promise<OpenedTable> {
  return openedIn(await openObjectStore(place.warehouse, {}, parts), place.table);
}

export async function createWorkTable(
  { warehouse, table }: TablePlace,
  options: Readonly<Record<string, string>> = {},
  stores: ObjectStoreSettings = {},
): Promise<OpenedTable> {
  const store = await openObjectStore(warehouse, stores, parts);
  const definition = {
    columns: workColumns,
    primaryKeys: ['id'],
    partitionKeys: [],
    options: { ...workOptions, ...options },
  };
  const identifier = parseIdentifier(`${database}.${table}`);
  await createTable({ store, ...parts }, identifier, definition, { ifNotExists: false });
  return openedIn(store, table);
}

async function openedIn(store: ObjectStore, name: string): Promise<OpenedTable> {
  const table = await openTable(store, { database, name }, parts);
  return { table, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() };
}

/** The rows of a range as batches of 50,000, made when they are asked for. */
export function* workBatches({ start, count, ...range }: RowRange): Generator<RowBatch> {
  for (let at = 0; at < count; at += batchRows) {
    const rows = makeRows({ ...range, start: start + at, count: Math.min(batchRows, count - at) });
    const columns = workColumns.map(({ name, type }) => columnOf(type, rows[name], rows.count));
    yield makeRowBatch(rowType, rows.count, columns);
  }
}

const rowType: RowType = {
  fields: workColumns.map(({ name, type }, id) => ({
    id,
    name,
    type,
    description: undefined,
    defaultValue: undefined,
  })),
};

function columnOf(type: DataType, values: Exclude<WorkRows[keyof WorkRows], number>, count: number): Column {
  if (type.kind !== 'varchar') return makeColumn(type, count, { values });
  const valueOffsets = Int32Array.from({ length: count + 1 }, (_, row) => row * textBytes);
  return makeColumn(type, count, { values, valueOffsets });
}

/** One commit of rows. */
export async function writeBatches(table: Table, batches: Iterable<RowBatch>): Promise<void> {
  await using committer = new Committer(table);
  const writer = new TableWriter(table, committer);
  for (const batch of batches) await writer.add(batch, new Int8Array(batch.rowCount));
  await writer.commit();
}

/** The table of 11 runs: the base rows, and the ten update runs, a commit each. */
export async function writeRuns(
  place: TablePlace,
  total: number,
  updates: (run: number, start: number, count: number) => RowRange = updateRange,
): Promise<void> {
  await using opened = await createWorkTable(place, { 'write-only': 'true' });
  await writeBatches(opened.table, workBatches(baseRange(0, total)));
  for (let run = 0; run < updateRunCount; run += 1) {
    await writeBatches(opened.table, workBatches(updates(run, 0, updateRowCount)));
  }
}

/** A full compaction. */
export async function compactWorkTable(place: TablePlace): Promise<void> {
  await using opened = await openWorkTable(place);
  await using committer = new Committer(opened.table);
  const { status } = await compactTable(opened.table, committer, { isFull: true });
  if (status !== 'committed') throw new Error(`compaction: ${status}`);
}
