/** The SDK's table. */
import { invalid } from '../base/errors.ts';
import { branchOption, copyTable } from '../catalog/dynamic-options.ts';
import type { Table } from '../table/table.ts';
import { rowKindOf } from '../types/row-kind.ts';
import { type CompactReceipt, type CompactRequest, compactLakeTable } from './compact-lake-table.ts';
import type { DeadLetter, ReplayReceipt, ReplayRequest } from './dead-letters.ts';
import { type LakeParts, tableAs } from './lake-parts.ts';
import type { LoadReceipt, LoadRequest, LoadSource } from './load-table.ts';
import type { RecordName, RecordTrail } from './locate-record.ts';
import { keyOfUser, type LookupRequest, lookupRow } from './lookup-row.ts';
import type { NamedWriter, SendReceipt, SendRequest } from './named-writer.ts';
import type { OverwriteReceipt, OverwriteRequest, PartitionChoice } from './overwrite-lake-table.ts';
import type { ProducerStanding } from './producer-standing.ts';
import type { RestoreReceipt, RollbackPoint } from './restore-lake-table.ts';
import type { WriteListener } from './row-sinks.ts';
import { allRows } from './row-stream.ts';
import { RowWriter, type WaitOptions } from './row-writer.ts';
import type { ScanRequest } from './scan-table.ts';
import type { WriterSettings } from './settings.ts';
import { type SubscribedChange, type SubscribeRequest, subscribeTable } from './subscribe-table.ts';
import { openSystemTable } from './system-rows.ts';
import { type TableAccounting, tableAccounting } from './table-accounting.ts';
import { TableBranches } from './table-branches.ts';
import { type ChangesRequest, tableChanges } from './table-changes.ts';
import type { Lag, LagRequest } from './table-lag.ts';
import { TableScan } from './table-scan.ts';
import { asUserRow, asUserRows, type RowChange, rowsAs, type TableShape } from './table-shape.ts';
import { TableTags } from './table-tags.ts';
import { type TableWatchRequest, watchLakeTable } from './watch/watch.ts';
import { type WatchBatch, watchRows } from './watch/watch-rows.ts';

type ColumnOf<S extends TableShape> = keyof S['row'] & string;

/** What to read; all is optional. */
export type ScanOptions<S extends TableShape, N extends ColumnOf<S>> = Omit<ScanRequest, 'columns'> & {
  readonly columns?: readonly N[] | undefined;
};

/**
 * A table of a lake, opened: plain to share, nothing to close. It shows the columns it was opened with; open it again to
 * see a schema that was changed since.
 */
export class LakeTable<S extends TableShape> {
  readonly #parts: LakeParts;
  readonly #table: Table;
  readonly #columns: readonly string[] | undefined;

  /** @param columns those that reads give; all of the table's when not given */
  constructor(parts: LakeParts, table: Table, columns?: readonly string[]) {
    this.#parts = parts;
    this.#table = table;
    this.#columns = columns;
  }

  /** `db.t`, or `db.t$branch_b`. */
  get name(): string {
    return this.#table.label;
  }

  /** The columns of the primary key; none for an append table. */
  get primaryKey(): readonly string[] {
    return this.#table.schema.primaryKeys;
  }

  /** The columns that reads give, in order. */
  get columns(): readonly string[] {
    return this.#columns ?? this.#table.schema.fields.map(field => field.name);
  }

  /** The table's options, as they were set. */
  get options(): Readonly<Record<string, string>> {
    return this.#table.schema.options;
  }

