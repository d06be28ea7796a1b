/** Before rows of a table are taken away by snapshots: what its log has acknowledged comes into the table first. */
import type { Table } from '../table/table.ts';
import { ingestOnce } from './ingest-log.ts';
import type { LakeParts } from './lake-parts.ts';

/**
 * Resolves when everything that the log had acknowledged for the table before the call is in it. Otherwise it would come
 * after, and on top of, what is about to be put in its place.
 */
export async function settleLog(parts: LakeParts, table: Table, signal?: AbortSignal): Promise<void> {
  // Branches and tables of other makers have no log.
  if (parts.log === undefined || table.id === undefined || table.identifier.branch !== undefined) return;
  await ingestOnce(parts, signal);
}
