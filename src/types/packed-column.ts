/** Columns whose lists point to all of their entries and to nothing else, as other programs expect of what is sent to them. */
import { makeArrowColumn, nullBitsOf, offsetsOf } from './column-buffers.ts';
import { type Column, sliceColumn } from './row-batch.ts';

/** The same values; lists begin at entry 0 and end at the last, at every depth. Plain columns are given back. */
export function packedColumn(column: Column): Column {
  if (column.children.length === 0) return column;
  const { type, length, nullCount } = column;
  const nulls = { nullBitmap: nullBitsOf(column), nullCount };
  const isList: boolean = column.valueOffsets instanceof Int32Array;
  if (!isList) {
    const children = column.children.map(child =>
      packedColumn(child.length === length ? child : sliceColumn(child, 0, length)),
    );
    return makeArrowColumn(type, length, { values: column.values, ...nulls, children });
  }
  const offsets = offsetsOf(column).subarray(0, length + 1);
  const first = offsets[0] ?? 0;
  const last = offsets[length] ?? 0;
  return makeArrowColumn(type, length, {
    values: column.values,
    valueOffsets: first === 0 ? offsets : offsets.map(offset => offset - first),
    ...nulls,
    children: column.children.map(child =>
      packedColumn(first === 0 && last === child.length ? child : sliceColumn(child, first, last)),
    ),
  });
}
