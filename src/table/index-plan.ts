/**
 * The index manifest that a plan puts in the place of its base's (spec 8.6): the base's entries but those that go, and
 * those that come. It is whole and written anew on every base, so that what others have committed meanwhile is in it.
 *
 * Deletion vectors lie in one index file for each bucket. In append tables without fixed buckets there may be several, and
 * only those that change are written again.
 */
import { deletedPositions, encodeVectorFile, type FileVector } from '../format/deletion-vector.ts';
import { deletionVectorsType, encodeIndexManifest, type IndexEntry } from '../format/index-manifest.ts';
import { indexFileName, indexManifestName, manifestPath } from '../format/paths.ts';
import type { BucketPlace, CommitBase, PlannedIndex, VectoredFile } from './commit/request.ts';
import {
  deletionsByBucket,
  indexEntriesOf,
  indexFileKey,
  readDeletionVector,
  rememberIndexManifest,
} from './index-files.ts';
import { bucketKey } from './live-files.ts';
import type { Table } from './table.ts';

/** What a plan does to the deletion vectors of a bucket. */
export type VectorChange = BucketPlace & {
  /** Names of data files that go. */
  readonly gone: ReadonlySet<string>;
  /** Positions that are deleted now, by data file. */
  readonly marks: ReadonlyMap<string, readonly number[]>;
};

export type IndexEdit = {
  /** Whether an entry of the base is left out. */
  readonly drops: (entry: IndexEntry) => boolean;
  readonly adds: readonly IndexEntry[];
};

/** @returns undefined: nothing changes, and the base's index manifest stays · @throws LakeError `unsupported` */
export async function planIndex(
  table: Table,
  base: CommitBase,
  edit: IndexEdit,
  files: readonly VectoredFile[],
): Promise<PlannedIndex | undefined> {
  const entries = await indexEntriesOf(table, base.snapshot);
  const kept = entries.filter(entry => !edit.drops(entry));
  if (kept.length === entries.length && edit.adds.length === 0) return undefined;
  const next = [...kept, ...edit.adds];
  const name = indexManifestName({ uuid: table.random.uuid(), count: 0 });
  const uploadBeganMs = table.storeTimeMs();
  await table.store.put(
    `${table.path}/${manifestPath(name)}`,
    encodeIndexManifest(next, table.options.manifests.codec),
  );
  rememberIndexManifest(table, name, next);
  return { name, uploadBeganMs, madeFrom: base.snapshot?.indexManifest, files };
}

/**
 * The index manifest after changes of vectors, whose index files are written here.
 *
 * @param changes of every bucket in which the plan deletes files or marks rows
 */
export async function planVectors(
  table: Table,
  base: CommitBase,
  changes: readonly VectorChange[],
): Promise<PlannedIndex | undefined> {
  const entries = (await indexEntriesOf(table, base.snapshot)).filter(entry => entry.indexType === deletionVectorsType);
  const byBucket = Map.groupBy(entries, bucketKey);
  const writer = new VectorFileWriter(table);
  const dropped = new Set<IndexEntry>();
  const adds: IndexEntry[] = [];
  const files: VectoredFile[] = [];
  for (const asked of merged(changes)) {
    const there = byBucket.get(bucketKey(asked)) ?? [];
    const change = await withoutStrays(base, there, asked);
    const touched = touchedEntries(table, there, change);
    for (const entry of touched) dropped.add(entry);
    const written = await writer.write(change, await vectorsAfter(table, touched, change));
    adds.push(...written);
    const next = [...there.filter(entry => !touched.includes(entry)), ...written];
    for (const range of next.flatMap(entry => entry.vectors ?? [])) {
      files.push({ partition: change.partition, bucket: change.bucket, file: { fileName: range.fileName } });
    }
  }
  return planIndex(table, base, { drops: entry => dropped.has(entry), adds }, files);
}

/** Paimon may leave a vector behind whose file it has compacted away; it goes with whatever changes its bucket's vectors. */
async function withoutStrays(
  base: CommitBase,
  entries: readonly IndexEntry[],
  change: VectorChange,
): Promise<VectorChange> {
  if (entries.length === 0) return change;
  const live = new Set((await base.liveFiles(change)).map(({ file }) => file.fileName));
  const strays = entries
    .flatMap(({ vectors = [] }) => vectors.map(({ fileName }) => fileName))
    .filter(name => !live.has(name));
  return strays.length === 0 ? change : { ...change, gone: new Set([...change.gone, ...strays]) };
}

