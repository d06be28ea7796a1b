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
import { changeSourceOf, findChangeSource } from '../../table/changelog/change-source.ts';
import { readChanges } from '../../table/changelog/read-changes.ts';
import { mergeOptionsOf } from '../../table/merge-spec.ts';
import { readPlan } from '../../table/read/read-split.ts';
import { planScan } from '../../table/scan/plan-scan.ts';
import { latestSnapshot, readSnapshot, snapshotById } from '../../table/snapshots.ts';
import { reopenTable, type Table } from '../../table/table.ts';
import { buildBatch } from '../../types/column-builder.ts';
import type { RowBatch } from '../../types/row-batch.ts';
import { stateOfHead } from '../ingest/load-state.ts';
import { type Checkpoints, LogTail, readCheckpoints, type TailParts } from './log-tail.ts';
import {
  type LogPoint,
  movedTo,
  pointAtSnapshot,
  type ResumePoint,
  resumeExpired,
  snapshotBelow,
} from './resume-point.ts';

export type SubscribeFrom =
  /** Every row there is, then changes. */
  | { readonly kind: 'full' }
  /** Changes from now on. */
  | { readonly kind: 'latest' }
  /** Changes after this snapshot. */
  | { readonly kind: 'after-snapshot'; readonly snapshotId: number }
  /** Changes after a place that another subscription has given. */
  | { readonly kind: 'resume'; readonly point: ResumePoint };

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
/** An idle subscriber looks at its signal this often at least. */
const logWaitMsMax = 1_000;
/** Where nothing comes for a table, how far the log is read is told so often: others' records are in it too. */
const placeEveryMs = 30_000;

/**
 * Ends when the signal aborts, without an error.
 *
 * @throws LakeError `invalid` LAKE_SNAPSHOT_NOT_FOUND, LAKE_SNAPSHOT_EXPIRED, LAKE_LOG_GAP, LAKE_RESUME_EXPIRED; `fenced`
 */
