/**
 * Row batches as Arrow IPC streams: one schema, one record batch, end mark. Any Arrow implementation reads them; the
 * field ids travel in the schema's metadata (`PARQUET:field_id`).
 */
import { isUtf8 } from 'node:buffer';
import { present, unreachable } from '../base/assert.ts';
import { isLakeError } from '../base/errors.ts';
import { type Data, RecordBatchStreamWriter } from './arrow.ts';
import { importColumn } from './arrow-import.ts';
import {
  type ColumnValues,
  childOf,
  makeColumn,
  noValues,
  offsetsOf,
  type Physical,
  physicalOf,
  uint8Values,
} from './column-buffers.ts';
import { concatBatches } from './concat.ts';
import type { DataType, RowType } from './data-type.ts';
import { type IpcField, type IpcMessage, type IpcNode, ipcCorrupt, readIpcMessages } from './ipc-message.ts';
import { nestedShape } from './nested-shape.ts';
import { packedColumn } from './packed-column.ts';
import { type Column, emptyBatch, makeRowBatch, type RowBatch, toRecordBatch } from './row-batch.ts';
import { typeName } from './type-name.ts';

export { fromRecordBatch } from './arrow-import.ts';

/** The batch as an Arrow IPC stream. */
export function encodeIpc(batch: RowBatch): Uint8Array {
  const writer = new RecordBatchStreamWriter();
  writer.write(toRecordBatch({ ...batch, columns: batch.columns.map(packedColumn) }));
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
    if (found === undefined || !isColumnOf(found, field.type)) {
      throw ipcCorrupt(`column ${field.name} (${typeName(field.type)}) came as Arrow type ${found?.typeId}`);
    }
  }
}

const arrowList = 12;
const arrowStruct = 13;
const arrowMap = 17;

/** As `isArrowTypeOf`, for nested types too. Names of fields are not compared, as places count. */
function isColumnOf(found: IpcField, type: DataType): boolean {
  const shape = nestedShape(type);
  if (shape === undefined) return found.children.length === 0 && isArrowTypeOf(found, type);
  const children = shape.kind === 'struct' ? shape.fields.map(field => field.type) : [shape.entry];
  const typeId = shape.kind === 'struct' ? arrowStruct : type.kind === 'array' ? arrowList : arrowMap;
  if (found.typeId !== typeId || found.children.length !== children.length) return false;
  return found.children.every((child, index) => isColumnOf(child, present(children[index], 'child')));
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
  const { rowCount } = message;
  const parts = new BatchParts(message.nodes, message.buffers);
  const columns = rowType.fields.map(({ name, type }) => {
    const data = parts.data(type, { name, length: rowCount });
    const column = importColumn(data, type, name);
    if (!type.nullable && column.nullCount > 0) throw ipcCorrupt(`column ${name} is NOT NULL and has nulls`);
    checkText(column, type, name);
    return column;
  });
  parts.checkAllTaken();
  return makeRowBatch(rowType, rowCount, columns);
}

/** A record batch's nodes and buffers, which lie in it column by column, children after their parent. */
class BatchParts {
  readonly #nodes: readonly IpcNode[];
  readonly #buffers: readonly Uint8Array[];
  #nextNode = 0;
  #nextBuffer = 0;

  constructor(nodes: readonly IpcNode[], buffers: readonly Uint8Array[]) {
    this.#nodes = nodes;
    this.#buffers = buffers;
  }

  /** The next column's; nothing in it is checked but that it is there. @param length undefined: any */
  data(type: DataType, { name, length: asked }: { readonly name: string; readonly length: number | undefined }): Data {
    const node = this.#nodes[this.#nextNode];
    this.#nextNode += 1;
    if (node === undefined || (asked !== undefined && node.length !== asked)) {
      throw ipcCorrupt(`column ${name} has ${node?.length} of ${asked} values`);
    }
    const { length } = node;
    const hasNulls = node.nullCount > 0;
    const nullBits = this.#take();
    if (hasNulls && nullBits.length === 0) throw ipcCorrupt(`column ${name} has nulls without null bits`);
    const nulls = hasNulls ? nullBits : undefined;
    const shape = nestedShape(type);
    if (shape !== undefined) {
      const valueOffsets = shape.kind === 'list' ? int32s(this.#take()) : undefined;
      const children =
        shape.kind === 'list'
          ? [this.data(shape.entry, { name: `${name}.element`, length: undefined })]
          : shape.fields.map(field => this.data(field.type, { name: `${name}.${field.name}`, length }));
      return makeColumn(type, length, { values: noValues, valueOffsets, nullBitmap: nulls, children });
    }
    const physical = physicalOf(type);
    const valueOffsets = physical === 'utf8' || physical === 'bytes' ? int32s(this.#take()) : undefined;
    const values = typedValues(physical, this.#take());
    return makeColumn(type, length, { values, valueOffsets, nullBitmap: nulls });
  }

  checkAllTaken(): void {
    const [nodes, buffers] = [this.#nextNode, this.#nextBuffer];
    if (nodes !== this.#nodes.length) throw ipcCorrupt(`${this.#nodes.length} columns where ${nodes} were expected`);
    if (buffers !== this.#buffers.length) {
      throw ipcCorrupt(`${this.#buffers.length} buffers where ${buffers} were expected`);
    }
  }

  #take(): Uint8Array {
    const buffer = this.#buffers[this.#nextBuffer];
    if (buffer === undefined) throw ipcCorrupt(`${this.#buffers.length} buffers are too few`);
    this.#nextBuffer += 1;
    return buffer;
  }
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

function checkText(column: Column, type: DataType, name: string): void {
  const shape = nestedShape(type);
  if (shape !== undefined) {
    const children = shape.kind === 'struct' ? shape.fields.map(field => field.type) : [shape.entry];
    for (const [index, child] of children.entries()) checkText(childOf(column, index), child, name);
    return;
  }
  if (physicalOf(type) !== 'utf8') return;
  const offsets = offsetsOf(column);
  const used = uint8Values(column).subarray(offsets[0] ?? 0, offsets[column.length] ?? 0);
  if (!isUtf8(used)) throw ipcCorrupt(`column ${name} is not UTF-8`);
}
