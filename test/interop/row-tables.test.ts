// System tables that show rows, and the database `sys`: columns, types and rows must be those of real Paimon's batch reads.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { type RowTableName, readRowTable, rowTableFields } from '../../src/catalog/system/row-tables.ts';
import { catalogTableNames, readCatalogTable } from '../../src/catalog/system-database.ts';
import { readSystemTable } from '../../src/catalog/system-tables.ts';
import { printJavaType } from '../../src/format/type-text.ts';
import { type Lake, openLake } from '../../src/index.ts';
import { openLocalObjectStore } from '../../src/storage/local/local-object-store.ts';
import { latestSnapshot } from '../../src/table/snapshots.ts';
import { openTable, type Table } from '../../src/table/table.ts';
import { canonicalRow } from '../../src/types/canonical-json.ts';
import type { DataField } from '../../src/types/data-type.ts';
import type { RowBatch } from '../../src/types/row-batch.ts';
import { type Paimon, startPaimon } from './paimon.ts';

const golden = join(import.meta.dirname, '../golden/tables/warehouse');
const parts = { clock: systemClock, random: systemRandom };

let paimon: Paimon;
let scratch: string;

beforeAll(async () => {
  paimon = await startPaimon();
  scratch = mkdtempSync(join(tmpdir(), 'tidelake-rows-'));
});

afterAll(async () => {
  await paimon?.[Symbol.asyncDispose]();
  rmSync(scratch, { recursive: true, force: true });
});

function printed(batch: RowBatch): string[] {
  const print = canonicalRow(batch);
  return Array.from({ length: batch.rowCount }, (_, row) => print(row));
}

function columnsOf(fields: readonly DataField[]): readonly string[] {
  return fields.map(({ name, type }) => `${name} ${printJavaType(type)}`);
}

/** Held against Paimon; how many rows there are. */
async function compare(warehouse: string, table: Table, system: RowTableName): Promise<number> {
  const { schema, identifier } = table;
  const ours: string[] = [];
  for await (const batch of readRowTable(table, system, { snapshot: await latestSnapshot(table), schema })) {
    ours.push(...printed(batch));
  }
  const ref = { warehouse, table: `${identifier.database}.${identifier.name}$${system}` };
  expect(columnsOf(rowTableFields(table, schema, system)), ref.table).toEqual(await paimon.columns(ref));
  expect(ours.toSorted(), ref.table).toEqual([...(await paimon.rows(ref))].toSorted());
  return ours.length;
}

test('rows of golden tables are shown as Paimon shows them', { timeout: 120_000 }, async () => {
  await using store = await openLocalObjectStore({ root: golden, access: 'read' }, parts);
  const tables = readdirSync(join(golden, 'db.db')).toSorted();
  const counts = { ro: 0, audit_log: 0, binlog: 0 };
  for (const name of tables) {
    const table = await openTable(store, { database: 'db', name }, parts);
    counts.ro += await compare(golden, table, 'ro');
    counts.audit_log += await compare(golden, table, 'audit_log');
    counts.binlog += await compare(golden, table, 'binlog');
  }
  expect(tables.length).toBeGreaterThan(50);
  expect(counts.ro).toBeGreaterThan(10_000);
  expect(counts.audit_log).toBeGreaterThan(counts.ro);
  expect(counts.binlog).toBe(counts.audit_log);
});

test('the database sys lists what Paimon lists', async () => {
  await using store = await openLocalObjectStore({ root: golden, access: 'read' }, parts);
  // `sys.cost` is our own.
  for (const name of catalogTableNames.filter(own => own !== 'cost')) {
    const batch = await readCatalogTable({ ...parts, store }, name);
    const ref = { warehouse: golden, table: `sys.${name}` };
    expect(columnsOf(batch.rowType.fields), name).toEqual(await paimon.columns(ref));
    const theirs = (await paimon.rows(ref)).map(line => line.replace('file:///', 'file:/'));
    // Of the options of a catalog we have those that say where it is.
    const expected = theirs.filter(line => !line.includes('"cache-enabled"'));
    expect(printed(batch).toSorted(), name).toEqual(expected.toSorted());
    if (name !== 'catalog_options') expect(batch.rowCount, name).toBeGreaterThan(40);
  }
});

type Made = {
  readonly options: Readonly<Record<string, string>>;
  readonly primaryKeys?: readonly string[];
  readonly type?: object | string;
};

const texts = { type: 'ARRAY', element: 'STRING' };

