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
