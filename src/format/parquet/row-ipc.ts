/**
 * Rows as the wasm takes them for encoding: an Arrow IPC stream with columns named by their position, timestamps above
 * precision 6 as 12 bytes of INT96.
 */
import { present } from '../../base/assert.ts';
import { arrowType, Field, makeData, RecordBatch, RecordBatchStreamWriter, Schema, Struct } from '../../types/arrow.ts';
import {
  bitAt,
  childOf,
  makeColumn,
  noValues,
  nullBitsOf,
  offsetsOf,
  uint8Values,
  uint32Values,
} from '../../types/column-buffers.ts';
import type { DataType } from '../../types/data-type.ts';
import { nestedShape } from '../../types/nested-shape.ts';
import { packedColumn } from '../../types/packed-column.ts';
import type { Column, RowBatch } from '../../types/row-batch.ts';
import { fixed12ToInt96 } from './int96.ts';

/**
 * @param types of the columns; strings may be told to be bytes
 * @returns the batches as an Arrow stream
 */
export function ipcStream(batches: readonly RowBatch[], columnTypes: readonly DataType[]): Uint8Array {
  const writer = new RecordBatchStreamWriter();
  const types = columnTypes.map(encodedType);
  const fields = types.map((type, index) => new Field(String(index), arrowType(type), type.nullable));
  const schema = new Schema(fields);
  for (const batch of batches) {
    const children = batch.columns.map((column, index) => asEncoded(column, present(types[index], 'type')));
    const data = makeData({ type: new Struct(fields), length: batch.rowCount, nullCount: 0, children });
    writer.write(new RecordBatch(schema, data));
  }
  writer.finish();
  return writer.toUint8Array(true);
}

/** The type as the wasm is told of it: it would take int64 for decimals of one digit. Names of fields are their places. */
function encodedType(type: DataType): DataType {
  switch (type.kind) {
    case 'decimal':
      return type.precision === 1 ? { ...type, precision: 2 } : type;
    case 'array':
    case 'multiset':
      return { ...type, element: encodedType(type.element) };
    case 'map':
      return { ...type, key: encodedType(type.key), value: encodedType(type.value) };
    case 'row':
      return {
        ...type,
        fields: type.fields.map((field, index) => ({ ...field, name: `f${index}`, type: encodedType(field.type) })),
      };
    default:
      return type;
  }
}

function asEncoded(column: Column, type: DataType): Column {
  const { length, nullBitmap, nullCount } = column;
  const shape = nestedShape(type);
  if (shape !== undefined) {
    const packed = packedColumn(column);
    const types = shape.kind === 'struct' ? shape.fields.map(field => field.type) : [shape.entry];
    return makeColumn(type, length, {
      values: noValues,
      valueOffsets: shape.kind === 'list' ? offsetsOf(packed) : undefined,
      nullBitmap,
      nullCount,
      children: types.map((child, index) => asEncoded(childOf(packed, index), child)),
    });
  }
  const isInt96 = (type.kind === 'timestamp' || type.kind === 'timestamp-ltz') && type.precision > 6;
  if (isInt96) {
    const nulls = nullBitsOf(column);
    const isNull = (row: number): boolean => nulls !== undefined && bitAt(nulls, row) === 0;
    const words = new Uint32Array(uint8Values(column).slice(0, length * 12).buffer);
    return makeColumn(type, length, { values: fixed12ToInt96(words, isNull), nullBitmap, nullCount });
  }
  // The Arrow type of the column and of the schema have to be one and the same.
  if (type.kind === 'varbinary') {
    const buffers = { values: uint8Values(column), valueOffsets: offsetsOf(column), nullBitmap, nullCount };
    return makeColumn(type, length, buffers);
  }
  if (type.kind === 'decimal') return makeColumn(type, length, { values: uint32Values(column), nullBitmap, nullCount });
  return column;
}
