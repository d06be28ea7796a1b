/**
 * Reads Avro data files (`file.format` = avro, and files of rows that were put off). A record is decoded whole, and of it
 * the columns asked for are kept: Avro has no columns, no statistics and one row group.
 */
import type { ByteSource } from '../../bytes/byte-source.ts';
import { ColumnBuilder } from '../../types/column-builder.ts';
import type { DataField } from '../../types/data-type.ts';
import { makeRowBatch, type RowBatch } from '../../types/row-batch.ts';
import { type AvroFile, openAvro } from '../avro.ts';
import type { DataFileContent, DataFileReadOptions } from '../data-file-content.ts';
import { fromAvro } from './values.ts';

const batchRowsDefault = 65_536;

/**
 * @param where names the file in errors
 * @throws LakeError `corrupt` LAKE_CORRUPT_AVRO, `unsupported` for a codec that we do not know
 */
export async function openAvroData(source: ByteSource, where: string): Promise<DataFileContent> {
  const file = openAvro(await source.slice(0, source.byteLength), where);
  return {
    rowCount: file.recordCount,
    rowGroups: [{ rowCount: file.recordCount, byteSize: source.byteLength, columnRange: () => undefined }],
    read: options => readAvro(file, options, where),
  };
}

async function* readAvro(
  file: AvroFile,
  { fields, rowGroups, batchRowsMax = batchRowsDefault }: DataFileReadOptions,
  where: string,
): AsyncGenerator<RowBatch, void, undefined> {
  if (rowGroups !== undefined && !rowGroups.includes(0)) return;
  let batch = new BatchBuilder(fields, where);
  for (const records of file.blocks()) {
    for (const record of records) {
      batch.append(record);
      if (batch.rowCount < batchRowsMax) continue;
      yield batch.finish();
      batch = new BatchBuilder(fields, where);
    }
  }
  if (batch.rowCount > 0) yield batch.finish();
}

class BatchBuilder {
  readonly #fields: readonly DataField[];
  readonly #columns: readonly {
    readonly name: string;
    readonly read: ReturnType<typeof fromAvro>;
    readonly builder: ColumnBuilder;
  }[];
  rowCount = 0;

  constructor(fields: readonly DataField[], where: string) {
    this.#fields = fields;
    this.#columns = fields.map(({ name, type }) => ({
      name,
      read: fromAvro(type, `${where}: column \`${name}\``),
      builder: new ColumnBuilder(type),
    }));
  }

  /** A column that the file does not have is null. */
  append(record: Readonly<Record<string, unknown>>): void {
    for (const { name, read, builder } of this.#columns) builder.append(read(record[name]));
    this.rowCount += 1;
  }

  finish(): RowBatch {
    const columns = this.#columns.map(({ builder }) => builder.finish());
    return makeRowBatch({ fields: this.#fields }, this.rowCount, columns);
  }
}
