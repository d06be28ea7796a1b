/** Follows a table: rows there are, then changes as they happen. */

import { follow } from '../flow/read/groups/follow.ts';
import { encodeResumePoint } from '../flow/read/resume-point.ts';
import type { UnitLease } from '../flow/read/subscribed-batch.ts';
import type { RecordHeaders } from '../flow/record-headers.ts';
import type { Table } from '../table/table.ts';
import { rowKindOf } from '../types/row-kind.ts';
import type { LakeParts } from './lake-parts.ts';
import { withLogOf } from './named-logs.ts';
import {
  flowRequest,
  readerOf,
  type SubscriptionRange,
  type SubscriptionReader,
  type SubscriptionView,
} from './subscribe-request.ts';
import { type RowChange, rowsAs } from './table-shape.ts';

export type SubscribeRequest = SubscriptionRange &
  SubscriptionView &
  SubscriptionReader & {
    /**
     * Told of each place that another subscription can go on from, when all changes before it have been taken; also while
     * nothing changes, and before the first change.
     */
    readonly onPlace?: ((resume: string) => void) | undefined;
    /**
     * Told of each watermark, ms, when all changes before it have been taken, also while nothing changes: rows with event times up
     * to it have come. It goes up only.
     */
    readonly onWatermark?: ((watermarkMs: number) => void) | undefined;
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
  /**
   * It may have been given before: the log had lost what followed, so changes came from snapshots, whose commits also have some of
   * before. They come in order, so rows kept by key end right. Never of tables without a key.
   */
  readonly mayRepeat: boolean;
  /** What the producer gave with the row; undefined: nothing, or it does not come from the log. */
  readonly headers: RecordHeaders | undefined;
  /** Under which lease a member of a group gives it; a sink that keeps the epoch of a shard can refuse smaller ones. */
  readonly lease: UnitLease | undefined;
  /** Its event time is not above `watermarkMs`: it was not expected any more. */
  readonly isLate: boolean;
  /** The watermark before it; undefined: there was none yet, or the table has none. */
  readonly watermarkMs: number | undefined;
};

export async function* subscribeTable<Row extends object>(
  parts: LakeParts,
  table: Table,
  { onPlace, onWatermark, signal, ...request }: SubscribeRequest,
): AsyncGenerator<SubscribedChange<Row>, void, undefined> {
  const { store, log, clock, random } = await withLogOf(parts, table);
  // Without a signal it ends when its reader breaks off.
  const ends = signal ?? new AbortController().signal;
  const asked = { ...flowRequest(table, request), ...readerOf(request) };
  let watermarkMs = asked.from.kind === 'resume' ? asked.from.point.watermarkMs : undefined;
  for await (const batch of follow({ store, log, clock, random }, table, asked, ends)) {
    const row = rowsAs<Row>(batch.rows);
    const { phase, snapshotId, mayRepeat = false, headers, lease, late } = batch;
    const place = batch.resume === undefined ? undefined : encodeResumePoint(batch.resume);
    const last = batch.rows.rowCount - 1;
    for (let index = 0; index <= last; index += 1) {
      const kind = rowKindOf(batch.kinds[index] ?? 0);
      const resume = index === last ? place : undefined;
      const isLate = late?.[index] === 1;
      yield { kind, row: row(index), phase, snapshotId, resume, mayRepeat, headers, lease, isLate, watermarkMs };
    }
    if (place !== undefined) onPlace?.(place);
    const hasMoved = batch.watermarkMs !== watermarkMs;
    watermarkMs = batch.watermarkMs;
    if (hasMoved && watermarkMs !== undefined) onWatermark?.(watermarkMs);
  }
}
