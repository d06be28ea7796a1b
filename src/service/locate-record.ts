/** From a producer's acknowledgement to the snapshot: what is said of a record of the log. */
import { type LocatedRecord, locateRecord, type RecordName } from '../flow/read/locate-record.ts';
import type { Table } from '../table/table.ts';

export type { RecordName } from '../flow/read/locate-record.ts';

/** What was found, as plain values. */
export type RecordTrail = {
  readonly status: LocatedRecord['status'];
  /** The first snapshot that has the record; of one that is not in yet, or not known, the newest there is. */
  readonly snapshotId: number | undefined;
  /** It came in with the snapshot or before: nothing older is there. */
  readonly isOldest: boolean;
  readonly commitUser: string | undefined;
  readonly committedMs: number | undefined;
  readonly deadLetter: string | undefined;
};

export async function trailOf(table: Table, name: RecordName): Promise<RecordTrail> {
  const found = await locateRecord(table, name);
  const snapshot = found.status === 'in-table' ? found.snapshot : found.head;
  const letter = found.status === 'in-table' ? found.deadLetter : undefined;
  return {
    status: found.status,
    snapshotId: snapshot?.id,
    isOldest: found.status === 'in-table' && found.isOldest,
    commitUser: snapshot?.commitUser,
    committedMs: snapshot?.timeMillis,
    deadLetter: letter === undefined ? undefined : `${letter.reason}: ${letter.detail}`,
  };
}

/** One line for people. */
export function trailLine(label: string, trail: RecordTrail): string {
  const { status, snapshotId, isOldest, commitUser, committedMs, deadLetter } = trail;
  const newest = snapshotId === undefined ? 'it has no snapshot' : `its newest snapshot is ${snapshotId}`;
  if (status === 'not-yet') return `not in ${label} yet: ${newest}`;
  if (status === 'unknown')
    return `${label} has taken nothing of that shard or producer, or has forgotten it: ${newest}`;
  const when = new Date(committedMs ?? 0).toISOString();
  const since = isOldest ? ' or before, the oldest there is' : '';
  const dead = deadLetter === undefined ? '' : `; a dead letter: ${deadLetter}`;
  return `in snapshot ${snapshotId} of ${label}${since}, ${when}, by ${commitUser}${dead}`;
}
