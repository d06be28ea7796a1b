/**
 * What each row of a group does to each column of the result. Deciding this looks at row kinds and at the columns that
 * order sequence groups; carrying it out, column by column, is fold-column.ts.
 *
 * @see spec 9.2, 9.3; Paimon 1.4.2 PartialUpdateMergeFunction, AggregateMergeFunction
 */
import { invalid } from '../base/errors.ts';
import type { MergeEngine, SequenceGroup } from '../format/merge-options.ts';
import { bitAt, nullBitsOf } from '../types/column-buffers.ts';
import { columnOf } from '../types/row-batch.ts';
import { isAdd, rowKindByte } from '../types/row-kind.ts';
import { kindsOf, type RowGroups } from './row-groups.ts';
import { compareSequences, type SequenceKeys, sequenceKeysOf } from './sequence-order.ts';

/** What an entry does to the value that a column's older entries came to. */
export const step = {
  keep: 0,
  /** Its value takes the place, null or not. */
  set: 1,
  setUnlessNull: 2,
  clear: 3,
  /** The column's aggregate takes its value in. */
  add: 4,
  /** The same, for a row that comes late: its place is before those that are in. */
  addOlder: 5,
  retract: 6,
  /** The first row of its key, and a retraction: its own value is there to retract from. */
  setAndRetract: 7,
} as const;

/** One step for each entry. */
export type Steps = Uint8Array;

export type FoldPlan = {
  /** Of each group, the entry that gives the row its sequence number; -1: none does, it is 0. */
  readonly lastEntries: Int32Array;
  /** Of each group, the kind of its row. */
  readonly kinds: Int8Array;
  readonly stepsOf: (column: string) => Steps;
};

type AggregationEngine = MergeEngine & { readonly kind: 'aggregation' };
type PartialUpdateEngine = MergeEngine & { readonly kind: 'partial-update' };

/** @param options `foldsLoneRows`: the row of a group of one is merged into nothing, rather than left as it is */
export function planFold(
  groups: RowGroups,
  engine: AggregationEngine | PartialUpdateEngine,
  options: FoldOptions,
): FoldPlan {
  return engine.kind === 'aggregation'
    ? planAggregation(groups, engine, options)
    : planPartialUpdate(groups, engine, options);
}

export type FoldOptions = { readonly foldsLoneRows: boolean };

const { set, setUnlessNull, clear, add, addOlder, retract, setAndRetract } = step;
const deleteKind = rowKindByte['-D'];

function planAggregation(
  groups: RowGroups,
  { removesOnDelete }: AggregationEngine,
  { foldsLoneRows }: FoldOptions,
): FoldPlan {
  const entryKinds = kindsOf(groups);
  const steps = new Uint8Array(entryKinds.length);
  const { kinds, lastEntries } = eachGroup(groups, (start, end) => {
    if (end - start === 1 && !foldsLoneRows) {
      steps[start] = set;
      return { kind: entryKinds[start] ?? 0, last: start };
    }
    let isDeleted = false;
    for (let entry = start; entry < end; entry += 1) {
      const kind = entryKinds[entry] ?? 0;
      isDeleted = removesOnDelete && kind === deleteKind;
      steps[entry] = isDeleted ? set : isAdd(kind) ? add : retract;
    }
    return { kind: isDeleted ? deleteKind : 0, last: end - 1 };
  });
  return { kinds, lastEntries, stepsOf: () => steps };
}

/** The steps of the columns of one sequence group. */
type GroupSteps = {
  readonly group: SequenceGroup;
  readonly ordering: Steps;
  readonly members: Steps;
  readonly aggregated: Steps;
  /** Where the entries' rows stand in the group's order. */
  readonly order: EntryOrder;
};

function planPartialUpdate(groups: RowGroups, engine: PartialUpdateEngine, { foldsLoneRows }: FoldOptions): FoldPlan {
  const entryCount = groups.rowIndex.length;
  const entryKinds = kindsOf(groups);
  const free = new Uint8Array(entryCount);
  const present = new Set(groups.sources[0]?.rows.rowType.fields.map(field => field.name));
  const grouped = engine.groups
    .filter(({ orderedBy }) => orderedBy.every(name => present.has(name)))
    .map(
      (group): GroupSteps => ({
        group,
        ordering: new Uint8Array(entryCount),
        members: new Uint8Array(entryCount),
        aggregated: new Uint8Array(entryCount),
        order: entryOrder(groups, group.orderedBy),
      }),
    );
  const { kinds, lastEntries } = eachGroup(groups, (start, end) => {
    if (end - start === 1 && !foldsLoneRows) {
      setAll(free, grouped, start);
      return { kind: entryKinds[start] ?? 0, last: start };
    }
    return new RecordFold(engine, free, grouped).fold(entryKinds, start, end);
  });
  const stepsOf = (column: string): Steps => {
    for (const { group, ordering, members, aggregated } of grouped) {
      if (group.orderedBy.includes(column)) return ordering;
      if (group.columns.includes(column)) return engine.aggregates.has(column) ? aggregated : members;
    }
    return free;
  };
  return { kinds, lastEntries, stepsOf };
}

/** Goes through the rows of one key under partial-update and notes their steps down. */
class RecordFold {
  readonly #engine: PartialUpdateEngine;
  readonly #free: Steps;
  readonly #groups: readonly GroupSteps[];
  /** For each sequence group the entry that its columns are of; -1: they are null. */
  readonly #newest: Int32Array;
  #isFilled = false;
  #isDeleted = false;

