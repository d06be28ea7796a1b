/**
 * What the roots of a table name: manifests, lists, indexes, statistics and objects of our own by name, data files by the
 * manifests. Names of files are fresh uuids, so a name is enough to know a file by, wherever it lies.
 *
 * A file that a root needs and that is not there is LakeError LAKE_FILE_MISSING: then nothing that was read is certain,
 * and nothing is removed (DESIGN R3).
 */
import { mapBounded } from '../base/concurrency.ts';
import { isLakeError } from '../base/errors.ts';
import { decodeIndexManifest, type IndexFileMeta } from '../format/index-manifest.ts';
import type { ManifestEntry, ManifestFileMeta } from '../format/manifest.ts';
import { jsonBytesMax, manifestBytesMax } from '../format/metadata-limits.ts';
import { manifestPath } from '../format/paths.ts';
import type { Snapshot } from '../format/snapshot.ts';
import { originsObjectProperty } from '../table/commit/properties.ts';
import { identifierKey, type PlacedFile } from '../table/live-files.ts';
import {
  fileMissing,
  type ManifestFilter,
  manifestMayMatch,
  readManifest,
  readManifestList,
} from '../table/manifests.ts';
import type { Table } from '../table/table.ts';
import {
  deadLetterListOf,
  filesOfDeadLetterList,
  stateObjectProperty,
  stateProperty,
  tableObjectKey,
} from '../table/table-objects.ts';
import { manifestsInParallelMax } from './limits.ts';

/** What holds files. */
export type Root = {
  /**
   * A snapshot needs all that it names. A tag needs what a read of its rows does, which its changelog is not part of
   * (expiry of Paimon takes that from under a tag, too). A changelog that outlived its snapshot holds what there is of its
   * lists: which of them changes are read from is as the changelog producer has it, and others may take such files away
   * before they take the changelog (ExpireChangelogImpl). `expired`: nothing of it must be there.
   */
  readonly kind: 'snapshot' | 'tag' | 'changelog' | 'expired';
  readonly snapshot: Snapshot;
  /** Which lists are meant; undefined: all that such a root has. */
  readonly parts?: readonly ListPart[] | undefined;
};

/** Which list of a root: what was before it, what it changed, its changelog. */
export type ListPart = 'base' | 'delta' | 'changelog';

/** By name, with the bytes as far as they are written down. */
export type NamedFiles = {
  /** In `manifest/`: lists, manifests, index manifests. */
  readonly manifests: Map<string, number>;
  readonly indexes: Map<string, number>;
  readonly statistics: Map<string, number>;
  /** In `tidelake/`. */
  readonly objects: Map<string, number>;
};

export function noFiles(): NamedFiles {
  return { manifests: new Map(), indexes: new Map(), statistics: new Map(), objects: new Map() };
}

/** Adds what a root names besides data files. */
export async function addNamedFiles(table: Table, root: Root, to: NamedFiles): Promise<void> {
  const { snapshot, kind } = root;
  for (const list of listsOf(root)) {
    const metas = await listOf(table, list);
    if (metas === undefined) continue;
    to.manifests.set(list.name, list.sizeBytes ?? 0);
    for (const { fileName, fileSize } of metas) to.manifests.set(fileName, fileSize);
  }
  if (kind === 'changelog') return;
  const isNeeded = kind !== 'expired';
  if (snapshot.indexManifest !== undefined && !to.manifests.has(snapshot.indexManifest)) {
    const index = await unless404(readIndexManifest(table, snapshot.indexManifest), isNeeded);
    if (index !== undefined) {
      to.manifests.set(snapshot.indexManifest, index.bytes);
      for (const { fileName, fileSize, externalPath } of index.files) {
        if (externalPath === undefined) to.indexes.set(fileName, fileSize);
      }
    }
  }
  if (snapshot.statistics !== undefined) to.statistics.set(snapshot.statistics, 0);
  await addObjects(table, root, to.objects);
}

/** The manifests of some of a root's lists, in the order base, delta, changelog. */
export async function manifestsOfRoot(
  table: Table,
  root: Root,
  parts: readonly ListPart[],
): Promise<readonly ManifestFileMeta[]> {
  const metas: ManifestFileMeta[] = [];
  for (const list of listsOf(root)) {
    if (parts.includes(list.part)) metas.push(...((await listOf(table, list)) ?? []));
  }
  return metas;
}

/** Names of the files that live by these manifests. The filter must give an ADD and its DELETE the same answer. */
export async function liveNames(
  table: Table,
  metas: readonly ManifestFileMeta[],
  filter: ManifestFilter = {},
): Promise<Set<string>> {
  const wanted = metas.filter(meta => manifestMayMatch(meta, filter));
  const matches = filter.matches ?? (() => true);
  const deleted = new Set<string>();
  // Deletions first, so that never all entries are in memory at once. A deletion is among them itself: it is no live file.
  for await (const entries of eachManifest(
    table,
    wanted.filter(meta => meta.numDeletedFiles > 0),
  )) {
    for (const entry of entries) if (entry.kind === 'delete' && matches(entry)) deleted.add(identifierKey(entry));
  }
  const names = new Set<string>();
  for await (const entries of eachManifest(table, wanted)) {
    for (const entry of entries) {
      if (matches(entry) && !deleted.has(identifierKey(entry))) addNames(entry, names);
    }
  }
  return names;
}

