/**
 * Universal compaction: which sorted runs of a bucket to merge, and into which level. A decision on plain data; how the
 * picked files are merged is compaction-plan.ts's.
 *
 * A pick is always a number of runs from the newest on, so what is left out is older than all of it.
 *
 * @see spec 8.2; Paimon 1.4.2 UniversalCompaction, EarlyFullCompaction, ForceUpLevel0Compaction, MergeTreeCompactManager
 */
import { assert } from '../base/assert.ts';
import type { DataFileMeta } from '../format/data-file.ts';
import type { CompactionOptions, TableOptions } from '../format/table-options.ts';
import { runBytes, type SortedRun } from './sorted-runs.ts';

export type CompactionSettings = CompactionOptions & {
  readonly targetFileBytes: number;
  /** Time since the bucket's last full compaction, for `compaction.optimization-interval`; Infinity: there was none. */
  readonly sinceFullCompactionMs: number;
  /**
   * With deletion vectors: the names of the files that have one. Then compactions mark the older rows of the keys that
   * they take up from level 0, so that delete rows have done their work at any level. undefined: the table has none.
   */
  readonly vectored: ReadonlySet<string> | undefined;
  /** The names of the files that hold rows whose time is over (record-level expiry). */
  readonly expired?: ReadonlySet<string> | undefined;
};

/** What to merge. */
export type CompactUnit = {
  readonly reason: CompactReason;
  /** Newest run first. */
  readonly files: readonly DataFileMeta[];
  readonly outputLevel: number;
  /** The output is the last level, where no delete row may stay. */
  readonly isLastLevel: boolean;
  /** Nothing older than the picked files is left in the bucket, or vectors mark it: delete rows have done their work. */
  readonly dropDeletes: boolean;
  /** Each file is rewritten by itself: they are of the last level already. */
  readonly rewritesEachFile: boolean;
};

export type CompactReason =
  | 'full'
  | 'interval'
  | 'total-size'
  | 'incremental-size'
  | 'size-amplification'
  | 'size-ratio'
  | 'file-number'
  | 'level-0';

/** The settings a table's options give. */
export function compactionSettings(
  options: TableOptions,
  state: Pick<CompactionSettings, 'sinceFullCompactionMs' | 'vectored' | 'expired'> & {
    /** Where it is not what the options say. */
    readonly targetFileBytes?: number;
  },
): CompactionSettings {
  return { ...options.compaction, targetFileBytes: options.files.targetBytes, ...state };
}

/**
 * What a bucket's writer would compact now; undefined: nothing.
 *
 * @param runs all of the bucket's, newest first
 */
export function pickCompaction(runs: readonly SortedRun[], settings: CompactionSettings): CompactUnit | undefined {
  const unit = pickEarlyFull(runs, settings) ?? pickByShape(runs, settings) ?? pickLevel0(runs, settings);
  if (unit === undefined) return undefined;
  const [first] = unit.files;
  const isThereAlready = unit.files.length === 1 && first?.level === unit.outputLevel;
  return isThereAlready ? undefined : unit;
}

/**
 * Whether a unit may wait until the bucket has as many runs as Paimon's writers go on writing with
 * (`num-sorted-run.stop-trigger`): fewer and larger rewrites, for reads that merge some more runs. Only what the shape of the
 * runs asks for may; what options ask for, and what a table shows its rows by, may not.
 */
export function mayWait({ reason }: CompactUnit, runs: readonly SortedRun[], settings: CompactionSettings): boolean {
  const isOfShape = reason === 'size-amplification' || reason === 'size-ratio' || reason === 'file-number';
  return isOfShape && !settings.forceUpLevel0 && runs.length < settings.runCountStop;
}

/**
 * For who cannot read that much at a time: fewer of the newest runs, into a level above those that are left out. The bucket
 * keeps few runs, and its delete rows, until somebody merges the whole of it.
 *
 * @param bytesMax of the files that are read
 * @returns undefined: no two runs are small enough
 */
export function pickWithin(
  unit: CompactUnit,
  runs: readonly SortedRun[],
  settings: CompactionSettings,
  bytesMax: number,
): CompactUnit | undefined {
  if (filesBytes(unit.files) <= bytesMax) return unit;
  for (let count = runs.length - 1; count > 1; count -= 1) {
    const smaller = newestRuns(unit.reason, runs, count, settings);
    if (filesBytes(smaller.files) <= bytesMax) return smaller;
  }
  return undefined;
}

function filesBytes(files: readonly DataFileMeta[]): number {
  return files.reduce((sum, file) => sum + file.fileSize, 0);
}

/**
 * All files into the last level. When they are there already, those of which rows were deleted by vectors or have expired,
 * or all when that is forced; undefined: none.
 */
