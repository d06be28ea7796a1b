/**
 * What becomes of the rows of one key. A **merge function** gets groups of equal keys, a whole output batch of them at
 * a time, and answers with one row or none for each. It works by column, not by row: deduplicate and first-row pick a row
 * of each group, and of rows that are not picked no more than the key is ever decoded; partial-update and aggregation fold
 * each group's values of a column (fold-groups.ts).
 *
 * A group of one row is that row, whatever the engine.
 *
 * @see spec 9; Paimon 1.4.2 MergeFunction, ReducerMergeFunctionWrapper
 */
import { unreachable } from '../base/assert.ts';
import { invalid } from '../base/errors.ts';
import type { MergeEngine, SequenceOrder } from '../format/merge-options.ts';
import { gatherBatch } from '../types/gather.ts';
import type { KeyValueBatch } from '../types/row-batch.ts';
import { areAdds, isAdd } from '../types/row-kind.ts';
import { foldGroups } from './fold-groups.ts';
import type { FoldOptions } from './fold-steps.ts';
import { entriesAt, groupCountOf, kindsOf, type RowGroups, sequencesOf, withoutMergedIn } from './row-groups.ts';

export type MergeSpec = {
  /** Columns of the trimmed primary key, in its order. */
  readonly keyNames: readonly string[];
  readonly engine: MergeEngine;
  /** Columns that order the rows of a key before their sequence numbers do; the batches have them. */
  readonly sequence: SequenceOrder | undefined;
  /** Rows of kind -U and -D do not come out: for reads, and for compactions that have all older rows among their inputs. */
  readonly dropDeletes: boolean;
};

export type MergeFunction<Output> = {
  /** The entries of a group it wants; whoever makes the groups does not note down the others. */
  readonly entries: 'all' | 'last';
  /** Leaves out entries whose values count for nothing, by keys, sequence numbers and kinds alone. */
  readonly pick: (groups: RowGroups) => RowGroups;
  /** @param groups as `pick` leaves them, their sources with all columns */
  readonly merge: (groups: RowGroups) => Output;
};

/**
 * The columns by which a merge function picks rows, where it looks at no others: batches may have their other columns late
 * (`wholeRows`). Undefined: it works with all columns of all rows.
 */
export function pickingColumns({ engine, keyNames, sequence }: MergeSpec): readonly string[] | undefined {
  const picks = engine.kind === 'deduplicate' || engine.kind === 'first-row';
  return picks ? [...keyNames, ...(sequence?.columns ?? [])] : undefined;
}

export function mergeFunction({ engine, dropDeletes }: MergeSpec): MergeFunction<KeyValueBatch> {
  if (engine.kind === 'aggregation' || engine.kind === 'partial-update') {
    const merge = (groups: RowGroups): KeyValueBatch => mergeGroups(groups, engine, { foldsLoneRows: false }).batch;
    const finish = (batch: KeyValueBatch): KeyValueBatch => (dropDeletes ? withoutDeletes(batch) : batch);
    return { entries: 'all', pick: groups => groups, merge: groups => finish(merge(groups)) };
  }
  const isNewest = engine.kind === 'deduplicate' && !engine.ignoresDeletes;
  const pickOne = (groups: RowGroups): RowGroups => (isNewest ? groups : pickedEntries(groups, pickOf(groups, engine)));
  const pick = (groups: RowGroups): RowGroups => (dropDeletes ? entriesOfAdds(pickOne(groups)) : pickOne(groups));
  return { entries: isNewest ? 'last' : 'all', pick, merge: rowsAt };
}

/** The row of each group. */
export type MergedGroups = {
  readonly batch: KeyValueBatch;
  /** For each group its row in the batch; -1: none came out. */
  readonly rowOf: Int32Array;
};

/** @throws LakeError `invalid` LAKE_DELETE_NOT_MERGED for a delete that the engine has no use for */
export function mergeGroups(groups: RowGroups, engine: MergeEngine, options: FoldOptions): MergedGroups {
  switch (engine.kind) {
    case 'deduplicate':
    case 'first-row':
      return picked(groups, pickOf(groups, engine));
    case 'aggregation':
    case 'partial-update': {
      const batch = foldGroups(engine.holdsMergedRows ? withoutMergedIn(groups) : groups, engine, options);
      return { batch, rowOf: Int32Array.from({ length: groupCountOf(groups) }, (_, group) => group) };
    }
    default:
      return unreachable(engine);
  }
}

