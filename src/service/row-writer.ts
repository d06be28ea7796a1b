/** The SDK's writer of one table. */
import { invalid, isLakeError } from '../base/errors.ts';
import { checkHeaders, type RecordHeaders } from '../flow/record-headers.ts';
import type { Table } from '../table/table.ts';
import { checkKind, inputRows } from '../table/write/input-rows.ts';
import { type RowKind, rowKindByte } from '../types/row-kind.ts';
import type { UserRowReader } from '../types/user-row.ts';
import { untilAborted } from './acknowledgement.ts';
import { type ArrowColumns, rowBatchOf } from './arrow-columns.ts';
import { BatchingWriter, type PendingRows } from './batching-writer.ts';
import { inputReader, inTable, keyReader, kindsOf } from './input-readers.ts';
import type { LakeParts } from './lake-parts.ts';
import { headersWithoutLog, logFor, openRowSink, type WriteListener, type WriteReceipt } from './row-sinks.ts';
import type { WriterSettings } from './settings.ts';
import { asUserRow, type TableShape } from './table-shape.ts';

/** Aborting ends the waiting, not what is under way. */
export type WaitOptions = { readonly signal?: AbortSignal | undefined };

export type RowOptions = WaitOptions & {
  /** For those who follow the log: at most 32, 4 KiB together. Rows with other headers go in other records. */
  readonly headers?: RecordHeaders | undefined;
};

const batchRowsMaxDefault = 8_192;
const batchBytesMaxDefault = 8 * 1024 * 1024;
const bufferRowsMaxDefault = 200_000;
const bufferBytesMaxDefault = 256 * 1024 * 1024;
const lingerMsToLog = 2;
const lingerMsToTable = 5;
/** Rows of an iterable between two looks at whether there is room. */
const roomEveryRows = 1_024;

/**
 * Writes rows of a table: through the lake's log where it has one, else straight into the table, one snapshot for all rows
 * that come together.
 *
 * Every method that takes rows resolves when they are durable, says where they are, and keeps the order of the calls. They need not be awaited
 * one by one: rows given without waiting share batches, `flush` waits for all of them, and `room` holds back whoever is
 * quicker than the store. A row that does not fit its table is refused by itself (LAKE_BAD_VALUE) and does no harm to the
 * others. A failure of the store stops the writer: everything that was not acknowledged fails with it, and it may or may
 * not be there. Open another to go on.
 */
export class RowWriter<S extends TableShape> implements AsyncDisposable {
  readonly #table: Table;
  readonly #writer: BatchingWriter;
  readonly #reader: UserRowReader;
  readonly #keyReader: UserRowReader;
  readonly #hasLog: boolean;

  constructor(parts: LakeParts, table: Table, settings: WriterSettings & WriteListener = {}) {
    const { schema } = table;
    this.#table = table;
    this.#reader = inputReader(schema);
    this.#keyReader = keyReader(schema);
    this.#hasLog = logFor(parts, table) !== undefined;
    const { onAcknowledged, ...own } = settings;
    const given = { ...parts.settings.writer, ...own };
    this.#writer = new BatchingWriter(
      {
        label: table.label,
        rowType: { fields: schema.fields },
        sink: openRowSink(parts, table, { onAcknowledged }),
        clock: parts.clock,
      },
      {
        lingerMs: given.lingerMs ?? (this.#hasLog ? lingerMsToLog : lingerMsToTable),
        batchRowsMax: given.batchRowsMax ?? batchRowsMaxDefault,
        batchBytesMax: given.batchBytesMax ?? batchBytesMaxDefault,
        bufferRowsMax: given.bufferRowsMax ?? bufferRowsMaxDefault,
        bufferBytesMax: given.bufferBytesMax ?? bufferBytesMaxDefault,
      },
    );
  }

  /**
   * Puts a row in the place of the one with its key.
   *
   * @throws LakeError `invalid` LAKE_BAD_VALUE naming the column, LAKE_NO_PRIMARY_KEY; LAKE_BAD_HEADERS, LAKE_NO_LOG for headers
   *   without a log; of the store, see the class
   */
  upsert(row: S['input'], options: RowOptions = {}): Promise<WriteReceipt> {
    return this.#needsKey('upsert') ?? this.#waiting(options, () => this.#add(this.#reader, row, '+U', options));
  }

