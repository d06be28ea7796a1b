/**
 * The index files of the state that a table is brought to (RFC 0006): hash indexes of dynamic buckets, deletion vectors. What
 * the base has besides stays under its name; everything else comes as a copy, as data files do, since expiry may be about to
 * remove it. A copy's bytes are the same: the names of data files stand in the index manifest, and are changed there.
 */
import { mapBounded } from '../../base/concurrency.ts';
import { unsupported } from '../../base/errors.ts';
import { deletedPositions } from '../../format/deletion-vector.ts';
import { deletionVectorsType, hashIndexType, type IndexEntry, type VectorRange } from '../../format/index-manifest.ts';
import { indexFileName } from '../../format/paths.ts';
import { vectorIdentity } from '../commit/decide-index.ts';
import type { CommitBase, PlannedFile, PlannedIndex, PlannedUpload, VectoredFile } from '../commit/request.ts';
import {
  deletionsByBucket,
  indexEntriesOf,
  indexFileKey,
  noDeletions,
  readDeletionVector,
  readIndexFile,
  type VectorPlace,
} from '../index-files.ts';
import { planIndex } from '../index-plan.ts';
import { bucketKey, identifierKey, type PlacedFile } from '../live-files.ts';
import type { Table } from '../table.ts';
import { copiesInParallelMax } from './copy-files.ts';

/** A state of a table: its data files and its index files. */
export type TableState = { readonly files: readonly PlacedFile[]; readonly index: readonly IndexEntry[] };

/** Data files of the wanted state, and what stands for them after the commit; those that stay stand for themselves. */
export type Stand = ReadonlyMap<PlacedFile, PlannedFile>;

export type RestoredIndex = { readonly index: PlannedIndex | undefined; readonly uploads: readonly PlannedUpload[] };

/** @throws LakeError `unsupported` for indexes of columns, and for index files beside the table */
export function checkRestorable({ label }: Table, entries: readonly IndexEntry[]): void {
  for (const { indexType, externalPath } of entries) {
    if (indexType !== hashIndexType && indexType !== deletionVectorsType) {
      throw unsupported(`index files of type ${indexType}`, `restoring ${label}`);
    }
    if (externalPath !== undefined) throw unsupported('external paths', `restoring ${label}`);
  }
}

/** Identifiers of the files of both states that have not the same rows deleted. @throws LakeError `corrupt` */
export async function filesOfOtherVectors(table: Table, base: TableState, wanted: TableState): Promise<Set<string>> {
  const [now, then] = [deletionsByBucket(base.index), deletionsByBucket(wanted.index)];
  const live = new Set(base.files.map(identifierKey));
  const both = wanted.files.filter(placed => live.has(identifierKey(placed)));
  const others = new Set<string>();
  await mapBounded(both, copiesInParallelMax, async placed => {
    const [ofBase, ofWanted] = [now, then].map(buckets =>
      (buckets.get(bucketKey(placed)) ?? noDeletions).get(placed.file.fileName),
    );
    if (!(await deleteTheSame(table, ofBase, ofWanted))) others.add(identifierKey(placed));
  });
  return others;
}

async function deleteTheSame(table: Table, a: VectorPlace | undefined, b: VectorPlace | undefined): Promise<boolean> {
  if (a === undefined || b === undefined) return a === b;
  if (vectorIdentity(a) === vectorIdentity(b)) return true;
  const [first, second] = [await readDeletionVector(table, a), await readDeletionVector(table, b)];
  if (first.cardinality !== second.cardinality) return false;
  const others = deletedPositions(second, 0, Number.MAX_SAFE_INTEGER);
  for (const position of deletedPositions(first, 0, Number.MAX_SAFE_INTEGER)) {
    if (others.next().value !== position) return false;
  }
  return true;
}

export class IndexCopies {
  readonly #table: Table;
  readonly #uuid: string;
  /** By the name of what was copied. */
  readonly #copies = new Map<string, PlannedUpload>();
  #count = 0;

  constructor(table: Table) {
    this.#table = table;
    this.#uuid = table.random.uuid();
  }

  /** What was copied is too old to be committed. */
  forget(): void {
    this.#copies.clear();
  }

  /**
   * The index manifest of the wanted state on a base, whose copies are made here where they are missing.
   *
   * @throws LakeError `corrupt` LAKE_FILE_MISSING
   */
  async plan(base: CommitBase, wanted: TableState, stand: Stand): Promise<RestoredIndex> {
    const there = new Map((await indexEntriesOf(this.#table, base.snapshot)).map(entry => [entry.fileName, entry]));
    const names = standingNames(wanted.files, stand);
    const kept = new Set<IndexEntry>();
    const files: VectoredFile[] = [];
    const missing: IndexEntry[] = [];
    for (const entry of wanted.index) {
      const next = renamed(entry, names);
      if (next === undefined) continue;
      const { partition, bucket } = next;
      files.push(...(next.vectors ?? []).map(({ fileName }) => ({ partition, bucket, file: { fileName } })));
      const same = next === entry ? there.get(entry.fileName) : undefined;
      if (same === undefined) missing.push(next);
      else kept.add(same);
    }
    const uploads = await mapBounded(missing, copiesInParallelMax, entry => this.#copyOf(entry));
    const adds = missing.map((entry, index) => ({ ...entry, fileName: uploads[index]?.name ?? '' }));
    const index = await planIndex(this.#table, base, { drops: entry => !kept.has(entry), adds }, files);
    return { index, uploads };
  }

  async #copyOf(entry: IndexEntry): Promise<PlannedUpload> {
    const made = this.#copies.get(entry.fileName);
    if (made !== undefined) return made;
    const name = indexFileName({ uuid: this.#uuid, count: this.#count });
    this.#count += 1;
    const uploadBeganMs = this.#table.storeTimeMs();
    const bytes = await readIndexFile(this.#table, entry);
    await this.#table.store.put(indexFileKey(this.#table, name), bytes);
    const copy = { name, uploadBeganMs };
    this.#copies.set(entry.fileName, copy);
    return copy;
  }
}

/** By bucket and name: what a data file of the wanted state is called after the commit. */
function standingNames(files: readonly PlacedFile[], stand: Stand): ReadonlyMap<string, string> {
  return new Map(
    files.map(placed => [nameKey(placed, placed.file.fileName), (stand.get(placed) ?? placed).file.fileName]),
  );
}

function nameKey(place: Pick<PlacedFile, 'partition' | 'bucket'>, fileName: string): string {
  return `${bucketKey(place)}/${fileName}`;
}

/**
 * The entry with the data files' names as they are after the commit; the same object where nothing changes. A vector that
 * speaks of no file of the state, as Paimon may leave one behind, is left out.
 */
function renamed(entry: IndexEntry, names: ReadonlyMap<string, string>): IndexEntry | undefined {
  if (entry.indexType !== deletionVectorsType) return entry;
  const before = entry.vectors ?? [];
  const vectors = before.flatMap((range): VectorRange[] => {
    const fileName = names.get(nameKey(entry, range.fileName));
    if (fileName === undefined) return [];
    return [fileName === range.fileName ? range : { ...range, fileName }];
  });
  if (vectors.length === 0) return undefined;
  const isSame = vectors.length === before.length && vectors.every((range, index) => range === before[index]);
  return isSame ? entry : { ...entry, vectors, rowCount: vectors.length };
}
