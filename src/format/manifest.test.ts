// Manifests and manifest lists: Paimon's own files (fixtures/) are decoded whole and encoded to the same records, and
// nothing that is cut, broken or hostile is taken for a shorter list.
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LakeError } from '../base/errors.ts';
import type { JsonObject } from '../base/json.ts';
import { toHex } from '../bytes/hex.ts';
import { type AvroRecord, avroFormat, encodeAvro } from './avro.ts';
import { type AvroContainer, readContainer, writeContainer } from './avro-container.ts';
import { manifestListSchema, manifestSchema } from './avro-schemas.ts';
import { deserializeRow, emptyRow, serializeRow } from './binary-row.ts';
import { decodeManifest, encodeManifest, type ManifestEntry } from './manifest.ts';
import { decodeManifestList, encodeManifestList, manifestFileMeta } from './manifest-list.ts';
import { decodeStats, emptyStats } from './stats.ts';
import { decodeSchema } from './table-schema.ts';
import { parseType } from './type-text.ts';

function fixture(name: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(`fixtures/${name}`, import.meta.url)));
}

function recordBytes(container: AvroContainer): string {
  return container.blocks.map(block => toHex(block.bytes)).join('');
}

const partitionTypes = [parseType('STRING'), parseType('INT')];

const entry: ManifestEntry = {
  kind: 'add',
  partition: emptyRow,
  bucket: 3,
  totalBuckets: 4,
  file: {
    fileName: 'data-5f0c8a1e-0000-4000-8000-000000000000-0.parquet',
    fileSize: 9_007_199_254_740_991,
    rowCount: 2_147_483_648,
    minKey: emptyRow,
    maxKey: serializeRow([parseType('BIGINT')], [9_007_199_254_740_993n]),
    keyStats: emptyStats,
    valueStats: { ...emptyStats, nullCounts: [0n, undefined, 2n ** 62n, 1023n, 1024n] },
    minSequenceNumber: -9_223_372_036_854_775_808n,
    maxSequenceNumber: 9_223_372_036_854_775_807n,
    schemaId: 7,
    level: 5,
    extraFiles: ['a.index', 'ünïcödé 😀'],
    creationTimeMs: 1_795_422_568_171,
    deleteRowCount: 0,
    embeddedIndex: Uint8Array.of(1, 2, 3),
    fileSource: 'compact',
    valueStatsCols: [],
    externalPath: 's3://bucket/x',
    firstRowId: 2n ** 53n + 1n,
    writeCols: ['a', 'b'],
  },
};
const sparse: ManifestEntry = {
  ...entry,
  kind: 'delete',
  bucket: -2,
  totalBuckets: -2,
  file: {
    ...entry.file,
    extraFiles: [],
    deleteRowCount: undefined,
    embeddedIndex: undefined,
    fileSource: undefined,
    valueStatsCols: undefined,
    externalPath: undefined,
    firstRowId: undefined,
    writeCols: undefined,
  },
};

for (const name of ['pk_part', 'pk_types', 'uncompressed', 'no_stats', 'file_index']) {
  test(`the ${name} manifest of Paimon is encoded to the same schema and the same record bytes`, () => {
    const theirs = readContainer(fixture(`${name}-manifest`), name);
    const entries = decodeManifest(fixture(`${name}-manifest`), name);
    const ours = encodeManifest(entries);
    expect(readContainer(ours, name).schemaText).toBe(theirs.schemaText);
    expect(recordBytes(readContainer(ours, name))).toBe(recordBytes(theirs));
    expect(decodeManifest(ours, name)).toEqual(entries);
  });
}

for (const name of ['pk_part-manifest-list', 'empty-manifest-list']) {
  test(`the ${name} of Paimon is encoded to the same schema and the same record bytes`, () => {
    const theirs = readContainer(fixture(name), name);
    const ours = readContainer(encodeManifestList(decodeManifestList(fixture(name), name)), name);
    expect(ours.schemaText).toBe(theirs.schemaText);
    expect(recordBytes(ours)).toBe(recordBytes(theirs));
  });
}

