/**
 * What a batch of writes ends with, beside its commit: a statement that writes, an overwrite, lines of a command. Streams
 * (ingest, a `RowWriter`) end no batch.
 *
 * The rows are in the table by then, so nothing that fails here fails the write: who wrote would write again. A tag of before
 * stays as it was, and a partition that was not marked can be marked by hand.
 */
import { isLakeError } from '../base/errors.ts';
import { batchesAreDone } from '../format/done-actions.ts';
import { changedPartitions, markDone } from '../table/done-marks.ts';
import type { Table } from '../table/table.ts';
import { makeBatchTag } from '../table/tags/make-batch-tag.ts';

export async function endBatch(table: Table, snapshotId: number): Promise<void> {
  await unlessLake(() => makeBatchTag(table));
  if (batchesAreDone(table.schema)) await unlessLake(() => markWritten(table, snapshotId));
}

async function markWritten(table: Table, snapshotId: number): Promise<void> {
  for (const path of await changedPartitions(table, snapshotId)) await markDone(table, path);
}

async function unlessLake(step: () => Promise<unknown>): Promise<void> {
  try {
    await step();
  } catch (error) {
    if (!isLakeError(error)) throw error;
  }
}
