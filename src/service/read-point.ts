/** Which state of a table a read is of: the newest, or one that is named. */
import { invalid } from '../base/errors.ts';
import type { Snapshot } from '../format/snapshot.ts';
import { namesState, type ScanState, scanStateAt, scanStateOf } from '../table/scan/scan-state.ts';
import { snapshotAtTimestamp, snapshotById, snapshotOfTag } from '../table/snapshots.ts';
import type { Table } from '../table/table.ts';
import { parseTimestamp } from '../types/time.ts';

/** At most one of them; none is the newest snapshot, or what the options of the table say. */
export type ReadPoint = {
  readonly snapshot?: number | undefined;
  readonly tag?: string | undefined;
  /** The newest snapshot at or before this time; a text without a zone is UTC. */
  readonly timestamp?: Date | string | undefined;
};

export type ReadState = Omit<ScanState, 'withLog'> & {
  /** Not just the newest. */
  readonly isNamed: boolean;
};

/**
 * @throws LakeError `invalid` LAKE_SNAPSHOT_NOT_FOUND, LAKE_SNAPSHOT_EXPIRED, LAKE_TAG_NOT_FOUND, LAKE_BAD_READ_POINT
 */
export async function readStateOf(table: Table, point: ReadPoint): Promise<ReadState> {
  const named = await namedSnapshot(table, point);
  if (named === undefined) return { ...(await scanStateOf(table)), isNamed: namesState(table.schema.options) };
  if (namesState(table.dynamicOptions)) {
    throw invalid('LAKE_BAD_READ_POINT', `${table.label}: snapshot, tag and timestamp do not go with options scan.*`);
  }
  return { ...(await scanStateAt(table, named)), isNamed: true };
}

export function isNamed({ snapshot, tag, timestamp }: ReadPoint): boolean {
  return [snapshot, tag, timestamp].some(value => value !== undefined);
}

async function namedSnapshot(table: Table, { snapshot, tag, timestamp }: ReadPoint): Promise<Snapshot | undefined> {
  if ([snapshot, tag, timestamp].filter(value => value !== undefined).length > 1) {
    throw invalid('LAKE_BAD_READ_POINT', `${table.label}: give one of snapshot, tag and timestamp`);
  }
  if (snapshot !== undefined) return snapshotById(table, snapshot);
  if (tag !== undefined) return snapshotOfTag(table, tag);
  if (timestamp !== undefined) return snapshotAtTimestamp(table, millisOf(timestamp));
  return undefined;
}

/** @throws LakeError `invalid` LAKE_BAD_READ_POINT when it is no time */
export function millisOf(timestamp: Date | string): number {
  if (timestamp instanceof Date) {
    if (!Number.isNaN(timestamp.getTime())) return timestamp.getTime();
  } else {
    const withZone = Date.parse(timestamp);
    if (/(Z|[+-]\d\d:?\d\d)$/i.test(timestamp) && !Number.isNaN(withZone)) return withZone;
    const nanos = parseTimestamp(timestamp);
    if (nanos !== undefined) return Number(nanos / 1_000_000n);
    if (/^\d{4}-\d\d-\d\d$/.test(timestamp) && !Number.isNaN(withZone)) return withZone;
  }
  throw invalid('LAKE_BAD_READ_POINT', `timestamp ${String(timestamp)}: expected one such as 2024-02-29T23:59:59.999Z`);
}
