/**
 * The snapshot that a group holds from expiry: the newest below the place of all its shards, since a shard is read on from a
 * snapshot (RFC 0014). To look for it takes some requests, so one member does it, and not at each renewal.
 */
import { isLakeError } from '../../../base/errors.ts';
import type { Table } from '../../../table/table.ts';
import { stateOfHead } from '../../ingest/load-state.ts';
import { snapshotBelow } from '../resume-point.ts';
import type { GroupState } from './group-state.ts';

export type GroupPin = {
  readonly snapshotId: number;
  /** Shards that this snapshot says something of. */
  readonly shardIds: ReadonlySet<string>;
};

const pinEveryMs = 60_000;

/** @returns undefined: it is not to be moved, or not by this member */
export async function findPin(
  table: Table,
  { place, members, pinnedMs }: GroupState,
  memberId: string,
): Promise<GroupPin | undefined> {
  const [first] = [...members.keys()].toSorted();
  if (place?.log === undefined || first !== memberId || table.storeTimeMs() - pinnedMs < pinEveryMs) return undefined;
  try {
    const snapshot = await snapshotBelow(table, place, place.log);
    const state = await stateOfHead(table, snapshot);
    return { snapshotId: snapshot?.id ?? 0, shardIds: new Set(state?.shards.keys()) };
  } catch (error) {
    // Whoever begins to read a shard has to know, and hears the same.
    if (isLakeError(error, 'LAKE_RESUME_EXPIRED')) return undefined;
    throw error;
  }
}

/** Positions of shards that are neither there nor known to that snapshot are of no use any more. */
export function withPin(state: GroupState, pin: GroupPin | undefined, nowMs: number): GroupState {
  const { place, units } = state;
  if (pin === undefined || place?.log === undefined || pin.snapshotId < place.snapshotId) return state;
  const positions = new Map(
    [...place.log.positions].filter(([shardId]) => units.has(shardId) || pin.shardIds.has(shardId)),
  );
  return {
    ...state,
    pinnedMs: nowMs,
    nextSnapshot: Math.max(pin.snapshotId, 1),
    place: { ...place, snapshotId: pin.snapshotId, log: { ...place.log, positions } },
  };
}
