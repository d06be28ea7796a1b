/**
 * Where things lie in a table's folder, and what new files are called. All paths are relative, with `/` between parts
 * and none at the ends; metadata lies in the table's folder or in that of a branch, data in the table's folder always.
 *
 * @see spec 1, Paimon 1.4.2 FileStorePathFactory, SnapshotManager, SchemaManager, TagManager, BranchManager
 */
import { assert } from '../base/assert.ts';
import type { DataField } from '../types/data-type.ts';
import type { Scalar } from '../types/scalar.ts';
import { postponedBucket } from './bucket.ts';
import { escapePathName, partitionText } from './partition-text.ts';
import { compressionAt, type FileOptions, formatAt, type TableOptions } from './table-options.ts';
import { fieldsNamed, type TableSchema } from './table-schema.ts';

/** What the paths of data files depend on. */
export type DataLayout = {
  readonly partitionFields: readonly DataField[];
  readonly partitions: TableOptions['partitions'];
  readonly directory: string | undefined;
};

export const schemaFolder = 'schema';
export const snapshotFolder = 'snapshot';
export const changelogFolder = 'changelog';
export const manifestFolder = 'manifest';
export const indexFolder = 'index';
export const statisticsFolder = 'statistics';
export const tagFolder = 'tag';
export const branchFolder = 'branch';
export const consumerFolder = 'consumer';

export const latestHintPath = 'snapshot/LATEST';
export const earliestHintPath = 'snapshot/EARLIEST';
export const changelogLatestHintPath = 'changelog/LATEST';
export const changelogEarliestHintPath = 'changelog/EARLIEST';

export function schemaPath(id: number): string {
  return `${schemaFolder}/schema-${id}`;
}

export function snapshotPath(id: number): string {
  return `${snapshotFolder}/snapshot-${id}`;
}

/** A changelog that outlives its snapshot. */
export function changelogPath(id: number): string {
  return `${changelogFolder}/changelog-${id}`;
}

/** Of a manifest, a manifest list or an index manifest. */
export function manifestPath(name: string): string {
  return `${manifestFolder}/${name}`;
}

export function indexPath(name: string): string {
  return `${indexFolder}/${name}`;
}

export function statisticsPath(name: string): string {
  return `${statisticsFolder}/${name}`;
}

export function tagPath(name: string): string {
  return `${tagFolder}/tag-${name}`;
}

/** The folder that holds a branch's own schema, snapshot and tag folders. */
export function branchPath(name: string): string {
  return `${branchFolder}/branch-${name}`;
}

export function consumerPath(id: string): string {
  return `${consumerFolder}/consumer-${id}`;
}

/**
 * The number in names such as `snapshot-12`, from the name or its path.
 *
 * @returns undefined for any other name: hints, temporary files, leading zeros
 */
export function idOfName(path: string, kind: 'schema' | 'snapshot' | 'changelog'): number | undefined {
  const name = path.slice(path.lastIndexOf('/') + 1);
  if (!name.startsWith(`${kind}-`)) return undefined;
  const digits = name.slice(kind.length + 1);
  if (!/^(0|[1-9]\d{0,15})$/.test(digits)) return undefined;
  const id = Number(digits);
  return Number.isSafeInteger(id) ? id : undefined;
}

export function dataLayout(schema: TableSchema, options: TableOptions): DataLayout {
  return {
    partitionFields: fieldsNamed(schema, schema.partitionKeys),
    partitions: options.partitions,
    directory: options.files.directory,
  };
}

/** `dt=2024-01-01/hh=5`; empty for an unpartitioned table. */
export function partitionPath(layout: DataLayout, values: readonly Scalar[]): string {
  const { partitionFields, partitions } = layout;
  assert(
    values.length === partitionFields.length,
    () => `${values.length} values for ${partitionFields.length} partition keys`,
  );
  return partitionFields
    .map((field, index) => {
      const text = partitionText(field.type, values[index] ?? null, partitions);
      return `${escapePathName(field.name)}=${escapePathName(text)}`;
    })
    .join('/');
}

/** The folder of a bucket's files: `dt=2024-01-01/bucket-0`. */
export function bucketPath(layout: DataLayout, values: readonly Scalar[], bucket: number): string {
  assert(bucket >= 0 || bucket === postponedBucket, () => `bucket ${bucket}`);
  const folder = bucket === postponedBucket ? 'bucket-postpone' : `bucket-${bucket}`;
  return [layout.directory ?? '', partitionPath(layout, values), folder].filter(part => part !== '').join('/');
}

/** Of a data, changelog or file index file that has no external path. */
export function dataFilePath(layout: DataLayout, values: readonly Scalar[], file: FileInBucket): string {
  return `${bucketPath(layout, values, file.bucket)}/${file.fileName}`;
}

export type FileInBucket = { readonly bucket: number; readonly fileName: string };

/** `uuid` is one for all files of a writer, `count` goes up by one for each of them. */
export type FileNumber = { readonly uuid: string; readonly count: number };

export function dataFileName(files: FileOptions, number: FileNumber, level = 0): string {
  return files.dataPrefix + fileNameEnd(files, number, { level, format: undefined });
}

export function changelogFileName(files: FileOptions, number: FileNumber, level = 0): string {
  return files.changelogPrefix + fileNameEnd(files, number, { level, format: files.changelogFormat });
}

/**
 * Of a file that is read once by who wrote it and in no commit. No table has files of such names, so that a role may be
 * allowed to remove these and no others.
 */
export function temporaryFileName(name: string): string {
  return `temporary-${name}`;
}

/**
 * Of rows that wait for a bucket. Whoever gives them theirs goes by the order of a writer's files, and knows by what is
 * between the prefix and the number which are of one writer.
 */
export function postponedFileName(files: FileOptions, writer: PostponedWriter, number: FileNumber): string {
  const { user, writeId, format } = writer;
  return `${files.dataPrefix}-u-${user}-s-${writeId}-w-${number.uuid}-${number.count}.${format}`;
}

/** `user` is a part of file names. */
export type PostponedWriter = { readonly user: string; readonly writeId: number; readonly format: string };

export function manifestName(number: FileNumber): string {
  return `manifest-${number.uuid}-${number.count}`;
}

export function manifestListName(number: FileNumber): string {
  return `manifest-list-${number.uuid}-${number.count}`;
}

export function indexFileName(number: FileNumber): string {
  return `index-${number.uuid}-${number.count}`;
}

export function indexManifestName(number: FileNumber): string {
  return `index-manifest-${number.uuid}-${number.count}`;
}

/** The format of a data file: what stands after the last point of its name. */
export function formatOfFileName(fileName: string): string {
  const point = fileName.lastIndexOf('.');
  return point < 0 ? '' : fileName.slice(point + 1).toLowerCase();
}

type FileKind = { readonly level: number; readonly format: string | undefined };

function fileNameEnd(files: FileOptions, number: FileNumber, { level, format }: FileKind): string {
  const suffix = files.nameHasCompression ? `.${compressionAt(files, level)}` : '';
  return `${number.uuid}-${number.count}${suffix}.${format ?? formatAt(files, level)}`;
}
