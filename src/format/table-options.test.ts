import { expect, test } from 'vitest';
import type { JsonValue } from '../base/json.ts';
import { durationOption, integerOption, sizeOption } from './option-values.ts';
import { compressionAt, parseTableOptions, refusedFeatures, type TableOptions } from './table-options.ts';
import type { TableSchema } from './table-schema.ts';
import { parseType } from './type-text.ts';

type Options = Readonly<Record<string, string>>;

function schemaOf(
  options: Options,
  primaryKeys: readonly string[] = ['k'],
  types: readonly JsonValue[] = [],
): TableSchema {
  const fields = ['INT', ...types].map((type, id) => ({
    id,
    name: id === 0 ? 'k' : `c${id}`,
    type: parseType(type),
    description: undefined,
    defaultValue: undefined,
  }));
  return {
    version: 3,
    id: 0,
    fields,
    highestFieldId: fields.length,
    partitionKeys: [],
    primaryKeys,
    options,
    comment: undefined,
    timeMillis: 0,
    extra: {},
  };
}

function optionsOf(options: Options): TableOptions {
  return parseTableOptions(schemaOf(options));
}

test('without options everything has the default that Paimon gives it', () => {
  const options = optionsOf({});
  expect(options).toMatchObject({
    bucket: -1,
    bucketFunction: 'default',
    changelogProducer: 'none',
    changelog: { isDeduplicated: false, ignoredColumns: [] },
    writeOnly: false,
    files: { format: 'parquet', compression: 'zstd', targetBytes: 134217728, dataPrefix: 'data-', thinMode: false },
    partitions: { defaultName: '__DEFAULT_PARTITION__', legacyName: true },
    manifests: { codec: 'zstandard', targetBytes: 8388608, fullCompactionBytes: 16777216, mergeCountMin: 30 },
    compaction: { runCountTrigger: 5, runCountStop: 8, levelCount: 6, sizeAmplificationPercentMax: 200 },
    snapshots: { retainedCountMin: 10, retainedCountMax: 2147483647, retainedMs: 3600000 },
  });
  expect(options.stats.modeOf('k')).toEqual({ kind: 'truncate', length: 16 });
  expect(parseTableOptions(schemaOf({}, [])).files.targetBytes).toBe(268435456);
});

test('options are read as what they are', () => {
  const options = optionsOf({
    bucket: '4',
    'bucket-function.type': 'MOD',
    'num-sorted-run.compaction-trigger': '3',
    'target-file-size': '32 kb',
    'file.block-size': '16kb',
    'file.compression': 'LZ4',
    'file.compression.per.level': '0:none, 5:gzip',
    'manifest.compression': 'null',
    'metadata.stats-mode': 'counts',
    'fields.k.stats-mode': 'truncate(8)',
    'changelog-producer.row-deduplicate-ignore-fields': 'a, b',
    'compaction.optimization-interval': '1 h',
    'data-file.path-directory': '/data/',
  });
  expect(options).toMatchObject({
    bucket: 4,
    bucketFunction: 'mod',
    changelog: { isDeduplicated: false, ignoredColumns: ['a', 'b'] },
    files: { targetBytes: 32768, blockBytes: 16384, compression: 'lz4', directory: 'data' },
    compaction: { runCountTrigger: 3, runCountStop: 6, levelCount: 4, optimizationIntervalMs: 3600000 },
    manifests: { codec: 'null' },
  });
  expect([0, 1, 5].map(level => compressionAt(options.files, level))).toEqual(['none', 'lz4', 'gzip']);
  expect(options.stats.modeOf('x')).toEqual({ kind: 'counts' });
  expect(options.stats.modeOf('k')).toEqual({ kind: 'truncate', length: 8 });
});

test('statistics may be kept of the first columns only', () => {
  const { stats } = parseTableOptions(schemaOf({ 'metadata.stats-keep-first-n-columns': '1' }, [], ['INT', 'INT']));
  expect(['k', 'c1', 'c2'].map(name => stats.modeOf(name).kind)).toEqual(['truncate', 'none', 'none']);
});

