/** Which files a compaction looks at: of all partitions, or of those asked for and of some that have come to rest. */
import { postponedBucket } from '../../format/bucket.ts';
import { historyPartitions } from '../../format/clustering-options.ts';
import { idlePartitions } from '../../lsm/clustering-picker.ts';
import type { Predicate } from '../../types/predicate.ts';
import { type PlacedFile, partitionKey } from '../live-files.ts';
import { partitionFilter } from '../partition-filter.ts';
import type { Table } from '../table.ts';

export type ChosenEntries = {
  readonly entries: readonly PlacedFile[];
  /** Partitions (`partitionKey`) that nobody asked for and that are sorted in full. */
  readonly idle: ReadonlySet<string>;
};

/** @param live all live files */
export function chosenEntries(
  table: Table,
  live: readonly PlacedFile[],
  partitions: Predicate | undefined,
): ChosenEntries {
  const { matches } = partitionFilter(table.schema, partitions);
  // Rows that wait for a bucket have been moved before, or were written since.
  const asked = live.filter(({ partition, bucket }) => bucket !== postponedBucket && matches(partition));
  const history = table.options.clustering === undefined ? undefined : historyPartitions(table.schema);
  // Without partitions that are asked for all are.
  if (partitions === undefined || history === undefined) return { entries: asked, idle: new Set() };
  const others = Map.groupBy(
    live.filter(({ partition }) => !matches(partition)),
    ({ partition }) => partitionKey(partition),
  );
  const idle = new Set(
    idlePartitions({
      ...history,
      partitions: new Map([...others].map(([key, files]) => [key, files.map(({ file }) => file)])),
      levelCount: table.options.compaction.levelCount,
      nowMs: table.clock.nowMs(),
    }),
  );
  return { entries: [...asked, ...[...idle].flatMap(key => others.get(key) ?? [])], idle };
}
