/**
 * Reading manifest lists and manifests. Both are immutable and named by fresh uuids, so what was read or written once is
 * kept in memory by name, up to a bound of bytes.
 *
 * A **manifest list** names manifests and says which buckets, levels and partitions each speaks of; a **manifest** holds
 * the entries. A snapshot's live files are those of its base list and its delta list together (live-files.ts).
 */
import { mapBounded } from '../base/concurrency.ts';
import { corrupt, invalid, isLakeError } from '../base/errors.ts';
import type { IndexEntry } from '../format/index-manifest.ts';
import { decodeManifest, type ManifestEntry, type ManifestFileMeta } from '../format/manifest.ts';
import { type ManifestLines, type ManifestPlace, openManifestLines } from '../format/manifest-lines.ts';
import { decodeManifestList } from '../format/manifest-list.ts';
import { jsonBytesMax, manifestBytesMax } from '../format/metadata-limits.ts';
import type { ParquetLayout } from '../format/parquet/layout.ts';
import { manifestPath, snapshotPath } from '../format/paths.ts';
import { decodeSnapshot, type Snapshot } from '../format/snapshot.ts';
import { BoundedCache } from './bounded-cache.ts';
import { readExpiryRecord, trustedRecord } from './expiry-record.ts';
import { liveAmong } from './live-files.ts';
import { type ManifestSummary, summarize } from './manifest-summary.ts';
import type { HeadMemory } from './seen-head.ts';
import { listSnapshotIds } from './snapshots.ts';
import type { Table } from './table.ts';
import { type WorkMemory, workMemoryOf } from './work-memory.ts';

export type ManifestCaches = {
  readonly lists: BoundedCache<readonly ManifestFileMeta[]>;
  readonly entries: BoundedCache<ManifestContent>;
  readonly summaries: BoundedCache<ManifestSummary>;
  /** Index manifests. */
  readonly indexes: BoundedCache<readonly IndexEntry[]>;
  readonly indexFiles: BoundedCache<Uint8Array>;
  /** Of data files, by their keys. */
  readonly layouts: BoundedCache<ParquetLayout>;
  /** Of tables, so that one that is opened again knows what was seen (`seen-head.ts`). */
  readonly heads: BoundedCache<HeadMemory>;
};

/** A manifest in memory: all of its entries, or the file as it is and where its entries begin. */
export type ManifestContent =
  | { readonly kind: 'entries'; readonly entries: readonly ManifestEntry[] }
  | { readonly kind: 'lines'; readonly lines: ManifestLines };

/** What to read of the manifests. Everything given must hold; nothing given means all. */
export type ManifestFilter = {
  readonly buckets?: ReadonlySet<number> | undefined;
  /** Levels from..to, both included. */
  readonly levels?: { readonly from: number; readonly to: number } | undefined;
  /** Leaves out whole manifests, by the statistics of their partitions. Must keep a manifest that may match. */
  readonly mayMatch?: ((meta: ManifestFileMeta) => boolean) | undefined;
  /** Leaves out single entries, by where they belong; of a long manifest these are not even decoded. */
  readonly inPlace?: ((place: ManifestPlace) => boolean) | undefined;
  /** Leaves out single entries by more than that: an ADD and its DELETE must get the same answer. */
  readonly matches?: ((entry: ManifestEntry) => boolean) | undefined;
};

export const manifestSummariesBytesMax: number = 32 * 1024 * 1024;
export const manifestListsBytesMax: number = 8 * 1024 * 1024;
const indexManifestsBytesMax = 16 * 1024 * 1024;
const indexFilesBytesMax = 32 * 1024 * 1024;
const headsBytesMax = 1024 * 1024;
/**
 * Rough memory of one decoded entry; measured at 1.4 to 2 KB with the statistics of ten columns, and its encoding may be kept
 * beside it.
 */
const entryBytes = 2_560;
const metaBytes = 512;
const readConcurrencyMax = 16;
/** Of a manifest of more entries only those are decoded that are asked for; a shorter one is as quickly decoded whole. */
const decodedEntriesMax = 2_000;

export function manifestCaches(
  { manifestEntriesBytes, layoutBytes }: Pick<WorkMemory, 'manifestEntriesBytes' | 'layoutBytes'> = workMemoryOf(),
): ManifestCaches {
  return {
    lists: new BoundedCache(manifestListsBytesMax),
    entries: new BoundedCache(manifestEntriesBytes),
    summaries: new BoundedCache(manifestSummariesBytesMax),
    indexes: new BoundedCache(indexManifestsBytesMax),
    indexFiles: new BoundedCache(indexFilesBytesMax),
    layouts: new BoundedCache(layoutBytes),
    heads: new BoundedCache(headsBytesMax),
  };
}

/** The manifests of the snapshot, base list before delta list. */
export async function manifestsOf(table: Table, snapshot: Snapshot): Promise<readonly ManifestFileMeta[]> {
  const [base, delta] = await Promise.all([
    readManifestList(table, snapshot.baseManifestList, snapshot.baseManifestListSize),
    deltaManifestsOf(table, snapshot),
  ]);
  return [...base, ...delta];
}

