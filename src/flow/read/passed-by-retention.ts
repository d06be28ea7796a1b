/**
 * Whether a log has lost records that a place still wants, in shards where reading begins at the log's beginning: the snapshot
 * it begins at says nothing of them, and a log that has forgotten its beginning gives what it has without a word (DESIGN D4).
 *
 * Where the place knows a position the log is asked what follows that. Where it knows none nothing of the shard was given, and it has surely lost its beginning when its oldest record is above all that the table has taken from it. That a part of
 * it is gone no log tells: it may be so when the place is as old as what the log keeps, and then it is said. So of a shard whose
 * parents have gone from the log before they were given to their end. Whether it is so the commits since tell (hand-over.ts).
 */
import { LakeError } from '../../base/errors.ts';
import type { LogDescription, LogStore } from '../../storage/log-store.ts';
import { latestSnapshot } from '../../table/snapshots.ts';
import type { Table } from '../../table/table.ts';
import { stateOfHead } from '../ingest/load-state.ts';
import type { IngestState } from '../ingest/state.ts';
import type { LogPoint } from './resume-point.ts';

type BeginningsRequest = {
  readonly description: LogDescription;
  /** Of the snapshot that reading begins at. */
  readonly state: IngestState | undefined;
  readonly point: LogPoint;
  readonly nowMs: number;
  readonly signal: AbortSignal;
};

/** Clocks of readers and logs differ, and logs remove by the segment. */
const marginMsMax = 600_000;

/** @returns LAKE_LOG_GAP: records may be missing, if the table has taken any since */
export async function doubtfulBeginning(
  log: LogStore,
  table: Table,
  { description, state, point, nowMs, signal }: BeginningsRequest,
): Promise<LakeError | undefined> {
  const { retentionMs } = description;
  if (retentionMs === undefined) return undefined;
  const isOld = nowMs - (point.sinceMs ?? nowMs) > retentionMs - Math.min(marginMsMax, retentionMs / 2);
  const begun = description.shards.filter(({ shardId }) => !state?.shards.has(shardId) && !point.bases.has(shardId));
  if (begun.length === 0) return undefined;
  const listed = new Set(description.shards.map(({ shardId }) => shardId));
  for (const { shardId, parentIds } of begun) {
    // Who has a position in a shard has read its parents to their end.
    if (point.positions.has(shardId)) continue;
    const gone = parentIds.filter(id => !listed.has(id) && state?.shards.get(id)?.ended !== true);
    if (gone.some(id => isOld || point.positions.has(id))) return passed(log, table, shardId);
  }
  const head = await stateOfHead(table, await latestSnapshot(table));
  for (const { shardId } of begun) {
    const position = point.positions.get(shardId);
    const taken = head?.shards.get(shardId)?.position ?? -1n;
    // Nothing that was taken in is missing: what else may be, ingest misses as well, and says so.
    if (taken <= (position ?? -1n)) continue;
    const from = position === undefined ? ({ kind: 'earliest' } as const) : ({ kind: 'after', position } as const);
    const { records, gap, ended, atTip } = await log.read(shardId, from, { recordsMax: 1, signal });
    const oldest = records[0]?.position;
    const isLost = position === undefined && (isOld || (oldest === undefined ? ended || atTip : oldest > taken));
    if (!gap && !isLost) continue;
    return passed(log, table, shardId);
  }
  return undefined;
}

function passed({ uri }: LogStore, { label }: Table, shardId: string): LakeError {
  const why = `the log no longer keeps what follows this place in ${label}`;
  return new LakeError('invalid', 'LAKE_LOG_GAP', `${uri}, shard ${shardId}: ${why}; begin again, from full`);
}