test('sizes and durations take the units of Paimon', () => {
  const sizes: readonly [string, number][] = [
    ['5', 5],
    ['128 mb', 134217728],
    ['2g', 2147483648],
    ['1 KB', 1024],
    ['7 bytes', 7],
    ['1 tb', 1099511627776],
    [`${'9'.repeat(30)} tb`, Number.MAX_SAFE_INTEGER],
  ];
  for (const [text, bytes] of sizes) expect([text, sizeOption({ a: text }, 'a')]).toEqual([text, bytes]);
  const durations: readonly [string, number][] = [
    ['1500', 1500],
    ['10 s', 10000],
    ['1 d', 86400000],
    ['2 hours', 7200000],
    ['90min', 5400000],
    ['3 ms', 3],
    ['1999 us', 1],
  ];
  for (const [text, ms] of durations) expect([text, durationOption({ a: text }, 'a')]).toEqual([text, ms]);
  expect(integerOption({ a: '9223372036854775807' }, 'a')).toBe(Number.MAX_SAFE_INTEGER);
  expect(sizeOption({ a: ' ' }, 'a')).toBeUndefined();
});

const bad: readonly Options[] = [
  { bucket: 'four' },
  { bucket: '0' },
  { bucket: '-3' },
  { bucket: '1.5' },
  { bucket: '9999999999' },
  { 'bucket-function.type': 'md5' },
  { 'changelog-producer': 'all' },
  { 'write-only': 'yes' },
  { 'target-file-size': 'big' },
  { 'target-file-size': '1 xb' },
  { 'target-file-size': '-1 mb' },
  { 'target-file-size': '1 constructor' },
  { 'file.compression': 'zip' },
  { 'file.compression.per.level': 'zstd' },
  { 'manifest.compression': 'zip' },
  { 'metadata.stats-mode': 'truncate(0)' },
  { 'fields.k.stats-mode': 'all' },
  { 'num-levels': '1' },
  { 'num-sorted-run.compaction-trigger': '0' },
  { 'compaction.small-file-ratio': 'most' },
  { 'compaction.optimization-interval': '1 fortnight' },
  { 'snapshot.time-retained': 'forever' },
];

test('a value that its key does not take is refused by the key and the value', () => {
  for (const options of bad) {
    const [key, value] = Object.entries(options)[0] ?? [];
    expect(() => optionsOf(options)).toThrow(expect.objectContaining({ kind: 'invalid', code: 'LAKE_BAD_OPTION' }));
    expect(() => optionsOf(options)).toThrow(`option ${key}=${key?.endsWith('per.level') ? '' : value}`);
  }
});

test('a plain table with fixed buckets has nothing to refuse', () => {
  const plain = schemaOf({
    bucket: '2',
    'merge-engine': 'deduplicate',
    'changelog-producer': 'none',
    'deletion-vectors.enabled': 'false',
    'metadata.iceberg.storage': 'disabled',
    'file.format': 'PARQUET',
    'data-file.thin-mode': 'true',
    'data-file.path-directory': 'x',
    'some.option.of.a.later.version': '1',
  });
  expect(refusedFeatures(plain, 'write')).toEqual([]);
  expect(refusedFeatures(schemaOf({}, []), 'write')).toEqual([]);
});

