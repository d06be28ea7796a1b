/**
 * A table's options as typed values, with Paimon's defaults. Options that nothing here reads are passed over: what a
 * table demands and we do not do is named by `refusedFeatures`.
 *
 * @see spec 13, Paimon 1.4.2 CoreOptions
 */

import { invalid, unsupported } from '../base/errors.ts';
import type { BucketFunction } from './bucket.ts';
import { clusteringOrder, type SortOrder } from './clustering-options.ts';
import { type CrossPartitionOptions, crossPartitionOptions } from './cross-partition-options.ts';
import type { VectorBits } from './deletion-vector.ts';
import { type FileIndexOptions, parseFileIndexOptions } from './file-index/index-options.ts';
import { isFileName } from './file-name.ts';
import { looksUp } from './merge-options.ts';
import {
  badOption,
  booleanOption,
  durationOption,
  fractionOption,
  integerOption,
  namesOption,
  type OptionMap,
  perLevelOption,
  sizeOption,
  textOption,
  wordOption,
} from './option-values.ts';
import {
  type ChangelogLifecycle,
  changelogLifecycle,
  type RetentionOptions,
  snapshotRetention,
} from './retention-options.ts';
import type { StatsMode } from './stats.ts';
import type { TableSchema } from './table-schema.ts';

export {
  type AccessMode,
  crossPartitionFeature,
  hasPostponedBuckets,
  isCrossPartition,
  postponedFeature,
  refusedFeatures,
} from './refused-features.ts';
export type { ChangelogLifecycle, RetentionOptions } from './retention-options.ts';

export type ChangelogProducer = 'none' | 'input' | 'full-compaction' | 'lookup';
export type FileFormat = 'parquet' | 'avro';
export type FileCompression = 'zstd' | 'snappy' | 'gzip' | 'lz4' | 'none';
export type ManifestCodec = 'zstandard' | 'deflate' | 'snappy' | 'null';

export type TableOptions = {
  /** Above 0: that many fixed buckets; -1: unaware (append) or dynamic (primary key); -2: postponed. */
  readonly bucket: number;
  readonly bucketFunction: BucketFunction | 'hive';
  readonly changelogProducer: ChangelogProducer;
  readonly changelog: ChangelogOptions;
  readonly writeOnly: boolean;
  readonly dynamicPartitionOverwrite: boolean;
  /** Whether files of an overwrite that do not overlap go to the top level at once. */
  readonly overwriteUpgrade: boolean;
  readonly writeBufferBytes: number;
  /** The order in which compactions of an append table lay rows down; undefined: as they came. */
  readonly clustering: SortOrder | undefined;
  /** Bytes that a string or binary gives to a Z-order. */
  readonly zOrderVarBytes: number;
  readonly files: FileOptions;
  readonly partitions: PartitionOptions;
  readonly stats: StatsOptions;
  readonly fileIndexes: FileIndexOptions;
  readonly manifests: ManifestOptions;
  readonly compaction: CompactionOptions;
  /** Commits after which a full compaction is due, whatever the shape; undefined: the shape decides. */
  readonly fullCompactionCommits: number | undefined;
  readonly scan: ScanOptions;
  readonly snapshots: RetentionOptions;
  readonly changelogs: ChangelogLifecycle;
  readonly vectors: VectorOptions;
  /** Of a primary-key table with `bucket` -1. */
  readonly dynamicBuckets: DynamicBucketOptions;
  /** Of one with `bucket` -2. */
  readonly postponed: PostponedOptions;
  readonly crossPartition: CrossPartitionOptions;
};

export type PostponedOptions = {
  /** Buckets of a partition that has none yet. */
  readonly defaultBucketCount: number;
  /** Rows go into buckets at once where none wait. */
  readonly writesDirectly: boolean;
};

export type DynamicBucketOptions = {
  readonly keyCountTarget: number;
  readonly bucketCountMax: number | undefined;
  readonly initialBucketCount: number;
};

export type VectorOptions = {
  /** Rows are deleted by vectors, and compactions keep them. */
  readonly isEnabled: boolean;
  readonly bits: VectorBits;
  /** Of an index file of an append table without fixed buckets. */
  readonly indexFileBytes: number;
};

export type ChangelogOptions = {
  /** A row whose values came to be the same is no change. */
  readonly isDeduplicated: boolean;
  /** Columns whose values do not count for that. */
  readonly ignoredColumns: readonly string[];
};

