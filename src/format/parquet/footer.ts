/**
 * The footer of a Parquet file as plain values: schema, row groups, column chunks. `footer-reader.ts` and
 * `footer-writer.ts` turn it from and into bytes.
 *
 * Only what this house uses is kept: bloom filters, size statistics and key-value metadata are passed over on reading and
 * not written. Page indexes are apart from the footer (`page-index.ts`); it says where they are.
 *
 * @see https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift
 */
export type PhysicalType =
  | 'boolean'
  | 'int32'
  | 'int64'
  | 'int96'
  | 'float'
  | 'double'
  | 'byte-array'
  | 'fixed-len-byte-array';

/** By Thrift value. */
export const physicalTypes: readonly PhysicalType[] = [
  'boolean',
  'int32',
  'int64',
  'int96',
  'float',
  'double',
  'byte-array',
  'fixed-len-byte-array',
];

export type Repetition = 'required' | 'optional' | 'repeated';

/** By Thrift value. */
export const repetitions: readonly Repetition[] = ['required', 'optional', 'repeated'];

export type Codec = 'none' | 'snappy' | 'gzip' | 'lzo' | 'brotli' | 'lz4' | 'zstd' | 'lz4-raw';

/** By Thrift value. */
export const codecs: readonly Codec[] = ['none', 'snappy', 'gzip', 'lzo', 'brotli', 'lz4', 'zstd', 'lz4-raw'];

export type TimeUnit = 'millis' | 'micros' | 'nanos';

/** What values mean; `other` stands for annotations of types Paimon does not have, `map-key-value` for a map's entries. */
export type Annotation =
  | { readonly kind: 'string' | 'date' | 'list' | 'map' | 'map-key-value' | 'other' }
  | { readonly kind: 'decimal'; readonly precision: number; readonly scale: number }
  | { readonly kind: 'time' | 'timestamp'; readonly unit: TimeUnit; readonly isUtc: boolean }
  | { readonly kind: 'integer'; readonly bitWidth: number; readonly isSigned: boolean };

/** A node of the schema tree, in depth-first order; the first is the root. */
export type SchemaElement = {
  readonly name: string;
  /** undefined: a group */
  readonly physical: PhysicalType | undefined;
  /** bytes of a fixed-len-byte-array */
  readonly typeLength: number | undefined;
  /** undefined for the root */
  readonly repetition: Repetition | undefined;
  readonly childCount: number;
  readonly fieldId: number | undefined;
  readonly annotation: Annotation | undefined;
};

/** Plain-encoded bounds: each value lies within them; they need not be values of the column. */
export type ChunkStatistics = {
  readonly min: Uint8Array | undefined;
  readonly max: Uint8Array | undefined;
  readonly nullCount: number | undefined;
};

/** A stretch of the file. */
export type FileRegion = { readonly start: number; readonly bytes: number };

/** All values of one leaf column in one row group. Offsets are those of the file. */
export type ColumnChunk = {
  readonly physical: PhysicalType;
  /** Thrift values of parquet's Encoding */
  readonly encodings: readonly number[];
  readonly path: readonly string[];
  readonly codec: Codec;
  readonly valueCount: number;
  /** Page headers included in both. */
  readonly uncompressedBytes: number;
  readonly compressedBytes: number;
  readonly dataPageOffset: number;
  readonly dictionaryPageOffset: number | undefined;
  readonly statistics: ChunkStatistics | undefined;
  /** Where its pages are, and what is in them, is written there. */
  readonly offsetIndex?: FileRegion | undefined;
  readonly columnIndex?: FileRegion | undefined;
};

export type RowGroup = {
  /** One for each leaf of the schema, in its order. */
  readonly chunks: readonly ColumnChunk[];
  readonly rowCount: number;
  /** Uncompressed. */
  readonly byteSize: number;
};

export type Footer = {
  readonly version: number;
  readonly schema: readonly SchemaElement[];
  readonly rowCount: number;
  readonly rowGroups: readonly RowGroup[];
  readonly createdBy: string | undefined;
};

/** `PAR1`, at both ends of a file. */
export const magic: Uint8Array = Uint8Array.of(0x50, 0x41, 0x52, 0x31);

/** Length of the footer (4 bytes) and magic. */
export const tailBytes = 8;

/** Where a column chunk begins. */
export function chunkStart(chunk: ColumnChunk): number {
  const { dictionaryPageOffset, dataPageOffset } = chunk;
  return dictionaryPageOffset !== undefined && dictionaryPageOffset > 0 && dictionaryPageOffset < dataPageOffset
    ? dictionaryPageOffset
    : dataPageOffset;
}
