/** What a subscription gives: rows of a snapshot, changes of a snapshot, or a place alone. */
import { LakeError } from '../../base/errors.ts';
import type { Snapshot } from '../../format/snapshot.ts';
import { type ChangeOptions, readChanges } from '../../table/changelog/read-changes.ts';
import { readPlan } from '../../table/read/read-split.ts';
import { planScan } from '../../table/scan/plan-scan.ts';
import type { Table } from '../../table/table.ts';
import { buildBatch } from '../../types/column-builder.ts';
import type { RowBatch } from '../../types/row-batch.ts';
import type { RecordHeaders } from '../record-headers.ts';
import type { ChangeView } from './change-view.ts';
import { type TimedBatch, watermarkOfSnapshot } from './event-time.ts';
import type { ResumePoint } from './resume-point.ts';

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
  /**
   * Behind this batch: rows with event times up to it have come, ms; never less than before. undefined: nobody knows yet, or the
   * table has no watermark.
   */
  readonly watermarkMs?: number | undefined;
  /** By row, 1 where its event time is not above the watermark of before the batch; undefined: in no row. */
  readonly late?: Uint8Array | undefined;
  /** Some of it was given before, since what the log had lost was given from snapshots. Never of tables without keys. */
  readonly mayRepeat?: boolean | undefined;
  /** Of the log phase: what the producer gave with the rows (RFC 0022). */
  readonly headers?: RecordHeaders | undefined;
  /** Under which lease a member of a group gives it. */
  readonly lease?: UnitLease | undefined;
};

export type UnitLease = {
  /** undefined: the history, which one member reads for all. */
  readonly shardId: string | undefined;
  /** Of two that read one shard the later has the larger one. */
  readonly epoch: number;
};

/** Only a table of our own can be told from another of its name. */
export function pointOf(table: Table, snapshotId: number): ResumePoint | undefined {
  return table.id === undefined ? undefined : { tableId: table.id, snapshotId, log: undefined };
}

export function placeIn(
  { schema }: Table,
  resume: ResumePoint | undefined,
  watermarkMs: number | undefined,
): TimedBatch {
  const phase = resume?.log === undefined ? 'changes' : 'log';
  const [rows, kinds] = [buildBatch({ fields: schema.fields }, []), new Int8Array()];
  return { rows, kinds, phase, snapshotId: undefined, arrivalMs: undefined, resume, watermarkMs };
}

export async function* rowsOf(
  table: Table,
  snapshot: Snapshot | undefined,
  { ofRows }: ChangeView,
): AsyncGenerator<TimedBatch, void, undefined> {
  // What the changes after it begin with is all that was written, compacted or not.
  const plan = await planScan(table, snapshot, { withLevel0: true, predicate: ofRows.predicate });
  const whole = { phase: 'snapshot', snapshotId: snapshot?.id, arrivalMs: undefined, resume: undefined } as const;
  let held: TimedBatch | undefined;
  for await (const rows of readPlan(table, plan, { columns: ofRows.columns })) {
    if (held !== undefined) yield held;
    held = { rows, kinds: new Int8Array(rows.rowCount), ...whole };
  }
  if (held !== undefined) yield { ...held, watermarkMs: snapshot && watermarkOfSnapshot(snapshot) };
}

export async function* changesOf(
  table: Table,
  snapshot: Snapshot,
  view: ChangeView,
  { rows: wanted }: Pick<ChangeOptions, 'rows'> = {},
): AsyncGenerator<TimedBatch, void, undefined> {
  if (snapshot.commitKind === 'OVERWRITE') {
    throw new LakeError(
      'fenced',
      'LAKE_REBASE',
      `${table.label}: snapshot ${snapshot.id} put other rows in the place of those there were; subscribe again from full`,
    );
  }
  const whole = { phase: 'changes', snapshotId: snapshot.id, arrivalMs: undefined } as const;
  let held: TimedBatch | undefined;
  view.check({ fields: table.schema.fields });
  for await (const batch of readChanges(table, snapshot, { ...view.ofChanges, rows: wanted })) {
    const seen = view.see(batch);
    if (seen.rows.rowCount === 0) continue;
    if (held !== undefined) yield held;
    held = { ...seen, ...whole, resume: undefined };
  }
  const resume = pointOf(table, snapshot.id);
  const watermarkMs = watermarkOfSnapshot(snapshot);
  yield held === undefined ? placeIn(table, resume, watermarkMs) : { ...held, resume, watermarkMs };
}
