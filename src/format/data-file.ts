/** What a manifest says of one data file. Rows (keys, statistics) are serialized BinaryRows, spec 5.3. @see spec 4.3 */
export type DataFileMeta = {
  readonly fileName: string;
  readonly fileSize: number;
  /** All rows, delete rows included. */
  readonly rowCount: number;
  /** Over the trimmed primary key; the empty row for append tables. */
  readonly minKey: Uint8Array;
  readonly maxKey: Uint8Array;
  readonly keyStats: SimpleStats;
  readonly valueStats: SimpleStats;
  readonly minSequenceNumber: bigint;
  readonly maxSequenceNumber: bigint;
  readonly schemaId: number;
  readonly level: number;
  readonly extraFiles: readonly string[];
  /** Local wall clock of the writer as if it were UTC; ours is UTC. Never relied on. */
  readonly creationTimeMs: number | undefined;
  /** Rows of kind -U and -D; undefined: not known. */
  readonly deleteRowCount: number | undefined;
  readonly embeddedIndex: Uint8Array | undefined;
  readonly fileSource: FileSource | undefined;
  /** undefined: the statistics cover all columns; else the columns they cover, in order. */
  readonly valueStatsCols: readonly string[] | undefined;
  readonly externalPath: string | undefined;
  readonly firstRowId: bigint | undefined;
  readonly writeCols: readonly string[] | undefined;
};

export type FileSource = 'append' | 'compact';

/** Minima, maxima and null counts of some columns; min and max are serialized BinaryRows of that many fields. */
export type SimpleStats = {
  readonly minValues: Uint8Array;
  readonly maxValues: Uint8Array;
  readonly nullCounts: readonly (bigint | undefined)[];
};
