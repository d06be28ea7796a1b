/**
 * Manifests: Avro files of data files that come or go.
 *
 * @see spec 4.3, Paimon 1.4.2 ManifestFile, ManifestEntrySerializer, DataFileMetaSerializer
 */
import { assert } from '../base/assert.ts';
import { corrupt, isLakeError, unsupported } from '../base/errors.ts';
import { type AvroFormat, type AvroRecord, avroFormat, decodeAvroAs, encodeAvro, encodeAvroRecord } from './avro.ts';
import type { AvroCodec } from './avro-container.ts';
import {
  bytesField,
  countField,
  fileNameField,
  fileNamesField,
  integerField,
  longField,
  optionalBytes,
  optionalCount,
  optionalInteger,
  optionalLong,
  optionalLongs,
  optionalText,
  optionalTexts,
  recordField,
} from './avro-fields.ts';
import { manifestSchema } from './avro-schemas.ts';
import { postponedBucket } from './bucket.ts';
import type { DataFileMeta, FileSource, SimpleStats } from './data-file.ts';

/** A line of a manifest: a file comes or goes. @see spec 4.3 */
export type ManifestEntry = {
  readonly kind: 'add' | 'delete';
  /** Serialized BinaryRow of the partition values; 12 zero bytes for an unpartitioned table. */
  readonly partition: Uint8Array;
  readonly bucket: number;
  /** The bucket count the file was written under; -1 for unaware and dynamic buckets. */
  readonly totalBuckets: number;
  readonly file: DataFileMeta;
};

/** A line of a manifest list: a manifest file and what is known of its entries. @see spec 4.2 */
export type ManifestFileMeta = {
  readonly fileName: string;
  readonly fileSize: number;
  readonly numAddedFiles: number;
  readonly numDeletedFiles: number;
  readonly partitionStats: SimpleStats;
  readonly schemaId: number;
  readonly minBucket: number | undefined;
  readonly maxBucket: number | undefined;
  readonly minLevel: number | undefined;
  readonly maxLevel: number | undefined;
  readonly minRowId: bigint | undefined;
  readonly maxRowId: bigint | undefined;
};

/** Of a manifest's entries and of a list's lines alike. */
export const manifestVersion = 2;

/** The shortest serialized row there is, that of no fields. */
export const rowBytesMin = 12;

/** Row ids are longs. */
const rowIdEnd = 2n ** 63n;

let format: AvroFormat | undefined;

/** Entries of manifests that will be merged, and so written again: an entry never changes. */
const encodedEntries = new WeakMap<ManifestEntry, Uint8Array>();
/** A manifest of more entries is not merged soon, and to keep the bytes of each would take as long as to encode it. */
const keptEntriesMax = 64;

/** The bytes of a manifest. An empty one is never written. */
export function encodeManifest(entries: readonly ManifestEntry[], codec: AvroCodec = 'zstandard'): Uint8Array {
  assert(entries.length > 0, 'a manifest has entries');
  format ??= avroFormat(manifestSchema);
  const isKept = entries.length <= keptEntriesMax;
  const records: (AvroRecord | Uint8Array)[] = [];
  for (const entry of entries) {
    records.push(encodedEntries.get(entry) ?? (isKept ? encodedEntry(format, entry) : recordOf(entry)));
  }
  return encodeAvro(format, records, codec);
}

function encodedEntry(manifestFormat: AvroFormat, entry: ManifestEntry): Uint8Array {
  const record = encodeAvroRecord(manifestFormat, recordOf(entry));
  encodedEntries.set(entry, record);
  return record;
}

/**
 * @param where the file's name, for messages
 * @throws LakeError `corrupt` LAKE_CORRUPT_AVRO, `unsupported` for a codec or version that we do not know
 */
export function decodeManifest(bytes: Uint8Array, where: string): ManifestEntry[] {
  return decodeRecords(bytes, where, entryOf);
}

/** Decodes each record; what a field reader says of a record gets the file's name. */
export function decodeRecords<T>(bytes: Uint8Array, where: string, decode: (record: AvroRecord) => T): T[] {
  return decodeAvroAs(bytes, where, record => decodeNamed(record, where, decode));
}

