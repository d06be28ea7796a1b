/** The SDK's front door: a lake, opened. */
import { dropTable } from '../catalog/drop-table.ts';
import { parseIdentifier } from '../catalog/identifier.ts';
import { readCatalogTable } from '../catalog/system-database.ts';
import type { Columns } from './column-types.ts';
import { type IngestReceipt, ingestOnce } from './ingest-log.ts';
import { type LakeComponents, type LakeParts, openLakeParts } from './lake-parts.ts';
import { LakeTable } from './lake-table.ts';
import { listAllTables } from './list-tables.ts';
import { withLogOf } from './named-logs.ts';
import { allRows } from './row-stream.ts';
import { runSql, sqlSession } from './run-sql.ts';
import type { LakeSettings } from './settings.ts';
import type { SqlResult } from './sql-result.ts';
import { type SqlOptions, type SqlValue, sqlRequestOf } from './sql-template.ts';
import { openBatch } from './system-rows.ts';
import { checkColumns, definitionOfSpec, type TableSpec } from './table-definitions.ts';
import type { AnyShape, ShapeOf, TableShape } from './table-shape.ts';
import { createLakeTable, openLakeTable } from './tables.ts';
import { type QueryWatchRequest, type TableWatchRequest, watchQuery } from './watch/watch.ts';
import { type WatchBatch, watchRows } from './watch/watch-rows.ts';
import { LakeWorker, type RunOptions } from './worker.ts';

export type CreateTableSpec<C extends Columns, K extends keyof C & string> = Omit<
  TableSpec,
  'columns' | 'primaryKey' | 'partitionBy'
> & {
  /** In order. NOT NULL unless they say otherwise. */
  readonly columns: C;
  /** Without it the table is an append table. */
  readonly primaryKey?: readonly K[];
  readonly partitionBy?: readonly (keyof C & string)[];
  /** Opens the table that is there instead of failing, if it has these columns and this key. */
  readonly ifNotExists?: boolean;
};

export type ExpectedTable<C extends Columns, K extends keyof C & string> = {
  /** The table may have more: reads give these, and writes leave the others null. */
  readonly columns: C;
  readonly primaryKey?: readonly K[];
};

/**
 * Opens a lake. What it opens lazily (SQL) and what it starts (workers) ends with it.
 *
 * @param components what to use instead of what the settings would open, such as a clock of a simulation
 * @throws LakeError `invalid`: LAKE_BAD_SETTINGS, LAKE_STORE_NOT_FOUND (a missing bucket), LAKE_STORE_DENIED (wrong
 * credentials), LAKE_STORE_NO_CONDITIONAL_PUT, LAKE_LOG_NOT_FOUND, LAKE_LOG_DENIED; `unavailable`
 */
export async function openLake(settings: LakeSettings, components: LakeComponents = {}): Promise<Lake> {
  return new Lake(await openLakeParts(settings, components));
}

/** Made by `openLake`. Everything may be used by many callers at once. */
export class Lake implements AsyncDisposable {
  readonly #parts: LakeParts;
  readonly #session = sqlSession();
  readonly #workers = new Set<LakeWorker>();
  #closing: Promise<void> | undefined;

  constructor(parts: LakeParts) {
    this.#parts = parts;
  }

