/**
 * Columns whose result is computed of their values: sums, products, conjunctions, lists, sets, maps.
 *
 * @see spec 9.3; Paimon 1.4.2 FieldSumAgg, FieldProductAgg, FieldBoolAndAgg, FieldBoolOrAgg, FieldListaggAgg,
 * FieldRoaringBitmap32Agg
 */
import { assert, present } from '../base/assert.ts';
import type { ColumnAggregate } from '../format/aggregate-options.ts';
import { decodeRoaring, encodeRoaringBitmap } from '../format/roaring.ts';
import { uniteRoaring } from '../format/roaring-union.ts';
import { decodeRoaring64, encodeRoaring64, uniteRoaring64 } from '../format/roaring64.ts';
import { ColumnBuilder } from '../types/column-builder.ts';
import { columnReader } from '../types/column-reader.ts';
import type { DataType } from '../types/data-type.ts';
import type { Column } from '../types/row-batch.ts';
import type { Scalar } from '../types/scalar.ts';
import { type Arithmetic, arithmeticOf } from './arithmetic.ts';
import type { ColumnFold } from './fold-groups.ts';
import { step } from './fold-steps.ts';
import {
  collectOf,
  mergeMapOf,
  mergeMapWithTimeOf,
  nestedPartialUpdateOf,
  nestedUpdateOf,
} from './nested-aggregates.ts';
import { retractRefused } from './retract-refused.ts';
import type { ValueAggregate } from './value-aggregate.ts';

export function foldValues(fold: ColumnFold, aggregate: ColumnAggregate): Column {
  const { groups, field, columns, steps } = fold;
  const { starts, sourceIndex, rowIndex } = groups;
  const readers = columns.map(column => columnReader(column, field.type));
  const made = valueAggregate(field.name, field.type, aggregate);
  const { add, retract } = made;
  const addOlder = made.addOlder ?? ((held: Scalar, value: Scalar) => add(value, held));
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
      if (taken === step.add) held = add(held, value);
      else if (taken === step.addOlder) held = addOlder(held, value);
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
      return { add: withNulls((held, value) => held === true && value === true), retract: refuse };
    case 'bool_or':
      return { add: withNulls((held, value) => held === true || value === true), retract: refuse };
    case 'listagg':
      return { add: withNulls((held, value) => listed(String(held), String(value), aggregate)), retract: refuse };
    case 'rbm32':
      return { add: withNulls((held, value) => bitmapUnion(held, value, column)), retract: refuse };
    case 'rbm64':
      return { add: withNulls((held, value) => bitmap64Union(held, value, column)), retract: refuse };
    case 'collect':
      return collectOf(type, aggregate);
    case 'merge_map':
      return mergeMapOf(type);
    case 'merge_map_with_keytime':
      return { ...mergeMapWithTimeOf(type, aggregate), retract: refuse };
    case 'nested_update':
      return nestedUpdateOf(type, aggregate);
    case 'nested_partial_update':
      return { ...nestedPartialUpdateOf(type, aggregate), retract: refuse };
    default:
      assert(false, `${aggregate.name} picks a value`);
  }
}

function withNulls(add: (held: NonNullable<Scalar>, value: NonNullable<Scalar>) => Scalar): ValueAggregate['add'] {
  return (held, value) => (held === null || value === null ? (held ?? value) : add(held, value));
}

/** Of two serialized sets of 32-bit numbers. */
function bitmapUnion(held: Scalar, value: Scalar, column: string): Scalar {
  const [a, b] = [held, value].map(bytes => {
    assert(bytes instanceof Uint8Array, 'a bitmap is bytes');
    return decodeRoaring(bytes, 0, `column \`${column}\``).bitmap;
  });
  return encodeRoaringBitmap(uniteRoaring(present(a, 'bitmap'), present(b, 'bitmap')));
}

/** Of two serialized sets of 64-bit numbers. */
function bitmap64Union(held: Scalar, value: Scalar, column: string): Scalar {
  const [a, b] = [held, value].map(bytes => {
    assert(bytes instanceof Uint8Array, 'a bitmap is bytes');
    return decodeRoaring64(bytes, `column \`${column}\``);
  });
  return encodeRoaring64(uniteRoaring64(present(a, 'bitmap'), present(b, 'bitmap')));
}

function sumOf(numbers: Arithmetic): ValueAggregate {
  return {
    add: withNulls(numbers.add),
    retract: (held, value) => {
      if (value === null) return held;
      return held === null ? numbers.negate(value) : numbers.subtract(held, value);
    },
  };
}

function productOf(numbers: Arithmetic): ValueAggregate {
  return {
    add: withNulls(numbers.multiply),
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
