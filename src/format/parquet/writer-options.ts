/** What a Parquet file is to be like: asked by those who write one, and by those who may take a row group over into it. */
import type { RowType } from '../../types/data-type.ts';
import type { EncodingLimits } from './column-encoding.ts';
import type { Codec } from './footer.ts';

export type ParquetCompression = 'zstd' | 'snappy' | 'gzip' | 'lz4' | 'none';

export type ParquetWriterOptions = EncodingLimits & {
  /** Names, types and field ids as they shall be in the file. */
  readonly rowType: RowType;
  readonly compression: ParquetCompression;
  /** Rows of a row group at most. */
  readonly rowGroupRowsMax?: number | undefined;
  /** A row group ends once its rows take this many bytes in memory (Paimon's `file.block-size`). */
  readonly rowGroupBytesMax?: number | undefined;
  /** 1 to 19, for zstd; Paimon's default is 1. */
  readonly zstdLevel?: number | undefined;
};

/** 128k rows of 130 bytes take about 60 MB of the wasm's memory, and larger groups are not written faster. */
export const rowGroupRowsDefault = 131_072;
export const rowGroupBytesDefault: number = 32 * 1024 * 1024;

/** Readers look for "version" in it; without one, parquet-mr warns at every file. */
export const createdBy = 'tidelake version 0.1.0';

export const codecOf: Readonly<Record<ParquetCompression, Codec>> = {
  zstd: 'zstd',
  snappy: 'snappy',
  gzip: 'gzip',
  lz4: 'lz4-raw',
  none: 'none',
};
