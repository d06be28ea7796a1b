/**
 * Rows picked from columns into new columns: the kernel that merging, sorting and filtering end with. One typed-array
 * loop for each physical type; no value becomes an object on the way.
 *
 * Row i of the result is row `rowIndex[i]` of source `batchIndex[i]`. Indexes are trusted to be in range.
 */
import { assert, present } from '../base/assert.ts';
import { makeColumn, physicalOf } from './column-buffers.ts';
import type { DataType } from './data-type.ts';
import { gatherBytes } from './gather-bytes.ts';
import { type BatchIndex, gatherNulls, gatherValues } from './gather-values.ts';
import { type Column, makeRowBatch, type RowBatch } from './row-batch.ts';

export { concatBatches } from './concat.ts';
export type { BatchIndex } from './gather-values.ts';

/** The picked rows of columns of one type. Both arrays of indexes have the result's length. */
export function gatherColumn(
  sources: readonly Column[],
  type: DataType,
  batchIndex: BatchIndex,
  rowIndex: Uint32Array,
): Column {
  assert(batchIndex.length === rowIndex.length, 'as many batch indexes as row indexes');
  const picks = { batchIndex, rowIndex };
  const nulls = gatherNulls(sources, picks);
  const physical = physicalOf(type);
  if (physical === 'utf8' || physical === 'bytes') {
    return makeColumn(type, rowIndex.length, { ...gatherBytes(sources, picks), ...nulls });
  }
  return makeColumn(type, rowIndex.length, { values: gatherValues(physical, sources, picks), ...nulls });
}

/** The picked rows of batches of one row type. */
export function gatherBatch(sources: readonly RowBatch[], batchIndex: BatchIndex, rowIndex: Uint32Array): RowBatch {
  const rowType = present(sources[0], 'a batch to gather from').rowType;
  const columns = rowType.fields.map((field, index) =>
    gatherColumn(
      sources.map(source => present(source.columns[index], 'column')),
      field.type,
      batchIndex,
      rowIndex,
    ),
  );
  return makeRowBatch(rowType, rowIndex.length, columns);
}

/** The rows of one batch at these positions, in that order; a position may come more than once. */
export function takeRows(batch: RowBatch, rowIndex: Uint32Array): RowBatch {
  return gatherBatch([batch], new Uint8Array(rowIndex.length), rowIndex);
}
