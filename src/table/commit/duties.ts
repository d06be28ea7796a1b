/**
 * What a schema's options ask of whoever writes under it (DESIGN S2 g, A2). Columns are no duty: files are read by the
 * schema they were written under.
 */
import type { TableSchema } from '../../format/table-schema.ts';

const dutyOptions: readonly string[] = [
  'bucket',
  'bucket-key',
  'bucket-function.type',
  'changelog-producer',
  'data-evolution.enabled',
  'deletion-vectors.bitmap64',
  'deletion-vectors.enabled',
  'ignore-delete',
  'merge-engine',
  'partial-update.remove-record-on-delete',
  'row-tracking.enabled',
  'rowkind.field',
  'sequence.field',
  'sequence.field.sort-order',
];

/** How fields are merged, which a write buffer does already. */
const fieldDuty =
  /^fields\..+\.(aggregate-function|sequence-group|ignore-retract|distinct|list-agg-delimiter|nested-key)$|^fields\.default-aggregate-function$/;

export function dutiesDiffer(a: TableSchema, b: TableSchema): boolean {
  const fieldKeys = [...Object.keys(a.options), ...Object.keys(b.options)].filter(key => fieldDuty.test(key));
  return [...dutyOptions, ...fieldKeys].some(key => a.options[key] !== b.options[key]);
}
