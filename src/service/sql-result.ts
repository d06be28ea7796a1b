/** The SDK's result of a statement. */

import type { StatementResult } from '../sql/context.ts';
import type { Table as ArrowTable, RecordBatch } from '../types/arrow.ts';
import { allRows, arrowBatches, arrowTable, type OpenedRows } from './row-stream.ts';

/**
 * Rows of a query, to be taken once, in one of three forms. Read to its end, or broken off, it releases what it holds;
 * one that is not read is closed by disposing of it.
 *
 * @typeParam Row what a row is, by the caller's word: BIGINT comes as bigint, DECIMAL as string, TIMESTAMP up to 3 digits
 * as Date and else as string, as in scans; sums of whole numbers are DECIMAL(38, 0), averages DOUBLE
 */
export class SqlResult<Row extends object> implements AsyncIterable<RecordBatch>, AsyncDisposable {
  readonly #result: StatementResult;
  readonly #close: () => Promise<void>;

  constructor(result: StatementResult, close: () => Promise<void>) {
    this.#result = result;
    this.#close = close;
  }

  /** What a statement that gives no rows did; of a query empty. */
  get message(): string {
    return this.#result.kind === 'ok' ? this.#result.message : '';
  }

  /** Rows that an INSERT wrote. */
  get affectedRows(): number | undefined {
    return this.#result.kind === 'ok' ? this.#result.affectedRows : undefined;
  }

  /** Names of the columns, in order. */
  get columns(): readonly string[] {
    return this.#opened().rowType.fields.map(field => field.name);
  }

  /** All rows as objects. */
  rows(): Promise<Row[]> {
    return this.#toTheEnd(() => allRows<Row>(this.#opened()));
  }

  /** All rows as an Arrow table. */
  toArrow(): Promise<ArrowTable> {
    return this.#toTheEnd(() => arrowTable(this.#opened()));
  }

  /** Arrow record batches, in bounded memory. */
  async *[Symbol.asyncIterator](): AsyncGenerator<RecordBatch, void, undefined> {
    try {
      yield* arrowBatches(this.#opened());
    } finally {
      await this.#close();
    }
  }

  /** Gives the rest of the rows up. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#close();
  }

  #opened(): OpenedRows {
    return this.#result.kind === 'rows' ? this.#result : { rowType: { fields: [] }, batches: nothing() };
  }

  async #toTheEnd<T>(read: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } finally {
      await this.#close();
    }
  }
}

async function* nothing(): AsyncGenerator<never, void, undefined> {}