  constructor(engine: PartialUpdateEngine, free: Steps, groups: readonly GroupSteps[]) {
    this.#engine = engine;
    this.#free = free;
    this.#groups = groups;
    this.#newest = new Int32Array(groups.length).fill(-1);
  }

  fold(kinds: Int8Array, start: number, end: number): { readonly kind: number; readonly last: number } {
    let last = -1;
    let hasAdd = false;
    for (let entry = start; entry < end; entry += 1) {
      const kind = kinds[entry] ?? 0;
      this.#isDeleted = false;
      if (isAdd(kind)) {
        this.#add(entry);
        hasAdd = true;
        last = entry;
      } else if (this.#retract(entry, kind)) {
        last = entry;
      }
    }
    return { kind: this.#isDeleted || !hasAdd ? deleteKind : 0, last };
  }

  #add(entry: number): void {
    this.#isFilled = true;
    this.#free[entry] = setUnlessNull;
    for (const [index, { ordering, members, aggregated, order }] of this.#groups.entries()) {
      if (order.isEmpty(entry)) continue;
      if (order.isOlder(entry, this.#newest[index] ?? -1)) {
        aggregated[entry] = addOlder;
        continue;
      }
      ordering[entry] = set;
      members[entry] = set;
      aggregated[entry] = add;
      this.#newest[index] = entry;
    }
  }

  /** False when the row was passed over. */
  #retract(entry: number, kind: number): boolean {
    const isFirst = !this.#isFilled;
    if (isFirst) this.#setAll(entry);
    if (this.#engine.ignoresDeletes) return false;
    if (this.#engine.groups.length > 0) {
      this.#retractGroups(entry, { kind, isFirst });
    } else if (this.#engine.removesOnDelete) {
      if (kind === deleteKind) this.#remove(entry);
    } else {
      throw deleteOfPartialUpdate();
    }
    return true;
  }

  #retractGroups(entry: number, { kind, isFirst }: { readonly kind: number; readonly isFirst: boolean }): void {
    for (const [index, { group, ordering, members, aggregated, order }] of this.#groups.entries()) {
      if (order.isEmpty(entry)) continue;
      if (order.isOlder(entry, this.#newest[index] ?? -1)) {
        aggregated[entry] = retract;
        continue;
      }
      if (group.removesRecord && kind === deleteKind) {
        this.#remove(entry);
        return;
      }
      ordering[entry] = set;
      members[entry] = clear;
      aggregated[entry] = isFirst ? setAndRetract : retract;
      this.#newest[index] = entry;
    }
  }

  #remove(entry: number): void {
    this.#isDeleted = true;
    this.#setAll(entry);
  }

  #setAll(entry: number): void {
    this.#isFilled = true;
    this.#newest.fill(entry);
    setAll(this.#free, this.#groups, entry);
  }
}

function setAll(free: Steps, groups: readonly GroupSteps[], entry: number): void {
  free[entry] = set;
  for (const { ordering, members, aggregated } of groups) {
    ordering[entry] = set;
    members[entry] = set;
    aggregated[entry] = set;
  }
}

function deleteOfPartialUpdate(): Error {
  return invalid(
    'LAKE_DELETE_NOT_MERGED',
    'merge-engine=partial-update takes no -U and -D rows as it is set: have them passed over by ignore-delete, take the row ' +
      'away by partial-update.remove-record-on-delete, or retract columns by sequence groups',
  );
}

/** How entries stand to each other in a sequence group's order. */
type EntryOrder = {
  /** Whether all of the group's ordering columns are null in it. */
  readonly isEmpty: (entry: number) => boolean;
  /** Whether an entry comes before another one, which is -1 where there is none: before all. */
  readonly isOlder: (entry: number, than: number) => boolean;
};

function entryOrder({ sources, sourceIndex, rowIndex }: RowGroups, columns: readonly string[]): EntryOrder {
  const keys = sources.map(({ rows }) => sequenceKeysOf(rows, { columns, isDescending: false }));
  const nulls = sources.map(({ rows }) => columns.map(name => nullBitsOf(columnOf(rows, name))));
  const isEmpty = (entry: number): boolean => {
    const bits = nulls[sourceIndex[entry] ?? 0] ?? [];
    return bits.every(column => column !== undefined && bitAt(column, rowIndex[entry] ?? 0) === 0);
  };
  const keysAt = (entry: number): SequenceKeys => keys[sourceIndex[entry] ?? 0] ?? { fields: [], isDescending: false };
  return {
    isEmpty,
    isOlder: (entry, than) =>
      than >= 0 && compareSequences(keysAt(entry), rowIndex[entry] ?? 0, keysAt(than), rowIndex[than] ?? 0) < 0,
  };
}

function eachGroup(
  { starts, rowIndex }: RowGroups,
  fold: (start: number, end: number) => { readonly kind: number; readonly last: number },
): Pick<FoldPlan, 'kinds' | 'lastEntries'> {
  const groupCount = starts === undefined ? rowIndex.length : starts.length - 1;
  const kinds = new Int8Array(groupCount);
  const lastEntries = new Int32Array(groupCount);
  for (let group = 0; group < groupCount; group += 1) {
    const start = starts === undefined ? group : (starts[group] ?? 0);
    const { kind, last } = fold(start, starts === undefined ? group + 1 : (starts[group + 1] ?? 0));
    kinds[group] = kind;
    lastEntries[group] = last;
  }
  return { kinds, lastEntries };
}
