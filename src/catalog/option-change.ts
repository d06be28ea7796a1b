/**
 * Which options of a table may become something else, be it for good (`ALTER TABLE`) or for one statement (a hint). Pure.
 *
 * @see Paimon 1.4.2 SchemaManager.checkAlterTableOption, CoreOptions.IMMUTABLE_OPTIONS
 */
import { logNameKey } from '../format/log-name.ts';
import type { OptionMap } from '../format/option-values.ts';

/**
 * Options that are fixed when the table is made. Paimon fixes them with the first snapshot; here it is from creation,
 * or a change and a first commit could pass each other (DESIGN A1).
 */
const immutableOptions: ReadonlySet<string> = new Set([
  'type',
  'bucket-key',
  'bucket-function.type',
  'data-file.path-directory',
  'merge-engine',
  'sequence.snapshot-ordering',
  'aggregation.remove-record-on-delete',
  'partial-update.remove-record-on-delete',
  'partial-update.remove-record-on-sequence-group',
  'rowkind.field',
  'primary-key',
  'partition',
  'dynamic-bucket.initial-buckets',
  'force-lookup',
  'row-tracking.enabled',
  'data-evolution.enabled',
  'index-file-in-data-file-dir',
  'blob-field',
  'blob-descriptor-field',
  'blob-view-field',
  'blob-external-storage-path',
  'blob-external-storage-field',
  'pk-clustering-override',
  'path',
  // What is in one log would be behind what is in another.
  logNameKey,
]);

/**
 * Why an option can't become this value; undefined: it can, or has it already.
 *
 * @param options those the table has
 * @param value undefined: the option is taken away
 */
export function whyFixed(options: OptionMap, key: string, value: string | undefined): string | undefined {
  const current = options[key];
  if (current === value) return undefined;
  if (immutableOptions.has(key)) return `option ${key} can't be changed after the table was made`;
  if (key === 'bucket') return whyBucketFixed(current, value);
  if (key === 'deletion-vectors.enabled' && options['deletion-vectors.modifiable'] !== 'true') {
    return 'option deletion-vectors.enabled can only be changed where deletion-vectors.modifiable is true';
  }
  if ((key === 'ignore-delete' || key === 'ignore-update-before') && current === 'true') {
    return `option ${key} can't be taken back: deletes that were ignored are lost`;
  }
  return undefined;
}

function whyBucketFixed(current: string | undefined, value: string | undefined): string | undefined {
  if (value === undefined) return 'option bucket can be changed, not removed';
  if (Number(current ?? -1) > 0 && Number(value) > 0) return undefined;
  return `bucket can only be changed between positive numbers, not from ${current ?? -1} to ${value}`;
}
