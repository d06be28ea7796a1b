/** Takes what the log has into the tables, up to its tip or on and on. */

import { LakeError } from '../base/errors.ts';
import { listLogNames } from '../catalog/log-names.ts';
import {
  type BlockedTable,
  type CycleResult,
  type IngestSettings,
  IngestWorker,
} from '../flow/ingest/ingest-worker.ts';
import { isPaidFor } from './cost/metering.ts';
import { type LakeParts, logOf, partsAs } from './lake-parts.ts';
import { isOfLog, withLog } from './named-logs.ts';

/** What became of the rows. */
export type IngestReceipt = {
  readonly rowCount: number;
  readonly commitCount: number;
  /** Rows whose table is no more. */
  readonly droppedTableRows: number;
  /** Records that are no records of ours; kept aside. */
  readonly unreadableRecords: number;
  /** Shards that lost rows before they were read: the log's retention was too short. */
  readonly lostShards: readonly string[];
};

export function openIngestWorker(parts: LakeParts, what: string): IngestWorker {
  const own = partsAs(parts, 'ingest');
  const { store, clock, random, logName } = own;
  const accepts = isOfLog(logName);
  return new IngestWorker({ log: logOf(own, what), store, clock, random, accepts }, ingestSettings(parts));
}

/**
 * Reads every shard of the lake's logs to its tip and commits what it found. Any number may do so at a time.
 *
 * @throws LakeError LAKE_NO_LOG; `conflict` LAKE_COMMIT_CONFLICT when a table's rows wait for an overwrite; of the stores
 */
export async function ingestOnce(parts: LakeParts, signal?: AbortSignal): Promise<IngestReceipt> {
  const all: CycleResult[] = [];
  const failures: unknown[] = [];
  const names = parts.log === undefined ? [] : await listLogNames(parts.store, signal);
  for (const name of [undefined, ...names]) {
    try {
      all.push(...(await drained(await withLog(parts, name), signal)));
    } catch (error) {
      signal?.throwIfAborted();
      // Of one log; the others' rows need not wait for it.
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
  return receiptOf(all);
}

/** What is in the log of these parts. */
async function drained(parts: LakeParts, signal: AbortSignal | undefined): Promise<readonly CycleResult[]> {
  await using worker = openIngestWorker(parts, 'ingest');
  const cycles = await worker.drain(signal);
  const [blocked] = cycles.at(-1)?.blocked ?? [];
  if (blocked !== undefined) throw blockedTable(blocked);
  return cycles;
}

export function blockedTable({ tableName, detail }: BlockedTable): LakeError {
  const message = `rows of ${tableName} in the log cannot come into it: ${detail}`;
  return new LakeError('conflict', 'LAKE_COMMIT_CONFLICT', message);
}

/** Sums up. */
export function receiptOf(cycles: readonly CycleResult[]): IngestReceipt {
  const events = cycles.flatMap(cycle => cycle.events).filter(event => event.outcome.status === 'committed');
  const sum = (of: (cycle: CycleResult) => number): number => cycles.reduce((total, cycle) => total + of(cycle), 0);
  return {
    rowCount: events.reduce((total, event) => total + event.rowCount, 0),
    commitCount: events.length,
    droppedTableRows: sum(cycle => cycle.droppedTableRows),
    unreadableRecords: sum(cycle => cycle.unreadableRecords),
    lostShards: [...new Set(cycles.flatMap(cycle => cycle.lostShards))],
  };
}

/** A commit to S3 costs what its requests cost; one to a folder costs nothing. */
const paidFreshnessMs = 10_000;

function ingestSettings({ settings }: LakeParts): Partial<IngestSettings> {
  const { commitIntervalMs, commitRowsMax } = settings.ingest ?? {};
  const freshnessMs = settings.ingest?.freshnessMs ?? (isPaidFor(settings) ? paidFreshnessMs : undefined);
  return {
    ...(freshnessMs === undefined ? {} : { freshnessMs }),
    ...(commitIntervalMs === undefined ? {} : { commitIntervalMs }),
    ...(commitRowsMax === undefined ? {} : { commitRowsMax }),
  };
}
