/**
 * Which files of a bucket a filter can leave out. Pure.
 *
 * A file of an append table goes when its statistics rule the filter out. Of a primary-key table single files go by
 * key only: leaving out one file of an overlapping set by its values would bring older rows of its keys back to life.
 * By values a whole bucket goes, when no file of it can match, or single files when none overlap (spec 10.1).
 */

import type { DataFileMeta } from '../../format/data-file.ts';
import { askFileIndex, type IndexedColumn } from '../../format/file-index/index-match.ts';
import { booleanOption } from '../../format/option-values.ts';
import { decodeStats } from '../../format/stats.ts';
import { statsFieldsOf } from '../../format/stats-fields.ts';
import { fieldsNamed, type TableSchema, trimmedPrimaryKeys } from '../../format/table-schema.ts';
import type { RowType } from '../../types/data-type.ts';
import type { Predicate } from '../../types/predicate.ts';
import { type ColumnRange, mayMatch, type RangeLookup } from '../../types/prune.ts';
import { sameValues } from '../read/column-mapping.ts';
import { keyFilter } from './key-filter.ts';

export type PruneInput = {
  /** The schema the filter speaks of. */
  readonly schema: TableSchema;
  /** Schemas of the files, by id. */
  readonly schemaOf: (schemaId: number) => TableSchema;
  /** Without conjuncts of partition columns only. */
  readonly predicate: Predicate;
};

export function pruneAppendFiles(files: readonly DataFileMeta[], input: PruneInput): readonly DataFileMeta[] {
  return files.filter(file => valuesMayMatch(file, input));
}

export type KeyFileRules = {
  /** No two files share a key and none holds deletes. */
  readonly isOverlapFree: boolean;
  /** A merged row is one of the rows merged; aggregated values may be in no file. */
  readonly mergesToOneOfThem: boolean;
};

export function pruneKeyFiles(
  files: readonly DataFileMeta[],
  input: PruneInput,
  { isOverlapFree, mergesToOneOfThem }: KeyFileRules,
): readonly DataFileMeta[] {
  const keyPredicate = keyFilter(input.schema, trimmedPrimaryKeys(input.schema), input.predicate);
  const byKey =
    keyPredicate === undefined ? files : files.filter(file => keysMayMatch(file, input.schema, keyPredicate));
  if (isOverlapFree) return byKey.filter(file => valuesMayMatch(file, input));
  if (!mergesToOneOfThem) return byKey;
  return byKey.some(file => valuesMayMatch(file, input)) ? byKey : [];
}

function keysMayMatch(file: DataFileMeta, schema: TableSchema, predicate: Predicate): boolean {
  const fields = fieldsNamed(schema, trimmedPrimaryKeys(schema));
  const ranges = statsRanges(file.keyStats, { fields });
  return mayMatch(predicate, { fields }, ranges, file.rowCount);
}

function valuesMayMatch(file: DataFileMeta, input: PruneInput): boolean {
  const { schema, predicate } = input;
  const fileSchema = input.schemaOf(file.schemaId);
  const ranges = statsRanges(file.valueStats, { fields: statsFieldsOf(file, fileSchema) ?? [] });
  const lookup: RangeLookup = name => {
    const field = schema.fields.find(candidate => candidate.name === name);
    const fileField = fileSchema.fields.find(candidate => candidate.id === field?.id);
    if (field === undefined) return undefined;
    if (fileField === undefined) return { min: null, max: null, nullCount: file.rowCount };
    return sameValues(field.type, fileField.type) ? ranges(fileField.name) : undefined;
  };
  if (!mayMatch(predicate, { fields: schema.fields }, lookup, file.rowCount)) return false;
  const isRead = booleanOption(schema.options, 'file-index.read.enabled', true);
  if (file.embeddedIndex === undefined || !isRead) return true;
  const columnOf = (name: string): IndexedColumn | undefined => {
    const field = schema.fields.find(candidate => candidate.name === name);
    const own = fileSchema.fields.find(candidate => candidate.id === field?.id);
    return field === undefined || own === undefined || !sameValues(field.type, own.type) ? undefined : own;
  };
  const { rowCount, fileName: where } = file;
  return askFileIndex(file.embeddedIndex, predicate, { columnOf, rowCount, where }) !== 'none';
}

/** Ranges out of a statistics record; a record of another width says nothing. */
export function statsRanges(
  stats: DataFileMeta['valueStats'],
  rowType: RowType,
): (name: string) => ColumnRange | undefined {
  let decoded: ReturnType<typeof decodeStats> | undefined;
  return name => {
    const index = rowType.fields.findIndex(field => field.name === name);
    if (index < 0) return undefined;
    decoded ??= decodeStats(
      stats,
      rowType.fields.map(field => field.type),
    );
    if (decoded.min.length !== rowType.fields.length) return undefined;
    const nullCount = decoded.nullCounts[index];
    return {
      min: decoded.min[index] ?? null,
      max: decoded.max[index] ?? null,
      nullCount: nullCount === undefined ? undefined : Number(nullCount),
    };
  };
}
