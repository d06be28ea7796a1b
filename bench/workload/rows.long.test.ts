/** The check sums of the whole work. */
import { expect, test } from 'vitest';
import { CheckSum } from './check-sum.ts';
import {
  baseCheckSum,
  baseRange,
  baseRowCount,
  mergedCheckSum,
  type RowRange,
  updateRange,
  updateRowCount,
  updateRunCount,
} from './rows.ts';
import { workBatches } from './table.ts';

function sumOf(ranges: readonly RowRange[]): CheckSum {
  const check = new CheckSum();
  for (const range of ranges) {
    for (const batch of workBatches(range)) check.addColumns(batch.columns, batch.rowCount);
  }
  return check;
}

test('the base rows have their check sum', () => {
  const { rowCount, sum } = sumOf([baseRange(0, baseRowCount)]);
  expect({ rowCount, sum }).toEqual({ rowCount: 1_000_000, sum: baseCheckSum });
});

test('the updates, which supersede every base row, have the check sum of the merged rows', () => {
  const runs = Array.from({ length: updateRunCount }, (_, run) => updateRange(run, 0, updateRowCount));
  const { rowCount, sum } = sumOf(runs);
  expect({ rowCount, sum }).toEqual({ rowCount: 1_000_000, sum: mergedCheckSum });
  expect(mergedCheckSum).toBe(2150037603970686350n);
});
