/**
 * A subscription: a table's changes as they happen, from a place in its history on, without a gap and without a repeat.
 *
 * It has up to three phases (DESIGN D5): the rows of a snapshot, the changes of the snapshots after it, and then the log
 * above the positions that the last of them records. In the log a change is there milliseconds after it was
 * acknowledged; without a log the subscription stays on snapshots.
 */
import type { Clock } from '../../base/clock.ts';
import { LakeError } from '../../base/errors.ts';
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
import type { RowBatch } from '../../types/row-batch.ts';
import { stateOfHead } from '../ingest/load-state.ts';
import { type Checkpoints, LogTail, readCheckpoints, type TailParts } from './log-tail.ts';

export type SubscribeFrom =
  /** Every row there is, then changes. */
  | { readonly kind: 'full' }
  /** Changes from now on. */
  | { readonly kind: 'latest' }
  /** Changes after this snapshot. */
  | { readonly kind: 'after-snapshot'; readonly snapshotId: number };

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
};

/** How often new snapshots are looked for where there is no log. */
const snapshotPollMs = 500;
/** An idle subscriber looks at its signal this often at least. */
const logWaitMsMax = 1_000;

/** Ends when the signal aborts, without an error. */
export async function* subscribe(
  parts: SubscribeParts,
  table: Table,
  from: SubscribeFrom,
  signal: AbortSignal,
): AsyncGenerator<SubscribedBatch, void, undefined> {
  try {
    const log = changesAreRecords(table.schema) ? parts.log : undefined;
    // Checkpoints before the snapshot (D2), for the log phase that follows it.
    const checkpoints: Checkpoints =
      log === undefined ? new Map() : await readCheckpoints({ log, store: parts.store }, signal);
    let snapshot = await latestSnapshot(table);
    if (from.kind === 'full') yield* rowsOf(table, snapshot);
    if (from.kind === 'after-snapshot') {
      const head = snapshot;
      // With changelogs that outlive snapshots it may be one below the first whose changes are there.
      const isBelow = head !== undefined && from.snapshotId + 1 <= head.id && Number.isSafeInteger(from.snapshotId);
      const next = isBelow ? await findChangeSource(table, from.snapshotId + 1) : undefined;
      if (next === undefined) snapshot = await snapshotById(table, from.snapshotId);
      for (let id = from.snapshotId + 1; head !== undefined && id <= head.id; id += 1) {
        snapshot = await changeSourceOf(table, id);
        yield* changesOf(table, snapshot);
      }
    }
    if (log === undefined) {
      yield* followSnapshots(parts, table, snapshot?.id ?? 0, signal);
      return;
    }
    const state = await stateOfHead(table, snapshot);
    const tail = new LogTail({ log, store: parts.store }, table, state, checkpoints, { followsSchema: true });
    // "From now on" still has to know the producer numbers up to now, or a repeat would be taken for new.
    if (from.kind === 'latest') await tail.readToTip(signal);
    yield* followLog(parts, tail, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** Whether a record of the log is a change of the table (D5); where rows are merged, only a snapshot shows what came of them. */
function changesAreRecords(schema: TableSchema): boolean {
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
  for await (const { rows, kinds } of readChanges(table, snapshot)) {
    yield { rows, kinds, phase: 'changes', snapshotId: snapshot.id, arrivalMs: undefined };
  }
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

async function* followLog(
  { clock }: SubscribeParts,
  tail: LogTail,
  signal: AbortSignal,
): AsyncGenerator<SubscribedBatch, void, undefined> {
  for (;;) {
    signal.throwIfAborted();
    const { batches, arrivalMs, atTip } = await tail.readSome(signal);
    for (const { rows, kinds } of batches) yield { rows, kinds, phase: 'log', snapshotId: undefined, arrivalMs };
    if (!atTip) continue;
    await tail.waitForMore(clock, logWaitMsMax, signal);
  }
}
