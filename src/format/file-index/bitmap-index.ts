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
import { corrupt } from '../../base/errors.ts';
import { compareScalars } from '../../types/compare.ts';
import type { DataType } from '../../types/data-type.ts';
import type { Scalar } from '../../types/scalar.ts';
import { floorDiv, nanosPerMicro, nanosPerMilli } from '../../types/time.ts';
import { encodeRoaring } from '../roaring.ts';

/** A value as the index has it; undefined: values of the type are not indexed. */
export type ValueCodec = (value: NonNullable<Scalar>) => Uint8Array;

export function bitmapValueCodec(type: DataType): ValueCodec | undefined {
  const fixed = (length: number, write: (bytes: Buffer, value: NonNullable<Scalar>) => void): ValueCodec => {
    return value => {
      const bytes = Buffer.alloc(length);
      write(bytes, value);
      return bytes;
    };
  };
  switch (type.kind) {
    case 'char':
    case 'varchar':
      return value => {
        const text = Buffer.from(String(value));
        const bytes = Buffer.alloc(4 + text.length);
        bytes.writeInt32BE(text.length, 0);
        bytes.set(text, 4);
        return bytes;
      };
    case 'boolean':
      return fixed(1, (bytes, value) => bytes.writeUInt8(value === true ? 1 : 0, 0));
    case 'tinyint':
      return fixed(1, (bytes, value) => bytes.writeInt8(Number(value), 0));
    case 'smallint':
      return fixed(2, (bytes, value) => bytes.writeInt16BE(Number(value), 0));
    case 'int':
    case 'date':
    case 'time':
      return fixed(4, (bytes, value) => bytes.writeInt32BE(Number(value), 0));
    case 'bigint':
      return fixed(8, (bytes, value) => bytes.writeBigInt64BE(longOf(value), 0));
    case 'float':
      return fixed(4, (bytes, value) => bytes.writeFloatBE(Number(value), 0));
    case 'double':
      return fixed(8, (bytes, value) => bytes.writeDoubleBE(Number(value), 0));
    case 'timestamp':
    case 'timestamp-ltz': {
      const unit = type.precision <= 3 ? nanosPerMilli : nanosPerMicro;
      return fixed(8, (bytes, value) => bytes.writeBigInt64BE(floorDiv(longOf(value), unit), 0));
    }
    default:
      return undefined;
  }
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
  readonly hasNull: boolean;
  readonly valueCount: number;
  /** Whether a row has the value, as the codec writes it. */
  readonly has: (key: Uint8Array) => boolean;
};

/**
 * @throws LakeError `corrupt` LAKE_CORRUPT_FILE_INDEX
 */
export function readBitmapIndex(bytes: Uint8Array, type: DataType, where: string): BitmapIndex {
  const reader = new IndexReader(bytes, type, where);
  const version = reader.uint8();
  if (version !== 1 && version !== 2) throw reader.broken(`version ${version} is not known`);
  reader.int32();
  const valueCount = reader.count();
  const hasNull = reader.uint8() === 1;
  if (hasNull) reader.skip(version === 1 ? 4 : 8);
  const keys = new Set<string>();
  if (version === 1) {
    for (let left = valueCount; left > 0; left -= 1) {
      keys.add(reader.key());
      reader.skip(4);
    }
  } else {
    const blockCount = reader.count();
    for (let left = blockCount; left > 0; left -= 1) {
      reader.key();
      reader.skip(4);
    }
    reader.skip(4);
    for (let blocks = blockCount; blocks > 0; blocks -= 1) {
      for (let left = reader.count(); left > 0; left -= 1) {
        keys.add(reader.key());
        reader.skip(8);
      }
    }
  }
  return { hasNull, valueCount, has: key => keys.has(Buffer.from(key).toString('latin1')) };
}

class IndexReader {
  readonly #bytes: Buffer;
  readonly #keyBytes: number | undefined;
  readonly #where: string;
  #at = 0;

  constructor(bytes: Uint8Array, type: DataType, where: string) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#keyBytes = keyBytesOf(type);
    this.#where = where;
  }

  broken(why: string): Error {
    return corrupt('LAKE_CORRUPT_FILE_INDEX', `bitmap index ${this.#where}: ${why}`);
  }

  uint8(): number {
    return this.#bytes.readUInt8(this.#take(1));
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.#take(4));
  }

  /** Of things that take at least four bytes each. */
  count(): number {
    const count = this.int32();
    if (count < 0 || count * 4 > this.#bytes.length) throw this.broken('it counts more than it has room for');
    return count;
  }

  key(): string {
    const start = this.#at;
    this.skip(this.#keyBytes ?? this.int32());
    return this.#bytes.toString('latin1', start, this.#at);
  }

  skip(length: number): void {
    this.#take(length);
  }

  #take(length: number): number {
    const at = this.#at;
    if (length < 0 || at + length > this.#bytes.length) throw this.broken('it is cut');
    this.#at += length;
    return at;
  }
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

function int32s(...values: readonly number[]): Uint8Array {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) bytes.writeInt32BE(value, index * 4);
  return bytes;
}

function longOf(value: Scalar): bigint {
  return typeof value === 'bigint' ? value : 0n;
}
