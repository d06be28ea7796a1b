/**
 * The room's keys. A batch's key columns become **batch keys**: one double for each row, its **head**, which never
 * falls where the key rises, and something to look at when two heads are equal, the **tail**. Nearly every comparison
 * of a sort or merge ends at the heads, which lie side by side in one typed array.
 *
 * | key | head | tail |
 * |---|---|---|
 * | one BOOLEAN, TINYINT … INT, DATE, TIME | the value | none |
 * | one BIGINT, TIMESTAMP(0–6), DECIMAL(1–18) | the value, rounded | its two 32-bit words; not looked at below 2^53 |
 * | one CHAR, VARCHAR, BINARY, VARBINARY | first 6 bytes and min(length, 7) | the column's own bytes, nothing is copied |
 * | anything else, composite keys | the same, of the encoded key | memcomparable bytes, see key-encoding.ts |
 *
 * Six bytes and three bits of length fit a double's 53 bits, so byte heads are exact integers, and a key of at most six
 * bytes is told by its head alone. Null is the head -Infinity, or a marker byte in an encoded key: first, as everywhere.
 *
 * The order is that of `compareKeys`, field by field (spec 5.5).
 */
import { assert, present } from '../base/assert.ts';
import { unsupported } from '../base/errors.ts';
import {
  bitAt,
  int8Values,
  int16Values,
  int32Values,
  int64Values,
  nullBitsOf,
  offsetsOf,
  physicalOf,
  uint8Values,
  uint32Values,
} from '../types/column-buffers.ts';
import { type AtomicType, isAtomic, type RowType } from '../types/data-type.ts';
import { type Column, columnOf, type RowBatch } from '../types/row-batch.ts';
import { encodeKeys } from './key-encoding.ts';

export type KeyField = { readonly name: string; readonly type: AtomicType };

/** How keys of some columns are laid out. Only keys of one layout can be compared. */
export type KeyLayout = {
  readonly form: 'int' | 'wide-int' | 'bytes' | 'encoded';
  readonly fields: readonly KeyField[];
};

/** The keys of a batch's rows. Shares the batch's buffers where it can. */
export type BatchKeys = {
  readonly rowCount: number;
  readonly heads: Float64Array;
  /** A head equal to one of these belongs to an equal key, whatever batch it comes from. */
  readonly isExact: boolean;
  /** 64-bit keys as little-endian halves: row i's at `i * wordStride`; empty for other keys. */
  readonly words: Int32Array;
  /** 2 or 4 for 64-bit keys, else 0. */
  readonly wordStride: number;
  /** Byte keys: row i's are `bytes[offsets[i] .. offsets[i + 1])`; empty for other keys. */
  readonly bytes: Uint8Array;
  readonly offsets: Int32Array;
  /** Byte keys: all begin with the same so many bytes, and heads are of what follows them; 0 for other keys. */
  readonly skippedBytes: number;
};

/** Bytes of a byte key that its head holds. */
export const headBytes = 6;
/** Doubles below are all integers there are. */
const exactIntegerMax = 2 ** 53;
const nullHead = Number.NEGATIVE_INFINITY;

const noWords = new Int32Array(0);
const noBytes = new Uint8Array(0);

/** The keys of no rows. */
export const noKeys: BatchKeys = {
  rowCount: 0,
  heads: new Float64Array(0),
  isExact: true,
  words: noWords,
  wordStride: 0,
  bytes: noBytes,
  offsets: noWords,
  skippedBytes: 0,
};

/**
 * The layout for keys of these columns, in this order of weight.
 *
 * @throws LakeError `unsupported` for a nested column
 */
export function keyLayout(rowType: RowType, keyNames: readonly string[]): KeyLayout {
  assert(keyNames.length > 0, 'a key has at least one column');
  const fields = keyNames.map(name => {
    const { type } = present(
      rowType.fields.find(field => field.name === name),
      `key column ${name}`,
    );
    if (!isAtomic(type)) throw unsupported(`key of type ${type.kind.toUpperCase()}`, `column ${name}`);
    return { name, type };
  });
  const [first] = fields;
  return { form: fields.length === 1 && first !== undefined ? formOf(first.type) : 'encoded', fields };
}

function formOf(type: AtomicType): KeyLayout['form'] {
  switch (physicalOf(type)) {
    case 'bool':
    case 'int8':
    case 'int16':
    case 'int32':
      return 'int';
    case 'int64':
      return 'wide-int';
    case 'decimal128':
      return type.kind === 'decimal' && type.precision <= 18 ? 'wide-int' : 'encoded';
    case 'utf8':
    case 'bytes':
      return 'bytes';
    case 'float32':
    case 'float64':
    case 'fixed12':
      return 'encoded';
  }
}

/** The keys of a batch that has the layout's columns in the layout's types. */
export function keysOf(batch: RowBatch, layout: KeyLayout): BatchKeys {
  const columns = layout.fields.map(({ name }) => columnOf(batch, name));
  const [column] = columns;
  const [field] = layout.fields;
  assert(column !== undefined && field !== undefined, 'a key has at least one column');
  switch (layout.form) {
    case 'int':
      return intKeys(column, field.type);
    case 'wide-int':
      return wideIntKeys(column, field.type);
    case 'bytes':
      return byteKeys(uint8Values(column), offsetsOf(column), { rowCount: batch.rowCount, nulls: nullBitsOf(column) });
    case 'encoded': {
      const { bytes, offsets } = encodeKeys(layout.fields, columns, batch.rowCount);
      return byteKeys(bytes, offsets, { rowCount: batch.rowCount, nulls: undefined });
    }
  }
}