export type FileOptions = {
  /** The extension and format of new files, lower case; `refusedFeatures` names those that are none of `FileFormat`. */
  readonly format: string;
  /** Levels whose files are of another format. */
  readonly formatPerLevel: ReadonlyMap<number, string>;
  /** Of changelog files; undefined: as data files of level 0. */
  readonly changelogFormat: string | undefined;
  readonly compression: FileCompression;
  /** Levels whose files are compressed otherwise. */
  readonly compressionPerLevel: ReadonlyMap<number, FileCompression>;
  readonly compressionZstdLevel: number;
  readonly nameHasCompression: boolean;
  /** Bytes of a row group; undefined: Parquet's default. */
  readonly blockBytes: number | undefined;
  readonly targetBytes: number;
  readonly dataPrefix: string;
  readonly changelogPrefix: string;
  /** Folder between the table and its partitions. */
  readonly directory: string | undefined;
  /** Key columns are not written a second time. */
  readonly thinMode: boolean;
  /** Integers are not written as deltas, which readers of Paimon 0.9 do not know. */
  readonly withoutDeltas: boolean;
};

export type PartitionOptions = {
  /** Stands in paths for null and blank values. */
  readonly defaultName: string;
  /** Values in paths as Java's toString writes them rather than as SQL does. */
  readonly legacyName: boolean;
};

export type StatsOptions = {
  readonly modeOf: (column: string) => StatsMode;
  /** Of how many first columns statistics are kept; undefined: all. */
  readonly firstColumnsMax: number | undefined;
  /** Paimon's writers leave columns without statistics out; ours write full width whatever this says. */
  readonly denseStore: boolean;
};

export type ManifestOptions = {
  readonly codec: ManifestCodec;
  readonly targetBytes: number;
  readonly fullCompactionBytes: number;
  readonly mergeCountMin: number;
  readonly deleteFileDropStats: boolean;
};

export type CompactionOptions = {
  readonly runCountTrigger: number;
  readonly runCountStop: number;
  readonly levelCount: number;
  readonly sizeAmplificationPercentMax: number;
  readonly sizeRatioPercent: number;
  readonly optimizationIntervalMs: number | undefined;
  readonly totalBytesThreshold: number | undefined;
  readonly incrementalBytesThreshold: number | undefined;
  readonly smallFileRatio: number;
  /** Of append tables. */
  readonly fileCountMin: number;
  readonly deleteRatioThreshold: number;
  readonly forceUpLevel0: boolean;
  readonly forceRewriteAllFiles: boolean;
};

export type ScanOptions = {
  readonly splitTargetBytes: number;
  readonly splitOpenFileBytes: number;
};

/** In the words of parquet-mr. */
const parquetVersions = ['parquet_1_0', 'parquet_2_0'] as const;

const mib = 1024 * 1024;
const compressions = ['zstd', 'snappy', 'gzip', 'lz4', 'none'] as const;
/** Parquet has them, too. */
const otherCompressions: ReadonlySet<string> = new Set(['lzo', 'brotli']);
const intMax = 2_147_483_647;

/** @throws LakeError `invalid` LAKE_BAD_OPTION naming the key, `unsupported` naming a compression that is not done here */
export function parseTableOptions(schema: TableSchema): TableOptions {
  const { options } = schema;
  const hasPrimaryKey = schema.primaryKeys.length > 0;
  return {
    bucket: bucketOption(options),
    bucketFunction: wordOption(options, 'bucket-function.type', ['default', 'mod', 'hive']) ?? 'default',
    changelogProducer:
      wordOption(options, 'changelog-producer', ['none', 'input', 'full-compaction', 'lookup']) ?? 'none',
    changelog: {
      isDeduplicated: booleanOption(options, 'changelog-producer.row-deduplicate', false),
      ignoredColumns: namesOption(options, 'changelog-producer.row-deduplicate-ignore-fields'),
    },
    writeOnly: booleanOption(options, 'write-only', false),
    dynamicPartitionOverwrite: booleanOption(options, 'dynamic-partition-overwrite', true),
    overwriteUpgrade: booleanOption(options, 'overwrite-upgrade', true),
    clustering: clusteringOrder(schema),
    zOrderVarBytes: integerOption(options, 'zorder.var-length-contribution', 1) ?? 8,
    writeBufferBytes: sizeOption(options, 'write-buffer-size') ?? 256 * mib,
    files: fileOptions(options, hasPrimaryKey),
    partitions: {
      defaultName: textOption(options, 'partition.default-name') ?? '__DEFAULT_PARTITION__',
      legacyName: booleanOption(options, 'partition.legacy-name', true),
    },
    stats: statsOptions(schema),
    fileIndexes: parseFileIndexOptions(schema),
    manifests: manifestOptions(options),
    compaction: compactionOptions(schema),
    fullCompactionCommits: integerOption(options, 'full-compaction.delta-commits', 1),
    scan: {
      splitTargetBytes: sizeOption(options, 'source.split.target-size') ?? 128 * mib,
      splitOpenFileBytes: sizeOption(options, 'source.split.open-file-cost') ?? 4 * mib,
    },
    dynamicBuckets: dynamicBucketOptions(options),
    postponed: {
      defaultBucketCount: integerOption(options, 'postpone.default-bucket-num', 1) ?? 1,
      writesDirectly: booleanOption(options, 'postpone.batch-write-fixed-bucket', true),
    },
    crossPartition: crossPartitionOptions(options),
    vectors: {
      isEnabled: booleanOption(options, 'deletion-vectors.enabled', false),
      bits: booleanOption(options, 'deletion-vectors.bitmap64', false) ? 64 : 32,
      indexFileBytes: sizeOption(options, 'deletion-vector.index-file.target-size') ?? 2 * mib,
    },
    snapshots: snapshotRetention(options),
    changelogs: changelogLifecycle(options),
  };
}

