/**
 * Reads one data file as a table's rows: only the columns asked for, only the row groups and rows that statistics and
 * indexes let through a filter, without the rows that the place's deletion vectors name, under the schema of the reader.
 */
import { present } from '../../base/assert.ts';
import { corrupt, unsupported } from '../../base/errors.ts';
import type { DataFileMeta } from '../../format/data-file.ts';
import type { DataFileContent, DataFileReadOptions } from '../../format/data-file-content.ts';
import { isKnownFormat, openDataFile } from '../../format/data-file-format.ts';
import type { DeletionVector } from '../../format/deletion-vector.ts';
import {
  askFileIndex,
  asksForValues,
  type IndexAnswer,
  type IndexedColumn,
} from '../../format/file-index/index-match.ts';
import { fileIndexSuffix } from '../../format/file-index/index-options.ts';
import type { RowSet } from '../../format/file-index/row-set.ts';
import { fileIndexBytesMax } from '../../format/metadata-limits.ts';
import { rowIdField, sequenceNumberField, valueKindField } from '../../format/parquet/data-file-layout.ts';
import { formatOfFileName } from '../../format/paths.ts';
import { type TableSchema, trimmedPrimaryKeys } from '../../format/table-schema.ts';
import { int64Values } from '../../types/column-buffers.ts';
import { type DataField, type RowType, withNullable } from '../../types/data-type.ts';
import type { Predicate } from '../../types/predicate.ts';
import { columnsOf, mayMatch } from '../../types/prune.ts';
import { type Column, isValid, type KeyValueBatch, makeRowBatch, type RowBatch } from '../../types/row-batch.ts';
import { kindBits } from '../../types/row-kind.ts';
import { type Deletions, readDeletionVector } from '../index-files.ts';
import type { Table } from '../table.ts';
import { type ColumnMapping, type MappingInput, mapColumns, sameValues } from './column-mapping.ts';
import { RepeatedNumber } from './file-ages.ts';
import { dataFileKey, type FilePlace, openFileSource, type ReadPlace } from './file-source.ts';
import { splitColumns } from './late-columns.ts';
import { passingRows, type RowFilter } from './passing-rows.ts';
import { checkVector, remainingRows } from './remaining-rows.ts';

export type FileRead = {
  /** The reader's schema; `wanted` are columns of it. */
  readonly schema: TableSchema;
  readonly wanted: RowType;
  /** Row groups that can hold no match are left out, and rows that an index or their values rule out; others may come. */
  readonly prune: Predicate | undefined;
  /** The rows of each file ascend by the table's key. */
  readonly isSortedByKey?: boolean | undefined;
  readonly batchRowsMax: number;
  /** Bytes of a row group that are decoded at a time; the reader's own bound when not given. */
  readonly windowBytesMax?: number | undefined;
  /**
   * Columns without which the rows of a merge can't be ordered: key values come with these, the others are decoded when
   * they are asked for. Undefined: all come at once.
   */
  readonly earlyColumns?: readonly string[] | undefined;
  /** Every row has this sequence number, and those in the file are not read; see file-ages.ts. */
  readonly sequenceNumber?: bigint | undefined;
  /** A larger file is read by ranges; `wholeFileBytesDefault` when not given. */
  readonly wholeFileBytesMax?: number | undefined;
  /** By file name, the row groups that are read; of files that are not in it, all. */
  readonly rowGroups?: ReadonlyMap<string, readonly number[]> | undefined;
  /** By file name, the rows that are read; of files that are not in it, all. */
  readonly rows?: ReadonlyMap<string, RowSet> | undefined;
};

/**
 * The rows of a file, without keys' history: of append tables, and of raw files of primary-key tables. A file of which no
 * column is asked for is not opened: its manifest knows the count.
 */
export async function* readRows(
  table: Table,
  place: ReadPlace,
  file: DataFileMeta,
  read: FileRead,
): AsyncGenerator<RowBatch, void, undefined> {
  const found = await describe(table, place, file, read);
  const isWhole = read.prune === undefined && read.rows?.has(file.fileName) !== true;
  if (found.mapping.fileFields.length === 0 && isWhole) {
    yield* rowsWithoutColumns(found.mapping, await liveRowCount(table, place, file), read.batchRowsMax);
    return;
  }
  const opened = await open(table, place, file, read, found);
  if (opened === undefined) return;
  const { content, mapping, rowGroups } = opened;
  const options = { ...windowOf(read), fields: mapping.fileFields, rowGroups };
  const filter = filterOf(place, read, found);
  for await (const { rows } of passingRows(content, options, opened, filter)) yield mapping.apply(rows);
}

