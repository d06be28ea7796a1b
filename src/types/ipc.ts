/**
 * Row batches as Arrow IPC streams: one schema, one record batch, end mark. Any Arrow implementation reads them; the
 * field ids travel in the schema's metadata (`PARQUET:field_id`).
 */
import { isUtf8 } from 'node:buffer';
import { unreachable } from '../base/assert.ts';
import { isLakeError } from '../base/errors.ts';
import { RecordBatchStreamWriter } from './arrow.ts';
import { importColumn } from './arrow-import.ts';
import { type ColumnValues, makeColumn, offsetsOf, type Physical, physicalOf, uint8Values } from './column-buffers.ts';
import { concatBatches } from './concat.ts';
import type { DataField, DataType, RowType } from './data-type.ts';
import { type IpcField, type IpcMessage, ipcCorrupt, readIpcMessages } from './ipc-message.ts';
import { type Column, emptyBatch, makeRowBatch, type RowBatch, toRecordBatch } from './row-batch.ts';
import { typeName } from './type-name.ts';

export { fromRecordBatch } from './arrow-import.ts';

/** The batch as an Arrow IPC stream. */
export function encodeIpc(batch: RowBatch): Uint8Array {
  const writer = new RecordBatchStreamWriter();
  writer.write(toRecordBatch(batch));
  writer.finish();
  return writer.toUint8Array(true);
}

/**
 * The rows of an Arrow IPC stream whose columns have the row type's names, Arrow types and order.
 * @throws LakeError corrupt LAKE_IPC_CORRUPT when the bytes are not that, whatever they are
 */
export function decodeIpc(bytes: Uint8Array, rowType: RowType): RowBatch {
  try {
    const [schema, ...batches] = readIpcMessages(bytes);
    if (schema?.kind !== 'schema') throw ipcCorrupt('it does not begin with a schema');
    checkSchema(schema.fields, rowType);
    const decoded = batches.map(message => decodeBatch(message, rowType));
    return decoded.length === 0 ? emptyBatch(rowType) : concatBatches(decoded);
  } catch (error) {
    if (isLakeError(error, 'LAKE_IPC_CORRUPT')) throw error;
    // Outside the bytes: a RangeError of a DataView or a typed array.
    if (error instanceof RangeError) throw ipcCorrupt('it points outside itself', error);
    if (isLakeError(error, 'LAKE_ARROW_MISMATCH')) throw ipcCorrupt(error.message, error);
    throw error;
  }
}

function checkSchema(fields: readonly IpcField[], rowType: RowType): void {
  const names = fields.map(field => field.name);
  const expected = rowType.fields.map(field => field.name);
  if (names.length !== expected.length || names.some((name, index) => name !== expected[index])) {
    throw ipcCorrupt(`it has columns ${names.join(', ')}, expected ${expected.join(', ')}`);
  }
  for (const [index, field] of rowType.fields.entries()) {
    const found = fields[index];
    if (found === undefined || !isArrowTypeOf(found, field.type)) {
      throw ipcCorrupt(`column ${field.name} (${typeName(field.type)}) came as Arrow type ${found?.typeId}`);
    }
  }
}

/** True when the field is what `arrowType` gives for the type. Numbers and slots are those of Arrow's Schema.fbs. */
function isArrowTypeOf({ typeId, parameters: has }: IpcField, type: DataType): boolean {
  const isInt = (bits: number): boolean => typeId === 2 && has.int32(0, 0) === bits && has.bool(1);
  const isTimestamp = (unit: number): boolean => typeId === 10 && has.int16(0, 0) === unit;
  switch (type.kind) {
    case 'boolean':
      return typeId === 6;
    case 'tinyint':
      return isInt(8);
    case 'smallint':
      return isInt(16);
    case 'int':
      return isInt(32);
    case 'bigint':
      return isInt(64);
    case 'float':
      return typeId === 3 && has.int16(0, 0) === 1;
    case 'double':
      return typeId === 3 && has.int16(0, 0) === 2;
    case 'decimal':
      return typeId === 7 && has.int32(1, 0) === type.scale && has.int32(2, 128) === 128;
    case 'char':
    case 'varchar':
      return typeId === 5;
    case 'binary':
    case 'varbinary':
      return typeId === 4;
    case 'date':
      return typeId === 8 && has.int16(0, 1) === 0;
    case 'time':
      return typeId === 9 && has.int16(0, 1) === 1 && has.int32(1, 32) === 32;
    case 'timestamp':
    case 'timestamp-ltz':
      if (type.precision > 6) return typeId === 15 && has.int32(0, 0) === 12;
      return isTimestamp(type.precision <= 3 ? 1 : 2);
    default:
      return false;
  }
}

