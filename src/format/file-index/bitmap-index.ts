/**
 * A bitmap index over a column of a file: for each value, and for null, the rows that have it.
 *
 * ```
 * version 2 | int32 rows | int32 values | hasNull [int32 offset of null, int32 length]
 * int32 blocks | per block: its first value, int32 offset | int32 bytes of all blocks
 * blocks: int32 entries | per entry: value, int32 offset, int32 length
 * bitmaps
 * ```
 *
 * Entries ascend by value. An offset below 0 is a single row, -1 - offset, without a bitmap. Version 1 has neither blocks
 * nor lengths.
 *
 * @see spec 10.2; Paimon 1.4.2 BitmapFileIndex, BitmapFileIndexMetaV2
 */
import { compareScalars } from '../../types/compare.ts';
import type { DataType } from '../../types/data-type.ts';
import type { Scalar } from '../../types/scalar.ts';
import { encodeRoaring } from '../roaring.ts';
import { readRowBitmap } from './bit-slices.ts';
import { IndexCursor, int32s } from './index-cursor.ts';
import { keyCodec } from './index-key.ts';
import { RowSet, rowsOfBitmap } from './row-set.ts';

/** A value as the index has it; undefined: values of the type are not indexed. */
export type ValueCodec = (value: NonNullable<Scalar>) => Uint8Array;

export function bitmapValueCodec(type: DataType): ValueCodec | undefined {
  const keys = type.kind === 'decimal' ? undefined : keyCodec(type);
  return keys === undefined ? undefined : value => keys.write(keys.keyOf(value));
}

export class BitmapIndexBuilder {
  readonly #type: DataType;
  readonly #codec: ValueCodec;
  readonly #blockBytesMax: number;
  readonly #rows = new Map<string, { readonly value: NonNullable<Scalar>; readonly rows: number[] }>();
  readonly #nullRows: number[] = [];
  #rowCount = 0;

  constructor(type: DataType, codec: ValueCodec, blockBytesMax: number) {
    this.#type = type;
    this.#codec = codec;
    this.#blockBytesMax = blockBytesMax;
  }

  add(value: Scalar): void {
    const row = this.#rowCount;
    this.#rowCount += 1;
    if (value === null) {
      this.#nullRows.push(row);
      return;
    }
    const key = `${Object.is(value, -0) ? '-0' : String(value)}`;
    const known = this.#rows.get(key);
    if (known === undefined) this.#rows.set(key, { value, rows: [row] });
    else known.rows.push(row);
  }

