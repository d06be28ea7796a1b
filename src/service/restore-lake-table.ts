/** Rolling a lake's table back, and making it what a branch of it is. */
import { fastForward } from '../catalog/fast-forward.ts';
import { type RestoreReceipt, restoreTable } from '../table/restore/restore-table.ts';
import { snapshotAtTimestamp, snapshotById, snapshotOfTag } from '../table/snapshots.ts';
import type { Table } from '../table/table.ts';
import type { LakeParts } from './lake-parts.ts';
import { settleLog } from './settle-log.ts';

export type { RestoreReceipt } from '../table/restore/restore-table.ts';

/** A state of the table's past. */
export type RollbackPoint =
  | { readonly snapshotId: number }
  | { readonly tag: string }
  /** The newest snapshot at or before that time. */
  | { readonly timestamp: Date };

/**
 * One snapshot on top that has the rows of that state. What the log has acknowledged before the call is taken back, too, and
 * does not come again.
 *
 * @throws LakeError `invalid` LAKE_SNAPSHOT_NOT_FOUND, LAKE_SNAPSHOT_EXPIRED, LAKE_TAG_NOT_FOUND; `unsupported`, `conflict`
 */
export async function rollbackLakeTable(
  parts: LakeParts,
  table: Table,
  point: RollbackPoint,
  signal?: AbortSignal,
): Promise<RestoreReceipt> {
  await settleLog(parts, table, { signal });
  const snapshot =
    'snapshotId' in point
      ? await snapshotById(table, point.snapshotId)
      : 'tag' in point
        ? await snapshotOfTag(table, point.tag)
        : await snapshotAtTimestamp(table, point.timestamp.getTime());
  return told(parts, table, await restoreTable(table, { table, snapshot }, { signal }));
}

/** @throws LakeError `invalid` LAKE_BRANCH_NOT_FOUND, LAKE_BRANCH_DIVERGED, LAKE_SNAPSHOT_NOT_FOUND */
export async function fastForwardLakeTable(
  parts: LakeParts,
  table: Table,
  branch: string,
  signal?: AbortSignal,
): Promise<RestoreReceipt> {
  await settleLog(parts, table, { signal });
  return told(parts, table, await fastForward(table, branch, { signal }));
}

function told({ notices }: LakeParts, table: Table, receipt: RestoreReceipt): RestoreReceipt {
  if (receipt.isChanged) notices.notify(table.label);
  return receipt;
}
