/** What a range of snapshots changed, snapshot after snapshot. */
import { invalid } from '../base/errors.ts';
import { changeSourceOf } from '../table/changelog/change-source.ts';
import { readChanges } from '../table/changelog/read-changes.ts';
import { latestSnapshot } from '../table/snapshots.ts';
import type { Table } from '../table/table.ts';
import type { RowBatch } from '../types/row-batch.ts';

export type ChangesRequest = {
  /** The first snapshot. */
  readonly from: number;
  /** The last snapshot, included; the newest when not given. */
  readonly to?: number | undefined;
  readonly columns?: readonly string[] | undefined;
  readonly signal?: AbortSignal | undefined;
};

export type SnapshotChanges = {
  readonly snapshotId: number;
  readonly rows: RowBatch;
  /** 0 +I, 1 -U, 2 +U, 3 -D for each row. */
  readonly kinds: Int8Array;
};

/**
 * Without a changelog producer a row comes with its last kind in each snapshot: an upsert stream. Compactions give
 * nothing.
 *
 * @throws LakeError `invalid` LAKE_SNAPSHOT_NOT_FOUND, LAKE_SNAPSHOT_EXPIRED, LAKE_BAD_RANGE; `unsupported`
 */
export async function* tableChanges(
  table: Table,
  request: ChangesRequest,
): AsyncGenerator<SnapshotChanges, void, undefined> {
  const { from, columns, signal } = request;
  const to = request.to ?? (await latestSnapshot(table))?.id ?? from;
  for (const id of [from, to]) {
    if (!Number.isSafeInteger(id) || id < 1) throw invalid('LAKE_BAD_RANGE', `${id} is no number of a snapshot`);
  }
  if (from > to) throw invalid('LAKE_BAD_RANGE', `changes from snapshot ${from} to ${to}: the first is after the last`);
  // Looked for first, so that a range that is not there gives an error and not half an answer.
  await changeSourceOf(table, to);
  for (let id = from; id <= to; id += 1) {
    signal?.throwIfAborted();
    const snapshot = await changeSourceOf(table, id);
    for await (const { rows, kinds } of readChanges(table, snapshot, { columns }))
      yield { snapshotId: id, rows, kinds };
  }
}
