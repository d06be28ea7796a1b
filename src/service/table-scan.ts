/** The SDK's scan of a table: nothing is read before it is asked for rows. */

import type { Table } from '../table/table.ts';
import type { Table as ArrowTable, RecordBatch } from '../types/arrow.ts';
import type { LakeParts } from './lake-parts.ts';
import { allRows, arrowBatches, arrowTable, eachRow, type RowIterator, rowArrays } from './row-stream.ts';
import { countRows, type ScanRequest, scanTable } from './scan-table.ts';

/**
 * Rows as of one moment, in no particular order: the newest snapshot when the reading begins, the state that was named, or
 * with `union` everything that the log had acknowledged by then. Each use reads anew. A snapshot stays readable for an hour
 * after it was superseded.
 *
 * @throws LakeError from each way of reading: LAKE_UNKNOWN_COLUMN, LAKE_BAD_FILTER, LAKE_SNAPSHOT_NOT_FOUND,
 * LAKE_SNAPSHOT_EXPIRED, LAKE_TAG_NOT_FOUND, LAKE_UNSUPPORTED, `corrupt`, `unavailable`
 */
export class TableScan<Row extends object> implements AsyncIterable<Row> {
  readonly #parts: LakeParts;
  readonly #table: Table;
  readonly #request: ScanRequest;

  constructor(parts: LakeParts, table: Table, request: ScanRequest) {
    this.#parts = parts;
    this.#table = table;
    this.#request = request;
  }

  /** Row by row, in bounded memory. */
  [Symbol.asyncIterator](): RowIterator<Row> {
    return eachRow<Row>(() => scanTable(this.#parts, this.#table, this.#request));
  }

  /**
   * Arrays of rows, at most 2,048 each, in bounded memory: the quickest way to all rows as objects. It waits once for an array where
   * the iterator waits for each row, and objects that are not kept cost a third of those of `rows()`.
   */
  async *rowArrays(): AsyncGenerator<Row[], void, undefined> {
    yield* rowArrays<Row>(await scanTable(this.#parts, this.#table, this.#request));
  }

  /** All rows. */
  async rows(): Promise<Row[]> {
    return allRows(await scanTable(this.#parts, this.#table, this.#request));
  }

  /** Arrow record batches, in bounded memory. TIMESTAMP of 7 to 9 digits is 12 bytes: int64 millis, int32 nanos. */
  async *batches(): AsyncGenerator<RecordBatch, void, undefined> {
    yield* arrowBatches(await scanTable(this.#parts, this.#table, this.#request));
  }

  /** All rows as an Arrow table. */
  async toArrow(): Promise<ArrowTable> {
    return arrowTable(await scanTable(this.#parts, this.#table, this.#request));
  }

  /** How many rows; from the metadata alone where that tells. */
  async count(): Promise<number> {
    return Number(await countRows(this.#parts, this.#table, this.#request));
  }
}
