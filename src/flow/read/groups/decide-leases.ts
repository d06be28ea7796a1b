/**
 * Who of a group reads what: each member decides it by this rule when it renews, from the group's state alone (RFC 0023).
 */
import type { LogShard } from '../../../storage/log-store.ts';
import {
  type GroupMemberEntry,
  type GroupState,
  type GroupUnit,
  historyIsOpen,
  historyUnit,
  type Lease,
} from './group-state.ts';

export type Renewal = {
  readonly memberId: string;
  /** Store time. */
  readonly nowMs: number;
  /** What is to stand for it among the members; undefined: it leaves. */
  readonly entry: GroupMemberEntry | undefined;
  /** Units that it is in the middle of: given back when they are not. */
  readonly busy: ReadonlySet<string>;
};

const leaseMsMin = 30_000;
/** The object is written so often at most, whatever the number of members. */
const leaseMsPerMember = 750;
const renewalsOfALease = 3;

/** How long a lease of a group of so many lasts; it is renewed three times in it. */
export function leaseMsOf(memberCount: number, leaseMs: number = leaseMsMin): number {
  return Math.max(leaseMs, memberCount * leaseMsPerMember);
}

export function renewalMsOf(leaseMs: number): number {
  return leaseMs / renewalsOfALease;
}

/** The leases that a member has. */
export function leasesOf({ units }: GroupState, memberId: string): ReadonlyMap<string, Lease> {
  return new Map([...units].flatMap(([id, { lease }]) => (lease?.memberId === memberId ? [[id, lease] as const] : [])));
}

/** Units that may be read now. The history comes before all shards; a shard comes after its parents. */
export function readableUnits(state: GroupState): readonly string[] {
  const { units } = state;
  if (historyIsOpen(state)) {
    const isFree = [...units].every(([id, { lease }]) => id === historyUnit || lease === undefined);
    return isFree ? [historyUnit] : [];
  }
  const isRead = (id: string): boolean => units.get(id)?.ended ?? true;
  return [...units].flatMap(([id, unit]) => (!unit.ended && unit.parentIds.every(isRead) ? [id] : []));
}

/**
 * How many units a member should have: as even as can be. The larger part is of those that have as many, by name among equals; one that
 * has more yet counts like them, so that nobody's part changes while others give back what is too many.
 */
export function quotaOf(state: GroupState, memberId: string): number {
  const readable = readableUnits(state);
  const counts = new Map([...state.members.keys()].map(id => [id, 0]));
  for (const id of readable) {
    const holder = state.units.get(id)?.lease?.memberId;
    if (holder !== undefined) counts.set(holder, (counts.get(holder) ?? 0) + 1);
  }
  const least = Math.floor(readable.length / Math.max(1, counts.size));
  const larger = readable.length - least * counts.size;
  const ranked = [...counts]
    .map(([id, count]) => ({ id, count: Math.min(count, least + 1) }))
    .toSorted((a, b) => b.count - a.count || (a.id < b.id ? -1 : 1));
  const rank = ranked.findIndex(({ id }) => id === memberId);
  if (rank < 0) return 0;
  return rank < larger ? least + 1 : least;
}

/** The state after a member has renewed, or left. */
export function renewed(before: GroupState, { memberId, nowMs, entry, busy }: Renewal): GroupState {
  const members = new Map([...before.members].filter(([id, { untilMs }]) => id !== memberId && untilMs >= nowMs));
  if (entry !== undefined) members.set(memberId, entry);
  const state = withoutLeases({ ...before, members }, ({ lease }) => !members.has(lease?.memberId ?? ''));
  if (entry === undefined) return state;
  const readable = new Set(readableUnits(state));
  const held = leasesOf(state, memberId);
  // Of a shard that waits for the history again.
  const wanted = withoutLeases(
    state,
    ({ lease }, id) => lease?.memberId === memberId && !readable.has(id) && !busy.has(id),
  );
  const quota = quotaOf(wanted, memberId);
  const mine = [...held.keys()].filter(id => readable.has(id));
  if (mine.length > quota) {
    const surplus = new Set(mine.filter(id => !busy.has(id)).slice(0, mine.length - quota));
    return withoutLeases(wanted, (_, id) => surplus.has(id));
  }
  const free = readableUnits(wanted).filter(id => wanted.units.get(id)?.lease === undefined);
  return withLeases(wanted, memberId, free.slice(0, quota - mine.length));
}

function withoutLeases(state: GroupState, isGone: (unit: GroupUnit, id: string) => boolean): GroupState {
  const units = new Map(
    [...state.units].map(([id, unit]) => [id, isGone(unit, id) ? { ...unit, lease: undefined } : unit]),
  );
  return { ...state, units };
}

function withLeases(state: GroupState, memberId: string, ids: readonly string[]): GroupState {
  const units = new Map(state.units);
  let { epoch } = state;
  for (const id of ids) {
    const unit = units.get(id);
    if (unit === undefined) continue;
    epoch += 1;
    units.set(id, { ...unit, lease: { memberId, epoch } });
  }
  return { ...state, epoch, units };
}

/** Whether a shard was read to its end whose children nobody has seen yet: the log's shards are to be looked up. */
export function wantsShards(state: GroupState): boolean {
  if (historyIsOpen(state) || state.place?.log === undefined) return false;
  const shards = [...state.units].filter(([id]) => id !== historyUnit);
  const parents = new Set(shards.flatMap(([, { parentIds }]) => parentIds));
  return shards.length === 0 || shards.some(([id, { ended }]) => ended && !parents.has(id));
}

/** With the shards that the log has now. One that has left it stays until it was read to its end, which its reader learns is no more. */
export function withShards(state: GroupState, shards: readonly LogShard[]): GroupState {
  const listed = new Set(shards.map(({ shardId }) => shardId));
  const units = new Map([...state.units].filter(([id, { ended }]) => listed.has(id) || !ended));
  for (const { shardId, parentIds } of shards) {
    if (units.has(shardId)) continue;
    const since = parentIds.map(id => state.units.get(id)?.sinceMs ?? state.place?.log?.sinceMs);
    const known = since.filter(ms => ms !== undefined);
    const sinceMs = known.length === 0 ? state.place?.log?.sinceMs : Math.min(...known);
    units.set(shardId, { parentIds, ended: false, sinceMs, lease: undefined });
  }
  return { ...state, units };
}