test('what Paimon wrote of a compaction is all there', () => {
  const entries = decodeManifest(fixture('pk_part-manifest'), 'm');
  expect(entries.map(({ kind }) => kind)).toEqual(Array(12).fill(['delete', 'delete', 'add']).flat());
  expect(deserializeRow(entries[0]?.partition ?? emptyRow, partitionTypes)).toEqual(['2024-01-01', 1]);
  expect(entries[0]).toMatchObject({ bucket: 0, totalBuckets: 2 });
  expect(entries[24]?.file).toMatchObject({
    fileName: 'data-5909e1e8-0c06-405f-9e90-5d9e836af0fd-1.parquet',
    fileSize: 1709,
    rowCount: 1,
    minSequenceNumber: 24n,
    level: 0,
    fileSource: 'append',
    deleteRowCount: 0,
    valueStatsCols: undefined,
  });
  expect(entries.at(-1)?.file).toMatchObject({ level: 5, fileSource: 'compact' });
});

test('what the list says of a manifest follows from its entries', () => {
  const entries = decodeManifest(fixture('pk_part-manifest'), 'm');
  const fileSize = fixture('pk_part-manifest').length;
  const listed = decodeManifestList(fixture('pk_part-manifest-list'), 'l').find(meta => meta.fileSize === fileSize);
  const fileName = listed?.fileName ?? '';
  expect(manifestFileMeta(entries, { fileName, fileSize, partitionTypes })).toEqual(listed);
});

test('row ids are known of a manifest only when every file has one', () => {
  const file = { fileName: 'm', fileSize: 1, partitionTypes: [] };
  const withId = (firstRowId: bigint | undefined): ManifestEntry => ({
    ...entry,
    file: { ...entry.file, rowCount: 10, firstRowId },
  });
  expect(manifestFileMeta([withId(50n), withId(5n)], file)).toMatchObject({ minRowId: 5n, maxRowId: 59n });
  expect(manifestFileMeta([withId(50n), withId(undefined)], file)).toMatchObject({ minRowId: undefined });
});

test('keys and statistics of a table with a column of each type are readable', () => {
  const schema = decodeSchema(fixture('pk_types-schema'), 's');
  const types = schema.fields.map(field => field.type);
  for (const { file } of decodeManifest(fixture('pk_types-manifest'), 'm')) {
    const [minKey] = deserializeRow(file.minKey, types.slice(0, 2));
    const stats = decodeStats(file.valueStats, types);
    expect(stats.min[0]).toBe(minKey);
    expect(stats.nullCounts).toHaveLength(types.length);
  }
});

test('entries keep all 64 bits and all that is missing', () => {
  for (const codec of ['zstandard', 'deflate', 'snappy', 'null'] as const) {
    expect(decodeManifest(encodeManifest([entry, sparse], codec), 'm')).toEqual([entry, sparse]);
  }
});

test('64-bit numbers of every size keep every digit', () => {
  fc.assert(
    fc.property(
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      fc.integer({ min: 0, max: 63 }),
      (value, bits) => {
        const minSequenceNumber = value >> BigInt(bits);
        const file = { ...entry.file, minSequenceNumber, maxSequenceNumber: minSequenceNumber };
        const [back] = decodeManifest(encodeManifest([{ ...entry, file }], 'null'), 'm');
        expect(back?.file.minSequenceNumber).toBe(minSequenceNumber);
      },
    ),
  );
});

