/**
 * Minima, maxima and null counts of columns, as manifests keep them of data files and partitions.
 *
 * Ours are written at full width: each column has its place, null where nothing is kept, so that readers which do not
 * know of columns left out read them right.
 *
 * @see spec 4.4, Paimon 1.4.2 SimpleStats, SimpleColStatsCollector, TruncateSimpleColStatsCollector
 */
import { assert } from '../base/assert.ts';
import { compareScalars } from '../types/compare.ts';
import { type DataType, isAtomic, type RowType } from '../types/data-type.ts';
import type { RowBatch } from '../types/row-batch.ts';
import type { Scalar } from '../types/scalar.ts';
import { emptyRow, rowReader, serializeRow } from './binary-row.ts';
import { arityOf } from './binary-row-reader.ts';
import { type ColumnExtremes, columnExtremes, hasExtremes, highZero, lowZero } from './column-extremes.ts';
import type { SimpleStats } from './data-file.ts';

/** What is kept of a column; `truncate` cuts strings to that many code points. */
export type StatsMode =
  | { readonly kind: 'none' | 'counts' | 'full' }
  | { readonly kind: 'truncate'; readonly length: number };

/** Of key columns all is kept whatever a table's options say, as Paimon does. */
export const keyStatsMode = (): StatsMode => ({ kind: 'full' });

/** Statistics of no column. */
export const emptyStats: SimpleStats = { minValues: emptyRow, maxValues: emptyRow, nullCounts: [] };

/** Null is not known, for a range as for a count. */
export type DecodedStats = {
  readonly min: readonly Scalar[];
  readonly max: readonly Scalar[];
  readonly nullCounts: readonly (bigint | undefined)[];
};

/** Gathers over the batches of a file. */
export class StatsCollector {
  readonly #types: readonly DataType[];
  readonly #modes: readonly StatsMode[];
  readonly #columns: readonly ColumnState[];

  constructor(rowType: RowType, modeOf: (column: string) => StatsMode) {
    this.#types = rowType.fields.map(field => field.type);
    this.#modes = rowType.fields.map(field => modeOf(field.name));
    this.#columns = rowType.fields.map(() => ({ nullCount: 0, min: null, max: null, ranged: true }));
  }

