import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type CommitMessage,
  decodeCommitMessage,
  encodeCommitMessage,
} from '../../src/flow/group-commit/commit-message.ts';
import { decodeRowOrigins, encodeRowOrigins, type RowOrigins } from '../../src/flow/ingest/row-origins.ts';
import { decodeState, encodeState, type IngestState } from '../../src/flow/ingest/state.ts';
import { decodeRecord, encodeRecord, type LogRecord, recordBodyBytesMax } from '../../src/flow/log-record.ts';
import { emptyRow, serializeRow } from '../../src/format/binary-row.ts';
import { isFileName } from '../../src/format/file-name.ts';
import { decodeManifest, encodeManifest, type ManifestEntry } from '../../src/format/manifest.ts';
import { decodeManifestList, encodeManifestList, manifestFileMeta } from '../../src/format/manifest-list.ts';
import { decodeSnapshot, encodeSnapshot, type Snapshot } from '../../src/format/snapshot.ts';
import { emptyStats } from '../../src/format/stats.ts';
import { decodeSchema, encodeSchema, type TableSchema } from '../../src/format/table-schema.ts';
import type { DataType } from '../../src/types/data-type.ts';
import { sampleTypes } from '../arbitrary-rows.ts';

const numRuns = 200;
const count = fc.maxSafeNat();
const long = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const word = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 });
// What names a file is a name and no path.
const fileName = word.filter(isFileName);
const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined });
// A key named __proto__ is no key of a plain object.
const key = word.filter(text => text !== '__proto__');

const snapshots: fc.Arbitrary<Snapshot> = fc.record({
  version: fc.constant(3),
  id: count,
  schemaId: count,
  baseManifestList: fileName,
  baseManifestListSize: maybe(count),
  deltaManifestList: fileName,
  deltaManifestListSize: maybe(count),
  changelogManifestList: maybe(fileName),
  changelogManifestListSize: maybe(count),
  indexManifest: maybe(fileName),
  commitUser: word,
  commitIdentifier: long,
  commitKind: fc.constantFrom('APPEND', 'COMPACT', 'OVERWRITE', 'ANALYZE'),
  timeMillis: count,
  totalRecordCount: long,
  deltaRecordCount: long,
  changelogRecordCount: maybe(long),
  watermark: maybe(long),
  statistics: maybe(fileName),
  properties: fc.dictionary(key, fc.string(), { noNullPrototype: true }),
  nextRowId: maybe(long),
});

const types: fc.Arbitrary<DataType> = fc.letrec<{ type: DataType }>(tie => ({
  type: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom<DataType>(...sampleTypes),
    fc.record({
      kind: fc.constantFrom('array' as const, 'multiset' as const),
      element: tie('type'),
      nullable: fc.boolean(),
    }),
    fc.record({ kind: fc.constant('map' as const), key: tie('type'), value: tie('type'), nullable: fc.boolean() }),
  ),
})).type;

const schemas: fc.Arbitrary<TableSchema> = fc
  .record({
    id: count,
    names: fc.uniqueArray(word, { minLength: 1, maxLength: 6 }),
    types: fc.array(types, { minLength: 6, maxLength: 6 }),
    options: fc.dictionary(
      key.filter(text => text !== 'primary-key' && text !== 'partition'),
      fc.string(),
    ),
    comment: maybe(word),
    timeMillis: count,
  })
  .map(({ names, types: columnTypes, options, ...rest }) => ({
    ...rest,
    version: 3,
    fields: names.map((name, id) => ({
      id,
      name,
      type: columnTypes[id] ?? { kind: 'int', nullable: true },
      description: undefined,
      defaultValue: undefined,
    })),
    highestFieldId: names.length,
    partitionKeys: [],
    primaryKeys: [],
    options: { ...options },
    extra: {},
  }));

