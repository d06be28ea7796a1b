/**
 * Minima, maxima and null counts of columns, as manifests keep them of data files and partitions.
 *
 * @see spec 4.4, Paimon 1.4.2 SimpleStats, SimpleColStatsCollector
 */
import type { DataType, RowType } from '../types/data-type.ts';
import type { RowBatch } from '../types/row-batch.ts';
import type { Scalar } from '../types/scalar.ts';
import { emptyRow } from './binary-row.ts';
import type { SimpleStats } from './data-file.ts';

/** What is kept of a column; `truncate` cuts strings to that many code points and binaries to that many bytes. */
export type StatsMode =
  | { readonly kind: 'none' | 'counts' | 'full' }
  | { readonly kind: 'truncate'; readonly length: number };

/** Statistics of no column. */
export const emptyStats: SimpleStats = { minValues: emptyRow, maxValues: emptyRow, nullCounts: [] };

export type DecodedStats = {
  readonly min: readonly Scalar[];
  readonly max: readonly Scalar[];
  readonly nullCounts: readonly (bigint | undefined)[];
};

/** Gathers over batches; full width: every column has its place, null where nothing is kept. */
export class StatsCollector {
  constructor(_rowType: RowType, _modeOf: (column: string) => StatsMode) {
    throw new Error('not yet');
  }
  append(_batch: RowBatch): void {
    throw new Error('not yet');
  }
  finish(): SimpleStats {
    throw new Error('not yet');
  }
}

/** Statistics of all columns of one batch. */
export function collectStats(batch: RowBatch, modeOf: (column: string) => StatsMode): SimpleStats {
  const collector = new StatsCollector(batch.rowType, modeOf);
  collector.append(batch);
  return collector.finish();
}

/** Statistics of rows given as values, untruncated: the partitions of a manifest's entries. */
export function statsOfRows(_types: readonly DataType[], _rows: readonly (readonly Scalar[])[]): SimpleStats {
  throw new Error('not yet');
}

/** @throws LakeError `corrupt` LAKE_CORRUPT_ROW */
export function decodeStats(_stats: SimpleStats, _types: readonly DataType[]): DecodedStats {
  throw new Error('not yet');
}