/** Row `i` of `a` against row `j` of `b`: negative, 0 or positive. Both have the same layout and skip the same bytes. */
export function compareKeys(a: BatchKeys, i: number, b: BatchKeys, j: number): number {
  const left = a.heads[i] ?? 0;
  const right = b.heads[j] ?? 0;
  if (left !== right) return left < right ? -1 : 1;
  return a.isExact || b.isExact ? 0 : compareTails(a, i, b, j);
}

/** As `compareKeys`, for rows whose heads are known to be equal and neither batch to be exact. */
export function compareTails(a: BatchKeys, i: number, b: BatchKeys, j: number): number {
  if (a.heads[i] === nullHead) return 0;
  return a.wordStride > 0 ? compareWords(a, i, b, j) : compareByteTails(a, i, b, j);
}

function compareWords(a: BatchKeys, i: number, b: BatchKeys, j: number): number {
  const x = i * a.wordStride;
  const y = j * b.wordStride;
  const high = (a.words[x + 1] ?? 0) - (b.words[y + 1] ?? 0);
  return high !== 0 ? high : ((a.words[x] ?? 0) >>> 0) - ((b.words[y] ?? 0) >>> 0);
}

function compareByteTails(a: BatchKeys, i: number, b: BatchKeys, j: number): number {
  const x = a.offsets[i] ?? 0;
  const y = b.offsets[j] ?? 0;
  const aLength = (a.offsets[i + 1] ?? 0) - x;
  const bLength = (b.offsets[j + 1] ?? 0) - y;
  const length = aLength < bLength ? aLength : bLength;
  const aBytes = a.bytes;
  const bBytes = b.bytes;
  for (let at = a.skippedBytes + headBytes; at < length; at += 1) {
    const difference = (aBytes[x + at] ?? 0) - (bBytes[y + at] ?? 0);
    if (difference !== 0) return difference;
  }
  return aLength - bLength;
}

/** The head of the bytes [start, end). */
export function byteHead(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start;
  if (length >= headBytes) {
    const high = ((bytes[start] ?? 0) << 16) | ((bytes[start + 1] ?? 0) << 8) | (bytes[start + 2] ?? 0);
    const low = ((bytes[start + 3] ?? 0) << 16) | ((bytes[start + 4] ?? 0) << 8) | (bytes[start + 5] ?? 0);
    return (high * 0x100_0000 + low) * 8 + (length > headBytes ? headBytes + 1 : headBytes);
  }
  let prefix = 0;
  for (let at = 0; at < headBytes; at += 1) prefix = prefix * 256 + (at < length ? (bytes[start + at] ?? 0) : 0);
  return prefix * 8 + (length > 0 ? length : 0);
}

/** Keys that are bytes already, in their order; a null, where there is a bitmap, comes first. */
export function byteKeys(
  bytes: Uint8Array,
  offsets: Int32Array,
  rows: { readonly rowCount: number; readonly nulls: Uint8Array | undefined },
): BatchKeys {
  const heads = new Float64Array(rows.rowCount);
  let isExact = true;
  let start = offsets[0] ?? 0;
  for (let i = 0; i < heads.length; i += 1) {
    const end = offsets[i + 1] ?? 0;
    if (end - start > headBytes) isExact = false;
    heads[i] = byteHead(bytes, start, end);
    start = end;
  }
  setNullHeads(heads, rows.nulls);
  return { ...noKeys, rowCount: rows.rowCount, heads, isExact, bytes, offsets };
}

function intKeys(column: Column, type: AtomicType): BatchKeys {
  const heads = intHeads(column, type);
  setNullHeads(heads, nullBitsOf(column));
  return { ...noKeys, rowCount: column.length, heads };
}

function intHeads(column: Column, type: AtomicType): Float64Array {
  const heads = new Float64Array(column.length);
  switch (physicalOf(type)) {
    case 'int8':
      heads.set(int8Values(column).subarray(0, heads.length));
      return heads;
    case 'int16':
      heads.set(int16Values(column).subarray(0, heads.length));
      return heads;
    case 'int32':
      heads.set(int32Values(column).subarray(0, heads.length));
      return heads;
    default: {
      const bits = uint8Values(column);
      for (let i = 0; i < heads.length; i += 1) heads[i] = bitAt(bits, i);
      return heads;
    }
  }
}

function wideIntKeys(column: Column, type: AtomicType): BatchKeys {
  // Buffers may be longer than their columns.
  const words =
    type.kind === 'decimal'
      ? wordsOf(uint32Values(column).subarray(0, column.length * 4))
      : wordsOf(int64Values(column).subarray(0, column.length));
  const keys = wordKeys(words, type.kind === 'decimal' ? 4 : 2);
  setNullHeads(keys.heads, nullBitsOf(column));
  return keys;
}

/** The keys of 64-bit integers: the low two of each `wordStride` words. */
export function wordKeys(words: Int32Array, wordStride: 2 | 4): BatchKeys {
  const heads = new Float64Array(words.length / wordStride);
  let isExact = true;
  for (let i = 0, at = 0; i < heads.length; i += 1, at += wordStride) {
    const head = (words[at + 1] ?? 0) * 0x1_0000_0000 + ((words[at] ?? 0) >>> 0);
    if (head >= exactIntegerMax || head <= -exactIntegerMax) isExact = false;
    heads[i] = head;
  }
  return { ...noKeys, rowCount: heads.length, heads, isExact, words, wordStride };
}

/** The same bytes as little-endian words; the machine is little-endian, as Arrow asks. */
export function wordsOf(values: BigInt64Array | Uint32Array): Int32Array {
  return new Int32Array(values.buffer, values.byteOffset, values.byteLength >> 2);
}

function setNullHeads(heads: Float64Array, nulls: Uint8Array | undefined): void {
  if (nulls === undefined) return;
  for (let i = 0; i < heads.length; i += 1) if (bitAt(nulls, i) === 0) heads[i] = nullHead;
}