  append(batch: RowBatch): void {
    assert(batch.columns.length === this.#types.length, 'the batch has the columns of the collector');
    for (const [index, state] of this.#columns.entries()) {
      const type = this.#types[index];
      const column = batch.columns[index];
      const mode = this.#modes[index];
      assert(type !== undefined && column !== undefined && mode !== undefined, 'a type and a mode for each column');
      if (mode.kind === 'none' || !isAtomic(type)) continue;
      const found =
        mode.kind !== 'counts' && state.ranged && hasExtremes(type)
          ? columnExtremes(column, type)
          : { nullCount: column.nullCount, min: null, max: null, ranged: false };
      add(state, type, found);
    }
  }

  /**
   * As `append`, of rows in which somebody has looked already.
   *
   * @param found as `columnExtremes`; of a nested column undefined
   */
  appendFound(found: readonly (ColumnExtremes | undefined)[]): void {
    assert(found.length === this.#types.length, 'extremes of each column of the collector');
    for (const [index, state] of this.#columns.entries()) {
      const [type, mode, ofColumn] = [this.#types[index], this.#modes[index], found[index]];
      assert(type !== undefined && mode !== undefined, 'a type and a mode for each column');
      if (mode.kind === 'none' || !isAtomic(type)) continue;
      assert(ofColumn !== undefined, 'extremes of each column that is not nested');
      const isRanged = mode.kind !== 'counts' && hasExtremes(type);
      add(state, type, isRanged ? ofColumn : { nullCount: ofColumn.nullCount, min: null, max: null, ranged: false });
    }
  }

  finish(): SimpleStats {
    const ranges = this.#columns.map((state, index) => truncated(state, this.#modes[index]));
    return {
      minValues: serializeRow(
        this.#types,
        ranges.map(range => range.min),
      ),
      maxValues: serializeRow(
        this.#types,
        ranges.map(range => range.max),
      ),
      nullCounts: this.#columns.map((state, index) => this.#nullCountOf(state, index)),
    };
  }

  #nullCountOf(state: ColumnState, index: number): bigint | undefined {
    const type = this.#types[index];
    if (this.#modes[index]?.kind === 'none' || type === undefined || !isAtomic(type)) return undefined;
    return BigInt(state.nullCount);
  }
}

/** Statistics of all columns of one batch. */
export function collectStats(batch: RowBatch, modeOf: (column: string) => StatsMode): SimpleStats {
  const collector = new StatsCollector(batch.rowType, modeOf);
  collector.append(batch);
  return collector.finish();
}

/** Statistics of rows given as values, untruncated: the partitions of a manifest's entries. */
export function statsOfRows(types: readonly DataType[], rows: readonly (readonly Scalar[])[]): SimpleStats {
  if (types.length === 0) return emptyStats;
  const states = types.map((): ColumnState => ({ nullCount: 0, min: null, max: null, ranged: true }));
  for (const row of rows) {
    for (const [index, state] of states.entries()) {
      const type = types[index];
      const value = row[index] ?? null;
      assert(type !== undefined, 'a type for each column');
      if (value === null) state.nullCount += 1;
      else widen(state, type, { min: value, max: value });
    }
  }
  return {
    minValues: serializeRow(
      types,
      states.map(state => state.min),
    ),
    maxValues: serializeRow(
      types,
      states.map(state => state.max),
    ),
    nullCounts: states.map(state => BigInt(state.nullCount)),
  };
}

/**
 * The values of statistics that cover columns of these types, in that order; nothing is known of any column when they
 * are empty. Ranges come out safe to prune by: none where a NaN takes part, both zeros where one does.
 *
 * @throws LakeError `corrupt` LAKE_CORRUPT_ROW
 */
export function decodeStats(stats: SimpleStats, types: readonly DataType[]): DecodedStats {
  const min = decodeValues(stats.minValues, types);
  const max = decodeValues(stats.maxValues, types);
  for (const [index, type] of types.entries()) {
    if (type.kind !== 'float' && type.kind !== 'double') continue;
    const low = min[index];
    const high = max[index];
    const ranged = typeof low === 'number' && typeof high === 'number' && low <= high;
    min[index] = ranged ? lowZero(low) : null;
    max[index] = ranged ? highZero(high) : null;
  }
  return { min, max, nullCounts: types.map((_, index) => stats.nullCounts[index]) };
}

function decodeValues(bytes: Uint8Array, types: readonly DataType[]): Scalar[] {
  if (arityOf(bytes) === 0) return types.map(() => null);
  const read = rowReader(bytes, types);
  return types.map((type, index) => (isAtomic(type) ? read(index) : null));
}

type ColumnState = { nullCount: number; min: Scalar; max: Scalar; ranged: boolean };

function add(state: ColumnState, type: DataType, found: ColumnExtremes): void {
  state.nullCount += found.nullCount;
  state.ranged &&= found.ranged;
  widen(state, type, found);
}

function widen(state: ColumnState, type: DataType, found: { readonly min: Scalar; readonly max: Scalar }): void {
  if (found.min !== null && (state.min === null || compareScalars(type, found.min, state.min) < 0)) {
    state.min = found.min;
  }
  if (found.max !== null && (state.max === null || compareScalars(type, found.max, state.max) > 0)) {
    state.max = found.max;
  }
}

function truncated(state: ColumnState, mode: StatsMode | undefined): { min: Scalar; max: Scalar } {
  if (!state.ranged) return { min: null, max: null };
  const { min, max } = state;
  if (mode?.kind !== 'truncate' || typeof min !== 'string' || typeof max !== 'string') return { min, max };
  const cut = truncateMax(max, mode.length);
  return cut === undefined ? { min: null, max: null } : { min: truncateMin(min, mode.length), max: cut };
}

/** The first code points: at or below the text. */
export function truncateMin(text: string, length: number): string {
  return text.length <= length ? text : codePoints(text, length).join('');
}

/**
 * A text of at most so many code points at or above the given one: the first code points, the last that can be counted
 * up counted up by one. Undefined when none can.
 */
export function truncateMax(text: string, length: number): string | undefined {
  if (text.length <= length) return text;
  const points = codePoints(text, length);
  if (points.join('').length === text.length) return text;
  while (points.length > 0) {
    const next = nextCodePoint(points.pop()?.codePointAt(0) ?? 0);
    if (next !== undefined) return points.join('') + String.fromCodePoint(next);
  }
  return undefined;
}

function codePoints(text: string, length: number): string[] {
  const points: string[] = [];
  for (const point of text) {
    if (points.length === length) break;
    points.push(point);
  }
  return points;
}

/** Surrogates are passed over: they do not stand alone in UTF-8. */
function nextCodePoint(point: number): number | undefined {
  if (point === 0x10ffff) return undefined;
  return point === 0xd7ff ? 0xe000 : point + 1;
}
