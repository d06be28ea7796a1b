/**
 * What differs between two states of rows: of each key the row of the later state, where it is not what it was; of a key
 * that is no more, the row that it had, as a delete. Pure; `differentRows` in merge.ts walks the two.
 *
 * @see Paimon 1.4.2 IncrementalDiffSplitRead.DiffMerger
 */
import { columnReader } from '../types/column-reader.ts';
import { equalScalars } from '../types/compare.ts';
import { gatherBatch } from '../types/gather.ts';
import { columnOf, type KeyValueBatch, type RowBatch } from '../types/row-batch.ts';
import { isAdd, rowKindByte } from '../types/row-kind.ts';
import type { MergeFunction } from './merge-function.ts';
import { groupCountOf, kindsOf, type RowGroups, sequencesOf } from './row-groups.ts';

/** Levels that stand for the two states; levels of files mean nothing here. */
export const levelBefore = 1;
export const levelAfter = 0;

export function differenceFunction(): MergeFunction<KeyValueBatch> {
  return { entries: 'all', pick: groups => groups, merge: differenceOf };
}

function differenceOf(groups: RowGroups): KeyValueBatch {
  const { sources, sourceIndex, starts } = groups;
  const kinds = kindsOf(groups);
  const isAfter = (entry: number): boolean => sources[sourceIndex[entry] ?? 0]?.level === levelAfter;
  const isSame = rowEquality(groups);
  const picked: number[] = [];
  const pickedKinds: number[] = [];
  const pick = (entry: number, kind: number): void => {
    picked.push(entry);
    pickedKinds.push(kind);
  };
  for (let group = 0; group < groupCountOf(groups); group += 1) {
    const first = starts === undefined ? group : (starts[group] ?? 0);
    const last = (starts === undefined ? group + 1 : (starts[group + 1] ?? 0)) - 1;
    const [kind, wasThere] = [kinds[last] ?? 0, isAdd(kinds[first] ?? 0)];
    if (first === last) {
      if (isAfter(last)) pick(last, kind);
      else if (wasThere) pick(last, rowKindByte['-D']);
      continue;
    }
    // A row that is older than what was there before it: another order of rows has been set meanwhile.
    if (!isAfter(last)) continue;
    if (isAdd(kind) !== wasThere || !isSame(first, last)) pick(last, kind);
  }
  const chosen = { sources, starts: undefined, ...placesOf(groups, picked) };
  const rows = gatherBatch(
    sources.map(source => source.rows),
    chosen.sourceIndex,
    chosen.rowIndex,
  );
  return { rows, sequenceNumbers: sequencesOf(chosen), kinds: Int8Array.from(pickedKinds) };
}

function placesOf(
  { sourceIndex, rowIndex }: RowGroups,
  entries: readonly number[],
): Pick<RowGroups, 'sourceIndex' | 'rowIndex'> {
  return {
    sourceIndex: Uint32Array.from(entries, entry => sourceIndex[entry] ?? 0),
    rowIndex: Uint32Array.from(entries, entry => rowIndex[entry] ?? 0),
  };
}

/** Whether two entries have the same values. */
function rowEquality({ sources, sourceIndex, rowIndex }: RowGroups): (a: number, b: number) => boolean {
  const fields = sources[0]?.rows.rowType.fields ?? [];
  const readersOf = (rows: RowBatch) => fields.map(({ name, type }) => columnReader(columnOf(rows, name), type));
  const readers = sources.map(({ rows }) => readersOf(rows));
  return (a, b) => {
    const [first, second] = [readers[sourceIndex[a] ?? 0] ?? [], readers[sourceIndex[b] ?? 0] ?? []];
    return fields.every(({ type }, index) => {
      const values = [first[index]?.(rowIndex[a] ?? 0) ?? null, second[index]?.(rowIndex[b] ?? 0) ?? null] as const;
      return equalScalars(type, values[0], values[1]);
    });
  };
}
