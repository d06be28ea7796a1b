/**
 * What an overwrite does to the table (spec 3.6): every live file of its partitions goes, the new files come. It is worked
 * out anew on each base, so that what others have committed meanwhile goes, too, and an overwrite never conflicts with
 * them about what it removes.
 */

import type { IndexEntry } from '../../format/index-manifest.ts';
import { fieldsNamed, type TableSchema } from '../../format/table-schema.ts';
import type { Predicate } from '../../types/predicate.ts';
import type { CommitBase, CommitPlan } from '../commit/request.ts';
import { planIndex } from '../index-plan.ts';
import { type PlacedFile, partitionKey } from '../live-files.ts';
import { type PartitionFilter, partitionFilter } from '../partition-filter.ts';
import { partitionPruner } from '../partition-pruning.ts';
import { type PartitionSpec, partitionSpecPredicate } from '../partition-spec.ts';
import type { Table } from '../table.ts';
import type { Staying } from '../write/cross-partition.ts';

export type OverwriteTarget =
  /** The partitions of the new files, as Paimon's dynamic partition overwrite has it; without files none. `within`: they
   * must all pass. */
  | { readonly kind: 'written'; readonly within: Predicate | undefined }
  /** Whatever passes, whether or not something comes in its place; without a predicate the whole table. */
  | { readonly kind: 'chosen'; readonly predicate: Predicate | undefined; readonly spares?: Spares | undefined };

/** Whether a partition that passes stays all the same, by all its live files at the base. */
export type Spares = (files: readonly PlacedFile[]) => boolean;

export type OverwriteScope = {
  /** Keys that are given once for all rows; the rows must have them. */
  readonly partition?: PartitionSpec | undefined;
  /** Unless said, the table's option `dynamic-partition-overwrite` counts. */
  readonly mode?: 'static' | 'dynamic' | undefined;
};

/** A table without partitions is overwritten as a whole. @throws LakeError `invalid` LAKE_BAD_PARTITION */
export function overwriteTarget({ schema, options, label }: Table, scope: OverwriteScope): OverwriteTarget {
  const predicate = partitionSpecPredicate(schema, scope.partition ?? {}, label);
  const mode = scope.mode ?? (options.dynamicPartitionOverwrite ? 'dynamic' : 'static');
  const isDynamic = schema.partitionKeys.length > 0 && mode === 'dynamic';
  return isDynamic ? { kind: 'written', within: predicate } : { kind: 'chosen', predicate };
}

export type Replacement = Pick<CommitPlan, 'index'> & { readonly deletes: readonly PlacedFile[] };

/** New files, or rows that were given. */
export type InPartition = Pick<PlacedFile, 'partition'>;

/**
 * Live files of the target at the base, and what becomes of the index files that speak of them.
 *
 * @param given what there is for a target of the kind `written`
 */
export async function replacedAt(
  table: Table,
  base: CommitBase,
  target: OverwriteTarget,
  { given, indexes }: { readonly given: readonly InPartition[]; readonly indexes: readonly IndexEntry[] },
): Promise<Replacement> {
  const { mayMatch, matches } = targetFilter(base.schema, target, given);
  const passing = await base.liveEntries({ mayMatch, inPlace: ({ partition }) => matches(partition) });
  const spared = sparedPartitions(target, passing);
  const goes = ({ partition }: { readonly partition: Uint8Array }): boolean =>
    matches(partition) && !spared.has(partitionKey(partition));
  const deletes = passing.filter(goes);
  const drops = (entry: IndexEntry): boolean => goes(entry);
  return { deletes, index: await planIndex(table, base, { drops, adds: indexes }, []) };
}

function sparedPartitions(target: OverwriteTarget, files: readonly PlacedFile[]): ReadonlySet<string> {
  const spares = target.kind === 'chosen' ? target.spares : undefined;
  if (spares === undefined) return new Set();
  const partitions = Map.groupBy(files, ({ partition }) => partitionKey(partition));
  return new Set([...partitions].filter(([, ofOne]) => spares(ofOne)).map(([key]) => key));
}

/** What does not belong into the target. */
export function outsideOf(
  schema: TableSchema,
  target: OverwriteTarget,
  given: readonly InPartition[],
): readonly InPartition[] {
  const { matches } = partitionFilter(schema, target.kind === 'chosen' ? target.predicate : target.within);
  return given.filter(({ partition }) => !matches(partition));
}

/** Which partitions are not replaced, once it is known for which ones there are rows. */
export function stayingOf(schema: TableSchema, target: OverwriteTarget): Staying {
  return written => {
    const { matches } = targetFilter(
      schema,
      target,
      written.map(partition => ({ partition })),
    );
    return partition => !matches(partition);
  };
}

function targetFilter(schema: TableSchema, target: OverwriteTarget, given: readonly InPartition[]): PartitionFilter {
  if (target.kind === 'chosen') return partitionFilter(schema, target.predicate);
  const partitions = new Map(given.map(({ partition }) => [partitionKey(partition), partition]));
  const types = fieldsNamed(schema, schema.partitionKeys).map(field => field.type);
  return {
    mayMatch: partitionPruner([...partitions.values()], types),
    matches: partition => partitions.has(partitionKey(partition)),
  };
}
