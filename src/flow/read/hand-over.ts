/**
 * The way back from the log to the snapshots, when the log no longer keeps what follows a place (DESIGN D6): which commits have
 * changes that were not given.
 *
 * A place is a position in each shard, and a commit takes a stretch of some shards, so it may have changes of before and of
 * behind the place. With keys all commits above the newest snapshot below the place are given, and all that the log has behind
 * them: some comes again, in its order, and whoever keeps rows by key ends right. To leave out what was given would not do: what
 * comes again of one shard may be older than what was given of another, of the same key, when shards were split between them.
 * Rows without keys come in no order but that of their shard, so each commit is given or not, and of one that is both the rows that
 * were not given (given-rows.ts).
 */
import { isLakeError, LakeError } from '../../base/errors.ts';
import type { RowSet } from '../../format/file-index/row-set.ts';
import type { Snapshot } from '../../format/snapshot.ts';
import { changeSourceOf } from '../../table/changelog/change-source.ts';
import { latestSnapshot } from '../../table/snapshots.ts';
import type { Table } from '../../table/table.ts';
import { stateOfHead } from '../ingest/load-state.ts';
import type { IngestState } from '../ingest/state.ts';
import { freshRows } from './given-rows.ts';
import { type LogPoint, type Positions, type ResumePoint, snapshotBelow } from './resume-point.ts';

export type LogPlace = ResumePoint & { readonly log: LogPoint };

export type MissedCommit = {
  readonly snapshot: Snapshot;
  /** By file name, the rows to give; undefined: all. */
  readonly rows: ReadonlyMap<string, RowSet> | undefined;
};

export type MissedCommits = {
  /** Whose changes are to be given, in order. */
  readonly commits: readonly MissedCommit[];
  /** Reading of the log goes on behind it. */
  readonly head: Snapshot;
  /** Some of their rows were not given. */
  readonly isBeyond: boolean;
};

/** Positions of a log before and after a commit. */
export type Move = { readonly before: Positions; readonly after: Positions };

/** How the changes of a commit stand to what was given up to a place; `none`: they came by no log. */
export function standingOf({ before, after }: Move, given: Positions): 'given' | 'fresh' | 'both' | 'none' {
  let [isGiven, isFresh] = [false, false];
  for (const [shardId, position] of after) {
    const from = before.get(shardId) ?? -1n;
    const place = given.get(shardId) ?? -1n;
    if (position <= from) continue;
    if (from < place) isGiven = true;
    if (position > place) isFresh = true;
  }
  if (isGiven) return isFresh ? 'both' : 'given';
  return isFresh ? 'fresh' : 'none';
}

/** @throws LakeError the gap, when no exact way leads from the place to the snapshots */
export async function missedCommits(table: Table, place: LogPlace, gap: LakeError): Promise<MissedCommits> {
  const { incarnation, positions } = place.log;
  const base = await baseOf(table, place, gap);
  const head = await latestSnapshot(table);
  if (head === undefined) throw gap;
  const isKeyed = table.schema.primaryKeys.length > 0;
  const commits: MissedCommit[] = [];
  let isBeyond = false;
  let before = positionsIn(await stateOfHead(table, base), incarnation, gap);
  for (let id = (base?.id ?? 0) + 1; id <= head.id; id += 1) {
    const snapshot = id === head.id ? head : await changeSourceOf(table, id);
    const after = positionsIn(await stateOfHead(table, snapshot), incarnation, gap);
    let standing = standingOf({ before, after }, positions);
    const rows = standing === 'both' && !isKeyed ? await freshRows(table, snapshot, positions) : undefined;
    if (rows?.kind === 'unknown') throw partlyGiven(table, id, gap);
    if (rows?.kind === 'none') standing = 'given';
    isBeyond ||= standing === 'both' || standing === 'fresh';
    if (isKeyed || standing !== 'given') commits.push({ snapshot, rows: rows?.rows });
    before = after;
  }
  return { commits, head, isBeyond };
}

/** Whether reading goes on farther in some shard than it stood: else the log has lost what no table has taken. */
export function isFarther(next: LogPoint, { positions }: LogPoint): boolean {
  return [...next.positions].some(([shardId, position]) => position > (positions.get(shardId) ?? -1n));
}

async function baseOf(table: Table, place: LogPlace, gap: LakeError): Promise<Snapshot | undefined> {
  try {
    return await snapshotBelow(table, place, place.log);
  } catch (error) {
    throw isLakeError(error, 'LAKE_RESUME_EXPIRED') ? gap : error;
  }
}

function positionsIn(state: IngestState | undefined, incarnation: string, gap: LakeError): Positions {
  if (state === undefined) return new Map();
  if (state.incarnation !== incarnation) throw gap;
  return new Map([...state.shards].map(([shardId, { position }]) => [shardId, position]));
}

function partlyGiven({ label }: Table, id: number, gap: LakeError): LakeError {
  const why = `snapshot ${id} has what follows and also rows that were given, and ${label} neither has keys nor says which rows these are`;
  return new LakeError('invalid', 'LAKE_LOG_GAP', `${gap.message}; ${why}: begin again, from full`, { cause: gap });
}
