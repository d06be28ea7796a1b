/**
 * The bucket of a row in a table with a fixed number of buckets.
 *
 * @see spec 6.1, Paimon 1.4.2 FixedBucketRowKeyExtractor, DefaultBucketFunction, ModBucketFunction
 */
import type { DataType } from '../types/data-type.ts';
import type { RowBatch } from '../types/row-batch.ts';
import type { Scalar } from '../types/scalar.ts';

export type BucketFunction = 'default' | 'mod';

/** @returns a number in [0, bucketCount) */
export function bucketOf(
  _types: readonly DataType[],
  _values: readonly Scalar[],
  _bucketCount: number,
  _fn: BucketFunction,
): number {
  throw new Error('not yet');
}

/** The bucket of every row of a batch, by the named key columns in that order. */
export function bucketsOfBatch(
  _batch: RowBatch,
  _keyNames: readonly string[],
  _bucketCount: number,
  _fn: BucketFunction,
): Int32Array {
  throw new Error('not yet');
}