/** Whether keys are given buckets as they come, and a hash index remembers them. */
export function hasDynamicBuckets({ primaryKeys, options }: TableSchema): boolean {
  return primaryKeys.length > 0 && bucketOption(options) === -1;
}

function dynamicBucketOptions(options: OptionMap): DynamicBucketOptions {
  const max = integerOption(options, 'dynamic-bucket.max-buckets', -1) ?? -1;
  return {
    keyCountTarget: integerOption(options, 'dynamic-bucket.target-row-num', 1) ?? 2_000_000,
    bucketCountMax: max <= 0 ? undefined : max,
    initialBucketCount: integerOption(options, 'dynamic-bucket.initial-buckets', 1) ?? 1,
  };
}

/** The compression of a new file at a level. */
export function compressionAt(files: FileOptions, level: number): FileCompression {
  return files.compressionPerLevel.get(level) ?? files.compression;
}

/** The format of a new file at a level. */
export function formatAt(files: FileOptions, level: number): string {
  return files.formatPerLevel.get(level) ?? files.format;
}

function bucketOption(options: OptionMap): number {
  const bucket = integerOption(options, 'bucket', -2) ?? -1;
  if (bucket === 0) throw badOption('bucket', '0', 'above 0, -1 (unaware or dynamic) or -2 (postponed)');
  if (bucket > intMax) throw badOption('bucket', String(bucket), 'a 32-bit number');
  return bucket;
}

function fileOptions(options: OptionMap, hasPrimaryKey: boolean): FileOptions {
  return {
    format: (textOption(options, 'file.format') ?? 'parquet').toLowerCase(),
    formatPerLevel: new Map(perLevelOption(options, 'file.format.per.level', '0:avro,5:parquet')),
    changelogFormat: textOption(options, 'changelog-file.format')?.toLowerCase(),
    compression: compressionOf('file.compression', textOption(options, 'file.compression') ?? 'zstd'),
    compressionPerLevel: compressionPerLevel(options),
    compressionZstdLevel: integerOption(options, 'file.compression.zstd-level', 1) ?? 1,
    nameHasCompression: booleanOption(options, 'file.suffix.include.compression', false),
    blockBytes: sizeOption(options, 'parquet.block.size') ?? sizeOption(options, 'file.block-size'),
    targetBytes: sizeOption(options, 'target-file-size') ?? (hasPrimaryKey ? 128 : 256) * mib,
    dataPrefix: prefixOption(options, 'data-file.prefix') ?? 'data-',
    changelogPrefix: prefixOption(options, 'changelog-file.prefix') ?? 'changelog-',
    directory: directoryOption(options, 'data-file.path-directory'),
    thinMode: booleanOption(options, 'data-file.thin-mode', false),
    withoutDeltas: wordOption(options, 'parquet.writer.version', parquetVersions)?.endsWith('1_0') ?? false,
  };
}

/** Of file names: it must leave them names of the one folder. */
function prefixOption(options: OptionMap, key: string): string | undefined {
  const prefix = textOption(options, key);
  if (prefix === undefined || isFileName(`${prefix}-`)) return prefix;
  throw badOption(key, prefix, 'the beginning of a file name');
}

/** In the table's folder: no way leads out of it. */
function directoryOption(options: OptionMap, key: string): string | undefined {
  const directory = textOption(options, key)?.replace(/^\/+|\/+$/g, '');
  if (directory === undefined || directory === '' || directory.split('/').every(isFileName)) return directory;
  throw badOption(key, directory, 'a folder in that of the table');
}

