/**
 * INSERT OVERWRITE, TRUNCATE TABLE, ALTER TABLE … DROP PARTITION. On a table with a log, what the log has acknowledged
 * before is taken into the table first, so that it is overwritten and not put on top of the new rows.
 */
import { invalid } from '../../base/errors.ts';
import { printIdentifier } from '../../catalog/identifier.ts';
import { Committer } from '../../table/commit/commit.ts';
import { type OverwriteScope, overwriteTarget } from '../../table/overwrite/overwrite-plan.ts';
import { OverwriteWriter } from '../../table/overwrite/overwrite-writer.ts';
import { dropPartitions, truncateTable } from '../../table/overwrite/remove-partitions.ts';
import type { Table } from '../../table/table.ts';
import type { SqlContext, SqlSession, StatementOptions, StatementResult, WriteRows } from '../context.ts';
import type { Options, Statement, TableName } from '../parser/statement.ts';
import { identifierOf, openWithOptions } from './open-query.ts';

/** Puts rows in the place of those that the statement's partitions have. */
export function overwriteWith(context: SqlContext, statement: Statement & { readonly kind: 'insert' }): WriteRows {
  const scope: OverwriteScope = { partition: statement.partition };
  return async (table, rows, { signal }) => {
    await using committer = new Committer(table);
    const writer = new OverwriteWriter(table, committer, overwriteTarget(table, scope));
    let rowCount = 0;
    for await (const batch of rows) {
      signal?.throwIfAborted();
      await writer.add(batch, new Int8Array(batch.rowCount));
      rowCount += batch.rowCount;
    }
    const { snapshotId } = await writer.commit({ commitsNothing: true, signal });
    if (snapshotId !== undefined) {
      context.committed?.(table);
      await context.endBatch?.(table, snapshotId);
    }
    return { rowCount, snapshotId };
  };
}

export async function runRemoval(
  context: SqlContext,
  session: SqlSession,
  statement: Statement & { readonly kind: 'truncate' | 'drop-partitions' },
  { signal }: StatementOptions,
): Promise<StatementResult> {
  const table = await openTarget(context, session, statement.name);
  await context.settle?.(table, { signal });
  const { snapshotId, removedRowCount } =
    statement.kind === 'truncate'
      ? await truncateTable(table, { signal })
      : await dropPartitions(table, statement.partitions, { ifExists: statement.ifExists, signal });
  if (snapshotId !== undefined) context.committed?.(table);
  const what = removedRowCount === 1 ? '1 row is' : `${removedRowCount} rows are`;
  return { kind: 'ok', message: `${what} gone from ${table.label}`, affectedRows: removedRowCount };
}

/**
 * A table that a statement writes to.
 *
 * @param options those of a hint
 * @throws LakeError `invalid` LAKE_BAD_NAME for a system table, LAKE_BAD_OPTION
 */
export async function openTarget(
  context: SqlContext,
  session: SqlSession,
  name: TableName,
  options: Options = {},
): Promise<Table> {
  const identifier = identifierOf(name, session);
  if (identifier.systemTable === undefined) return (await openWithOptions(context, identifier, options)).table;
  throw invalid('LAKE_BAD_NAME', `${printIdentifier(identifier)} is a system table: it can only be read`);
}