/** One change for each bucket. */
function merged(changes: readonly VectorChange[]): readonly VectorChange[] {
  return [...Map.groupBy(changes, bucketKey).values()].flatMap(([first, ...more]) => {
    if (first === undefined) return [];
    const all = [first, ...more];
    return { ...first, gone: new Set(all.flatMap(({ gone }) => [...gone])), marks: mergedMarks(all) };
  });
}

function mergedMarks(changes: readonly VectorChange[]): VectorChange['marks'] {
  const marks = new Map<string, readonly number[]>();
  for (const change of changes) {
    for (const [name, positions] of change.marks) marks.set(name, [...(marks.get(name) ?? []), ...positions]);
  }
  return marks;
}

/** Index files of the bucket that must be written again. */
function touchedEntries(
  table: Table,
  entries: readonly IndexEntry[],
  { gone, marks }: VectorChange,
): readonly IndexEntry[] {
  const touched = entries.filter(({ vectors }) =>
    vectors?.some(({ fileName }) => gone.has(fileName) || marks.has(fileName)),
  );
  const isOneFile = table.schema.primaryKeys.length > 0 || table.options.bucket > 0;
  return isOneFile && touched.length + marks.size > 0 ? entries : touched;
}

async function vectorsAfter(
  table: Table,
  touched: readonly IndexEntry[],
  { gone, marks }: VectorChange,
): Promise<readonly FileVector[]> {
  const positions = new Map<string, Set<number>>();
  const places = [...deletionsByBucket(touched).values()].flatMap(vectors => [...vectors]);
  for (const [fileName, place] of places) {
    if (gone.has(fileName)) continue;
    const vector = await readDeletionVector(table, place);
    positions.set(fileName, new Set(deletedPositions(vector, 0, Number.MAX_SAFE_INTEGER)));
  }
  for (const [fileName, marked] of marks) {
    const ofFile = positions.get(fileName) ?? new Set<number>();
    positions.set(fileName, ofFile);
    for (const position of marked) ofFile.add(position);
  }
  return [...positions].map(([fileName, ofFile]) => ({ fileName, positions: [...ofFile].toSorted((a, b) => a - b) }));
}

/** Writes index files; what it uploads is an orphan until a commit names it. */
class VectorFileWriter {
  readonly #table: Table;
  readonly #uuid: string;
  #count = 0;

  constructor(table: Table) {
    this.#table = table;
    this.#uuid = table.random.uuid();
  }

  async write({ partition, bucket }: BucketPlace, vectors: readonly FileVector[]): Promise<readonly IndexEntry[]> {
    const { bits } = this.#table.options.vectors;
    const entries: IndexEntry[] = [];
    for (const part of this.#parts(vectors)) {
      const { bytes, ranges } = encodeVectorFile(part, bits);
      const fileName = indexFileName({ uuid: this.#uuid, count: this.#count });
      this.#count += 1;
      await this.#table.store.put(indexFileKey(this.#table, fileName), bytes);
      entries.push({
        partition,
        bucket,
        indexType: deletionVectorsType,
        fileName,
        fileSize: bytes.length,
        rowCount: ranges.length,
        vectors: ranges,
        externalPath: undefined,
        global: undefined,
      });
    }
    return entries;
  }

  /** All together where a bucket has one index file; elsewhere as many as make up the size of one. */
  #parts(vectors: readonly FileVector[]): readonly (readonly FileVector[])[] {
    if (vectors.length === 0) return [];
    const { schema, options } = this.#table;
    if (schema.primaryKeys.length > 0 || options.bucket > 0) return [vectors];
    const parts: FileVector[][] = [[]];
    let bytes = 0;
    for (const vector of vectors) {
      if (bytes >= options.vectors.indexFileBytes) {
        parts.push([]);
        bytes = 0;
      }
      parts.at(-1)?.push(vector);
      // Two bytes a position, unless they lie close together.
      bytes += vector.positions.length * 2;
    }
    return parts;
  }
}