  finish(): Uint8Array {
    const values = [...this.#rows.values()].toSorted((a, b) => compareScalars(this.#type, a.value, b.value));
    const bitmaps: Uint8Array[] = [];
    let bodyBytes = 0;
    const place = (rows: readonly number[], lengthOfOne: number): Place => {
      const [only] = rows;
      if (rows.length === 1 && only !== undefined) return { offset: -1 - only, length: lengthOfOne };
      const bitmap = encodeRoaring(rows);
      const at = { offset: bodyBytes, length: bitmap.length };
      bitmaps.push(bitmap);
      bodyBytes += bitmap.length;
      return at;
    };
    const ofNull =
      this.#nullRows.length === 0 ? undefined : place(this.#nullRows, encodeRoaring(this.#nullRows).length);
    const entries = values.map(({ value, rows }) => ({ key: this.#codec(value), ...place(rows, -1) }));
    const head = Buffer.concat([
      Uint8Array.of(2),
      int32s(this.#rowCount, values.length),
      Uint8Array.of(ofNull === undefined ? 0 : 1),
      ofNull === undefined ? new Uint8Array() : int32s(ofNull.offset, ofNull.length),
    ]);
    return Buffer.concat([head, blocksOf(entries, this.#blockBytesMax), ...bitmaps]);
  }
}

type Place = { readonly offset: number; readonly length: number };
type Entry = Place & { readonly key: Uint8Array };

function blocksOf(entries: readonly Entry[], blockBytesMax: number): Uint8Array {
  const blocks: { readonly entries: Entry[]; bytes: number }[] = [];
  for (const entry of entries) {
    const entryBytes = entry.key.length + 8;
    const last = blocks.at(-1);
    if (last === undefined || last.bytes + entryBytes > blockBytesMax) {
      blocks.push({ entries: [entry], bytes: 4 + entryBytes });
    } else {
      last.entries.push(entry);
      last.bytes += entryBytes;
    }
  }
  const heads: Uint8Array[] = [];
  let offset = 0;
  for (const block of blocks) {
    heads.push(block.entries[0]?.key ?? new Uint8Array(), int32s(offset));
    offset += block.bytes;
  }
  const bodies = blocks.flatMap(block => [
    int32s(block.entries.length),
    ...block.entries.flatMap(entry => [entry.key, int32s(entry.offset, entry.length)]),
  ]);
  return Buffer.concat([int32s(blocks.length), ...heads, int32s(offset), ...bodies]);
}

export type BitmapIndex = {
  readonly nulls: () => RowSet;
  /** Rows that have the value, as the codec writes it. */
  readonly rowsOf: (key: Uint8Array) => RowSet;
};

/**
 * @param rowCount rows of the file
 * @throws LakeError `corrupt` LAKE_CORRUPT_FILE_INDEX
 */
export function readBitmapIndex(bytes: Uint8Array, type: DataType, rowCount: number, where: string): BitmapIndex {
  const cursor = new IndexCursor(bytes, `bitmap index ${where}`);
  const version = cursor.uint8();
  if (version !== 1 && version !== 2) throw cursor.broken(`version ${version} is not known`);
  if (cursor.int32() !== rowCount) throw cursor.broken(`it is of another file: this one has ${rowCount} rows`);
  const valueCount = cursor.count(4);
  const nullsAt = cursor.uint8() === 1 ? cursor.int32() : undefined;
  if (nullsAt !== undefined && version === 2) cursor.int32();
  const places = new Map<string, number>();
  if (version === 1) {
    for (let left = valueCount; left > 0; left -= 1) places.set(keyText(cursor, type), cursor.int32());
  } else {
    readBlocks(cursor, type, places);
  }
  const bodyAt = cursor.at;
  const rowsAt = (offset: number | undefined): RowSet => {
    const rows = new RowSet(rowCount);
    if (offset === undefined) return rows;
    if (offset >= 0) return rowsOfBitmap(rowCount, readRowBitmap(cursor.from(bodyAt + offset), rowCount));
    if (-1 - offset >= rowCount) throw cursor.broken('it names a row that the file does not have');
    rows.add(-1 - offset);
    return rows;
  };
  return { nulls: () => rowsAt(nullsAt), rowsOf: key => rowsAt(places.get(Buffer.from(key).toString('latin1'))) };
}

function readBlocks(cursor: IndexCursor, type: DataType, places: Map<string, number>): void {
  const blockCount = cursor.count(4);
  for (let left = blockCount; left > 0; left -= 1) {
    keyText(cursor, type);
    cursor.take(4);
  }
  cursor.take(4);
  for (let blocks = blockCount; blocks > 0; blocks -= 1) {
    for (let left = cursor.count(8); left > 0; left -= 1) {
      places.set(keyText(cursor, type), cursor.int32());
      cursor.take(4);
    }
  }
}

function keyText(cursor: IndexCursor, type: DataType): string {
  const start = cursor.at;
  cursor.take(keyBytesOf(type) ?? cursor.int32());
  return cursor.bytes.toString('latin1', start, cursor.at);
}

/** undefined: a length comes before. */
function keyBytesOf(type: DataType): number | undefined {
  switch (type.kind) {
    case 'char':
    case 'varchar':
      return undefined;
    case 'boolean':
    case 'tinyint':
      return 1;
    case 'smallint':
      return 2;
    case 'int':
    case 'date':
    case 'time':
    case 'float':
      return 4;
    default:
      return 8;
  }
}
