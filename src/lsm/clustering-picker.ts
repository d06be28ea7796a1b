/**
 * Which files of a clustered append table to sort into one run: the choice that universal compaction makes for a primary-key
 * table, where the runs above level 0 are sorted by the clustering columns.
 *
 * @see Paimon 1.4.2 IncrementalClusterManager, IncrementalClusterStrategy
 */
import type { DataFileMeta } from '../format/data-file.ts';
import { type CompactionSettings, type CompactUnit, pickCompaction, pickFullCompaction } from './compaction-picker.ts';
import { type SortedRun, sortedRuns } from './sorted-runs.ts';

export type ClusteringState = {
  readonly isFull: boolean;
  /** Whether a file was sorted by the columns that count now. */
  readonly isClustered: (file: DataFileMeta) => boolean;
};

/** @param files all of a partition */
export function pickClustering(
  files: readonly DataFileMeta[],
  settings: CompactionSettings,
  { isFull, isClustered }: ClusteringState,
): CompactUnit | undefined {
  const runs = runsOf(files);
  if (isFull) {
    const [first] = files;
    const isDone = first === undefined || isClustered(first);
    return pickFullCompaction(runs, { ...settings, vectored: undefined, forceRewriteAllFiles: !isDone });
  }
  // The shape of the runs alone decides: nothing waits at level 0 to be seen.
  return pickCompaction(runs, {
    ...settings,
    vectored: undefined,
    forceUpLevel0: false,
    optimizationIntervalMs: undefined,
    totalBytesThreshold: undefined,
    incrementalBytesThreshold: undefined,
  });
}

/** As in a primary-key table, but that the files of level 0 are in the order they came: no row hides another. */
function runsOf(files: readonly DataFileMeta[]): readonly SortedRun[] {
  const level0 = files.filter(({ level }) => level === 0);
  const inOrder = level0.toSorted((a, b) => Number(a.minSequenceNumber - b.minSequenceNumber));
  const above = sortedRuns(files).filter(({ level }) => level > 0);
  return [...inOrder.map(file => ({ level: 0, files: [file] })), ...above];
}

export type IdleFacts = {
  /** The live files of each partition that was not asked for, by a key of the partition. */
  readonly partitions: ReadonlyMap<string, readonly DataFileMeta[]>;
  readonly levelCount: number;
  readonly nowMs: number;
  /** How long nothing must have come into a partition. */
  readonly idleMs: number;
  readonly countMax: number;
};

/**
 * Partitions into which nothing has come for a while and that are not sorted through yet: the clustering of others takes
 * them up in full. Those that have waited longest first.
 *
 * @see Paimon 1.4.2 HistoryPartitionCluster
 */
export function idlePartitions({ partitions, levelCount, nowMs, idleMs, countMax }: IdleFacts): readonly string[] {
  const idle = [...partitions].flatMap(([key, files]) => {
    const unsorted = files.filter(({ level }) => level < levelCount - 1);
    const newestMs = Math.max(...unsorted.map(file => file.creationTimeMs ?? 0));
    return unsorted.length > 0 && newestMs < nowMs - idleMs ? [{ key, newestMs }] : [];
  });
  const inOrder = idle.toSorted((a, b) => a.newestMs - b.newestMs || (a.key < b.key ? -1 : 1));
  return inOrder.slice(0, countMax).map(({ key }) => key);
}
