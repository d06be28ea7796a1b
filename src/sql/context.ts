/**
 * What statements need of the world around them. The service gives it; what it leaves out has a default here that works
 * on tables without a log.
 */
import type { Identifier } from '../catalog/identifier.ts';
import type { CatalogParts } from '../catalog/publish-schema.ts';
import { Committer } from '../table/commit/commit.ts';
import { openTable, type Table } from '../table/table.ts';
import { TableWriter } from '../table/write/table-writer.ts';
import type { RowType } from '../types/data-type.ts';
import type { Predicate } from '../types/predicate.ts';
import type { RowBatch } from '../types/row-batch.ts';
import type { SqlEngine } from './engine.ts';
import type { SqlParameter } from './parameters.ts';
import type { CallArgument } from './parser/statement.ts';

export type SqlContext = {
  readonly catalog: CatalogParts;
  /** Shared by all statements of a process. */
  readonly engine: SqlEngine;
  /** Opens a table or a branch; the system part of the name is not looked at. @throws LakeError LAKE_TABLE_NOT_FOUND */
  readonly openTable?: ((identifier: Identifier) => Promise<Table>) | undefined;
  /** Puts rows into a table, all of them or none; through its log where it has one. */
  readonly writeRows?: WriteRows | undefined;
  readonly unionRead?: UnionRead | undefined;
  /** Writes changes of a table through its log; undefined: it has none. Not given: no table has. */
  readonly logWriter?: ((table: Table) => WriteChanges | undefined) | undefined;
  /** Resolves when what the table's log has acknowledged by now is in the table. Not given: no table has a log. */
  readonly settle?: ((table: Table, options: SettleOptions) => Promise<void>) | undefined;
  /** Runs `CALL`; not given: there are no procedures. */
  readonly call?: ((request: CallRequest) => Promise<StatementResult>) | undefined;
  /** Told of a table that a statement has made a snapshot of. */
  readonly committed?: ((table: Table) => void) | undefined;
  /** Does what a batch of writes ends with. Never fails: the rows are in the table. */
  readonly endBatch?: ((table: Table, snapshotId: number) => Promise<void>) | undefined;
};

export type SettleOptions = {
  readonly signal?: AbortSignal | undefined;
  /**
   * Other rows are about to be put into the table, which gives its partitions the table's number of buckets: what waits in
   * the log for just that comes after it.
   */
  readonly isOverwritten?: boolean | undefined;
};

export type CallRequest = {
  /** Lower case, without `sys.`. */
  readonly procedure: string;
  readonly args: readonly CallArgument[];
  /** Of plain names of tables. */
  readonly currentDatabase: string;
  readonly signal?: AbortSignal | undefined;
};

export type WriteRows = (
  table: Table,
  rows: AsyncIterable<RowBatch>,
  options: { readonly signal?: AbortSignal | undefined },
) => Promise<WrittenRows>;

/** All of them or none; resolves when the log has acknowledged them. */
export type WriteChanges = (
  changes: AsyncIterable<{ readonly rows: RowBatch; readonly kinds: Int8Array }>,
  options: { readonly signal?: AbortSignal | undefined },
) => Promise<void>;

export type WrittenRows = {
  readonly rowCount: number;
  /** The snapshot that has them; undefined: there were none, or the log has them. */
  readonly snapshotId: number | undefined;
};

/**
 * The newest rows of a table that has a log: its snapshot and what the log has above it (DESIGN D2).
 *
 * @returns undefined for a table without a log, which is then read from its snapshot alone
 */
export type UnionRead = (table: Table, options: UnionReadOptions) => Promise<AsyncIterable<RowBatch> | undefined>;

export type UnionReadOptions = {
  /** Columns of the table's schema, in this order. */
  readonly columns: readonly string[];
  /** Rows that do not pass may come nevertheless. */
  readonly predicate: Predicate | undefined;
  readonly signal?: AbortSignal | undefined;
};

/** What statements of one user leave behind for the next: the database that plain names are looked up in. */
export type SqlSession = { currentDatabase: string };

export const databaseDefault = 'default';

export type StatementOptions = {
  /** For `$1`, `$2`, … */
  readonly parameters?: readonly SqlParameter[] | undefined;
  readonly signal?: AbortSignal | undefined;
};

export type StatementResult =
  | {
      readonly kind: 'rows';
      readonly rowType: RowType;
      /** To be read once. Giving it up half-way releases what it holds, too. */
      readonly batches: AsyncIterable<RowBatch>;
    }
  | { readonly kind: 'ok'; readonly message: string; readonly affectedRows?: number | undefined };

export function openNamedTable(context: SqlContext, identifier: Identifier): Promise<Table> {
  if (context.openTable !== undefined) return context.openTable(identifier);
  const { catalog } = context;
  const { database, table, branch } = identifier;
  return openTable(catalog.store, { database, name: table, branch }, catalog);
}

/** Writes level-0 files and commits them. @throws LakeError as `TableWriter` does */
export const writeDirectly: WriteRows = async (table, rows, { signal }) => {
  await using committer = new Committer(table);
  const writer = new TableWriter(table, committer);
  let rowCount = 0;
  for await (const batch of rows) {
    signal?.throwIfAborted();
    await writer.add(batch, new Int8Array(batch.rowCount));
    rowCount += batch.rowCount;
  }
  const { snapshotId } = await writer.commit({ signal });
  return { rowCount, snapshotId };
};
