/** Which columns a data file's statistics are of. */
import type { DataField } from '../types/data-type.ts';
import type { DataFileMeta } from './data-file.ts';
import { rowIdField, sequenceNumberField } from './parquet/data-file-layout.ts';
import type { TableSchema } from './table-schema.ts';

/**
 * The fields of the statistics record, in its order: those that it names, else all that were written.
 *
 * @param schema the one that the file was written under
 * @returns undefined where one of them is nobody's, so that nothing is known of any
 */
export function statsFieldsOf(
  { valueStatsCols, writeCols }: Pick<DataFileMeta, 'valueStatsCols' | 'writeCols'>,
  schema: Pick<TableSchema, 'fields'>,
): readonly DataField[] | undefined {
  const names = valueStatsCols ?? writeCols;
  if (names === undefined) return schema.fields;
  const known = [...schema.fields, rowIdField, sequenceNumberField];
  const fields = names.flatMap(name => known.find(field => field.name === name) ?? []);
  return fields.length === names.length ? fields : undefined;
}
