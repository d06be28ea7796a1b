/** Rows of a row group as ranges: ascending, apart from each other, none of them empty. Pure. */
export type RowRange = {
  /** Rows [start, end), counted from the first of the row group. */
  readonly start: number;
  readonly end: number;
};

export type RowRanges = readonly RowRange[];

/** All of `rowCount` rows. */
export function allRowsOf(rowCount: number): RowRanges {
  return rowCount === 0 ? [] : [{ start: 0, end: rowCount }];
}

export function rowCountOf(ranges: RowRanges): number {
  return ranges.reduce((sum, { start, end }) => sum + end - start, 0);
}

/** Each row of the ranges. */
export function rowsIn(ranges: RowRanges): Uint32Array {
  const rows = new Uint32Array(rowCountOf(ranges));
  let at = 0;
  for (const { start, end } of ranges) {
    for (let row = start; row < end; row += 1, at += 1) rows[at] = row;
  }
  return rows;
}

/** Rows that are in both. */
export function commonRows(a: RowRanges, b: RowRanges): RowRanges {
  const common: RowRange[] = [];
  let [i, j] = [0, 0];
  for (let [left, right] = [a[i], b[j]]; left !== undefined && right !== undefined; [left, right] = [a[i], b[j]]) {
    const start = Math.max(left.start, right.start);
    const end = Math.min(left.end, right.end);
    if (start < end) common.push({ start, end });
    if (left.end <= right.end) i += 1;
    if (right.end <= left.end) j += 1;
  }
  return common;
}

/** Rows that are in any; ranges that touch become one. @param ranges in any order */
export function unitedRows(ranges: readonly RowRange[]): RowRanges {
  const united: { start: number; end: number }[] = [];
  for (const { start, end } of ranges.toSorted((a, b) => a.start - b.start)) {
    const last = united.at(-1);
    if (last !== undefined && start <= last.end) last.end = Math.max(last.end, end);
    else united.push({ start, end });
  }
  return united;
}

/** Of the rows in `ranges`, one after the other, those from the `from`th up to but without the `to`th. */
export function partOfRows(ranges: RowRanges, from: number, to: number): RowRanges {
  const part: RowRange[] = [];
  let before = 0;
  for (const { start, end } of ranges) {
    const first = Math.max(start, start + from - before);
    const last = Math.min(end, start + to - before);
    if (first < last) part.push({ start: first, end: last });
    before += end - start;
  }
  return part;
}

/** Of the rows in `ranges`, one after the other, those whose flag is 1. @param flags one for each row in the ranges */
export function flaggedRows(ranges: RowRanges, flags: Uint8Array): RowRanges {
  const flagged: { start: number; end: number }[] = [];
  let at = 0;
  for (const { start, end } of ranges) {
    for (let row = start; row < end; row += 1, at += 1) {
      if (flags[at] !== 1) continue;
      const last = flagged.at(-1);
      if (last?.end === row) last.end = row + 1;
      else flagged.push({ start: row, end: row + 1 });
    }
  }
  return flagged;
}
