import { expect, test } from 'vitest';
import { parseIdentifier } from '../catalog/identifier.ts';
import { t } from './column-types.ts';
import { definitionOfDdl, definitionOfSchemaFile, definitionOfSpec } from './table-definitions.ts';

const identifier = parseIdentifier('db.t');

function fileOf(json: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(json));
}

test('columns of the SDK become columns of the table, with options as texts', () => {
  const definition = definitionOfSpec({
    columns: { k: t.int(), price: t.decimal(10, 2).nullable().describe('gross') },
    primaryKey: ['k'],
    options: { bucket: 4, 'write-only': true },
  });
  expect(definition).toEqual({
    columns: [
      { name: 'k', type: { kind: 'int', nullable: false }, comment: undefined },
      { name: 'price', type: { kind: 'decimal', precision: 10, scale: 2, nullable: true }, comment: 'gross' },
    ],
    primaryKeys: ['k'],
    partitionKeys: [],
    options: { bucket: '4', 'write-only': 'true' },
    comment: undefined,
  });
});

test('lengths and precisions out of range are refused where they are written', () => {
  const wrong = [
    () => t.decimal(39),
    () => t.decimal(5, 6),
    () => t.varchar(0),
    () => t.timestamp(10),
    () => t.char(1.5),
  ];
  for (const make of wrong) expect(make).toThrow(expect.objectContaining({ code: 'LAKE_BAD_TYPE' }));
});

test('DDL makes the table it is for, and no other', () => {
  const ddl = 'CREATE TABLE IF NOT EXISTS t (k INT PRIMARY KEY NOT ENFORCED, v STRING)';
  expect(definitionOfDdl(identifier, ddl)).toMatchObject({ primaryKeys: ['k'], ifNotExists: true });
  for (const other of ['CREATE TABLE u (k INT)', 'CREATE TABLE x.t (k INT)', 'SELECT 1', `${ddl}; ${ddl}`, '']) {
    expect(() => definitionOfDdl(identifier, other)).toThrow(expect.objectContaining({ code: 'LAKE_BAD_DDL' }));
  }
});

test('a schema file may be one of Paimon or just say the columns', () => {
  const short = definitionOfSchemaFile(
    fileOf({ fields: [{ name: 'k', type: 'BIGINT' }], primaryKeys: ['k'] }),
    's.json',
  );
  expect(short).toMatchObject({ columns: [{ name: 'k', type: { kind: 'bigint' } }], primaryKeys: ['k'], options: {} });
  const full = {
    version: 3,
    id: 7,
    fields: [{ id: 4, name: 'k', type: 'INT', description: 'key' }],
    highestFieldId: 9,
    partitionKeys: [],
    primaryKeys: [],
    options: { path: 'file:/elsewhere', bucket: '-1' },
    comment: 'c',
    timeMillis: 1,
  };
  expect(definitionOfSchemaFile(fileOf(full), 's.json')).toMatchObject({
    columns: [{ name: 'k', comment: 'key' }],
    options: { bucket: '-1' },
    comment: 'c',
  });
});

test('what is no schema file is told by its name', () => {
  const wrong = [
    fileOf([]),
    fileOf({}),
    fileOf({ fields: [{ name: 'k' }] }),
    fileOf({ fields: [{ name: 'k', type: 'NOPE' }] }),
  ];
  for (const bytes of [...wrong, new TextEncoder().encode('{'), Uint8Array.of(0xff)]) {
    expect(() => definitionOfSchemaFile(bytes, 's.json')).toThrow(
      expect.objectContaining({ code: 'LAKE_BAD_SCHEMA_FILE', message: expect.stringMatching(/^s\.json/) }),
    );
  }
});
