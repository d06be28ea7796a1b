/** Overwriting, truncating and dropping partitions of a lake's table. */
import { Committer } from '../table/commit/commit.ts';
import { type OverwriteScope, overwriteTarget } from '../table/overwrite/overwrite-plan.ts';
import { type OverwriteResult, OverwriteWriter } from '../table/overwrite/overwrite-writer.ts';
import { dropPartitions, removePartitions, truncateTable } from '../table/overwrite/remove-partitions.ts';
import type { PartitionSpec } from '../table/partition-spec.ts';
import type { Table } from '../table/table.ts';
import { endBatch } from './end-batch.ts';
import { type LakeParts, tableAs } from './lake-parts.ts';
import { partitionCondition } from './partition-condition.ts';
import type { GatheredRows } from './row-gatherer.ts';
import { settleLog } from './settle-log.ts';

export type { PartitionSpec } from '../table/partition-spec.ts';

export type OverwriteRequest = OverwriteScope & { readonly signal?: AbortSignal | undefined };

export type OverwriteReceipt = {
  /** undefined: there was nothing to do. */
  readonly snapshotId: number | undefined;
  /** Rows that came. */
  readonly rowCount: number;
  /** Rows in the files that went, also those that newer rows hid. */
  readonly removedRowCount: number;
  readonly removedFileCount: number;
};

/**
 * Puts rows in the place of those of their partitions, or of the partitions that are named. All of it or nothing; what
 * others commit before the overwrite does is overwritten, too. Of a table with a log, what the log has acknowledged before
 * is overwritten, and what it acknowledges meanwhile comes after.
 *
 * @throws LakeError `invalid` LAKE_BAD_PARTITION, LAKE_NULL_VALUE; `conflict`, `unavailable`, `fenced`
 */
export async function overwriteLakeTable(
  parts: LakeParts,
  opened: Table,
  rows: AsyncIterable<GatheredRows>,
  request: OverwriteRequest = {},
): Promise<OverwriteReceipt> {
  const table = tableAs(parts, opened, 'produce');
  const { signal } = request;
  const target = overwriteTarget(table, request);
  await settleLog(parts, table, { signal, isOverwritten: true });
  await using committer = new Committer(table);
  const writer = new OverwriteWriter(table, committer, target);
  for await (const { rows: batch, kinds } of rows) {
    signal?.throwIfAborted();
    await writer.add(batch, kinds);
  }
  const receipt = receiptOf(parts, table, await writer.commit({ commitsNothing: true, signal }));
  if (receipt.snapshotId !== undefined) await endBatch(table, receipt.snapshotId);
  return receipt;
}

/** Takes all rows away. */
export async function truncateLakeTable(
  parts: LakeParts,
  opened: Table,
  signal?: AbortSignal,
): Promise<OverwriteReceipt> {
  const table = tableAs(parts, opened, 'produce');
  await settleLog(parts, table, { signal });
  return receiptOf(parts, table, await truncateTable(table, { signal }));
}

/** Partitions by name, or all that a condition over partition keys lets pass. */
export type PartitionChoice = readonly PartitionSpec[] | { readonly where: string };

/** @throws LakeError `invalid` LAKE_BAD_PARTITION, LAKE_PARTITION_NOT_FOUND, LAKE_BAD_FILTER */
export async function dropLakePartitions(
  parts: LakeParts,
  opened: Table,
  choice: PartitionChoice,
  options: { readonly ifExists: boolean; readonly signal?: AbortSignal | undefined },
): Promise<OverwriteReceipt> {
  const table = tableAs(parts, opened, 'produce');
  const predicate = 'where' in choice ? partitionCondition(table, choice.where) : undefined;
  await settleLog(parts, table, { signal: options.signal });
  const specs = 'where' in choice ? [] : choice;
  const result =
    predicate === undefined
      ? await dropPartitions(table, specs, options)
      : await removePartitions(table, predicate, options);
  return receiptOf(parts, table, result);
}

function receiptOf({ notices }: LakeParts, table: Table, result: OverwriteResult): OverwriteReceipt {
  const { snapshotId, counts, removedRowCount, removedFileCount } = result;
  if (snapshotId !== undefined) notices.notify(table.label);
  return { snapshotId, rowCount: counts.rowsIn, removedRowCount, removedFileCount };
}
