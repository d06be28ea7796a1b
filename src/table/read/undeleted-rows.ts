/**
 * Rows of a file with their positions, without those that a deletion vector names. Positions count all rows of the file
 * from 0, also where row groups are left out.
 */
import { present } from '../../base/assert.ts';
import { corrupt } from '../../base/errors.ts';
import { type DeletionVector, deletedPositions, positionsEnd } from '../../format/deletion-vector.ts';
import type { ParquetFile, ParquetReadOptions } from '../../format/parquet/reader.ts';
import { takeRows } from '../../types/gather.ts';
import type { RowBatch } from '../../types/row-batch.ts';

export type PositionedBatch = {
  readonly rows: RowBatch;
  /** Of the first row that was read. */
  readonly firstPosition: number;
  /** Row i is the one at `firstPosition + kept[i]`; undefined: at `firstPosition + i`. */
  readonly kept: Uint32Array | undefined;
};

/** @param options with the row groups to read; batches are never empty */
export async function* undeletedRows(
  parquet: ParquetFile,
  options: ParquetReadOptions & { readonly rowGroups: readonly number[] },
  vector: DeletionVector | undefined,
): AsyncGenerator<PositionedBatch, void, undefined> {
  const walk = new PositionWalk(parquet, options.rowGroups);
  for await (const rows of parquet.read(options)) {
    const firstPosition = walk.advance(rows.rowCount);
    const kept = vector === undefined ? undefined : keptRows(vector, firstPosition, rows.rowCount);
    if (kept === undefined) yield { rows, firstPosition, kept };
    else if (kept.length > 0) yield { rows: takeRows(rows, kept), firstPosition, kept };
  }
}

/** @throws LakeError `corrupt` LAKE_CORRUPT_VECTOR when the vector names rows that the file does not have */
export function checkVector(vector: DeletionVector, rowCount: number, where: string): void {
  const end = positionsEnd(vector);
  if (end <= rowCount) return;
  throw corrupt('LAKE_CORRUPT_VECTOR', `${where} has ${rowCount} rows, its deletion vector names row ${end - 1}`);
}

/** Rows, counted from `start`, that the vector does not name; undefined: all. */
function keptRows(vector: DeletionVector, start: number, count: number): Uint32Array | undefined {
  const kept = new Uint32Array(count);
  let keptCount = 0;
  let next = 0;
  for (const position of deletedPositions(vector, start, start + count)) {
    for (; next < position - start; next += 1) {
      kept[keptCount] = next;
      keptCount += 1;
    }
    next += 1;
  }
  if (keptCount === next) return undefined;
  for (; next < count; next += 1) {
    kept[keptCount] = next;
    keptCount += 1;
  }
  return kept.subarray(0, keptCount);
}

/** Goes along with the batches of a read: they come in order and none reaches over the end of a row group. */
class PositionWalk {
  readonly #groups: readonly { readonly start: number; readonly rowCount: number }[];
  #group = 0;
  #rowInGroup = 0;

  constructor({ rowGroups }: ParquetFile, wanted: readonly number[]) {
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
