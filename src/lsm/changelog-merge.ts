/**
 * The merge of a compaction that knows what was there before: its rows, and what they change in the table.
 *
 * Two kinds. **full-compaction**: everything of the bucket goes into the last level, whose own rows are what was there.
 * **lookup**: rows of level 0 go up, and what was there is the row of the lowest level above 0, be it of a file that is
 * compacted or of one that is only looked at (`isLookedUp`). So a row above level 0 has all older ones in it.
 *
 * @see spec 8.4; Paimon 1.4.2 FullChangelogMergeFunctionWrapper, LookupChangelogMergeFunctionWrapper,
 * FirstRowMergeFunctionWrapper
 */
import { columnReader } from '../types/column-reader.ts';
import { equalScalars } from '../types/compare.ts';
import { gatherBatch } from '../types/gather.ts';
import { columnOf, type KeyValueBatch, type RowBatch } from '../types/row-batch.ts';
import { isAdd, rowKindByte } from '../types/row-kind.ts';
import {
  type MergedGroups,
  type MergeFunction,
  type MergeSpec,
  mergeGroups,
  withoutDeletes,
} from './merge-function.ts';
import { groupCountOf, keepEntries, kindsOf, type RowGroups } from './row-groups.ts';
import { type SupersededRow, supersededRows } from './superseded-rows.ts';

export type ChangelogSpec = {
  readonly kind: 'full-compaction' | 'lookup';
  /** The last level. */
  readonly topLevel: number;
  /** Whether changes are wanted; merging alone needs the look-up with some engines. */
  readonly isProduced: boolean;
  /** Whether rows that are only looked at must be told when they are no more: for deletion vectors. */
  readonly marks: boolean;
  /** A row that came to the same values is no change. */
  readonly isDeduplicated: boolean;
  /** Columns whose values do not count for that. */
  readonly ignoredColumns: readonly string[];
};

export type CompactedBatch = {
  readonly rows: KeyValueBatch;
  /** Keys ascending; a -U directly before its +U. Not there when nothing changed. */
  readonly changelog: KeyValueBatch | undefined;
  /** Rows that were only looked at and whose keys have newer rows now. */
  readonly superseded: readonly SupersededRow[];
};

/**
 * Whether rows that are only looked at count by their keys alone: where the first row of a key stays whatever comes, and
 * where the newest one wins, which is of level 0, and nobody asks what was there before.
 */
export function looksAtKeysOnly({ engine, sequence }: MergeSpec, { kind, isProduced }: ChangelogSpec): boolean {
  if (kind !== 'lookup') return false;
  if (engine.kind === 'first-row') return true;
  return engine.kind === 'deduplicate' && !engine.ignoresDeletes && sequence === undefined && !isProduced;
}

export function compactFunction(spec: MergeSpec, changelog: ChangelogSpec): MergeFunction<CompactedBatch> {
  const keysOnly = looksAtKeysOnly(spec, changelog);
  return {
    entries: 'all',
    pick: groups => groups,
    merge: all => {
      const groups = keysOnly ? withNewerRows(all) : all;
      const prepared =
        changelog.kind === 'lookup' ? prepareLookup(groups, spec, keysOnly) : prepareFull(groups, changelog);
      const merged = mergeGroups(prepared.groups, spec.engine, { foldsLoneRows: changelog.kind === 'lookup' });
      return {
        rows: spec.dropDeletes ? withoutDeletes(merged.batch) : merged.batch,
        changelog: changelog.isProduced ? changesOf(prepared, merged, changelog) : undefined,
        superseded: changelog.marks ? supersededRows(groups) : [],
      };
    },
  };
}

type Prepared = {
  /** Without entries that do not count, and groups of which nothing is compacted. */
  readonly groups: RowGroups;
  /** For each group the entry that was there before; -1: none. */
  readonly before: Int32Array;
  /** For each group 1 when it may change the table. */
  readonly mayChange: Uint8Array;
};

function prepareFull(groups: RowGroups, { topLevel }: ChangelogSpec): Prepared {
  const levels = groups.sources.map(({ level }) => level ?? 0);
  const before = new Int32Array(groupCountOf(groups)).fill(-1);
  const mayChange = new Uint8Array(before.length);
  eachGroup(groups, (group, start, end) => {
    for (let entry = start; entry < end; entry += 1) {
      if (levels[groups.sourceIndex[entry] ?? 0] === topLevel) before[group] = entry;
    }
    mayChange[group] = end - start > 1 || before[group] === -1 ? 1 : 0;
  });
  return { groups, before, mayChange };
}

function prepareLookup(groups: RowGroups, { engine }: MergeSpec, keysOnly: boolean): Prepared {
  const { levelOf, isLookedUp } = entriesOf(groups);
  const kept = keepEntries(groups, (start, end) => {
    const lowest = lowestAbove0(start, end, levelOf);
    if (allOf(start, end, isLookedUp)) return () => false;
    const wasThere = lowest >= 0 && isLookedUp(lowest);
    // The first row of a key stays where it is.
    if (engine.kind === 'first-row' && wasThere) return () => false;
    return entry => levelOf(entry) === 0 || (entry === lowest && !(keysOnly && wasThere));
  });
  const keptLevelOf = entriesOf(kept).levelOf;
  const before = new Int32Array(groupCountOf(kept)).fill(-1);
  const mayChange = new Uint8Array(before.length);
  eachGroup(kept, (group, start, end) => {
    for (let entry = start; entry < end; entry += 1) {
      if (keptLevelOf(entry) > 0) before[group] = entry;
      else mayChange[group] = 1;
    }
    if (engine.kind === 'first-row' && before[group] !== -1) mayChange[group] = 0;
  });
  return { groups: kept, before, mayChange };
}

