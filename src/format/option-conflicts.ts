/**
 * Options that contradict each other or the table they are of: what Paimon refuses when a table is made or changed. A table
 * that has them all the same (by another program, of another time) is read as well as may be.
 *
 * @see Paimon 1.4.2 SchemaValidation
 */
import { fitsAvro } from './avro-data/record-type.ts';
import { postponedBucket } from './bucket.ts';
import { badOption, booleanOption, integerOption, textOption } from './option-values.ts';
import { recordExpiryOf } from './record-expiry.ts';
import type { TableSchema } from './table-schema.ts';

/** Of `snapshot.num-retained.min`. */
const snapshotsMinDefault = 10;

type Check = (schema: TableSchema) => unknown;

const checks: readonly Check[] = [
  checkBucket,
  checkFormat,
  checkProducer,
  checkVectors,
  checkSnapshotRetention,
  checkStreamingOverwrite,
  checkFullCompaction,
  checkPartitionExpiration,
  checkSequenceOfKeys,
  // Where Paimon makes the table, and fails in whoever writes it.
  recordExpiryOf,
];

/** @throws LakeError `invalid` LAKE_BAD_OPTION naming the option and what it must be */
export function checkOptionConflicts(schema: TableSchema): void {
  for (const check of checks) check(schema);
}

function wordOf({ options }: TableSchema, key: string): string | undefined {
  return textOption(options, key)?.toLowerCase();
}

function checkBucket({ primaryKeys, options }: TableSchema): void {
  if (primaryKeys.length > 0 || integerOption(options, 'bucket', -2) !== postponedBucket) return;
  throw badOption('bucket', '-2', 'above 0, or -1: the table has no primary key');
}

function checkFormat(schema: TableSchema): void {
  const key = 'file.format';
  if (wordOf(schema, key) !== 'avro' || fitsAvro(schema)) return;
  const what =
    'a column is TIME above 3, TIMESTAMP above 6, or named with other than letters, digits and _, or nested ones whose paths are alike';
  throw badOption(key, 'avro', `parquet: ${what}, which Avro files cannot have`);
}

function checkProducer(schema: TableSchema): void {
  const key = 'changelog-producer';
  const producer = wordOf(schema, key) ?? 'none';
  if (producer === 'none') return;
  if (schema.primaryKeys.length === 0) throw badOption(key, producer, 'none: the table has no primary key');
  if (wordOf(schema, 'merge-engine') === 'first-row' && producer !== 'lookup') {
    throw badOption(key, producer, 'none or lookup with merge-engine=first-row');
  }
}

function checkVectors(schema: TableSchema): void {
  const key = 'deletion-vectors.enabled';
  if (!booleanOption(schema.options, key, false)) return;
  if (wordOf(schema, 'merge-engine') === 'first-row') {
    throw badOption(key, 'true', 'left out with merge-engine=first-row, where no row is ever replaced');
  }
  if (wordOf(schema, 'changelog-producer') === 'full-compaction') {
    throw badOption('changelog-producer', 'full-compaction', `none, input or lookup with ${key}`);
  }
}

function checkSnapshotRetention({ options }: TableSchema): void {
  const [minKey, maxKey] = ['snapshot.num-retained.min', 'snapshot.num-retained.max'];
  const min = integerOption(options, minKey, 1);
  const max = integerOption(options, maxKey, 1);
  if (max !== undefined && max < (min ?? snapshotsMinDefault)) {
    throw badOption(maxKey, String(max), `at least ${minKey}, which is ${min ?? snapshotsMinDefault}`);
  }
}

function checkStreamingOverwrite(schema: TableSchema): void {
  const key = 'streaming-read-overwrite';
  if (!booleanOption(schema.options, key, false)) return;
  if (schema.primaryKeys.length === 0) throw badOption(key, 'true', 'left out: the table has no primary key');
  const producer = wordOf(schema, 'changelog-producer');
  if (producer === 'lookup' || producer === 'full-compaction') {
    throw badOption(key, 'true', `left out with changelog-producer=${producer}, which would give its changes twice`);
  }
}

function checkFullCompaction({ primaryKeys, options }: TableSchema): void {
  const key = 'full-compaction.delta-commits';
  const value = textOption(options, key);
  if (value === undefined || primaryKeys.length > 0 || integerOption(options, 'bucket', -2) !== -1) return;
  throw badOption(key, value, 'left out of an append table without buckets');
}

/** A key's rows in different partitions are never merged, so that nothing tells which of them is newer. */
function checkSequenceOfKeys({ primaryKeys, partitionKeys, options }: TableSchema): void {
  const key = 'sequence.field';
  const value = textOption(options, key);
  if (value === undefined || primaryKeys.length === 0 || partitionKeys.every(name => primaryKeys.includes(name)))
    return;
  throw badOption(key, value, 'left out: the primary key has not all partition keys');
}

function checkPartitionExpiration({ partitionKeys, options }: TableSchema): void {
  const key = 'partition.expiration-time';
  const value = textOption(options, key);
  if (value !== undefined && partitionKeys.length === 0) {
    throw badOption(key, value, 'left out: the table has no partitions');
  }
}
