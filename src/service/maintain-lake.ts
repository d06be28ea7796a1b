/** One round of maintenance over a whole lake. */
import type { CatalogParts } from '../catalog/publish-schema.ts';
import { type AdvanceReceipt, advanceCheckpoints } from '../flow/ingest/advance-checkpoints.ts';
import { maintainWarehouse, type WarehouseReceipt } from '../maintenance/maintain-warehouse.ts';
import { done, type RunEnd, runToEnd } from '../maintenance/receipt.ts';
import type { LogStore } from '../storage/log-store.ts';

export type MaintainLakeOptions = {
  /** The orphan cleaner reads all that tables name: once a day is plenty. */
  readonly orphans: 'remove' | 'dry-run' | 'skip';
  readonly signal?: AbortSignal | undefined;
};

export type LakeReceipt = WarehouseReceipt & {
  readonly checkpoints: AdvanceReceipt & { readonly end: RunEnd };
};

/**
 * Advances checkpoints, expires snapshots, puts hints right, removes orphans and aged claims.
 *
 * @throws LakeError when it can not list the lake, or its log says nothing of itself
 */
export async function maintainLake(
  parts: CatalogParts & { readonly log: LogStore | undefined },
  options: MaintainLakeOptions,
): Promise<LakeReceipt> {
  const { log } = parts;
  const { signal } = options;
  const description = await log?.describe({ signal });
  let checkpoints: AdvanceReceipt = { advanced: 0, behind: 0 };
  const end = await runToEnd(async () => {
    if (log !== undefined) checkpoints = await advanceCheckpoints({ ...parts, log }, { description, signal });
    return done;
  });
  const receipt = await maintainWarehouse(parts, { ...options, logRetentionMs: description?.retentionMs });
  return { ...receipt, checkpoints: { ...checkpoints, end } };
}

/** What a table's receipt comes to; empty when there was nothing to do. */
export function maintainedText({ lines, orphans }: WarehouseReceipt['tables'][number]): string {
  const expired = lines.reduce((sum, { expiry }) => sum + expiry.expiredCount, 0);
  const changelogs = lines.reduce((sum, line) => sum + (line.changelogs?.expiredCount ?? 0), 0);
  const parts = lines.flatMap(line => [line.expiry, ...(line.changelogs === undefined ? [] : [line.changelogs])]);
  const removed = parts.reduce((sum, { data, metadata }) => sum + data.fileCount + metadata.fileCount, 0);
  const tagged = lines.flatMap(({ tags }) => tags.created);
  const untagged = lines.flatMap(({ tags }) => tags.removed);
  const partitions = lines.flatMap(line => line.partitions.expired);
  const marked = lines.flatMap(line => line.donePartitions.marked);
  const orphaned = orphans?.removed.fileCount ?? 0;
  const words = [
    ...(tagged.length > 0 ? [`tags made: ${tagged.join(', ')}`] : []),
    ...(untagged.length > 0 ? [`tags expired: ${untagged.join(', ')}`] : []),
    ...(partitions.length > 0 ? [`partitions expired: ${partitions.join(', ')}`] : []),
    ...(marked.length > 0 ? [`partitions done: ${marked.join(', ')}`] : []),
    ...(expired > 0 ? [`${expired} snapshots expired`] : []),
    ...(changelogs > 0 ? [`${changelogs} changelogs expired`] : []),
    ...(expired > 0 || changelogs > 0 ? [`${removed} files removed`] : []),
    ...(orphaned > 0 ? [`${orphaned} orphan files removed`] : []),
  ];
  return words.join(', ');
}
