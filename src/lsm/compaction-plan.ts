/**
 * How picked files are merged: which are read and written anew together, and which merely change their level.
 *
 * @see spec 8.3; Paimon 1.4.2 IntervalPartition, MergeTreeCompactTask
 */
import { present } from '../base/assert.ts';
import type { DataFileMeta } from '../format/data-file.ts';
import type { CompactionSettings, CompactUnit } from './compaction-picker.ts';
import type { CompareKey } from './sorted-runs.ts';

/** Files in key order whose key ranges do not touch. */
export type KeyRun = readonly DataFileMeta[];

/** Key runs that overlap each other; to be merged together. */
export type Section = readonly KeyRun[];

/** Sections in key order that one rolling writer writes, one section after the other. */
export type Rewrite = { readonly sections: readonly Section[] };

export type CompactPlan = {
  readonly outputLevel: number;
  readonly dropDeletes: boolean;
  readonly rewrites: readonly Rewrite[];
  /** Files that keep their bytes and name and get the output level. */
  readonly upgrades: readonly DataFileMeta[];
};

export type PlanSettings = CompactionSettings & {
  /** Rows of level 0 are merged with the older ones of their keys on their way up, wherever those are. */
  readonly mergesLevel0?: boolean | undefined;
};

/**
 * The plan for a unit. A picked file in neither list stays as it is: it has the output level and nothing to merge with.
 * Rewrites and upgrades come in key order and their key ranges do not touch.
 */
export function planUnit(unit: CompactUnit, compareKey: CompareKey, settings: PlanSettings): CompactPlan {
  const { outputLevel, dropDeletes } = unit;
  if (unit.rewritesEachFile) {
    return { outputLevel, dropDeletes, rewrites: unit.files.map(rewriteAlone), upgrades: [] };
  }
  const smallBytes = smallFileBytes(settings);
  const rewrites: Rewrite[] = [];
  const upgrades: DataFileMeta[] = [];
  const moveUp = (file: DataFileMeta): void => {
    const mustMerge = settings.mergesLevel0 === true && file.level === 0 && !unit.isLastLevel;
    const isVectored = settings.vectored?.has(file.fileName) === true;
    const isExpired = settings.expired?.has(file.fileName) === true;
    const mustDrop = (dropDeletes && mayHaveDeletes(file)) || (unit.isLastLevel && isVectored) || isExpired;
    if (settings.forceRewriteAllFiles || mustDrop || mustMerge) rewrites.push(rewriteAlone(file));
    else if (file.level !== outputLevel) upgrades.push(file);
  };
  // Sections that wait to be written together, until a large file that overlaps nothing ends the stretch.
  let pending: Section[] = [];
  const endStretch = (): void => {
    const loneFile = pending.length === 1 ? loneFileOf(pending[0]) : undefined;
    if (loneFile !== undefined) moveUp(loneFile);
    else if (pending.length > 0) rewrites.push({ sections: pending });
    pending = [];
  };
  for (const section of intervalPartition(unit.files, compareKey)) {
    const file = loneFileOf(section);
    if (file === undefined || file.fileSize < smallBytes) {
      pending.push(section);
    } else {
      endStretch();
      moveUp(file);
    }
  }
  endStretch();
  return { outputLevel, dropDeletes, rewrites, upgrades };
}

/** Files below this size are rewritten together with their neighbours. */
export function smallFileBytes(settings: {
  readonly targetFileBytes: number;
  readonly smallFileRatio: number;
}): number {
  return Math.floor(settings.targetFileBytes * settings.smallFileRatio);
}

/**
 * Files as sections in key order: ranges of different sections do not touch, those within one hang together. Each
 * section has as few key runs as there are.
 */
export function intervalPartition(files: readonly DataFileMeta[], compareKey: CompareKey): Section[] {
  const sorted = files.toSorted((a, b) => compareKey(a.minKey, b.minKey) || compareKey(a.maxKey, b.maxKey));
  const sections: Section[] = [];
  let stretch: DataFileMeta[] = [];
  let maxKey: Uint8Array | undefined;
  for (const file of sorted) {
    if (maxKey !== undefined && compareKey(file.minKey, maxKey) > 0) {
      sections.push(keyRuns(stretch, compareKey));
      stretch = [];
      maxKey = undefined;
    }
    stretch.push(file);
    if (maxKey === undefined || compareKey(file.maxKey, maxKey) > 0) maxKey = file.maxKey;
  }
  if (stretch.length > 0) sections.push(keyRuns(stretch, compareKey));
  return sections;
}

/** Files sorted by their smallest key, each put after the run that ends first if it fits there, else in a run of its own. */
function keyRuns(files: readonly DataFileMeta[], compareKey: CompareKey): KeyRun[] {
  const runs: DataFileMeta[][] = [];
  for (const file of files) {
    const run = earliestEnd(runs, compareKey);
    if (run !== undefined && compareKey(file.minKey, lastOf(run).maxKey) > 0) run.push(file);
    else runs.push([file]);
  }
  return runs;
}

function earliestEnd(runs: readonly DataFileMeta[][], compareKey: CompareKey): DataFileMeta[] | undefined {
  let earliest: DataFileMeta[] | undefined;
  for (const run of runs) {
    if (earliest === undefined || compareKey(lastOf(run).maxKey, lastOf(earliest).maxKey) < 0) earliest = run;
  }
  return earliest;
}

function lastOf(run: KeyRun): DataFileMeta {
  return present(run.at(-1), 'file of a key run');
}

/** The file of a section that has no other. */
function loneFileOf(section: Section | undefined): DataFileMeta | undefined {
  const [run] = section ?? [];
  return section?.length === 1 && run?.length === 1 ? run[0] : undefined;
}

function rewriteAlone(file: DataFileMeta): Rewrite {
  return { sections: [[[file]]] };
}

/** Files of old writers do not say. */
function mayHaveDeletes(file: DataFileMeta): boolean {
  return file.deleteRowCount === undefined || file.deleteRowCount > 0;
}
