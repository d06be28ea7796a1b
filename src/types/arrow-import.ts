/**
 * Arrow record batches from outside (log records, Parquet, users) as row batches. Nothing in them is trusted: types,
 * lengths, offsets and ranges are checked, and what differs only in its Arrow form is converted: slices, dictionaries,
 * large and view layouts, other units of time, integers of another width that fit.
 */
import { unreachable } from '../base/assert.ts';
import { ArrowDataType, type Data, type RecordBatch } from './arrow.ts';
import { importBytes } from './arrow-bytes.ts';
import { importNested } from './arrow-nested.ts';
import {
  arrowMismatch,
  type Imported,
  importDates,
  importDecimals,
  importDoubles,
  importFixed12,
  importInstants,
  importInt64,
  importInts,
  importSame,
  importTimes,
  wrongArrowType,
} from './arrow-numbers.ts';
import { bitAt, type ColumnBuffers, copyBits, makeColumn, uint8Values } from './column-buffers.ts';
import { concatColumns } from './concat.ts';
import { type AtomicType, type DataType, isAtomic, type RowType } from './data-type.ts';
import { gatherColumn } from './gather.ts';
import { nestedShape } from './nested-shape.ts';
import { type Column, makeRowBatch, nullColumn, type RowBatch } from './row-batch.ts';
import { typeName } from './type-name.ts';

/**
 * The batch's columns, by position, as columns of the row type; buffers are shared where they fit as they are.
 * @throws LakeError corrupt LAKE_ARROW_MISMATCH
 */
export function fromRecordBatch(batch: RecordBatch, rowType: RowType): RowBatch {
  const children = batch.data.children;
  const rowCount = batch.numRows;
  const { fields } = rowType;
  if (children.length !== fields.length) {
    throw arrowMismatch(`${children.length} columns where ${fields.length} were expected`);
  }
  const columns = fields.map((field, index) => {
    const child = children[index];
    if (child === undefined || child.length < rowCount) {
      throw arrowMismatch(`column ${field.name} has ${child?.length} values, the record batch ${rowCount} rows`);
    }
    const column = importColumn(child.length === rowCount ? child : child.slice(0, rowCount), field.type, field.name);
    if (!field.type.nullable && column.nullCount > 0)
      throw arrowMismatch(`column ${field.name} is NOT NULL, but has nulls`);
    return column;
  });
  return makeRowBatch(rowType, rowCount, columns);
}

/**
 * One Arrow array as a column of the type.
 * @throws LakeError corrupt LAKE_ARROW_MISMATCH
 */
export function importColumn(data: Data, type: DataType, name: string): Column {
  const where = `column ${name} (${typeName(type)})`;
  if (ArrowDataType.isNull(data.type)) return nullColumn(type, data.length);
  const nullBitmap = importNulls(data, where);
  const from: Imported = { data, where, nullBitmap };
  if (ArrowDataType.isDictionary(data.type)) return importDictionary(from, type, name);
  const shape = nestedShape(type);
  const buffers =
    shape === undefined ? importAtomic(from, type) : importNested(from, shape, { name, importChild: importColumn });
  return makeColumn(type, data.length, {
    ...buffers,
    nullBitmap,
    nullCount: nullBitmap === undefined ? 0 : -1,
  });
}

/** The null bits from bit 0 on; undefined when there are none. The count that came along is not believed. */
function importNulls(data: Data, where: string): Uint8Array | undefined {
  const bits: unknown = data.nullBitmap;
  if (!(bits instanceof Uint8Array) || bits.length === 0) return undefined;
  if (bits.length * 8 < data.offset + data.length) {
    throw arrowMismatch(`${where} has ${bits.length} bytes of null bits for ${data.length} rows`);
  }
  return data.offset === 0 ? bits : copyBits(bits, data.offset, data.length);
}

function importAtomic(from: Imported, type: DataType): ColumnBuffers {
  if (!isAtomic(type)) throw wrongArrowType(from);
  return importValues(from, type);
}

function importValues(from: Imported, type: AtomicType): ColumnBuffers {
  switch (type.kind) {
    case 'boolean':
      return { values: importBits(from) };
    case 'tinyint':
      return { values: importInts(from, Int8Array) };
    case 'smallint':
      return { values: importInts(from, Int16Array) };
    case 'int':
      return { values: importInts(from, Int32Array) };
    case 'bigint':
      return { values: importInt64(from) };
    case 'float':
      if (!ArrowDataType.isFloat(from.data.type)) throw wrongArrowType(from);
      return { values: importSame(from, Float32Array) };
    case 'double':
      if (!ArrowDataType.isFloat(from.data.type)) throw wrongArrowType(from);
      return { values: importDoubles(from) };
    case 'decimal':
      return { values: importDecimals(from, type) };
    case 'char':
    case 'varchar':
    case 'binary':
    case 'varbinary':
      return importBytes(from);
    case 'date':
      return { values: importDates(from) };
    case 'time':
      return { values: importTimes(from) };
    case 'timestamp':
    case 'timestamp-ltz':
      if (type.precision > 6) return { values: importFixed12(from) };
      return { values: importInstants(from, type.precision <= 3 ? 1_000n : 1_000_000n) };
    default:
      return unreachable(type);
  }
}

function importBits(from: Imported): Uint8Array {
  const { data } = from;
  if (!ArrowDataType.isBool(data.type)) throw wrongArrowType(from);
  const bits = uint8Values(data);
  if (bits.length * 8 < data.offset + data.length) throw arrowMismatch(`${from.where} has too few bits`);
  return data.offset === 0 ? bits : copyBits(bits, data.offset, data.length);
}

function importDictionary(from: Imported, type: DataType, name: string): Column {
  const { data, nullBitmap, where } = from;
  const chunks = data.dictionary?.data ?? [];
  if (chunks.length === 0) return nullColumn(type, data.length);
  const dictionary = concatColumns(
    chunks.map(chunk => importColumn(chunk, type, name)),
    type,
  );
  const keys: unknown = data.values;
  if (!ArrayBuffer.isView(keys) || keys instanceof DataView) throw wrongArrowType(from);
  const indexes = keys as Int32Array | BigInt64Array;
  const rowIndex = new Uint32Array(data.length);
  for (let row = 0; row < data.length; row += 1) {
    if (nullBitmap !== undefined && bitAt(nullBitmap, row) === 0) continue;
    const index = Number(indexes[row] ?? -1);
    if (index < 0 || index >= dictionary.length)
      throw arrowMismatch(`${where} points to entry ${index} of ${dictionary.length}`);
    rowIndex[row] = index;
  }
  if (dictionary.length === 0) return nullColumn(type, data.length);
  const picked = gatherColumn([dictionary], type, new Uint8Array(data.length), rowIndex);
  if (nullBitmap === undefined) return picked;
  return makeColumn(type, data.length, {
    values: picked.values,
    valueOffsets: picked.valueOffsets,
    children: picked.children,
    nullBitmap: picked.nullCount === 0 ? nullBitmap : andBits(picked.nullBitmap, nullBitmap),
    nullCount: -1,
  });
}

function andBits(a: Uint8Array, b: Uint8Array): Uint8Array {
  return a.map((byte, index) => byte & (b[index] ?? 0));
}