const int: DataType = { kind: 'int', nullable: true };
const entries: fc.Arbitrary<ManifestEntry> = fc
  .record({
    kind: fc.constantFrom('add' as const, 'delete' as const),
    bucket: fc.integer({ min: -2, max: 2 ** 31 - 1 }),
    totalBuckets: fc.integer({ min: -2, max: 1000 }),
    name: fileName,
    counts: fc.tuple(count, count, fc.nat(1000), fc.nat(2 ** 31 - 1)),
    sequence: fc.tuple(long, long).map(([a, b]) => (a < b ? { min: a, max: b } : { min: b, max: a })),
    keys: fc.tuple(fc.integer(), fc.integer()),
    embeddedIndex: maybe(fc.uint8Array({ maxLength: 50 })),
    names: maybe(fc.array(fileName, { maxLength: 4 })),
    nullCounts: fc.array(maybe(long), { maxLength: 4 }),
    firstRowId: maybe(fc.bigInt({ min: 0n, max: 2n ** 62n })),
  })
  .map(
    ({ kind, bucket, totalBuckets, name, counts, sequence, keys, embeddedIndex, names, nullCounts, firstRowId }) => ({
      kind,
      partition: emptyRow,
      bucket,
      totalBuckets,
      file: {
        fileName: name,
        fileSize: counts[0],
        rowCount: counts[1],
        minKey: serializeRow([int], [keys[0]]),
        maxKey: serializeRow([int], [keys[1]]),
        keyStats: emptyStats,
        valueStats: { ...emptyStats, nullCounts },
        minSequenceNumber: sequence.min,
        maxSequenceNumber: sequence.max,
        schemaId: counts[2],
        level: counts[3],
        extraFiles: names ?? [],
        creationTimeMs: counts[2],
        deleteRowCount: counts[1],
        embeddedIndex,
        fileSource: kind === 'add' ? 'append' : undefined,
        valueStatsCols: names,
        externalPath: names?.[0],
        firstRowId,
        writeCols: names,
      },
    }),
  );

const producers = fc
  .array(fc.tuple(word, fc.record({ lastNumber: count, arrivalMs: count, named: fc.boolean() })), { maxLength: 5 })
  .map(pairs => new Map(pairs.filter(([name]) => name !== '__proto__')));
const total = fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n });
const counters = fc.record({
  rowsIn: total,
  written: total,
  mergedAway: total,
  deadLettered: total,
  duplicates: total,
  gaps: total,
  replayed: total,
});

const events = fc
  .array(fc.tuple(key, fc.record({ eventMs: maybe(fc.maxSafeInteger()), seenMs: count })), { maxLength: 4 })
  .map(pairs => new Map(pairs));

const shardIds = fc.array(word, { maxLength: 3 });

const states: fc.Arbitrary<IngestState> = fc.record({
  incarnation: word,
  shards: fc
    .array(fc.tuple(key, fc.record({ position: total, row: count, arrivalMs: count, ended: fc.boolean() })), {
      maxLength: 4,
    })
    .map(pairs => new Map(pairs)),
  producers,
  events,
  counters,
  deadLetters: maybe(word),
  isMarked: fc.boolean(),
});

const origins: fc.Arbitrary<RowOrigins> = fc
  .array(
    fc.tuple(
      word,
      fc.array(fc.record({ shardId: word, position: total, rowCount: fc.integer({ min: 1, max: 1e9 }) }), {
        maxLength: 5,
      }),
    ),
    { maxLength: 4 },
  )
  .map(pairs => new Map(pairs.filter(([name]) => name !== '__proto__')));

const messages: fc.Arbitrary<CommitMessage> = fc
  .record({
    tableId: word,
    tableName: word,
    schemaId: count,
    incarnation: word,
    shardId: word,
    from: maybe(total),
    step: fc.bigInt({ min: 1n, max: 10n ** 20n }),
    arrivalMs: count,
    ended: fc.boolean(),
    changelogShare: fc.nat(4),
    files: fc.uniqueArray(entries, { maxLength: 4, selector: entry => entry.file.fileName }),
    producers,
    forgotten: fc.array(word, { maxLength: 3 }),
    counters,
    events: maybe(fc.record({ seen: events, openShardIds: shardIds, overShardIds: shardIds })),
    deadLetters: fc.array(fc.record({ name: word, rowCount: count, entryCount: count }), { maxLength: 3 }),
    origins,
    uploadBeganMs: count,
  })
  .map(({ step, arrivalMs, files, changelogShare, ...rest }) => {
    const planned = files.map(({ kind: _, ...entry }) => ({
      ...entry,
      file: { ...entry.file, level: 0 },
      uploadBeganMs: rest.uploadBeganMs,
    }));
    return {
      ...rest,
      to: { position: (rest.from ?? 0n) + step, arrivalMs },
      files: planned.slice(changelogShare),
      changelog: planned.slice(0, changelogShare),
    };
  });