/** Rows of the file without those that its deletion vector names. */
export async function liveRowCount(
  table: Table,
  { deletions }: Pick<ReadPlace, 'deletions'>,
  file: DataFileMeta,
): Promise<number> {
  const vector = await vectorOf(table, deletions, file, file.fileName);
  return file.rowCount - (vector?.cardinality ?? 0);
}

/**
 * The rows of a primary-key table's file with their sequence numbers and kinds, and where they lie; of `earlyColumns`, with
 * the others to be asked for, where the file's format allows it.
 */
export async function* readKeyValues(
  table: Table,
  place: ReadPlace,
  file: DataFileMeta,
  read: FileRead,
): AsyncGenerator<KeyValueBatch, void, undefined> {
  const found = await describe(table, place, file, read);
  const opened = await open(table, place, file, read, found);
  if (opened === undefined) return;
  const { content, rowGroups } = opened;
  const { earlyColumns, sequenceNumber } = read;
  const isLate = earlyColumns !== undefined && content.readLate !== undefined;
  const parts = isLate ? splitColumns(mappingInput(place, read, found.fileSchema), earlyColumns) : undefined;
  const mapping = parts?.early ?? opened.mapping;
  const numberFields = sequenceNumber === undefined ? [sequenceNumberField] : [];
  const sameNumbers = sequenceNumber === undefined ? undefined : new RepeatedNumber(sequenceNumber);
  const fields = [valueKindField, ...numberFields, ...mapping.fileFields];
  const options = { ...windowOf(read), fields, rowGroups, lateFields: parts?.late.fileFields };
  const filter = filterOf(place, read, found);
  for await (const { rows, firstPosition, kept, late } of passingRows(content, options, opened, filter)) {
    const [kind, ...others] = rows.columns;
    const columns = others.slice(numberFields.length);
    const early = mapping.apply(makeRowBatch({ fields: mapping.fileFields }, rows.rowCount, columns));
    yield {
      rows: early,
      wholeRows:
        parts === undefined || late === undefined
          ? undefined
          : async () => parts.join(early, parts.late.apply(await late())),
      sequenceNumbers:
        sameNumbers?.times(rows.rowCount) ?? int64s(present(others[0], 'sequence numbers').values, table, file),
      kinds: kindsOf(present(kind, 'kinds').values, table, file),
      level: file.level,
      origin: { fileName: file.fileName, firstPosition, kept },
    };
  }
}

/** Rows of a table that tracks them, each with its id and the sequence number of what wrote it. */
export type TrackedBatch = {
  readonly rows: RowBatch;
  readonly rowIds: BigInt64Array;
  readonly sequenceNumbers: BigInt64Array;
};

/**
 * The rows of a file whose table tracks rows. A row that was moved has its id and number in the file; others have them of
 * the file: the id by their position, the number of its commit.
 */
export async function* readTrackedRows(
  table: Table,
  place: ReadPlace,
  file: DataFileMeta,
  read: FileRead,
): AsyncGenerator<TrackedBatch, void, undefined> {
  const found = await describe(table, place, file, read);
  const opened = await open(table, place, file, read, found);
  if (opened === undefined) return;
  const { content, mapping, rowGroups } = opened;
  const options = { ...windowOf(read), fields: [...trackedFields, ...mapping.fileFields], rowGroups };
  for await (const { rows, firstPosition, kept } of remainingRows(content, options, opened)) {
    const [rowIds, numbers, ...columns] = rows.columns;
    const values = makeRowBatch({ fields: mapping.fileFields }, rows.rowCount, columns);
    const idAt = (row: number): bigint => {
      if (file.firstRowId !== undefined) return file.firstRowId + BigInt(firstPosition + (kept?.[row] ?? row));
      throw corrupt('LAKE_CORRUPT_FILE', `${found.where} has rows without an id, and its manifest gives it none`);
    };
    yield {
      rows: mapping.apply(values),
      rowIds: filledIn(present(rowIds, 'row ids'), idAt),
      sequenceNumbers: filledIn(present(numbers, 'sequence numbers'), () => file.maxSequenceNumber),
    };
  }
}

/** Null where the file does not have them. */
const trackedFields = [rowIdField, sequenceNumberField].map(field => ({
  ...field,
  type: withNullable(field.type, true),
}));

