/**
 * A subscription: a table's changes as they happen, from a place in its history on, without a gap and without a repeat.
 *
 * It has up to three phases (DESIGN D5): the rows of a snapshot, the changes of the snapshots after it, and then the log
 * above the positions that the last of them records. In the log a change is there milliseconds after it was
 * acknowledged; without a log the subscription stays on snapshots.
 */
import type { Clock } from '../../base/clock.ts';
import { invalid, LakeError } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';
import type { Snapshot } from '../../format/snapshot.ts';
import { parseTableOptions } from '../../format/table-options.ts';
import type { TableSchema } from '../../format/table-schema.ts';
import { changeSourceOf } from '../../table/changelog/change-source.ts';
import { readChanges } from '../../table/changelog/read-changes.ts';
import { mergeOptionsOf } from '../../table/merge-spec.ts';
import { readPlan } from '../../table/read/read-split.ts';
import { planScan } from '../../table/scan/plan-scan.ts';
import { latestSnapshot, readSnapshot } from '../../table/snapshots.ts';
import { reopenTable, type Table } from '../../table/table.ts';
import { buildBatch } from '../../types/column-builder.ts';
import type { RowBatch } from '../../types/row-batch.ts';
import { stateOfHead } from '../ingest/load-state.ts';
import { type ChangeView, changeViewOf, type ViewRequest } from './change-view.ts';
import { type HistoryRange, historyRange, type SubscribeFrom, type SubscribeUntil } from './history-range.ts';
import { type Checkpoints, LogTail, readCheckpoints, type TailParts } from './log-tail.ts';
import { checkBeginnings } from './passed-by-retention.ts';
import {
  type LogPoint,
  movedTo,
  pointAtSnapshot,
  type ResumePoint,
  resumeExpired,
  snapshotBelow,
} from './resume-point.ts';

export type SubscribeParts = {
  readonly store: TailParts['store'];
  /** undefined: the table has no log, its snapshots are followed. */
  readonly log: TailParts['log'] | undefined;
  readonly clock: Clock;
  readonly random: Random;
};

export type SubscribedBatch = {
  readonly rows: RowBatch;
  readonly kinds: Int8Array;
  /** `snapshot`: rows as of a snapshot; `changes`: what later snapshots changed; `log`: live. */
  readonly phase: 'snapshot' | 'changes' | 'log';
  /** Of the first two phases. */
  readonly snapshotId: number | undefined;
  /** Of the log phase: when the log took the newest of these rows, ms. */
  readonly arrivalMs: number | undefined;
  /**
   * Where another subscription can go on behind these rows; undefined: nowhere, more of the same must come first. A batch
   * of no rows tells a place only.
   */
  readonly resume: ResumePoint | undefined;
};

/** How often new snapshots are looked for where there is no log. */
const snapshotPollMs = 500;
/** Nothing expires unseen between two looks for the next one; that the process stood still is noticed after so long. */
const overtakingEveryMs = 10_000;
/** An idle subscriber looks at its signal this often at least. */
const logWaitMsMax = 1_000;
/** Where nothing comes for a table, how far the log is read is told so often: others' records are in it too. */
const placeEveryMs = 30_000;

