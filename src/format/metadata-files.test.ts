// Schemas and snapshots: what Paimon wrote (fixtures/) is read whole and written the same, what is broken is refused.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { JsonObject } from '../base/json.ts';
import { decodeSnapshot, encodeSnapshot, type Snapshot } from './snapshot.ts';
import { bucketKeys, decodeSchema, encodeSchema, fieldsNamed, trimmedPrimaryKeys } from './table-schema.ts';
import { decodeTag } from './tag.ts';
import { printType } from './type-text.ts';

function fixture(name: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(`fixtures/${name}`, import.meta.url)));
}

function jsonOf(bytes: Uint8Array): JsonObject {
  // The texts have no number that JSON.parse would round, but for the one that is quoted first.
  return JSON.parse(new TextDecoder().decode(bytes).replace(/: 9223372036854775807/, ': "max"'));
}

function bytesOf(json: object): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(json));
}

for (const name of ['pk_types-schema', 'nested-schema', 'default_values-schema']) {
  test(`Paimon's ${name} is written as it was read`, () => {
    const schema = decodeSchema(fixture(name), name);
    expect(jsonOf(encodeSchema(schema))).toEqual(jsonOf(fixture(name)));
    expect(decodeSchema(encodeSchema(schema), name)).toEqual(schema);
  });
}

for (const name of ['compact-snapshot', 'analyze-snapshot']) {
  test(`Paimon's ${name} is written as it was read`, () => {
    const snapshot = decodeSnapshot(fixture(name), name);
    expect(jsonOf(encodeSnapshot(snapshot))).toEqual(jsonOf(fixture(name)));
    expect(decodeSnapshot(encodeSnapshot(snapshot), name)).toEqual(snapshot);
  });
}

test('a tag is a snapshot with more fields', () => {
  const snapshot = decodeSnapshot(fixture('tag'), 'tag-t1');
  expect(snapshot).toMatchObject({ id: 1, commitKind: 'APPEND', totalRecordCount: 20n });
  const tag = { ...jsonOf(fixture('tag')), tagCreateTime: [2024, 1, 2, 3, 4], tagTimeRetained: 86400.0 };
  expect(decodeSnapshot(bytesOf(tag), 'tag-t1')).toEqual(snapshot);
  const createTimeMs = Date.UTC(2024, 0, 2, 3, 4);
  expect(decodeTag(bytesOf(tag), 'tag-t1')).toEqual({ snapshot, createTimeMs, retainedMs: 86_400_000 });
});

test('a time of a tag that is none is one that is not told', () => {
  for (const tagCreateTime of [[{}], [[2024], 1, 2], ['2024', 1, 2], [2024, 1e300], 'soon', null]) {
    const tag = decodeTag(bytesOf({ ...jsonOf(fixture('tag')), tagCreateTime }), 'tag-t1');
    expect(tag.createTimeMs, JSON.stringify(tagCreateTime)).toBeUndefined();
  }
});

test('64-bit numbers of a snapshot keep every digit', () => {
  expect(decodeSnapshot(fixture('analyze-snapshot'), 's').commitIdentifier).toBe(9223372036854775807n);
  const snapshot: Snapshot = {
    ...decodeSnapshot(fixture('compact-snapshot'), 's'),
    commitIdentifier: 9007199254740993n,
    watermark: -9223372036854775808n,
    totalRecordCount: 9223372036854775807n,
    deltaRecordCount: -5n,
    properties: { 'tidelake.parent': 'x' },
  };
  expect(decodeSnapshot(encodeSnapshot(snapshot), 's')).toEqual(snapshot);
  expect(new TextDecoder().decode(encodeSnapshot(snapshot))).toContain('"watermark": -9223372036854775808');
});

test('fields of newer writers are passed over and those of older writers made up', () => {
  const { nextRowId: _, totalRecordCount: __, version: ___, ...json } = jsonOf(fixture('compact-snapshot'));
  const newer = { ...json, uuid: 'u', operation: 'WRITE', logOffsets: { 0: 5 }, watermark: null };
  expect(decodeSnapshot(bytesOf(newer), 's')).toMatchObject({ version: 1, totalRecordCount: 0n, watermark: undefined });
});

test('a broken snapshot is refused with the file and the field', () => {
  const json = jsonOf(fixture('compact-snapshot'));
  const broken: readonly [object, string][] = [
    [{ ...json, id: undefined }, 'snapshot-9: id is missing'],
    [{ ...json, id: 1.5 }, 'id is not a number that counts'],
    [{ ...json, schemaId: -1 }, 'schemaId is not a number that counts'],
    [{ ...json, baseManifestList: null }, 'baseManifestList is missing'],
    [{ ...json, deltaManifestList: 5 }, 'deltaManifestList is not a string'],
    [{ ...json, commitKind: 'MERGE' }, 'commitKind MERGE is not known'],
    [{ ...json, commitIdentifier: 1e300 }, 'commitIdentifier is not a 64-bit integer'],
    [{ ...json, properties: { a: 1 } }, 'properties.a is not a string'],
    [[], 'not a JSON object'],
  ];
  for (const [value, message] of broken) {
    expect(() => decodeSnapshot(bytesOf(value), 'snapshot-9')).toThrow(message);
    expect(() => decodeSnapshot(bytesOf(value), 'snapshot-9')).toThrow(expect.objectContaining({ kind: 'corrupt' }));
  }
  expect(() => decodeSnapshot(Uint8Array.of(0xff, 0xfe), 's')).toThrow('s is not JSON');
  const text = fixture('compact-snapshot');
  for (let length = 0; length < text.length; length += 1) {
    expect(() => decodeSnapshot(text.slice(0, length), 's')).toThrow(expect.objectContaining({ kind: 'corrupt' }));
  }
});

