/**
 * Whether a set of rows, of which only ranges are known, can hold a row that a predicate lets through. Used on
 * partitions, manifests, files and row groups. "true" means maybe; "false" is certain.
 */
import { unreachable } from '../base/assert.ts';
import { compareScalars } from './compare.ts';
import { type DataType, fieldIndex, type RowType } from './data-type.ts';
import type { CompareOp, Predicate } from './predicate.ts';
import type { Scalar } from './scalar.ts';

/** What is known of a column's values: bounds (inclusive, need not occur), nulls. */
export type ColumnRange = {
  /** null: not known (no values, or no statistics) */
  readonly min: Scalar;
  readonly max: Scalar;
  /** undefined: not known */
  readonly nullCount: number | undefined;
};

export type RangeLookup = (column: string) => ColumnRange | undefined;

/** @param rowCount rows of the set, nulls included */
export function mayMatch(predicate: Predicate, rowType: RowType, ranges: RangeLookup, rowCount: number): boolean {
  switch (predicate.kind) {
    case 'and':
      return predicate.children.every(child => mayMatch(child, rowType, ranges, rowCount));
    case 'or':
      return predicate.children.some(child => mayMatch(child, rowType, ranges, rowCount));
    case 'not':
      // Ranges of a predicate say nothing certain about its opposite.
      return true;
    case 'is-null': {
      const range = ranges(predicate.column);
      return range?.nullCount === undefined || range.nullCount > 0;
    }
    case 'is-not-null':
      return !allNull(ranges(predicate.column), rowCount);
    case 'compare':
      return (
        predicate.value !== null &&
        rangeMatches(predicate.column, predicate.op, predicate.value, rowType, ranges, rowCount)
      );
    case 'in':
      return predicate.values.some(
        value => value !== null && rangeMatches(predicate.column, '=', value, rowType, ranges, rowCount),
      );
    default:
      return unreachable(predicate);
  }
}

function allNull(range: ColumnRange | undefined, rowCount: number): boolean {
  return range?.nullCount !== undefined && range.nullCount >= rowCount;
}

function rangeMatches(
  column: string,
  op: CompareOp,
  value: Scalar,
  rowType: RowType,
  ranges: RangeLookup,
  rowCount: number,
): boolean {
  const range = ranges(column);
  if (range === undefined) return true;
  if (allNull(range, rowCount)) return false;
  const type = rowType.fields[fieldIndex(rowType, column)]?.type;
  if (type === undefined || range.min === null || range.max === null) return true;
  return boundsMatch(type, op, value, range);
}

function boundsMatch(type: DataType, op: CompareOp, value: Scalar, range: ColumnRange): boolean {
  // NaN is outside of every statistic, and greater than all in our order: bounds can't speak for it.
  const floating = type.kind === 'float' || type.kind === 'double';
  if (floating && (op === '>' || op === '>=' || op === '<>' || Number.isNaN(value))) return true;
  const toMin = compareScalars(type, value, range.min);
  const toMax = compareScalars(type, value, range.max);
  switch (op) {
    case '=':
      return toMin >= 0 && toMax <= 0;
    case '<>':
      // Bounds of strings may be cut, so equal bounds prove nothing for them.
      return !(toMin === 0 && toMax === 0) || type.kind === 'char' || type.kind === 'varchar';
    case '<':
      return toMin > 0;
    case '<=':
      return toMin >= 0;
    case '>':
      return toMax < 0;
    case '>=':
      return toMax <= 0;
    default:
      return unreachable(op);
  }
}

/** The conjuncts of a predicate: what all rows must pass, each by itself. */
export function conjuncts(predicate: Predicate | undefined): readonly Predicate[] {
  if (predicate === undefined) return [];
  return predicate.kind === 'and' ? predicate.children.flatMap(conjuncts) : [predicate];
}

export function columnsOf(predicate: Predicate): ReadonlySet<string> {
  switch (predicate.kind) {
    case 'and':
    case 'or':
      return new Set(predicate.children.flatMap(child => [...columnsOf(child)]));
    case 'not':
      return columnsOf(predicate.child);
    default:
      return new Set([predicate.column]);
  }
}

/** Those conjuncts that speak of the given columns only, as one predicate; undefined when there are none. */
export function restrictTo(predicate: Predicate | undefined, columns: readonly string[]): Predicate | undefined {
  const kept = conjuncts(predicate).filter(part => [...columnsOf(part)].every(column => columns.includes(column)));
  if (kept.length === 0) return undefined;
  return kept.length === 1 ? kept[0] : { kind: 'and', children: kept };
}
