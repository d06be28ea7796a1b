/**
 * Rows of one place that wait in memory for their commit: in the order in which they go into a file, without the numbers that
 * its base gives them. They are made a batch at a time when a file is written, so that while one row group is compressed the
 * next is put together; and again when they are to be written once more.
 */
import { rowGroupRowsMax } from '../../format/data-file-format.ts';
import type { TableSchema } from '../../format/table-schema.ts';
import { sortFlush } from '../../lsm/sort-merge.ts';
import { concatBatches } from '../../types/gather.ts';
import { mergeSpec } from '../merge-spec.ts';
import { asTheyCame, type KindedRows } from './waiting-rows.ts';

/**
 * Of fewer rows a batch has one in many of what lies together in memory, and all of it is read for each batch; of more, what is
 * written is no more in a cache, and more is held.
 */
const batchRowsMax = 4 * rowGroupRowsMax;

export type HeldRows = {
  readonly rowCount: number;
  readonly batches: () => Iterable<KindedRows>;
};

/** Rows of a primary-key table as they are flushed: sorted, one a key. Those of an append table stay as they came. */
export function flushedRows(schema: TableSchema, batches: readonly KindedRows[]): HeldRows {
  if (schema.primaryKeys.length === 0) {
    const rows = concatBatches(batches.map(batch => batch.rows));
    return heldAtOnce({ rows, kinds: new Int8Array(rows.rowCount) });
  }
  const flush = sortFlush(batches, mergeSpec(schema, { dropDeletes: false }));
  return { rowCount: flush.rowCount, batches: () => flush.batches(batchRowsMax) };
}

/** Rows that wait for a bucket. */
export function waitingRows(batches: readonly KindedRows[]): HeldRows {
  return heldAtOnce(asTheyCame(batches));
}

function heldAtOnce(rows: KindedRows): HeldRows {
  return { rowCount: rows.rows.rowCount, batches: () => [rows] };
}
