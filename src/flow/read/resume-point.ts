/**
 * Where a subscription stands, so that another can go on there without a gap and without a repeat (DESIGN D6, RFC 0014).
 *
 * In the history of snapshots it is a snapshot's number. In the log it is a position in each shard; but positions alone do
 * not tell repeats of producers from new records, so reading begins at a snapshot that is not above them, whose numbers are
 * known, and what lies between is looked at and not given again.
 */
import { invalid } from '../../base/errors.ts';
import { isJsonObject, type JsonObject, type JsonValue, parseJson, stringifyJson } from '../../base/json.ts';
import type { Snapshot } from '../../format/snapshot.ts';
import { latestSnapshot, listSnapshotIds, readSnapshot, snapshotById } from '../../table/snapshots.ts';
import type { Table } from '../../table/table.ts';
import { stateOfHead } from '../ingest/load-state.ts';
import type { IngestState } from '../ingest/state.ts';
import type { Checkpoints } from './log-tail.ts';

export type Positions = ReadonlyMap<string, bigint>;

export type ResumePoint = {
  readonly tableId: string;
  /** Everything up to it was given; 0: there was none. In the log, the one that reading began at. */
  readonly snapshotId: number;
  /** undefined: in the history of snapshots. */
  readonly log: LogPoint | undefined;
  /** How far event time had come, ms; undefined: nobody knew. */
  readonly watermarkMs?: number | undefined;
};

export type LogPoint = {
  readonly incarnation: string;
  /** By shard: everything up to it was given. */
  readonly positions: Positions;
  /** Where reading began in shards that the snapshot says nothing of. */
  readonly bases: Positions;
  /**
   * What was not given of shards without a position has come at this time of the reader's clock, ms, or later, but for what ingest was
   * behind by when reading began. undefined: a place of before this was written down.
   */
  readonly sinceMs?: number | undefined;
};

/** Of a point as text: HTTP headers must hold it. */
export const tokenLengthMax: number = 6 * 1024;
/** The same in the file of a consumer: thousands of shards. */
export const placeLengthMax: number = 1024 * 1024;

/** So a place of a quiet log is another only now and then, and need not be kept anew. */
const sinceStepMs = 3_600_000;

export function sinceOf(nowMs: number): number {
  return nowMs - (nowMs % sinceStepMs);
}

/** The point at which reading of the log begins after a snapshot. @param nowMs of before the checkpoints were read */
export function pointAtSnapshot(
  tableId: string,
  snapshot: Snapshot | undefined,
  {
    incarnation,
    state,
    checkpoints,
    nowMs,
  }: { incarnation: string; state: IngestState | undefined; checkpoints: Checkpoints; nowMs: number },
): ResumePoint {
  const recorded = state?.incarnation === incarnation ? state.shards : new Map<string, { readonly position: bigint }>();
  const positions = new Map([...recorded].map(([shardId, { position }]) => [shardId, position]));
  const bases = new Map<string, bigint>();
  for (const [shardId, { position }] of checkpoints) {
    if (!recorded.has(shardId)) bases.set(shardId, position);
    if (position > (positions.get(shardId) ?? -1n)) positions.set(shardId, position);
  }
  return { tableId, snapshotId: snapshot?.id ?? 0, log: { incarnation, positions, bases, sinceMs: sinceOf(nowMs) } };
}

/** The same, with what was read since. @param tipMs when all shards were at their tips; undefined: they were not */
export function movedTo(point: ResumePoint, read: Positions, tipMs?: number): ResumePoint {
  if (point.log === undefined) return point;
  const positions = new Map(point.log.positions);
  // A tail that looks at what was given before stands below the point for a while.
  for (const [shardId, position] of read) {
    if (position > (positions.get(shardId) ?? -1n)) positions.set(shardId, position);
  }
  return {
    ...point,
    log: { ...point.log, positions, sinceMs: tipMs === undefined ? point.log.sinceMs : sinceOf(tipMs) },
  };
}

/**
 * The newest snapshot that is not above the point.
 *
 * @param shardIds only these shards count; all when not given
 * @returns undefined: the point is below all of them, and is where the log's first record for the table was yet to come
 * @throws LakeError `invalid` LAKE_RESUME_EXPIRED
 */
