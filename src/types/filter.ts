/**
 * Predicates over batches, column by column, in SQL's three-valued logic: a comparison with null is neither true nor
 * false, and a row is kept only where the whole predicate is true. Values compare as `compareScalars` orders them, so
 * NaN equals itself and −0.0 is less than 0.0, as in Paimon.
 */
import { present, unreachable } from '../base/assert.ts';
import { invalid } from '../base/errors.ts';
import { columnReader } from './column-reader.ts';
import type { DataType } from './data-type.ts';
import { columnTest, type Truth, truthFalse, truthNull, truthTrue } from './filter-column.ts';
import { takeRows } from './gather.ts';
import type { CompareOp, Predicate } from './predicate.ts';
import { type Column, isValid, type RowBatch } from './row-batch.ts';
import type { Scalar } from './scalar.ts';

/** 1 for each row where the predicate is true, else 0. */
export function evaluatePredicate(predicate: Predicate, batch: RowBatch): Uint8Array {
  const truths = evaluate(predicate, batch);
  for (let row = 0; row < truths.length; row += 1) if (truths[row] !== truthTrue) truths[row] = 0;
  return truths;
}

/** The rows where the predicate is true, in order. */
export function selectRows(batch: RowBatch, predicate: Predicate): RowBatch {
  const kept = evaluatePredicate(predicate, batch);
  const rowIndex = new Uint32Array(kept.length);
  let count = 0;
  for (let row = 0; row < kept.length; row += 1) {
    rowIndex[count] = row;
    count += kept[row] ?? 0;
  }
  return count === batch.rowCount ? batch : takeRows(batch, rowIndex.subarray(0, count));
}

/** The names of the columns a predicate looks at. */
export function predicateColumns(predicate: Predicate): ReadonlySet<string> {
  const names = new Set<string>();
  const visit = (node: Predicate): void => {
    switch (node.kind) {
      case 'and':
      case 'or':
        node.children.forEach(visit);
        return;
      case 'not':
        visit(node.child);
        return;
      default:
        names.add(node.column);
    }
  };
  visit(predicate);
  return names;
}

/** A truth for each row, in an array of its own. */
function evaluate(predicate: Predicate, batch: RowBatch): Uint8Array {
  switch (predicate.kind) {
    case 'compare':
      return compareTruths(predicate, batch);
    case 'is-null':
    case 'is-not-null': {
      const { column } = columnNamed(batch, predicate.column);
      const valid = predicate.kind === 'is-not-null';
      return Uint8Array.from({ length: batch.rowCount }, (_, row) => (isValid(column, row) === valid ? 1 : 0));
    }
    case 'in':
      return inTruths(predicate, batch);
    case 'and':
      return foldChildren(predicate.children, batch, { empty: truthTrue, decides: truthFalse });
    case 'or':
      return foldChildren(predicate.children, batch, { empty: truthFalse, decides: truthTrue });
    case 'not': {
      const truths = evaluate(predicate.child, batch);
      for (let row = 0; row < truths.length; row += 1)
        if (truths[row] !== truthNull) truths[row] = 1 - (truths[row] ?? 0);
      return truths;
    }
    default:
      return unreachable(predicate);
  }
}

function columnNamed(batch: RowBatch, name: string): { column: Column; type: DataType } {
  const index = batch.rowType.fields.findIndex(field => field.name === name);
  const field = batch.rowType.fields[index];
  if (field === undefined)
    throw invalid('LAKE_UNKNOWN_COLUMN', `the predicate names column ${name}, which is not there`);
  return { column: present(batch.columns[index], 'column'), type: field.type };
}

function compareTruths(predicate: { op: CompareOp; column: string; value: Scalar }, batch: RowBatch): Uint8Array {
  const { column, type } = columnNamed(batch, predicate.column);
  const truths = new Uint8Array(batch.rowCount);
  if (predicate.value === null) return truths.fill(truthNull);
  columnTest(column, type, predicate.value)(truths, outcomesOf(predicate.op));
  maskNulls(truths, column);
  return truths;
}

/** The truth of an operator for a value less than, equal to and greater than the literal. */
function outcomesOf(op: CompareOp): { less: Truth; equal: Truth; greater: Truth } {
  switch (op) {
    case '=':
      return { less: truthFalse, equal: truthTrue, greater: truthFalse };
    case '<>':
      return { less: truthTrue, equal: truthFalse, greater: truthTrue };
    case '<':
      return { less: truthTrue, equal: truthFalse, greater: truthFalse };
    case '<=':
      return { less: truthTrue, equal: truthTrue, greater: truthFalse };
    case '>':
      return { less: truthFalse, equal: truthFalse, greater: truthTrue };
    case '>=':
      return { less: truthFalse, equal: truthTrue, greater: truthTrue };
    default:
      return unreachable(op);
  }
}

/** From so many values on a hash look-up a row is cheaper than a pass over the column for each value. */
const passesMax = 8;

function inTruths(predicate: { column: string; values: readonly Scalar[] }, batch: RowBatch): Uint8Array {
  const { column, type } = columnNamed(batch, predicate.column);
  const values = predicate.values.filter(value => value !== null);
  const truths = new Uint8Array(batch.rowCount);
  if (values.length > passesMax) {
    const wanted = new Set(values.map(hashKey));
    const read = columnReader(column, type);
    for (let row = 0; row < truths.length; row += 1) truths[row] = wanted.has(hashKey(read(row))) ? 1 : 0;
  } else {
    const found = new Uint8Array(batch.rowCount);
    for (const value of values) {
      columnTest(column, type, value)(found, outcomesOf('='));
      for (let row = 0; row < truths.length; row += 1) truths[row] = (truths[row] ?? 0) | (found[row] ?? 0);
    }
  }
  // Not among the values, but one of them is null: nobody knows.
  if (values.length < predicate.values.length) {
    for (let row = 0; row < truths.length; row += 1) if (truths[row] === truthFalse) truths[row] = truthNull;
  }
  if (predicate.values.length > 0) maskNulls(truths, column);
  return truths;
}

/** Equal for equal scalars of one type. */
function hashKey(value: Scalar): Scalar {
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.length).toString('latin1');
  return Object.is(value, -0) ? '-0' : value;
}

function maskNulls(truths: Uint8Array, column: Column): void {
  if (column.nullCount === 0) return;
  for (let row = 0; row < truths.length; row += 1) if (!isValid(column, row)) truths[row] = truthNull;
}

function foldChildren(
  children: readonly Predicate[],
  batch: RowBatch,
  logic: { readonly empty: Truth; readonly decides: Truth },
): Uint8Array {
  const truths = new Uint8Array(batch.rowCount).fill(logic.empty);
  for (const child of children) {
    const more = evaluate(child, batch);
    for (let row = 0; row < truths.length; row += 1) {
      const a = truths[row];
      const b = more[row];
      if (a === logic.decides || b === logic.decides) truths[row] = logic.decides;
      else if (a === truthNull || b === truthNull) truths[row] = truthNull;
    }
  }
  return truths;
}
