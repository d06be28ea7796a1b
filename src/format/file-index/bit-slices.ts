/**
 * Numbers of rows, sliced by their bits: a set of the rows that have a number, and for each bit those where it is set.
 * How a number compares with all of them takes one walk over the slices, the highest bit first.
 *
 * @see O'Neil and Quass, Improved Query Performance with Variant Indexes, 1997
 */
import { decodeRoaring, encodeRoaring, numbersEnd, type RoaringBitmap } from '../roaring.ts';
import type { IndexCursor } from './index-cursor.ts';
import { RowSet, rowsOfBitmap } from './row-set.ts';

export type BitSlices = {
  readonly rowCount: number;
  readonly present: RoaringBitmap;
  /** The lowest bit first. */
  readonly slices: readonly RoaringBitmap[];
};

export type BitSliceBytes = { readonly present: Uint8Array; readonly slices: readonly Uint8Array[] };

/**
 * @param rows that have a number, ascending
 * @param hasBit whether it is set in the number of a row
 */
export function encodeBitSlices(
  rows: readonly number[],
  sliceCount: number,
  hasBit: (row: number, bit: number) => boolean,
): BitSliceBytes {
  return {
    present: encodeRoaring(rows),
    slices: Array.from({ length: sliceCount }, (_, bit) => encodeRoaring(rows.filter(row => hasBit(row, bit)))),
  };
}

/** A bitmap of rows of the file, from where the cursor stands. @throws LakeError `corrupt` */
export function readRowBitmap(cursor: IndexCursor, rowCount: number): RoaringBitmap {
  const { bitmap, end } = decodeRoaring(cursor.bytes, cursor.at, 'a file index');
  cursor.take(end - cursor.at);
  if (numbersEnd(bitmap) > rowCount) throw cursor.broken('it names rows that the file does not have');
  return bitmap;
}

export function rowsWithNumber({ rowCount, present }: BitSlices): RowSet {
  return rowsOfBitmap(rowCount, present);
}

/** The rows whose number is that one, and those whose number is greater. @param number not negative */
export function compareBitSlices(of: BitSlices, number: bigint): { readonly equal: RowSet; readonly greater: RowSet } {
  const greater = new RowSet(of.rowCount);
  const equal = rowsWithNumber(of);
  if (number >> BigInt(of.slices.length) !== 0n) return { equal: new RowSet(of.rowCount), greater };
  for (const [bit, slice] of [...of.slices.entries()].toReversed()) {
    if (((number >> BigInt(bit)) & 1n) === 1n) {
      equal.keepIn(slice);
    } else {
      greater.addAll(equal.copy().keepIn(slice));
      equal.removeIn(slice);
    }
  }
  return { equal, greater };
}