export async function snapshotBelow(
  table: Table,
  point: ResumePoint,
  log: LogPoint,
  shardIds?: ReadonlySet<string>,
): Promise<Snapshot | undefined> {
  const head = await latestSnapshot(table);
  const ids = (await listSnapshotIds(table)).ids.filter(id => id >= point.snapshotId && id <= (head?.id ?? 0));
  let [low, high] = [0, ids.length];
  let found: Snapshot | undefined;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const snapshot = await readSnapshot(table, ids[middle] ?? 0);
    // One that is gone meanwhile was the oldest: the search goes on above it.
    if (snapshot !== undefined && !isCovered(await stateOfHead(table, snapshot), log, shardIds)) high = middle;
    else {
      low = middle + 1;
      found = snapshot ?? found;
    }
  }
  if (found !== undefined) return snapshotById(table, found.id);
  if (point.snapshotId === 0 && (ids[0] ?? 1) === 1) return undefined;
  throw resumeExpired(table, 'the snapshots from which it could be reached have expired');
}

/** Whether all that a snapshot took from the log was given before the point. */
function isCovered(
  state: IngestState | undefined,
  { incarnation, positions }: LogPoint,
  shardIds: ReadonlySet<string> | undefined,
): boolean {
  if (state === undefined || state.incarnation !== incarnation) return state === undefined;
  return [...state.shards].every(
    ([shardId, { position }]) => shardIds?.has(shardId) === false || position <= (positions.get(shardId) ?? -1n),
  );
}

export function resumeExpired({ label }: Pick<Table, 'label'>, why: string): Error {
  return invalid('LAKE_RESUME_EXPIRED', `${label} can not be followed from there: ${why}; begin again, from full`);
}

/** @returns undefined for a point in a log of so many shards that its text would be too long */
export function encodeResumePoint(
  { tableId, snapshotId, log, watermarkMs }: ResumePoint,
  lengthMax: number = tokenLengthMax,
): string | undefined {
  const json: JsonObject = {
    v: 1,
    t: tableId,
    s: snapshotId,
    w: watermarkMs,
    ...(log === undefined
      ? {}
      : {
          ...{ i: log.incarnation, p: positionsToJson(log.positions), b: positionsToJson(log.bases) },
          ...(log.sinceMs === undefined ? {} : { m: log.sinceMs }),
        }),
  };
  const text = Buffer.from(stringifyJson(json)).toString('base64url');
  return text.length > lengthMax ? undefined : text;
}

/** @throws LakeError `invalid` LAKE_BAD_RESUME when it is none that `encodeResumePoint` gave */
export function decodeResumePoint(text: string, lengthMax: number = tokenLengthMax): ResumePoint {
  if (text.length > lengthMax || !/^[\w-]+$/.test(text)) throw badPoint();
  const json = jsonOf(text);
  const { v, t: tableId, s: snapshotId, i: incarnation, m: sinceMs, w: watermark } = json;
  if (v !== 1 || typeof tableId !== 'string' || tableId === '') throw badPoint();
  if (typeof snapshotId !== 'number' || !Number.isSafeInteger(snapshotId) || snapshotId < 0) throw badPoint();
  if (watermark !== undefined && !isTime(watermark)) throw badPoint();
  const at = { tableId, snapshotId, ...(watermark === undefined ? {} : { watermarkMs: watermark }) };
  if (incarnation === undefined) return { ...at, log: undefined };
  if (typeof incarnation !== 'string') throw badPoint();
  if (sinceMs !== undefined && !isTime(sinceMs)) throw badPoint();
  const log = { incarnation, positions: positionsOfJson(json['p']), bases: positionsOfJson(json['b']), sinceMs };
  return { ...at, log };
}

function isTime(value: JsonValue): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value);
}

function jsonOf(text: string): JsonObject {
  try {
    const json = parseJson(Buffer.from(text, 'base64url').toString('utf8'));
    if (isJsonObject(json)) return json;
  } catch {
    // It is no JSON.
  }
  throw badPoint();
}

function positionsToJson(positions: Positions): JsonObject {
  return Object.fromEntries([...positions].map(([shardId, position]) => [shardId, position.toString()]));
}

function positionsOfJson(json: JsonValue | undefined): Positions {
  if (!isJsonObject(json)) throw badPoint();
  return new Map(
    Object.entries(json).map(([shardId, position]) => {
      if (typeof position !== 'string' || !/^-?\d{1,80}$/.test(position)) throw badPoint();
      return [shardId, BigInt(position)];
    }),
  );
}

function badPoint(): Error {
  return invalid('LAKE_BAD_RESUME', 'this is no place that a subscription has given');
}