const records: fc.Arbitrary<LogRecord> = fc
  .record({
    tableId: word,
    tableName: word,
    schemaId: count,
    bucket: count,
    bucketCount: fc.integer({ min: -1, max: 10_000 }),
    laneCount: maybe(fc.integer({ min: 1, max: 10_000 })),
    producerId: word,
    producerNamed: fc.boolean(),
    producerNumber: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    rowCount: fc.integer({ min: 1, max: 1_000_000 }),
    bodyBytes: fc.integer({ min: 1, max: 2 ** 26 }),
    claim: maybe(
      fc.record({
        name: fc.stringMatching(/^[\w-]{1,40}$/),
        sizeBytes: fc.integer({ min: 1, max: recordBodyBytesMax }),
        sha256: fc.stringMatching(/^[0-9a-f]{64}$/),
      }),
    ),
    body: fc.uint8Array({ maxLength: 200 }),
    isPacked: fc.boolean(),
  })
  .map(({ body, isPacked, ...header }) => ({
    header,
    encoding: header.claim !== undefined ? 'claim' : isPacked ? 'zstd' : 'plain',
    body: header.claim !== undefined ? new Uint8Array() : body,
  }));

function comesBack<T>(values: fc.Arbitrary<T>, through: (value: T) => T): void {
  fc.assert(
    fc.property(values, value => {
      expect(through(value)).toEqual(value);
    }),
    { numRuns },
  );
}

test('every snapshot comes back as it was written', () => {
  comesBack(snapshots, value => decodeSnapshot(encodeSnapshot(value), 'x'));
});

test('every schema comes back as it was written, nested types and odd names included', () => {
  comesBack(schemas, value => decodeSchema(encodeSchema(value), 'x'));
});

test('every manifest, and the list that tells of it, comes back as it was written', () => {
  const codecs = fc.constantFrom('zstandard' as const, 'deflate' as const, 'null' as const);
  fc.assert(
    fc.property(
      fc.array(entries, { minLength: 1, maxLength: 8 }),
      codecs,
      fc.integer({ min: 1 }),
      (some, codec, fileSize) => {
        expect(decodeManifest(encodeManifest(some, codec), 'x')).toEqual(some);
        const meta = manifestFileMeta(some, { fileName: 'm', fileSize, partitionTypes: [] });
        expect(decodeManifestList(encodeManifestList([meta], codec), 'x')).toEqual([meta]);
      },
    ),
    { numRuns },
  );
});

test('every ingest state comes back as it was written', () => {
  comesBack(states, value => decodeState(encodeState(value), 'x'));
});

test('origins of rows come back as they were written', () => {
  comesBack(origins, value => {
    const bytes = encodeRowOrigins(value);
    return bytes === undefined ? new Map() : decodeRowOrigins(bytes, 'x');
  });
});

test('every commit message comes back as it was written', () => {
  comesBack(messages, value => decodeCommitMessage(encodeCommitMessage(value), 'x'));
});

test('every log record comes back as it was written', () => {
  comesBack(records, value => decodeRecord(encodeRecord(value), 'x'));
});

test('a manifest whose row ids go beyond a long is refused', () => {
  fc.assert(
    fc.property(entries, fc.bigInt({ min: 0n, max: 9n }), (entry, below) => {
      const file = { ...entry.file, rowCount: 11, firstRowId: 2n ** 63n - 1n - below };
      expect(() => decodeManifest(encodeManifest([{ ...entry, file }]), 'x')).toThrow(/11 rows from row id \d+ on/);
    }),
    { numRuns: 20 },
  );
});
