/**
 * Rows as columns. A **row batch** is the one shape in which rows travel inside the house; objects exist at the API's
 * edge only. A **column** is an Arrow array of one chunk; `arrow.ts` says which Arrow type each Paimon type has.
 *
 * Columns and batches are never changed after they are made; slices share buffers.
 */
import { assert, present } from '../base/assert.ts';
import { ArrowTypeId, arrowField, type Data, makeData, RecordBatch, Schema, Struct } from './arrow.ts';
import {
  allocateValues,
  copyBits,
  makeArrowColumn,
  makeColumn,
  noValues,
  offsetsOf,
  physicalOf,
  uint8Values,
} from './column-buffers.ts';
import type { DataType, RowType } from './data-type.ts';
import { nestedShape } from './nested-shape.ts';

/**
 * One column's values. Always with `offset` 0, so that `values[i]`, `valueOffsets[i]` and bit i of `nullBitmap`
 * (1 = value, empty = no nulls) belong to row i.
 */
export type Column = Data;

export type RowBatch = {
  readonly rowType: RowType;
  readonly rowCount: number;
  /** As many as fields, each with `rowCount` values. */
  readonly columns: readonly Column[];
};

/**
 * Rows of a primary-key table on their way through the LSM: value columns (all columns of the table or of the
 * projection), and for each row its sequence number and kind (0 +I, 1 -U, 2 +U, 3 -D).
 */
export type KeyValueBatch = {
  readonly rows: RowBatch;
  readonly sequenceNumbers: BigInt64Array;
  readonly kinds: Int8Array;
  /** Where `rows` has only the columns by which rows are ordered: the rows with all columns, decoded when it is called. */
  readonly wholeRows?: (() => Promise<RowBatch>) | undefined;
  /** Of the file that the rows come from; undefined: of none yet, they are newer than all files. */
  readonly level?: number | undefined;
  /** Rows that a compaction only looks at, to know what was there before: they stay where they are. */
  readonly isLookedUp?: boolean | undefined;
  /** Where the rows lie; there when rows must be marked as deleted. */
  readonly origin?: RowOrigin | undefined;
};

/** The file that the rows of a batch come from. Row i is at position `firstPosition + kept[i]`, or `+ i` without `kept`. */
export type RowOrigin = {
  readonly fileName: string;
  readonly firstPosition: number;
  readonly kept: Uint32Array | undefined;
};

/** The position in its file of a row of a batch. */
export function positionOf({ firstPosition, kept }: RowOrigin, row: number): number {
  return firstPosition + (kept === undefined ? row : present(kept[row], 'kept row'));
}

/** Checks the shape in development's favour: a wrong column count or length is a bug of ours. */
export function makeRowBatch(rowType: RowType, rowCount: number, columns: readonly Column[]): RowBatch {
  assert(
    columns.length === rowType.fields.length,
    () => `${columns.length} columns for ${rowType.fields.length} fields`,
  );
  for (const [index, column] of columns.entries()) {
    assert(column.length === rowCount, () => `column ${index} has ${column.length} values, the batch ${rowCount} rows`);
    assert(column.offset === 0, () => `column ${index} has offset ${column.offset}`);
  }
  return { rowType, rowCount, columns };
}

export function columnOf(batch: RowBatch, name: string): Column {
  const index = batch.rowType.fields.findIndex(field => field.name === name);
  return present(batch.columns[index], `column ${name}`);
}

/** The named columns, in that order; shares the buffers. */
export function projectBatch(batch: RowBatch, names: readonly string[]): RowBatch {
  const indexes = names.map(name => batch.rowType.fields.findIndex(field => field.name === name));
  const fields = indexes.map((index, i) => present(batch.rowType.fields[index], `field ${names[i]}`));
  const columns = indexes.map(index => present(batch.columns[index], 'column'));
  return { rowType: { fields }, rowCount: batch.rowCount, columns };
}

/** Rows [start, end); values share their buffers, null bits and booleans are copied. */
export function sliceBatch(batch: RowBatch, start: number, end: number): RowBatch {
  assert(start >= 0 && start <= end && end <= batch.rowCount, () => `slice ${start}..${end} of ${batch.rowCount} rows`);
  if (start === 0 && end === batch.rowCount) return batch;
  const columns = batch.columns.map(column => sliceColumn(column, start, end));
  return { rowType: batch.rowType, rowCount: end - start, columns };
}

/** Values [start, end) of a column. A list's entries stay as they are, its offsets are those of the rows. */
export function sliceColumn(column: Column, start: number, end: number): Column {
  if (column.children.length === 0) return withoutOffset(column.slice(start, end - start));
  const isList: boolean = column.valueOffsets instanceof Int32Array;
  const hasNulls = column.nullCount > 0;
  return makeArrowColumn(column.type, end - start, {
    values: noValues,
    valueOffsets: isList ? offsetsOf(column).subarray(start, end + 1) : undefined,
    nullBitmap: hasNulls ? copyBits(column.nullBitmap, start, end - start) : undefined,
    nullCount: hasNulls ? -1 : 0,
    children: isList ? column.children : column.children.map(child => sliceColumn(child, start, end)),
  });
}

