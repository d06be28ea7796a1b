/**
 * Rows in the order in which they came, before it is known where they go: in memory up to a bound, beyond it in files under
 * names that no commit ever knows. Those are removed in the end; what dies before leaves them to the cleaning of orphans.
 */
import { isLakeError } from '../../base/errors.ts';
import type { DataFileMeta } from '../../format/data-file.ts';
import { fieldsNamed, type TableSchema } from '../../format/table-schema.ts';
import { columnReader } from '../../types/column-reader.ts';
import { batchBytes, columnOf } from '../../types/row-batch.ts';
import { noDeletions } from '../index-files.ts';
import { dataFileKey, type FilePlace } from '../read/file-source.ts';
import { type FileRead, readKeyValues } from '../read/read-file.ts';
import { readBatchRowsMax } from '../read/read-split.ts';
import type { Table } from '../table.ts';
import { DataFileWriter } from './data-file-writer.ts';
import type { InputRows } from './input-rows.ts';
import { numbersFrom } from './sequence-numbers.ts';

type SpilledFile = { readonly place: FilePlace; readonly file: DataFileMeta };

export class Arrivals {
  readonly #table: Table;
  readonly #schema: TableSchema;
  readonly #bytesMax: number;
  readonly #spilled: SpilledFile[] = [];
  #batches: InputRows[] = [];
  #bytes = 0;

  constructor(table: Table, schema: TableSchema, { bytesMax }: { readonly bytesMax: number }) {
    this.#table = table;
    this.#schema = schema;
    this.#bytesMax = bytesMax;
  }

  async add(input: InputRows): Promise<void> {
    if (input.rows.rowCount === 0) return;
    this.#batches.push(input);
    this.#bytes += batchBytes(input.rows);
    if (this.#bytes > this.#bytesMax) await this.#spill(input);
  }

  /** As often as need be. */
  async *all(): AsyncGenerator<InputRows, void, undefined> {
    // Of partition columns the file is asked as of any others: it lies in one partition and has rows of all.
    const schema: TableSchema = { ...this.#schema, partitionKeys: [] };
    const read: FileRead = { schema, wanted: schema, prune: undefined, batchRowsMax: readBatchRowsMax };
    for (const { place, file } of this.#spilled) {
      yield* readKeyValues(this.#table, { ...place, deletions: noDeletions }, file, read);
    }
    yield* this.#batches;
  }

  /** Takes the files away. What cannot be taken away now is for the cleaning of orphans: the rows are safe elsewhere. */
  async discard(): Promise<void> {
    for (const { place, file } of this.#spilled.splice(0)) {
      try {
        await this.#table.store.delete(dataFileKey(this.#table, place, file.fileName));
      } catch (error) {
        if (!isLakeError(error)) throw error;
      }
    }
  }

  async #spill({ rows }: InputRows): Promise<void> {
    const partitionValues = fieldsNamed(this.#schema, this.#schema.partitionKeys).map(field =>
      columnReader(columnOf(rows, field.name), field.type)(0),
    );
    const place = { partition: new Uint8Array(), partitionValues, bucket: 0, totalBuckets: -1 };
    // As a changelog has them: in any order, the same key more than once.
    const settings = {
      schema: this.#schema,
      level: 0,
      source: 'append',
      isChangelog: true,
      isTemporary: true,
    } as const;
    const writer = new DataFileWriter(this.#table, place, settings);
    for (const batch of this.#batches) {
      await writer.writeKeyValues({ ...batch, sequenceNumbers: numbersFrom(0n, batch.rows.rowCount) });
    }
    for (const { file } of await writer.finish()) this.#spilled.push({ place, file });
    this.#batches = [];
    this.#bytes = 0;
  }
}