/** The entry that a record of a manifest is. @throws LakeError `corrupt` LAKE_CORRUPT_AVRO, `unsupported` */
export function decodeEntry(record: AvroRecord, where: string): ManifestEntry {
  return decodeNamed(record, where, entryOf);
}

function decodeNamed<T>(record: AvroRecord, where: string, decode: (record: AvroRecord) => T): T {
  try {
    return decode(record);
  } catch (cause) {
    if (!isLakeError(cause, 'LAKE_CORRUPT_AVRO')) throw cause;
    throw corrupt('LAKE_CORRUPT_AVRO', `${where}: ${cause.message}`, { cause });
  }
}

export function checkVersion(version: unknown, what: string): void {
  const found = integerField(version, '_VERSION');
  if (found !== manifestVersion) throw unsupported(`version ${found}`, what);
}

export function statsOf(value: unknown, name: string): SimpleStats {
  const record = recordField(value, name);
  return {
    minValues: rowBytes(record['_MIN_VALUES'], '_MIN_VALUES'),
    maxValues: rowBytes(record['_MAX_VALUES'], '_MAX_VALUES'),
    nullCounts: optionalLongs(record['_NULL_COUNTS'], '_NULL_COUNTS'),
  };
}

export function statsRecord(stats: SimpleStats): AvroRecord {
  return { _MIN_VALUES: stats.minValues, _MAX_VALUES: stats.maxValues, _NULL_COUNTS: stats.nullCounts };
}

function entryOf(record: AvroRecord): ManifestEntry {
  checkVersion(record['_VERSION'], 'manifest');
  const kind = record['_KIND'];
  if (kind !== 0 && kind !== 1) throw corrupt('LAKE_CORRUPT_AVRO', `field _KIND is ${String(kind)}`);
  const bucket = integerField(record['_BUCKET'], '_BUCKET');
  if (bucket < postponedBucket) throw corrupt('LAKE_CORRUPT_AVRO', `field _BUCKET is ${bucket}`);
  return {
    kind: kind === 0 ? 'add' : 'delete',
    partition: rowBytes(record['_PARTITION'], '_PARTITION'),
    bucket,
    totalBuckets: integerField(record['_TOTAL_BUCKETS'], '_TOTAL_BUCKETS'),
    file: fileOf(recordField(record['_FILE'], '_FILE')),
  };
}

function fileOf(record: AvroRecord): DataFileMeta {
  const minSequenceNumber = longField(record['_MIN_SEQUENCE_NUMBER'], '_MIN_SEQUENCE_NUMBER');
  const maxSequenceNumber = longField(record['_MAX_SEQUENCE_NUMBER'], '_MAX_SEQUENCE_NUMBER');
  if (minSequenceNumber > maxSequenceNumber) {
    throw corrupt('LAKE_CORRUPT_AVRO', `sequence numbers from ${minSequenceNumber} to ${maxSequenceNumber}`);
  }
  const rowCount = countField(record['_ROW_COUNT'], '_ROW_COUNT');
  const firstRowId = optionalLong(record['_FIRST_ROW_ID'], '_FIRST_ROW_ID');
  if (firstRowId !== undefined && firstRowId + BigInt(rowCount) > rowIdEnd) {
    throw corrupt('LAKE_CORRUPT_AVRO', `${rowCount} rows from row id ${firstRowId} on`);
  }
  return {
    fileName: fileNameField(record['_FILE_NAME'], '_FILE_NAME'),
    fileSize: countField(record['_FILE_SIZE'], '_FILE_SIZE'),
    rowCount,
    minKey: rowBytes(record['_MIN_KEY'], '_MIN_KEY'),
    maxKey: rowBytes(record['_MAX_KEY'], '_MAX_KEY'),
    keyStats: statsOf(record['_KEY_STATS'], '_KEY_STATS'),
    valueStats: statsOf(record['_VALUE_STATS'], '_VALUE_STATS'),
    minSequenceNumber,
    maxSequenceNumber,
    schemaId: countField(record['_SCHEMA_ID'], '_SCHEMA_ID'),
    level: countField(record['_LEVEL'], '_LEVEL'),
    extraFiles: fileNamesField(record['_EXTRA_FILES'], '_EXTRA_FILES'),
    creationTimeMs: optionalInteger(record['_CREATION_TIME'], '_CREATION_TIME'),
    deleteRowCount: optionalCount(record['_DELETE_ROW_COUNT'], '_DELETE_ROW_COUNT'),
    embeddedIndex: optionalBytes(record['_EMBEDDED_FILE_INDEX'], '_EMBEDDED_FILE_INDEX'),
    fileSource: fileSourceOf(record['_FILE_SOURCE']),
    valueStatsCols: optionalTexts(record['_VALUE_STATS_COLS'], '_VALUE_STATS_COLS'),
    externalPath: optionalText(record['_EXTERNAL_PATH'], '_EXTERNAL_PATH'),
    firstRowId,
    writeCols: optionalTexts(record['_WRITE_COLS'], '_WRITE_COLS'),
  };
}

