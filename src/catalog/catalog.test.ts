import { expect, test } from 'vitest';
import { ManualClock } from '../../test/table-fixture.ts';
import { seededRandom } from '../base/random.ts';
import { jsonBytesMax } from '../format/metadata-limits.ts';
import { decodeSchema, encodeSchema, type TableSchema } from '../format/table-schema.ts';
import { faultyObjectStore } from '../storage/faulty-object-store.ts';
import { MemoryObjectStore } from '../storage/memory/memory-object-store.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { Committer } from '../table/commit/commit.ts';
import { tableIdKey } from '../table/schemas.ts';
import { latestSnapshot } from '../table/snapshots.ts';
import { openTable, type Table } from '../table/table.ts';
import { TableWriter } from '../table/write/table-writer.ts';
import { buildBatch } from '../types/column-builder.ts';
import type { DataType } from '../types/data-type.ts';
import {
  alterTable,
  createDatabase,
  createTable,
  databaseExists,
  dropDatabase,
  findSchema,
  listDatabases,
  listTables,
  loadSchema,
} from './catalog.ts';
import { parseIdentifier } from './identifier.ts';
import type { CatalogParts } from './publish-schema.ts';
import { publishSchema } from './publish-schema.ts';
import type { SchemaChange } from './schema-change.ts';
import type { TableDefinition } from './table-definition.ts';

const int: DataType = { kind: 'int', nullable: true };
const definition: TableDefinition = {
  columns: [
    { name: 'k', type: int },
    { name: 'v', type: int },
  ],
  primaryKeys: ['k'],
  partitionKeys: [],
  options: { bucket: '2' },
};

function newParts(wrap: (store: ObjectStore, clock: ManualClock) => ObjectStore = store => store): CatalogParts {
  const clock = new ManualClock();
  return { store: wrap(new MemoryObjectStore('memory:catalog', clock), clock), clock, random: seededRandom(7) };
}

test('databases are made, listed and dropped, and say when they are there or not', async () => {
  const parts = newParts();
  await createDatabase(parts, 'b', { ifNotExists: false });
  await createDatabase(parts, 'a', { ifNotExists: false });
  await createDatabase(parts, 'a', { ifNotExists: true });
  await expect(createDatabase(parts, 'a', { ifNotExists: false })).rejects.toMatchObject({
    code: 'LAKE_DATABASE_EXISTS',
  });
  expect(await listDatabases(parts)).toEqual(['a', 'b']);
  await dropDatabase(parts, 'a', { ifExists: false });
  expect(await listDatabases(parts)).toEqual(['b']);
  await dropDatabase(parts, 'a', { ifExists: true });
  await expect(dropDatabase(parts, 'a', { ifExists: false })).rejects.toMatchObject({
    code: 'LAKE_DATABASE_NOT_FOUND',
  });
  await expect(createDatabase(parts, '../x', { ifNotExists: true })).rejects.toMatchObject({ code: 'LAKE_BAD_NAME' });
});

test('a table is made with its database, has an id of its own, and is listed', async () => {
  const parts = newParts();
  const schema = await createTable(parts, parseIdentifier('d.t'), definition, { ifNotExists: false });
  expect(schema.id).toBe(0);
  expect(schema.extra[tableIdKey]).toMatch(/^[0-9a-f-]{36}$/);
  expect(await listTables(parts, 'd')).toEqual(['t']);
  expect(await loadSchema(parts, parseIdentifier('d.t'))).toEqual(schema);
  const again = await createTable(parts, parseIdentifier('d.t'), definition, { ifNotExists: true });
  expect(again.extra[tableIdKey]).toBe(schema.extra[tableIdKey]);
  await expect(createTable(parts, parseIdentifier('d.t'), definition, { ifNotExists: false })).rejects.toMatchObject({
    code: 'LAKE_TABLE_EXISTS',
  });
  await expect(dropDatabase(parts, 'd', { ifExists: false })).rejects.toMatchObject({
    code: 'LAKE_DATABASE_NOT_EMPTY',
  });
  await expect(createTable(parts, parseIdentifier('d.t$files'), definition, { ifNotExists: true })).rejects.toThrow(
    /not the name of a table/,
  );
});

