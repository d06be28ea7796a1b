/**
 * Which rows of files that a compaction only looks at have newer rows in what it compacts: those are marked as deleted
 * where they lie, so that no key is twice above level 0.
 *
 * @see spec 8.5; Paimon 1.4.2 LookupChangelogMergeFunctionWrapper
 */
import { present } from '../base/assert.ts';
import { positionOf } from '../types/row-batch.ts';
import { groupCountOf, type RowGroups } from './row-groups.ts';

export type SupersededRow = { readonly fileName: string; readonly position: number };

/** @param groups their looked-up rows with origins */
export function supersededRows(groups: RowGroups): readonly SupersededRow[] {
  const { sources, sourceIndex, rowIndex, starts } = groups;
  const lookedUp = sources.map(({ isLookedUp }) => isLookedUp === true);
  if (starts === undefined || !lookedUp.includes(true)) return [];
  const isLookedUp = (entry: number): boolean => lookedUp[sourceIndex[entry] ?? 0] === true;
  const rows: SupersededRow[] = [];
  const count = groupCountOf(groups);
  for (let group = 0; group < count; group += 1) {
    const [start, end] = [starts[group] ?? 0, starts[group + 1] ?? 0];
    let lookedUpCount = 0;
    for (let entry = start; entry < end; entry += 1) if (isLookedUp(entry)) lookedUpCount += 1;
    if (lookedUpCount === end - start) continue;
    for (let entry = start; entry < end && lookedUpCount > 0; entry += 1) {
      if (!isLookedUp(entry)) continue;
      const origin = present(sources[sourceIndex[entry] ?? 0]?.origin, 'the origin of a row that is looked up');
      rows.push({ fileName: origin.fileName, position: positionOf(origin, rowIndex[entry] ?? 0) });
      lookedUpCount -= 1;
    }
  }
  return rows;
}