  /**
   * Makes a table, and its database when that is missing.
   *
   * @param name `db.t`
   * @throws LakeError `invalid` LAKE_TABLE_EXISTS, LAKE_BAD_NAME, LAKE_BAD_SCHEMA, LAKE_SCHEMA_MISMATCH (with `ifNotExists`)
   */
  async createTable<const C extends Columns, const K extends keyof C & string = never>(
    name: string,
    spec: CreateTableSpec<C, K>,
  ): Promise<LakeTable<ShapeOf<C, K>>> {
    await createLakeTable(this.#parts, name, definitionOfSpec(spec), { ifNotExists: spec.ifNotExists ?? false });
    return this.table(name, { columns: spec.columns, primaryKey: spec.primaryKey ?? [] });
  }

  /**
   * Opens a table, or a branch of it (`db.t$branch_b`). With `columns` its rows are typed, and it is checked that the table
   * has them.
   *
   * @throws LakeError `invalid` LAKE_TABLE_NOT_FOUND, LAKE_DATABASE_NOT_FOUND, LAKE_BRANCH_NOT_FOUND, LAKE_SCHEMA_MISMATCH
   */
  async table(name: string): Promise<LakeTable<AnyShape>>;
  async table<const C extends Columns, const K extends keyof C & string = keyof C & string>(
    name: string,
    expected: ExpectedTable<C, K>,
  ): Promise<LakeTable<ShapeOf<C, K>>>;
  async table<const C extends Columns, const K extends keyof C & string>(
    name: string,
    expected?: ExpectedTable<C, K>,
  ): Promise<LakeTable<AnyShape> | LakeTable<ShapeOf<C, K>>> {
    const table = await openLakeTable(this.#parts, name);
    const parts = await withLogOf(this.#parts, table);
    if (expected === undefined) return new LakeTable<AnyShape>(parts, table);
    checkColumns(table.label, table.schema, expected);
    return new LakeTable<ShapeOf<C, K>>(parts, table, Object.keys(expected.columns));
  }

  /** Names of all tables, `db.t`, in order. */
  tables(): Promise<readonly string[]> {
    return listAllTables(this.#parts);
  }

  /**
   * All rows of a table of the database `sys`: `tables`, `partitions`, `all_table_options`, `catalog_options`, with the names
   * and types that Paimon gives them.
   *
   * @throws LakeError `invalid` LAKE_TABLE_NOT_FOUND naming those there are
   */
  async system<Row extends object = Record<string, unknown>>(name: string): Promise<Row[]> {
    return allRows(openBatch(await readCatalogTable(this.#parts, name)));
  }

  /**
   * Drops a table. Its writers are stopped, its name is free afterwards.
   *
   * @throws LakeError `invalid` LAKE_TABLE_NOT_FOUND unless `ifExists`
   */
  async dropTable(name: string, options: { readonly ifExists?: boolean } = {}): Promise<void> {
    await dropTable(this.#parts, parseIdentifier(name), { ifExists: options.ifExists ?? false });
  }

  /**
   * Runs SQL: Flink's dialect for tables, DuckDB's for queries. Values of a template become parameters. Queries see what the
   * log has beyond the newest snapshots; a hint (`/*+ OPTIONS('scan.mode'='latest') *\/`) leaves that out. A text may hold
   * several statements; the result is the last one's.
   *
   * @typeParam Row what a row of the result is
   * @throws LakeError `invalid` LAKE_SQL_SYNTAX, LAKE_SQL_BINDER, LAKE_SQL_DENIED, LAKE_TABLE_NOT_FOUND, …
   */
  async sql<Row extends object = Record<string, unknown>>(
    strings: TemplateStringsArray,
    ...values: readonly SqlValue[]
  ): Promise<SqlResult<Row>>;
  async sql<Row extends object = Record<string, unknown>>(text: string, options?: SqlOptions): Promise<SqlResult<Row>>;
  async sql<Row extends object>(
    text: string | TemplateStringsArray,
    ...rest: readonly (SqlValue | SqlOptions | undefined)[]
  ): Promise<SqlResult<Row>> {
    return runSql<Row>(this.#parts, this.#session, sqlRequestOf(text, rest));
  }

  /**
   * Watches the answer of a query, or a table (`LakeTable.watch`): its rows (`full`), then what changes of them (`delta`). The
   * query runs again when a table that it names may have changed, at most once in `intervalMs` and never while a batch is
   * worked on; what its answer is otherwise is held and compared, by `key` or, without one, by whole rows. Ends when the
   * signal aborts. The order of rows is not part of an answer.
   *
   * @throws LakeError `invalid` LAKE_BAD_WATCH, LAKE_WATCH_TOO_LARGE, LAKE_WATCH_KEY, LAKE_UNKNOWN_COLUMN, LAKE_BAD_RESUME, and
   * what `sql` throws
   */
  watch<Row extends object = Record<string, unknown>>(
    query: string,
    request?: QueryWatchRequest,
  ): AsyncGenerator<WatchBatch<Row>, void, undefined>;
  watch<S extends TableShape>(
    table: LakeTable<S>,
    request?: Omit<TableWatchRequest, 'columns'>,
  ): AsyncGenerator<WatchBatch<S['row']>, void, undefined>;
  watch<S extends TableShape>(
    watched: string | LakeTable<S>,
    request: QueryWatchRequest & TableWatchRequest = {},
  ): AsyncGenerator<WatchBatch<object>, void, undefined> {
    if (typeof watched === 'string') return watchRows(watchQuery(this.#parts, watched, request));
    const { where, resume, intervalMs, signal, rowsMax, bytesMax } = request;
    return watched.watch({ where, resume, intervalMs, signal, rowsMax, bytesMax });
  }

  /** Takes into the tables what the log has by now. @throws LakeError LAKE_NO_LOG */
  ingest(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<IngestReceipt> {
    return ingestOnce(this.#parts, options.signal);
  }

  /** Starts ingest, compaction and maintenance in this process, until the worker or the lake is disposed of. */
  run(options: RunOptions = {}): LakeWorker {
    const worker = new LakeWorker(this.#parts, options);
    this.#workers.add(worker);
    return worker;
  }

  /** Stops the workers and closes the stores. Writers should be closed before. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    try {
      for (const worker of this.#workers) await worker[Symbol.asyncDispose]();
    } finally {
      await this.#parts[Symbol.asyncDispose]();
    }
  }
}
