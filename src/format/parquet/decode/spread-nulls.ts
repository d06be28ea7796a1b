/**
 * Values that were decoded one behind the other moved to their rows, with zeros where there are nulls. Kernels so need not know
 * of nulls. Moved from the last to the first, in place: a value never goes to a row before its own.
 */

export type SpreadRows = {
  /** Bit i of the column is 1 where row i has a value. */
  readonly bitmap: Uint8Array;
  /** First row, at which the values begin, and how many rows there are. */
  readonly start: number;
  readonly rowCount: number;
  readonly valueCount: number;
};

/** Values of `width` elements each. */
export function spreadValues(values: Int32Array | Uint8Array, width: number, rows: SpreadRows): void {
  if (values instanceof Int32Array && width === 1) spreadSingles(values, rows);
  else if (values instanceof Int32Array && width === 2) spreadPairs(values, rows);
  else spreadWide(values, width, rows);
}

function spreadSingles(values: Int32Array, { bitmap, start, rowCount, valueCount }: SpreadRows): void {
  let from = start + valueCount - 1;
  for (let row = start + rowCount - 1; row > from; row -= 1) {
    if ((((bitmap[row >> 3] ?? 0) >> (row & 7)) & 1) === 1) {
      values[row] = values[from] ?? 0;
      from -= 1;
    } else values[row] = 0;
  }
}

function spreadPairs(words: Int32Array, { bitmap, start, rowCount, valueCount }: SpreadRows): void {
  let from = start + valueCount - 1;
  for (let row = start + rowCount - 1; row > from; row -= 1) {
    if ((((bitmap[row >> 3] ?? 0) >> (row & 7)) & 1) === 1) {
      words[row * 2] = words[from * 2] ?? 0;
      words[row * 2 + 1] = words[from * 2 + 1] ?? 0;
      from -= 1;
    } else {
      words[row * 2] = 0;
      words[row * 2 + 1] = 0;
    }
  }
}

function spreadWide(values: Int32Array | Uint8Array, width: number, rows: SpreadRows): void {
  const { bitmap, start, rowCount, valueCount } = rows;
  let from = start + valueCount - 1;
  for (let row = start + rowCount - 1; row > from; row -= 1) {
    if ((((bitmap[row >> 3] ?? 0) >> (row & 7)) & 1) === 1) {
      values.copyWithin(row * width, from * width, (from + 1) * width);
      from -= 1;
    } else values.fill(0, row * width, (row + 1) * width);
  }
}

/** The ends of byte strings moved to their rows; a null is empty, at the end of the value before it. */
export function spreadOffsets(offsets: Int32Array, { bitmap, start, rowCount, valueCount }: SpreadRows): void {
  let from = start + valueCount - 1;
  for (let row = start + rowCount - 1; row > from; row -= 1) {
    offsets[row + 1] = offsets[from + 1] ?? 0;
    if ((((bitmap[row >> 3] ?? 0) >> (row & 7)) & 1) === 1) from -= 1;
  }
}
