/** What a data file is to those who read and write rows, whatever its format. */
import type { DataField, DataType } from '../types/data-type.ts';
import type { ColumnRange } from '../types/prune.ts';
import type { RowBatch } from '../types/row-batch.ts';
import type { ColumnExtremes } from './column-extremes.ts';
import type { RowGroup } from './parquet/footer.ts';
import type { PageLocation } from './parquet/page-index.ts';
import type { ParquetWriterOptions } from './parquet/writer-options.ts';
import type { RowRange, RowRanges } from './row-ranges.ts';

export type DataFileReadOptions = {
  /** The columns wanted, by the names and types in the schema that the file was written with. */
  readonly fields: readonly DataField[];
  /** Indexes of row groups, ascending; undefined: all. */
  readonly rowGroups?: readonly number[] | undefined;
  /** Rows of a batch at most. */
  readonly batchRowsMax?: number | undefined;
  /**
   * Encoded and uncompressed bytes that are decoded at a time; decoding takes about three times that. A row group above
   * it is decoded in parts.
   */
  readonly windowBytesMax?: number | undefined;
};

export type LateReadOptions = DataFileReadOptions & {
  /** Columns beside `fields` that are decoded only where somebody asks for them. */
  readonly lateFields: readonly DataField[];
};

/** Rows of which some columns are decoded when they are asked for. */
export type LateBatch = {
  /** The columns of `fields`. */
  readonly rows: RowBatch;
  /**
   * The columns of `lateFields` of the same rows. May be called again, and of the batches of a file in their order; a batch
   * that is passed over is not decoded. Fails as `read` does.
   */
  readonly late: () => Promise<RowBatch>;
};

/** Few rows of one row group. */
export type RowSelection = {
  /** As in `DataFileReadOptions`. */
  readonly fields: readonly DataField[];
  readonly rowGroup: number;
  /** Not empty. */
  readonly ranges: RowRanges;
};

/** Pages that are there; to be disposed of when no more is selected. */
export type HeldPages = Disposable & {
  /** As that of the file, and by itself where something is not held. */
  readonly select: (selection: RowSelection) => Promise<RowBatch>;
};

/** What some rows of a row group hold of a column. */
export type PageContent = { readonly rows: RowRange; readonly range: ColumnRange | undefined };

export type RowGroupContent = {
  readonly rowCount: number;
  /** Uncompressed. */
  readonly byteSize: number;
  /**
   * The bounds of a column's values. A column that the file does not have is all null.
   *
   * @param type the type the column has in the file's schema; scalars are of that type
   * @returns undefined when nothing is known
   */
  columnRange(name: string, type?: DataType): ColumnRange | undefined;
};

/** A row group of a file that may go into another as it is. */
export type PackedRows = {
  readonly rowCount: number;
  /** In the file. */
  readonly bytes: number;
  /** Of each column of the row type, as in `EncodedFile`; but those of long texts may be some more than their values. */
  readonly extremes: readonly (ColumnExtremes | undefined)[];
  /** Fetches it. @param edgeFields columns of its first and its last row that are wanted */
  readonly load: (edgeFields: readonly DataField[]) => Promise<LoadedRows>;
};

export type LoadedRows = {
  readonly packed: PackedRowGroupBytes;
  /** The first row and the last, which may be the same. */
  readonly edges: RowBatch;
};

/** A row group by itself: offsets are counted from the first of its bytes. */
export type PackedRowGroupBytes = {
  readonly group: RowGroup;
  /** Nobody else has their buffer. */
  readonly bytes: Uint8Array;
  /** Of each chunk; undefined: it has none. */
  readonly pageIndexes: readonly PackedPageIndex[] | undefined;
};

export type PackedPageIndex = {
  readonly locations: readonly PageLocation[];
  /** As it is in the file; undefined: there is none. */
  readonly columnIndex: Uint8Array | undefined;
};

export type DataFileContent = {
  readonly rowCount: number;
  readonly rowGroups: readonly RowGroupContent[];
  /**
   * Rows in the file's order. Columns the file does not have are null, those not asked for are neither fetched nor
   * decoded where the format allows it.
   *
   * @throws LakeError `corrupt` at unsound bytes, or where a column cannot be of the type asked for
   */
  read(options: DataFileReadOptions): AsyncIterable<RowBatch>;
  /** As `read`, some columns late: with the same requests, only decoding is saved. Not there where rows are not in columns. */
  readonly readLate?: ((options: LateReadOptions) => AsyncIterable<LateBatch>) | undefined;
  /**
   * The rows of the selection as one batch: no more is fetched and decoded than the pages that hold them. Fails as `read`
   * does. Not there where a format has no pages.
   */
  readonly select?: ((selection: RowSelection) => Promise<RowBatch>) | undefined;
  /**
   * Fetches together what several `select` of the same rows, or some of them, would fetch one after the other. Not there where
   * what is fetched in vain costs money.
   */
  readonly hold?: ((selection: RowSelection) => Promise<HeldPages>) | undefined;
  /**
   * What the pages of columns of a row group hold, as far as the file says so without being read: for each of the fields
   * its pages, which together are all rows, or undefined.
   *
   * @throws LakeError `corrupt`
   */
  readonly pageContents?:
    | ((rowGroup: number, fields: readonly DataField[]) => Promise<readonly (readonly PageContent[] | undefined)[]>)
    | undefined;
  /**
   * A row group that the writer of a file like `wanted` can take as it is, since it would have written such a one itself.
   * Not there where a format has none; undefined where this one is not such.
   */
  readonly packedRows?: ((rowGroup: number, wanted: ParquetWriterOptions) => PackedRows | undefined) | undefined;
};

/** A file in the making. */
export type DataFileEncoder = {
  /** Takes the rows. Resolves when there is room for more; batches must not be changed afterwards. */
  append(batch: RowBatch): Promise<void>;
  /** As `append`, of rows that are packed already; their bytes may not be used afterwards. Not there where a format has none. */
  appendPacked?: ((rows: PackedRows, packed: PackedRowGroupBytes) => Promise<void>) | undefined;
  /** Rows taken so far. */
  readonly rowCount: number;
  /** About how long the file would be if it ended here. */
  readonly estimatedBytes: number;
  /** Whether `finish` tells the extremes of columns, so that nobody else has to look for them. */
  readonly findsExtremes: boolean;
  /** The whole file. The encoder must not be used afterwards. */
  finish(): Promise<EncodedFile>;
};

export type EncodedFile = {
  readonly bytes: Uint8Array;
  readonly rowCount: number;
  /** For each part of its rows, and in it for each column of the row type; undefined for nested ones. */
  readonly extremes: readonly (readonly (ColumnExtremes | undefined)[])[];
};