async function make(table: string, { options, primaryKeys = [], type = texts }: Made): Promise<void> {
  const fields = [
    { id: 0, name: 'id', type: 'INT NOT NULL' },
    { id: 1, name: 'v', type },
  ];
  const schema = {
    version: 3,
    id: 0,
    fields,
    highestFieldId: 1,
    partitionKeys: [],
    primaryKeys,
    options,
    timeMillis: 1,
  };
  await paimon.create({ warehouse: scratch, table }, schema);
}

function append(table: string, ...lines: readonly string[]): Promise<number> {
  return paimon.append({ warehouse: scratch, table }, lines);
}

test('sequence numbers stand behind the kind where the table says so', async () => {
  await make('db.numbers', {
    options: { bucket: '1', 'table-read.sequence-number.enabled': 'true' },
    primaryKeys: ['id'],
  });
  await append('db.numbers', '+I {"id":1,"v":["a"]}', '+I {"id":2,"v":["b","c"]}', '-D {"id":1}', '+U {"id":3,"v":[]}');
  await paimon.compactFully({ warehouse: scratch, table: 'db.numbers' });
  await append('db.numbers', '+U {"id":2,"v":[null]}', '-D {"id":3}', '+I {"id":4}');
  await using store = await openLocalObjectStore({ root: scratch, access: 'read' }, parts);
  const table = await openTable(store, { database: 'db', name: 'numbers' }, parts);
  expect(await compare(scratch, table, 'audit_log')).toBe(3);
  expect(await compare(scratch, table, 'binlog')).toBe(3);
  expect(await compare(scratch, table, 'ro')).toBe(2);
});

async function lines(lake: Lake, sql: string): Promise<readonly string[]> {
  return (await (await lake.sql(sql)).rows()).map(row => JSON.stringify(row, (_, value) => plain(value))).toSorted();
}

function plain(value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}

/** The statistics of moved rows are of some columns in the first table, of all that were written in the second. */
test.each([
  ['arrays', texts, '["a"]'],
  ['strings', 'STRING', '"a"'],
])('row ids are those that Paimon gave, of moved and of deleted rows, too (%s)', async (name, type, value) => {
  const ref = { warehouse: scratch, table: `db.${name}` };
  await make(ref.table, { options: { 'row-tracking.enabled': 'true', 'deletion-vectors.enabled': 'true' }, type });
  await append(ref.table, `+I {"id":1,"v":${value}}`, `+I {"id":2,"v":${value}}`, '+I {"id":3}');
  await append(ref.table, `+I {"id":4,"v":${value}}`, '+I {"id":5}');
  await using store = await openLocalObjectStore({ root: scratch, access: 'read' }, parts);
  const opened = (): Promise<Table> => openTable(store, { database: 'db', name }, parts);
  expect(await compare(scratch, await opened(), 'row_tracking')).toBe(5);
  await paimon.deleteRows(ref, { modulus: 3, remainder: 1 });
  expect(await compare(scratch, await opened(), 'row_tracking')).toBe(3);
  await paimon.compactAppend(ref);
  await append(ref.table, '+I {"id":6}');
  expect(await compare(scratch, await opened(), 'row_tracking')).toBe(4);
  const files = printed(await readSystemTable(await opened(), 'files'));
  expect(files.toSorted()).toEqual([...(await paimon.rows({ ...ref, table: `${ref.table}$files` }))].toSorted());
  await using lake = await openLake({ warehouse: scratch });
  const query = `SELECT id, _ROW_ID AS r FROM db.\`${name}$row_tracking\` WHERE id > 2`;
  expect(await lines(lake, query)).toEqual(['{"id":3,"r":"2"}', '{"id":4,"r":"3"}', '{"id":6,"r":"5"}']);
  expect(await lines(lake, `SELECT * FROM ${ref.table}`)).toEqual([...(await paimon.rows(ref))].toSorted());
  for (const sql of [
    `INSERT INTO ${ref.table} (id) VALUES (7)`,
    `DELETE FROM ${ref.table} WHERE id = 1`,
    `UPDATE ${ref.table} SET id = 8 WHERE id = 1`,
    `INSERT OVERWRITE ${ref.table} SELECT * FROM ${ref.table}`,
    `TRUNCATE TABLE ${ref.table}`,
  ]) {
    await expect(lake.sql(sql), sql).rejects.toThrow(/row-tracking\.enabled/);
  }
  // A commit that has no rows is ours to make, and no id is given twice behind it.
  await lake.sql(`ANALYZE TABLE ${ref.table} COMPUTE STATISTICS`);
  await append(ref.table, '+I {"id":7}');
  expect(await compare(scratch, await opened(), 'row_tracking')).toBe(5);
  expect(await lines(lake, query.replace('> 2', '= 7'))).toEqual(['{"id":7,"r":"6"}']);
});
