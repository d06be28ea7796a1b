/** Arrow record batches from outside (log records, Parquet, users) as row batches. */

import { corrupt } from '../base/errors.ts';
import type { RecordBatch } from './arrow.ts';
import type { RowType } from './data-type.ts';
import { makeRowBatch, type RowBatch, withoutOffset } from './row-batch.ts';

/** The batch's columns, in order, as those of the row type. */
export function fromRecordBatch(batch: RecordBatch, rowType: RowType): RowBatch {
  const columns = batch.data.children;
  if (columns.length !== rowType.fields.length) {
    throw corrupt('LAKE_IPC_CORRUPT', `${columns.length} columns where ${rowType.fields.length} were expected`);
  }
  return makeRowBatch(rowType, batch.numRows, columns.map(withoutOffset));
}
