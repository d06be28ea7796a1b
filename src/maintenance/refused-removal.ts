/**
 * Features under which files may be needed in ways that nothing here knows of. On tables that have one, nothing is removed.
 */
import { booleanOption, type OptionMap, textOption } from '../format/option-values.ts';
import type { TableSchema } from '../format/table-schema.ts';

/** Named for messages, as options; none: files may be removed. */
export function refusedForRemoval({ options }: TableSchema): readonly string[] {
  const names = [
    ...unless(options, 'type', ['table', 'materialized-table']),
    ...unless(options, 'manifest.format', ['avro']),
    ...unless(options, 'metadata.iceberg.storage', ['disabled']),
  ];
  for (const key of ['data-file.external-paths', 'global-index.external-path', 'blob-field', 'vector-field']) {
    if (textOption(options, key) !== undefined) names.push(key);
  }
  for (const key of ['data-evolution.enabled', 'chain-table.enabled', 'index-file-in-data-file-dir']) {
    if (booleanOption(options, key, false)) names.push(key);
  }
  return names;
}

function unless(options: OptionMap, key: string, harmless: readonly string[]): readonly string[] {
  const value = textOption(options, key)?.toLowerCase();
  return value === undefined || harmless.includes(value) ? [] : [`${key}=${value}`];
}
