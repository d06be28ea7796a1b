/**
 * Rows of a file with their positions, without those that a deletion vector names or an index rules out. Positions count
 * all rows of the file from 0, also where row groups are left out.
 */
import { present } from '../../base/assert.ts';
import { corrupt } from '../../base/errors.ts';
import type { DataFileContent, DataFileReadOptions } from '../../format/data-file-content.ts';
import { type DeletionVector, deletedPositions, positionsEnd } from '../../format/deletion-vector.ts';
import type { RowSet } from '../../format/file-index/row-set.ts';
import type { RowRanges } from '../../format/row-ranges.ts';
import type { DataField } from '../../types/data-type.ts';
import { takeRows } from '../../types/gather.ts';
import type { RowBatch } from '../../types/row-batch.ts';

export type PositionedBatch = {
  readonly rows: RowBatch;
  /** Of the first row that was read. */
  readonly firstPosition: number;
  /** Row i is the one at `firstPosition + kept[i]`; undefined: at `firstPosition + i`. */
  readonly kept: Uint32Array | undefined;
  /** The late columns of the same rows. */
  readonly late: (() => Promise<RowBatch>) | undefined;
};

export type LeftOut = {
  readonly vector: DeletionVector | undefined;
  /** Rows that can pass the filter; undefined: any. */
  readonly matching: RowSet | undefined;
};

export type RemainingRead = DataFileReadOptions & {
  readonly rowGroups: readonly number[];
  /** Columns that are decoded when they are asked for. */
  readonly lateFields?: readonly DataField[] | undefined;
};

/** Batches are never empty. @param read with late columns only where the file can read them so */
export async function* remainingRows(
  content: DataFileContent,
  read: RemainingRead,
  leftOut: LeftOut,
): AsyncGenerator<PositionedBatch, void, undefined> {
  const walk = new PositionWalk(content, read.rowGroups);
  for await (const { rows, late } of batchesOf(content, read)) {
    const firstPosition = walk.advance(rows.rowCount);
    const kept = keptRows(leftOut, firstPosition, rows.rowCount);
    if (kept === undefined) yield { rows, firstPosition, kept, late };
    else if (kept.length > 0) {
      const lateKept = late === undefined ? undefined : async () => takeRows(await late(), kept);
      yield { rows: takeRows(rows, kept), firstPosition, kept, late: lateKept };
    }
  }
}

async function* batchesOf(
  content: DataFileContent,
  { lateFields, ...options }: RemainingRead,
): AsyncGenerator<Pick<PositionedBatch, 'rows' | 'late'>, void, undefined> {
  if (lateFields !== undefined) yield* present(content.readLate, 'late columns')({ ...options, lateFields });
  else for await (const rows of content.read(options)) yield { rows, late: undefined };
}

/** @throws LakeError `corrupt` LAKE_CORRUPT_VECTOR when the vector names rows that the file does not have */
export function checkVector(vector: DeletionVector, rowCount: number, where: string): void {
  const end = positionsEnd(vector);
  if (end <= rowCount) return;
  throw corrupt('LAKE_CORRUPT_VECTOR', `${where} has ${rowCount} rows, its deletion vector names row ${end - 1}`);
}

/** Rows, counted from `start`, that are not left out; undefined: all. */
function keptRows({ vector, matching }: LeftOut, start: number, count: number): Uint32Array | undefined {
  if (vector === undefined && matching === undefined) return undefined;
  const isOut = new Uint8Array(count);
  if (vector !== undefined) {
    for (const position of deletedPositions(vector, start, start + count)) isOut[position - start] = 1;
  }
  const kept = new Uint32Array(count);
  let keptCount = 0;
  for (let row = 0; row < count; row += 1) {
    if (isOut[row] === 1 || matching?.has(start + row) === false) continue;
    kept[keptCount] = row;
    keptCount += 1;
  }
  return keptCount === count ? undefined : kept.subarray(0, keptCount);
}

/**
 * Clears the flags of rows that are left out.
 *
 * @param flags one for each row of the ranges, which are of a row group that begins at `firstPosition`
 */
export function withoutLeftOut(
  flags: Uint8Array,
  ranges: RowRanges,
  firstPosition: number,
  { vector, matching }: LeftOut,
): void {
  let at = 0;
  for (const { start, end } of ranges) {
    const from = firstPosition + start;
    const to = firstPosition + end;
    if (vector !== undefined) {
      for (const position of deletedPositions(vector, from, to)) flags[at + position - from] = 0;
    }
    if (matching !== undefined) {
      for (let position = from; position < to; position += 1) {
        if (!matching.has(position)) flags[at + position - from] = 0;
      }
    }
    at += to - from;
  }
}

/** Goes along with the batches of a read: they come in order and none reaches over the end of a row group. */
class PositionWalk {
  readonly #groups: readonly { readonly start: number; readonly rowCount: number }[];
  #group = 0;
  #rowInGroup = 0;

  constructor({ rowGroups }: DataFileContent, wanted: readonly number[]) {
    const starts: number[] = [];
    let start = 0;
    for (const { rowCount } of rowGroups) {
      starts.push(start);
      start += rowCount;
    }
    const groups = wanted.map(index => ({
      start: present(starts[index], 'row group'),
      rowCount: present(rowGroups[index], 'row group').rowCount,
    }));
    this.#groups = groups.filter(({ rowCount }) => rowCount > 0);
  }

  /** @returns the position of the first of the next `count` rows */
  advance(count: number): number {
    const { start, rowCount } = present(this.#groups[this.#group], 'row group');
    const position = start + this.#rowInGroup;
    this.#rowInGroup += count;
    if (this.#rowInGroup >= rowCount) {
      this.#group += 1;
      this.#rowInGroup = 0;
    }
    return position;
  }
}