function recordOf(entry: ManifestEntry): AvroRecord {
  assert(entry.partition.length >= rowBytesMin, 'a partition is a serialized row');
  assert(entry.bucket >= postponedBucket, () => `bucket ${entry.bucket}`);
  return {
    _VERSION: manifestVersion,
    _KIND: entry.kind === 'add' ? 0 : 1,
    _PARTITION: entry.partition,
    _BUCKET: entry.bucket,
    _TOTAL_BUCKETS: entry.totalBuckets,
    _FILE: fileRecord(entry.file),
  };
}

function fileRecord(file: DataFileMeta): AvroRecord {
  assert(file.rowCount >= 0, () => `${file.fileName} has ${file.rowCount} rows`);
  assert(file.level >= 0, () => `${file.fileName} at level ${file.level}`);
  assert(file.minSequenceNumber <= file.maxSequenceNumber, () => `${file.fileName}: sequence numbers`);
  // Paimon reads a file without it and then fails to write the table.
  assert(file.creationTimeMs !== undefined, () => `${file.fileName} has no creation time`);
  return {
    _FILE_NAME: file.fileName,
    _FILE_SIZE: file.fileSize,
    _ROW_COUNT: file.rowCount,
    _MIN_KEY: file.minKey,
    _MAX_KEY: file.maxKey,
    _KEY_STATS: statsRecord(file.keyStats),
    _VALUE_STATS: statsRecord(file.valueStats),
    _MIN_SEQUENCE_NUMBER: file.minSequenceNumber,
    _MAX_SEQUENCE_NUMBER: file.maxSequenceNumber,
    _SCHEMA_ID: file.schemaId,
    _LEVEL: file.level,
    _EXTRA_FILES: file.extraFiles,
    _CREATION_TIME: file.creationTimeMs,
    _DELETE_ROW_COUNT: file.deleteRowCount,
    _EMBEDDED_FILE_INDEX: file.embeddedIndex,
    _FILE_SOURCE: file.fileSource === undefined ? undefined : fileSourceByte[file.fileSource],
    _VALUE_STATS_COLS: file.valueStatsCols,
    _EXTERNAL_PATH: file.externalPath,
    _FIRST_ROW_ID: file.firstRowId,
    _WRITE_COLS: file.writeCols,
  };
}

const fileSourceByte: Readonly<Record<FileSource, number>> = { append: 0, compact: 1 };

function fileSourceOf(value: unknown): FileSource | undefined {
  switch (value) {
    case undefined:
      return undefined;
    case 0:
      return 'append';
    case 1:
      return 'compact';
    default:
      throw corrupt('LAKE_CORRUPT_AVRO', `field _FILE_SOURCE is ${String(value)}`);
  }
}

function rowBytes(value: unknown, name: string): Uint8Array {
  const bytes = bytesField(value, name);
  if (bytes.length < rowBytesMin) throw corrupt('LAKE_CORRUPT_AVRO', `field ${name} is no serialized row`);
  return bytes;
}
