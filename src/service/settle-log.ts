/** Before rows of a table are taken away by snapshots: what its log has acknowledged comes into the table first. */

import type { CycleResult } from '../flow/ingest/ingest-worker.ts';
import type { SettleOptions } from '../sql/context.ts';
import type { Table } from '../table/table.ts';
import { blockedTable, openIngestWorker } from './ingest-log.ts';
import type { LakeParts } from './lake-parts.ts';
import { withLogOf } from './named-logs.ts';

/**
 * Resolves when everything that the log had acknowledged for the table before the call is in it. Otherwise it would come
 * after, and on top of, what is about to be put in its place.
 *
 * @throws LakeError `conflict` LAKE_COMMIT_CONFLICT: rows of this table, or of another that holds up its shards, wait for an
 * overwrite after a change of the number of buckets
 */
export async function settleLog(parts: LakeParts, table: Table, options: SettleOptions = {}): Promise<void> {
  // Branches and tables of other makers have no log.
  if (parts.log === undefined || table.id === undefined || table.identifier.branch !== undefined) return;
  await using worker = openIngestWorker(await withLogOf(parts, table), 'ingest');
  const last = (await worker.drain(options.signal)).at(-1);
  if (last === undefined || last.blocked.length === 0) return;
  const own = last.blocked.find(({ tableName }) => tableName === table.label);
  if (own !== undefined && options.isOverwritten !== true) throw blockedTable(own);
  const [other] = last.blocked.filter(blocked => blocked !== own);
  // At the tip everything else is in; before it, rows of this table may lie behind those that are held up.
  if (other !== undefined && !(last.isAtTip && isAllElseIn(last))) throw blockedTable(other);
}

function isAllElseIn({ events, blocked }: CycleResult): boolean {
  return events.filter(({ outcome }) => outcome.status !== 'committed').length === blocked.length;
}
