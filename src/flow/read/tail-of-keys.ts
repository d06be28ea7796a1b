/** What of a log's tail a read of few keys has to look at. */
import { mergeOptionsOf } from '../../table/merge-spec.ts';
import { equalKeys } from '../../table/scan/bucket-pruning.ts';
import { hasTwoZeros, keyFilter } from '../../table/scan/key-filter.ts';
import type { Table } from '../../table/table.ts';
import { evaluatePredicate } from '../../types/filter.ts';
import { takeRows } from '../../types/gather.ts';
import type { Predicate } from '../../types/predicate.ts';
import { restrictTo } from '../../types/prune.ts';
import { type RowBatch, sliceBatch } from '../../types/row-batch.ts';
import { isAdd } from '../../types/row-kind.ts';
import type { TailRows } from '../ingest/tail.ts';

/**
 * The row of the one key that is asked for, where the tail alone tells it: the newest row of a key is all there is of it
 * where rows replace one another in the order of the log.
 *
 * @returns undefined: files may have something to say; a batch without rows: the key was deleted
 */
export function newestOfKey(
  table: Table,
  tail: readonly TailRows[],
  predicate: Predicate | undefined,
): RowBatch | undefined {
  const { primaryKeys } = table.schema;
  if (primaryKeys.length === 0 || equalKeys(predicate, primaryKeys)?.length !== 1) return undefined;
  const { engine, sequence } = mergeOptionsOf(table.schema);
  const ofKey = restrictTo(predicate, primaryKeys);
  if (engine.kind !== 'deduplicate' || sequence !== undefined || ofKey === undefined) return undefined;
  if (hasTwoZeros(table.schema, primaryKeys)) return undefined;
  for (const { rows, kinds } of tail.toReversed()) {
    const row = evaluatePredicate(ofKey, rows).lastIndexOf(1);
    if (row >= 0) return sliceBatch(rows, row, isAdd(kinds[row] ?? 0) ? row + 1 : row);
  }
  return undefined;
}

/** Without rows whose keys do not pass the filter. Rows of one key pass all, or none does. */
export function tailOfKeys(
  table: Table,
  tail: readonly TailRows[],
  predicate: Predicate | undefined,
): readonly TailRows[] {
  const ofKeys = keyFilter(table.schema, table.schema.primaryKeys, predicate);
  if (ofKeys === undefined) return tail;
  return tail.flatMap(({ rows, kinds }) => {
    const flags = evaluatePredicate(ofKeys, rows);
    const kept = Uint32Array.from(flags.keys().filter(row => flags[row] === 1));
    if (kept.length === 0) return [];
    return [{ rows: takeRows(rows, kept), kinds: Int8Array.from(kept, row => kinds[row] ?? 0) }];
  });
}
