/**
 * What becomes of the rows of one key. A **merge function** gets groups of equal keys, a whole output batch of them at
 * a time, and answers with one row or none for each. It works by column, not by row: deduplicate and first-row pick a row
 * of each group, partial-update and aggregation fold each group's values of a column (fold-groups.ts).
 *
 * A group of one row is that row, whatever the engine.
 *
 * @see spec 9; Paimon 1.4.2 MergeFunction, ReducerMergeFunctionWrapper
 */
import { assert, unreachable } from '../base/assert.ts';
import { invalid } from '../base/errors.ts';
import type { MergeEngine, SequenceOrder } from '../format/merge-options.ts';
import { gatherBatch } from '../types/gather.ts';
import type { KeyValueBatch } from '../types/row-batch.ts';
import { isAdd } from '../types/row-kind.ts';
import { foldGroups } from './fold-groups.ts';
import { entriesAt, kindsOf, type RowGroups, sequencesOf, withoutMergedIn } from './row-groups.ts';

export type MergeSpec = {
  /** Columns of the trimmed primary key, in its order. */
  readonly keyNames: readonly string[];
  readonly engine: MergeEngine;
  /** Columns that order the rows of a key before their sequence numbers do; the batches have them. */
  readonly sequence: SequenceOrder | undefined;
  /** Rows of kind -U and -D do not come out: for reads, and for compactions that have all older rows among their inputs. */
  readonly dropDeletes: boolean;
};

export type MergeFunction = {
  /** The entries of a group it wants; whoever makes the groups does not note down the others. */
  readonly entries: 'all' | 'last';
  readonly merge: (groups: RowGroups) => KeyValueBatch;
};

export function mergeFunction(spec: MergeSpec): MergeFunction {
  const { engine, dropDeletes } = spec;
  switch (engine.kind) {
    case 'deduplicate':
      if (!engine.ignoresDeletes) return { entries: 'last', merge: groups => pickRows(groups, dropDeletes) };
      return { entries: 'all', merge: groups => pickRows(entriesAt(groups, lastAdds(groups)), dropDeletes) };
    case 'first-row':
      return { entries: 'all', merge: groups => pickRows(entriesAt(groups, firstRows(groups, engine)), dropDeletes) };
    case 'aggregation':
    case 'partial-update':
      return {
        entries: 'all',
        merge: groups => {
          const folded = foldGroups(engine.holdsMergedRows ? withoutMergedIn(groups) : groups, engine);
          return dropDeletes ? withoutDeletes(folded) : folded;
        },
      };
    default:
      return unreachable(engine);
  }
}

/** The rows of groups of one entry each. */
function pickRows(groups: RowGroups, dropDeletes: boolean): KeyValueBatch {
  assert(groups.starts === undefined, 'one entry for each group');
  const kept = dropDeletes ? entriesOfAdds(groups) : groups;
  const picked = kept.sources.map(source => source.rows);
  return {
    rows: gatherBatch(picked, kept.sourceIndex, kept.rowIndex),
    sequenceNumbers: sequencesOf(kept),
    kinds: kindsOf(kept),
  };
}

function entriesOfAdds(groups: RowGroups): RowGroups {
  const kinds = kindsOf(groups);
  if (kinds.every(isAdd)) return groups;
  return entriesAt(groups, Uint32Array.from(kinds.keys().filter(entry => isAdd(kinds[entry] ?? 0))));
}

/** Of each group the newest row that is not a delete; a lone delete stays, older writers left some. */
function lastAdds(groups: RowGroups): Uint32Array {
  const kinds = kindsOf(groups);
  return pickEntries(groups, (start, end) => {
    if (end - start === 1) return start;
    for (let entry = end - 1; entry >= start; entry -= 1) if (isAdd(kinds[entry] ?? 0)) return entry;
    return undefined;
  });
}

function firstRows(groups: RowGroups, { ignoresDeletes }: { readonly ignoresDeletes: boolean }): Uint32Array {
  const kinds = kindsOf(groups);
  return pickEntries(groups, (start, end) => {
    if (end - start === 1) return start;
    let first: number | undefined;
    for (let entry = start; entry < end; entry += 1) {
      if (isAdd(kinds[entry] ?? 0)) first ??= entry;
      else if (!ignoresDeletes) throw deleteOfFirstRow();
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

/** For each group the entry that `pick` names; groups of which it names none do not come out. */
function pickEntries(
  { starts, rowIndex }: RowGroups,
  pick: (start: number, end: number) => number | undefined,
): Uint32Array {
  const groupCount = starts === undefined ? rowIndex.length : starts.length - 1;
  const out = new Uint32Array(groupCount);
  let count = 0;
  for (let group = 0; group < groupCount; group += 1) {
    const entry = starts === undefined ? pick(group, group + 1) : pick(starts[group] ?? 0, starts[group + 1] ?? 0);
    if (entry === undefined) continue;
    out[count] = entry;
    count += 1;
  }
  return out.subarray(0, count);
}

function withoutDeletes(batch: KeyValueBatch): KeyValueBatch {
  if (batch.kinds.every(isAdd)) return batch;
  const rowIndex = Uint32Array.from(batch.kinds.keys().filter(row => isAdd(batch.kinds[row] ?? 0)));
  return pickRows(
    { sources: [batch], sourceIndex: new Uint32Array(rowIndex.length), rowIndex, starts: undefined },
    false,
  );
}