  /** Adds a row. On a table with a primary key it replaces one that has its key, as `upsert` does. */
  insert(row: S['input'], options: RowOptions = {}): Promise<WriteReceipt> {
    return this.#waiting(options, () => this.#add(this.#reader, row, '+I', options));
  }

  /** Takes the row with this key away; that there is none is fine. */
  delete(key: S['key'], options: RowOptions = {}): Promise<WriteReceipt> {
    return this.#needsKey('delete') ?? this.#waiting(options, () => this.#add(this.#keyReader, key, '-D', options));
  }

  /**
   * Writes columns: an Arrow table or record batch, such as a scan gives. Columns are found by name; those that
   * are missing are null.
   *
   * @param options.kind what the rows do, or a kind for each row; `+I` unless given
   * @throws LakeError `invalid` LAKE_BAD_BATCH, LAKE_NULL_VALUE naming the column, LAKE_DELETE_NOT_MERGED, LAKE_BAD_ROW_KIND
   */
  append(
    columns: ArrowColumns,
    options: RowOptions & { readonly kind?: RowKind | readonly RowKind[] } = {},
  ): Promise<WriteReceipt> {
    try {
      const { schema, label } = this.#table;
      const rows = rowBatchOf(columns, { fields: schema.fields }, label);
      const kinds = kindsOf(this.#table, options.kind ?? '+I', rows.rowCount);
      // Looked at here, so that a bad batch is refused by itself and does not stop the writer.
      const taken = inputRows(schema, { rows, kinds }, label);
      const headers = this.#headersOf(options);
      return this.#waiting(options, () => this.#writer.addBatch({ ...taken, headers }));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Upserts (or, without a primary key, inserts) many rows, no quicker than the store takes them. */
  async writeAll(rows: Iterable<S['input']> | AsyncIterable<S['input']>, options: RowOptions = {}): Promise<void> {
    const kind = this.#table.schema.primaryKeys.length > 0 ? '+U' : '+I';
    let last: Promise<unknown> | undefined;
    let count = 0;
    for await (const row of rows) {
      last = this.#add(this.#reader, row, kind, options);
      count += 1;
      if (count % roomEveryRows === 0) await this.room(options);
    }
    if (last !== undefined) await this.flush(options);
  }

  /** Rows that were given and are not acknowledged, and about how many bytes they have. */
  get pending(): PendingRows {
    return this.#writer.pending;
  }

  /** Resolves when there is room for more rows. Whoever writes many without awaiting each calls it now and then. */
  room(options: WaitOptions = {}): Promise<void> {
    return this.#writer.room(options.signal);
  }

  /** Resolves when every row given so far is durable. @throws LakeError what stopped the writer */
  flush(options: WaitOptions = {}): Promise<void> {
    return this.#writer.flush(options.signal);
  }

  /** Flushes and closes. Throws a failure only when nobody has heard of it. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#writer[Symbol.asyncDispose]();
  }

  #add(reader: UserRowReader, row: object, kind: RowKind, options: RowOptions): Promise<WriteReceipt> {
    try {
      const { schema, label } = this.#table;
      checkKind(schema, rowKindByte[kind], label);
      return this.#writer.add(reader(asUserRow(row)), rowKindByte[kind], this.#headersOf(options));
    } catch (error) {
      return Promise.reject(isLakeError(error) ? inTable(this.#table, error) : error);
    }
  }

  #headersOf({ headers }: RowOptions): RecordHeaders | undefined {
    const checked = checkHeaders(headers);
    if (checked === undefined || this.#hasLog) return checked;
    throw headersWithoutLog();
  }

  /** Nothing is written when the signal has aborted before. */
  #waiting<T>({ signal }: WaitOptions, write: () => Promise<T>): Promise<T> {
    return signal?.aborted === true ? Promise.reject(signal.reason) : untilAborted(write(), signal);
  }

  #needsKey(what: string): Promise<never> | undefined {
    if (this.#table.schema.primaryKeys.length > 0) return undefined;
    const why = `${this.#table.label} has no primary key: it takes insert, not ${what}`;
    return Promise.reject(invalid('LAKE_NO_PRIMARY_KEY', why));
  }
}