/** Options besides `bucket=1`, and what is refused because of them when reading and when writing. */
const refusals: readonly [Options, readonly string[], readonly string[]][] = [
  [
    { 'merge-engine': 'Aggregation', 'fields.v.aggregate-function': 'hll_sketch' },
    ['fields.v.aggregate-function=hll_sketch'],
    [],
  ],
  [{ 'deletion-vectors.enabled': 'true', 'index-file-in-data-file-dir': 'true' }, ['index-file-in-data-file-dir'], []],
  [{ bucket: '-2' }, [], []],
  [{ 'bucket-function.type': 'hive' }, ['bucket-function.type=hive'], []],
  [{ 'file.format': 'orc' }, ['file.format=orc'], []],
  [{ 'file.format': 'avro', 'file.format.per.level': '0:avro,5:parquet' }, [], []],
  [{ 'file.format.per.level': '0:avro,5:orc' }, ['file.format.per.level=orc'], []],
  [{ 'changelog-file.format': 'orc' }, ['changelog-file.format=orc'], []],
  [{ 'manifest.format': 'orc' }, ['manifest.format=orc'], []],
  [{ 'row-tracking.enabled': 'true' }, [], ['row-tracking.enabled']],
  [{ 'data-evolution.enabled': 'true' }, ['data-evolution.enabled'], []],
  [{ 'data-file.external-paths': 's3://x' }, ['data-file.external-paths'], []],
  [{ 'chain-table.enabled': 'true' }, ['chain-table.enabled'], []],
  [{ 'pk-clustering-override': 'true' }, ['pk-clustering-override'], []],
  [{ type: 'format-table' }, ['type=format-table'], ['type=format-table']],
  [{ type: 'materialized-table' }, [], ['type=materialized-table']],
  [{ 'metadata.iceberg.storage': 'table-location' }, [], ['metadata.iceberg.storage=table-location']],
  [{ 'record-level.expire-time': '1 d', 'record-level.time-field': 'k' }, [], []],
  [{ 'file-index.bloom-filter.columns': 'k' }, [], []],
  [{ 'file-index.range-bitmap.columns': 'k' }, [], []],
  [{ 'file-index.bsi.columns': 'k' }, [], []],
  [{ 'file-index.other.columns': 'k' }, [], ['file-index.other.columns']],
  [{ 'fields.k.default-value': '5' }, [], ['fields.k.default-value']],
];

test('what is asked for and not done is refused by its name, for reading or for writing only', () => {
  for (const [options, read, write] of refusals) {
    const schema = schemaOf({ bucket: '1', ...options });
    expect(refusedFeatures(schema, 'read')).toEqual(read);
    expect(refusedFeatures(schema, 'write')).toEqual([...new Set([...read, ...write])]);
  }
});

test('how equal keys merge does not matter without a primary key', () => {
  const options = { 'merge-engine': 'aggregation', 'changelog-producer': 'input', 'sequence.field': 'a' };
  expect(refusedFeatures(schemaOf(options, []), 'write')).toEqual([]);
});

test('all reasons are named, each once', () => {
  const array = { type: 'ARRAY', element: 'INT' };
  const types = [array, { type: 'MAP', key: 'INT', value: 'VARIANT' }, { type: 'ROW', fields: [] }, 'VARIANT'];
  expect(refusedFeatures(schemaOf({ bucket: '-2', 'file.format': 'orc' }, ['k'], types), 'write')).toEqual([
    'type VARIANT',
    'type ROW without fields',
    'file.format=orc',
  ]);
});

test('binary partitions are refused', () => {
  const schema = schemaOf({ bucket: '1' }, ['k'], ['BYTES']);
  expect(refusedFeatures({ ...schema, partitionKeys: ['c1'] }, 'read')).toEqual(['partition by a binary column']);
});

test('compressions that Paimon knows and we do not write are refused by name, others are wrong', () => {
  for (const [key, value] of [
    ['manifest.compression', 'bzip2'],
    ['manifest.compression', 'xz'],
    ['file.compression', 'brotli'],
    ['file.compression.per.level', '0:lzo'],
  ] as const) {
    const parse = (): unknown => optionsOf({ [key]: value });
    expect(parse).toThrow(
      expect.objectContaining({ kind: 'unsupported', message: expect.stringContaining(`${key}=`) }),
    );
  }
  expect(() => optionsOf({ 'file.compression': 'zip' })).toThrow(/it must be one of zstd/);
});
