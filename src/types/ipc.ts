/**
 * Row batches as Arrow IPC streams: one schema, one record batch. The field ids travel in the schema's metadata
 * (`PARQUET:field_id`), so that a reader can map columns by id.
 */
import { corrupt, isLakeError } from '../base/errors.ts';
import { RecordBatch, RecordBatchReader, RecordBatchStreamWriter } from './arrow.ts';
import { concatBatches } from './concat.ts';
import type { RowType } from './data-type.ts';
import { fromRecordBatch } from './record-batch.ts';
import { emptyBatch, type RowBatch, toRecordBatch } from './row-batch.ts';

export { fromRecordBatch } from './record-batch.ts';

/** The batch as an Arrow IPC stream. */
export function encodeIpc(batch: RowBatch): Uint8Array {
  const writer = new RecordBatchStreamWriter();
  writer.write(toRecordBatch(batch));
  writer.finish();
  return writer.toUint8Array(true);
}

/**
 * The rows of an Arrow IPC stream whose columns are those of the row type, in order.
 * @throws LakeError corrupt LAKE_IPC_CORRUPT when the bytes are not that
 */
export function decodeIpc(bytes: Uint8Array, rowType: RowType): RowBatch {
  try {
    const batches: RowBatch[] = [];
    const reader = RecordBatchReader.from(bytes);
    for (const batch of reader) if (batch instanceof RecordBatch) batches.push(fromRecordBatch(batch, rowType));
    return batches.length === 0 ? emptyBatch(rowType) : concatBatches(batches);
  } catch (error) {
    if (isLakeError(error)) throw error;
    throw corrupt('LAKE_IPC_CORRUPT', 'the bytes are not an Arrow IPC stream', { cause: error });
  }
}
