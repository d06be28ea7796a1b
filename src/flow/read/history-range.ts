/**
 * The part of a subscription that lies in the history of snapshots: which rows it begins with, and the changes of which
 * snapshots follow (RFC 0017).
 *
 * A change has the time of its snapshot, as in Paimon; times of two reads that meet, one `until` and one `from`, share none.
 */
import { unreachable } from '../../base/assert.ts';
import { invalid } from '../../base/errors.ts';
import type { Snapshot } from '../../format/snapshot.ts';
import { findChangeSource } from '../../table/changelog/change-source.ts';
import { keptChangeIds, lastIdBefore, timeText } from '../../table/changelog/kept-changes.ts';
import { snapshotById, snapshotOfTag } from '../../table/snapshots.ts';
import type { Table } from '../../table/table.ts';
import type { ResumePoint } from './resume-point.ts';

/** A state of the table by its name. */
export type NamedSnapshot = { readonly snapshotId: number } | { readonly tag: string };

export type SubscribeFrom =
  /** Every row there is, then changes. */
  | { readonly kind: 'full' }
  /** Every row as of a state, then the changes after it. */
  | { readonly kind: 'full-of'; readonly of: NamedSnapshot }
  /** Changes from now on. */
  | { readonly kind: 'latest' }
  /** All changes that are kept. */
  | { readonly kind: 'earliest' }
  /** Changes of this time and later, ms. */
  | { readonly kind: 'timestamp'; readonly timestampMs: number }
  /** Changes after a state. */
  | { readonly kind: 'after'; readonly of: NamedSnapshot }
  /** Changes after a place that another subscription has given. */
  | { readonly kind: 'resume'; readonly point: ResumePoint };

export type SubscribeUntil =
  /** What there is when it is read, in the log as well. */
  | { readonly kind: 'now' }
  /** The changes of this snapshot are the last. */
  | { readonly kind: 'snapshot'; readonly of: NamedSnapshot }
  /** Changes before this time, ms, which must have passed. */
  | { readonly kind: 'timestamp'; readonly timestampMs: number };

export type HistoryRange = {
  /** Whose rows come first; `none`: no rows. */
  readonly rowsOf: Snapshot | undefined | 'none';
  /** Changes come of the snapshots above this. */
  readonly afterId: number;
  /** The last whose changes come; 0: none. */
  readonly lastId: number;
};

/** @throws LakeError `invalid` LAKE_BAD_RANGE, LAKE_SNAPSHOT_NOT_FOUND, LAKE_SNAPSHOT_EXPIRED, LAKE_TAG_NOT_FOUND */
export async function historyRange(
  table: Table,
  head: Snapshot | undefined,
  { from, until }: { readonly from: SubscribeFrom; readonly until: SubscribeUntil | undefined },
): Promise<HistoryRange> {
  const lastId = await lastIdOf(table, head, until);
  const range = { ...(await startOf(table, head, { from, lastId })), lastId };
  if (range.afterId <= lastId) return range;
  // Where nothing bounds it, what it is to start behind is not there.
  if (until === undefined || until.kind === 'now') await snapshotById(table, range.afterId);
  throw invalid(
    'LAKE_BAD_RANGE',
    `${table.label}: it is to start behind snapshot ${range.afterId}, and to end with snapshot ${lastId}, which is before that`,
  );
}

async function lastIdOf(table: Table, head: Snapshot | undefined, until: SubscribeUntil | undefined): Promise<number> {
  const headId = head?.id ?? 0;
  if (until === undefined || until.kind === 'now') return headId;
  if (until.kind === 'snapshot') {
    const { id } = await named(table, until.of);
    return Math.min(id, headId);
  }
  const { timestampMs } = until;
  if (timestampMs > table.storeTimeMs()) throw notCome(table, timestampMs, 'until');
  return Math.min(await lastIdBefore(table, timestampMs), headId);
}

/** Whoever begins now by a clock of its own is not turned away for being ahead of the store's. */
const clockSkewMsMax = 60_000;

function notCome({ label }: Table, timestampMs: number, word: 'from' | 'until'): Error {
  return invalid('LAKE_BAD_RANGE', `${label}: ${timeText(timestampMs)}, ${word} which it is to read, has not come yet`);
}

type Start = Omit<HistoryRange, 'lastId'>;

async function startOf(
  table: Table,
  head: Snapshot | undefined,
  { from, lastId }: { readonly from: SubscribeFrom; readonly lastId: number },
): Promise<Start> {
  switch (from.kind) {
    case 'full': {
      const snapshot = head === undefined || head.id === lastId ? head : await rowsAt(table, lastId);
      return { rowsOf: snapshot, afterId: lastId };
    }
    case 'full-of': {
      const snapshot = await named(table, from.of);
      // A tag may have outlived what follows: better to say so before all its rows were given.
      if (snapshot.id < lastId) await checkFollowed(table, snapshot.id);
      return { rowsOf: snapshot, afterId: snapshot.id };
    }
    case 'latest':
      return { rowsOf: 'none', afterId: head?.id ?? 0 };
    case 'earliest': {
      const [oldest = 1] = await keptChangeIds(table);
      return { rowsOf: 'none', afterId: Math.min(oldest - 1, lastId) };
    }
    case 'timestamp': {
      const { timestampMs } = from;
      if (timestampMs > table.storeTimeMs() + clockSkewMsMax) throw notCome(table, timestampMs, 'from');
      return { rowsOf: 'none', afterId: Math.min(await lastIdBefore(table, timestampMs), head?.id ?? 0) };
    }
    case 'after':
      return { rowsOf: 'none', afterId: await idOf(table, from.of) };
    case 'resume':
      return { rowsOf: 'none', afterId: from.point.snapshotId };
    default:
      return unreachable(from);
  }
}

async function rowsAt(table: Table, id: number): Promise<Snapshot | undefined> {
  return id === 0 ? undefined : snapshotById(table, id);
}

function named(table: Table, of: NamedSnapshot): Promise<Snapshot> {
  return 'tag' in of ? snapshotOfTag(table, of.tag) : snapshotById(table, of.snapshotId);
}

async function idOf(table: Table, of: NamedSnapshot): Promise<number> {
  return 'tag' in of ? (await snapshotOfTag(table, of.tag)).id : of.snapshotId;
}

async function checkFollowed(table: Table, id: number): Promise<void> {
  if ((await findChangeSource(table, id + 1)) !== undefined) return;
  throw invalid(
    'LAKE_SNAPSHOT_EXPIRED',
    `${table.label}: the changes after snapshot ${id} have expired, only its rows are kept; start from full`,
  );
}
