/**
 * Which rows of a commit were not given up to a place in the log, in tables without keys: those of records behind the place, by what
 * the commit says of where its rows come from (RFC 0017).
 */
import { indexedRowsMax, RowSet } from '../../format/file-index/row-set.ts';
import type { Snapshot } from '../../format/snapshot.ts';
import { whileChangesStay } from '../../table/changelog/change-source.ts';
import { changedFiles } from '../../table/changelog/read-changes.ts';
import type { Table } from '../../table/table.ts';
import type { RowOrigin } from '../ingest/row-origins.ts';
import { readOrigins } from '../ingest/stored-origins.ts';
import type { Positions } from './resume-point.ts';

export type FreshRows =
  /** All were given, or there are none. */
  | { readonly kind: 'none'; readonly rows?: undefined }
  /** By file name. */
  | { readonly kind: 'some'; readonly rows: ReadonlyMap<string, RowSet> }
  /** The commit does not say it of each row: it was made before they did, or by other ingests. */
  | { readonly kind: 'unknown'; readonly rows?: undefined };

/** @throws LakeError `invalid` LAKE_SNAPSHOT_EXPIRED */
export async function freshRows(table: Table, snapshot: Snapshot, given: Positions): Promise<FreshRows> {
  const files = await whileChangesStay(table, snapshot, () => changedFiles(table, snapshot));
  if (files.length === 0) return { kind: 'none' };
  const origins = await readOrigins(table, snapshot);
  if (origins === undefined) return { kind: 'unknown' };
  const rows = new Map<string, RowSet>();
  for (const { file } of files) {
    const runs = origins.get(file.fileName);
    const count = runs?.reduce((sum, { rowCount }) => sum + rowCount, 0);
    if (runs === undefined || count !== file.rowCount || count > indexedRowsMax) return { kind: 'unknown' };
    rows.set(file.fileName, setOf(runs, count, given));
  }
  return [...rows.values()].every(set => set.isEmpty()) ? { kind: 'none' } : { kind: 'some', rows };
}

function setOf(runs: readonly RowOrigin[], count: number, given: Positions): RowSet {
  const fresh = new RowSet(count);
  let row = 0;
  for (const { shardId, position, rowCount } of runs) {
    const end = row + rowCount;
    const isFresh = position > (given.get(shardId) ?? -1n);
    for (; row < end; row += 1) if (isFresh) fresh.add(row);
  }
  return fresh;
}
