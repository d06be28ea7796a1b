/**
 * Rows of a file that pass a filter, found before the rest of them is read: pages that can hold some by the page index, of
 * these the filter's columns, and of the rows that pass the other columns. So the rows of few keys cost a few pages.
 *
 * A filter that lets most rows of a row group pass is not worth asking first: what follows is read as a whole, unfiltered.
 */
import { present } from '../../base/assert.ts';
import { once } from '../../base/concurrency.ts';
import type { DataFileContent, HeldPages } from '../../format/data-file-content.ts';
import { allRowsOf, flaggedRows, partOfRows, type RowRanges, rowCountOf, rowsIn } from '../../format/row-ranges.ts';
import type { DataField, DataType } from '../../types/data-type.ts';
import { evaluatePredicate } from '../../types/filter.ts';
import { takeRows } from '../../types/gather.ts';
import type { Predicate } from '../../types/predicate.ts';
import { conjuncts } from '../../types/prune.ts';
import { columnOf, makeRowBatch, type RowBatch, sliceBatch } from '../../types/row-batch.ts';
import type { Scalar } from '../../types/scalar.ts';
import { equalStretch } from '../../types/sorted-column.ts';
import { rowsThatMayMatch } from '../scan/prune-pages.ts';
import { type ColumnMapping, sameValues } from './column-mapping.ts';
import {
  type LeftOut,
  type PositionedBatch,
  type RemainingRead,
  remainingRows,
  withoutLeftOut,
} from './remaining-rows.ts';

export type RowFilter = {
  readonly predicate: Predicate;
  /** The columns that the predicate speaks of. */
  readonly mapping: ColumnMapping;
  /** A column by which the file's rows ascend, if it is known. */
  readonly sortedBy: string | undefined;
};

/** Where more rows of a row group pass, the next ones are not asked. */
const passingShareMax = 0.5;
/** Of a row group so much is looked at together, uncompressed, of the rows that pages rule in; more the reader decodes a part at a time. */
const lookedAtBytesMax = 32 * 1024 * 1024;
/** Runs of equal values take no room until they are decoded: so many values of all columns are looked at together. */
const lookedAtValuesMax = 32 * 1024 * 1024;
const batchRowsDefault = 65_536;
/** Where it costs nothing, pages of all columns are fetched with those of a key that so few rows can have: most keys are there. */
const fetchedAtOnceRowsMax = 32 * 1024;

/** As `remainingRows`, of rows that may pass; others may come too. */
export async function* passingRows(
  content: DataFileContent,
  options: RemainingRead,
  leftOut: LeftOut,
  filter: RowFilter | undefined,
): AsyncGenerator<PositionedBatch, void, undefined> {
  const { select } = content;
  let groups = options.rowGroups;
  if (filter !== undefined && select !== undefined && filter.mapping.fileFields.length > 0) {
    const ask = (rowGroup: number): Promise<Selection | undefined> =>
      selectionOf(content, { filter, select, rowGroup, leftOut, options });
    let asked: Promise<Selection | undefined> | undefined;
    for (const [index, rowGroup] of options.rowGroups.entries()) {
      groups = options.rowGroups.slice(index);
      const selection = await (asked ?? ask(rowGroup));
      if (selection === undefined) break;
      groups = options.rowGroups.slice(index + 1);
      const { rowCount } = present(content.rowGroups[rowGroup], 'row group');
      const isSelective = rowCountOf(selection.passing) <= rowCount * passingShareMax;
      const next = options.rowGroups[index + 1];
      asked = isSelective && next !== undefined ? ask(next) : undefined;
      // A reader that stops early never looks at the outcome; one that goes on awaits the promise itself.
      asked?.catch(() => undefined);
      yield* selectedBatches(selection, rowGroup, options);
      if (!isSelective) break;
    }
  }
  if (groups.length > 0) yield* remainingRows(content, { ...options, rowGroups: groups }, leftOut);
}

type Select = NonNullable<DataFileContent['select']>;

/** The rows of a row group that pass. */
type Selection = {
  readonly passing: RowRanges;
  /** Of the file, of the row group's first row. */
  readonly firstPosition: number;
  /** The filter's columns of these rows, as the file has them. */
  readonly known: RowBatch;
  /** What gives the other columns; held pages are done with then. */
  readonly select: Select;
  readonly held: HeldPages | undefined;
};

type Asked = {
  readonly filter: RowFilter;
  readonly select: Select;
  readonly rowGroup: number;
  readonly leftOut: LeftOut;
  readonly options: RemainingRead;
};

