/**
 * The files of a bucket as sorted runs: every level-0 file is a run, every level above is one. Newest first: level 0 by
 * sequence numbers, then level 1, 2 …
 *
 * @see spec 8.1; Paimon 1.4.2 org.apache.paimon.mergetree.Levels
 */
import type { DataFileMeta } from '../format/data-file.ts';

export type SortedRun = {
  readonly level: number;
  /** At level 0 one file. Above, the level's files in the order given, or in key order where a comparator was given. */
  readonly files: readonly DataFileMeta[];
};

/** The order of two serialized keys (`minKey`, `maxKey` of a file): negative, 0 or positive. */
export type CompareKey = (a: Uint8Array, b: Uint8Array) => number;

/** The runs of the live files of one bucket. */
export function sortedRuns(files: readonly DataFileMeta[], compareKey?: CompareKey): SortedRun[] {
  const level0 = files.filter(file => file.level === 0).toSorted(compareNewestFirst);
  const runs: SortedRun[] = level0.map(file => ({ level: 0, files: [file] }));
  const levels = [...new Set(files.map(file => file.level))].filter(level => level > 0).toSorted((a, b) => a - b);
  for (const level of levels) {
    const levelFiles = files.filter(file => file.level === level);
    if (compareKey !== undefined) levelFiles.sort((a, b) => compareKey(a.minKey, b.minKey));
    runs.push({ level, files: levelFiles });
  }
  return runs;
}

export function runBytes(run: SortedRun): number {
  return run.files.reduce((sum, file) => sum + file.fileSize, 0);
}

/** Larger sequence numbers first; what follows only makes the order the same for everybody. */
function compareNewestFirst(a: DataFileMeta, b: DataFileMeta): number {
  if (a.maxSequenceNumber !== b.maxSequenceNumber) return a.maxSequenceNumber > b.maxSequenceNumber ? -1 : 1;
  if (a.minSequenceNumber !== b.minSequenceNumber) return a.minSequenceNumber < b.minSequenceNumber ? -1 : 1;
  const byTime = (a.creationTimeMs ?? 0) - (b.creationTimeMs ?? 0);
  if (byTime !== 0) return byTime;
  return a.fileName < b.fileName ? -1 : a.fileName > b.fileName ? 1 : 0;
}
