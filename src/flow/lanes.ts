/**
 * The lanes of a table's log: what is in one keeps its order, and lies in one shard. A lane is a bucket where the number
 * of buckets is fixed. Where keys are given their buckets when they are committed, nobody knows the bucket of a row that
 * is on its way (RFC 0007): there a key's lane goes by its hash, over a number of lanes that never changes.
 */
import { unsupported } from '../base/errors.ts';
import { bucketOf, bucketsOfBatch } from '../format/bucket.ts';
import {
  crossPartitionFeature,
  hasPostponedBuckets,
  isCrossPartition,
  postponedFeature,
  refusedFeatures,
} from '../format/refused-features.ts';
import { hasDynamicBuckets, parseTableOptions } from '../format/table-options.ts';
import { bucketKeys, fieldsNamed, type TableSchema, trimmedPrimaryKeys } from '../format/table-schema.ts';
import { bucketPruning, equalKeys } from '../table/scan/bucket-pruning.ts';
import type { Predicate } from '../types/predicate.ts';
import type { RowBatch } from '../types/row-batch.ts';

/**
 * Lanes of the keys of a table with dynamic buckets. A key whose lane changed would lose its order, so every record says
 * among how many its rows were spread, and those of another number are not taken.
 */
export const keyLaneCount = 16;

export type RowLanes = { readonly lanes: Int32Array; readonly laneCount: number };

/** What ingest does not write, and kinds of tables that are not for logs, whoever else may write them. */
export function refusedThroughLog(schema: TableSchema): readonly string[] {
  const refused = new Set(refusedFeatures(schema, 'write'));
  if (hasPostponedBuckets(schema)) refused.add(postponedFeature);
  if (isCrossPartition(schema)) refused.add(crossPartitionFeature);
  return [...refused];
}

/** The lane of each row; undefined: the table has no order but that of each producer. */
export function lanesOfBatch(schema: TableSchema, rows: RowBatch): RowLanes | undefined {
  if (hasDynamicBuckets(schema)) {
    const lanes = bucketsOfBatch(rows, trimmedPrimaryKeys(schema), keyLaneCount, 'default');
    return { lanes, laneCount: keyLaneCount };
  }
  const { bucket: laneCount, bucketFunction } = parseTableOptions(schema);
  if (laneCount <= 0) return undefined;
  if (bucketFunction === 'hive') throw unsupported('bucket-function.type = hive', 'writing through a log');
  if (laneCount === 1) return { lanes: new Int32Array(rows.rowCount), laneCount };
  return { lanes: bucketsOfBatch(rows, bucketKeys(schema), laneCount, bucketFunction), laneCount };
}

/** The lanes that can hold changes of a row that passes the filter; undefined: any. */
export function wantedLanes(schema: TableSchema, predicate: Predicate | undefined): ReadonlySet<number> | undefined {
  if (!hasDynamicBuckets(schema)) return bucketPruning(schema, predicate)(parseTableOptions(schema).bucket);
  const names = trimmedPrimaryKeys(schema);
  const keys = equalKeys(predicate, names);
  if (keys === undefined) return undefined;
  const types = fieldsNamed(schema, names).map(field => field.type);
  return new Set(keys.map(key => bucketOf(types, key, keyLaneCount, 'default')));
}
