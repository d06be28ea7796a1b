/**
 * Which small files of an append table to rewrite as larger ones.
 *
 * With fixed buckets rows are read in the order they came, so only files that follow each other are joined. In unaware
 * buckets order means nothing: files are packed by size.
 *
 * @see spec 7.1; Paimon 1.4.2 BucketedAppendCompactManager, AppendCompactCoordinator
 */
import type { DataFileMeta } from '../format/data-file.ts';
import type { TableOptions } from '../format/table-options.ts';
import { smallFileBytes } from './compaction-plan.ts';

export type AppendCompactionSettings = {
  readonly targetFileBytes: number;
  readonly smallFileRatio: number;
  /** `compaction.min.file-num` */
  readonly fileCountMin: number;
  /** What opening a file costs, in bytes read; `source.split.open-file-cost` */
  readonly openFileBytes: number;
  readonly forceRewriteAllFiles: boolean;
};

/** Files to be rewritten as one sequence of rows, in this order. */
export type AppendCompactUnit = { readonly files: readonly DataFileMeta[] };

/** A full compaction of a bucket leaves fewer files than this alone. */
const fullFileCountMin = 3;

export function appendCompactionSettings(options: TableOptions): AppendCompactionSettings {
  const { smallFileRatio, fileCountMin, forceRewriteAllFiles } = options.compaction;
  const openFileBytes = options.scan.splitOpenFileBytes;
  return {
    targetFileBytes: options.files.targetBytes,
    smallFileRatio,
    fileCountMin,
    openFileBytes,
    forceRewriteAllFiles,
  };
}

/**
 * Units of an unaware bucket; no file is in two. Small files are packed from the smallest up to twice the target size,
 * and what is left when there are `fileCountMin` of it.
 *
 * @param isFull takes what is left when there are two of it
 */
export function pickUnawareAppend(
  files: readonly DataFileMeta[],
  settings: AppendCompactionSettings,
  { isFull }: { readonly isFull: boolean },
): AppendCompactUnit[] {
  const smallBytes = smallFileBytes(settings);
  const takesAll = isFull && settings.forceRewriteAllFiles;
  const candidates = files.filter(file => takesAll || file.fileSize < smallBytes);
  const units: AppendCompactUnit[] = [];
  let bin: DataFileMeta[] = [];
  let binBytes = 0;
  for (const file of candidates.toSorted((a, b) => a.fileSize - b.fileSize || compareArrival(a, b))) {
    bin.push(file);
    binBytes += file.fileSize + settings.openFileBytes;
    if (bin.length > 1 && binBytes >= settings.targetFileBytes * 2) {
      units.push({ files: bin.toSorted(compareArrival) });
      bin = [];
      binBytes = 0;
    }
  }
  const leftCountMin = takesAll ? 1 : isFull ? 2 : Math.max(1, settings.fileCountMin);
  if (bin.length >= leftCountMin) units.push({ files: bin.toSorted(compareArrival) });
  return units;
}

/**
 * The unit of a fixed bucket, if any: the first `fileCountMin` files that follow each other, the first of them small,
 * and have, all but the last together, less than twice the target size.
 *
 * Paimon's writer never looks again at a file it has made large. Who sees only the live files tells by the size, or each
 * handful of new files would have the large one before them rewritten.
 */
export function pickBucketedAppend(
  files: readonly DataFileMeta[],
  settings: AppendCompactionSettings,
): AppendCompactUnit | undefined {
  const smallBytes = smallFileBytes(settings);
  let window: readonly DataFileMeta[] = [];
  for (const file of files.toSorted(compareArrival)) {
    window = fromFirstSmall([...window, file], smallBytes);
    if (window.length >= settings.fileCountMin) return { files: window };
    if (bytesOf(window) >= settings.targetFileBytes * 2) window = fromFirstSmall(window.slice(1), smallBytes);
  }
  return undefined;
}

function fromFirstSmall(files: readonly DataFileMeta[], smallBytes: number): readonly DataFileMeta[] {
  const first = files.findIndex(file => file.fileSize < smallBytes);
  return first < 0 ? [] : files.slice(first);
}

function bytesOf(files: readonly DataFileMeta[]): number {
  return files.reduce((sum, file) => sum + file.fileSize, 0);
}

/** The unit of a full compaction of a fixed bucket: all files from the first small one on, if most of them are small. */
export function pickFullBucketedAppend(
  files: readonly DataFileMeta[],
  settings: AppendCompactionSettings,
): AppendCompactUnit | undefined {
  const inOrder = files.toSorted(compareArrival);
  if (settings.forceRewriteAllFiles) return inOrder.length > 0 ? { files: inOrder } : undefined;
  const smallBytes = smallFileBytes(settings);
  const candidates = fromFirstSmall(inOrder, smallBytes);
  const smallCount = candidates.filter(file => file.fileSize < smallBytes).length;
  const isWorthIt = candidates.length >= fullFileCountMin && smallCount > candidates.length - smallCount;
  return isWorthIt ? { files: candidates } : undefined;
}

/** All files, as they came. */
export function pickAllAppend(files: readonly DataFileMeta[]): AppendCompactUnit[] {
  return files.length === 0 ? [] : [{ files: files.toSorted(compareArrival) }];
}

function compareArrival(a: DataFileMeta, b: DataFileMeta): number {
  if (a.minSequenceNumber !== b.minSequenceNumber) return a.minSequenceNumber < b.minSequenceNumber ? -1 : 1;
  const byTime = (a.creationTimeMs ?? 0) - (b.creationTimeMs ?? 0);
  if (byTime !== 0) return byTime;
  return a.fileName < b.fileName ? -1 : a.fileName > b.fileName ? 1 : 0;
}
