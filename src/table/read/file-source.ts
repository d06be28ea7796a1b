import { corrupt } from '../../base/errors.ts';
import { type ByteSource, bytesSource } from '../../bytes/byte-source.ts';
import type { DataFileMeta } from '../../format/data-file.ts';
import { dataFilePath, dataLayout } from '../../format/paths.ts';
import type { Deletions } from '../index-files.ts';
import { fileMissing } from '../manifests.ts';
import type { Split } from '../scan/split.ts';
import type { Table } from '../table.ts';

/** Files up to this come in one request; larger ones by ranges. */
export const wholeFileBytesDefault: number = 8 * 1024 * 1024;

export type FilePlace = Pick<Split, 'partitionValues' | 'bucket'>;

/** A place whose rows are read: without those that its deletion vectors name. */
export type ReadPlace = FilePlace & { readonly deletions: Deletions };

/** Key of a data file in the store. Paths follow the table's current layout options, which never change. */
export function dataFileKey(table: Table, place: FilePlace, fileName: string): string {
  const layout = dataLayout(table.schema, table.options);
  return `${table.path}/${dataFilePath(layout, place.partitionValues, { bucket: place.bucket, fileName })}`;
}

/**
 * The bytes of a data file.
 *
 * @throws LakeError `corrupt` LAKE_FILE_MISSING or LAKE_FILE_SIZE, now or when bytes are asked for
 */
export async function openFileSource(
  table: Table,
  place: FilePlace,
  file: DataFileMeta,
  wholeFileBytesMax: number = wholeFileBytesDefault,
): Promise<ByteSource> {
  const key = dataFileKey(table, place, file.fileName);
  if (file.fileSize <= wholeFileBytesMax) {
    const object = await table.store.get(key, { bytesMax: wholeFileBytesMax });
    if (object === undefined) throw fileMissing(table, key);
    if (object.bytes.length !== file.fileSize) throw wrongSize(key, object.bytes.length, file.fileSize);
    return bytesSource(object.bytes);
  }
  return {
    byteLength: file.fileSize,
    isOwned: true,
    requestsAreFree: table.store.requestsAreFree,
    async slice(start, end) {
      const bytes = await table.store.getRange(key, { start, end });
      if (bytes === undefined) throw fileMissing(table, key);
      if (bytes.length !== end - start) throw wrongSize(key, start + bytes.length, file.fileSize);
      return bytes;
    },
  };
}

function wrongSize(key: string, found: number, expected: number): Error {
  return corrupt('LAKE_FILE_SIZE', `${key} has ${found} bytes, its manifest says ${expected}`);
}
