/**
 * The bucket of a row in a table with a fixed number of buckets.
 *
 * @see spec 6.1, Paimon 1.4.2 FixedBucketRowKeyExtractor, DefaultBucketFunction, ModBucketFunction
 */
import { assert } from '../base/assert.ts';
import { invalid } from '../base/errors.ts';
import { murmurFinish, murmurMix, murmurWords } from '../bytes/murmur.ts';
import { int32Values, int64Values, nullBitsOf } from '../types/column-buffers.ts';
import type { DataField, DataType } from '../types/data-type.ts';
import { type Column, columnOf, type RowBatch } from '../types/row-batch.ts';
import type { Scalar } from '../types/scalar.ts';
import { encodeBinaryRow } from './binary-row.ts';
import { ColumnarRowWriter } from './columnar-row-writer.ts';

/** Where rows lie whose bucket has been put off: no bucket of keys, and batch reads do not show it (spec 6.4). */
export const postponedBucket = -2;

/** `default` hashes the key's bytes; `mod` takes an INT or BIGINT key modulo the count. */
export type BucketFunction = 'default' | 'mod';

const hashSeed = 42;

/**
 * @param types the bucket key's, in its order
 * @returns a number in [0, bucketCount)
 * @throws LakeError `invalid` LAKE_BAD_OPTION when `mod` does not fit the key
 */
export function bucketOf(
  types: readonly DataType[],
  values: readonly Scalar[],
  bucketCount: number,
  fn: BucketFunction,
): number {
  checkBucketCount(bucketCount);
  if (fn === 'mod') return modBucket(types, values, bucketCount);
  return hashBucket(murmurWords(encodeBinaryRow(types, values)), bucketCount);
}

/** The bucket of every row of a batch, by the named key columns in that order. */
export function bucketsOfBatch(
  batch: RowBatch,
  keyNames: readonly string[],
  bucketCount: number,
  fn: BucketFunction,
): Int32Array {
  checkBucketCount(bucketCount);
  assert(keyNames.length > 0, 'a bucket key has columns');
  const columns = keyNames.map(name => columnOf(batch, name));
  const fields = keyNames.map(name => fieldOf(batch, name));
  const buckets = new Int32Array(batch.rowCount);
  const [field] = fields;
  const [column] = columns;
  assert(field !== undefined && column !== undefined, 'a bucket key has columns');
  if (fn === 'mod') fillModBuckets(buckets, { fields, column, bucketCount });
  else if (bucketCount === 1) return buckets;
  else if (fields.length === 1 && nullBitsOf(column) === undefined && isInt(field.type)) {
    fillIntBuckets(buckets, int32Values(column), bucketCount);
  } else if (fields.length === 1 && nullBitsOf(column) === undefined && isLong(field.type)) {
    fillLongBuckets(buckets, int64Values(column), bucketCount);
  } else {
    fillBuckets(buckets, { fields, columns, bucketCount });
  }
  return buckets;
}

/** The hash that `default` buckets and dynamic-bucket indexes use, of each row's key. */
export function keyHashes(batch: RowBatch, keyNames: readonly string[]): Int32Array {
  const hashes = new Int32Array(batch.rowCount);
  const writer = new ColumnarRowWriter(
    keyNames.map(name => fieldOf(batch, name).type),
    keyNames.map(name => columnOf(batch, name)),
  );
  for (let row = 0; row < hashes.length; row += 1) hashes[row] = murmurWords(writer.write(row));
  return hashes;
}

type KeyColumns = {
  readonly fields: readonly DataField[];
  readonly columns: readonly Column[];
  readonly bucketCount: number;
};
type ModKey = { readonly fields: readonly DataField[]; readonly column: Column; readonly bucketCount: number };

function fillBuckets(buckets: Int32Array, { fields, columns, bucketCount }: KeyColumns): void {
  const types = fields.map(field => field.type);
  const writer = new ColumnarRowWriter(types, columns);
  for (let row = 0; row < buckets.length; row += 1) {
    buckets[row] = hashBucket(murmurWords(writer.write(row)), bucketCount);
  }
}

/** A row of one field that is there is 8 bytes of header, all zero, and the slot. */
const headerHash = murmurMix(murmurMix(hashSeed, 0), 0);

function fillIntBuckets(buckets: Int32Array, values: Int32Array, bucketCount: number): void {
  for (let row = 0; row < buckets.length; row += 1) {
    const hash = murmurFinish(murmurMix(murmurMix(headerHash, values[row] ?? 0), 0), 16);
    buckets[row] = hashBucket(hash, bucketCount);
  }
}

function fillLongBuckets(buckets: Int32Array, values: BigInt64Array, bucketCount: number): void {
  const words = new Int32Array(values.buffer, values.byteOffset, values.length * 2);
  for (let row = 0; row < buckets.length; row += 1) {
    const low = murmurMix(headerHash, words[2 * row] ?? 0);
    buckets[row] = hashBucket(murmurFinish(murmurMix(low, words[2 * row + 1] ?? 0), 16), bucketCount);
  }
}

function fillModBuckets(buckets: Int32Array, { fields, column, bucketCount }: ModKey): void {
  const type = modKeyType(fields.map(field => field.type));
  assert(nullBitsOf(column) === undefined, 'a key of bucket function mod has no nulls');
  if (isInt(type)) {
    const values = int32Values(column);
    for (let row = 0; row < buckets.length; row += 1) buckets[row] = floorMod(values[row] ?? 0, bucketCount);
  } else {
    const values = int64Values(column);
    const count = BigInt(bucketCount);
    for (let row = 0; row < buckets.length; row += 1) {
      buckets[row] = Number((((values[row] ?? 0n) % count) + count) % count);
    }
  }
}

function modBucket(types: readonly DataType[], values: readonly Scalar[], bucketCount: number): number {
  modKeyType(types);
  const [value] = values;
  if (typeof value === 'number') return floorMod(value, bucketCount);
  assert(typeof value === 'bigint', 'a key of bucket function mod has no nulls');
  const count = BigInt(bucketCount);
  return Number(((value % count) + count) % count);
}

function modKeyType(types: readonly DataType[]): DataType {
  const [type] = types;
  if (types.length === 1 && (type?.kind === 'int' || type?.kind === 'bigint')) return type;
  throw invalid('LAKE_BAD_OPTION', 'option bucket-function.type=mod needs one bucket key, of type INT or BIGINT');
}

function hashBucket(hash: number, bucketCount: number): number {
  return Math.abs(hash % bucketCount);
}

function floorMod(value: number, count: number): number {
  return ((value % count) + count) % count;
}

function isInt(type: DataType): boolean {
  return type.kind === 'int' || type.kind === 'date' || type.kind === 'time';
}

function isLong(type: DataType): boolean {
  return type.kind === 'bigint' || (isTimestamp(type) && type.precision <= 3);
}

function isTimestamp(type: DataType): type is DataType & { kind: 'timestamp' | 'timestamp-ltz' } {
  return type.kind === 'timestamp' || type.kind === 'timestamp-ltz';
}

function fieldOf(batch: RowBatch, name: string): DataField {
  const field = batch.rowType.fields.find(candidate => candidate.name === name);
  assert(field !== undefined, () => `the batch has no column ${name}`);
  return field;
}

function checkBucketCount(bucketCount: number): void {
  assert(Number.isInteger(bucketCount) && bucketCount > 0, () => `${bucketCount} buckets`);
}
