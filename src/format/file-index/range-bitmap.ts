/**
 * A range bitmap over a column of a file: a dictionary of its values in order, and the code of each row's value, sliced by
 * its bits. It says which rows lie between two values, without a bitmap for each value.
 *
 * ```
 * int32 bytes of the head | byte version 1 | int32 rows | int32 values | [smallest value, largest value] | int32 bytes of dictionary
 * dictionary (range-dictionary.ts)
 * int32 bytes of the head | byte version 1 | byte slices | int32 bytes of present rows | int32 bytes of places
 *   | int32 offset, int32 length of each slice
 * bitmap of rows with a value | slices
 * ```
 *
 * @see Paimon 1.4.2 RangeBitmap, BitSliceIndexBitmap
 */
import { present } from '../../base/assert.ts';
import type { DataType } from '../../types/data-type.ts';
import type { Scalar } from '../../types/scalar.ts';
import { compareBitSlices, encodeBitSlices, readRowBitmap, rowsWithNumber } from './bit-slices.ts';
import { IndexCursor, int32s } from './index-cursor.ts';
import { type IndexKey, keyCodec } from './index-key.ts';
import { type DictionaryKeys, encodeRangeDictionary, readRangeDictionary } from './range-dictionary.ts';
import { RowSet } from './row-set.ts';

const version = 1;

/** Undefined: values of the type are not indexed. */
export function rangeKeys(type: DataType): DictionaryKeys | undefined {
  if ((type.kind === 'timestamp' || type.kind === 'timestamp-ltz') && type.precision > 6) return undefined;
  const codec = keyCodec(type);
  const isFixedLength = type.kind !== 'char' && type.kind !== 'varchar';
  return codec === undefined ? undefined : { ...codec, isFixedLength };
}

/** Bytes of keys in a chunk when the table does not say: types of few values are not chunked. */
export function rangeChunkBytes(type: DataType): number {
  return type.kind === 'boolean' || type.kind === 'tinyint' || type.kind === 'smallint' ? 0 : 16 * 1024;
}

export class RangeBitmapBuilder {
  readonly #keys: DictionaryKeys;
  readonly #chunkBytesMax: number;
  /** Different values in the order they came, and which of them each row has. */
  readonly #values: IndexKey[] = [];
  readonly #numbers = new Map<string | number | bigint, number>();
  readonly #rows: (number | undefined)[] = [];

  constructor(keys: DictionaryKeys, chunkBytesMax: number) {
    this.#keys = keys;
    this.#chunkBytesMax = chunkBytesMax;
  }

  add(value: Scalar): void {
    if (value === null) {
      this.#rows.push(undefined);
      return;
    }
    const key = this.#keys.keyOf(value);
    const name = Buffer.isBuffer(key) ? String(value) : Object.is(key, -0) ? '-0' : key;
    let number = this.#numbers.get(name);
    if (number === undefined) {
      number = this.#values.length;
      this.#numbers.set(name, number);
      this.#values.push(key);
    }
    this.#rows.push(number);
  }

  /** Undefined of a column without values: with an index of one, Paimon 1.4.2 finds but its first and last row for IS NULL. */
  finish(): Uint8Array | undefined {
    if (this.#values.length === 0) return undefined;
    const keyOf = (number: number): IndexKey => present(this.#values[number], 'value');
    const order = [...this.#values.keys()].toSorted((a, b) => this.#keys.compare(keyOf(a), keyOf(b)));
    const codes = new Int32Array(order.length);
    for (const [code, number] of order.entries()) codes[number] = code;
    const sorted = order.map(keyOf);
    const dictionary = encodeRangeDictionary(sorted, this.#keys, this.#chunkBytesMax);
    const ends = [sorted[0], sorted.at(-1)];
    const head = Buffer.concat([
      Uint8Array.of(version),
      int32s(this.#rows.length, sorted.length),
      ...ends.map(key => this.#keys.write(present(key, 'value'))),
      int32s(dictionary.length),
    ]);
    return Buffer.concat([int32s(head.length), head, dictionary, this.#slices(codes)]);
  }

  #slices(codes: Int32Array): Uint8Array {
    const codeOf = (row: number): number => codes[this.#rows[row] ?? 0] ?? 0;
    const rows = [...this.#rows.keys()].filter(row => this.#rows[row] !== undefined);
    const sliceCount = Math.max(1, 32 - Math.clz32(codes.length - 1));
    const encoded = encodeBitSlices(rows, sliceCount, (row, bit) => ((codeOf(row) >> bit) & 1) === 1);
    let at = 0;
    const places = encoded.slices.map(({ length }) => {
      at += length;
      return int32s(at - length, length);
    });
    const head = Buffer.concat([
      Uint8Array.of(version, places.length),
      int32s(encoded.present.length, places.length * 8),
      ...places,
    ]);
    return Buffer.concat([int32s(head.length), head, encoded.present, ...encoded.slices]);
  }
}

export type RangeBitmap = {
  readonly rowCount: number;
  /** Rows that have a value. */
  readonly present: () => RowSet;
  /** Rows whose value has this key, and those whose key is greater. */
  readonly compare: (key: IndexKey) => { readonly equal: RowSet; readonly greater: RowSet };
};

/**
 * @param cursor at the first byte of the index
 * @param rowCount rows of the file
 * @throws LakeError `corrupt` LAKE_CORRUPT_FILE_INDEX
 */
export function readRangeBitmap(bytes: Uint8Array, keys: DictionaryKeys, rowCount: number, where: string): RangeBitmap {
  const cursor = new IndexCursor(bytes, `range bitmap ${where}`);
  const head = cursor.part();
  if (head.uint8() !== version) throw cursor.broken('its version is not known');
  if (head.int32() !== rowCount) throw cursor.broken(`it is of another file: this one has ${rowCount} rows`);
  const cardinality = head.int32();
  if (cardinality < 0 || cardinality > rowCount) throw cursor.broken(`${cardinality} values in ${rowCount} rows`);
  if (cardinality > 0) for (let end = 0; end < 2; end += 1) keys.read(head);
  const dictionaryLength = head.int32();
  const dictionary = readRangeDictionary(cursor.from(cursor.at), keys, cardinality);
  const codes = readCodes(cursor.from(cursor.at + dictionaryLength), rowCount);
  return {
    rowCount,
    present: () => rowsWithNumber(codes),
    compare: key => {
      const { code, isThere } = dictionary.rank(key);
      if (code >= cardinality) return { equal: new RowSet(rowCount), greater: new RowSet(rowCount) };
      const { equal, greater } = compareBitSlices(codes, BigInt(code));
      return isThere ? { equal, greater } : { equal: new RowSet(rowCount), greater: greater.addAll(equal) };
    },
  };
}

function readCodes(cursor: IndexCursor, rowCount: number): Parameters<typeof compareBitSlices>[0] {
  const head = cursor.part();
  if (head.uint8() !== version) throw cursor.broken('the version of its slices is not known');
  const sliceCount = head.uint8();
  const presentBytes = head.int32();
  head.int32();
  const bodyAt = cursor.at;
  const slices = Array.from({ length: sliceCount }, () => {
    const slice = readRowBitmap(cursor.from(bodyAt + presentBytes + head.int32()), rowCount);
    head.int32();
    return slice;
  });
  return { rowCount, present: readRowBitmap(cursor.from(bodyAt), rowCount), slices };
}
