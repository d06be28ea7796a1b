/**
 * Columns whose result is one of their values, or null: for each group the entry that has it. No value is moved here.
 *
 * @see Paimon 1.4.2 FieldLastValueAgg and its siblings, FieldMaxAgg, FieldMinAgg
 */
import { assert } from '../base/assert.ts';
import type { ColumnAggregate } from '../format/aggregate-options.ts';
import { columnReader } from '../types/column-reader.ts';
import { compareScalars } from '../types/compare.ts';
import { isValid } from '../types/row-batch.ts';
import type { ColumnFold } from './fold-groups.ts';
import { step } from './fold-steps.ts';
import { retractRefused } from './retract-refused.ts';

/** No entry: the value is null. */
const none = -1;

/** Takes the place of `held`, an entry or -1, when `entry` comes in; both may be of null values. */
type PickAggregate = {
  /** Before the first row of a group. */
  readonly reset: () => void;
  readonly add: (held: number, entry: number) => number;
  readonly retract: (held: number, entry: number) => number;
};

/** @returns for each group an entry, or -1 for null */
export function foldPicks(fold: ColumnFold, aggregate: ColumnAggregate | undefined): Int32Array {
  const { starts, rowIndex } = fold.groups;
  const groupCount = starts === undefined ? rowIndex.length : starts.length - 1;
  const picks = new Int32Array(groupCount);
  const isNull = nullTest(fold);
  const pick = aggregate === undefined ? undefined : pickAggregate(fold, aggregate, isNull);
  for (let group = 0; group < groupCount; group += 1) {
    const start = starts === undefined ? group : (starts[group] ?? 0);
    const end = starts === undefined ? group + 1 : (starts[group + 1] ?? 0);
    let held = none;
    pick?.reset();
    for (let entry = start; entry < end; entry += 1) {
      const taken = fold.steps[entry] ?? step.keep;
      if (taken === step.set) held = entry;
      else if (taken === step.setUnlessNull) held = isNull(entry) ? held : entry;
      else if (taken === step.clear) held = none;
      // A key, which is not aggregated: all rows of a group have the same.
      else if (taken !== step.keep) held = pick === undefined ? entry : aggregated(pick, taken, { held, entry });
    }
    picks[group] = held;
  }
  return picks;
}

function aggregated(
  pick: PickAggregate,
  taken: number,
  { held, entry }: { readonly held: number; readonly entry: number },
): number {
  switch (taken) {
    case step.add:
      return pick.add(held, entry);
    case step.addOlder:
      return pick.add(entry, held);
    case step.retract:
      return pick.retract(held, entry);
    default:
      return pick.retract(entry, entry);
  }
}

function pickAggregate(
  fold: ColumnFold,
  aggregate: ColumnAggregate,
  isNull: (entry: number) => boolean,
): PickAggregate {
  const made = madeAggregate(fold, aggregate, isNull);
  return aggregate.ignoresRetract ? { ...made, retract: held => held } : made;
}

function madeAggregate(fold: ColumnFold, { name }: ColumnAggregate, isNull: (entry: number) => boolean): PickAggregate {
  const { field } = fold;
  const reset = (): void => undefined;
  const refuse = (): number => {
    throw retractRefused(field.name, name);
  };
  switch (name) {
    case 'last_value':
      return { reset, add: (_, entry) => entry, retract: () => none };
    case 'last_non_null_value':
      return {
        reset,
        add: (held, entry) => (isNull(entry) ? held : entry),
        retract: (held, entry) => (isNull(entry) ? held : none),
      };
    case 'first_value':
      return { ...firstOf(() => true), retract: refuse };
    case 'first_non_null_value':
      return { ...firstOf(entry => !isNull(entry)), retract: refuse };
    case 'max':
    case 'min': {
      const compare = entryComparator(fold);
      const isMax = name === 'max';
      const add = (held: number, entry: number): number => {
        if (isNull(held) || isNull(entry)) return isNull(held) ? entry : held;
        return compare(held, entry) < 0 === isMax ? entry : held;
      };
      return { reset, add, retract: refuse };
    }
    default:
      assert(false, `${name} computes a value`);
  }
}

/** Keeps the first entry that counts. As with Paimon, a later one counts anew only in the next group. */
function firstOf(counts: (entry: number) => boolean): Pick<PickAggregate, 'reset' | 'add'> {
  let isFound = false;
  return {
    reset: () => {
      isFound = false;
    },
    add: (held, entry) => {
      if (isFound || !counts(entry)) return held;
      isFound = true;
      return entry;
    },
  };
}

function nullTest({ groups: { sourceIndex, rowIndex }, columns }: ColumnFold): (entry: number) => boolean {
  if (columns.every(column => column.nullCount === 0)) return entry => entry < 0;
  return entry => {
    const column = columns[sourceIndex[entry] ?? 0];
    return entry < 0 || column === undefined || !isValid(column, rowIndex[entry] ?? 0);
  };
}

function entryComparator({
  groups: { sourceIndex, rowIndex },
  columns,
  field,
}: ColumnFold): (a: number, b: number) => number {
  const readers = columns.map(column => columnReader(column, field.type));
  const valueAt = (entry: number) => readers[sourceIndex[entry] ?? 0]?.(rowIndex[entry] ?? 0) ?? null;
  return (a, b) => compareScalars(field.type, valueAt(a), valueAt(b));
}
