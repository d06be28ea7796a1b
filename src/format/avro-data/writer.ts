/** Writes Avro data files, record by record as Paimon lays them down. The file's bytes stay in memory until `finish`. */
import { assert } from '../../base/assert.ts';
import { rowsOf } from '../../types/column-reader.ts';
import type { RowType } from '../../types/data-type.ts';
import type { RowBatch } from '../../types/row-batch.ts';
import { type AvroFormat, type AvroRecord, avroFormat, encodeAvro, encodeAvroRecord } from '../avro.ts';
import type { AvroCodec } from '../avro-container.ts';
import type { DataFileEncoder, EncodedFile } from '../data-file-content.ts';
import type { FileCompression } from '../table-options.ts';
import { avroRecordType } from './record-type.ts';
import { type ToAvro, toAvro } from './values.ts';

/** Bytes of a file for a byte of a record, roughly. */
const packedShareGuess = 0.5;

export type AvroDataOptions = { readonly rowType: RowType; readonly compression: FileCompression };

/** @throws LakeError `unsupported` for columns that no Avro file can have */
export function createAvroDataWriter({ rowType, compression }: AvroDataOptions, where: string): DataFileEncoder {
  return new Writer(rowType, codecOf(compression), where);
}

/** Codecs that every reader of Avro has; which one it is says the file. */
function codecOf(compression: FileCompression): AvroCodec {
  switch (compression) {
    case 'none':
      return 'null';
    case 'gzip':
      return 'deflate';
    case 'snappy':
      return 'snappy';
    default:
      return 'zstandard';
  }
}

class Writer implements DataFileEncoder {
  readonly findsExtremes = false;
  readonly #format: AvroFormat;
  readonly #codec: AvroCodec;
  readonly #columns: readonly { readonly name: string; readonly write: ToAvro }[];
  readonly #records: Uint8Array[] = [];
  #recordBytes = 0;

  constructor(rowType: RowType, codec: AvroCodec, where: string) {
    this.#format = avroFormat(avroRecordType(rowType, where));
    this.#codec = codec;
    this.#columns = rowType.fields.map(({ name, type }) => ({ name, write: toAvro(type) }));
  }

  get rowCount(): number {
    return this.#records.length;
  }

  get estimatedBytes(): number {
    return Math.ceil(this.#recordBytes * (this.#codec === 'null' ? 1 : packedShareGuess));
  }

  append(batch: RowBatch): Promise<void> {
    assert(batch.columns.length === this.#columns.length, 'a column for each field of the record');
    for (const values of rowsOf(batch)) {
      const record: Record<string, unknown> = {};
      for (const [index, { name, write }] of this.#columns.entries()) record[name] = write(values[index] ?? null);
      const bytes = encodeAvroRecord(this.#format, record satisfies AvroRecord);
      this.#records.push(bytes);
      this.#recordBytes += bytes.length;
    }
    return Promise.resolve();
  }

  finish(): Promise<EncodedFile> {
    const bytes = encodeAvro(this.#format, this.#records, this.#codec);
    return Promise.resolve({ bytes, rowCount: this.#records.length, extremes: [] });
  }
}
