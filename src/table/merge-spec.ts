/** How the rows of a table are merged: its key and its options in the words of the LSM. */
import { type MergeOptions, parseMergeOptions } from '../format/merge-options.ts';
import { type TableSchema, trimmedPrimaryKeys } from '../format/table-schema.ts';
import type { MergeSpec } from '../lsm/merge-function.ts';

/** @throws LakeError `invalid` LAKE_BAD_OPTION naming an option of merging that makes no sense */
export function mergeSpec(schema: TableSchema, { dropDeletes }: Pick<MergeSpec, 'dropDeletes'>): MergeSpec {
  return { ...mergeOptionsOf(schema), keyNames: trimmedPrimaryKeys(schema), dropDeletes };
}

const known = new WeakMap<TableSchema, MergeOptions>();

/** Parsed once for each schema. */
export function mergeOptionsOf(schema: TableSchema): MergeOptions {
  const parsed = known.get(schema) ?? parseMergeOptions(schema);
  known.set(schema, parsed);
  return parsed;
}
