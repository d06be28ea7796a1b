/** Follows a table: rows there are, then changes as they happen. */
import { LakeError } from '../base/errors.ts';
import { type SubscribeFrom, subscribe } from '../flow/read/subscribe.ts';
import type { Table } from '../table/table.ts';
import { projectBatch, type RowBatch } from '../types/row-batch.ts';
import { rowKindOf } from '../types/row-kind.ts';
import type { LakeParts } from './lake-parts.ts';
import { type RowChange, rowsAs } from './table-shape.ts';

/** Where a subscription begins: every row there is, changes from now on, or changes after a snapshot. */
export type SubscriptionStart = 'full' | 'latest' | { readonly snapshot: number };

export type SubscribeRequest = {
  readonly from: SubscriptionStart;
  readonly columns?: readonly string[] | undefined;
  /** Ends it, without an error. */
  readonly signal?: AbortSignal | undefined;
};

export type SubscribedChange<Row> = RowChange<Row> & {
  /** `snapshot`: as of a snapshot; `changes`: what later snapshots changed; `log`: live. */
  readonly phase: 'snapshot' | 'changes' | 'log';
  /** Of the first two phases. */
  readonly snapshotId: number | undefined;
};

export async function* subscribeTable<Row extends object>(
  parts: LakeParts,
  table: Table,
  { from, columns, signal }: SubscribeRequest,
): AsyncGenerator<SubscribedChange<Row>, void, undefined> {
  const { store, log, clock, random } = parts;
  // Without a signal it ends when its reader breaks off.
  const ends = signal ?? new AbortController().signal;
  for await (const batch of subscribe({ store, log, clock, random }, table, startOf(from), ends)) {
    const row = rowsAs<Row>(columns === undefined ? batch.rows : projectedChanges(table, batch.rows, columns));
    for (let index = 0; index < batch.rows.rowCount; index += 1) {
      const kind = rowKindOf(batch.kinds[index] ?? 0);
      yield { kind, row: row(index), phase: batch.phase, snapshotId: batch.snapshotId };
    }
  }
}

function startOf(from: SubscriptionStart): SubscribeFrom {
  if (typeof from === 'string') return { kind: from };
  return { kind: 'after-snapshot', snapshotId: from.snapshot };
}

/** A subscription follows the table's schema; columns it was opened for may go. */
export function projectedChanges(table: Table, rows: RowBatch, columns: readonly string[]): RowBatch {
  const gone = columns.filter(name => !rows.rowType.fields.some(field => field.name === name));
  if (gone.length === 0) return projectBatch(rows, columns);
  throw new LakeError('fenced', 'LAKE_SCHEMA_MISMATCH', `${table.label} has no column ${gone.join(', ')} any more`);
}
