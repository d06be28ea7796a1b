/** The formats that data files come in. A file's name ends in its format; a table may have files of several. */
import type { ByteSource } from '../bytes/byte-source.ts';
import type { RowType } from '../types/data-type.ts';
import { openAvroData } from './avro-data/reader.ts';
import { createAvroDataWriter } from './avro-data/writer.ts';
import type { DataFileContent, DataFileEncoder, PackedRows } from './data-file-content.ts';
import type { LayoutCache } from './parquet/layout.ts';
import { openParquet } from './parquet/reader.ts';
import { createParquetWriter } from './parquet/writer.ts';
import type { ParquetWriterOptions } from './parquet/writer-options.ts';
import { formatOfFileName } from './paths.ts';
import { compressionAt, type FileFormat, type FileOptions } from './table-options.ts';

/** Rows of a row group of our files: bounds memory of writers and readers alike. */
export const rowGroupRowsMax = 65_536;

export function isKnownFormat(format: string): format is FileFormat {
  return format === 'parquet' || format === 'avro';
}

/**
 * @param key of the file, which ends in its format
 * @param layouts what is known of files by their keys
 * @throws LakeError `corrupt`
 */
export function openDataFile(source: ByteSource, key: string, layouts?: LayoutCache): Promise<DataFileContent> {
  return formatOfFileName(key) === 'avro' ? openAvroData(source, key) : openParquet(source, key, layouts);
}

export type NewDataFile = { readonly format: FileFormat; readonly level: number; readonly rowType: RowType };

/** @throws LakeError `unsupported` for columns that the format does not have */
export function createDataFile(files: FileOptions, file: NewDataFile): DataFileEncoder {
  const { format, level, rowType } = file;
  if (format === 'parquet') return createParquetWriter(parquetOptions(files, file));
  return createAvroDataWriter({ rowType, compression: compressionAt(files, level) }, 'writing a data file');
}

function parquetOptions(files: FileOptions, { level, rowType }: NewDataFile): ParquetWriterOptions {
  return {
    rowType,
    compression: compressionAt(files, level),
    zstdLevel: files.compressionZstdLevel,
    rowGroupRowsMax,
    rowGroupBytesMax: files.blockBytes,
    withoutDeltas: files.withoutDeltas,
  };
}

/** For each row group of a file whether it may go into a new one as it is. */
export function packedRowGroups(
  content: DataFileContent,
  files: FileOptions,
  file: NewDataFile,
): readonly (PackedRows | undefined)[] {
  const wanted = file.format === 'parquet' ? parquetOptions(files, file) : undefined;
  return content.rowGroups.map((_, index) => (wanted === undefined ? undefined : content.packedRows?.(index, wanted)));
}
