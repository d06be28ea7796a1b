/** A record holds one row at least, so each row has to fit one. */
import { invalid } from '../base/errors.ts';
import { batchBytes, type RowBatch, sliceBatch } from '../types/row-batch.ts';
import { plainBodyBytes } from './log-record.ts';

/**
 * Most batches are done with the first look: rows are small.
 *
 * @param bytesMax of a body before it is compressed
 * @throws LakeError `invalid` LAKE_ROW_TOO_LARGE
 */
export function checkRowSizes(rows: RowBatch, tableName: string, bytesMax: number): void {
  const doubtful = bytesMax / 2;
  if (batchBytes(rows) <= doubtful) return;
  for (let row = 0; row < rows.rowCount; row += 1) {
    const one = sliceBatch(rows, row, row + 1);
    const bytes = batchBytes(one) <= doubtful ? 0 : plainBodyBytes(one);
    if (bytes <= bytesMax) continue;
    const message = `row ${row} of a batch for ${tableName} has ${bytes} bytes, and a record of the log holds ${bytesMax}`;
    throw invalid('LAKE_ROW_TOO_LARGE', `${message}; write it without the log, or put its bytes elsewhere`);
  }
}
