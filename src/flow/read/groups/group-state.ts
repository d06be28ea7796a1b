/**
 * What a group of readers has in common: its place, its members, and who reads what (RFC 0023). It lies in the file of a
 * Paimon consumer (`consumer/consumer-{group}`), whose `nextSnapshot` holds the snapshots that the group may still need.
 *
 * A **unit** is what one member reads: a shard of the log, or the history, which is what comes before the log and the parent of all shards.
 */
import { corrupt, invalid } from '../../../base/errors.ts';
import { isJsonObject, type JsonObject, type JsonValue, stringifyJson } from '../../../base/json.ts';
import { parseJsonObject } from '../../../format/json-file.ts';
import { placeKey, readerKey } from '../../../table/consumer-file.ts';
import { decodeResumePoint, encodeResumePoint, placeLengthMax, type ResumePoint } from '../resume-point.ts';

/** A member reads the unit as long as this stands in the file. */
export type Lease = {
  readonly memberId: string;
  /** Larger than that of each lease before it in the group. */
  readonly epoch: number;
};

export type GroupUnit = {
  readonly parentIds: readonly string[];
  /** It was read to its end. */
  readonly ended: boolean;
  /** At this time of a reader's clock, ms, it was at its tip, or was made from what was. undefined: unknown. */
  readonly sinceMs: number | undefined;
  readonly lease: Lease | undefined;
};

export type GroupMemberEntry = {
  /** The store time until which it is believed to live, ms. */
  readonly untilMs: number;
  /** Counts its renewals, so that it can tell one whose answer was lost. */
  readonly renewal: number;
};

export type GroupState = {
  /** The smallest snapshot that is still wanted. */
  readonly nextSnapshot: number;
  /** When that was last looked for, store time. */
  readonly pinnedMs: number;
  /** undefined: nothing was read so far that there is a place behind. */
  readonly place: ResumePoint | undefined;
  /** Of the newest lease. */
  readonly epoch: number;
  readonly members: ReadonlyMap<string, GroupMemberEntry>;
  readonly units: ReadonlyMap<string, GroupUnit>;
};

/** No shard has such a name. */
export const historyUnit = '*';

const groupKey = 'tidelake.group';
export const groupUnitsMax: number = 20_000;
export const groupMembersMax: number = 1_000;

export function historyIsOpen({ units }: GroupState): boolean {
  return units.get(historyUnit)?.ended === false;
}

/** Names of a unit and of those that are read before it, as far as the group knows them. */
export function familyOf({ units }: GroupState, unitId: string): ReadonlySet<string> {
  const family = new Set<string>();
  const waiting = [unitId];
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    if (family.has(id)) continue;
    family.add(id);
    waiting.push(...(units.get(id)?.parentIds ?? []));
  }
  return family;
}

/**
 * @param writer another for each try, so that who wrote a version can tell it is theirs
 * @throws LakeError `invalid` LAKE_GROUP_TOO_LARGE
 */
export function encodeGroup(state: GroupState, writer: string): Uint8Array {
  const { nextSnapshot, place, epoch, pinnedMs, members, units } = state;
  const placeText = place === undefined ? undefined : encodeResumePoint(place, placeLengthMax);
  const isPlaceTooLong = place !== undefined && placeText === undefined;
  if (isPlaceTooLong || units.size > groupUnitsMax || members.size > groupMembersMax) {
    throw invalid(
      'LAKE_GROUP_TOO_LARGE',
      `a group has at most ${groupMembersMax} members, ${groupUnitsMax} shards, and ${placeLengthMax} characters of positions; ` +
        `this one would have ${members.size} and ${units.size}. Use fewer members, or a log of fewer shards`,
    );
  }
  const group: JsonObject = {
    v: 1,
    epoch,
    pinnedMs,
    members: Object.fromEntries([...members].map(([id, { untilMs, renewal }]) => [id, [untilMs, renewal]])),
    units: Object.fromEntries([...units].map(([id, unit]) => [id, unitJson(unit)])),
  };
  return new TextEncoder().encode(
    stringifyJson({
      nextSnapshot,
      [placeKey]: placeText,
      [readerKey]: writer,
      [groupKey]: group,
    }),
  );
}

function unitJson({ parentIds, ended, sinceMs, lease }: GroupUnit): JsonObject {
  return {
    parents: parentIds.length === 0 ? undefined : [...parentIds],
    ended: ended || undefined,
    sinceMs,
    member: lease?.memberId,
    epoch: lease?.epoch,
  };
}

/**
 * @returns undefined: it is of a consumer that is no group
 * @throws LakeError `corrupt` LAKE_CORRUPT_CONSUMER, `invalid` LAKE_BAD_RESUME
 */
export function decodeGroup(bytes: Uint8Array, where: string): GroupState | undefined {
  const json = parseJsonObject(bytes, { where, code: 'LAKE_CORRUPT_CONSUMER' });
  const { [groupKey]: group, [placeKey]: place, nextSnapshot } = json;
  if (group === undefined) return undefined;
  if (!isJsonObject(group) || group['v'] !== 1) throw noGroup(where, 'group');
  if (place !== undefined && typeof place !== 'string') throw noGroup(where, 'place');
  const [members, units] = [group['members'], group['units']];
  if (!isJsonObject(members) || Object.keys(members).length > groupMembersMax) throw noGroup(where, 'members');
  if (!isJsonObject(units) || Object.keys(units).length > groupUnitsMax) throw noGroup(where, 'units');
  return {
    nextSnapshot: wholeNumber(nextSnapshot, where),
    pinnedMs: wholeNumber(group['pinnedMs'], where),
    place: place === undefined ? undefined : decodeResumePoint(place, placeLengthMax),
    epoch: wholeNumber(group['epoch'], where),
    members: new Map(Object.entries(members).map(([id, member]) => [id, memberOf(member, where)])),
    units: new Map(Object.entries(units).map(([id, unit]) => [id, unitOf(unit, where)])),
  };
}

function memberOf(json: JsonValue | undefined, where: string): GroupMemberEntry {
  if (!Array.isArray(json)) throw noGroup(where, 'member');
  return { untilMs: wholeNumber(json[0], where), renewal: wholeNumber(json[1], where) };
}

function unitOf(json: JsonValue | undefined, where: string): GroupUnit {
  if (!isJsonObject(json)) throw noGroup(where, 'unit');
  const { parents = [], ended = false, sinceMs, member, epoch } = json;
  if (!Array.isArray(parents) || !parents.every(parent => typeof parent === 'string')) throw noGroup(where, 'parents');
  if (typeof ended !== 'boolean') throw noGroup(where, 'ended');
  if (member !== undefined && typeof member !== 'string') throw noGroup(where, 'member');
  return {
    parentIds: parents,
    ended,
    sinceMs: sinceMs === undefined ? undefined : wholeNumber(sinceMs, where),
    lease: member === undefined ? undefined : { memberId: member, epoch: wholeNumber(epoch, where) },
  };
}

function wholeNumber(json: JsonValue | undefined, where: string): number {
  if (typeof json === 'number' && Number.isSafeInteger(json)) return json;
  throw noGroup(where, 'number');
}

function noGroup(where: string, what: string): Error {
  return corrupt(
    'LAKE_CORRUPT_CONSUMER',
    `${where}: its ${what} is none of a group of readers; remove the file if no one reads with it`,
  );
}
