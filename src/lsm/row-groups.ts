/** Rows of equal keys, as a merge hands them to its merge function. */
import { mapBounded } from '../base/concurrency.ts';
import type { KeyValueBatch } from '../types/row-batch.ts';
import { kindBits } from '../types/row-kind.ts';
import { wordsOf } from './key-order.ts';

/**
 * Complete groups of rows of equal keys, keys ascending. Entry i is row `rowIndex[i]` of source `sourceIndex[i]`; the
 * entries of a group are in merge order, oldest first: by `sequence.field`, sequence number, then source.
 */
export type RowGroups = {
  readonly sources: readonly KeyValueBatch[];
  readonly sourceIndex: Uint32Array;
  readonly rowIndex: Uint32Array;
  /** Group g has entries [starts[g], starts[g + 1]); undefined when every group has one entry. */
  readonly starts: Uint32Array | undefined;
};

/** Sources that are decoded at a time. */
const decodedAtOnceMax = 4;

/** The groups over sources with all columns. Sources that no entry points into are left out, and never decoded. */
export async function withWholeRows(groups: RowGroups): Promise<RowGroups> {
  const { sources, sourceIndex } = groups;
  if (sources.every(({ wholeRows }) => wholeRows === undefined)) return groups;
  const placeOf = new Int32Array(sources.length).fill(-1);
  for (let i = 0; i < sourceIndex.length; i += 1) placeOf[sourceIndex[i] ?? 0] = 0;
  const used = sources.filter((_, index) => placeOf[index] === 0);
  const whole = await mapBounded(used, decodedAtOnceMax, wholeBatch);
  if (used.length === sources.length) return { ...groups, sources: whole };
  let place = 0;
  for (let source = 0; source < placeOf.length; source += 1) {
    if (placeOf[source] === -1) continue;
    placeOf[source] = place;
    place += 1;
  }
  const places = new Uint32Array(sourceIndex.length);
  for (let i = 0; i < places.length; i += 1) places[i] = placeOf[sourceIndex[i] ?? 0] ?? 0;
  return { ...groups, sources: whole, sourceIndex: places };
}

/** The batch with all its columns. */
export async function wholeBatch(batch: KeyValueBatch): Promise<KeyValueBatch> {
  if (batch.wholeRows === undefined) return batch;
  return { ...batch, rows: await batch.wholeRows(), wholeRows: undefined };
}

/** The entries at these places, each a group of its own. */
export function entriesAt(groups: RowGroups, places: Uint32Array): RowGroups {
  const sourceIndex = new Uint32Array(places.length);
  const rowIndex = new Uint32Array(places.length);
  for (let i = 0; i < places.length; i += 1) {
    const place = places[i] ?? 0;
    sourceIndex[i] = groups.sourceIndex[place] ?? 0;
    rowIndex[i] = groups.rowIndex[place] ?? 0;
  }
  return { sources: groups.sources, sourceIndex, rowIndex, starts: undefined };
}

export function groupCountOf({ starts, rowIndex }: RowGroups): number {
  return starts === undefined ? rowIndex.length : starts.length - 1;
}

/** Groups [from, to), of the same sources. */
export function groupsBetween(
  { sources, sourceIndex, rowIndex, starts }: RowGroups,
  { from, to }: { readonly from: number; readonly to: number },
): RowGroups {
  const [first, end] = starts === undefined ? [from, to] : [starts[from] ?? 0, starts[to] ?? 0];
  return {
    sources,
    sourceIndex: sourceIndex.subarray(first, end),
    rowIndex: rowIndex.subarray(first, end),
    starts: starts?.subarray(from, to + 1).map(start => start - first),
  };
}

/** Without the rows that a row of a level above 0 has in it already: of a group's rows at such levels the lowest stays. */
export function withoutMergedIn(groups: RowGroups): RowGroups {
  const levels = groups.sources.map(({ level }) => level ?? 0);
  if (groups.starts === undefined || levels.every(level => level === 0)) return groups;
  const levelOf = (entry: number): number => levels[groups.sourceIndex[entry] ?? 0] ?? 0;
  return keepEntries(groups, (start, end) => {
    let lowest = Number.POSITIVE_INFINITY;
    for (let entry = start; entry < end; entry += 1) {
      const level = levelOf(entry);
      if (level > 0 && level < lowest) lowest = level;
    }
    return entry => levelOf(entry) === 0 || levelOf(entry) === lowest;
  });
}

/** The groups with those of their entries that `choose` says, group by group; what loses all of them is gone. */
export function keepEntries(
  groups: RowGroups,
  choose: (start: number, end: number) => (entry: number) => boolean,
): RowGroups {
  const { rowIndex, starts } = groups;
  const kept = new Uint32Array(rowIndex.length);
  const keptStarts = new Uint32Array(groupCountOf(groups) + 1);
  let count = 0;
  let groupCount = 0;
  for (let group = 0; group < keptStarts.length - 1; group += 1) {
    const start = starts === undefined ? group : (starts[group] ?? 0);
    const end = starts === undefined ? group + 1 : (starts[group + 1] ?? 0);
    const isKept = choose(start, end);
    const first = count;
    for (let entry = start; entry < end; entry += 1) {
      if (!isKept(entry)) continue;
      kept[count] = entry;
      count += 1;
    }
    if (count === first) continue;
    groupCount += 1;
    keptStarts[groupCount] = count;
  }
  if (count === rowIndex.length) return groups;
  return { ...entriesAt(groups, kept.subarray(0, count)), starts: keptStarts.subarray(0, groupCount + 1) };
}

/** The kind of every entry. */
export function kindsOf({ sources, sourceIndex, rowIndex }: RowGroups): Int8Array {
  const kinds = sources.map(source => source.kinds);
  const out = new Int8Array(rowIndex.length);
  if (kinds.every(ofSource => kindBits(ofSource) === 0)) return out;
  for (let i = 0; i < rowIndex.length; i += 1) {
    const from = kinds[sourceIndex[i] ?? 0];
    if (from !== undefined) out[i] = from[rowIndex[i] ?? 0] ?? 0;
  }
  return out;
}

/** The sequence number of every entry; copied as 32-bit words, which costs no bigint for each. */
export function sequencesOf({ sources, sourceIndex, rowIndex }: RowGroups): BigInt64Array {
  const words = sources.map(source => wordsOf(source.sequenceNumbers));
  const out = new Int32Array(rowIndex.length * 2);
  for (let i = 0; i < rowIndex.length; i += 1) {
    const from = words[sourceIndex[i] ?? 0];
    if (from === undefined) continue;
    const at = (rowIndex[i] ?? 0) * 2;
    out[i * 2] = from[at] ?? 0;
    out[i * 2 + 1] = from[at + 1] ?? 0;
  }
  return new BigInt64Array(out.buffer);
}
