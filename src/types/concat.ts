/** Columns laid end to end. */
import { assert, present } from '../base/assert.ts';
import { arrowType } from './arrow.ts';
import {
  allocateValues,
  type ColumnBuffers,
  type ColumnValues,
  childOf,
  makeArrowColumn,
  noValues,
  nullBitsOf,
  offsetsOf,
  type Physical,
  physicalOf,
  uint8Values,
} from './column-buffers.ts';
import type { DataType } from './data-type.ts';
import { columnBytesMax, type GatheredBytes } from './gather-bytes.ts';
import { type NestedShape, nestedShape } from './nested-shape.ts';
import { type Column, emptyBatch, makeRowBatch, type RowBatch, sliceColumn } from './row-batch.ts';

/** All rows one batch after the other. The batches have one row type, and there is at least one. */
export function concatBatches(batches: readonly RowBatch[]): RowBatch {
  const filled = batches.filter(batch => batch.rowCount > 0);
  const [first] = filled;
  if (first === undefined) return emptyBatch(present(batches[0], 'a batch to concatenate').rowType);
  if (filled.length === 1) return first;
  const rowCount = filled.reduce((sum, batch) => sum + batch.rowCount, 0);
  const columns = first.rowType.fields.map((field, index) =>
    concatColumns(
      filled.map(batch => present(batch.columns[index], 'column')),
      field.type,
    ),
  );
  return makeRowBatch(first.rowType, rowCount, columns);
}

/** Columns of one type as one. */
export function concatColumns(columns: readonly Column[], type: DataType): Column {
  const length = columns.reduce((sum, column) => sum + column.length, 0);
  const shape = nestedShape(type);
  const buffers = shape === undefined ? concatValues(columns, type, length) : concatNested(columns, shape, length);
  const nullCount = columns.reduce((sum, column) => sum + column.nullCount, 0);
  const nullBitmap = nullCount === 0 ? undefined : concatNulls(columns, length);
  return makeArrowColumn(arrowType(type), length, { ...buffers, nullBitmap, nullCount });
}

function concatValues(columns: readonly Column[], type: DataType, length: number): ColumnBuffers {
  const physical = physicalOf(type);
  return physical === 'utf8' || physical === 'bytes'
    ? concatBytes(columns, length)
    : concatFixed(columns, physical, length);
}

function concatNested(columns: readonly Column[], shape: NestedShape, length: number): ColumnBuffers {
  if (shape.kind === 'struct') {
    const children = shape.fields.map((field, index) =>
      concatColumns(
        columns.map(column => childOf(column, index)),
        field.type,
      ),
    );
    return { values: noValues, children };
  }
  const { valueOffsets } = concatOffsets(columns, length);
  const entries = columns.map(column => {
    const offsets = offsetsOf(column);
    return sliceColumn(childOf(column, 0), offsets[0] ?? 0, offsets[column.length] ?? 0);
  });
  return { values: noValues, valueOffsets, children: [concatColumns(entries, shape.entry)] };
}

function concatFixed(columns: readonly Column[], physical: Physical, length: number): { values: ColumnValues } {
  const values = allocateValues(physical, length);
  if (physical === 'bool') {
    let row = 0;
    for (const column of columns) {
      appendBits(values, row, uint8Values(column), column.length);
      row += column.length;
    }
    return { values };
  }
  const width = physical === 'decimal128' ? 4 : physical === 'fixed12' ? 12 : 1;
  const target = new Uint8Array(values.buffer);
  const rowBytes = width * values.BYTES_PER_ELEMENT;
  let at = 0;
  for (const column of columns) {
    const source: ColumnValues = column.values;
    const byteLength = column.length * rowBytes;
    assert(source.byteLength >= byteLength, 'the column has all its values');
    target.set(new Uint8Array(source.buffer, source.byteOffset, byteLength), at);
    at += byteLength;
  }
  return { values };
}

function concatBytes(columns: readonly Column[], length: number): GatheredBytes {
  const { valueOffsets, total } = concatOffsets(columns, length);
  const values = new Uint8Array(total);
  let at = 0;
  for (const column of columns) {
    const offsets = offsetsOf(column);
    const bytes = uint8Values(column).subarray(offsets[0] ?? 0, offsets[column.length] ?? 0);
    values.set(bytes, at);
    at += bytes.length;
  }
  return { values, valueOffsets };
}

function concatOffsets(columns: readonly Column[], length: number): { valueOffsets: Int32Array; total: number } {
  const valueOffsets = new Int32Array(length + 1);
  let total = 0;
  let row = 0;
  for (const column of columns) {
    const offsets = offsetsOf(column);
    const shift = total - (offsets[0] ?? 0);
    for (let i = 1; i <= column.length; i += 1) valueOffsets[row + i] = (offsets[i] ?? 0) + shift;
    total = (offsets[column.length] ?? 0) + shift;
    assert(total <= columnBytesMax, () => `${total} values of one column do not fit a batch (${columnBytesMax})`);
    row += column.length;
  }
  return { valueOffsets, total };
}

function concatNulls(columns: readonly Column[], length: number): Uint8Array {
  const bitmap = new Uint8Array((length + 7) >> 3);
  let row = 0;
  for (const column of columns) {
    appendBits(bitmap, row, nullBitsOf(column), column.length);
    row += column.length;
  }
  return bitmap;
}

/** Sets bits [at, at + length) of `target`, which are 0, to those of `bits`; to ones where there are none. */
function appendBits(target: ColumnValues, at: number, bits: Uint8Array | undefined, length: number): void {
  assert(target instanceof Uint8Array, 'bits lie in bytes');
  const shift = at & 7;
  for (let done = 0; done < length; done += 8) {
    const left = length - done;
    const mask = left >= 8 ? 0xff : (1 << left) - 1;
    const byte = (bits === undefined ? 0xff : (bits[done >> 3] ?? 0)) & mask;
    const to = (at + done) >> 3;
    target[to] = (target[to] ?? 0) | (byte << shift);
    if (shift !== 0 && to + 1 < target.length) target[to + 1] = (target[to + 1] ?? 0) | (byte >> (8 - shift));
  }
}