export type SubscribeRequest = {
  readonly from: SubscribeFrom;
  /** undefined: it goes on. */
  readonly until?: SubscribeUntil | undefined;
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
    yield* subscribeTo(parts, table, request, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

async function* subscribeTo(
  parts: SubscribeParts,
  table: Table,
  request: SubscribeRequest,
  signal: AbortSignal,
): AsyncGenerator<SubscribedBatch, void, undefined> {
  const { from, until } = request;
  const view = changeViewOf(table, request);
  const isLive = view.consistency === 'eventual' && changesAreRecords(table.schema);
  const log = isLive ? parts.log : undefined;
  const tailParts = log === undefined ? undefined : { log, store: parts.store };
  if (from.kind === 'resume') checkPoint(table, from.point, tailParts);
  if (from.kind === 'resume' && from.point.log !== undefined && tailParts !== undefined) {
    yield* resumeLog({ ...parts, tailParts }, table, { point: from.point, log: from.point.log, until, view }, signal);
    return;
  }
  const endsInHistory = until !== undefined && until.kind !== 'now';
  // Checkpoints before the snapshot (D2), for the log phase that follows it.
  const followed = endsInHistory ? undefined : tailParts;
  const started = followed === undefined ? undefined : await readCheckpoints(followed, table, { signal });
  const head = await latestSnapshot(table);
  const history = await historyRange(table, head, { from, until });
  if (history.rowsOf !== 'none') yield* rowsOf(table, history.rowsOf, view);
  const snapshot = yield* changesAfter(table, { ...history, head, view });
  if (followed === undefined || started === undefined) {
    yield placeIn(table, pointOf(table, history.lastId));
    if (until === undefined) yield* followSnapshots(parts, table, { lastId: history.lastId, view }, signal);
    return;
  }
  const state = await stateOfHead(table, snapshot);
  const { checkpoints, description } = started;
  const tail = new LogTail(followed, table, state, checkpoints, {
    followsSchema: true,
    endsAtTip: until !== undefined,
  });
  const { incarnation } = description;
  const start = pointAtSnapshot(table.id ?? '', snapshot, { incarnation, state, checkpoints });
  // "From now on" still has to know the producer numbers up to now, or a repeat would be taken for new.
  if (from.kind === 'latest') await tail.readToTip(signal);
  yield placeIn(table, movedTo(start, tail.positions));
  yield* followLog(parts, { table, tail, start, until, view }, signal);
}

/** @returns the newest snapshot whose changes were given */
async function* changesAfter(
  table: Table,
  { afterId, lastId, head, view }: HistoryRange & { readonly head: Snapshot | undefined; readonly view: ChangeView },
): AsyncGenerator<SubscribedBatch, Snapshot | undefined, undefined> {
  let snapshot = afterId === lastId && head?.id === lastId ? head : undefined;
  for (let id = afterId + 1; id <= lastId; id += 1) {
    snapshot = await changeSourceOf(table, id);
    yield* changesOf(table, snapshot, view);
  }
  return snapshot;
}

type Ends = { readonly until: SubscribeUntil | undefined; readonly view: ChangeView };
type ResumeParts = SubscribeParts & { readonly tailParts: TailParts };

async function* resumeLog(
  parts: ResumeParts,
  table: Table,
  { point, log, until, view }: { readonly point: ResumePoint; readonly log: LogPoint } & Ends,
  signal: AbortSignal,
): AsyncGenerator<SubscribedBatch, void, undefined> {
  if (until !== undefined && until.kind !== 'now') {
    throw invalid(
      'LAKE_BAD_RANGE',
      `${table.label}: a place in the log is not among the snapshots, and can be read until now only`,
    );
  }
  const description = await parts.tailParts.log.describe({ signal });
  if (description.incarnation !== log.incarnation) throw resumeExpired(table, 'the log was made again since');
  const snapshot = await snapshotBelow(table, point, log);
  const state = await stateOfHead(table, snapshot);
  const nowMs = parts.clock.nowMs();
  await checkBeginnings(parts.tailParts.log, table, { description, state, point: log, nowMs });
  // Newer checkpoints may be above the place: what is between them is committed, and was not given.
  const bases: Checkpoints = new Map([...log.bases].map(([shardId, position]) => [shardId, { position }]));
  const options = { followsSchema: true, passed: log.positions, endsAtTip: until !== undefined };
  const tail = new LogTail(parts.tailParts, table, state, bases, options);
  yield placeIn(table, point);
  yield* followLog(parts, { table, tail, start: point, until, view }, signal);
}

function checkPoint(table: Table, point: ResumePoint, tailParts: TailParts | undefined): void {
  if (point.tableId !== table.id) throw resumeExpired(table, 'it is a place in another table, which had this name');
  if (point.log !== undefined && tailParts === undefined) {
    throw resumeExpired(table, 'it is a place in a log, and this table is followed by its snapshots now');
  }
}

/** Only a table of our own can be told from another of its name. */
function pointOf(table: Table, snapshotId: number): ResumePoint | undefined {
  return table.id === undefined ? undefined : { tableId: table.id, snapshotId, log: undefined };
}

function placeIn({ schema }: Table, resume: ResumePoint | undefined): SubscribedBatch {
  const phase = resume?.log === undefined ? 'changes' : 'log';
  const [rows, kinds] = [buildBatch({ fields: schema.fields }, []), new Int8Array()];
  return { rows, kinds, phase, snapshotId: undefined, arrivalMs: undefined, resume };
}

/** Whether a record of the log is a change of the table (D5); where rows are merged, only a snapshot shows what came of them. */
export function changesAreRecords(schema: TableSchema): boolean {
  if (schema.primaryKeys.length === 0) return true;
  const { engine, sequence } = mergeOptionsOf(schema);
  const { changelogProducer } = parseTableOptions(schema);
  return engine.kind === 'deduplicate' && sequence === undefined && changelogProducer === 'none';
}

async function* rowsOf(
  table: Table,
  snapshot: Snapshot | undefined,
  { ofRows }: ChangeView,
): AsyncGenerator<SubscribedBatch, void, undefined> {
  // What the changes after it begin with is all that was written, compacted or not.
  const plan = await planScan(table, snapshot, { withLevel0: true, predicate: ofRows.predicate });
  for await (const rows of readPlan(table, plan, { columns: ofRows.columns })) {
    yield {
      rows,
      kinds: new Int8Array(rows.rowCount),
      phase: 'snapshot',
      snapshotId: snapshot?.id,
      arrivalMs: undefined,
      resume: undefined,
    };
  }
}

async function* changesOf(
  table: Table,
  snapshot: Snapshot,
  view: ChangeView,
): AsyncGenerator<SubscribedBatch, void, undefined> {
  if (snapshot.commitKind === 'OVERWRITE') {
    throw new LakeError(
      'fenced',
      'LAKE_REBASE',
      `${table.label}: snapshot ${snapshot.id} put other rows in the place of those there were; subscribe again from full`,
    );
  }
  const whole = { phase: 'changes', snapshotId: snapshot.id, arrivalMs: undefined } as const;
  let held: SubscribedBatch | undefined;
  view.check({ fields: table.schema.fields });
  for await (const batch of readChanges(table, snapshot, view.ofChanges)) {
    const { rows, kinds } = view.see(batch);
    if (rows.rowCount === 0) continue;
    if (held !== undefined) yield held;
    held = { rows, kinds, ...whole, resume: undefined };
  }
  const resume = pointOf(table, snapshot.id);
  yield held === undefined ? placeIn(table, resume) : { ...held, resume };
}

async function* followSnapshots(
  { clock }: SubscribeParts,
  table: Table,
  { lastId, view }: { readonly lastId: number; readonly view: ChangeView },
  signal: AbortSignal,
): AsyncGenerator<SubscribedBatch, void, undefined> {
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

type Followed = { readonly table: Table; readonly tail: LogTail; readonly start: ResumePoint } & Ends;

async function* followLog(
  { clock }: SubscribeParts,
  { table, tail, start, until, view }: Followed,
  signal: AbortSignal,
): AsyncGenerator<SubscribedBatch, void, undefined> {
  let toldMs = clock.monotonicMs();
  const readMs = clock.nowMs();
  let tipMs: number | undefined;
  for (;;) {
    signal.throwIfAborted();
    const beganMs = clock.nowMs();
    const { batches, arrivalMs, atTip } = await tail.readSome(signal, { follows: until === undefined });
    // Who reads until now does not look again at a shard whose tip was reached before.
    if (atTip) tipMs = until === undefined ? beganMs : (tipMs ?? readMs);
    const place = movedTo(start, tail.positions, tipMs);
    const seen = batches.map(batch => view.see(batch)).filter(({ rows }) => rows.rowCount > 0);
    for (const [index, { rows, kinds }] of seen.entries()) {
      const resume = index === seen.length - 1 ? place : undefined;
      yield { rows, kinds, phase: 'log', snapshotId: undefined, arrivalMs, resume };
    }
    const nowMs = clock.monotonicMs();
    if (seen.length > 0) toldMs = nowMs;
    else if (nowMs - toldMs >= placeEveryMs) {
      toldMs = nowMs;
      yield placeIn(table, place);
    }
    if (!atTip) continue;
    if (until !== undefined) {
      yield placeIn(table, place);
      return;
    }
    await tail.waitForMore(clock, logWaitMsMax, signal);
  }
}
