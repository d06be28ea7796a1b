/** Which buckets can hold a row that a filter lets through. Pure. */
import { bucketOf, postponedBucket } from '../../format/bucket.ts';
import { parseTableOptions } from '../../format/table-options.ts';
import { bucketKeys, fieldsNamed, type TableSchema } from '../../format/table-schema.ts';
import type { Predicate } from '../../types/predicate.ts';
import { conjuncts } from '../../types/prune.ts';
import type { Scalar } from '../../types/scalar.ts';

/** Keys a filter may ask for before bucket pruning is not worth its while. */
const keyCombinationsMax = 1_000;

/** The buckets under a bucket count; undefined: any. */
export type WantedBuckets = (totalBuckets: number) => ReadonlySet<number> | undefined;

/** Equality on every bucket key column says which buckets can hold the row, by each file's own bucket count. */
export function bucketPruning(schema: TableSchema, predicate: Predicate | undefined): WantedBuckets {
  const any: WantedBuckets = () => undefined;
  const { bucket, bucketFunction } = parseTableOptions(schema);
  const keys = bucketKeys(schema);
  // Those of a postponed table have been given their count by a compaction, each partition its own.
  const isFixed = bucket > 0 || bucket === postponedBucket;
  if (keys.length === 0 || !isFixed || bucketFunction === 'hive') return any;
  const rows = equalKeys(predicate, keys);
  if (rows === undefined) return any;
  const types = fieldsNamed(schema, keys).map(field => field.type);
  const byCount = new Map<number, ReadonlySet<number>>();
  return totalBuckets => {
    if (totalBuckets <= 0) return undefined;
    let wanted = byCount.get(totalBuckets);
    if (wanted === undefined) {
      wanted = new Set(rows.map(row => bucketOf(types, row, totalBuckets, bucketFunction)));
      byCount.set(totalBuckets, wanted);
    }
    return wanted;
  };
}

/** Values of these columns, one combination of which a row must have; undefined when the filter says no such thing. */
export function equalKeys(
  predicate: Predicate | undefined,
  columns: readonly string[],
): readonly (readonly Scalar[])[] | undefined {
  return predicate === undefined ? undefined : keyCombinations(columns.map(key => equalValues(predicate, key)));
}

/** Values one of which the column must equal; undefined when the filter says no such thing. */
function equalValues(predicate: Predicate, column: string): readonly Scalar[] | undefined {
  for (const part of conjuncts(predicate)) {
    if (part.kind === 'compare' && part.op === '=' && part.column === column) return [part.value];
    if (part.kind === 'in' && part.column === column) return part.values;
  }
  return undefined;
}

function keyCombinations(
  values: readonly (readonly Scalar[] | undefined)[],
): readonly (readonly Scalar[])[] | undefined {
  let rows: readonly (readonly Scalar[])[] = [[]];
  for (const column of values) {
    if (column === undefined || rows.length * column.length > keyCombinationsMax) return undefined;
    rows = rows.flatMap(row => column.map(value => [...row, value]));
  }
  return rows;
}
