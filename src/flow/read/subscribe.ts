/**
 * A subscription: a table's changes as they happen, from a place in its history on, without a gap and without a repeat.
 *
 * It has up to three phases (DESIGN D5): the rows of a snapshot, the changes of the snapshots after it, and then the log
 * above the positions that the last of them records. In the log a change is there milliseconds after it was
 * acknowledged; without a log the subscription stays on snapshots.
 */
import type { Clock } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';
import type { Snapshot } from '../../format/snapshot.ts';
import { parseTableOptions } from '../../format/table-options.ts';
import type { TableSchema } from '../../format/table-schema.ts';
import { changeSourceOf } from '../../table/changelog/change-source.ts';
import { mergeOptionsOf } from '../../table/merge-spec.ts';
import { latestSnapshot, readSnapshot } from '../../table/snapshots.ts';
import { reopenTable, type Table } from '../../table/table.ts';
import { stateOfHead } from '../ingest/load-state.ts';
import { type ChangeView, changeViewOf, type ViewRequest } from './change-view.ts';
import { type TimedBatch, watermarkOfSnapshot, withEventTime } from './event-time.ts';
import { type HistoryRange, historyRange, type SubscribeFrom, type SubscribeUntil } from './history-range.ts';
import { type Ends, followLog, resumeLog } from './log-phase.ts';
import { LogTail, readCheckpoints, type TailParts } from './log-tail.ts';
import { logWatermark } from './log-watermark.ts';
import { movedTo, pointAtSnapshot, type ResumePoint, resumeExpired } from './resume-point.ts';
import { changesOf, placeIn, pointOf, rowsOf, type SubscribedBatch } from './subscribed-batch.ts';

export type SubscribeParts = {
  readonly store: TailParts['store'];
  /** undefined: the table has no log, its snapshots are followed. */
  readonly log: TailParts['log'] | undefined;
  readonly clock: Clock;
  readonly random: Random;
};

/** How often new snapshots are looked for where there is no log. */
const snapshotPollMs = 500;
/** Nothing expires unseen between two looks for the next one; that the process stood still is noticed after so long. */
const overtakingEveryMs = 10_000;

export type SubscribeRequest = {
  readonly from: SubscribeFrom;
  /** undefined: it goes on. */
  readonly until?: SubscribeUntil | undefined;
  /** When the log has lost what follows: `snapshots` (the default) gives what they have of it, `fail` throws LAKE_LOG_GAP. */
  readonly onGap?: Ends['onGap'];
} & ViewRequest;

/**
 * Ends behind what `until` says, and when the signal aborts, without an error.
 *
 * @throws LakeError `invalid` LAKE_SNAPSHOT_NOT_FOUND, LAKE_SNAPSHOT_EXPIRED, LAKE_LOG_GAP, LAKE_RESUME_EXPIRED,
 * LAKE_BAD_RANGE; `fenced`
 */
