/** Metadata by someone who means harm: a name in it that is a path is refused as corrupt, and never followed. */
import { expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { readClaim } from '../../src/flow/claim.ts';
import { avroFormat, encodeAvro } from '../../src/format/avro.ts';
import { manifestListSchema } from '../../src/format/avro-schemas.ts';
import { emptyRow } from '../../src/format/binary-row.ts';
import type { DataFileMeta } from '../../src/format/data-file.ts';
import { isFileName } from '../../src/format/file-name.ts';
import { decodeIndexManifest, encodeIndexManifest, type IndexEntry } from '../../src/format/index-manifest.ts';
import { decodeManifest, encodeManifest, type ManifestEntry } from '../../src/format/manifest.ts';
import { decodeManifestList } from '../../src/format/manifest-list.ts';
import { decodeSnapshot } from '../../src/format/snapshot.ts';
import { emptyStats } from '../../src/format/stats.ts';
import { MemoryObjectStore } from '../../src/storage/memory/memory-object-store.ts';
import { deadLetterListOf, filesOfDeadLetterList, tableObjectKey } from '../../src/table/table-objects.ts';

const paths = [
  '../../other.db/t/snapshot/snapshot-1',
  '/etc/passwd',
  's3://bucket/key',
  'file:///etc/passwd',
  'a/b',
  'a\\b',
  '..',
  '.',
  '',
  'a\0b',
  'a\nb',
  '\ud800',
  'x'.repeat(256),
];

function fixtureEntry(draft: Partial<DataFileMeta>): ManifestEntry {
  const key = new Uint8Array(12);
  const file: DataFileMeta = {
    fileName: 'data-1.parquet',
    fileSize: 1,
    rowCount: 1,
    minKey: key,
    maxKey: key,
    keyStats: emptyStats,
    valueStats: emptyStats,
    minSequenceNumber: 0n,
    maxSequenceNumber: 0n,
    schemaId: 0,
    level: 0,
    extraFiles: [],
    creationTimeMs: 1,
    deleteRowCount: undefined,
    embeddedIndex: undefined,
    fileSource: 'append',
    valueStatsCols: undefined,
    externalPath: undefined,
    firstRowId: undefined,
    writeCols: undefined,
    ...draft,
  };
  return { kind: 'add', partition: key, bucket: 0, totalBuckets: 1, file };
}

/** An index file, and the data file that it has a deletion vector of. */
function indexEntry(fileName: string, dataFileName: string): IndexEntry {
  return {
    partition: emptyRow,
    bucket: 0,
    indexType: 'DELETION_VECTORS',
    fileName,
    fileSize: 30,
    rowCount: 1,
    vectors: [{ fileName: dataFileName, offset: 1, length: 20, cardinality: 1 }],
    externalPath: undefined,
    global: undefined,
  };
}

test('a file name in a manifest, a list or an index manifest is a name, or the file is corrupt', () => {
  const stats = { _MIN_VALUES: new Uint8Array(12), _MAX_VALUES: new Uint8Array(12), _NULL_COUNTS: [] };
  const listFormat = avroFormat(manifestListSchema);
  // An Avro string is well-formed whatever is put into it.
  for (const name of paths.filter(path => path.isWellFormed())) {
    for (const file of [{ fileName: name }, { extraFiles: ['data-1.index', name] }]) {
      const entry = fixtureEntry(file);
      expect(() => decodeManifest(encodeManifest([entry]), 'm'), JSON.stringify(file)).toThrow(
        /not the name of a file/,
      );
    }
    const line = {
      _VERSION: 2,
      _FILE_NAME: name,
      _FILE_SIZE: 1,
      _NUM_ADDED_FILES: 1,
      _NUM_DELETED_FILES: 0,
      _PARTITION_STATS: stats,
      _SCHEMA_ID: 0,
    };
    const bytes = encodeAvro(listFormat, [line], 'null');
    expect(() => decodeManifestList(bytes, 'm'), name).toThrow(/not the name of a file/);
    for (const entry of [indexEntry(name, 'data-1.parquet'), indexEntry('index-1', name)]) {
      const index = encodeIndexManifest([entry]);
      expect(() => decodeIndexManifest(index, 'm'), name).toThrow(/not the name of a file/);
    }
  }
  expect(decodeManifest(encodeManifest([fixtureEntry({ extraFiles: ['data-1.index'] })]), 'm')).toHaveLength(1);
});

test('a snapshot that names its lists, its index manifest or its statistics by a path is corrupt', () => {
  const good = {
    version: 3,
    id: 1,
    schemaId: 0,
    baseManifestList: 'manifest-list-a-0',
    deltaManifestList: 'manifest-list-a-1',
    changelogManifestList: 'manifest-list-a-2',
    indexManifest: 'index-manifest-a-0',
    statistics: 'stats-a-0',
    commitUser: 'u',
    commitIdentifier: 1,
    commitKind: 'APPEND',
    timeMillis: 1,
  };
  const decode = (json: object) => decodeSnapshot(new TextEncoder().encode(JSON.stringify(json)), 'snapshot-1');
  expect(decode(good).statistics).toBe('stats-a-0');
  const fields = ['baseManifestList', 'deltaManifestList', 'changelogManifestList', 'indexManifest', 'statistics'];
  for (const field of fields) {
    for (const path of paths) {
      expect(() => decode({ ...good, [field]: path }), `${field} ${path}`).toThrow(
        expect.objectContaining({ kind: 'corrupt', code: 'LAKE_CORRUPT_SNAPSHOT' }),
      );
    }
  }
});

test('states, dead letters and claims are named within their folder', async () => {
  const store = new MemoryObjectStore('memory:hostile', systemClock);
  await store.put('other.db/secret', new Uint8Array([1]));
  for (const path of paths) {
    const corrupt = expect.objectContaining({ kind: 'corrupt' });
    expect(() => tableObjectKey({ path: 'd.db/t' }, path), path).toThrow(corrupt);
    expect(() => deadLetterListOf(JSON.stringify({ dead: path }), 'state'), path).toThrow(corrupt);
    expect(() => filesOfDeadLetterList(JSON.stringify([{ name: path }]), 'list'), path).toThrow(corrupt);
    const claim = { name: path, sizeBytes: 1, sha256: '' };
    await expect(readClaim(store, claim), path).rejects.toMatchObject({ kind: 'corrupt', code: 'LAKE_CLAIM_CORRUPT' });
  }
});

test('what Paimon calls its files is a name', () => {
  const names = [
    'data-7c1b1a-0.parquet',
    'changelog-x-0.zstd.parquet',
    'manifest-list-a-0',
    '.hidden',
    '表-1.orc',
    'a..b',
  ];
  for (const name of names) expect(isFileName(name), name).toBe(true);
});
