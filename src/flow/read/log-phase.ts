/**
 * The log phase of a subscription: changes out of the log from a place on, and back to the snapshots when the log no longer keeps
 * what follows (hand-over.ts).
 */
import type { Clock } from '../../base/clock.ts';
import { invalid, isLakeError, LakeError } from '../../base/errors.ts';
import { reopenTable, type Table } from '../../table/table.ts';
import { stateOfHead } from '../ingest/load-state.ts';
import type { ChangeView } from './change-view.ts';
import type { TimedBatch } from './event-time.ts';
import { isFarther, type LogPlace, missedCommits } from './hand-over.ts';
import type { SubscribeUntil } from './history-range.ts';
import { type Checkpoints, LogTail, readCheckpoints, type TailParts } from './log-tail.ts';
import { logWatermark } from './log-watermark.ts';
import { doubtfulBeginning } from './passed-by-retention.ts';
import {
  movedTo,
  type Positions,
  pointAtSnapshot,
  type ResumePoint,
  resumeExpired,
  snapshotBelow,
} from './resume-point.ts';
import { changesOf, placeIn } from './subscribed-batch.ts';

/** An idle subscriber looks at its signal this often at least. */
const logWaitMsMax = 1_000;
/** Where nothing comes for a table, how far the log is read is told so often: others' records are in it too. */
const placeEveryMs = 30_000;

export type Ends = {
  readonly until: SubscribeUntil | undefined;
  /** When the log has lost what follows: give what snapshots have of it (the default), or throw LAKE_LOG_GAP. */
  readonly onGap: 'snapshots' | 'fail' | undefined;
  readonly view: ChangeView;
};
export type LogParts = { readonly clock: Clock; readonly tailParts: TailParts };

export async function* resumeLog(
  parts: LogParts,
  table: Table,
  { place, ...ends }: { readonly place: LogPlace } & Ends,
  signal: AbortSignal,
): AsyncGenerator<TimedBatch, void, undefined> {
  const { until } = ends;
  if (until !== undefined && until.kind !== 'now') {
    throw invalid(
      'LAKE_BAD_RANGE',
      `${table.label}: a place in the log is not among the snapshots, and can be read until now only`,
    );
  }
  const begun: Read | LakeError = await orGap(readFrom(parts, table, { place, until }, signal));
  if (!(begun instanceof LakeError)) yield placeIn(table, place, undefined);
  const read =
    begun instanceof LakeError
      ? yield* handOver(parts, { table, start: place, mustMove: false, ...ends }, begun, signal)
      : begun;
  yield* followLog(parts, { ...read, ...ends }, signal);
}

/** @throws LakeError `invalid` LAKE_RESUME_EXPIRED, LAKE_LOG_GAP */
async function readFrom(
  { clock, tailParts }: LogParts,
  table: Table,
  { place, until }: { readonly place: LogPlace } & Pick<Ends, 'until'>,
  signal: AbortSignal,
): Promise<Read> {
  const { log: point } = place;
  const description = await tailParts.log.describe({ signal });
  if (description.incarnation !== point.incarnation) throw resumeExpired(table, 'the log was made again since');
  const snapshot = await snapshotBelow(table, place, point);
  const state = await stateOfHead(table, snapshot);
  const doubt = await doubtfulBeginning(tailParts.log, table, {
    ...{ description, state, point },
    nowMs: clock.nowMs(),
    signal,
  });
  if (doubt !== undefined && (await missedCommits(table, place, doubt)).isBeyond) throw doubt;
  // Newer checkpoints may be above the place: what is between them is committed, and was not given.
  const bases: Checkpoints = new Map([...point.bases].map(([shardId, position]) => [shardId, { position }]));
  const watermark = logWatermark(table, { state, incarnation: point.incarnation }, clock);
  const options = { followsSchema: true, passed: point.positions, endsAtTip: until !== undefined, watermark };
  return { table, tail: new LogTail(tailParts, table, state, bases, options), start: place };
}

/** `given`: what was given before the way led back to the snapshots, and may come again. */
type Read = { readonly table: Table; readonly tail: LogTail; readonly start: ResumePoint; readonly given?: Positions };

