/**
 * Which rows of the batches in memory can be merged at once: all whose heads are below a bound that every batch reaches, and
 * not more than there is room for. Pure.
 */
import type { BatchKeys } from './key-order.ts';

/** Where a merge stands in a batch. */
export type BatchPosition = { readonly keys: BatchKeys; readonly row: number; readonly isEnded: boolean };

/** A block of fewer rows is not worth the passes over it. */
export const blockRowsMin = 512;
/** The bound is brought nearer so many times, each time by what there is too much of the longest part. */
const boundStepsMax = 24;

/**
 * For each batch the end of its rows in the block; undefined: there is no block worth it. Rows of one head are in it all or
 * not at all, and at least one row of a batch stays out.
 */
export function blockEnds(batches: readonly BatchPosition[], rowsMax: number): Uint32Array | undefined {
  if (rowsMax < blockRowsMin) return undefined;
  let bound = Number.POSITIVE_INFINITY;
  for (const { keys, isEnded } of batches) {
    if (!isEnded) bound = Math.min(bound, keys.heads[keys.rowCount - 1] ?? bound);
  }
  const ends = new Uint32Array(batches.length);
  for (let step = 0; step < boundStepsMax; step += 1) {
    let rowCount = 0;
    let longest: BatchPosition | undefined;
    let longestCount = 0;
    for (const [index, batch] of batches.entries()) {
      const end = batch.isEnded ? batch.row : firstAtLeast(batch.keys.heads, bound, batch);
      ends[index] = end;
      const count = end - batch.row;
      rowCount += count;
      if (count <= longestCount) continue;
      longest = batch;
      longestCount = count;
    }
    if (rowCount < blockRowsMin || longest === undefined) return undefined;
    if (rowCount <= rowsMax) return ends;
    const { keys, row } = longest;
    bound = keys.heads[row + Math.floor(longestCount * (rowsMax / rowCount))] ?? bound;
  }
  return undefined;
}

/** The first row from the batch's on whose head is not below the bound; as many rows as there are when all are. */
function firstAtLeast(heads: Float64Array, bound: number, { row, keys }: BatchPosition): number {
  let low = row;
  let high = keys.rowCount;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((heads[middle] ?? 0) < bound) low = middle + 1;
    else high = middle;
  }
  return low;
}
