/**
 * System tables of what a snapshot consists of: files, manifests, partitions, buckets.
 *
 * @see spec 14; Paimon 1.4.2 FilesTable, ManifestsTable, PartitionsTable, BucketsTable
 */
import { deserializeRow } from '../../format/binary-row.ts';
import { postponedBucket } from '../../format/bucket.ts';
import type { DataFileMeta } from '../../format/data-file.ts';
import type { ManifestEntry } from '../../format/manifest.ts';
import type { ManifestPlace } from '../../format/manifest-lines.ts';
import { formatOfFileName } from '../../format/paths.ts';
import type { Snapshot } from '../../format/snapshot.ts';
import { decodeStats } from '../../format/stats.ts';
import { fieldsNamed, type TableSchema, trimmedPrimaryKeys } from '../../format/table-schema.ts';
import { bucketKey, liveAmong, partitionKey } from '../../table/live-files.ts';
import {
  changelogManifestsOf,
  liveEntries,
  manifestsOf,
  readEntries,
  whileSnapshotStays,
} from '../../table/manifests.ts';
import { dataFileKey } from '../../table/read/file-source.ts';
import { partitionTypes, type Table } from '../../table/table.ts';
import type { RowType } from '../../types/data-type.ts';
import type { Scalar } from '../../types/scalar.ts';
import { bigint, boolean, int, millis, required, rowTypeOf, text, timestampOf } from './columns.ts';
import { fileStatsText } from './file-stats.ts';
import type { Rows } from './history-tables.ts';
import { keyText, partitionNameText, partitionValuesText } from './value-text.ts';

export const filesType: RowType = rowTypeOf({
  partition: text,
  bucket: required(int),
  file_path: required(text),
  file_format: required(text),
  schema_id: required(bigint),
  level: required(int),
  record_count: required(bigint),
  file_size_in_bytes: required(bigint),
  min_key: text,
  max_key: text,
  null_value_counts: required(text),
  min_value_stats: required(text),
  max_value_stats: required(text),
  min_sequence_number: bigint,
  max_sequence_number: bigint,
  creation_time: millis,
  deleteRowCount: bigint,
  file_source: text,
  first_row_id: bigint,
  write_cols: { kind: 'array', element: text, nullable: true },
});

export async function fileRows(table: Table, snapshot: Snapshot | undefined): Promise<Rows> {
  if (snapshot === undefined) return [];
  const rows: Scalar[][] = [];
  for (const entry of inPlaceOrder(await liveEntries(table, snapshot, { inPlace: isShown }))) {
    rows.push(await fileRow(table, entry));
  }
  return rows;
}

/** What a batch read would read: not the files of rows that are put off. */
function isShown({ bucket }: ManifestPlace): boolean {
  return bucket !== postponedBucket;
}

export const fileKeyRangesType: RowType = rowTypeOf({
  partition: text,
  bucket: required(int),
  file_path: required(text),
  file_format: required(text),
  schema_id: required(bigint),
  level: required(int),
  record_count: required(bigint),
  file_size_in_bytes: required(bigint),
  min_key: text,
  max_key: text,
  first_row_id: bigint,
});

/** The columns of `files` that stand in `file_key_ranges`, too. */
const keyRangeColumns = fileKeyRangesType.fields.map(({ name }) =>
  filesType.fields.findIndex(field => field.name === name),
);

export async function fileKeyRangeRows(table: Table, snapshot: Snapshot | undefined): Promise<Rows> {
  const rows = await fileRows(table, snapshot);
  return rows.map(row => keyRangeColumns.map(column => row[column] ?? null));
}

async function fileRow(table: Table, { partition, bucket, file }: ManifestEntry): Promise<Scalar[]> {
  const { schema } = table;
  const types = partitionTypes(schema);
  const partitionValues = deserializeRow(partition, types);
  const stats = fileStatsText(file, await table.schemas.get(file.schemaId), schema);
  return [
    partitionValuesText(types, partitionValues),
    bucket,
    file.externalPath ?? `${table.store.uri}/${dataFileKey(table, { partitionValues, bucket }, file.fileName)}`,
    formatOfFileName(file.fileName),
    BigInt(file.schemaId),
    file.level,
    BigInt(file.rowCount),
    BigInt(file.fileSize),
    boundText(schema, file.minKey),
    boundText(schema, file.maxKey),
    stats.nullCounts,
    stats.min,
    stats.max,
    file.minSequenceNumber,
    file.maxSequenceNumber,
    file.creationTimeMs === undefined ? null : timestampOf(file.creationTimeMs),
    file.deleteRowCount === undefined ? null : BigInt(file.deleteRowCount),
    file.fileSource === undefined ? null : file.fileSource.toUpperCase(),
    file.firstRowId ?? null,
    file.writeCols ?? null,
  ];
}

function boundText(schema: TableSchema, bytes: Uint8Array): Scalar {
  const fields = fieldsNamed(schema, trimmedPrimaryKeys(schema));
  if (fields.length === 0) return null;
  const types = fields.map(field => field.type);
  return keyText(types, deserializeRow(bytes, types));
}

export const manifestsType: RowType = rowTypeOf({
  file_name: required(text),
  file_size: required(bigint),
  num_added_files: required(bigint),
  num_deleted_files: required(bigint),
  schema_id: required(bigint),
  min_partition_stats: text,
  max_partition_stats: text,
  min_row_id: bigint,
  max_row_id: bigint,
});

