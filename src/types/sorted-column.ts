/** Looking values up in a column that ascends. */
import { columnReader } from './column-reader.ts';
import { compareScalars } from './compare.ts';
import type { DataType } from './data-type.ts';
import type { Column } from './row-batch.ts';
import type { Scalar } from './scalar.ts';

/** Rows [start, end) of an ascending column that equal the value; where none does, start is end. A dozen values are looked at. */
export function equalStretch(
  column: Column,
  type: DataType,
  value: Scalar,
): { readonly start: number; readonly end: number } {
  const read = columnReader(column, type);
  const firstWhere = (isBehind: (order: number) => boolean, from: number): number => {
    let [low, high] = [from, column.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (isBehind(compareScalars(type, read(middle), value))) high = middle;
      else low = middle + 1;
    }
    return low;
  };
  const start = firstWhere(order => order >= 0, 0);
  return { start, end: firstWhere(order => order > 0, start) };
}
