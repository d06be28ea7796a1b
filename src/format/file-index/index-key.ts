/**
 * Values as indexes keep and order them: strings as their bytes, numbers of up to four bytes and floats as numbers, all
 * else as 64-bit integers (timestamps in milliseconds up to precision 3, else in microseconds).
 *
 * @see Paimon 1.4.2 BitmapTypeVisitor, KeyFactory (rangebitmap), BitSliceIndexBitmapFileIndex
 */
import { compareDoubles } from '../../types/compare.ts';
import type { DataType } from '../../types/data-type.ts';
import type { Scalar } from '../../types/scalar.ts';
import { floorDiv, nanosPerMicro, nanosPerMilli } from '../../types/time.ts';
import type { IndexCursor } from './index-cursor.ts';

export type IndexKey = number | bigint | Buffer;

export type KeyCodec = {
  readonly keyOf: (value: NonNullable<Scalar>) => IndexKey;
  /** Whether the key stands for this value and no other; so not for instants between two steps of the index. */
  readonly isExact: (value: NonNullable<Scalar>) => boolean;
  readonly write: (key: IndexKey) => Uint8Array;
  readonly read: (cursor: IndexCursor) => IndexKey;
  readonly compare: (a: IndexKey, b: IndexKey) => number;
};

/** Undefined: values of the type are not indexed in order. */
export function keyCodec(type: DataType): KeyCodec | undefined {
  switch (type.kind) {
    case 'char':
    case 'varchar':
      return textKeys;
    case 'boolean':
      return { ...numberKeys(1, 'writeInt8', 'readInt8'), keyOf: value => (value === true ? 1 : 0) };
    case 'tinyint':
      return numberKeys(1, 'writeInt8', 'readInt8');
    case 'smallint':
      return numberKeys(2, 'writeInt16BE', 'readInt16BE');
    case 'int':
    case 'date':
    case 'time':
      return numberKeys(4, 'writeInt32BE', 'readInt32BE');
    case 'float':
      return numberKeys(4, 'writeFloatBE', 'readFloatBE');
    case 'double':
      return numberKeys(8, 'writeDoubleBE', 'readDoubleBE');
    case 'bigint':
      return longKeys(1n);
    case 'decimal':
      return type.precision <= 18 ? longKeys(1n) : undefined;
    case 'timestamp':
    case 'timestamp-ltz':
      return instantKeys(type.precision);
    default:
      return undefined;
  }
}

const textKeys: KeyCodec = {
  keyOf: value => Buffer.from(String(value)),
  isExact: () => true,
  write: key => {
    const text = Buffer.isBuffer(key) ? key : Buffer.alloc(0);
    const bytes = Buffer.alloc(4 + text.length);
    bytes.writeInt32BE(text.length, 0);
    bytes.set(text, 4);
    return bytes;
  },
  read: cursor => cursor.take(cursor.int32()),
  compare: (a, b) => (Buffer.isBuffer(a) && Buffer.isBuffer(b) ? Buffer.compare(a, b) : 0),
};

type NumberWriter = 'writeInt8' | 'writeInt16BE' | 'writeInt32BE' | 'writeFloatBE' | 'writeDoubleBE';
type NumberReader = 'readInt8' | 'readInt16BE' | 'readInt32BE' | 'readFloatBE' | 'readDoubleBE';

function numberKeys(length: number, writer: NumberWriter, reader: NumberReader): KeyCodec {
  return {
    keyOf: Number,
    isExact: () => true,
    write: key => {
      const bytes = Buffer.alloc(length);
      bytes[writer](Number(key), 0);
      return bytes;
    },
    read: cursor => cursor.take(length)[reader](0),
    compare: (a, b) => compareDoubles(Number(a), Number(b)),
  };
}

/** @param unit how much of the value is one of the key */
function longKeys(unit: bigint): KeyCodec {
  const longOf = (value: Scalar): bigint => (typeof value === 'bigint' ? value : 0n);
  return {
    keyOf: value => floorDiv(longOf(value), unit),
    isExact: value => longOf(value) % unit === 0n,
    write: key => {
      const bytes = Buffer.alloc(8);
      bytes.writeBigInt64BE(typeof key === 'bigint' ? key : 0n, 0);
      return bytes;
    },
    read: cursor => cursor.int64(),
    compare: (a, b) => (a < b ? -1 : a > b ? 1 : 0),
  };
}

function instantKeys(precision: number): KeyCodec {
  const keys = longKeys(precision <= 3 ? nanosPerMilli : nanosPerMicro);
  return precision <= 6 ? keys : { ...keys, isExact: () => false };
}