export async function manifestRows(table: Table, snapshot: Snapshot | undefined): Promise<Rows> {
  if (snapshot === undefined) return [];
  const types = partitionTypes(table.schema);
  const metas = await whileSnapshotStays(table, snapshot, async () => [
    ...(await manifestsOf(table, snapshot)),
    ...(await changelogManifestsOf(table, snapshot)),
  ]);
  return metas.map(meta => {
    const stats = decodeStats(meta.partitionStats, types);
    return [
      meta.fileName,
      BigInt(meta.fileSize),
      BigInt(meta.numAddedFiles),
      BigInt(meta.numDeletedFiles),
      BigInt(meta.schemaId),
      partitionValuesText(types, stats.min),
      partitionValuesText(types, stats.max),
      meta.minRowId ?? null,
      meta.maxRowId ?? null,
    ];
  });
}

export const partitionsType: RowType = rowTypeOf({
  partition: text,
  record_count: required(bigint),
  file_size_in_bytes: required(bigint),
  file_count: required(bigint),
  last_update_time: millis,
  created_at: millis,
  created_by: text,
  updated_by: text,
  options: text,
  total_buckets: int,
  done: boolean,
  deleted_record_count: bigint,
});

export async function partitionRows(table: Table, snapshot: Snapshot | undefined): Promise<Rows> {
  const fields = fieldsNamed(table.schema, table.schema.partitionKeys);
  const naming = { legacyName: false, defaultName: table.options.partitions.defaultName };
  return (await partitionTotals(table, snapshot)).map(({ values, totalBuckets, ...total }) => {
    const name = partitionNameText(fields, values, naming);
    const updated = timestampOf(total.updatedMs);
    return [name, ...total.counts, updated, null, null, null, null, totalBuckets, null, total.deleted];
  });
}

export type PartitionTotals = Totals & { readonly values: readonly Scalar[]; readonly totalBuckets: number };

/** What lies in each partition that has files; what is put off counts when it has come into buckets, as Paimon has it. */
export async function partitionTotals(
  table: Table,
  snapshot: Snapshot | undefined,
): Promise<readonly PartitionTotals[]> {
  if (snapshot === undefined) return [];
  const shown = (await allEntries(table, snapshot)).filter(isShown);
  const groups = Map.groupBy(shown, entry => partitionKey(entry.partition));
  return [...groups.values()].flatMap(all => {
    const entries = liveAmong(all);
    const [first] = entries;
    if (first === undefined) return [];
    const values = deserializeRow(first.partition, partitionTypes(table.schema));
    const totalBuckets = entries.reduce((max, entry) => Math.max(max, entry.totalBuckets), first.totalBuckets);
    return [{ values, totalBuckets, ...totalsOf(entries, all) }];
  });
}

export const bucketsType: RowType = rowTypeOf({
  partition: text,
  bucket: required(int),
  record_count: required(bigint),
  file_size_in_bytes: required(bigint),
  file_count: required(bigint),
  last_update_time: millis,
});

export async function bucketRows(table: Table, snapshot: Snapshot | undefined): Promise<Rows> {
  if (snapshot === undefined) return [];
  const types = partitionTypes(table.schema);
  const groups = Map.groupBy(await allEntries(table, snapshot), bucketKey);
  return [...groups.values()].flatMap(all => {
    const entries = liveAmong(all);
    const [first] = entries;
    if (first === undefined) return [];
    const total = totalsOf(entries, all);
    const partition = partitionValuesText(types, deserializeRow(first.partition, types));
    return [[partition, first.bucket, ...total.counts, timestampOf(total.updatedMs)]];
  });
}

/** What is known of files that came, also of those that went again: the last change of a place may be a removal. */
async function allEntries(table: Table, snapshot: Snapshot): Promise<readonly ManifestEntry[]> {
  const read = async (): Promise<ManifestEntry[]> => readEntries(table, await manifestsOf(table, snapshot));
  return inPlaceOrder(await whileSnapshotStays(table, snapshot, read));
}

type Totals = {
  /** Rows, bytes, files. */
  readonly counts: readonly [bigint, bigint, bigint];
  readonly deleted: bigint;
  readonly updatedMs: number;
};

function totalsOf(live: readonly ManifestEntry[], all: readonly ManifestEntry[]): Totals {
  const sum = (of: (file: DataFileMeta) => number): bigint =>
    BigInt(live.reduce((total, { file }) => total + of(file), 0));
  const updatedMs = all.reduce((max, { file }) => Math.max(max, file.creationTimeMs ?? 0), 0);
  return {
    counts: [sum(file => file.rowCount), sum(file => file.fileSize), BigInt(live.length)],
    deleted: sum(file => file.deleteRowCount ?? 0),
    updatedMs,
  };
}

/** By partition, bucket, then level and age: neighbours belong together. */
function inPlaceOrder(entries: readonly ManifestEntry[]): readonly ManifestEntry[] {
  return entries.toSorted(
    (a, b) =>
      Buffer.compare(a.partition, b.partition) ||
      a.bucket - b.bucket ||
      a.file.level - b.file.level ||
      Number(a.file.minSequenceNumber - b.file.minSequenceNumber),
  );
}
