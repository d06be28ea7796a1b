/** Which options can't hold for one statement that writes, though they can for one that reads. */
import { unsupported } from '../../base/errors.ts';
import { compressionAt, parseTableOptions } from '../../format/table-options.ts';
import type { TableSchema } from '../../format/table-schema.ts';
import { dutiesDiffer } from '../commit/duties.ts';
import type { Table } from '../table.ts';

/** @throws LakeError `unsupported`, naming the option */
export function checkDynamicOptions({ dynamicOptions, storedSchema, label }: Table): void {
  for (const [key, value] of Object.entries(dynamicOptions)) {
    const one = { ...storedSchema, options: { ...storedSchema.options, [key]: value } };
    if (dutiesDiffer(storedSchema, one)) {
      // Whoever merges and compacts these rows later goes by the table's own options.
      throw unsupported(`writing with option ${key}=${value}, which all writers of a table must have alike,`, label);
    }
    if (usesLz4(one) && !usesLz4(storedSchema)) {
      // Which files DuckDB can read is told by the options of the schema that they were written under.
      throw unsupported(`writing with option ${key}=${value} that is not the table's own`, label);
    }
  }
}

function usesLz4(schema: TableSchema): boolean {
  const { files, compaction } = parseTableOptions(schema);
  return Array.from({ length: compaction.levelCount }, (_, level) => compressionAt(files, level)).includes('lz4');
}
