/**
 * Manifests: Avro files of data files that come or go.
 *
 * @see spec 4.3, Paimon 1.4.2 ManifestFile, ManifestEntrySerializer, DataFileMetaSerializer
 */
import type { DataType } from '../types/data-type.ts';
import type { DataFileMeta, SimpleStats } from './data-file.ts';

/** A line of a manifest: a file comes or goes. @see spec 4.3 */
export type ManifestEntry = {
  readonly kind: 'add' | 'delete';
  /** Serialized BinaryRow of the partition values; 12 zero bytes for an unpartitioned table. */
  readonly partition: Uint8Array;
  readonly bucket: number;
  /** The bucket count the file was written under; -1 for unaware and dynamic buckets. */
  readonly totalBuckets: number;
  readonly file: DataFileMeta;
};

/** A line of a manifest list: a manifest file and what is known of its entries. @see spec 4.2 */
export type ManifestFileMeta = {
  readonly fileName: string;
  readonly fileSize: number;
  readonly numAddedFiles: number;
  readonly numDeletedFiles: number;
  readonly partitionStats: SimpleStats;
  readonly schemaId: number;
  readonly minBucket: number | undefined;
  readonly maxBucket: number | undefined;
  readonly minLevel: number | undefined;
  readonly maxLevel: number | undefined;
  readonly minRowId: bigint | undefined;
  readonly maxRowId: bigint | undefined;
};

/** The bytes of a manifest. */
export function encodeManifest(_entries: readonly ManifestEntry[]): Uint8Array {
  throw new Error('not yet');
}

/**
 * @param where the file's name, for messages
 * @throws LakeError `corrupt` LAKE_CORRUPT_AVRO, `unsupported` for a codec or version that we do not know
 */
export function decodeManifest(_bytes: Uint8Array, _where: string): ManifestEntry[] {
  throw new Error('not yet');
}

/** What a manifest list says of a manifest with these entries. */
export function manifestFileMeta(
  _entries: readonly ManifestEntry[],
  _file: { readonly fileName: string; readonly fileSize: number; readonly partitionTypes: readonly DataType[] },
): ManifestFileMeta {
  throw new Error('not yet');
}