function compressionOf(key: string, text: string): FileCompression {
  const word = text.toLowerCase();
  if (word === 'uncompressed') return 'none';
  const known = compressions.find(candidate => candidate === (word === 'lz4_raw' ? 'lz4' : word));
  if (known === undefined && otherCompressions.has(word)) throw unsupported(`${key}=${word}`, 'table options');
  if (known === undefined) throw badOption(key, text, `one of ${compressions.join(', ')}`);
  return known;
}

function compressionPerLevel(options: OptionMap): ReadonlyMap<number, FileCompression> {
  const key = 'file.compression.per.level';
  return new Map(
    perLevelOption(options, key, '0:lz4,5:zstd').map(([level, word]) => [level, compressionOf(key, word)]),
  );
}

function statsOptions(schema: TableSchema): StatsOptions {
  const { options } = schema;
  const byDefault = statsMode('metadata.stats-mode', textOption(options, 'metadata.stats-mode') ?? 'truncate(16)');
  const firstColumns = integerOption(options, 'metadata.stats-keep-first-n-columns', -1) ?? -1;
  const modes = new Map<string, StatsMode>();
  for (const [index, field] of schema.fields.entries()) {
    const key = `fields.${field.name}.stats-mode`;
    const own = textOption(options, key);
    if (firstColumns >= 0 && index >= firstColumns) modes.set(field.name, { kind: 'none' });
    if (own !== undefined) modes.set(field.name, statsMode(key, own));
  }
  return {
    modeOf: column => modes.get(column) ?? byDefault,
    firstColumnsMax: firstColumns < 0 ? undefined : firstColumns,
    denseStore: booleanOption(options, 'metadata.stats-dense-store', true),
  };
}

function statsMode(key: string, text: string): StatsMode {
  const word = text.toLowerCase().replaceAll(' ', '');
  if (word === 'none' || word === 'counts' || word === 'full') return { kind: word };
  const length = Number(/^truncate\((\d{1,9})\)$/.exec(word)?.[1]);
  if (!(length > 0)) throw badOption(key, text, 'none, counts, truncate(n) or full');
  return { kind: 'truncate', length };
}

function manifestOptions(options: OptionMap): ManifestOptions {
  return {
    codec: manifestCodec(textOption(options, 'manifest.compression') ?? 'zstd'),
    targetBytes: sizeOption(options, 'manifest.target-file-size') ?? 8 * mib,
    fullCompactionBytes: sizeOption(options, 'manifest.full-compaction-threshold-size') ?? 16 * mib,
    mergeCountMin: integerOption(options, 'manifest.merge-min-count', 1) ?? 30,
    deleteFileDropStats: booleanOption(options, 'manifest.delete-file-drop-stats', false),
  };
}

/** The words of Avro are taken besides Paimon's own. */
function manifestCodec(text: string): ManifestCodec {
  switch (text.toLowerCase()) {
    case 'zstd':
    case 'zstandard':
      return 'zstandard';
    case 'deflate':
      return 'deflate';
    case 'snappy':
      return 'snappy';
    case 'null':
    case 'none':
      return 'null';
    case 'bzip2':
    case 'xz':
      throw unsupported(`manifest.compression=${text}`, 'table options');
    default:
      throw invalid('LAKE_BAD_OPTION', `option manifest.compression=${text}: it must be zstd, deflate, snappy or null`);
  }
}

function compactionOptions(schema: TableSchema): CompactionOptions {
  const { options } = schema;
  const trigger = integerOption(options, 'num-sorted-run.compaction-trigger', 1) ?? 5;
  return {
    runCountTrigger: trigger,
    runCountStop: Math.max(trigger, integerOption(options, 'num-sorted-run.stop-trigger', 1) ?? trigger + 3),
    levelCount: integerOption(options, 'num-levels', 2) ?? trigger + 1,
    sizeAmplificationPercentMax: integerOption(options, 'compaction.max-size-amplification-percent') ?? 200,
    sizeRatioPercent: integerOption(options, 'compaction.size-ratio') ?? 1,
    optimizationIntervalMs: durationOption(options, 'compaction.optimization-interval'),
    totalBytesThreshold: sizeOption(options, 'compaction.total-size-threshold'),
    incrementalBytesThreshold: sizeOption(options, 'compaction.incremental-size-threshold'),
    smallFileRatio: fractionOption(options, 'compaction.small-file-ratio') ?? 0.7,
    fileCountMin: integerOption(options, 'compaction.min.file-num', 1) ?? 5,
    deleteRatioThreshold: fractionOption(options, 'compaction.delete-ratio-threshold') ?? 0.2,
    // What level 0 has is in the table for its readers only when it has been compacted.
    forceUpLevel0: booleanOption(options, 'compaction.force-up-level-0', false) || looksUp(schema),
    forceRewriteAllFiles: booleanOption(options, 'compaction.force-rewrite-all-files', false),
  };
}