/** Undefined: the row group is better read as a whole. */
async function selectionOf(
  content: DataFileContent,
  { filter, select: selectOfFile, rowGroup, leftOut, options }: Asked,
): Promise<Selection | undefined> {
  const { predicate, mapping } = filter;
  const { fields, lateFields = [] } = options;
  const group = present(content.rowGroups[rowGroup], 'row group');
  const firstPosition = content.rowGroups.slice(0, rowGroup).reduce((sum, { rowCount }) => sum + rowCount, 0);
  const { fileFields } = mapping;
  const candidates = await candidatesOf(content, filter, rowGroup);
  const candidateRows = rowCountOf(candidates);
  if (candidateRows > 0) {
    if ((candidateRows / group.rowCount) * group.byteSize > lookedAtBytesMax) return undefined;
    if (candidateRows * (fields.length + lateFields.length) > lookedAtValuesMax) return undefined;
  }
  const isOneKey = lateFields.length === 0 && wantedValue(filter) !== undefined;
  const held =
    isOneKey && candidateRows > 0 && candidateRows <= fetchedAtOnceRowsMax
      ? await content.hold?.({ fields: together(fileFields, fields), rowGroup, ranges: candidates })
      : undefined;
  const source = { firstPosition, held, select: held?.select ?? selectOfFile };
  const none = { ...source, passing: [], known: makeRowBatch({ fields: [] }, 0, []) };
  if (candidateRows === 0) return none;
  const fetched = await source.select({ fields: fileFields, rowGroup, ranges: candidates });
  const { start, end } = stretchOf(filter, fetched);
  if (start === end) return none;
  const known = sliceBatch(fetched, start, end);
  const looked = partOfRows(candidates, start, end);
  const flags = evaluatePredicate(predicate, mapping.apply(known));
  withoutLeftOut(flags, looked, firstPosition, leftOut);
  const passing = flaggedRows(looked, flags);
  if (passing.length === 0) return none;
  const rowIndex = flagged(flags);
  return { ...source, passing, known: rowIndex.length === known.rowCount ? known : takeRows(known, rowIndex) };
}

function together(some: readonly DataField[], others: readonly DataField[]): readonly DataField[] {
  return [...some, ...others.filter(other => !some.some(({ name }) => name === other.name))];
}

/** The one value that the column which sorts the file's rows must have; undefined: it may have several. */
function wantedValue({ predicate, mapping, sortedBy }: RowFilter): Wanted | undefined {
  const only = conjuncts(predicate).find(
    part => part.kind === 'compare' && part.op === '=' && part.column === sortedBy && part.value !== null,
  );
  const type = mapping.wanted.fields.find(({ name }) => name === sortedBy)?.type;
  const own = sortedBy === undefined ? undefined : mapping.fileFieldOf(sortedBy);
  if (only?.kind !== 'compare' || type === undefined || own === undefined || !sameValues(own.type, type))
    return undefined;
  return { own, type, value: only.value };
}

type Wanted = { readonly own: DataField; readonly type: DataType; readonly value: Scalar };

/** The rows among which those that pass must be: where the column that sorts them must have one value, those that have it. */
function stretchOf(filter: RowFilter, rows: RowBatch): { readonly start: number; readonly end: number } {
  const wanted = wantedValue(filter);
  if (wanted === undefined) return { start: 0, end: rows.rowCount };
  return equalStretch(columnOf(rows, wanted.own.name), wanted.type, wanted.value);
}

function flagged(flags: Uint8Array): Uint32Array {
  const rowIndex = new Uint32Array(flags.length);
  let count = 0;
  for (let row = 0; row < flags.length; row += 1) {
    if (flags[row] !== 1) continue;
    rowIndex[count] = row;
    count += 1;
  }
  return rowIndex.subarray(0, count);
}

async function candidatesOf(
  content: DataFileContent,
  { predicate, mapping }: RowFilter,
  rowGroup: number,
): Promise<RowRanges> {
  const { rowCount } = present(content.rowGroups[rowGroup], 'row group');
  if (content.pageContents === undefined) return allRowsOf(rowCount);
  const { fileFields, wanted } = mapping;
  const pages = await content.pageContents(rowGroup, fileFields);
  return rowsThatMayMatch(predicate, {
    rowType: wanted,
    rowCount,
    pagesOf: column => {
      const own = mapping.fileFieldOf(column);
      const type = wanted.fields.find(({ name }) => name === column)?.type;
      return own === undefined || type === undefined || !sameValues(own.type, type)
        ? undefined
        : pages[fileFields.indexOf(own)];
    },
  });
}

async function* selectedBatches(
  { passing, firstPosition, known, select, held }: Selection,
  rowGroup: number,
  { fields, lateFields, batchRowsMax = batchRowsDefault }: RemainingRead,
): AsyncGenerator<PositionedBatch, void, undefined> {
  using _held = held;
  if (passing.length === 0) return;
  const isKnown = (field: DataField): boolean => known.rowType.fields.some(({ name }) => name === field.name);
  const others = fields.filter(field => !isKnown(field));
  const rest = others.length === 0 ? undefined : await select({ fields: others, rowGroup, ranges: passing });
  const rows = joined(fields, [known, ...(rest === undefined ? [] : [rest])]);
  const kept = rowsIn(passing);
  const late =
    lateFields === undefined ? undefined : once(() => select({ fields: lateFields, rowGroup, ranges: passing }));
  for (let start = 0; start < rows.rowCount; start += batchRowsMax) {
    const end = Math.min(rows.rowCount, start + batchRowsMax);
    const part = { rows: sliceBatch(rows, start, end), firstPosition, kept: kept.subarray(start, end) };
    yield { ...part, late: late === undefined ? undefined : async () => sliceBatch(await late(), start, end) };
  }
}

/** The fields out of batches of the same rows. */
function joined(fields: readonly DataField[], parts: readonly RowBatch[]): RowBatch {
  const columns = fields.map(({ name }) => {
    const part = present(
      parts.find(({ rowType }) => rowType.fields.some(field => field.name === name)),
      `column ${name}`,
    );
    return present(part.columns[part.rowType.fields.findIndex(field => field.name === name)], 'column');
  });
  return makeRowBatch({ fields }, present(parts[0], 'a batch').rowCount, columns);
}
