/**
 * Index manifests: one Avro file with all live index files of a table: hash indexes of dynamic buckets, deletion vectors,
 * and indexes of columns, which nothing here looks into.
 *
 * @see spec 8.6, Paimon 1.4.2 IndexManifestFile, IndexManifestEntrySerializer
 */
import { assert } from '../base/assert.ts';
import { corrupt, unsupported } from '../base/errors.ts';
import { type AvroFormat, type AvroRecord, avroFormat, encodeAvro } from './avro.ts';
import type { AvroCodec } from './avro-container.ts';
import {
  bytesField,
  countField,
  fileNameField,
  integerField,
  longField,
  optionalCount,
  optionalText,
  recordField,
  textField,
} from './avro-fields.ts';
import { indexManifestSchema } from './avro-schemas.ts';
import { decodeRecords } from './manifest.ts';

/** One index file and what it is for. */
export type IndexEntry = IndexFileMeta & {
  /** Serialized BinaryRow of the partition. */
  readonly partition: Uint8Array;
  readonly bucket: number;
};

export type IndexFileMeta = {
  /** `HASH`, `DELETION_VECTORS`, or the type of an index of columns. */
  readonly indexType: string;
  readonly fileName: string;
  readonly fileSize: number;
  /** Of a hash index its hashes, of deletion vectors the vectors. */
  readonly rowCount: number;
  /** Of deletion vectors: where they are, one for each data file. */
  readonly vectors: readonly VectorRange[] | undefined;
  readonly externalPath: string | undefined;
  /** Of an index of columns over row ids; such an entry is not written again. */
  readonly global: GlobalIndex | undefined;
};

/** Which rows and columns an index over row ids speaks of. */
export type GlobalIndex = {
  /** First and last row id. */
  readonly rowRange: readonly [bigint, bigint];
  readonly fieldId: number;
  readonly extraFieldIds: readonly number[] | undefined;
};

/** Where the deletion vector of a data file lies in an index file. */
export type VectorRange = {
  /** The data file. */
  readonly fileName: string;
  readonly offset: number;
  /** See deletion-vector.ts for what it counts. */
  readonly length: number;
  readonly cardinality: number | undefined;
};

export const hashIndexType = 'HASH';
export const deletionVectorsType = 'DELETION_VECTORS';

const indexManifestVersion = 1;
/** The shortest serialized row there is. */
const rowBytesMin = 12;
let format: AvroFormat | undefined;

/**
 * @param where the file's name, for messages
 * @throws LakeError `corrupt` LAKE_CORRUPT_AVRO, `unsupported` for a codec or version that we do not know
 */
export function decodeIndexManifest(bytes: Uint8Array, where: string): IndexEntry[] {
  return decodeRecords(bytes, where, entryOf);
}

/** The bytes of an index manifest. @throws LakeError `unsupported` for entries that would lose something */
export function encodeIndexManifest(entries: readonly IndexEntry[], codec: AvroCodec = 'zstandard'): Uint8Array {
  format ??= avroFormat(indexManifestSchema);
  return encodeAvro(format, entries.map(recordOf), codec);
}

function entryOf(record: AvroRecord): IndexEntry {
  const version = integerField(record['_VERSION'], '_VERSION');
  if (version !== indexManifestVersion) throw unsupported(`version ${version}`, 'index manifest');
  // All that it names is live: an entry never takes another away.
  if (record['_KIND'] !== 0) throw corrupt('LAKE_CORRUPT_AVRO', `field _KIND is ${String(record['_KIND'])}`);
  const partition = bytesField(record['_PARTITION'], '_PARTITION');
  if (partition.length < rowBytesMin) throw corrupt('LAKE_CORRUPT_AVRO', 'field _PARTITION is no serialized row');
  return {
    partition,
    bucket: integerField(record['_BUCKET'], '_BUCKET'),
    indexType: textField(record['_INDEX_TYPE'], '_INDEX_TYPE'),
    fileName: fileNameField(record['_FILE_NAME'], '_FILE_NAME'),
    fileSize: countField(record['_FILE_SIZE'], '_FILE_SIZE'),
    rowCount: countField(record['_ROW_COUNT'], '_ROW_COUNT'),
    vectors: rangesOf(record['_DELETIONS_VECTORS_RANGES']),
    externalPath: optionalText(record['_EXTERNAL_PATH'], '_EXTERNAL_PATH'),
    global: globalOf(record['_GLOBAL_INDEX']),
  };
}

function rangesOf(value: unknown): readonly VectorRange[] | undefined {
  if (value === undefined) return undefined;
  if (!Array.isArray(value)) throw corrupt('LAKE_CORRUPT_AVRO', 'field _DELETIONS_VECTORS_RANGES is no list');
  const ranges = value.map((item: unknown): VectorRange => {
    const range = recordField(item, '_DELETIONS_VECTORS_RANGES');
    return {
      fileName: fileNameField(range['f0'], 'f0'),
      offset: countField(range['f1'], 'f1'),
      length: countField(range['f2'], 'f2'),
      cardinality: optionalCount(range['_CARDINALITY'], '_CARDINALITY'),
    };
  });
  if (new Set(ranges.map(range => range.fileName)).size < ranges.length) {
    throw corrupt('LAKE_CORRUPT_AVRO', 'two deletion vectors of one file in one index file');
  }
  return ranges;
}

function globalOf(value: unknown): GlobalIndex | undefined {
  if (value === undefined) return undefined;
  const record = recordField(value, '_GLOBAL_INDEX');
  const extra = record['_EXTRA_FIELD_IDS'];
  if (extra !== undefined && !Array.isArray(extra)) {
    throw corrupt('LAKE_CORRUPT_AVRO', 'field _EXTRA_FIELD_IDS is no list');
  }
  return {
    rowRange: [
      longField(record['_ROW_RANGE_START'], '_ROW_RANGE_START'),
      longField(record['_ROW_RANGE_END'], '_ROW_RANGE_END'),
    ],
    fieldId: integerField(record['_INDEX_FIELD_ID'], '_INDEX_FIELD_ID'),
    extraFieldIds: extra?.map((id: unknown) => integerField(id, '_EXTRA_FIELD_IDS')),
  };
}

function recordOf(entry: IndexEntry): AvroRecord {
  if (entry.global !== undefined)
    throw unsupported(`an index over columns (${entry.indexType})`, 'writing an index manifest');
  assert(entry.partition.length >= rowBytesMin, 'a partition is a serialized row');
  return {
    _VERSION: indexManifestVersion,
    _KIND: 0,
    _PARTITION: entry.partition,
    _BUCKET: entry.bucket,
    _INDEX_TYPE: entry.indexType,
    _FILE_NAME: entry.fileName,
    _FILE_SIZE: entry.fileSize,
    _ROW_COUNT: entry.rowCount,
    _DELETIONS_VECTORS_RANGES: entry.vectors?.map(({ fileName, offset, length, cardinality }) => ({
      f0: fileName,
      f1: offset,
      f2: length,
      _CARDINALITY: cardinality,
    })),
    _EXTERNAL_PATH: entry.externalPath,
    _GLOBAL_INDEX: undefined,
  };
}