export async function* subscribe(
  parts: SubscribeParts,
  table: Table,
  from: SubscribeFrom,
  signal: AbortSignal,
): AsyncGenerator<SubscribedBatch, void, undefined> {
  try {
    const log = changesAreRecords(table.schema) ? parts.log : undefined;
    const tailParts = log === undefined ? undefined : { log, store: parts.store };
    if (from.kind === 'resume') checkPoint(table, from.point, tailParts);
    if (from.kind === 'resume' && from.point.log !== undefined && tailParts !== undefined) {
      yield* resumeLog({ ...parts, tailParts }, table, { point: from.point, log: from.point.log }, signal);
      return;
    }
    // Checkpoints before the snapshot (D2), for the log phase that follows it.
    const started = tailParts === undefined ? undefined : await readCheckpoints(tailParts, table, { signal });
    let snapshot = await latestSnapshot(table);
    if (from.kind === 'full') yield* rowsOf(table, snapshot);
    if (from.kind === 'after-snapshot' || from.kind === 'resume') {
      const lastId = from.kind === 'resume' ? from.point.snapshotId : from.snapshotId;
      snapshot = yield* changesAfter(table, snapshot, lastId);
    }
    if (tailParts === undefined || started === undefined) {
      yield placeIn(table, pointOf(table, snapshot?.id ?? 0));
      yield* followSnapshots(parts, table, snapshot?.id ?? 0, signal);
      return;
    }
    const state = await stateOfHead(table, snapshot);
    const { checkpoints, description } = started;
    const tail = new LogTail(tailParts, table, state, checkpoints, { followsSchema: true });
    const { incarnation } = description;
    const start = pointAtSnapshot(table.id ?? '', snapshot, { incarnation, state, checkpoints });
    // "From now on" still has to know the producer numbers up to now, or a repeat would be taken for new.
    if (from.kind === 'latest') await tail.readToTip(signal);
    yield placeIn(table, movedTo(start, tail.positions));
    yield* followLog(parts, { table, tail, start }, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** @returns the newest snapshot whose changes were given */
async function* changesAfter(
  table: Table,
  head: Snapshot | undefined,
  lastId: number,
): AsyncGenerator<SubscribedBatch, Snapshot | undefined, undefined> {
  if (lastId === 0 && head === undefined) return undefined;
  // With changelogs that outlive snapshots it may be one below the first whose changes are there.
  const isBelow = head !== undefined && lastId + 1 <= head.id && Number.isSafeInteger(lastId);
  const next = isBelow ? await findChangeSource(table, lastId + 1) : undefined;
  if (next === undefined && lastId === 0) {
    throw invalid('LAKE_SNAPSHOT_EXPIRED', `the first snapshot of table ${table.label} has expired`);
  }
  let snapshot = next === undefined ? await snapshotById(table, lastId) : undefined;
  for (let id = lastId + 1; head !== undefined && id <= head.id; id += 1) {
    snapshot = await changeSourceOf(table, id);
    yield* changesOf(table, snapshot);
  }
  return snapshot;
}

type ResumeParts = SubscribeParts & { readonly tailParts: TailParts };

async function* resumeLog(
  parts: ResumeParts,
  table: Table,
  { point, log }: { readonly point: ResumePoint; readonly log: LogPoint },
  signal: AbortSignal,
): AsyncGenerator<SubscribedBatch, void, undefined> {
  const { incarnation } = await parts.tailParts.log.describe({ signal });
  if (incarnation !== log.incarnation) throw resumeExpired(table, 'the log was made again since');
  const snapshot = await snapshotBelow(table, point, log);
  const state = await stateOfHead(table, snapshot);
  // Newer checkpoints may be above the place: what is between them is committed, and was not given.
  const bases: Checkpoints = new Map([...log.bases].map(([shardId, position]) => [shardId, { position }]));
  const tail = new LogTail(parts.tailParts, table, state, bases, { followsSchema: true, passed: log.positions });
  yield placeIn(table, point);
  yield* followLog(parts, { table, tail, start: point }, signal);
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

async function* rowsOf(table: Table, snapshot: Snapshot | undefined): AsyncGenerator<SubscribedBatch, void, undefined> {
  // What the changes after it begin with is all that was written, compacted or not.
  const plan = await planScan(table, snapshot, { withLevel0: true });
  for await (const rows of readPlan(table, plan)) {
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

async function* changesOf(table: Table, snapshot: Snapshot): AsyncGenerator<SubscribedBatch, void, undefined> {
  if (snapshot.commitKind === 'OVERWRITE') {
    throw new LakeError(
      'fenced',
      'LAKE_REBASE',
      `${table.label}: snapshot ${snapshot.id} put other rows in the place of those there were; subscribe again from full`,
    );
  }
  const whole = { phase: 'changes', snapshotId: snapshot.id, arrivalMs: undefined } as const;
  let held: SubscribedBatch | undefined;
  for await (const { rows, kinds } of readChanges(table, snapshot)) {
    if (held !== undefined) yield held;
    held = { rows, kinds, ...whole, resume: undefined };
  }
  const resume = pointOf(table, snapshot.id);
  yield held === undefined ? placeIn(table, resume) : { ...held, resume };
}

async function* followSnapshots(
  { clock }: SubscribeParts,
  table: Table,
  lastId: number,
  signal: AbortSignal,
): AsyncGenerator<SubscribedBatch, void, undefined> {
  let id = lastId;
  let current = table;
  for (;;) {
    signal.throwIfAborted();
    const snapshot = (await readSnapshot(current, id + 1)) ?? (await overtaking(current, id + 1));
    if (snapshot === undefined) {
      await clock.sleep(snapshotPollMs, signal);
      continue;
    }
    if (snapshot.schemaId > current.schema.id) current = await reopenTable(current);
    yield* changesOf(current, snapshot);
    id = snapshot.id;
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

type Followed = { readonly table: Table; readonly tail: LogTail; readonly start: ResumePoint };

async function* followLog(
  { clock }: SubscribeParts,
  { table, tail, start }: Followed,
  signal: AbortSignal,
): AsyncGenerator<SubscribedBatch, void, undefined> {
  let toldMs = clock.monotonicMs();
  for (;;) {
    signal.throwIfAborted();
    const { batches, arrivalMs, atTip } = await tail.readSome(signal);
    const place = movedTo(start, tail.positions);
    for (const [index, { rows, kinds }] of batches.entries()) {
      const resume = index === batches.length - 1 ? place : undefined;
      yield { rows, kinds, phase: 'log', snapshotId: undefined, arrivalMs, resume };
    }
    const nowMs = clock.monotonicMs();
    if (batches.length > 0) toldMs = nowMs;
    else if (nowMs - toldMs >= placeEveryMs) {
      toldMs = nowMs;
      yield placeIn(table, place);
    }
    if (!atTip) continue;
    await tail.waitForMore(clock, logWaitMsMax, signal);
  }
}
