/** One round of maintenance over a whole lake. */
import { maintainWarehouse, type WarehouseReceipt } from '../maintenance/maintain-warehouse.ts';
import type { LakeParts } from './lake-parts.ts';

export type { WarehouseReceipt } from '../maintenance/maintain-warehouse.ts';

export type MaintainLakeOptions = {
  /** The orphan cleaner reads all that tables name: once a day is plenty. */
  readonly orphans: 'remove' | 'dry-run' | 'skip';
  readonly signal?: AbortSignal | undefined;
};

/** Expires snapshots, puts hints right, removes orphans and aged claims. @throws LakeError when it can not list the lake */
export async function maintainLake(parts: LakeParts, options: MaintainLakeOptions): Promise<WarehouseReceipt> {
  const description = await parts.log?.describe({ signal: options.signal });
  return maintainWarehouse(parts, { ...options, logRetentionMs: description?.retentionMs });
}

/** What a table's receipt comes to; empty when there was nothing to do. */
export function maintainedText({ lines, orphans }: WarehouseReceipt['tables'][number]): string {
  const expired = lines.reduce((sum, { expiry }) => sum + expiry.expiredCount, 0);
  const removed = lines.reduce((sum, { expiry }) => sum + expiry.data.fileCount + expiry.metadata.fileCount, 0);
  const orphaned = orphans?.removed.fileCount ?? 0;
  const words = [
    ...(expired > 0 ? [`${expired} snapshots expired, ${removed} files removed`] : []),
    ...(orphaned > 0 ? [`${orphaned} orphan files removed`] : []),
  ];
  return words.join(', ');
}