test('the header is that of Paimon: logical type, null first, codec', () => {
  const text = new TextDecoder('latin1').decode(encodeManifest([entry]));
  expect(text).toContain(
    '{"name":"_CREATION_TIME","type":["null",{"type":"long","logicalType":"timestamp-millis"}],"default":null}',
  );
  expect(text).toContain('avro.codec\u0012zstandard');
  expect(readContainer(encodeManifest([entry]), 'm').schemaText.match(/"name":"_/g)).toHaveLength(6 + 20 + 6);
});

test('the same entries give the same bytes', () => {
  expect(toHex(encodeManifest([entry]))).toBe(toHex(encodeManifest([entry])));
});

test('a list of no manifests is a whole Avro file', () => {
  const bytes = encodeManifestList([]);
  expect(bytes.length).toBe(fixture('empty-manifest-list').length);
  expect(decodeManifestList(bytes, 'l')).toEqual([]);
});

test('many entries and long ones go into several blocks', () => {
  const long = { ...entry, file: { ...entry.file, embeddedIndex: new Uint8Array(700_000).fill(7) } };
  const entries = [...Array(3000).fill(entry), long, ...Array(3000).fill(sparse)];
  const bytes = encodeManifest(entries);
  expect(readContainer(bytes, 'm').blocks.length).toBeGreaterThan(5);
  expect(decodeManifest(bytes, 'm')).toEqual(entries);
});

test('a file that is cut within header or block is corrupt', () => {
  for (const whole of [encodeManifest([entry, sparse]), fixture('pk_part-manifest'), encodeManifestList([])]) {
    const headerBytes = writeContainer({ ...readContainer(whole, 'm'), blocks: [] }, 'zstandard').length;
    for (let length = 0; length < whole.length; length += 1) {
      const decode = (): unknown => decodeManifest(whole.slice(0, length), 'm');
      // Cut between blocks the file is a whole one of fewer records: the counts in the manifest list tell.
      if (length === headerBytes) expect(decode()).toEqual([]);
      else expect(decode).toThrow(expect.objectContaining({ kind: 'corrupt', code: 'LAKE_CORRUPT_AVRO' }));
    }
    expect(() => decodeManifest(Uint8Array.of(...whole, 0), 'm')).toThrow(LakeError);
  }
});

test('no broken byte makes the decoder hang, crash or give a manifest of ours for another', () => {
  for (const codec of ['zstandard', 'snappy', 'null'] as const) {
    const whole = encodeManifest([entry, sparse], codec);
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const bytes = whole.slice();
        bytes[at] = (bytes[at] ?? 0) ^ flip;
        try {
          expect(decodeManifest(bytes, 'm')).toHaveLength(2);
        } catch (error) {
          expect(error).toBeInstanceOf(LakeError);
        }
      }),
      { numRuns: 300 },
    );
  }
});

test('a broken byte in the records of a compressed file is always found', () => {
  const whole = encodeManifest([entry, sparse]);
  const start = whole.length - 16 - (readPackedLength(whole) ?? 0);
  for (let at = start; at < whole.length; at += 1) {
    const bytes = whole.slice();
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    expect(() => decodeManifest(bytes, 'm')).toThrow(LakeError);
  }
});

/** From zstandard's magic number to the sync marker at the end. */
function readPackedLength(bytes: Uint8Array): number | undefined {
  const magic = toHex(bytes).lastIndexOf('28b52ffd') / 2;
  return magic < 0 ? undefined : bytes.length - 16 - magic;
}

/** The file as another writer would have made it: with its own schema for the same entries. */
function writtenBy(schema: JsonObject, records: readonly object[]): Uint8Array {
  return encodeAvro(avroFormat(schema), records as readonly AvroRecord[], 'deflate');
}

type Field = { readonly name: string; readonly type: JsonObject['x']; readonly default?: null };

function fieldsOf(schema: JsonObject): Field[] {
  return structuredClone(schema['fields']) as unknown as Field[];
}

const list = {
  _VERSION: 2,
  _FILE_NAME: 'manifest-x',
  _FILE_SIZE: 5,
  _NUM_ADDED_FILES: 1,
  _NUM_DELETED_FILES: 0,
  _PARTITION_STATS: { _MIN_VALUES: emptyRow, _MAX_VALUES: emptyRow, _NULL_COUNTS: [] },
  _SCHEMA_ID: 0,
};

test('fields are found by name: other order, other record names, unknown and missing fields', () => {
  const fields = fieldsOf(manifestListSchema)
    .filter(({ name }) => !/ROW_ID|LEVEL|BUCKET/.test(name))
    .toReversed();
  const schema = {
    type: 'record',
    name: 'list',
    fields: [{ name: '_NEW', type: ['null', 'double'], default: null }, ...fields],
  };
  const [meta] = decodeManifestList(writtenBy(schema as JsonObject, [{ ...list, _NEW: 1.5 }]), 'l');
  expect(meta).toMatchObject({ fileName: 'manifest-x', fileSize: 5, minBucket: undefined, maxRowId: undefined });
});