export async function* subscribe(
  parts: SubscribeParts,
  table: Table,
  request: SubscribeRequest,
  signal: AbortSignal,
): AsyncGenerator<SubscribedBatch, void, undefined> {
  try {
    const { from } = request;
    const toldMs = from.kind === 'resume' ? from.point.watermarkMs : undefined;
    yield* withEventTime(subscribeTo(parts, table, request, signal), toldMs);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

async function* subscribeTo(
  parts: SubscribeParts,
  table: Table,
  request: SubscribeRequest,
  signal: AbortSignal,
): AsyncGenerator<TimedBatch, void, undefined> {
  const { from, until } = request;
  const view = changeViewOf(table, request);
  const tailParts = followedLog(parts, table, view);
  if (from.kind === 'resume') checkPoint(table, from.point, tailParts);
  if (from.kind === 'resume' && from.point.log !== undefined && tailParts !== undefined) {
    const place = { ...from.point, log: from.point.log };
    yield* resumeLog({ clock: parts.clock, tailParts }, table, { place, until, view, onGap: request.onGap }, signal);
    return;
  }
  const endsInHistory = until !== undefined && until.kind !== 'now';
  // Checkpoints before the snapshot (D2), for the log phase that follows it.
  const followed = endsInHistory ? undefined : tailParts;
  const nowMs = parts.clock.nowMs();
  const started = followed === undefined ? undefined : await readCheckpoints(followed, table, { signal });
  const head = await latestSnapshot(table);
  const history = await historyRange(table, head, { from, until });
  if (history.rowsOf !== 'none') yield* rowsOf(table, history.rowsOf, view);
  const snapshot = yield* changesAfter(table, { ...history, head, view });
  const watermarkMs = snapshot && watermarkOfSnapshot(snapshot);
  if (followed === undefined || started === undefined) {
    yield placeIn(table, pointOf(table, history.lastId), watermarkMs);
    if (until === undefined) yield* followSnapshots(parts, table, { lastId: history.lastId, view }, signal);
    return;
  }
  const state = await stateOfHead(table, snapshot);
  const { checkpoints, description } = started;
  const tail = new LogTail(followed, table, state, checkpoints, {
    followsSchema: true,
    endsAtTip: until !== undefined,
    watermark: logWatermark(table, { state, incarnation: description.incarnation }, parts.clock),
  });
  const { incarnation } = description;
  const start = pointAtSnapshot(table.id ?? '', snapshot, { incarnation, state, checkpoints, nowMs });
  // "From now on" still has to know the producer numbers up to now, or a repeat would be taken for new.
  if (from.kind === 'latest') await tail.readToTip(signal);
  yield placeIn(table, movedTo(start, tail.positions), tail.watermarkMs ?? watermarkMs);
  yield* followLog(
    { clock: parts.clock, tailParts: followed },
    { table, tail, start, until, view, onGap: request.onGap },
    signal,
  );
}

/** @returns the newest snapshot whose changes were given */
async function* changesAfter(
  table: Table,
  { afterId, lastId, head, view }: HistoryRange & { readonly head: Snapshot | undefined; readonly view: ChangeView },
): AsyncGenerator<TimedBatch, Snapshot | undefined, undefined> {
  let snapshot = afterId === lastId && head?.id === lastId ? head : undefined;
  for (let id = afterId + 1; id <= lastId; id += 1) {
    snapshot = await changeSourceOf(table, id);
    yield* changesOf(table, snapshot, view);
  }
  return snapshot;
}

/** The log that a subscription follows; undefined: it stays on snapshots. */
export function followedLog(
  { log, store }: SubscribeParts,
  { schema }: Table,
  { consistency }: ChangeView,
): TailParts | undefined {
  const isLive = consistency === 'eventual' && changesAreRecords(schema);
  return isLive && log !== undefined ? { log, store } : undefined;
}

/** @throws LakeError `invalid` LAKE_RESUME_EXPIRED */
export function checkPoint(table: Table, point: ResumePoint, tailParts: TailParts | undefined): void {
  if (point.tableId !== table.id) throw resumeExpired(table, 'it is a place in another table, which had this name');
  if (point.log !== undefined && tailParts === undefined) {
    throw resumeExpired(table, 'it is a place in a log, and this table is followed by its snapshots now');
  }
}

/** Whether a record of the log is a change of the table (D5); where rows are merged, only a snapshot shows what came of them. */
export function changesAreRecords(schema: TableSchema): boolean {
  if (schema.primaryKeys.length === 0) return true;
  const { engine, sequence } = mergeOptionsOf(schema);
  const { changelogProducer } = parseTableOptions(schema);
  return engine.kind === 'deduplicate' && sequence === undefined && changelogProducer === 'none';
}

async function* followSnapshots(
  { clock }: SubscribeParts,
  table: Table,
  { lastId, view }: { readonly lastId: number; readonly view: ChangeView },
  signal: AbortSignal,
): AsyncGenerator<TimedBatch, void, undefined> {
  let id = lastId;
  let current = table;
  let lookedMs = Number.NEGATIVE_INFINITY;
  for (;;) {
    signal.throwIfAborted();
    let snapshot = await readSnapshot(current, id + 1);
    const nowMs = clock.monotonicMs();
    if (snapshot === undefined && nowMs - lookedMs >= overtakingEveryMs) {
      lookedMs = nowMs;
      snapshot = await overtaking(current, id + 1);
    }
    if (snapshot === undefined) {
      await clock.sleep(snapshotPollMs, signal);
      continue;
    }
    if (snapshot.schemaId > current.schema.id) current = await reopenTable(current);
    yield* changesOf(current, snapshot, view);
    id = snapshot.id;
    // Who knows how long the reader took.
    lookedMs = Number.NEGATIVE_INFINITY;
  }
}

/**
 * A reader that was too slow goes on with the changelog, if that has outlived the snapshot, or must hear that it is gone.
 *
 * @returns undefined: it is yet to come
 */
async function overtaking(table: Table, id: number): Promise<Snapshot | undefined> {
  const head = await latestSnapshot(table);
  // It may have come between the two looks.
  return head === undefined || head.id < id ? undefined : changeSourceOf(table, id);
}