type PickingEngine = Extract<MergeEngine, { readonly kind: 'deduplicate' | 'first-row' }>;

/** For each group the entry that comes out; -1: none. */
function pickOf(groups: RowGroups, engine: PickingEngine): Int32Array {
  return engine.kind === 'deduplicate' ? lastRows(groups, engine) : firstRows(groups, engine);
}

/** The rows of these entries, for each group one or none (-1). */
function picked(groups: RowGroups, entries: Int32Array): MergedGroups {
  const rowOf = new Int32Array(entries.length);
  let count = 0;
  for (const [group, entry] of entries.entries()) {
    rowOf[group] = entry < 0 ? -1 : count;
    if (entry >= 0) count += 1;
  }
  return { batch: rowsAt(pickedEntries(groups, entries)), rowOf };
}

function pickedEntries(groups: RowGroups, entries: Int32Array): RowGroups {
  return entriesAt(groups, Uint32Array.from(entries.filter(entry => entry >= 0)));
}

/** The rows of groups of one entry each. */
function rowsAt(groups: RowGroups): KeyValueBatch {
  const sources = groups.sources.map(source => source.rows);
  return {
    rows: gatherBatch(sources, groups.sourceIndex, groups.rowIndex),
    sequenceNumbers: sequencesOf(groups),
    kinds: kindsOf(groups),
  };
}

function entriesOfAdds(groups: RowGroups): RowGroups {
  if (groups.sources.every(({ kinds }) => areAdds(kinds))) return groups;
  const kinds = kindsOf(groups);
  if (areAdds(kinds)) return groups;
  const places = kinds.keys().filter(entry => isAdd(kinds[entry] ?? 0));
  return entriesAt(groups, Uint32Array.from(places));
}

/** Of each group the newest row, or the newest that is no delete; a lone delete stays, older writers left some. */
function lastRows(groups: RowGroups, { ignoresDeletes }: { readonly ignoresDeletes: boolean }): Int32Array {
  const kinds = kindsOf(groups);
  return pickEntries(groups, (start, end) => {
    if (end - start === 1 || !ignoresDeletes) return end - 1;
    for (let entry = end - 1; entry >= start; entry -= 1) if (isAdd(kinds[entry] ?? 0)) return entry;
    return -1;
  });
}

function firstRows(groups: RowGroups, { ignoresDeletes }: { readonly ignoresDeletes: boolean }): Int32Array {
  const kinds = kindsOf(groups);
  return pickEntries(groups, (start, end) => {
    if (end - start === 1) return start;
    let first = -1;
    for (let entry = start; entry < end; entry += 1) {
      if (!isAdd(kinds[entry] ?? 0)) {
        if (!ignoresDeletes) throw deleteOfFirstRow();
      } else if (first < 0) {
        first = entry;
      }
    }
    return first;
  });
}

function deleteOfFirstRow(): Error {
  return invalid(
    'LAKE_DELETE_NOT_MERGED',
    'merge-engine=first-row takes no -U and -D rows: set ignore-delete to have them passed over',
  );
}

/** For each group the entry that `pick` names, -1 for none. */
function pickEntries(groups: RowGroups, pick: (start: number, end: number) => number): Int32Array {
  const { starts } = groups;
  const out = new Int32Array(groupCountOf(groups));
  for (let group = 0; group < out.length; group += 1) {
    out[group] = starts === undefined ? pick(group, group + 1) : pick(starts[group] ?? 0, starts[group + 1] ?? 0);
  }
  return out;
}

export function withoutDeletes(batch: KeyValueBatch): KeyValueBatch {
  if (areAdds(batch.kinds)) return batch;
  const rowIndex = Uint32Array.from(batch.kinds.keys().filter(row => isAdd(batch.kinds[row] ?? 0)));
  return rowsAt({ sources: [batch], sourceIndex: new Uint32Array(rowIndex.length), rowIndex, starts: undefined });
}