/** The column's values, and those of `otherwise` where it has none. */
function filledIn(column: Column, otherwise: (row: number) => bigint): BigInt64Array {
  const stored = int64Values(column);
  return BigInt64Array.from({ length: column.length }, (_, row) =>
    isValid(column, row) ? (stored[row] ?? 0n) : otherwise(row),
  );
}

function windowOf({
  batchRowsMax,
  windowBytesMax,
}: FileRead): Pick<DataFileReadOptions, 'batchRowsMax' | 'windowBytesMax'> {
  return { batchRowsMax, windowBytesMax };
}

function* rowsWithoutColumns(mapping: ColumnMapping, rowCount: number, rowsMax: number): Generator<RowBatch> {
  for (let start = 0; start < rowCount; start += rowsMax) {
    yield mapping.apply(makeRowBatch({ fields: [] }, Math.min(rowsMax, rowCount - start), []));
  }
}

type OpenedFile = {
  readonly content: DataFileContent;
  readonly mapping: ColumnMapping;
  readonly rowGroups: readonly number[];
  readonly vector: DeletionVector | undefined;
  /** Rows that are wanted and can pass the filter; undefined: any. */
  readonly matching: RowSet | undefined;
};

type DescribedFile = { readonly where: string; readonly fileSchema: TableSchema; readonly mapping: ColumnMapping };

/** What is known of a file without opening it. @throws LakeError `unsupported` */
async function describe(table: Table, place: FilePlace, file: DataFileMeta, read: FileRead): Promise<DescribedFile> {
  const where = dataFileKey(table, place, file.fileName);
  const format = formatOfFileName(file.fileName);
  if (!isKnownFormat(format)) throw unsupported(`${format} data files`, where);
  if (file.externalPath !== undefined) throw unsupported('external paths', where);
  const fileSchema = await table.schemas.get(file.schemaId);
  return { where, fileSchema, mapping: mapColumns(mappingInput(place, read, fileSchema)) };
}

function mappingInput(
  { partitionValues }: FilePlace,
  { wanted, schema }: FileRead,
  fileSchema: TableSchema,
): MappingInput {
  return { wanted, fileSchema, partitionKeys: schema.partitionKeys, partitionValues };
}

/** What tells rows that pass, out of the file's own columns. */
function filterOf(place: FilePlace, read: FileRead, { fileSchema }: DescribedFile): RowFilter | undefined {
  const { schema, prune } = read;
  if (prune === undefined) return undefined;
  const names = columnsOf(prune);
  const wanted = { fields: schema.fields.filter(({ name }) => names.has(name)) };
  const mapping = mapColumns(mappingInput(place, { ...read, wanted }, fileSchema));
  const sortedBy = read.isSortedByKey === true ? trimmedPrimaryKeys(schema)[0] : undefined;
  return { predicate: prune, mapping, sortedBy };
}

/** Undefined: an index of the file says that no row of it passes the filter, and the file is not opened. */
async function open(
  table: Table,
  place: ReadPlace,
  file: DataFileMeta,
  read: FileRead,
  found: DescribedFile,
): Promise<OpenedFile | undefined> {
  const { where, fileSchema, mapping } = found;
  const answer = await askIndex(table, place, file, read, found);
  if (answer === 'none') return undefined;
  const source = await openFileSource(table, place, file, wholeBytesMax(table, where, read));
  const content = await openDataFile(source, where, table.caches.layouts);
  if (content.rowCount !== file.rowCount) {
    throw corrupt('LAKE_FILE_ROWS', `${where} has ${content.rowCount} rows, its manifest says ${file.rowCount}`);
  }
  const vector = await vectorOf(table, place.deletions, file, where);
  const matching = inBoth(answer === 'any' ? undefined : answer, read.rows?.get(file.fileName));
  const asked = read.rowGroups?.get(file.fileName) ?? content.rowGroups.keys().toArray();
  const possible = asked.filter(groupTest(content, mapping, fileSchema, read));
  const rowGroups = groupsWithRows(content, possible, matching);
  return { content, mapping, rowGroups, vector, matching };
}

/** Of a larger file whose layout is known, those who look for some rows fetch pages only. */
const filteredFileBytesMax = 128 * 1024;

function wholeBytesMax(table: Table, where: string, { prune, wholeFileBytesMax }: FileRead): number | undefined {
  const isAskedForPages = prune !== undefined && table.caches.layouts.get(where) !== undefined;
  return isAskedForPages ? filteredFileBytesMax : wholeFileBytesMax;
}

