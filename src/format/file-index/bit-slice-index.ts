/**
 * A bit-slice index (BSI) over a column of integers, dates, times, timestamps or decimals of a file: the numbers
 * themselves sliced by their bits, those below zero by their absolute value and apart.
 *
 * ```
 * byte version 1 | int32 rows | byte 1 if any is not negative, then its slices | byte 1 if any is negative, then its slices
 * slices: byte version 1 | int64 smallest, int64 largest | bitmap of rows that have one | int32 slices | slices of number - smallest
 * ```
 *
 * @see Paimon 1.4.2 BitSliceIndexBitmapFileIndex, BitSliceIndexRoaringBitmap
 */
import type { DataType } from '../../types/data-type.ts';
import type { Scalar } from '../../types/scalar.ts';
import { type BitSlices, compareBitSlices, encodeBitSlices, readRowBitmap, rowsWithNumber } from './bit-slices.ts';
import { IndexCursor, int32s } from './index-cursor.ts';
import { type KeyCodec, keyCodec } from './index-key.ts';
import { RowSet } from './row-set.ts';

const version = 1;
/** Has no absolute value of 64 bits; Paimon fails to write it. */
const longMin = -(2n ** 63n);

/** Undefined: values of the type are not indexed. */
export function bitSliceKeys(type: DataType): KeyCodec | undefined {
  switch (type.kind) {
    case 'tinyint':
    case 'smallint':
    case 'int':
    case 'bigint':
    case 'decimal':
    case 'date':
    case 'time':
    case 'timestamp':
    case 'timestamp-ltz':
      return keyCodec(type);
    default:
      return undefined;
  }
}

export class BitSliceIndexBuilder {
  readonly #keys: KeyCodec;
  readonly #numbers: (bigint | undefined)[] = [];

  constructor(keys: KeyCodec) {
    this.#keys = keys;
  }

  add(value: Scalar): void {
    this.#numbers.push(value === null ? undefined : BigInt(asNumber(this.#keys, value)));
  }

  /** Undefined: a number that such an index cannot hold; the column has none then. */
  finish(): Uint8Array | undefined {
    if (this.#numbers.includes(longMin)) return undefined;
    const side = (isIn: (number: bigint) => boolean): Uint8Array => {
      const rows = [...this.#numbers.keys()].filter(row => isIn(this.#numbers[row] ?? 0n) && this.#has(row));
      return rows.length === 0 ? Uint8Array.of(0) : Buffer.concat([Uint8Array.of(1), this.#slices(rows)]);
    };
    const head = Buffer.concat([Uint8Array.of(version), int32s(this.#numbers.length)]);
    return Buffer.concat([head, side(number => number >= 0n), side(number => number < 0n)]);
  }

  #has(row: number): boolean {
    return this.#numbers[row] !== undefined;
  }

  /** Paimon takes 0 for the smallest number of both sides, whatever they hold. */
  #slices(rows: readonly number[]): Uint8Array {
    const sizeOf = (row: number): bigint => absolute(this.#numbers[row] ?? 0n);
    const largest = rows.reduce((max, row) => (sizeOf(row) > max ? sizeOf(row) : max), 0n);
    const sliceCount = largest === 0n ? 0 : largest.toString(2).length;
    const encoded = encodeBitSlices(rows, sliceCount, (row, bit) => ((sizeOf(row) >> BigInt(bit)) & 1n) === 1n);
    const ends = Buffer.alloc(16);
    ends.writeBigInt64BE(largest, 8);
    return Buffer.concat([Uint8Array.of(version), ends, encoded.present, int32s(sliceCount), ...encoded.slices]);
  }
}

function asNumber(keys: KeyCodec, value: NonNullable<Scalar>): number | bigint {
  const key = keys.keyOf(value);
  return Buffer.isBuffer(key) ? 0 : key;
}

function absolute(number: bigint): bigint {
  return number < 0n ? -number : number;
}

export type BitSliceIndex = {
  readonly rowCount: number;
  readonly present: () => RowSet;
  readonly compare: (number: bigint) => { readonly equal: RowSet; readonly greater: RowSet };
};

type Side = { readonly min: bigint; readonly max: bigint; readonly of: BitSlices };

/** @throws LakeError `corrupt` LAKE_CORRUPT_FILE_INDEX */
export function readBitSliceIndex(bytes: Uint8Array, rowCount: number, where: string): BitSliceIndex {
  const cursor = new IndexCursor(bytes, `bit-slice index ${where}`);
  if (cursor.uint8() !== version) throw cursor.broken('its version is not known');
  if (cursor.int32() !== rowCount) throw cursor.broken(`it is of another file: this one has ${rowCount} rows`);
  const positive = readSide(cursor, rowCount);
  const negative = readSide(cursor, rowCount);
  const rowsOf = (side: Side | undefined): RowSet =>
    side === undefined ? new RowSet(rowCount) : rowsWithNumber(side.of);
  return {
    rowCount,
    present: () => rowsOf(positive).addAll(rowsOf(negative)),
    compare: number => {
      if (number >= 0n) return compareSide(positive, number, rowCount);
      const sizes = compareSide(negative, -number, rowCount);
      const smaller = rowsOf(negative).removeAll(sizes.equal).removeAll(sizes.greater);
      return { equal: sizes.equal, greater: smaller.addAll(rowsOf(positive)) };
    },
  };
}

function readSide(cursor: IndexCursor, rowCount: number): Side | undefined {
  if (cursor.uint8() === 0) return undefined;
  if (cursor.uint8() !== version) throw cursor.broken('the version of its slices is not known');
  const [min, max] = [cursor.int64(), cursor.int64()];
  if (min < 0n || max < min) throw cursor.broken(`numbers from ${min} to ${max}`);
  const present = readRowBitmap(cursor, rowCount);
  const sliceCount = cursor.count(4);
  if (sliceCount > 64) throw cursor.broken(`${sliceCount} slices`);
  const slices = Array.from({ length: sliceCount }, () => readRowBitmap(cursor, rowCount));
  return { min, max, of: { rowCount, present, slices } };
}

function compareSide(side: Side | undefined, size: bigint, rowCount: number): ReturnType<typeof compareBitSlices> {
  if (side === undefined || size > side.max) return { equal: new RowSet(rowCount), greater: new RowSet(rowCount) };
  if (size < side.min) return { equal: new RowSet(rowCount), greater: rowsWithNumber(side.of) };
  return compareBitSlices(side.of, size - side.min);
}
