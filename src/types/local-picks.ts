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

/** Of fewer rows the sources' values are in a cache soon. */
const rowsMin = 32_768;
/** So many parts of the sources, each of neighbours, which are then read together. */
const partsMax = 2_048;
/** Stretches of the result looked at to tell whether its picks jump, each of so many. */
const stretchCount = 8;
const stretchRows = 512;
/** A pick this near to the one before it of its source is no jump: a few cache lines. */
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
  if (count < rowsMin || !jumps(rowCounts.length, { batchIndex, rowIndex })) return undefined;
  const firstRows = new Float64Array(rowCounts.length + 1);
  for (const [source, rows] of rowCounts.entries()) firstRows[source + 1] = (firstRows[source] ?? 0) + rows;
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

/**
 * A merge takes its sources in turns, and of each one row after the other: that is no jump, since all are read as they lie. Sources so
 * many that a stretch seldom comes to one twice are jumped between.
 */
function jumps(
  sourceCount: number,
  { batchIndex, rowIndex }: { readonly batchIndex: BatchIndex; readonly rowIndex: Uint32Array },
): boolean {
  const before = new Int32Array(sourceCount);
  const step = Math.floor((rowIndex.length - stretchRows) / stretchCount);
  let looked = 0;
  let found = 0;
  for (let stretch = 0; stretch < stretchCount; stretch += 1) {
    before.fill(-1);
    for (let i = stretch * step; i < stretch * step + stretchRows; i += 1) {
      const source = batchIndex[i] ?? 0;
      const row = rowIndex[i] ?? 0;
      const last = before[source] ?? 0;
      before[source] = row;
      if (last < 0) continue;
      looked += 1;
      if (Math.abs(row - last) > nearRows) found += 1;
    }
  }
  const seldomTwice = looked * 2 < stretchCount * stretchRows;
  return seldomTwice || found > looked * jumpShare;
}
