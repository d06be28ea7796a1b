/**
 * Gives files the indexes that their table wants by now, where they lack some: a file stays as it is, and its entry says that
 * it has another index. One COMPACT, in which the files go and come again under their names.
 *
 * An index is made of the rows as the file has them, deleted ones among them, since its positions are those of the file; and
 * it is named by the file's own names of columns.
 *
 * @see Paimon 1.4.2 FileIndexProcessor, RewriteFileIndexSink
 */
import { mapBounded } from '../../base/concurrency.ts';
import { unsupported } from '../../base/errors.ts';
import { deserializeRow } from '../../format/binary-row.ts';
import type { DataFileMeta } from '../../format/data-file.ts';
import { FileIndexBuilder } from '../../format/file-index/build-index.ts';
import { decodeFileIndex } from '../../format/file-index/container.ts';
import { fileIndexKinds, fileIndexSuffix } from '../../format/file-index/index-options.ts';
import type { ManifestEntry } from '../../format/manifest.ts';
import { namesOption } from '../../format/option-values.ts';
import { formatOfFileName } from '../../format/paths.ts';
import { batchCommitIdentifier } from '../../format/snapshot.ts';
import { refusedFeatures } from '../../format/table-options.ts';
import type { TableSchema } from '../../format/table-schema.ts';
import type { DataField } from '../../types/data-type.ts';
import type { Predicate } from '../../types/predicate.ts';
import type { RowBatch } from '../../types/row-batch.ts';
import type { Committer } from '../commit/commit.ts';
import { commitPlan, commitStop, type PlannedFile } from '../commit/request.ts';
import { noDeletions } from '../index-files.ts';
import { identifierKey } from '../live-files.ts';
import { liveEntries, streamWhileSnapshotStays } from '../manifests.ts';
import { partitionFilter } from '../partition-filter.ts';
import { sameValues } from '../read/column-mapping.ts';
import { dataFileKey, type ReadPlace } from '../read/file-source.ts';
import { type FoundIndex, indexOf, readKeyValues, readRows } from '../read/read-file.ts';
import { readBatchRowsMax } from '../read/read-split.ts';
import { latestSnapshot } from '../snapshots.ts';
import { partitionTypes, type Table } from '../table.ts';
import { checkDynamicOptions } from '../write/dynamic-options.ts';
import { committedId } from '../write/table-writer.ts';

/** Files whose rows are read at the same time. */
const filesAtOnceMax = 2;

export type IndexRewrite = {
  /** Files that got another index. */
  readonly fileCount: number;
  /** undefined: there was nothing to do, or others have taken all of the files away meanwhile. */
  readonly snapshotId: number | undefined;
};

type Rewritten = { readonly before: ManifestEntry; readonly after: PlannedFile };

/**
 * @param options.partitions over partition keys; undefined: all
 * @throws LakeError `unsupported`; `invalid` LAKE_SNAPSHOT_EXPIRED; `conflict`, `unavailable`, `fenced`
 */
export async function rewriteFileIndexes(
  table: Table,
  committer: Committer,
  options: { readonly partitions?: Predicate | undefined; readonly signal?: AbortSignal | undefined } = {},
): Promise<IndexRewrite> {
  const refused = refusedFeatures(table.schema, 'write');
  if (refused.length > 0) throw unsupported(refused.join(', '), `indexing files of ${table.label}`);
  checkDynamicOptions(table);
  const snapshot = await latestSnapshot(table);
  if (snapshot === undefined) return { fileCount: 0, snapshotId: undefined };
  const { matches } = partitionFilter(table.schema, options.partitions);
  // What is of level 0 gets its indexes when it is compacted, and no compaction leaves files there.
  const levelMin = table.schema.primaryKeys.length > 0 ? 1 : 0;
  const levels = { from: levelMin, to: Number.POSITIVE_INFINITY };
  const live = await liveEntries(table, snapshot, { levels });
  const entries = live.filter(({ partition, file }) => matches(partition) && isOurs(file));
  const rewrite = async function* (entry: ManifestEntry): AsyncGenerator<Rewritten, void, undefined> {
    options.signal?.throwIfAborted();
    const after = await rewritten(table, entry);
    if (after !== undefined) yield { before: entry, after };
  };
  const found = await mapBounded(entries, filesAtOnceMax, async entry => {
    for await (const item of streamWhileSnapshotStays(table, snapshot, rewrite(entry))) return item;
    return undefined;
  });
  const done = found.filter(item => item !== undefined);
  if (done.length === 0) return { fileCount: 0, snapshotId: undefined };
  return commitIndexes(table, committer, done, options.signal);
}

/** Parquet, and in the table's own folder. */
function isOurs({ fileName, externalPath }: DataFileMeta): boolean {
  return externalPath === undefined && formatOfFileName(fileName) === 'parquet';
}

