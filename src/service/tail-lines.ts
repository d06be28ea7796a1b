/** What the log has of a table, as lines: beyond its newest snapshot, or from the log's beginning on. */

import { stateOfHead } from '../flow/ingest/load-state.ts';
import { LogTail, readCheckpoints } from '../flow/read/log-tail.ts';
import { latestSnapshot } from '../table/snapshots.ts';
import type { Table } from '../table/table.ts';
import { type LakeParts, logOf } from './lake-parts.ts';
import { withLogOf } from './named-logs.ts';
import { changeLines } from './printed-rows.ts';
import { openLakeTable } from './tables.ts';

export type TailRequest = {
  /** `snapshot`: what ingest has not brought into the table yet; `earliest`: all that the log still keeps. */
  readonly from: 'snapshot' | 'earliest';
  /** Goes on with what is appended, until the signal aborts. */
  readonly follow: boolean;
  readonly signal: AbortSignal;
};

/** @throws LakeError `invalid` LAKE_NO_LOG, LAKE_LOG_GAP */
export async function* tailLines(
  parts: LakeParts,
  name: string,
  request: TailRequest,
): AsyncGenerator<string, void, undefined> {
  const { signal, follow } = request;
  const table = await openLakeTable(parts, name);
  const own = await withLogOf(parts, table);
  const log = logOf(own, 'log tail');
  const tail = await openTail(own, table, request);
  for (;;) {
    signal.throwIfAborted();
    const { batches, atTip } = await tail.readSome(signal);
    for (const { rows, kinds } of batches) yield changeLines(rows, kinds);
    if (!atTip) continue;
    if (!follow) return;
    // Being stopped is how following ends.
    await parts.clock.sleep(log.supports.pollIntervalMs, signal).catch(() => undefined);
    if (signal.aborted) return;
  }
}

async function openTail(parts: LakeParts, table: Table, { from, signal }: TailRequest): Promise<LogTail> {
  const tailParts = { log: logOf(parts, 'log tail'), store: parts.store };
  if (from === 'earliest') return new LogTail(tailParts, table, undefined, new Map());
  const { checkpoints, description } = await readCheckpoints(tailParts, table, { signal });
  const snapshot = await latestSnapshot(table);
  const state = await stateOfHead(table, snapshot);
  return new LogTail(tailParts, table, state, checkpoints, { description });
}
