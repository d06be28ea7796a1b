/**
 * How the rows of an append table are laid down, by its options: with `clustering.incremental` its compactions sort them, run
 * by run and level by level as a primary-key table's do, by `clustering.columns`.
 *
 * `clustering.incremental.mode` = `local-sort` spares Paimon the shuffle between its tasks, each of which sorts what it has. Here
 * all that is taken up is one task's, so its files are in order among each other, too. Paimon's Flink does not look at the
 * strategy then, but sorts by the columns one after the other, so that each file can be searched; so do we.
 *
 * @see Paimon 1.4.2 CoreOptions, IncrementalClusterManager, IncrementalClusterCompact.localSort
 */
import {
  booleanOption,
  durationOption,
  integerOption,
  namesOption,
  type OptionMap,
  wordOption,
} from './option-values.ts';
import type { TableSchema } from './table-schema.ts';

export const sortStrategies = ['order', 'zorder', 'hilbert'] as const;

const sortModes = ['global-sort', 'local-sort'] as const;

export type SortStrategy = (typeof sortStrategies)[number];

export type SortOrder = {
  readonly strategy: SortStrategy;
  /** By weight; along a curve all weigh the same. */
  readonly columns: readonly string[];
};

/** Undefined: compactions leave rows in the order they came. @throws LakeError `invalid` LAKE_BAD_OPTION */
export function clusteringOrder({ options, primaryKeys }: TableSchema): SortOrder | undefined {
  const columns = clusteringColumns(options);
  const isUnaware = primaryKeys.length === 0 && (integerOption(options, 'bucket', -2) ?? -1) === -1;
  if (!isUnaware || columns.length === 0 || !booleanOption(options, 'clustering.incremental', false)) return undefined;
  if (wordOption(options, 'clustering.incremental.mode', sortModes) === 'local-sort') {
    return { columns, strategy: 'order' };
  }
  const words = ['auto', ...sortStrategies] as const;
  const word =
    wordOption(options, 'clustering.strategy', words) ?? wordOption(options, 'sink.clustering.strategy', words);
  return { columns, strategy: word === undefined || word === 'auto' ? strategyFor(columns.length) : word };
}

export function clusteringColumns(options: OptionMap): readonly string[] {
  const columns = namesOption(options, 'clustering.columns');
  return columns.length > 0 ? columns : namesOption(options, 'sink.clustering.by-columns');
}

function strategyFor(columnCount: number): SortStrategy {
  if (columnCount === 1) return 'order';
  return columnCount < 5 ? 'zorder' : 'hilbert';
}

export type HistoryPartitions = {
  /** Into which nothing has come for so long. */
  readonly idleMs: number;
  /** Of one compaction. */
  readonly countMax: number;
};

/** Partitions that are sorted in full beside those that are asked for; undefined: none are. */
export function historyPartitions({ options, partitionKeys }: TableSchema): HistoryPartitions | undefined {
  const idleMs = durationOption(options, 'clustering.history-partition.idle-to-full-sort');
  if (idleMs === undefined || partitionKeys.length === 0) return undefined;
  return { idleMs, countMax: integerOption(options, 'clustering.history-partition.limit') ?? 5 };
}
