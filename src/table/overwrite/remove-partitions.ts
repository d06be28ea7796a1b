/** Taking rows away by whole partitions: the table emptied, partitions dropped by name or by a filter (spec 3.6). */
import { invalid } from '../../base/errors.ts';
import type { Predicate } from '../../types/predicate.ts';
import { Committer } from '../commit/commit.ts';
import { liveEntries } from '../manifests.ts';
import { partitionFilter } from '../partition-filter.ts';
import { type PartitionSpec, partitionSpecPredicate, printPartitionSpec } from '../partition-spec.ts';
import { latestSnapshot } from '../snapshots.ts';
import type { Table } from '../table.ts';
import type { Spares } from './overwrite-plan.ts';
import { type OverwriteResult, OverwriteWriter } from './overwrite-writer.ts';

export type RemoveOptions = { readonly signal?: AbortSignal | undefined };

/** Takes all rows away. A snapshot is made in any case. @throws LakeError as `OverwriteWriter.commit` */
export function truncateTable(table: Table, options: RemoveOptions = {}): Promise<OverwriteResult> {
  return remove(table, { predicate: undefined }, { ...options, commitsNothing: true });
}

/**
 * Takes the partitions away that pass and are not spared. Without any, nothing is committed.
 *
 * @param predicate over partition keys only
 */
export function removePartitions(
  table: Table,
  predicate: Predicate,
  { spares, ...options }: RemoveOptions & { readonly spares?: Spares | undefined } = {},
): Promise<OverwriteResult> {
  return remove(table, { predicate, spares }, { ...options, commitsNothing: false });
}

/**
 * Drops partitions by name; keys that a spec leaves out may be anything.
 *
 * @throws LakeError `invalid` LAKE_BAD_PARTITION; LAKE_PARTITION_NOT_FOUND for a spec without rows, unless `ifExists`
 */
export async function dropPartitions(
  table: Table,
  specs: readonly PartitionSpec[],
  options: RemoveOptions & { readonly ifExists: boolean },
): Promise<OverwriteResult> {
  const children = specs.map(spec => {
    const predicate = partitionSpecPredicate(table.schema, spec, table.label);
    if (predicate !== undefined) return { spec, predicate };
    throw invalid('LAKE_BAD_PARTITION', `${table.label}: name a partition to drop; TRUNCATE TABLE drops all`);
  });
  if (!options.ifExists) {
    for (const { spec, predicate } of children) {
      if (await hasRows(table, predicate)) continue;
      throw invalid('LAKE_PARTITION_NOT_FOUND', `${table.label} has no partition ${printPartitionSpec(spec)}`);
    }
  }
  return removePartitions(table, { kind: 'or', children: children.map(({ predicate }) => predicate) }, options);
}

async function hasRows(table: Table, predicate: Predicate): Promise<boolean> {
  const snapshot = await latestSnapshot(table);
  if (snapshot === undefined) return false;
  const { mayMatch, matches } = partitionFilter(table.schema, predicate);
  const live = await liveEntries(table, snapshot, { mayMatch, inPlace: ({ partition }) => matches(partition) });
  return live.length > 0;
}

async function remove(
  table: Table,
  chosen: { readonly predicate: Predicate | undefined; readonly spares?: Spares | undefined },
  options: RemoveOptions & { readonly commitsNothing: boolean },
): Promise<OverwriteResult> {
  await using committer = new Committer(table);
  return await new OverwriteWriter(table, committer, { kind: 'chosen', ...chosen }).commit(options);
}
