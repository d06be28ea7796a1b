/**
 * Reading index manifests and what they name (spec 8.6). Both are immutable and named by fresh uuids, so what was read
 * once is kept in memory by name, up to a bound of bytes.
 */
import { corrupt, unsupported } from '../base/errors.ts';
import { type DeletionVector, decodeDeletionVector, vectorBytes } from '../format/deletion-vector.ts';
import {
  decodeIndexManifest,
  deletionVectorsType,
  type IndexEntry,
  type IndexFileMeta,
  type VectorRange,
} from '../format/index-manifest.ts';
import { manifestBytesMax } from '../format/metadata-limits.ts';
import { indexPath, manifestPath } from '../format/paths.ts';
import type { Snapshot } from '../format/snapshot.ts';
import { bucketKey } from './live-files.ts';
import { fileMissing } from './manifests.ts';
import type { Table } from './table.ts';

/** Where the deletion vector of a data file is. */
export type VectorPlace = {
  readonly index: Pick<IndexFileMeta, 'fileName' | 'fileSize' | 'externalPath'>;
  readonly range: VectorRange;
};

/** The deletion vectors of a bucket, by the name of their data file. */
export type Deletions = ReadonlyMap<string, VectorPlace>;

export const noDeletions: Deletions = new Map();

/** Rough memory of one decoded entry, and of a vector's place in it. */
const entryBytes = 512;
const rangeBytes = 160;
/** Index files up to this come in one request and are kept; of larger ones each vector is read by itself. */
const wholeIndexBytesMax = 8 * 1024 * 1024;

/** All index files of the snapshot. @throws LakeError `corrupt` LAKE_FILE_MISSING, LAKE_CORRUPT_AVRO */
export async function indexEntriesOf(table: Table, snapshot: Snapshot | undefined): Promise<readonly IndexEntry[]> {
  const name = snapshot?.indexManifest;
  return name === undefined ? [] : readIndexManifest(table, name);
}

function readIndexManifest(table: Table, name: string): Promise<readonly IndexEntry[]> {
  return table.caches.indexes.load(name, async () => {
    const key = `${table.path}/${manifestPath(name)}`;
    const object = await table.store.get(key, { bytesMax: manifestBytesMax });
    if (object === undefined) throw fileMissing(table, key);
    const entries = decodeIndexManifest(object.bytes, key);
    return { value: entries, bytes: bytesOf(entries) };
  });
}

/** Keeps what was just written, so that nobody here reads it again. */
export function rememberIndexManifest(table: Table, name: string, entries: readonly IndexEntry[]): void {
  table.caches.indexes.put(name, entries, bytesOf(entries));
}

function bytesOf(entries: readonly IndexEntry[]): number {
  return entries.reduce((sum, { vectors }) => sum + entryBytes + (vectors?.length ?? 0) * rangeBytes, 0);
}

/**
 * The deletion vectors among index files, by bucket (`bucketKey`).
 *
 * @throws LakeError `corrupt` LAKE_CORRUPT_VECTOR when a data file has two
 */
export function deletionsByBucket(entries: readonly IndexEntry[]): ReadonlyMap<string, Deletions> {
  const buckets = new Map<string, Map<string, VectorPlace>>();
  for (const entry of entries) {
    if (entry.indexType !== deletionVectorsType) continue;
    const key = bucketKey(entry);
    const vectors = buckets.get(key) ?? new Map<string, VectorPlace>();
    buckets.set(key, vectors);
    for (const range of entry.vectors ?? []) {
      if (vectors.has(range.fileName)) {
        throw corrupt('LAKE_CORRUPT_VECTOR', `${entry.fileName} has a second deletion vector of ${range.fileName}`);
      }
      vectors.set(range.fileName, { index: entry, range });
    }
  }
  return buckets;
}

/** Key of an index file in the store. */
export function indexFileKey(table: Pick<Table, 'path'>, fileName: string): string {
  return `${table.path}/${indexPath(fileName)}`;
}

/** @throws LakeError `corrupt` LAKE_FILE_MISSING, LAKE_FILE_SIZE, LAKE_CORRUPT_VECTOR; `unsupported` */
export async function readDeletionVector(table: Table, { index, range }: VectorPlace): Promise<DeletionVector> {
  const key = indexFileKey(table, index.fileName);
  const where = `${key}, for ${range.fileName}`;
  const { start, end } = vectorBytes(range, index.fileSize);
  if (start >= end) throw corrupt('LAKE_CORRUPT_VECTOR', `${where}: byte ${start} of ${index.fileSize}`);
  if (index.fileSize > wholeIndexBytesMax) {
    checkPlace(index, key);
    const bytes = await table.store.getRange(key, { start, end });
    if (bytes === undefined) throw fileMissing(table, key);
    return decodeDeletionVector(bytes, range, where);
  }
  const whole = await readIndexFile(table, index);
  return decodeDeletionVector(whole.subarray(start, end), range, where);
}

/** The bytes of an index file of ordinary size. @throws LakeError `corrupt` LAKE_FILE_MISSING, LAKE_FILE_SIZE */
export function readIndexFile(table: Table, index: VectorPlace['index']): Promise<Uint8Array> {
  const key = indexFileKey(table, index.fileName);
  checkPlace(index, key);
  return table.caches.indexFiles.load(index.fileName, async () => {
    const object = await table.store.get(key, { bytesMax: Math.max(1, index.fileSize) });
    if (object === undefined) throw fileMissing(table, key);
    const { bytes } = object;
    if (bytes.length !== index.fileSize) {
      throw corrupt('LAKE_FILE_SIZE', `${key} has ${bytes.length} bytes, its index manifest says ${index.fileSize}`);
    }
    return { value: bytes, bytes: bytes.length };
  });
}

function checkPlace({ externalPath }: VectorPlace['index'], key: string): void {
  if (externalPath !== undefined) throw unsupported('external paths', key);
}
