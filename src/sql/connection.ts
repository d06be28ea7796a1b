/** A connection to DuckDB as one statement has it: its queries, one at a time, and what they leave behind. */
import { rm } from 'node:fs/promises';
import { LakeError } from '../base/errors.ts';
import type { JsonObject } from '../base/json.ts';
import type { BoundedCache } from '../table/bounded-cache.ts';
import type { DuckDBConnection, DuckDBResult, DuckDBType } from './duckdb.ts';
import { duckDbFailure } from './duckdb-failure.ts';
import { columnsBeforeMark, markedQuery, type ResultChunk, rowsBeforeMark, whyUnmarked } from './end-mark.ts';
import type { ConnectedCatalog } from './kept-catalogs.ts';
import { boundValues, type SqlParameter } from './parameters.ts';
import { quoteText } from './quote.ts';

export type QueryColumn = { readonly name: string; readonly type: DuckDBType };

/** A query that runs: its columns are known, its rows come as they are asked for. */
export type RunningQuery = {
  readonly columns: readonly QueryColumn[];
  chunks(): AsyncGenerator<ResultChunk, void, undefined>;
};

export type QueryOptions = {
  readonly parameters?: readonly SqlParameter[] | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Its rows are few, so they are made all at once: as much is left out as streaming takes. EXPLAIN can be asked for in no other way. */
  readonly hasFewRows?: boolean | undefined;
};

type ConnectionParts = {
  readonly folder: string;
  readonly trees: BoundedCache<JsonObject>;
  readonly giveBack: (canBeKept: boolean) => Promise<void>;
};

export class SqlConnection implements AsyncDisposable {
  /** The name of its catalog. */
  readonly catalog: string;
  /** A folder of its own, not made yet. */
  readonly folder: string;
  /** Trees of queries by their text, of all connections; a tree depends on nothing else. */
  readonly trees: BoundedCache<JsonObject>;
  readonly #catalog: ConnectedCatalog;
  readonly #giveBack: ConnectionParts['giveBack'];
  /** The last query was read to its end. */
  #isAtRest = false;
  #closed: Promise<void> | undefined;

  constructor(catalog: ConnectedCatalog, { folder, trees, giveBack }: ConnectionParts) {
    this.#catalog = catalog;
    this.catalog = catalog.name;
    this.folder = folder;
    this.trees = trees;
    this.#giveBack = giveBack;
  }

  get #connection(): DuckDBConnection {
    return this.#catalog.connection;
  }

  /** Makes the relations of its catalog, all of them. @throws LakeError */
  async setRelations(statements: string): Promise<void> {
    try {
      await this.#catalog.setRelations(statements);
    } catch (error) {
      throw duckDbFailure(error);
    }
  }

  /** Runs statements of ours, one after the other; those behind one that fails are not run. @throws LakeError */
  async run(sql: string): Promise<void> {
    try {
      await this.#connection.run(sql);
    } catch (error) {
      throw duckDbFailure(error);
    }
  }

  /** The columns a query would give; it does not run. @throws LakeError LAKE_SQL_BINDER */
  async columnsOf(sql: string, options: QueryOptions = {}): Promise<readonly QueryColumn[]> {
    const query = await this.query(`SELECT * FROM (${sql}\n) LIMIT 0`, { ...options, hasFewRows: true });
    for await (const _ of query.chunks()) break;
    return query.columns;
  }

  /** The first column of the first row of a small result, as text. */
  async text(sql: string, parameter: string): Promise<string> {
    try {
      const reader = await this.#connection.runAndReadAll(sql, [parameter], boundValues([parameter]).types);
      return String(reader.getRows()[0]?.[0] ?? '');
    } catch (error) {
      throw duckDbFailure(error);
    }
  }

  /**
   * Starts a query. One at a time: its chunks must have been read, or given up, before the next.
   *
   * @throws LakeError of the statement, here or with any chunk; the signal's reason once that is aborted
   */
  async query(sql: string, options: QueryOptions = {}): Promise<RunningQuery> {
    const { signal, hasFewRows = false } = options;
    signal?.throwIfAborted();
    const stop = (): void => this.#connection.interrupt();
    signal?.addEventListener('abort', stop, { once: true });
    const fail = (error: unknown): unknown => (signal?.aborted === true ? signal.reason : duckDbFailure(error));
    this.#isAtRest = false;
    try {
      const { values, types } = boundValues(options.parameters ?? []);
      const result = hasFewRows
        ? await this.#connection.run(sql, values, types)
        : await this.#connection.stream(markedQuery(sql), values, types);
      const columns = hasFewRows ? columnsOfResult(result) : columnsBeforeMark(columnsOfResult(result));
      const check = (): Promise<LakeError> => whyUnmarked(this.#connection, sql, { values, types });
      const rest = (): void => {
        this.#isAtRest = true;
      };
      const chunks = async function* (): AsyncGenerator<ResultChunk, void, undefined> {
        let isEnded = hasFewRows;
        try {
          for (;;) {
            const chunk = await result.fetchChunk();
            signal?.throwIfAborted();
            if (chunk === null || chunk.rowCount === 0) break;
            const rows = hasFewRows ? { chunk, isEnded } : rowsBeforeMark(chunk, columns.length);
            isEnded = rows.isEnded;
            if (rows.chunk.rowCount > 0) yield rows.chunk;
          }
          if (!isEnded) throw await check();
          rest();
        } catch (error) {
          throw fail(error);
        } finally {
          signal?.removeEventListener('abort', stop);
        }
      };
      return { columns, chunks };
    } catch (error) {
      signal?.removeEventListener('abort', stop);
      throw fail(error);
    }
  }

  /** Ends what still runs, and takes its folder away; its relations too, or keeps them for who asks the same again. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= this.#close();
    await this.#closed;
  }

  async #close(): Promise<void> {
    // As it stands in the text of relations: between quotes, those of its own name doubled.
    const folderText = quoteText(this.folder).slice(1, -1);
    const canBeKept = this.#isAtRest && !this.#catalog.relations.includes(folderText);
    try {
      await this.#giveBack(canBeKept);
    } finally {
      if (!canBeKept) await rm(this.folder, { recursive: true, force: true });
    }
  }
}

function columnsOfResult(result: DuckDBResult): readonly QueryColumn[] {
  const types = result.columnTypes();
  return result.deduplicatedColumnNames().map((name, index): QueryColumn => {
    const type = types[index];
    if (type === undefined) throw new LakeError('invalid', 'LAKE_SQL_FAILED', `column ${name} has no type`);
    return { name, type };
  });
}