function decodeBatch(message: IpcMessage, rowType: RowType): RowBatch {
  if (message.kind !== 'record-batch') throw ipcCorrupt('it has a second schema');
  const { rowCount, nodes, buffers } = message;
  if (nodes.length !== rowType.fields.length) throw ipcCorrupt(`${nodes.length} columns in a record batch`);
  let next = 0;
  const take = (): Uint8Array => {
    const buffer = buffers[next];
    if (buffer === undefined) throw ipcCorrupt(`${buffers.length} buffers for ${nodes.length} columns`);
    next += 1;
    return buffer;
  };
  const columns = rowType.fields.map((field, index) => {
    const node = nodes[index];
    if (node?.length !== rowCount) throw ipcCorrupt(`column ${field.name} has ${node?.length} of ${rowCount} values`);
    return decodeColumn(field, { rowCount, hasNulls: node.nullCount > 0, take });
  });
  if (next !== buffers.length) throw ipcCorrupt(`${buffers.length} buffers where ${next} were expected`);
  return makeRowBatch(rowType, rowCount, columns);
}

type ColumnParts = { readonly rowCount: number; readonly hasNulls: boolean; readonly take: () => Uint8Array };

function decodeColumn(field: DataField, { rowCount, hasNulls, take }: ColumnParts): Column {
  const physical = physicalOf(field.type);
  const nullBits = take();
  if (hasNulls && nullBits.length === 0) throw ipcCorrupt(`column ${field.name} has nulls without null bits`);
  const valueOffsets = physical === 'utf8' || physical === 'bytes' ? int32s(take()) : undefined;
  const data = makeColumn(field.type, rowCount, {
    values: typedValues(physical, take()),
    valueOffsets,
    nullBitmap: hasNulls ? nullBits : undefined,
  });
  const column = importColumn(data, field.type, field.name);
  if (!field.type.nullable && column.nullCount > 0) throw ipcCorrupt(`column ${field.name} is NOT NULL and has nulls`);
  if (physical === 'utf8') checkText(column, field);
  return column;
}

function int32s(bytes: Uint8Array): Int32Array {
  return new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 2);
}

function typedValues(physical: Physical, bytes: Uint8Array): ColumnValues {
  const { buffer, byteOffset, byteLength } = bytes;
  switch (physical) {
    case 'int8':
      return new Int8Array(buffer, byteOffset, byteLength);
    case 'int16':
      return new Int16Array(buffer, byteOffset, byteLength >> 1);
    case 'int32':
      return int32s(bytes);
    case 'int64':
      return new BigInt64Array(buffer, byteOffset, byteLength >> 3);
    case 'float32':
      return new Float32Array(buffer, byteOffset, byteLength >> 2);
    case 'float64':
      return new Float64Array(buffer, byteOffset, byteLength >> 3);
    case 'decimal128':
      return new Uint32Array(buffer, byteOffset, byteLength >> 2);
    case 'bool':
    case 'fixed12':
    case 'utf8':
    case 'bytes':
      return bytes;
    default:
      return unreachable(physical);
  }
}

function checkText(column: Column, field: DataField): void {
  const offsets = offsetsOf(column);
  const used = uint8Values(column).subarray(offsets[0] ?? 0, offsets[column.length] ?? 0);
  if (!isUtf8(used)) throw ipcCorrupt(`column ${field.name} is not UTF-8`);
}