  /**
   * The same table with options on top of its own, for what is done with it: reads (`scan.*`, `incremental-between` …),
   * writes (`target-file-size`, `file.compression` …), compactions. The table's own stay as they are.
   *
   * @throws LakeError `invalid` LAKE_BAD_OPTION: an option that is fixed, contradicts others or has no such value
   */
  withOptions(options: Readonly<Record<string, string>>): LakeTable<S> {
    if (options[branchOption] !== undefined) {
      throw invalid('LAKE_BAD_OPTION', `${this.name}: open a branch by its name, ${this.name}$branch_…`);
    }
    return new LakeTable<S>(this.#parts, copyTable(this.#table, options), this.#columns);
  }

  /** Names for snapshots of the table, or of the branch it was opened as. */
  get tags(): TableTags {
    return new TableTags(this.#table);
  }

  /** Lines of the table that go their own way. */
  get branches(): TableBranches {
    return new TableBranches(this.#parts, this.#table);
  }

  /** A writer; dispose of it to have everything written. @throws LakeError `unsupported`, LAKE_NOT_LOGGED */
  writer(settings: WriterSettings & WriteListener = {}): RowWriter<S> {
    return new RowWriter(this.#parts, this.#table, settings);
  }

  /**
   * A writer that goes on under its name after a crash: `resumedNumber` says where it stood, and what is sent again under its
   * number is there once. Of two that are open under a name, the one opened last goes on.
   *
   * @param name 1 to 64 letters, digits, and . _ -
   * @throws LakeError `invalid` LAKE_NO_LOG, LAKE_NOT_LOGGED, LAKE_BAD_PRODUCER; `unsupported`; `unavailable`
   */
  async producer(name: string, options: WaitOptions = {}): Promise<NamedWriter<S>> {
    const { openNamedWriter } = await import('./named-writer.ts');
    return openNamedWriter<S>(this.#parts, this.#table, name, options);
  }

  /**
   * Sends rows as one numbered request of a producer, without looking where it stands: for functions, whose event says the
   * number and which may be invoked twice. Sent again, its rows are there once.
   *
   * @throws LakeError as `producer` and its `send` do
   */
  async send(rows: Iterable<S['input'] | S['key']>, request: SendRequest): Promise<SendReceipt> {
    const { sendOnce } = await import('./named-writer.ts');
    return sendOnce<S>(this.#parts, this.#table, rows, request);
  }

  /**
   * Loads many rows through the log: they lie beside the table as claims, and only their names go through the log, in one order
   * with everything else. All of it or nothing, and once under its name, also when a load that was cut off is called again.
   *
   * @throws LakeError as `loadTable` does: LAKE_NO_LOG, LAKE_BAD_VALUE and others of the rows, LAKE_LOAD_TOO_LARGE
   */
  async load(source: LoadSource<S['input']>, request: LoadRequest): Promise<LoadReceipt> {
    const { loadTable } = await import('./load-table.ts');
    return loadTable(this.#parts, this.#table, 'rows' in source ? { rows: asUserRows(source.rows) } : source, request);
  }

  /** Reads the table; see `TableScan` for the ways to take the rows. */
  scan<N extends ColumnOf<S> = ColumnOf<S>>(options: ScanOptions<S, N> = {}): TableScan<Pick<S['row'], N>> {
    return new TableScan(this.#parts, this.#table, { ...options, columns: options.columns ?? this.#columns });
  }

  /**
   * The row with this primary key, or undefined.
   *
   * @throws LakeError `invalid` LAKE_BAD_KEY, LAKE_BAD_VALUE, LAKE_NO_PRIMARY_KEY
   */
  async lookup(key: S['key'], options: Omit<LookupRequest, 'columns'> = {}): Promise<S['row'] | undefined> {
    const scalars = keyOfUser(this.#table, asUserRow(key));
    const found = await lookupRow(this.#parts, this.#table, scalars, { ...options, columns: this.#columns });
    return found === undefined ? undefined : rowsAs<S['row']>(found)(0);
  }

  /**
   * What the snapshots `from` to `to`, both included, changed. Without a changelog producer a row comes once for each
   * snapshot, with what became of it last.
   *
   * @throws LakeError `invalid` LAKE_SNAPSHOT_NOT_FOUND, LAKE_SNAPSHOT_EXPIRED, LAKE_BAD_RANGE
   */
  async *changes(
    range: Omit<ChangesRequest, 'columns'>,
  ): AsyncGenerator<RowChange<S['row']> & { readonly snapshotId: number }, void, undefined> {
    for await (const { rows, kinds, snapshotId } of tableChanges(this.#table, { ...range, columns: this.#columns })) {
      const row = rowsAs<S['row']>(rows);
      for (let index = 0; index < rows.rowCount; index += 1) {
        yield { kind: rowKindOf(kinds[index] ?? 0), row: row(index), snapshotId };
      }
    }
  }

  /**
   * Follows the table without a gap and without a repeat. On a lake with a log a change is there as soon as the log has it,
   * else with its snapshot. Ends when the signal aborts. Whoever keeps the `resume` of a change goes on behind it, in another
   * process, with `from: { resume }`; rows of a snapshot that is read whole have none. With `until` it ends by itself.
   *
   * @throws LakeError `fenced` LAKE_REBASE when the table was overwritten, LAKE_CONSUMER_TAKEN; `invalid` LAKE_SNAPSHOT_EXPIRED, LAKE_LOG_GAP,
   * LAKE_BAD_RANGE, LAKE_BAD_FILTER, LAKE_BAD_RESUME, LAKE_RESUME_EXPIRED: what followed the place is no longer kept, begin again from `full`
   */
  subscribe(request: Omit<SubscribeRequest, 'columns'>): AsyncGenerator<SubscribedChange<S['row']>, void, undefined> {
    return subscribeTable(this.#parts, this.#table, { ...request, columns: this.#columns });
  }

  /**
   * Watches the table: its rows (`full`), then what changes of them (`delta`), by its primary key; of an append table, which
   * has none, rows come and never go. Each complete batch makes what was given the table's rows as of one place. Changes that
   * come while a batch is worked on are given as one, however many they are. Ends when the signal aborts.
   *
   * Of tables that merge rows in another way than the newest winning, or with a filter that only SQL understands, the answer is
   * held in memory: `rowsMax` and `bytesMax` are its limits.
   *
   * @throws LakeError `invalid` LAKE_BAD_RESUME, LAKE_BAD_FILTER, LAKE_UNKNOWN_COLUMN, LAKE_WATCH_TOO_LARGE
   */
  watch<N extends ColumnOf<S> = ColumnOf<S>>(
    request: Omit<TableWatchRequest, 'columns'> & { readonly columns?: readonly N[] | undefined } = {},
  ): AsyncGenerator<WatchBatch<Pick<S['row'], N>>, void, undefined> {
    return watchRows(
      watchLakeTable(this.#parts, this.#table, { ...request, columns: request.columns ?? this.#columns }),
    );
  }

  /**
   * Merges files, all of them into one run with `full`, or sorts their rows with `sort`. Readers and writers go on meanwhile.
   *
   * @throws LakeError `conflict` LAKE_COMPACTION_CONFLICT; `invalid` LAKE_BAD_SORT_ORDER, LAKE_BAD_PARTITION, LAKE_BAD_FILTER
   */
  compact(request: CompactRequest = {}): Promise<CompactReceipt> {
    return compactLakeTable(tableAs(this.#parts, this.#table, 'compaction'), request);
  }

  /**
   * Puts rows in the place of those that are there: of the partitions they belong to, or, as `mode` or the option
   * `dynamic-partition-overwrite` says, of the named partition or the whole table. All of it or nothing.
   *
   * @param options.partition keys by name, as text; all rows must have them
   * @throws LakeError `invalid` LAKE_BAD_VALUE, LAKE_NULL_VALUE, LAKE_BAD_PARTITION; `conflict`, `unavailable`, `fenced`
   */
  async overwrite(
    rows: Iterable<S['input']> | AsyncIterable<S['input']>,
    options: OverwriteRequest = {},
  ): Promise<OverwriteReceipt> {
    const { gatherRows } = await import('./gather-rows.ts');
    const { overwriteLakeTable } = await import('./overwrite-lake-table.ts');
    return overwriteLakeTable(this.#parts, this.#table, gatherRows(this.#table, asUserRows(rows)), options);
  }

  /** Takes all rows away, in one snapshot. */
  async truncate(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<OverwriteReceipt> {
    const { truncateLakeTable } = await import('./overwrite-lake-table.ts');
    return truncateLakeTable(this.#parts, this.#table, options.signal);
  }

  /**
   * Drops partitions: those named, `[{ dt: '2024-01-01' }]` (keys that are left out may be anything), or those that a
   * condition over partition keys lets pass, `{ where: "dt < '2024-01-01'" }`.
   *
   * @throws LakeError `invalid` LAKE_BAD_PARTITION, LAKE_BAD_FILTER; LAKE_PARTITION_NOT_FOUND unless `ifExists`
   */
  async dropPartitions(
    partitions: PartitionChoice,
    options: { readonly ifExists?: boolean; readonly signal?: AbortSignal | undefined } = {},
  ): Promise<OverwriteReceipt> {
    const { dropLakePartitions } = await import('./overwrite-lake-table.ts');
    const { ifExists = false, signal } = options;
    return dropLakePartitions(this.#parts, this.#table, partitions, { ifExists, signal });
  }

  /**
   * Puts the table back to what it was: one snapshot on top, which has the rows of that state. Nothing is taken away, and
   * what the log had given does not come again.
   *
   * @throws LakeError `invalid` LAKE_SNAPSHOT_NOT_FOUND, LAKE_SNAPSHOT_EXPIRED, LAKE_TAG_NOT_FOUND; `unsupported`
   */
  async rollback(
    point: RollbackPoint,
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<RestoreReceipt> {
    const { rollbackLakeTable } = await import('./restore-lake-table.ts');
    return rollbackLakeTable(this.#parts, this.#table, point, options.signal);
  }

  /** Rows of the log that the table could not take, oldest first, and why. */
  async *deadLetters(): AsyncGenerator<DeadLetter, void, undefined> {
    const { listDeadLetters } = await import('./dead-letters.ts');
    yield* listDeadLetters(this.#table);
  }

  /**
   * Brings dead letters that fit the table by now again, through the log: each row comes in once, whoever else does so, and
   * though this ends at any moment. What still does not fit stays a dead letter.
   *
   * @throws LakeError `invalid` LAKE_NO_LOG, LAKE_NOT_LOGGED; `unavailable` LAKE_LOG_UNKNOWN: replay again to go on
   */
  async replayDeadLetters(request: ReplayRequest = {}): Promise<ReplayReceipt> {
    const { replayLakeDeadLetters } = await import('./dead-letters.ts');
    return replayLakeDeadLetters(this.#parts, this.#table, request);
  }

  /**
   * How far ingest is behind the log, or a subscription by its `resume` or its consumer's name: of each shard the age of the oldest
   * record that was not looked at. Nothing is taken over or moved.
   *
   * @throws LakeError `invalid` LAKE_NO_LOG, LAKE_BAD_RESUME, LAKE_RESUME_EXPIRED, LAKE_CONSUMER_NOT_FOUND
   */
  async lag(request: LagRequest = {}): Promise<Lag> {
    const { lagOfTable } = await import('./table-lag.ts');
    return lagOfTable(this.#parts, this.#table, request);
  }

  /**
   * Where a producer's name stands: its last number, and in which lanes that is in the table or still in the log. Nothing is
   * taken over; the senders by HTTP and by `send` under that name are the same producer.
   *
   * @throws LakeError `invalid` LAKE_NO_LOG, LAKE_NOT_LOGGED, LAKE_BAD_PRODUCER
   */
  async producerStanding(name: string, options: WaitOptions = {}): Promise<ProducerStanding> {
    const { producerStanding } = await import('./producer-standing.ts');
    return producerStanding(this.#parts, this.#table, name, options.signal);
  }

  /**
   * Which snapshot brought a record of the log in, by its shard and position or by its producer, lane and number, as a
   * writer's `onAcknowledged` tells them.
   */
  async locate(name: RecordName): Promise<RecordTrail> {
    const { trailOf } = await import('./locate-record.ts');
    return trailOf(this.#table, name);
  }

  /** What became of every row taken from the log, as of the newest snapshot. */
  accounting(): Promise<TableAccounting> {
    return tableAccounting(this.#table);
  }

  /**
   * All rows of a system table, `snapshots`, `files`, `schemas`, `options`, `manifests`, … with the names and types that
   * Paimon gives them. Of a large table read `ro`, `audit_log`, `binlog` and `row_tracking` with SQL, which streams.
   *
   * @throws LakeError `invalid` LAKE_TABLE_NOT_FOUND naming those there are, LAKE_NO_ROW_TRACKING
   */
  async system<Row extends object = Record<string, unknown>>(name: string): Promise<Row[]> {
    return allRows(await openSystemTable(this.#table, name));
  }
}
