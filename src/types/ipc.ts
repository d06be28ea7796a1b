/**
 * Row batches as Arrow IPC streams: one schema, one record batch, end mark. The field ids travel in the schema's
 * metadata (`PARQUET:field_id`).
 */
import { isUtf8 } from 'node:buffer';
import { corrupt, isLakeError, type LakeError } from '../base/errors.ts';
import { RecordBatchReader, RecordBatchStreamWriter } from './arrow.ts';
import { fromRecordBatch } from './arrow-import.ts';
import { offsetsOf, uint8Values } from './column-buffers.ts';
import { concatBatches } from './concat.ts';
import type { RowType } from './data-type.ts';
import { emptyBatch, type RowBatch, toRecordBatch } from './row-batch.ts';

export { fromRecordBatch } from './arrow-import.ts';

/** The batch as an Arrow IPC stream. */
export function encodeIpc(batch: RowBatch): Uint8Array {
  const writer = new RecordBatchStreamWriter();
  writer.write(toRecordBatch(batch));
  writer.finish();
  return writer.toUint8Array(true);
}

/**
 * The rows of an Arrow IPC stream whose columns have the row type's names, types and order.
 * @throws LakeError corrupt LAKE_IPC_CORRUPT when the bytes are not that, whatever they are
 */
export function decodeIpc(bytes: Uint8Array, rowType: RowType): RowBatch {
  if (!endsWithMark(bytes)) throw ipcCorrupt('the end mark is missing');
  let batch: RowBatch;
  try {
    batch = readBatches(bytes, rowType);
  } catch (error) {
    // What the library throws at broken bytes is of any class: RangeError, TypeError, plain Error.
    throw ipcCorrupt(isLakeError(error) ? error.message : 'it cannot be read', error);
  }
  checkTexts(batch);
  return batch;
}

function ipcCorrupt(reason: string, cause?: unknown): LakeError {
  return corrupt('LAKE_IPC_CORRUPT', `bad Arrow IPC stream: ${reason}`, { cause });
}

function endsWithMark(bytes: Uint8Array): boolean {
  if (bytes.length < 8) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset + bytes.length - 8, 8);
  return view.getUint32(0, true) === 0xffff_ffff && view.getUint32(4, true) === 0;
}

function readBatches(bytes: Uint8Array, rowType: RowType): RowBatch {
  const reader = RecordBatchReader.from(bytes);
  reader.open();
  const names = reader.schema.fields.map(field => field.name);
  const expected = rowType.fields.map(field => field.name);
  if (names.length !== expected.length || names.some((name, index) => name !== expected[index])) {
    throw ipcCorrupt(`it has columns ${names.join(', ')}, expected ${expected.join(', ')}`);
  }
  const batches: RowBatch[] = [];
  for (const batch of reader) batches.push(fromRecordBatch(batch, rowType));
  return batches.length === 0 ? emptyBatch(rowType) : concatBatches(batches);
}

function checkTexts(batch: RowBatch): void {
  for (const [index, field] of batch.rowType.fields.entries()) {
    const column = batch.columns[index];
    if (column === undefined || (field.type.kind !== 'varchar' && field.type.kind !== 'char')) continue;
    const offsets = offsetsOf(column);
    const used = uint8Values(column).subarray(offsets[0] ?? 0, offsets[batch.rowCount] ?? 0);
    if (!isUtf8(used)) throw ipcCorrupt(`column ${field.name} is not UTF-8`);
  }
}