test('a schema gives its keys', () => {
  const schema = decodeSchema(fixture('pk_types-schema'), 's');
  expect(trimmedPrimaryKeys(schema)).toEqual(['k1', 'k2']);
  expect(bucketKeys(schema)).toEqual(['k1', 'k2']);
  expect(bucketKeys({ ...schema, options: { 'bucket-key': ' k2 , k1' } })).toEqual(['k2', 'k1']);
  expect(() => bucketKeys({ ...schema, options: { 'bucket-key': 'nope' } })).toThrow('option bucket-key names `nope`');
  expect(trimmedPrimaryKeys({ ...schema, partitionKeys: ['k2'] })).toEqual(['k1']);
  expect(fieldsNamed(schema, ['k2', 'f_ltz6']).map(field => printType(field.type))).toEqual([
    'INT NOT NULL',
    'TIMESTAMP(6) WITH LOCAL TIME ZONE',
  ]);
  expect(() => fieldsNamed(schema, ['nope'])).toThrow('no column `nope`');
});

const least = {
  id: 0,
  fields: [
    { id: 0, name: 'k', type: 'INT' },
    { id: 1, name: 'p', type: 'DATE' },
  ],
  highestFieldId: 1,
  partitionKeys: [],
  primaryKeys: [],
  options: {},
};

test('schemas of before a default changed mean the former default', () => {
  expect(decodeSchema(bytesOf(least), 's')).toMatchObject({
    version: 1,
    options: { bucket: '1', 'file.format': 'orc' },
    comment: undefined,
    timeMillis: 0,
  });
  expect(decodeSchema(bytesOf({ ...least, version: 2 }), 's').options).toEqual({ 'file.format': 'orc' });
  expect(decodeSchema(bytesOf({ ...least, version: 3 }), 's').options).toEqual({});
  const said = { bucket: '7', 'file.format': 'parquet' };
  expect(decodeSchema(bytesOf({ ...least, options: said }), 's').options).toEqual(said);
});

test('keys that stand in the options go where keys belong, and primary keys are NOT NULL', () => {
  const schema = decodeSchema(
    bytesOf({ ...least, version: 3, options: { 'primary-key': 'k, p', partition: 'p' } }),
    's',
  );
  expect(schema).toMatchObject({ primaryKeys: ['k', 'p'], partitionKeys: ['p'], options: {} });
  expect(schema.fields.map(field => field.type.nullable)).toEqual([false, false]);
});

test('keys of ours in a schema file are kept', () => {
  const schema = decodeSchema(bytesOf({ ...least, version: 3, 'tidelake.table': 'abc' }), 's');
  expect(schema.extra).toEqual({ 'tidelake.table': 'abc' });
  expect(jsonOf(encodeSchema(schema))['tidelake.table']).toBe('abc');
});

test('a broken schema is refused with the file and the reason', () => {
  const field = { id: 0, name: 'k', type: 'INT' };
  const broken: readonly [object, string][] = [
    [{ ...least, id: undefined }, 'schema-3: id is missing'],
    [{ ...least, highestFieldId: undefined }, 'highestFieldId is missing'],
    [{ ...least, highestFieldId: 0 }, 'field id 1 above its highestFieldId'],
    [{ ...least, fields: [] }, 'has no fields'],
    [{ ...least, fields: [{ name: 'k', type: 'INT' }, field] }, 'needs a numeric id'],
    [{ ...least, fields: [field, { ...field, name: 'l' }] }, 'field id 0 twice'],
    [{ ...least, fields: [field, { ...field, id: 1 }] }, 'a column twice'],
    [{ ...least, fields: [{ ...field, type: 'INTT' }] }, 'data type INTT'],
    [{ ...least, primaryKeys: ['x'] }, 'key `x` is not a column'],
    [{ ...least, partitionKeys: 'p' }, 'partitionKeys is not a list of names'],
    [{ ...least, options: undefined }, 'options are missing'],
    [{ ...least, options: { bucket: 1 } }, 'bucket is not a string'],
    [{ ...least, version: 'x' }, 'version is not an integer'],
  ];
  for (const [value, message] of broken) {
    expect(() => decodeSchema(bytesOf(value), 'schema-3')).toThrow(message);
    expect(() => decodeSchema(bytesOf(value), 'schema-3')).toThrow(expect.objectContaining({ kind: 'corrupt' }));
  }
  expect(() => decodeSchema(new Uint8Array(0), 's')).toThrow('s is not JSON');
});
