/**
 * Which row groups of a compaction no other run has a key in: they come out of a merge as they went in, so they go into the new
 * file as they are. The rest is merged as ever, in what lies before, between and behind them.
 *
 * Looked at are files that would be read by ranges, by the bounds in their footers, which the merge needs as well; of
 * smaller files the range in the manifest counts. Left out is what needs to see each row: changelogs, rows that
 * expire, files with deletion vectors, indexes of files, row groups that may hold delete rows (which go, or are counted), and tables
 * that ask for all files to be rewritten. Merge engines make no difference: a row that is alone comes out of each as it is
 * (`canPassOn` in merge.ts).
 */
import { deserializeRow } from '../../format/binary-row.ts';
import type { DataFileMeta } from '../../format/data-file.ts';
import type { PackedRows, RowGroupContent } from '../../format/data-file-content.ts';
import { openDataFile, packedRowGroups } from '../../format/data-file-format.ts';
import { keyValueRowType, sequenceNumberField, valueKindField } from '../../format/parquet/data-file-layout.ts';
import { formatOfFileName } from '../../format/paths.ts';
import { formatAt } from '../../format/table-options.ts';
import { fieldsNamed, trimmedPrimaryKeys } from '../../format/table-schema.ts';
import type { Section } from '../../lsm/compaction-plan.ts';
import { compareScalars } from '../../types/compare.ts';
import type { DataField } from '../../types/data-type.ts';
import { isAdd } from '../../types/row-kind.ts';
import type { Scalar } from '../../types/scalar.ts';
import { dataFileKey, openFileSource, type ReadPlace } from '../read/file-source.ts';
import { wholeFileBytesOf } from '../read/read-split.ts';
import type { Table } from '../table.ts';

/** A section is these, one after the other, in key order. */
export type Piece = MergePiece | { readonly kind: 'untouched'; readonly rowGroups: readonly PackedRows[] };

export type MergePiece = {
  readonly kind: 'merge';
  readonly section: Section;
  /** By file name, those of its row groups that belong to the piece; of files that are not in it, all. */
  readonly rowGroups: ReadonlyMap<string, readonly number[]>;
};

/** Rows of one run that are together in one piece: a row group, or a file that is not looked into. */
type Item = {
  readonly run: number;
  /** Among the items of its run. */
  readonly position: number;
  readonly file: DataFileMeta;
  readonly rowGroup: number | undefined;
  readonly min: KeyBound;
  readonly max: KeyBound;
  /** Undefined: it may not go as it is. */
  readonly packed: PackedRows | undefined;
};

/** The first values of a key, as many as are known; all keys that begin so are meant. */
type KeyBound = readonly Scalar[];

/** @param level of the files that are written */
export async function piecesOf(
  table: Table,
  place: ReadPlace,
  section: Section,
  level: number,
): Promise<readonly Piece[]> {
  const keys = fieldsNamed(table.schema, trimmedPrimaryKeys(table.schema));
  const wholeBytes = wholeFileBytesOf(table, section);
  const items: Item[] = [];
  for (const [run, files] of section.entries()) {
    let position = 0;
    for (const file of files) {
      for (const part of await partsOf(table, place, file, { keys, level, wholeBytes })) {
        items.push({ ...part, run, position, file });
        position += 1;
      }
    }
  }
  const untouched = untouchedItems(items, keys);
  return untouched.length === 0 ? [wholeSection(section)] : cut(section, items, untouched, keys);
}

export function wholeSection(section: Section): MergePiece {
  return { kind: 'merge', section, rowGroups: new Map() };
}

/** Whether the table's compactions may leave rows unseen; files and row groups have their own say. */
export function mayLeaveUnseen({ options }: Table): boolean {
  return options.fileIndexes.wanted.length === 0 && !options.compaction.forceRewriteAllFiles;
}

type Part = Pick<Item, 'rowGroup' | 'min' | 'max' | 'packed'>;
type Looking = { readonly keys: readonly DataField[]; readonly level: number; readonly wholeBytes: number };

