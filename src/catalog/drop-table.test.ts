import { expect, test } from 'vitest';
import { changedStore } from '../../test/changed-ports.ts';
import { ManualClock } from '../../test/table-fixture.ts';
import { seededRandom } from '../base/random.ts';
import { MemoryObjectStore } from '../storage/memory/memory-object-store.ts';
import { Committer } from '../table/commit/commit.ts';
import { readPlan } from '../table/read/read-split.ts';
import { planScan } from '../table/scan/plan-scan.ts';
import { latestSnapshot, listSnapshots, snapshotById } from '../table/snapshots.ts';
import { openTable, type Table } from '../table/table.ts';
import { TableWriter } from '../table/write/table-writer.ts';
import { buildBatch } from '../types/column-builder.ts';
import { rowsOf } from '../types/column-reader.ts';
import type { DataType } from '../types/data-type.ts';
import type { Scalar } from '../types/scalar.ts';
import { alterTable, createTable, databaseExists, dropDatabase, listTables } from './catalog.ts';
import { dropTable } from './drop-table.ts';
import { parseIdentifier } from './identifier.ts';
import type { CatalogParts } from './publish-schema.ts';

const int: DataType = { kind: 'int', nullable: true };
const name = parseIdentifier('d.t');

function newParts(): CatalogParts {
  const clock = new ManualClock();
  return { store: new MemoryObjectStore('memory:drop', clock), clock, random: seededRandom(3) };
}

async function makeTable(parts: CatalogParts): Promise<Table> {
  const columns = [
    { name: 'k', type: int },
    { name: 'v', type: int },
  ];
  const definition = { columns, primaryKeys: ['k'], partitionKeys: [], options: { bucket: '1' } };
  await createTable(parts, name, definition, { ifNotExists: false });
  return openTable(parts.store, { database: 'd', name: 't' }, parts);
}

async function write(table: Table, rows: readonly (readonly Scalar[])[]): Promise<number | undefined> {
  await using committer = new Committer(table);
  const writer = new TableWriter(table, committer);
  await writer.add(buildBatch({ fields: table.schema.fields }, rows), new Int8Array(rows.length));
  return (await writer.commit()).snapshotId;
}

async function read(table: Table): Promise<Scalar[][]> {
  const rows: Scalar[][] = [];
  for await (const batch of readPlan(table, await planScan(table, await latestSnapshot(table)))) {
    rows.push(...rowsOf(batch));
  }
  return rows;
}

async function keysOf({ store }: CatalogParts): Promise<string[]> {
  const keys: string[] = [];
  for await (const page of store.list('')) keys.push(...page.objects.map(({ key }) => key));
  return keys;
}

test('a dropped table is gone but for its marker, and its database can be dropped', async () => {
  const parts = newParts();
  const table = await makeTable(parts);
  await write(table, [[1, 10]]);
  await write(table, [[2, 20]]);
  expect(await dropTable(parts, name, { ifExists: false })).toBe(true);
  expect(await listTables(parts, 'd')).toEqual([]);
  const left = (await keysOf(parts)).filter(key => key.startsWith('d.db/t/'));
  expect(left.filter(key => key.includes('/snapshot-'))).toEqual(['d.db/t/snapshot/snapshot-3']);
  expect(left.filter(key => key.includes('/manifest-list-'))).toHaveLength(2);
  expect(left.filter(key => /schema|bucket|manifest\/manifest-[0-9a-f]{8}-/.test(key))).toEqual([]);
  await dropDatabase(parts, 'd', { ifExists: false });
  expect(await databaseExists(parts, 'd')).toBe(false);
});

test('a table made again under the name is another one and continues the numbers', async () => {
  const parts = newParts();
  const first = await makeTable(parts);
  await write(first, [[1, 10]]);
  await alterTable(parts, name, [{ kind: 'add-column', name: 'w', type: int }]);
  await dropTable(parts, name, { ifExists: false });
  const second = await makeTable(parts);
  expect(second.id).not.toBe(first.id);
  expect(second.schema.id).toBe(2);
  expect(await read(second)).toEqual([]);
  expect(await write(second, [[7, 70]])).toBe(3);
  expect(await read(second)).toEqual([[7, 70]]);
  await expect(snapshotById(second, 1)).rejects.toMatchObject({ code: 'LAKE_SNAPSHOT_EXPIRED' });
  expect((await listSnapshots(second)).map(({ id }) => id)).toEqual([2, 3]);
});

