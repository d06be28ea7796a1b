/** Reading of one shard by the member that has its lease: from the newest snapshot below its place on (RFC 0014). */

import { present } from '../../../base/assert.ts';
import type { Clock } from '../../../base/clock.ts';
import { mapBounded } from '../../../base/concurrency.ts';
import { isLakeError, LakeError } from '../../../base/errors.ts';
import type { LogDescription } from '../../../storage/log-store.ts';
import type { Table } from '../../../table/table.ts';
import { readCheckpoint } from '../../ingest/checkpoint.ts';
import { stateOfHead } from '../../ingest/load-state.ts';
import type { IngestState } from '../../ingest/state.ts';
import { missedCommits } from '../hand-over.ts';
import { type Checkpoints, LogTail, type TailParts, type TailRead } from '../log-tail.ts';
import { doubtfulBeginning } from '../passed-by-retention.ts';
import { type LogPoint, resumeExpired, snapshotBelow } from '../resume-point.ts';
import { familyOf, type GroupState, type Lease } from './group-state.ts';

const checkpointsInParallelMax = 8;

export type UnitReader = { readonly unitId: string; readonly lease: Lease; readonly tail: LogTail };

export type UnitAnswer = {
  readonly reader: UnitReader;
  readonly read: TailRead;
  /** When it was begun, by the reader's clock, ms. */
  readonly beganMs: number;
};

/** @throws LakeError `invalid` LAKE_LOG_GAP, LAKE_RESUME_EXPIRED */
export async function openUnit(
  { clock, tailParts }: { readonly clock: Clock; readonly tailParts: TailParts },
  table: Table,
  {
    state,
    unitId,
    lease,
    description,
  }: {
    readonly state: GroupState;
    readonly unitId: string;
    readonly lease: Lease;
    readonly description: LogDescription;
  },
  signal: AbortSignal,
): Promise<UnitReader> {
  const place = present(state.place, 'a place, which shards are read from');
  const point = present(place.log, 'a place in the log, which shards are read from');
  if (description.incarnation !== point.incarnation) throw resumeExpired(table, 'the log was made again since');
  const family = familyOf(state, unitId);
  const shards = description.shards.filter(({ shardId }) => family.has(shardId));
  if (!shards.some(({ shardId }) => shardId === unitId)) throw goneBeforeItsEnd(tailParts, table, unitId);
  const snapshot = await snapshotBelow(table, place, point, family);
  const begun = await stateOfHead(table, snapshot);
  const doubt = await doubtfulBeginning(tailParts.log, table, {
    description: { ...description, shards },
    state: begun,
    point: { ...point, sinceMs: state.units.get(unitId)?.sinceMs ?? point.sinceMs },
    nowMs: clock.nowMs(),
    signal,
  });
  if (doubt !== undefined && (await missedCommits(table, { ...place, log: point }, doubt)).isBeyond) throw doubt;
  const starts = await startsOf(tailParts, description, { family, point, state: begun });
  const tail = new LogTail(tailParts, table, begun, starts, {
    followsSchema: true,
    shardIds: family,
    passed: point.positions,
    description,
  });
  return { unitId, lease, tail };
}

/**
 * Where reading begins in shards of which the snapshot says nothing; and where checkpoints stand just there, that they were the end: a
 * log that forgets cannot tell otherwise whether more is gone than the record that the place names.
 */
async function startsOf(
  { store }: TailParts,
  { incarnation, retentionMs }: LogDescription,
  {
    family,
    point,
    state,
  }: { readonly family: ReadonlySet<string>; readonly point: LogPoint; readonly state: IngestState | undefined },
): Promise<Checkpoints> {
  const found = await mapBounded([...family], checkpointsInParallelMax, async shardId => {
    const position = state?.shards.get(shardId)?.position ?? point.bases.get(shardId);
    if (position === undefined) return [];
    const checkpoint = retentionMs === undefined ? undefined : await readCheckpoint(store, incarnation, shardId);
    const tipMs = checkpoint?.position === position ? checkpoint.tipMs : undefined;
    return [[shardId, { position, tipMs }] as const];
  });
  return new Map(found.flat());
}

/** @returns LAKE_LOG_GAP: the log has lost what follows */
export async function readUnit(clock: Clock, reader: UnitReader, signal: AbortSignal): Promise<UnitAnswer | LakeError> {
  const beganMs = clock.nowMs();
  try {
    return { reader, read: await reader.tail.readSome(signal, { follows: true }), beganMs };
  } catch (error) {
    if (isLakeError(error, 'LAKE_LOG_GAP')) return error;
    throw error;
  }
}

function goneBeforeItsEnd({ log }: TailParts, { label }: Table, shardId: string): LakeError {
  const message = `${log.uri}, shard ${shardId}: it has left the log before a group had read it for ${label} to its end`;
  return new LakeError('invalid', 'LAKE_LOG_GAP', message);
}
