/**
 * How far back the changes of a table go, by number and by time: over its snapshots, and over changelogs that have outlived
 * theirs.
 */
import { invalid } from '../../base/errors.ts';
import { changelogMarksOf, readExpiryRecord, trustedRecord } from '../expiry-record.ts';
import { contiguousTop, listSnapshotIds } from '../snapshots.ts';
import type { Table } from '../table.ts';
import { findChangeSource, listChangelogIds } from './change-source.ts';

/**
 * Numbers of the snapshots whose changes are kept, ascending and without a hole; none: the table has no snapshot. What a run
 * of expiry has given up is not among them, though its file may still be there.
 */
export async function keptChangeIds(table: Table): Promise<readonly number[]> {
  const { ids } = await listSnapshotIds(table);
  // After the snapshots: one that goes meanwhile has its changelog by then.
  const changelogs = await listChangelogIds(table);
  const record = trustedRecord(await readExpiryRecord(table), ids, undefined);
  const { floor } = changelogMarksOf(record);
  const kept = new Set([...ids.filter(id => id >= record.floor), ...changelogs.filter(id => id >= floor)]);
  const run = contiguousTop([...kept].toSorted((a, b) => a - b));
  // A changelog above all snapshots is none of this line's.
  return run.filter(id => id <= (ids.at(-1) ?? 0));
}

/**
 * The number of the last snapshot before a time; 0: there was none yet.
 *
 * @throws LakeError `invalid` LAKE_SNAPSHOT_EXPIRED: changes of that time or later may be gone
 */
export async function lastIdBefore(table: Table, timeMs: number): Promise<number> {
  const ids = await keptChangeIds(table);
  let [low, high] = [0, ids.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const source = await findChangeSource(table, ids[middle] ?? 0);
    // One that is gone meanwhile was the oldest: the search goes on above it.
    if (source !== undefined && source.timeMillis >= timeMs) high = middle;
    else low = middle + 1;
  }
  const found = ids[low - 1];
  if (found !== undefined) return found;
  const [oldest = 1] = ids;
  if (oldest === 1) return 0;
  throw invalid(
    'LAKE_SNAPSHOT_EXPIRED',
    `${table.label} keeps changes from snapshot ${oldest} on, which is younger than ${timeText(timeMs)}; start from earliest for those`,
  );
}

export function timeText(timeMs: number): string {
  const time = new Date(timeMs);
  return Number.isNaN(time.getTime()) ? `${timeMs} ms` : time.toISOString();
}