export async function* followLog(
  parts: LogParts,
  { until, onGap, view, ...begun }: Read & Ends,
  signal: AbortSignal,
): AsyncGenerator<TimedBatch, void, undefined> {
  const { clock } = parts;
  let read: Read = begun;
  let place = begun.start;
  let toldMs = clock.monotonicMs();
  let toldWatermarkMs = Number.NEGATIVE_INFINITY;
  const readMs = clock.nowMs();
  let tipMs: number | undefined;
  let hasRead = true;
  for (;;) {
    signal.throwIfAborted();
    const beganMs = clock.nowMs();
    const some = await orGap(read.tail.readSome(signal, { follows: until === undefined }));
    if (some instanceof LakeError) {
      // Of that round other shards may have been read, and nothing was given.
      const mustMove = !hasRead;
      read = yield* handOver(parts, { table: read.table, start: place, mustMove, until, onGap, view }, some, signal);
      place = read.start;
      tipMs = undefined;
      hasRead = false;
      continue;
    }
    hasRead = true;
    const { batches, arrivalMs, atTip } = some;
    // Who reads until now does not look again at a shard whose tip was reached before.
    if (atTip) tipMs = until === undefined ? beganMs : (tipMs ?? readMs);
    const mayRepeat = isBehind(place, read.given) || undefined;
    place = movedTo(read.start, read.tail.positions, tipMs);
    const seen = batches
      .map(batch => ({ ...view.see(batch), headers: batch.headers }))
      .filter(({ rows }) => rows.rowCount > 0);
    const { watermarkMs = Number.NEGATIVE_INFINITY } = read.tail;
    for (const [index, one] of seen.entries()) {
      const last = index === seen.length - 1 ? { resume: place, watermarkMs: read.tail.watermarkMs } : noPlace;
      yield { ...one, phase: 'log', snapshotId: undefined, arrivalMs, mayRepeat, ...last };
    }
    const nowMs = clock.monotonicMs();
    const isNews = nowMs - toldMs >= placeEveryMs || watermarkMs > toldWatermarkMs;
    if (seen.length === 0 && isNews) yield placeIn(read.table, place, read.tail.watermarkMs);
    if (seen.length > 0 || isNews) toldMs = nowMs;
    toldWatermarkMs = watermarkMs;
    if (!atTip) continue;
    if (until !== undefined) {
      yield placeIn(read.table, place, read.tail.watermarkMs);
      return;
    }
    await read.tail.waitForMore(clock, logWaitMsMax, signal);
  }
}

const noPlace = { resume: undefined };

function isBehind({ log }: ResumePoint, given: Positions | undefined): boolean {
  if (given === undefined || log === undefined) return false;
  return [...given].some(([shardId, position]) => (log.positions.get(shardId) ?? position) < position);
}

async function orGap<T>(reading: Promise<T>): Promise<T | LakeError> {
  try {
    return await reading;
  } catch (error) {
    if (isLakeError(error, 'LAKE_LOG_GAP')) return error;
    throw error;
  }
}

type HandOver = {
  readonly table: Table;
  readonly start: ResumePoint;
  /** It has not helped before: unless the table has taken in more, the log has lost what no table has. */
  readonly mustMove: boolean;
} & Ends;

/**
 * Gives from snapshots what the log has no more (D6), and the place behind it. Often that is nothing: where the last record of a
 * quiet shard is gone, a log cannot tell whether others were, and the checkpoint can.
 *
 * @returns where it goes on in the log
 */
async function* handOver(
  { clock, tailParts }: LogParts,
  { table: opened, start, mustMove, until, onGap, view }: HandOver,
  gap: LakeError,
  signal: AbortSignal,
): AsyncGenerator<TimedBatch, Read, undefined> {
  if (onGap === 'fail' || start.log === undefined) throw gap;
  const nowMs = clock.nowMs();
  // Before the snapshots (D2).
  const { checkpoints, description } = await readCheckpoints(tailParts, opened, { signal });
  const { commits, head, isBeyond } = await missedCommits(opened, { ...start, log: start.log }, gap);
  const state = await stateOfHead(opened, head);
  const { incarnation } = description;
  const at = pointAtSnapshot(opened.id ?? '', head, { incarnation, state, checkpoints, nowMs });
  if (at.log === undefined || (mustMove && !isFarther(at.log, start.log))) throw gap;
  const table = head.schemaId > opened.schema.id ? await reopenTable(opened) : opened;
  const repeats = isBeyond && table.schema.primaryKeys.length > 0;
  for (const { snapshot, rows } of isBeyond ? commits : []) {
    signal.throwIfAborted();
    // A place among the snapshots would not tell what of the log was given.
    for await (const batch of changesOf(table, snapshot, view, { rows }))
      yield { ...batch, resume: undefined, mayRepeat: repeats || undefined };
  }
  const given = start.log.positions;
  const watermark = logWatermark(table, { state, incarnation }, clock);
  const options = { followsSchema: true, endsAtTip: until !== undefined, watermark };
  const passed = repeats ? undefined : given;
  const tail = new LogTail(tailParts, table, state, checkpoints, { ...options, passed });
  const behind = repeats ? at : movedTo(at, given);
  yield placeIn(table, behind, undefined);
  return { table, tail, start: behind, ...(repeats ? { given } : {}) };
}
