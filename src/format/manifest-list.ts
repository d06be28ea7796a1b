/**
 * Manifest lists: Avro files that name the manifests of a snapshot and say what is known of their entries.
 *
 * @see spec 4.2, Paimon 1.4.2 ManifestList, ManifestFileMetaSerializer
 */
import { assert } from '../base/assert.ts';
import { corrupt } from '../base/errors.ts';
import type { DataType } from '../types/data-type.ts';
import { type AvroFormat, type AvroRecord, avroFormat, encodeAvro, encodeAvroRecord } from './avro.ts';
import type { AvroCodec } from './avro-container.ts';
import { countField, fileNameField, optionalInteger, optionalLong } from './avro-fields.ts';
import { manifestListSchema } from './avro-schemas.ts';
import { deserializeRow } from './binary-row.ts';
import {
  checkVersion,
  decodeRecords,
  type ManifestEntry,
  type ManifestFileMeta,
  manifestVersion,
  statsOf,
  statsRecord,
} from './manifest.ts';
import { statsOfRows } from './stats.ts';

let format: AvroFormat | undefined;

/** What most lines of a list are: those of the list before. They never change, so each is encoded once. */
const encodedLines = new WeakMap<ManifestFileMeta, Uint8Array>();

/** The bytes of a manifest list; of no manifests, too. */
export function encodeManifestList(metas: readonly ManifestFileMeta[], codec: AvroCodec = 'zstandard'): Uint8Array {
  format ??= avroFormat(manifestListSchema);
  const lines: Uint8Array[] = [];
  for (const meta of metas) lines.push(encodedLine(format, meta));
  return encodeAvro(format, lines, codec);
}

function encodedLine(listFormat: AvroFormat, meta: ManifestFileMeta): Uint8Array {
  const known = encodedLines.get(meta);
  if (known !== undefined) return known;
  const line = encodeAvroRecord(listFormat, recordOf(meta));
  encodedLines.set(meta, line);
  return line;
}

/**
 * @param where the file's name, for messages
 * @throws LakeError `corrupt` LAKE_CORRUPT_AVRO, `unsupported` for a codec or version that we do not know
 */
export function decodeManifestList(bytes: Uint8Array, where: string): ManifestFileMeta[] {
  return decodeRecords(bytes, where, metaOf);
}

/** What a manifest list says of a manifest with these entries. */
export function manifestFileMeta(
  entries: readonly ManifestEntry[],
  file: { readonly fileName: string; readonly fileSize: number; readonly partitionTypes: readonly DataType[] },
): ManifestFileMeta {
  assert(entries.length > 0, 'a manifest has entries');
  const added = entries.filter(entry => entry.kind === 'add').length;
  const buckets = entries.map(entry => entry.bucket);
  const levels = entries.map(entry => entry.file.level);
  return {
    fileName: file.fileName,
    fileSize: file.fileSize,
    numAddedFiles: added,
    numDeletedFiles: entries.length - added,
    partitionStats: statsOfRows(file.partitionTypes, partitionsOf(entries, file.partitionTypes)),
    schemaId: largest(entries.map(entry => entry.file.schemaId)),
    minBucket: smallest(buckets),
    maxBucket: largest(buckets),
    minLevel: smallest(levels),
    maxLevel: largest(levels),
    ...rowIdRange(entries),
  };
}

/** The row ids of the entries, known only when every one of them has a first one. */
function rowIdRange(entries: readonly ManifestEntry[]): Pick<ManifestFileMeta, 'minRowId' | 'maxRowId'> {
  let minRowId: bigint | undefined;
  let maxRowId: bigint | undefined;
  for (const { file } of entries) {
    if (file.firstRowId === undefined) return { minRowId: undefined, maxRowId: undefined };
    const last = file.firstRowId + BigInt(file.rowCount) - 1n;
    if (minRowId === undefined || file.firstRowId < minRowId) minRowId = file.firstRowId;
    if (maxRowId === undefined || last > maxRowId) maxRowId = last;
  }
  return { minRowId, maxRowId };
}

/** Each partition's values as often as it has entries, since nulls are counted by entry. */
function partitionsOf(entries: readonly ManifestEntry[], types: readonly DataType[]) {
  if (types.length === 0) return [];
  return entries.map(entry => deserializeRow(entry.partition, types));
}

function metaOf(record: AvroRecord): ManifestFileMeta {
  checkVersion(record['_VERSION'], 'manifest list');
  const fileSize = countField(record['_FILE_SIZE'], '_FILE_SIZE');
  const numAddedFiles = countField(record['_NUM_ADDED_FILES'], '_NUM_ADDED_FILES');
  const numDeletedFiles = countField(record['_NUM_DELETED_FILES'], '_NUM_DELETED_FILES');
  if (fileSize === 0 || numAddedFiles + numDeletedFiles === 0) throw corrupt('LAKE_CORRUPT_AVRO', 'an empty manifest');
  return {
    fileName: fileNameField(record['_FILE_NAME'], '_FILE_NAME'),
    fileSize,
    numAddedFiles,
    numDeletedFiles,
    partitionStats: statsOf(record['_PARTITION_STATS'], '_PARTITION_STATS'),
    schemaId: countField(record['_SCHEMA_ID'], '_SCHEMA_ID'),
    minBucket: optionalInteger(record['_MIN_BUCKET'], '_MIN_BUCKET'),
    maxBucket: optionalInteger(record['_MAX_BUCKET'], '_MAX_BUCKET'),
    minLevel: optionalInteger(record['_MIN_LEVEL'], '_MIN_LEVEL'),
    maxLevel: optionalInteger(record['_MAX_LEVEL'], '_MAX_LEVEL'),
    minRowId: optionalLong(record['_MIN_ROW_ID'], '_MIN_ROW_ID'),
    maxRowId: optionalLong(record['_MAX_ROW_ID'], '_MAX_ROW_ID'),
  };
}

function recordOf(meta: ManifestFileMeta): AvroRecord {
  assert(meta.fileSize > 0, () => `${meta.fileName} has ${meta.fileSize} bytes`);
  assert(meta.numAddedFiles + meta.numDeletedFiles > 0, () => `${meta.fileName} has no entries`);
  return {
    _VERSION: manifestVersion,
    _FILE_NAME: meta.fileName,
    _FILE_SIZE: meta.fileSize,
    _NUM_ADDED_FILES: meta.numAddedFiles,
    _NUM_DELETED_FILES: meta.numDeletedFiles,
    _PARTITION_STATS: statsRecord(meta.partitionStats),
    _SCHEMA_ID: meta.schemaId,
    _MIN_BUCKET: meta.minBucket,
    _MAX_BUCKET: meta.maxBucket,
    _MIN_LEVEL: meta.minLevel,
    _MAX_LEVEL: meta.maxLevel,
    _MIN_ROW_ID: meta.minRowId,
    _MAX_ROW_ID: meta.maxRowId,
  };
}

function smallest(values: readonly number[]): number {
  return values.reduce((least, value) => Math.min(least, value));
}

function largest(values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, value));
}