async function partsOf(
  table: Table,
  place: ReadPlace,
  file: DataFileMeta,
  { keys, level, wholeBytes }: Looking,
): Promise<readonly Part[]> {
  const types = keys.map(({ type }) => type);
  const [min, max] = [deserializeRow(file.minKey, types), deserializeRow(file.maxKey, types)];
  const whole: Part = { rowGroup: undefined, min, max, packed: undefined };
  const format = formatOfFileName(file.fileName);
  const isLookedInto = format === 'parquet' && file.externalPath === undefined && file.fileSize > wholeBytes;
  if (!isLookedInto || place.deletions.has(file.fileName)) return [whole];
  const { files } = table.options;
  if (formatAt(files, level) !== format) return [whole];
  const source = await openFileSource(table, place, file, wholeBytes);
  const content = await openDataFile(source, dataFileKey(table, place, file.fileName), table.caches.layouts);
  const rowType = keyValueRowType(table.schema, files.thinMode);
  const packed = packedRowGroups(content, files, { format, level, rowType });
  if (packed.every(rows => rows === undefined)) return [whole];
  return content.rowGroups.map((group, index) => ({
    rowGroup: index,
    ...keyRange(group, keys),
    packed: isToldByBounds(group) ? packed[index] : undefined,
  }));
}

/** Whether its bounds say that no row has to go or is counted as a delete, and what numbers its rows have. */
function isToldByBounds({ columnRange }: RowGroupContent): boolean {
  const kinds = columnRange(valueKindField.name, valueKindField.type);
  const numbers = columnRange(sequenceNumberField.name, sequenceNumberField.type);
  const isOneAdd = typeof kinds?.min === 'number' && kinds.min === kinds.max && isAdd(kinds.min);
  return isOneAdd && typeof numbers?.min === 'bigint' && typeof numbers.max === 'bigint';
}

/** By the first column of the key, and by a further one where all before it have one value. */
function keyRange(group: RowGroupContent, keys: readonly DataField[]): { min: KeyBound; max: KeyBound } {
  const min: Scalar[] = [];
  const max: Scalar[] = [];
  for (const { name, type } of keys) {
    const range = group.columnRange(name, type);
    if (range === undefined || range.min === null || range.max === null) break;
    min.push(range.min);
    max.push(range.max);
    if (compareScalars(type, range.min, range.max) !== 0) break;
  }
  return { min, max };
}

/** Zero where one bound begins as the other, so that keys of both may be the same. */
function compareBounds(keys: readonly DataField[], a: KeyBound, b: KeyBound): number {
  const count = Math.min(a.length, b.length);
  for (const [index, { type }] of keys.slice(0, count).entries()) {
    const order = compareScalars(type, a[index] ?? null, b[index] ?? null);
    if (order !== 0) return order;
  }
  return 0;
}

/** Those that may go as they are and have no key in common with another run, in key order. */
function untouchedItems(items: readonly Item[], keys: readonly DataField[]): readonly Item[] {
  const isApart = (item: Item): boolean =>
    items.every(
      ({ run, min, max }) =>
        run === item.run || compareBounds(keys, max, item.min) < 0 || compareBounds(keys, item.max, min) < 0,
    );
  return items
    .filter(item => item.packed !== undefined && isApart(item))
    .toSorted((a, b) => (isBehind(keys, a, b) ? 1 : -1));
}

/** Whether an item lies behind one that is untouched. */
function isBehind(keys: readonly DataField[], item: Item, untouched: Item): boolean {
  if (item.run === untouched.run) return item.position > untouched.position;
  return compareBounds(keys, untouched.max, item.min) < 0;
}

function cut(
  section: Section,
  items: readonly Item[],
  untouched: readonly Item[],
  keys: readonly DataField[],
): readonly Piece[] {
  const taken = new Set(untouched);
  const others = Map.groupBy(
    items.filter(item => !taken.has(item)),
    item => untouched.reduce((count, before) => count + Number(isBehind(keys, item, before)), 0),
  );
  const pieces: Piece[] = [];
  let together: PackedRows[] = [];
  for (let place = 0; place <= untouched.length; place += 1) {
    const merged = others.get(place);
    if (merged !== undefined) {
      together = [];
      pieces.push(mergePiece(section, merged));
    }
    const rows = untouched[place]?.packed;
    if (rows === undefined) continue;
    if (together.length === 0) pieces.push({ kind: 'untouched', rowGroups: together });
    together.push(rows);
  }
  return pieces;
}

function mergePiece(section: Section, items: readonly Item[]): MergePiece {
  const byFile = Map.groupBy(items, ({ file }) => file);
  const runs = section.map(files => files.filter(file => byFile.has(file))).filter(files => files.length > 0);
  const rowGroups = new Map<string, readonly number[]>();
  for (const [{ fileName }, ofFile] of byFile) {
    const indexes = ofFile.flatMap(({ rowGroup }) => (rowGroup === undefined ? [] : [rowGroup]));
    if (indexes.length > 0) rowGroups.set(fileName, indexes);
  }
  return { kind: 'merge', section: runs, rowGroups };
}