export type AddedOptions = {
  readonly isNeeded: boolean;
  /** Which files are meant; undefined: all. */
  readonly takes?: ((file: PlacedFile) => boolean) | undefined;
};

/** Names of all files that these manifests add, whether or not they live. */
export async function addedNames(
  table: Table,
  metas: readonly ManifestFileMeta[],
  options: AddedOptions = { isNeeded: true },
): Promise<Set<string>> {
  const names = new Set<string>();
  for await (const entries of eachManifest(table, metas, options)) {
    for (const entry of entries) {
      if (entry.kind === 'add' && options.takes?.(entry) !== false) addNames(entry, names);
    }
  }
  return names;
}

/** The entries of each manifest, a few manifests in memory at a time. */
export async function* eachManifest(
  table: Table,
  metas: readonly ManifestFileMeta[],
  options: { readonly isNeeded: boolean } = { isNeeded: true },
): AsyncGenerator<readonly ManifestEntry[], void, undefined> {
  for (let at = 0; at < metas.length; at += manifestsInParallelMax) {
    const some = metas.slice(at, at + manifestsInParallelMax);
    yield* await mapBounded(
      some,
      manifestsInParallelMax,
      async meta => (await unless404(readManifest(table, meta), options.isNeeded)) ?? [],
    );
  }
}

/** Data files are known by their name; side files (indexes of a file) by theirs. */
export function addNames({ file }: Pick<ManifestEntry, 'file'>, to: Set<string>): void {
  to.add(file.fileName);
  for (const name of file.extraFiles) to.add(name);
}

type ListOfRoot = {
  readonly name: string;
  readonly sizeBytes: number | undefined;
  readonly isNeeded: boolean;
  readonly part: ListPart;
};

/** Base before delta before changelog. */
function listsOf({ kind, snapshot, parts }: Root): readonly ListOfRoot[] {
  const { baseManifestList, deltaManifestList, changelogManifestList } = snapshot;
  const isRead = kind === 'snapshot' || kind === 'tag';
  const lists: ListOfRoot[] = [
    { name: baseManifestList, sizeBytes: snapshot.baseManifestListSize, isNeeded: isRead, part: 'base' },
    { name: deltaManifestList, sizeBytes: snapshot.deltaManifestListSize, isNeeded: isRead, part: 'delta' },
  ];
  if (changelogManifestList !== undefined && kind !== 'tag') {
    const sizeBytes = snapshot.changelogManifestListSize;
    lists.push({ name: changelogManifestList, sizeBytes, isNeeded: kind === 'snapshot', part: 'changelog' });
  }
  return parts === undefined ? lists : lists.filter(({ part }) => parts.includes(part));
}

function listOf(table: Table, list: ListOfRoot): Promise<readonly ManifestFileMeta[] | undefined> {
  return unless404(readManifestList(table, list.name, list.sizeBytes), list.isNeeded);
}

async function readIndexManifest(
  table: Table,
  name: string,
): Promise<{ readonly files: readonly IndexFileMeta[]; readonly bytes: number }> {
  const key = `${table.path}/${manifestPath(name)}`;
  const object = await table.store.get(key, { bytesMax: manifestBytesMax });
  if (object === undefined) throw fileMissing(table, key);
  return { files: decodeIndexManifest(object.bytes, key), bytes: object.bytes.byteLength };
}

/**
 * The origins of rows and the ingest state, when they are objects, the dead-letter list that the state names, and the files in that
 * (DESIGN I1, I7).
 */
async function addObjects(table: Table, { kind, snapshot }: Root, to: Map<string, number>): Promise<void> {
  const isNeeded = kind !== 'expired';
  const originsName = snapshot.properties[originsObjectProperty];
  if (originsName !== undefined) to.set(originsName, 0);
  let state = snapshot.properties[stateProperty];
  let where = `snapshot ${snapshot.id} of ${table.label}`;
  const stateName = snapshot.properties[stateObjectProperty];
  if (state === undefined && stateName !== undefined) {
    if (to.has(stateName)) return;
    state = await textOf(table, stateName, { isNeeded });
    if (state === undefined) return;
    to.set(stateName, Buffer.byteLength(state));
    where = tableObjectKey(table, stateName);
  }
  const listName = state === undefined ? undefined : deadLetterListOf(state, where);
  if (listName === undefined || to.has(listName)) return;
  const list = await textOf(table, listName, { isNeeded });
  if (list === undefined) return;
  to.set(listName, Buffer.byteLength(list));
  for (const name of filesOfDeadLetterList(list, tableObjectKey(table, listName))) to.set(name, 0);
}

async function textOf(
  table: Table,
  name: string,
  options: { readonly isNeeded: boolean },
): Promise<string | undefined> {
  const key = tableObjectKey(table, name);
  const object = await table.store.get(key, { bytesMax: jsonBytesMax });
  if (object !== undefined) return Buffer.from(object.bytes).toString('utf8');
  if (options.isNeeded) throw fileMissing(table, key);
  return undefined;
}

/** Waits for a read; undefined when the file is missing and that does no harm. */
async function unless404<T>(reading: Promise<T>, isNeeded: boolean): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (!isNeeded && isLakeError(error, 'LAKE_FILE_MISSING')) return undefined;
    throw error;
  }
}