/** The same values with `offset` 0. */
function withoutOffset(column: Column): Column {
  if (column.offset === 0) return column;
  const { type, length, offset, nullCount } = column;
  // Arrow's slice has already moved values and offsets of all but bits to the start; the offset stays for bitmaps.
  return makeArrowColumn(type, length, {
    values: type.typeId === ArrowTypeId.Bool ? copyBits(uint8Values(column), offset, length) : column.values,
    valueOffsets: column.valueOffsets,
    nullBitmap: nullCount > 0 ? copyBits(column.nullBitmap, offset, length) : undefined,
    nullCount,
  });
}

/** Memory of the values, roughly: fixed-width values and the texts the batch points to; null bits are not counted. */
export function batchBytes(batch: RowBatch): number {
  let bytes = 0;
  for (const column of batch.columns) bytes += columnBytes(column);
  return bytes;
}

function columnBytes(column: Column): number {
  const { length, values, valueOffsets, children } = column;
  if (children.length > 0) return rangeBytes(column, 0, length);
  if (valueOffsets === undefined || valueOffsets.length === 0) return values.byteLength;
  return 4 * length + (valueOffsets[length] ?? 0) - (valueOffsets[0] ?? 0);
}

/** As `columnBytes`, of rows [start, end): a slice of a list points to a part of the entries. */
function rangeBytes(column: Column, start: number, end: number): number {
  const { length, values, valueOffsets, children } = column;
  const isOffset = valueOffsets instanceof Int32Array && valueOffsets.length > 0;
  if (!isOffset) {
    if (children.length === 0) return length === 0 ? 0 : Math.ceil((values.byteLength * (end - start)) / length);
    return children.reduce((sum, child) => sum + rangeBytes(child, start, end), 0);
  }
  const [from, to] = [valueOffsets[start] ?? 0, valueOffsets[end] ?? 0];
  const below =
    children.length === 0 ? to - from : children.reduce((sum, child) => sum + rangeBytes(child, from, to), 0);
  return 4 * (end - start) + below;
}

/** True where row `row` has a value. */
export function isValid(column: Column, row: number): boolean {
  const bits = column.nullBitmap;
  if (column.nullCount === 0 || bits === undefined || bits.length === 0) return true;
  return (((bits[row >> 3] ?? 0) >> (row & 7)) & 1) === 1;
}

/** The Arrow schema of a row type; `metadata` of each field carries the Parquet field id. */
export function arrowSchema(rowType: RowType): Schema {
  return new Schema(rowType.fields.map(arrowField));
}

/** The batch as an Arrow record batch; shares the buffers. */
export function toRecordBatch(batch: RowBatch): RecordBatch {
  const schema = arrowSchema(batch.rowType);
  const type = new Struct(schema.fields);
  const data = makeData({ type, length: batch.rowCount, nullCount: 0, children: [...batch.columns] });
  return new RecordBatch(schema, data);
}

/** An empty column of a type. */
export function emptyColumn(type: DataType): Column {
  return blankColumn(type, 0, true);
}

/** `length` nulls of a type. */
export function nullColumn(type: DataType, length: number): Column {
  return blankColumn(type, length, true);
}

/** `length` values that nobody looks at, for they stand under null: nulls, or zeros and empty where those must not be. */
export function blankColumn(type: DataType, length: number, asNull: boolean = type.nullable): Column {
  const nulls =
    asNull && length > 0
      ? { nullBitmap: new Uint8Array((length + 7) >> 3), nullCount: length }
      : { nullBitmap: undefined, nullCount: 0 };
  const shape = nestedShape(type);
  if (shape?.kind === 'list') {
    const buffers = { values: noValues, valueOffsets: new Int32Array(length + 1) };
    return makeColumn(type, length, { ...buffers, ...nulls, children: [emptyColumn(shape.entry)] });
  }
  if (shape?.kind === 'struct') {
    const children = shape.fields.map(field => blankColumn(field.type, length));
    return makeColumn(type, length, { values: noValues, ...nulls, children });
  }
  const physical = physicalOf(type);
  return makeColumn(type, length, {
    values: allocateValues(physical, length),
    valueOffsets: physical === 'utf8' || physical === 'bytes' ? new Int32Array(length + 1) : undefined,
    ...nulls,
  });
}

export function emptyBatch(rowType: RowType): RowBatch {
  return { rowType, rowCount: 0, columns: rowType.fields.map(field => emptyColumn(field.type)) };
}
