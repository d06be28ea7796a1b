/**
 * Columns whose result is computed of their values: sums, products, conjunctions, lists as text.
 *
 * @see spec 9.3; Paimon 1.4.2 FieldSumAgg, FieldProductAgg, FieldBoolAndAgg, FieldBoolOrAgg, FieldListaggAgg
 */
import { assert } from '../base/assert.ts';
import type { ColumnAggregate } from '../format/merge-options.ts';
import { ColumnBuilder } from '../types/column-builder.ts';
import { columnReader } from '../types/column-reader.ts';
import type { DataType } from '../types/data-type.ts';
import type { Column } from '../types/row-batch.ts';
import type { Scalar } from '../types/scalar.ts';
import { type Arithmetic, arithmeticOf } from './arithmetic.ts';
import type { ColumnFold } from './fold-groups.ts';
import { step } from './fold-steps.ts';
import { retractRefused } from './retract-refused.ts';

/** Of values that are not null. */
type ValueAggregate = {
  readonly add: (held: NonNullable<Scalar>, value: NonNullable<Scalar>) => Scalar;
  /** Either may be null. */
  readonly retract: (held: Scalar, value: Scalar) => Scalar;
};

export function foldValues(fold: ColumnFold, aggregate: ColumnAggregate): Column {
  const { groups, field, columns, steps } = fold;
  const { starts, sourceIndex, rowIndex } = groups;
  const readers = columns.map(column => columnReader(column, field.type));
  const { add, retract } = valueAggregate(field.name, field.type, aggregate);
  const addValue = (held: Scalar, value: Scalar): Scalar =>
    held === null ? value : value === null ? held : add(held, value);
  const builder = new ColumnBuilder(field.type);
  const groupCount = starts === undefined ? rowIndex.length : starts.length - 1;
  for (let group = 0; group < groupCount; group += 1) {
    const start = starts === undefined ? group : (starts[group] ?? 0);
    const end = starts === undefined ? group + 1 : (starts[group + 1] ?? 0);
    let held: Scalar = null;
    for (let entry = start; entry < end; entry += 1) {
      const taken = steps[entry] ?? step.keep;
      if (taken === step.keep) continue;
      if (taken === step.clear) {
        held = null;
        continue;
      }
      const value = readers[sourceIndex[entry] ?? 0]?.(rowIndex[entry] ?? 0) ?? null;
      if (taken === step.add) held = addValue(held, value);
      else if (taken === step.addOlder) held = addValue(value, held);
      else if (taken === step.retract) held = retract(held, value);
      else if (taken === step.setAndRetract) held = retract(value, value);
      else if (taken === step.set || value !== null) held = value;
    }
    builder.append(held);
  }
  return builder.finish();
}

function valueAggregate(column: string, type: DataType, aggregate: ColumnAggregate): ValueAggregate {
  const refuse = (): Scalar => {
    throw retractRefused(column, aggregate.name);
  };
  const made = madeAggregate(column, type, aggregate, refuse);
  return aggregate.ignoresRetract ? { ...made, retract: held => held } : made;
}

function madeAggregate(
  column: string,
  type: DataType,
  aggregate: ColumnAggregate,
  refuse: () => Scalar,
): ValueAggregate {
  switch (aggregate.name) {
    case 'sum':
      return sumOf(arithmeticOf(type, column));
    case 'product':
      return productOf(arithmeticOf(type, column));
    case 'bool_and':
      return { add: (held, value) => held === true && value === true, retract: refuse };
    case 'bool_or':
      return { add: (held, value) => held === true || value === true, retract: refuse };
    case 'listagg':
      return { add: (held, value) => listed(String(held), String(value), aggregate), retract: refuse };
    default:
      assert(false, `${aggregate.name} picks a value`);
  }
}

function sumOf(numbers: Arithmetic): ValueAggregate {
  return {
    add: (held, value) => numbers.add(held, value),
    retract: (held, value) => {
      if (value === null) return held;
      return held === null ? numbers.negate(value) : numbers.subtract(held, value);
    },
  };
}

function productOf(numbers: Arithmetic): ValueAggregate {
  return {
    add: (held, value) => numbers.multiply(held, value),
    retract: (held, value) => (held === null || value === null ? held : numbers.divide(held, value)),
  };
}

function listed(held: string, value: string, { delimiter, isDistinct }: ColumnAggregate): string {
  if (value === '') return held;
  if (held === '') return value;
  if (!isDistinct) return held + delimiter + value;
  const parts = new Set(held.split(delimiter));
  let out = held;
  for (const part of value.split(delimiter)) {
    if (part === '' || parts.has(part)) continue;
    parts.add(part);
    out += delimiter + part;
  }
  return out;
}
