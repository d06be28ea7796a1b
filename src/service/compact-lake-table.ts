/** One compaction of a table on demand. */
import { invalid, LakeError } from '../base/errors.ts';
import type { SortOrder } from '../format/clustering-options.ts';
import { Committer } from '../table/commit/commit.ts';
import { type CompactReceipt, compactTable } from '../table/compact/compact-table.ts';
import { type PartitionSpec, partitionSpecPredicate } from '../table/partition-spec.ts';
import type { Table } from '../table/table.ts';
import type { Predicate } from '../types/predicate.ts';
import { partitionCondition } from './partition-condition.ts';

export type { SortOrder, SortStrategy } from '../format/clustering-options.ts';
export type { CompactReceipt } from '../table/compact/compact-table.ts';

/** Rivals that may take the files away before it is said that nothing could be done. */
const attemptsMax = 5;

export type CompactRequest = {
  /** Everything into the last level; otherwise what universal compaction picks. */
  readonly full?: boolean | undefined;
  /**
   * All rows anew in this order: by columns, or along a curve over them. Of append tables without fixed buckets. What others
   * write meanwhile stays, and stays as they wrote it.
   */
  readonly sort?: SortOrder | undefined;
  /** Of these partitions only: keys by name, as text. */
  readonly partitions?: readonly PartitionSpec[] | undefined;
  /** Of partitions that pass this condition only, in SQL. */
  readonly where?: string | undefined;
  readonly signal?: AbortSignal | undefined;
};

/**
 * @returns also when there was nothing to do
 * @throws LakeError `conflict` LAKE_COMPACTION_CONFLICT when others changed the files each time; `invalid`
 * LAKE_BAD_SORT_ORDER, LAKE_BAD_PARTITION; `unsupported`
 */
export async function compactLakeTable(table: Table, request: CompactRequest): Promise<CompactReceipt> {
  await using committer = new Committer(table);
  const partitions = chosenPartitions(table, request);
  let detail = '';
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    request.signal?.throwIfAborted();
    const { full = false, sort: order, signal } = request;
    const receipt = await compactTable(table, committer, { isFull: full, order, partitions, signal });
    if (receipt.status !== 'given-up') return receipt;
    detail = receipt.detail;
  }
  throw new LakeError(
    'conflict',
    'LAKE_COMPACTION_CONFLICT',
    `${table.label}: ${attemptsMax} compactions were given up, last because ${detail}; try again later`,
  );
}

/** Those of any spec that pass the condition, too; undefined: all. */
function chosenPartitions(table: Table, { partitions, where }: CompactRequest): Predicate | undefined {
  const specs = (partitions ?? []).map(spec => {
    const predicate = partitionSpecPredicate(table.schema, spec, table.label);
    if (predicate === undefined) throw invalid('LAKE_BAD_PARTITION', `${table.label}: a partition without keys`);
    return predicate;
  });
  const chosen: readonly (Predicate | undefined)[] = [
    specs.length === 0 ? undefined : { kind: 'or', children: specs },
    where === undefined ? undefined : partitionCondition(table, where),
  ];
  const children = chosen.filter(predicate => predicate !== undefined);
  return children.length < 2 ? children[0] : { kind: 'and', children };
}
