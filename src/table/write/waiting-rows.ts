/**
 * Rows that wait for a bucket (`bucket` = -2, spec 6.4): they lie as they came, without order and without numbers, and are
 * given these by the compaction that gives them a bucket. What order they have is that of their files.
 */
import { postponedBucket } from '../../format/bucket.ts';
import { concatBatches } from '../../types/gather.ts';
import type { RowBatch } from '../../types/row-batch.ts';
import type { CommitBase, PlannedFile } from '../commit/request.ts';
import type { Place } from './place-rows.ts';

export type KindedRows = { readonly rows: RowBatch; readonly kinds: Int8Array };

type WrittenGroup = { files: readonly PlannedFile[] };

/** What stands for the sequence number of a row that waits for a bucket, where it gets one. */
export const waitingNumber = -1n;

/** Whether a place is that of rows that wait. */
export function isWaiting({ bucket }: Pick<Place, 'bucket'>): boolean {
  return bucket === postponedBucket;
}

/** Rows of a primary-key table in the order in which they came, those of equal keys, too. */
export function asTheyCame(batches: readonly KindedRows[]): KindedRows {
  const kinds = new Int8Array(batches.reduce((sum, batch) => sum + batch.kinds.length, 0));
  let at = 0;
  for (const batch of batches) {
    kinds.set(batch.kinds, at);
    at += batch.kinds.length;
  }
  return { rows: concatBatches(batches.map(({ rows }) => rows)), kinds };
}

/** Files of waiting rows are taken up by their times: these come after those that wait at the base, whatever the clocks say. */
export async function queueUp(place: Place, groups: readonly WrittenGroup[], base: CommitBase): Promise<void> {
  const waiting = await base.liveFiles(place);
  const lastMs = waiting.reduce((last, { file }) => Math.max(last, file.creationTimeMs ?? 0), 0);
  for (const group of groups) {
    group.files = group.files.map(planned =>
      (planned.file.creationTimeMs ?? 0) > lastMs
        ? planned
        : { ...planned, file: { ...planned.file, creationTimeMs: lastMs + 1 } },
    );
  }
}