/** @param a undefined: all rows; so is `b` */
function inBoth(a: RowSet | undefined, b: RowSet | undefined): RowSet | undefined {
  return a === undefined || b === undefined ? (a ?? b) : a.copy().keepAll(b);
}

function groupsWithRows(
  content: DataFileContent,
  groups: readonly number[],
  matching: RowSet | undefined,
): readonly number[] {
  if (matching === undefined) return groups;
  let end = 0;
  const ranges = content.rowGroups.map(({ rowCount }) => {
    end += rowCount;
    return { start: end - rowCount, end };
  });
  return groups.filter(index => {
    const range = present(ranges[index], 'row group');
    return matching.hasAny(range.start, range.end);
  });
}

/** What the index of a file says of the filter: the one in its manifest entry, else the one beside it. */
async function askIndex(
  table: Table,
  place: FilePlace,
  file: DataFileMeta,
  { prune, wanted }: FileRead,
  { mapping }: DescribedFile,
): Promise<IndexAnswer> {
  const { isRead, wanted: indexes } = table.options.fileIndexes;
  if (prune === undefined || !isRead || !asksForValues(prune, indexes)) return 'any';
  const index = await indexOf(table, place, file);
  if (index === undefined) return 'any';
  const columnOf = (column: string): IndexedColumn | undefined => {
    const own = mapping.fileFieldOf(column);
    const type = wanted.fields.find(field => field.name === column)?.type;
    return own === undefined || type === undefined || !sameValues(own.type, type) ? undefined : own;
  };
  return askFileIndex(index.bytes, prune, { columnOf, rowCount: file.rowCount, where: index.where });
}

/** An index, and where it is, for messages. */
export type FoundIndex = { readonly bytes: Uint8Array; readonly where: string };

/** The index of a file; undefined: it has none. */
export async function indexOf(table: Table, place: FilePlace, file: DataFileMeta): Promise<FoundIndex | undefined> {
  if (file.embeddedIndex !== undefined) return { bytes: file.embeddedIndex, where: file.fileName };
  const name = file.extraFiles.find(extra => extra.endsWith(fileIndexSuffix));
  if (name === undefined) return undefined;
  const key = dataFileKey(table, place, name);
  const found = await table.store.get(key, { bytesMax: fileIndexBytesMax });
  return found === undefined ? undefined : { bytes: found.bytes, where: key };
}

/** The file's deletion vector, if it has one. @throws LakeError `corrupt` LAKE_CORRUPT_VECTOR */
async function vectorOf(
  table: Table,
  deletions: Deletions,
  file: DataFileMeta,
  where: string,
): Promise<DeletionVector | undefined> {
  const place = deletions.get(file.fileName);
  if (place === undefined) return undefined;
  const vector = await readDeletionVector(table, place);
  checkVector(vector, file.rowCount, where);
  return vector;
}

/** Whether a row group may have rows that pass, by its statistics. */
function groupTest(
  content: DataFileContent,
  mapping: ColumnMapping,
  fileSchema: TableSchema,
  { schema, prune }: FileRead,
): (index: number) => boolean {
  if (prune === undefined) return () => true;
  const told = new Map<string, DataField>();
  for (const name of columnsOf(prune)) {
    const field = schema.fields.find(candidate => candidate.name === name);
    const fileField = mapping.fileFieldOf(name) ?? fileSchema.fields.find(candidate => candidate.id === field?.id);
    if (field === undefined || fileField === undefined || schema.partitionKeys.includes(name)) continue;
    if (sameValues(field.type, fileField.type)) told.set(name, fileField);
  }
  return index => {
    const group = present(content.rowGroups[index], 'row group');
    const range = (name: string): ReturnType<typeof group.columnRange> => {
      const field = told.get(name);
      return field === undefined ? undefined : group.columnRange(field.name, field.type);
    };
    return mayMatch(prune, schema, range, group.rowCount);
  };
}

function int64s(values: unknown, table: Table, file: DataFileMeta): BigInt64Array {
  if (values instanceof BigInt64Array) return values;
  throw corrupt('LAKE_CORRUPT_FILE', `${table.label}: ${file.fileName} has no 64-bit sequence numbers`);
}

function kindsOf(values: unknown, table: Table, file: DataFileMeta): Int8Array {
  if (values instanceof Int8Array && (kindBits(values) & ~3) === 0) return values;
  throw corrupt('LAKE_CORRUPT_FILE', `${table.label}: ${file.fileName} has row kinds other than 0 to 3`);
}