/** The manifests of what the snapshot itself changed. */
export function deltaManifestsOf(table: Table, snapshot: Snapshot): Promise<readonly ManifestFileMeta[]> {
  return readManifestList(table, snapshot.deltaManifestList, snapshot.deltaManifestListSize);
}

/** The manifests of the snapshot's changelog files; none when it has none. */
export async function changelogManifestsOf(table: Table, snapshot: Snapshot): Promise<readonly ManifestFileMeta[]> {
  if (snapshot.changelogManifestList === undefined) return [];
  return readManifestList(table, snapshot.changelogManifestList, snapshot.changelogManifestListSize);
}

/** @throws LakeError `corrupt` LAKE_FILE_MISSING, LAKE_CORRUPT_AVRO */
export function readManifestList(
  table: Table,
  name: string,
  sizeBytes: number | undefined,
): Promise<readonly ManifestFileMeta[]> {
  return table.caches.lists.load(name, async () => {
    const metas = decodeManifestList(await readWhole(table, name, sizeBytes), `${table.path}/${manifestPath(name)}`);
    return { value: metas, bytes: metas.length * metaBytes };
  });
}

/** All entries of one manifest, in its order. @throws LakeError `corrupt` LAKE_FILE_MISSING, LAKE_CORRUPT_AVRO */
export async function readManifest(table: Table, meta: ManifestFileMeta): Promise<readonly ManifestEntry[]> {
  const content = await table.caches.entries.load(meta.fileName, async () => {
    const { bytes, where } = await manifestFile(table, meta);
    return wholeContent(bytes, meta, where);
  });
  return content.kind === 'entries' ? content.entries : [...content.lines.entries()];
}

/** The manifest in the form in which single places are quickly found. */
function readContent(table: Table, meta: ManifestFileMeta): Promise<ManifestContent> {
  return table.caches.entries.load(meta.fileName, async () => {
    const { bytes, where } = await manifestFile(table, meta);
    const isLong = meta.numAddedFiles + meta.numDeletedFiles > decodedEntriesMax;
    const lines = isLong ? openManifestLines(bytes, where) : undefined;
    if (lines === undefined) return wholeContent(bytes, meta, where);
    checkCount(lines.entryCount, meta, where);
    return { value: { kind: 'lines', lines }, bytes: lines.bytes };
  });
}

function wholeContent(
  bytes: Uint8Array,
  meta: ManifestFileMeta,
  where: string,
): { readonly value: ManifestContent; readonly bytes: number } {
  const entries = decodeManifest(bytes, where);
  checkCount(entries.length, meta, where);
  return { value: { kind: 'entries', entries }, bytes: entries.length * entryBytes };
}

/** A container cut short at a block decodes to fewer entries without an error (spec 4.1). */
function checkCount(count: number, meta: ManifestFileMeta, where: string): void {
  const expected = meta.numAddedFiles + meta.numDeletedFiles;
  if (count === expected) return;
  throw corrupt('LAKE_CORRUPT_AVRO', `${where} has ${count} entries, its list says ${expected}`);
}

async function manifestFile(
  table: Table,
  { fileName, fileSize }: ManifestFileMeta,
): Promise<{ readonly bytes: Uint8Array; readonly where: string }> {
  const where = `${table.path}/${manifestPath(fileName)}`;
  return { bytes: await readWhole(table, fileName, fileSize), where };
}

/** The few numbers of a manifest that outlive its entries in memory. Of a long one the entries are never all there. */
export function readSummary(table: Table, meta: ManifestFileMeta): Promise<ManifestSummary> {
  return table.caches.summaries.load(meta.fileName, async () => {
    const content = await readContent(table, meta);
    const summary = summarize(content.kind === 'entries' ? content.entries : content.lines.entries());
    return { value: summary, bytes: summary.bytes };
  });
}

/** Keeps what was just written, so that nobody here reads it again. */
export function rememberManifest(
  caches: ManifestCaches,
  meta: ManifestFileMeta,
  entries: readonly ManifestEntry[],
): void {
  caches.entries.put(meta.fileName, { kind: 'entries', entries }, entries.length * entryBytes);
  const summary = summarize(entries);
  caches.summaries.put(meta.fileName, summary, summary.bytes);
}

export function rememberList(caches: ManifestCaches, name: string, metas: readonly ManifestFileMeta[]): void {
  caches.lists.put(name, metas, metas.length * metaBytes);
}

/** Entries of these manifests that pass the filter, in order; manifests that cannot have any are not read. */
export async function readEntries(
  table: Table,
  metas: readonly ManifestFileMeta[],
  filter: ManifestFilter = {},
): Promise<ManifestEntry[]> {
  const wanted = metas.filter(meta => manifestMayMatch(meta, filter));
  const isByPlace = filter.buckets !== undefined || filter.inPlace !== undefined;
  const read = await mapBounded(wanted, readConcurrencyMax, async (meta): Promise<ManifestContent> => {
    return isByPlace ? readContent(table, meta) : { kind: 'entries', entries: await readManifest(table, meta) };
  });
  const isWanted = (place: ManifestPlace): boolean => placeMatches(place, filter);
  const entries: ManifestEntry[] = [];
  for (const content of read) {
    const placed =
      content.kind === 'lines' ? content.lines.entries(isWanted) : content.entries.values().filter(isWanted);
    for (const entry of placed) if (entryMatches(entry, filter)) entries.push(entry);
  }
  return entries;
}

