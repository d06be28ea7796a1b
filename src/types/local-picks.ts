/**
 * Picks in about the order in which they lie in their sources. Rows picked in an order in which they jump all over have each
 * value brought from memory by itself; taken source by source they are read as they lie, and jump where they are written,
 * which is a part of the memory small enough for a cache.
 */
import type { BatchIndex } from './gather-values.ts';

/** The same picks: row `rowIndex[j]` of source `batchIndex[j]` is row `places[j]` of the result. */
export type LocalPicks = {
  readonly batchIndex: Uint32Array;
  readonly rowIndex: Uint32Array;
  readonly places: Uint32Array;
};

/** Of fewer rows the sources' values are in a cache soon, and merges of sorted runs hand on no more at a time. */
const rowsMin = 32_768;
/** So many parts of the sources, each of neighbours, which are then read together. */
const partsMax = 2_048;
/** Neighbours of the result looked at to tell whether they jump. */
const sampledMax = 1_024;
/** A pick this near to the one before it is no jump: a few cache lines. */
const nearRows = 64;
/** When fewer of them jump it is not worth it. */
const jumpShare = 0.25;

/**
 * Undefined where it is not worth it: few rows, or rows that follow each other.
 *
 * @param rowCounts of each source
 */
export function localPicks(
  rowCounts: readonly number[],
  { batchIndex, rowIndex }: { readonly batchIndex: BatchIndex; readonly rowIndex: Uint32Array },
): LocalPicks | undefined {
  const count = rowIndex.length;
  if (count < rowsMin) return undefined;
  const firstRows = new Float64Array(rowCounts.length + 1);
  for (const [source, rows] of rowCounts.entries()) firstRows[source + 1] = (firstRows[source] ?? 0) + rows;
  const numberAt = (i: number): number => (firstRows[batchIndex[i] ?? 0] ?? 0) + (rowIndex[i] ?? 0);
  if (!jumps(numberAt, count)) return undefined;
  const perPart = Math.ceil(((firstRows[rowCounts.length] ?? 0) + 1) / partsMax);
  const parts = new Uint16Array(count);
  const ends = new Uint32Array(partsMax + 1);
  for (let i = 0; i < count; i += 1) {
    const part = Math.floor(((firstRows[batchIndex[i] ?? 0] ?? 0) + (rowIndex[i] ?? 0)) / perPart);
    parts[i] = part;
    ends[part + 1] = (ends[part + 1] ?? 0) + 1;
  }
  for (let part = 1; part <= partsMax; part += 1) ends[part] = (ends[part] ?? 0) + (ends[part - 1] ?? 0);
  const local = {
    batchIndex: new Uint32Array(count),
    rowIndex: new Uint32Array(count),
    places: new Uint32Array(count),
  };
  for (let i = 0; i < count; i += 1) {
    const part = parts[i] ?? 0;
    const at = ends[part] ?? 0;
    ends[part] = at + 1;
    local.batchIndex[at] = batchIndex[i] ?? 0;
    local.rowIndex[at] = rowIndex[i] ?? 0;
    local.places[at] = i;
  }
  return local;
}

function jumps(numberAt: (i: number) => number, count: number): boolean {
  const step = Math.floor((count - 1) / sampledMax);
  let found = 0;
  for (let sample = 0; sample < sampledMax; sample += 1) {
    const i = sample * step;
    if (Math.abs(numberAt(i + 1) - numberAt(i)) > nearRows) found += 1;
  }
  return found > sampledMax * jumpShare;
}