test('a writer that slept through the drop can never write into the table made again', async () => {
  const parts = newParts();
  const first = await makeTable(parts);
  await using committer = new Committer(first);
  const sleeper = new TableWriter(first, committer);
  const late = async (): Promise<unknown> => {
    await sleeper.add(buildBatch({ fields: first.schema.fields }, [[1, 1]]), new Int8Array(1));
    return sleeper.commit();
  };
  await late();
  const fenced = { kind: 'fenced', code: 'LAKE_TABLE_GONE' };
  await dropTable(parts, name, { ifExists: false });
  await expect(late()).rejects.toMatchObject(fenced);
  const second = await makeTable(parts);
  await expect(late()).rejects.toMatchObject(fenced);
  await write(second, [[9, 9]]);
  await expect(late()).rejects.toMatchObject(fenced);
  expect(await read(second)).toEqual([[9, 9]]);
});

test('a reader that had the table open is told of the drop, also when the name is in use again', async () => {
  const parts = newParts();
  const first = await makeTable(parts);
  await write(first, [[1, 10]]);
  await dropTable(parts, name, { ifExists: false });
  const gone = { kind: 'invalid', code: 'LAKE_TABLE_NOT_FOUND', message: expect.stringContaining('d.t was dropped') };
  await expect(read(first)).rejects.toMatchObject(gone);
  const second = await makeTable(parts);
  await expect(read(first)).rejects.toMatchObject(gone);
  expect(await read(second)).toEqual([]);
  await write(second, [[2, 20]]);
  await expect(read(first)).rejects.toMatchObject(gone);
  await expect(planScan(first, await snapshotById(first, 3))).rejects.toMatchObject(gone);
  expect(await read(second)).toEqual([[2, 20]]);
});

test('an empty table is dropped with a marker of its own', async () => {
  const parts = newParts();
  const table = await makeTable(parts);
  await dropTable(parts, name, { ifExists: false });
  expect(await write(await makeTable(parts), [[1, 1]])).toBe(2);
  await expect(write(table, [[2, 2]])).rejects.toMatchObject({ code: 'LAKE_TABLE_GONE' });
});

test('dropping what is not there is refused, or fine with IF EXISTS', async () => {
  const parts = newParts();
  await expect(dropTable(parts, name, { ifExists: false })).rejects.toMatchObject({ code: 'LAKE_TABLE_NOT_FOUND' });
  expect(await dropTable(parts, name, { ifExists: true })).toBe(false);
  await expect(dropTable(parts, parseIdentifier('d.t$files'), { ifExists: true })).rejects.toMatchObject({
    code: 'LAKE_BAD_NAME',
  });
});

test('a drop that was cut short after its marker is finished by dropping again', async () => {
  const parts = newParts();
  const table = await makeTable(parts);
  await write(table, [[1, 10]]);
  const schema = await parts.store.get('d.db/t/schema/schema-0');
  await dropTable(parts, name, { ifExists: false });
  await parts.store.put('d.db/t/schema/schema-0', schema?.bytes ?? new Uint8Array());
  await parts.store.put('d.db/t/bucket-0/data-left.parquet', new Uint8Array(3));
  expect(await dropTable(parts, name, { ifExists: false })).toBe(true);
  expect((await keysOf(parts)).filter(key => /schema|bucket/.test(key))).toEqual([]);
  expect((await makeTable(parts)).schema.id).toBe(1);
});

test('a table that a rival makes and drops while it is made is made all the same', async () => {
  const parts = newParts();
  let isRivalDue = true;
  const store = changedStore(parts.store, {
    putIfAbsent: async (key, bytes) => {
      if (isRivalDue) {
        isRivalDue = false;
        await makeTable(parts);
        const outcome = await parts.store.putIfAbsent(key, bytes);
        await dropTable(parts, name, { ifExists: false });
        return outcome;
      }
      return parts.store.putIfAbsent(key, bytes);
    },
  });
  expect((await makeTable({ ...parts, store })).schema.id).toBe(1);
  await expect(makeTable({ ...parts, store })).rejects.toMatchObject({ code: 'LAKE_TABLE_EXISTS' });
});

test('of two who drop at once both succeed and nothing of a new table is touched', async () => {
  const parts = newParts();
  await write(await makeTable(parts), [[1, 10]]);
  await Promise.all([dropTable(parts, name, { ifExists: true }), dropTable(parts, name, { ifExists: true })]);
  const second = await makeTable(parts);
  await write(second, [[5, 50]]);
  expect(await read(second)).toEqual([[5, 50]]);
});