test('a missing table names the database or the way to see what is there', async () => {
  const parts = newParts();
  await expect(loadSchema(parts, parseIdentifier('no.t'))).rejects.toThrow(/database no is not there/);
  await createDatabase(parts, 'd', { ifNotExists: false });
  await expect(loadSchema(parts, parseIdentifier('d.t'))).rejects.toThrow(/SHOW TABLES IN d/);
  expect(await findSchema(parts, parseIdentifier('d.t'))).toBeUndefined();
});

test('of many who make a table at once one makes it', async () => {
  const parts = newParts();
  await createDatabase(parts, 'd', { ifNotExists: false });
  const outcomes = await Promise.allSettled(
    Array.from({ length: 8 }, () => createTable(parts, parseIdentifier('d.t'), definition, { ifNotExists: false })),
  );
  expect(outcomes.filter(outcome => outcome.status === 'fulfilled')).toHaveLength(1);
});

test('rivals who change a schema are applied one on top of the other', async () => {
  const parts = newParts();
  await createTable(parts, parseIdentifier('d.t'), definition, { ifNotExists: false });
  const names = Array.from({ length: 10 }, (_, index) => `c${index}`);
  await Promise.all(
    names.map(name => alterTable(parts, parseIdentifier('d.t'), [{ kind: 'add-column', name, type: int }])),
  );
  const schema = await loadSchema(parts, parseIdentifier('d.t'));
  expect(schema.id).toBe(10);
  expect(schema.fields.map(field => field.name).toSorted()).toEqual([...names, 'k', 'v'].toSorted());
  expect(new Set(schema.fields.map(field => field.id)).size).toBe(12);
});

const setBuckets = (value: string): readonly SchemaChange[] => [{ kind: 'set-option', key: 'bucket', value }];

test('a change of what is asked of writers is made known by an empty commit, and no other change is', async () => {
  const parts = newParts();
  await createTable(parts, parseIdentifier('d.t'), definition, { ifNotExists: false });
  const before = await openTable(parts.store, { database: 'd', name: 't' }, parts);
  await alterTable(parts, parseIdentifier('d.t'), [
    { kind: 'add-column', name: 'w', type: int },
    { kind: 'set-option', key: 'snapshot.num-retained.min', value: '3' },
  ]);
  expect(await latestSnapshot(before)).toBeUndefined();
  await alterTable(parts, parseIdentifier('d.t'), setBuckets('4'));
  expect(await latestSnapshot(before)).toMatchObject({
    id: 1,
    schemaId: 2,
    commitKind: 'APPEND',
    totalRecordCount: 0n,
  });
  await alterTable(parts, parseIdentifier('d.t'), setBuckets('4'));
  expect(await latestSnapshot(before)).toMatchObject({ id: 1 });
});

test('a writer from before a change of its duties commits nothing under the old ones', async () => {
  const parts = newParts();
  await createTable(parts, parseIdentifier('d.t'), definition, { ifNotExists: false });
  const name = { database: 'd', name: 't' };
  const write = async (table: Table): Promise<unknown> => {
    await using committer = new Committer(table);
    const writer = new TableWriter(table, committer);
    await writer.add(buildBatch({ fields: table.schema.fields }, [[1, 1]]), new Int8Array(1));
    return (await writer.commit()).snapshotId;
  };
  const early = await openTable(parts.store, name, parts);
  await alterTable(parts, parseIdentifier('d.t'), setBuckets('4'));
  await expect(write(early)).rejects.toMatchObject({
    code: 'LAKE_COMMIT_CONFLICT',
    message: expect.stringMatching(/schema 1 .*open the table/),
  });
  expect(await write(await openTable(parts.store, name, parts))).toBe(2);
  await alterTable(parts, parseIdentifier('d.t'), setBuckets('8'));
  expect(await latestSnapshot(early)).toMatchObject({ id: 3, schemaId: 2, totalRecordCount: 1n });
});