/** The live files of a snapshot that pass the filter. */
export async function liveEntries(
  table: Table,
  snapshot: Snapshot,
  filter: ManifestFilter = {},
): Promise<ManifestEntry[]> {
  return whileSnapshotStays(table, snapshot, async () =>
    liveAmong(await readEntries(table, await manifestsOf(table, snapshot), filter)),
  );
}

/**
 * Runs a read of what a snapshot refers to. A file missing under it is looked at again (DESIGN D1): when the snapshot is
 * gone as well, it has expired and nothing is broken. So it has when a run of expiry that was late has put the file back
 * below the floor of the expiry record.
 *
 * @throws LakeError `invalid` LAKE_SNAPSHOT_EXPIRED instead of `corrupt` LAKE_FILE_MISSING
 */
export async function whileSnapshotStays<T>(table: Table, snapshot: Snapshot, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!isLakeError(error, 'LAKE_FILE_MISSING')) throw error;
    const key = `${table.metaPath}/${snapshotPath(snapshot.id)}`;
    const object = await table.store.get(key, { bytesMax: jsonBytesMax });
    const isThere =
      object !== undefined && decodeSnapshot(object.bytes, key).deltaManifestList === snapshot.deltaManifestList;
    if (isThere && !(await isBelowFloor(table, snapshot.id))) throw error;
    const message = `snapshot ${snapshot.id} of ${table.label} expired while it was read; start again at a newer one`;
    throw invalid('LAKE_SNAPSHOT_EXPIRED', message, { cause: error });
  }
}

async function isBelowFloor(table: Table, id: number): Promise<boolean> {
  const { ids } = await listSnapshotIds(table);
  return id < trustedRecord(await readExpiryRecord(table), ids, undefined).floor;
}

/** The same for a stream: each step of it is such a read. */
export function streamWhileSnapshotStays<T>(
  table: Table,
  snapshot: Snapshot,
  items: AsyncIterable<T>,
): AsyncGenerator<T, void, undefined> {
  return guardedSteps(items, step => whileSnapshotStays(table, snapshot, step));
}

/** A stream each step of which is run by the guard. */
export async function* guardedSteps<T>(
  items: AsyncIterable<T>,
  guard: (step: () => Promise<IteratorResult<T>>) => Promise<IteratorResult<T>>,
): AsyncGenerator<T, void, undefined> {
  const iterator = items[Symbol.asyncIterator]();
  try {
    for (;;) {
      const step = await guard(() => iterator.next());
      if (step.done === true) return;
      yield step.value;
    }
  } finally {
    await iterator.return?.();
  }
}

/** A file that a snapshot or manifest names and that is not there. */
export function fileMissing(table: Table, key: string): Error {
  return corrupt('LAKE_FILE_MISSING', `${table.store.uri}: ${key} of table ${table.label} is missing`);
}

export function manifestMayMatch(meta: ManifestFileMeta, filter: ManifestFilter): boolean {
  const { buckets, levels } = filter;
  if (buckets !== undefined && meta.minBucket !== undefined && meta.maxBucket !== undefined) {
    const { minBucket, maxBucket } = meta;
    if (!buckets.values().some(bucket => bucket >= minBucket && bucket <= maxBucket)) return false;
  }
  if (levels !== undefined && meta.minLevel !== undefined && meta.maxLevel !== undefined) {
    if (meta.maxLevel < levels.from || meta.minLevel > levels.to) return false;
  }
  return filter.mayMatch?.(meta) ?? true;
}

function placeMatches(place: ManifestPlace, { buckets, inPlace }: ManifestFilter): boolean {
  if (buckets !== undefined && !buckets.has(place.bucket)) return false;
  return inPlace === undefined || inPlace(place);
}

function entryMatches(entry: ManifestEntry, { levels, matches }: ManifestFilter): boolean {
  const { level } = entry.file;
  if (levels !== undefined && (level < levels.from || level > levels.to)) return false;
  return matches === undefined || matches(entry);
}

async function readWhole(table: Table, name: string, sizeBytes: number | undefined): Promise<Uint8Array> {
  const key = `${table.path}/${manifestPath(name)}`;
  const object = await table.store.get(key, { bytesMax: manifestBytesMax });
  if (object === undefined) throw fileMissing(table, key);
  if (sizeBytes !== undefined && object.bytes.byteLength !== sizeBytes) {
    throw corrupt('LAKE_CORRUPT_AVRO', `${key} has ${object.bytes.byteLength} bytes, ${sizeBytes} are recorded`);
  }
  return object.bytes;
}
