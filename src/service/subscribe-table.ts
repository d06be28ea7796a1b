/** Follows a table: rows there are, then changes as they happen. */
import { LakeError } from '../base/errors.ts';
import { decodeResumePoint, encodeResumePoint } from '../flow/read/resume-point.ts';
import { type SubscribeFrom, subscribe } from '../flow/read/subscribe.ts';
import type { Table } from '../table/table.ts';
import { projectBatch, type RowBatch } from '../types/row-batch.ts';
import { rowKindOf } from '../types/row-kind.ts';
import type { LakeParts } from './lake-parts.ts';
import { type RowChange, rowsAs } from './table-shape.ts';

/**
 * Where a subscription begins: every row there is, changes from now on, changes after a snapshot, or where another
 * subscription stood, also one over HTTP (RFC 0014).
 */
export type SubscriptionStart = 'full' | 'latest' | { readonly snapshot: number } | { readonly resume: string };

export type SubscribeRequest = {
  readonly from: SubscriptionStart;
  readonly columns?: readonly string[] | undefined;
  /**
   * Told of each place that another subscription can go on from, when all changes before it have been taken; also while
   * nothing changes, and before the first change.
   */
  readonly onPlace?: ((resume: string) => void) | undefined;
  /** Ends it, without an error. */
  readonly signal?: AbortSignal | undefined;
};

export type SubscribedChange<Row> = RowChange<Row> & {
  /** `snapshot`: as of a snapshot; `changes`: what later snapshots changed; `log`: live. */
  readonly phase: 'snapshot' | 'changes' | 'log';
  /** Of the first two phases. */
  readonly snapshotId: number | undefined;
  /** Where another subscription goes on right behind this change; undefined: more of the same must come first. */
  readonly resume: string | undefined;
};

export async function* subscribeTable<Row extends object>(
  parts: LakeParts,
  table: Table,
  { from, columns, onPlace, signal }: SubscribeRequest,
): AsyncGenerator<SubscribedChange<Row>, void, undefined> {
  const { store, log, clock, random } = parts;
  // Without a signal it ends when its reader breaks off.
  const ends = signal ?? new AbortController().signal;
  for await (const batch of subscribe({ store, log, clock, random }, table, startOf(from), ends)) {
    const row = rowsAs<Row>(columns === undefined ? batch.rows : projectedChanges(table, batch.rows, columns));
    const { phase, snapshotId } = batch;
    const place = batch.resume === undefined ? undefined : encodeResumePoint(batch.resume);
    for (let index = 0; index < batch.rows.rowCount; index += 1) {
      const resume = index === batch.rows.rowCount - 1 ? place : undefined;
      yield { kind: rowKindOf(batch.kinds[index] ?? 0), row: row(index), phase, snapshotId, resume };
    }
    if (place !== undefined) onPlace?.(place);
  }
}

function startOf(from: SubscriptionStart): SubscribeFrom {
  if (typeof from === 'string') return { kind: from };
  if ('resume' in from) return { kind: 'resume', point: decodeResumePoint(from.resume) };
  return { kind: 'after-snapshot', snapshotId: from.snapshot };
}

/** A subscription follows the table's schema; columns it was opened for may go. */
export function projectedChanges(table: Table, rows: RowBatch, columns: readonly string[]): RowBatch {
  const gone = columns.filter(name => !rows.rowType.fields.some(field => field.name === name));
  if (gone.length === 0) return projectBatch(rows, columns);
  throw new LakeError('fenced', 'LAKE_SCHEMA_MISMATCH', `${table.label} has no column ${gone.join(', ')} any more`);
}
