/** Columns of NOT NULL types hold no nulls, even where they stand under a null struct (`nested-shape.ts`). */
import { bitAt, makeArrowColumn, nullBitsOf } from './column-buffers.ts';
import type { Column } from './row-batch.ts';

/**
 * The column without its null bits where each null stands under a null of the parent's.
 *
 * @param parent null bits of the struct that the column is a field of; undefined: it has no nulls
 * @returns undefined when there is a null that is one
 */
export function withoutBlankNulls(column: Column, parent: Uint8Array | undefined): Column | undefined {
  const bits = nullBitsOf(column);
  if (bits === undefined) return column;
  for (let row = 0; row < column.length; row += 1) {
    const isBlank = parent !== undefined && bitAt(parent, row) === 0;
    if (bitAt(bits, row) === 0 && !isBlank) return undefined;
  }
  return makeArrowColumn(column.type, column.length, {
    values: column.values,
    valueOffsets: column.valueOffsets,
    children: column.children,
    nullCount: 0,
  });
}
