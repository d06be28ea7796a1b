import { expect, test } from 'vitest';
import { seededRandom } from '../base/random.ts';
import {
  allRowsOf,
  commonRows,
  flaggedRows,
  partOfRows,
  type RowRanges,
  rowCountOf,
  rowsIn,
  unitedRows,
} from './row-ranges.ts';

const rowCount = 40;

/** The naive twin of ranges: the rows themselves. */
function naiveRowsIn(ranges: RowRanges): readonly number[] {
  return ranges.flatMap(({ start, end }) => Array.from({ length: end - start }, (_, index) => start + index));
}

function rangesOf(rows: ReadonlySet<number>): RowRanges {
  return flaggedRows(
    allRowsOf(rowCount),
    Uint8Array.from({ length: rowCount }, (_, row) => (rows.has(row) ? 1 : 0)),
  );
}

test('ranges are what sets of rows are', () => {
  const random = seededRandom(5);
  for (let round = 0; round < 500; round += 1) {
    const share = random.next();
    const some = (): Set<number> => new Set(naiveRowsIn(allRowsOf(rowCount)).filter(() => random.next() < share));
    const [a, b] = [some(), some()];
    expect(naiveRowsIn(rangesOf(a))).toEqual([...a]);
    expect([...rowsIn(rangesOf(a))]).toEqual([...a]);
    expect(rowCountOf(rangesOf(a))).toBe(a.size);
    expect(commonRows(rangesOf(a), rangesOf(b))).toEqual(rangesOf(a.intersection(b)));
    const mixed = [...rangesOf(a), ...rangesOf(b)].toSorted(() => random.next() - 0.5);
    expect(unitedRows(mixed)).toEqual(rangesOf(a.union(b)));
    const [from, to] = [Math.floor(random.next() * rowCount), Math.floor(random.next() * rowCount)];
    expect(partOfRows(rangesOf(a), from, to)).toEqual(rangesOf(new Set([...a].slice(from, Math.max(from, to)))));
    const flags = Uint8Array.from(a, row => (b.has(row) ? 1 : 0));
    expect(flaggedRows(rangesOf(a), flags)).toEqual(rangesOf(a.intersection(b)));
  }
});

test('no rows are no range', () => {
  expect(allRowsOf(0)).toEqual([]);
  expect(commonRows([], allRowsOf(3))).toEqual([]);
  expect(unitedRows([])).toEqual([]);
});
