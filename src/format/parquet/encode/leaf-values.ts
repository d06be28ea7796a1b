/**
 * The values of one flat column of a row group as its encodings take them: one after the other without the nulls, in the
 * units and words of Parquet's physical type.
 *
 * | kind | a value | order of its bounds |
 * |---|---|---|
 * | bits | one bit, least significant first | false, true |
 * | int32, float | 1 word of 32 bits, little-endian | as numbers |
 * | int64, double | 2 words, the low one first | as numbers |
 * | int96 | 3 words | none: nobody agrees on one |
 * | int128 | 4 words of a decimal, two's complement; cut and turned round when it is written | as numbers |
 * | bytes | `bytes` from `offsets[i]` to `offsets[i + 1]` | byte by byte, unsigned |
 *
 * 64-bit integers are pairs of words throughout: a BigInt for each value would cost more than all the rest.
 */
import { assert, present, unreachable } from '../../../base/assert.ts';
import {
  bitAt,
  float32Values,
  float64Values,
  int8Values,
  int16Values,
  int32Values,
  int64Values,
  nullBitsOf,
  offsetsOf,
  physicalOf,
  uint8Values,
  uint32Values,
} from '../../../types/column-buffers.ts';
import { concatColumns } from '../../../types/concat.ts';
import type { DataType } from '../../../types/data-type.ts';
import type { Column } from '../../../types/row-batch.ts';
import { fixed12ToInt96 } from '../int96.ts';
import { validBits, validBytes, validWords } from './valid-values.ts';

export type WordKind = 'int32' | 'float' | 'int64' | 'double' | 'int96' | 'int128';

export type BitValues = { readonly kind: 'bits'; readonly count: number; readonly bits: Uint8Array };
export type WordValues = { readonly kind: WordKind; readonly count: number; readonly words: Int32Array };
export type ByteStrings = {
  readonly kind: 'bytes';
  readonly count: number;
  readonly bytes: Uint8Array;
  /** `count` + 1, ascending; need not begin at 0 */
  readonly offsets: Int32Array;
};
export type LeafValues = BitValues | WordValues | ByteStrings;

export const wordsPerValue: Readonly<Record<WordKind, number>> = {
  int32: 1,
  float: 1,
  int64: 2,
  double: 2,
  int96: 3,
  int128: 4,
};

export type Leaf = {
  readonly rowCount: number;
  /** 1 = value; undefined: no row is null */
  readonly nullBits: Uint8Array | undefined;
  /** Of the rows that are not null. */
  readonly values: LeafValues;
  /** Memory that is not the columns', to be given back when the values are encoded. */
  readonly own: readonly Uint8Array[];
};

/** @param columns parts of one column of this type, which is not nested; at least one */
export function leafOf(columns: readonly Column[], type: DataType): Leaf {
  const column = columns.length === 1 ? present(columns[0], 'column') : concatColumns(columns, type);
  const nullBits = nullBitsOf(column);
  const all = valuesOf(column, type, nullBits);
  const values = nullBits === undefined ? all : withoutNulls(all, nullBits);
  assert(values.count === column.length - column.nullCount, 'a value for each row that is not null');
  const given = new Set<ArrayBufferLike>(columns.flatMap(buffersOf));
  const made = [...buffersOf(column), ...memoryOf(all), ...memoryOf(values)].filter(buffer => !given.has(buffer));
  return { rowCount: column.length, nullBits, values, own: made.map(buffer => new Uint8Array(buffer)) };
}

function buffersOf({ values, valueOffsets, nullBitmap }: Column): readonly ArrayBufferLike[] {
  const arrays: readonly unknown[] = [values, valueOffsets, nullBitmap];
  return arrays.filter(array => ArrayBuffer.isView(array)).map(({ buffer }) => buffer);
}

function memoryOf(values: LeafValues): readonly ArrayBufferLike[] {
  switch (values.kind) {
    case 'bits':
      return [values.bits.buffer];
    case 'bytes':
      return [values.bytes.buffer, values.offsets.buffer];
    default:
      return [values.words.buffer];
  }
}

function withoutNulls(values: LeafValues, nullBits: Uint8Array): LeafValues {
  switch (values.kind) {
    case 'bits':
      return { kind: 'bits', ...validBits(values, nullBits) };
    case 'bytes':
      return { kind: 'bytes', ...validBytes(values, nullBits) };
    default:
      return { kind: values.kind, ...validWords(values, wordsPerValue[values.kind], nullBits) };
  }
}

/** Nulls included, which may hold anything. */
function valuesOf(column: Column, type: DataType, nullBits: Uint8Array | undefined): LeafValues {
  const count = column.length;
  const physical = physicalOf(type);
  switch (physical) {
    case 'bool':
      return { kind: 'bits', count, bits: uint8Values(column) };
    case 'int8':
      return { kind: 'int32', count, words: new Int32Array(int8Values(column).subarray(0, count)) };
    case 'int16':
      return { kind: 'int32', count, words: new Int32Array(int16Values(column).subarray(0, count)) };
    case 'int32':
      return { kind: 'int32', count, words: int32Values(column) };
    case 'int64':
      return { kind: 'int64', count, words: wordsOf(int64Values(column)) };
    case 'float32':
      return { kind: 'float', count, words: wordsOf(float32Values(column)) };
    case 'float64':
      return { kind: 'double', count, words: wordsOf(float64Values(column)) };
    case 'decimal128':
      return decimalsOf(uint32Values(column), count, type.kind === 'decimal' ? type.precision : 38);
    case 'fixed12': {
      // A copy, which `slice` of a Buffer would not be.
      const words = new Uint32Array(new Uint8Array(uint8Values(column).subarray(0, count * 12)).buffer);
      const isNull = (row: number): boolean => nullBits !== undefined && bitAt(nullBits, row) === 0;
      return { kind: 'int96', count, words: wordsOf(fixed12ToInt96(words, isNull)) };
    }
    case 'utf8':
    case 'bytes':
      return { kind: 'bytes', count, bytes: uint8Values(column), offsets: offsetsOf(column) };
    default:
      return unreachable(physical);
  }
}

function wordsOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Int32Array {
  return new Int32Array(buffer, byteOffset, byteLength >> 2);
}

/** Decimals in the width that Parquet has them: 4 bytes up to 9 digits, 8 up to 18. */
function decimalsOf(words: Uint32Array, count: number, precision: number): LeafValues {
  if (precision > 18) return { kind: 'int128', count, words: wordsOf(words) };
  const isShort = precision <= 9;
  const width = isShort ? 1 : 2;
  const kept = new Int32Array(count * width);
  for (let i = 0; i < count; i += 1) {
    kept[i * width] = words[i * 4] ?? 0;
    if (!isShort) kept[i * 2 + 1] = words[i * 4 + 1] ?? 0;
  }
  return { kind: isShort ? 'int32' : 'int64', count, words: kept };
}