test('a change that breaks a rule leaves the table as it was', async () => {
  const parts = newParts();
  const before = await createTable(parts, parseIdentifier('d.t'), definition, { ifNotExists: false });
  await expect(
    alterTable(parts, parseIdentifier('d.t'), [
      { kind: 'add-column', name: 'w', type: int },
      { kind: 'drop-column', name: 'k' },
    ]),
  ).rejects.toMatchObject({ code: 'LAKE_BAD_SCHEMA_CHANGE' });
  expect(await loadSchema(parts, parseIdentifier('d.t'))).toEqual(before);
});

test('a schema that nobody would read again is not published, and the table stays as it was', async () => {
  const parts = newParts();
  const before = await createTable(parts, parseIdentifier('d.t'), definition, { ifNotExists: false });
  const comment = 'x'.repeat(jsonBytesMax);
  await expect(
    alterTable(parts, parseIdentifier('d.t'), [{ kind: 'set-table-comment', comment }]),
  ).rejects.toMatchObject({ code: 'LAKE_BAD_SCHEMA', message: expect.stringMatching(/schema-1 would have \d+ bytes/) });
  expect(await loadSchema(parts, parseIdentifier('d.t'))).toEqual(before);
});

test('a schema whose answer was lost is found to be ours and not written twice', async () => {
  let lost = 0;
  const parts = newParts((store, clock) =>
    faultyObjectStore(
      store,
      ({ operation }) => {
        if (operation !== 'putIfAbsent' || lost >= 2) return undefined;
        lost += 1;
        return lost === 1 ? { kind: 'refused' } : { kind: 'answer-lost' };
      },
      { clock },
    ),
  );
  const schema = await createTable(parts, parseIdentifier('d.t'), definition, { ifNotExists: false });
  expect(lost).toBe(2);
  const object = await parts.store.get('d.db/t/schema/schema-0');
  expect(decodeSchema(object?.bytes ?? new Uint8Array(), 'schema-0')).toEqual(schema);
});

test('a schema whose answer never comes is unknown, and one that another wrote meanwhile is a lost race', async () => {
  const parts = newParts((store, clock) =>
    faultyObjectStore(store, ({ operation }) => (operation === 'putIfAbsent' ? { kind: 'refused' } : undefined), {
      clock,
    }),
  );
  const schema: TableSchema = {
    version: 3,
    id: 0,
    fields: [{ id: 0, name: 'a', type: int, description: undefined, defaultValue: undefined }],
    highestFieldId: 0,
    partitionKeys: [],
    primaryKeys: [],
    options: {},
    comment: undefined,
    timeMillis: 0,
    extra: {},
  };
  await expect(publishSchema(parts, 'd.db/t/schema', schema)).rejects.toMatchObject({
    kind: 'unavailable',
    code: 'LAKE_SCHEMA_UNKNOWN',
  });
  const second = newParts((store, clock) => {
    let tries = 0;
    return faultyObjectStore(
      store,
      ({ operation, key }) => {
        if (operation !== 'putIfAbsent' || tries > 0) return undefined;
        tries += 1;
        // Another one takes the number between our try and its repetition.
        void store.put(key, encodeSchema({ ...schema, comment: 'rival' }));
        return { kind: 'refused' };
      },
      { clock },
    );
  });
  expect(await publishSchema(second, 'd.db/t/schema', schema)).toEqual({ status: 'lost' });
});

test('what is not a database in the warehouse is none', async () => {
  const parts = newParts();
  await parts.store.put('loose.txt', new Uint8Array(1));
  await parts.store.put('folder/x', new Uint8Array(1));
  await parts.store.put('left.db/t/snapshot/snapshot-3', new Uint8Array(1));
  expect(await listDatabases(parts)).toEqual([]);
  expect(await databaseExists(parts, 'left')).toBe(false);
});