export function pickFullCompaction(runs: readonly SortedRun[], settings: CompactionSettings): CompactUnit | undefined {
  const [first] = runs;
  if (first === undefined) return undefined;
  if (runs.length > 1 || first.level !== lastLevel(runs, settings)) return wholeBucket('full', runs, settings);
  const whole: CompactUnit = { ...wholeBucket('full', runs, settings), rewritesEachFile: true };
  if (settings.forceRewriteAllFiles) return whole;
  const { vectored, expired } = settings;
  const files = whole.files.filter(
    ({ fileName }) => vectored?.has(fileName) === true || expired?.has(fileName) === true,
  );
  return files.length === 0 ? undefined : { ...whole, files };
}

/** Levels go from 0 to this one; a bucket may have files above what the options say now. */
export function lastLevel(runs: readonly SortedRun[], settings: CompactionSettings): number {
  return Math.max(settings.levelCount - 1, runs.at(-1)?.level ?? 0);
}

function totalBytes(runs: readonly SortedRun[]): number {
  return runs.reduce((sum, run) => sum + runBytes(run), 0);
}

/** Full compactions that options ask for before the shape of the runs does. */
function pickEarlyFull(runs: readonly SortedRun[], settings: CompactionSettings): CompactUnit | undefined {
  if (runs.length <= 1) return undefined;
  const { optimizationIntervalMs, totalBytesThreshold, incrementalBytesThreshold } = settings;
  if (optimizationIntervalMs !== undefined && settings.sinceFullCompactionMs > optimizationIntervalMs) {
    return wholeBucket('interval', runs, settings);
  }
  if (totalBytesThreshold !== undefined && totalBytes(runs) < totalBytesThreshold) {
    return wholeBucket('total-size', runs, settings);
  }
  if (incrementalBytesThreshold !== undefined) {
    const last = lastLevel(runs, settings);
    const incremental = runs.filter(run => run.level !== last);
    if (totalBytes(incremental) > incrementalBytesThreshold) return wholeBucket('incremental-size', runs, settings);
  }
  return undefined;
}

function pickByShape(runs: readonly SortedRun[], settings: CompactionSettings): CompactUnit | undefined {
  const oldest = runs.at(-1);
  if (oldest === undefined || runs.length < settings.runCountTrigger) return undefined;
  if (totalBytes(runs.slice(0, -1)) * 100 > settings.sizeAmplificationPercentMax * runBytes(oldest)) {
    return wholeBucket('size-amplification', runs, settings);
  }
  const similarCount = extendBySize(runs, 1, settings);
  if (similarCount > 1) return newestRuns('size-ratio', runs, similarCount, settings);
  if (runs.length === settings.runCountTrigger) return undefined;
  const excessCount = runs.length - settings.runCountTrigger + 1;
  return newestRuns('file-number', runs, extendBySize(runs, excessCount, settings), settings);
}

/** All of level 0, where the table wants it empty. */
function pickLevel0(runs: readonly SortedRun[], settings: CompactionSettings): CompactUnit | undefined {
  const level0Count = runs.filter(run => run.level === 0).length;
  if (!settings.forceUpLevel0 || level0Count === 0) return undefined;
  return newestRuns('level-0', runs, extendBySize(runs, level0Count, settings), settings);
}

/** The first `count` runs and those after them, as long as the next is not larger than all before it together. */
function extendBySize(runs: readonly SortedRun[], count: number, settings: CompactionSettings): number {
  let pickedCount = count;
  let pickedBytes = totalBytes(runs.slice(0, count));
  for (const next of runs.slice(count)) {
    const nextBytes = runBytes(next);
    if ((pickedBytes * (100 + settings.sizeRatioPercent)) / 100 < nextBytes) break;
    pickedBytes += nextBytes;
    pickedCount += 1;
  }
  return pickedCount;
}

/**
 * The newest `count` runs into the level below the first that is left out. Level 0 takes no output: when nothing is free
 * above it, runs are added up to the first of a higher level, whose place the output takes.
 */
function newestRuns(
  reason: CompactReason,
  runs: readonly SortedRun[],
  count: number,
  settings: CompactionSettings,
): CompactUnit {
  let pickedCount = count;
  let outputLevel = Math.max(0, (runs[pickedCount]?.level ?? 0) - 1);
  while (outputLevel === 0 && pickedCount < runs.length) {
    outputLevel = runs[pickedCount]?.level ?? 0;
    pickedCount += 1;
  }
  const next = runs[pickedCount];
  if (next === undefined) return wholeBucket(reason, runs, settings);
  assert(outputLevel < next.level, () => `output level ${outputLevel} is not above the next run's ${next.level}`);
  const files = runs.slice(0, pickedCount).flatMap(run => run.files);
  const dropDeletes = settings.vectored !== undefined;
  return { reason, files, outputLevel, isLastLevel: false, dropDeletes, rewritesEachFile: false };
}

function wholeBucket(reason: CompactReason, runs: readonly SortedRun[], settings: CompactionSettings): CompactUnit {
  const files = runs.flatMap(run => run.files);
  const outputLevel = lastLevel(runs, settings);
  return { reason, files, outputLevel, isLastLevel: true, dropDeletes: true, rewritesEachFile: false };
}