type EntryFacts = {
  readonly levelOf: (entry: number) => number;
  readonly isLookedUp: (entry: number) => boolean;
};

function entriesOf({ sources, sourceIndex }: RowGroups): EntryFacts {
  const levels = sources.map(({ level }) => level ?? 0);
  const lookedUp = sources.map(source => source.isLookedUp === true);
  return {
    levelOf: entry => levels[sourceIndex[entry] ?? 0] ?? 0,
    isLookedUp: entry => lookedUp[sourceIndex[entry] ?? 0] === true,
  };
}

/** Without groups whose newest row is one that is only looked at: it stays where it is, and nothing of it is known here. */
function withNewerRows(groups: RowGroups): RowGroups {
  const { levelOf, isLookedUp } = entriesOf(groups);
  return keepEntries(groups, (start, end) => {
    const lowest = lowestAbove0(start, end, levelOf);
    const isNewest = lowest >= 0 && isLookedUp(lowest) && allOf(start, end, entry => levelOf(entry) > 0);
    return () => !isNewest;
  });
}

/** The entry of the lowest level above 0; -1: all are of level 0. */
function lowestAbove0(start: number, end: number, levelOf: (entry: number) => number): number {
  let lowest = -1;
  for (let entry = start; entry < end; entry += 1) {
    const level = levelOf(entry);
    if (level > 0 && (lowest < 0 || level < levelOf(lowest))) lowest = entry;
  }
  return lowest;
}

function allOf(start: number, end: number, test: (entry: number) => boolean): boolean {
  for (let entry = start; entry < end; entry += 1) if (!test(entry)) return false;
  return true;
}

function eachGroup(groups: RowGroups, visit: (group: number, start: number, end: number) => void): void {
  const { starts } = groups;
  const count = groupCountOf(groups);
  for (let group = 0; group < count; group += 1) {
    if (starts === undefined) visit(group, group, group + 1);
    else visit(group, starts[group] ?? 0, starts[group + 1] ?? 0);
  }
}

/** Rows of the changelog: of which batch, which row, and what it does. */
class Changes {
  readonly sources: number[] = [];
  readonly rows: number[] = [];
  readonly kinds: number[] = [];

  add(source: number, row: number, kind: number): void {
    this.sources.push(source);
    this.rows.push(row);
    this.kinds.push(kind);
  }
}

function changesOf(
  { groups, before, mayChange }: Prepared,
  { batch, rowOf }: MergedGroups,
  spec: ChangelogSpec,
): KeyValueBatch | undefined {
  const entryKinds = kindsOf(groups);
  const { '+I': insert, '-U': updateBefore, '+U': updateAfter, '-D': remove } = rowKindByte;
  // The merged rows stand behind the groups' own batches.
  const mergedSource = groups.sources.length;
  const isSame = spec.isDeduplicated ? rowEquality(groups, batch, spec.ignoredColumns) : () => false;
  const changes = new Changes();
  for (let group = 0; group < mayChange.length; group += 1) {
    if (mayChange[group] === 0) continue;
    const entry = before[group] ?? -1;
    const wasThere = entry >= 0 && isAdd(entryKinds[entry] ?? 0);
    const row = rowOf[group] ?? -1;
    const isThere = row >= 0 && isAdd(batch.kinds[row] ?? 0);
    const [source, place] = [groups.sourceIndex[entry] ?? 0, groups.rowIndex[entry] ?? 0];
    if (!wasThere) {
      if (isThere) changes.add(mergedSource, row, insert);
    } else if (!isThere) {
      changes.add(source, place, remove);
    } else if (!isSame(source, place, row)) {
      changes.add(source, place, updateBefore);
      changes.add(mergedSource, row, updateAfter);
    }
  }
  return changes.rows.length === 0 ? undefined : changelogBatch([...groups.sources, batch], changes);
}

function changelogBatch(sources: readonly KeyValueBatch[], changes: Changes): KeyValueBatch {
  const sourceIndex = Uint32Array.from(changes.sources);
  const rowIndex = Uint32Array.from(changes.rows);
  const numbers = changes.rows.map((row, i) => sources[changes.sources[i] ?? 0]?.sequenceNumbers[row] ?? 0n);
  return {
    rows: gatherBatch(
      sources.map(({ rows }) => rows),
      sourceIndex,
      rowIndex,
    ),
    sequenceNumbers: BigInt64Array.from(numbers),
    kinds: Int8Array.from(changes.kinds),
  };
}

/** Whether a row of a group has the values of a merged one. */
function rowEquality(
  groups: RowGroups,
  merged: KeyValueBatch,
  ignoredColumns: readonly string[],
): (source: number, place: number, row: number) => boolean {
  const fields = merged.rows.rowType.fields.filter(({ name }) => !ignoredColumns.includes(name));
  const readersOf = (rows: RowBatch) => fields.map(({ name, type }) => columnReader(columnOf(rows, name), type));
  const sources = groups.sources.map(({ rows }) => readersOf(rows));
  const after = readersOf(merged.rows);
  return (source, place, row) => {
    const readers = sources[source] ?? [];
    return fields.every(({ type }, index) =>
      equalScalars(type, readers[index]?.(place) ?? null, after[index]?.(row) ?? null),
    );
  };
}