async function commitIndexes(
  table: Table,
  committer: Committer,
  done: readonly Rewritten[],
  signal: AbortSignal | undefined,
): Promise<IndexRewrite> {
  let kept: readonly Rewritten[] = [];
  const outcome = await committer.commit({
    commitUser: table.random.uuid(),
    commitIdentifier: batchCommitIdentifier,
    signal,
    plan: async (base, again) => {
      if (again !== undefined) return commitStop('conflict', again.detail);
      const live = new Set((await base.liveEntries({})).map(identifierKey));
      kept = done.filter(({ before }) => live.has(identifierKey(before)));
      if (kept.length === 0) return commitStop('changed', 'others have taken the files away meanwhile');
      return commitPlan({
        kind: 'COMPACT',
        schemaId: table.schema.id,
        deletes: kept.map(({ before }) => before),
        adds: kept.map(({ after }) => after),
      });
    },
  });
  if (outcome.status === 'changed') return { fileCount: 0, snapshotId: undefined };
  return { fileCount: kept.length, snapshotId: committedId(table, outcome) };
}

/**
 * The file with the indexes that the table wants; undefined: it has them.
 *
 * They go into a file whose name is new, however small they are: an entry that says the same of a file as one that has been
 * deleted would count as deleted (S2 a). For that reason none is taken away either.
 */
async function rewritten(table: Table, entry: ManifestEntry): Promise<PlannedFile | undefined> {
  const { partition, bucket, totalBuckets, file } = entry;
  const place: ReadPlace = {
    partitionValues: deserializeRow(partition, partitionTypes(table.schema)),
    bucket,
    deletions: noDeletions,
  };
  const fileSchema = await table.schemas.get(file.schemaId);
  const wanted = wantedOf(table.schema, fileSchema);
  const there = await indexOf(table, place, file);
  const has = new Set(there === undefined ? [] : namesIn(there));
  if (wanted.names.every(name => has.has(name))) return undefined;
  const uploadBeganMs = table.storeTimeMs();
  const bytes = await builtIndex(table, place, file, wanted);
  // A kind of index may not be able to hold the values of a column.
  if (bytes === undefined || namesIn({ bytes, where: file.fileName }).every(name => has.has(name))) return undefined;
  const name = `${file.fileName}-${table.random.uuid()}${fileIndexSuffix}`;
  await table.store.put(dataFileKey(table, place, name), bytes);
  const others = file.extraFiles.filter(extra => !extra.endsWith(fileIndexSuffix));
  const renewed = { ...file, extraFiles: [...others, name], embeddedIndex: undefined };
  return { partition, bucket, totalBuckets, uploadBeganMs, file: renewed };
}

function namesIn({ bytes, where }: FoundIndex): readonly string[] {
  return decodeFileIndex(bytes, where).map(nameOf);
}

type Wanted = {
  /** Of the file, with options that ask for the indexes under its names of columns. */
  readonly schema: TableSchema;
  readonly fields: readonly DataField[];
  readonly names: readonly string[];
};

/** A column that the file does not have, or has in another type, gets no index: readers would not ask it. */
function wantedOf(schema: TableSchema, fileSchema: TableSchema): Wanted {
  const own = (name: string): DataField | undefined => {
    const field = schema.fields.find(candidate => candidate.name === name);
    const there = fileSchema.fields.find(({ id }) => id === field?.id);
    return field !== undefined && there !== undefined && sameValues(there.type, field.type) ? there : undefined;
  };
  const options: Record<string, string> = {};
  const fields = new Map<string, DataField>();
  const names: string[] = [];
  for (const kind of fileIndexKinds) {
    const key = `file-index.${kind}.columns`;
    const columns = namesOption(schema.options, key).flatMap(name => {
      const field = own(name);
      if (field === undefined) return [];
      for (const [option, value] of Object.entries(schema.options)) {
        const prefix = `file-index.${kind}.${name}.`;
        if (option.startsWith(prefix))
          options[`file-index.${kind}.${field.name}.${option.slice(prefix.length)}`] = value;
      }
      fields.set(field.name, field);
      names.push(nameOf({ column: field.name, kind }));
      return [field.name];
    });
    if (columns.length > 0) options[key] = columns.join(',');
  }
  return { schema: { ...fileSchema, options }, fields: [...fields.values()], names };
}

async function builtIndex(
  table: Table,
  place: ReadPlace,
  file: DataFileMeta,
  wanted: Wanted,
): Promise<Uint8Array | undefined> {
  const builder = new FileIndexBuilder(wanted.schema);
  const read = {
    schema: table.schema,
    wanted: { fields: wanted.fields },
    prune: undefined,
    batchRowsMax: readBatchRowsMax,
  };
  for await (const rows of rowsOf(table, place, file, read)) builder.append(rows);
  return builder.finish();
}

async function* rowsOf(
  table: Table,
  place: ReadPlace,
  file: DataFileMeta,
  read: Parameters<typeof readRows>[3],
): AsyncGenerator<RowBatch, void, undefined> {
  if (table.schema.primaryKeys.length === 0) yield* readRows(table, place, file, read);
  else for await (const { rows } of readKeyValues(table, place, file, read)) yield rows;
}

function nameOf({ column, kind }: { readonly column: string; readonly kind: string }): string {
  return `${kind} ${column}`;
}
