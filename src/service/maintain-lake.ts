/** One round of maintenance over a whole lake. */
import { present } from '../base/assert.ts';
import { listLogNames } from '../catalog/log-names.ts';
import type { CatalogParts } from '../catalog/publish-schema.ts';
import { type AdvanceReceipt, advanceCheckpoints } from '../flow/ingest/advance-checkpoints.ts';
import { maintainWarehouse, type WarehouseReceipt } from '../maintenance/maintain-warehouse.ts';
import { done, type RunEnd, runToEnd } from '../maintenance/receipt.ts';
import type { LogDescription, LogStore } from '../storage/log-store.ts';
import { isOfLog, type LogParts } from './named-logs.ts';

/** @property logs needed where tables name logs of their own */
export type MaintainedParts = Omit<CatalogParts, 'logs'> & Pick<LogParts, 'log'> & Partial<Pick<LogParts, 'logs'>>;

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
export async function maintainLake(parts: MaintainedParts, options: MaintainLakeOptions): Promise<LakeReceipt> {
  const { log } = parts;
  const { signal } = options;
  const description = await log?.describe({ signal });
  const own = log === undefined ? [] : [{ log, name: undefined, description }];
  const named = await describedLogs(parts, signal);
  const checkpoints = { advanced: 0, behind: 0 };
  const end = await runToEnd(async () => {
    for (const { log: each, name, description: known } of [...own, ...named.logs]) {
      const from = { ...parts, log: each, accepts: isOfLog(name) };
      const { advanced, behind } = await advanceCheckpoints(from, { description: known, signal });
      checkpoints.advanced += advanced;
      checkpoints.behind += behind;
    }
    return named.end;
  });
  // A claim is of any of the logs.
  const retentions = [description, ...named.logs.map(({ description: known }) => known)].map(of => of?.retentionMs);
  const isKnown = named.end.status === 'done' && retentions.every(ms => ms !== undefined);
  const logRetentionMs = isKnown ? Math.max(...retentions) : undefined;
  const receipt = await maintainWarehouse(parts, { ...options, logRetentionMs });
  return { ...receipt, checkpoints: { ...checkpoints, end } };
}

type DescribedLog = { readonly log: LogStore; readonly name: string; readonly description: LogDescription };

/** The logs that tables name. One that does not answer, or is gone, keeps the rest of a round from nothing but claims. */
async function describedLogs(
  { store, log: own, logs: others }: MaintainedParts,
  signal: AbortSignal | undefined,
): Promise<{ readonly logs: readonly DescribedLog[]; readonly end: RunEnd }> {
  const logs: DescribedLog[] = [];
  let end = done;
  const names = own === undefined ? [] : await listLogNames(store, signal);
  for (const name of names) {
    const described = await runToEnd(async () => {
      const log = await present(others, 'logs by name').open(name);
      logs.push({ log, name, description: await log.describe({ signal }) });
      return done;
    });
    if (described.status !== 'done') end = described;
  }
  return { logs, end };
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