test('a needed field that is missing is named', () => {
  const fields = fieldsOf(manifestListSchema).filter(({ name }) => name !== '_NUM_ADDED_FILES');
  const bytes = writtenBy({ ...manifestListSchema, fields } as unknown as JsonObject, [list]);
  expect(() => decodeManifestList(bytes, 'manifest-list-7')).toThrow(
    'manifest-list-7: field _NUM_ADDED_FILES is missing',
  );
});

test('values that cannot be are refused by the field', () => {
  const broken: readonly [object, string][] = [
    [{ ...list, _FILE_SIZE: -1 }, 'field _FILE_SIZE is number -1'],
    [{ ...list, _FILE_SIZE: 2n ** 53n }, 'field _FILE_SIZE is bigint'],
    [{ ...list, _PARTITION_STATS: { ...list._PARTITION_STATS, _MIN_VALUES: new Uint8Array(3) } }, '_MIN_VALUES is no'],
  ];
  for (const [record, message] of broken) {
    expect(() => decodeManifestList(writtenBy(manifestListSchema, [record]), 'l')).toThrow(message);
  }
});

test('another version of the format is not guessed at', () => {
  const bytes = writtenBy(manifestListSchema, [{ ...list, _VERSION: 3 }]);
  expect(() => decodeManifestList(bytes, 'l')).toThrow(expect.objectContaining({ kind: 'unsupported' }));
});

test('codecs that are not read are named', () => {
  const bytes = Buffer.from(encodeManifest([entry], 'null'));
  const at = bytes.indexOf('null', bytes.indexOf('avro.codec'));
  bytes.write('lz4x', at);
  expect(() => decodeManifest(new Uint8Array(bytes), 'm')).toThrow('m: Avro codec lz4x is not supported');
});

test('a snappy block is read as its checksum says, or not at all', () => {
  const whole = encodeManifest([entry], 'snappy');
  // Behind the block comes the sync marker.
  const checksumEnd = whole.length - 16;
  for (const change of [1, 4]) {
    const bytes = whole.slice();
    bytes[checksumEnd - change] = (bytes[checksumEnd - change] ?? 0) ^ 1;
    expect(() => decodeManifest(bytes, 'm')).toThrow(
      expect.objectContaining({ code: 'LAKE_CORRUPT_AVRO', cause: new RangeError('its checksum is another') }),
    );
  }
});

test('counts beyond the block are refused before anything is made of them', () => {
  const [first] = readContainer(encodeManifest([entry], 'null'), 'm').blocks;
  const schemaText = JSON.stringify(manifestSchema);
  const records = { schemaText, blocks: [{ recordCount: 1_000_000_000, bytes: first?.bytes ?? new Uint8Array(0) }] };
  expect(() => decodeManifest(writeContainer(records, 'zstandard'), 'm')).toThrow('1000000000 records in');
  // An array of 2^40 strings.
  const array = { type: 'record', name: 'r', fields: [{ name: 'a', type: { type: 'array', items: 'string' } }] };
  const bytes = Uint8Array.of(0x80, 0x80, 0x80, 0x80, 0x80, 0x40, 0, 0);
  const huge = { schemaText: JSON.stringify(array), blocks: [{ recordCount: 1, bytes }] };
  expect(() => decodeManifest(writeContainer(huge, 'null'), 'm')).toThrow('a record does not decode');
});

test('a schema that is no record, or none at all, is corrupt', () => {
  for (const schemaText of ['"long"', '{}', '{"type":"record","name":"a b","fields":[]}', 'x', '']) {
    expect(() => decodeManifest(writeContainer({ schemaText, blocks: [] }, 'null'), 'm')).toThrow(
      expect.objectContaining({ code: 'LAKE_CORRUPT_AVRO' }),
    );
  }
});
