/**
 * A file's statistics under the reader's schema, as texts: columns by field id, values cast to today's type, all null
 * where the file does not have the column.
 *
 * @see Paimon 1.4.2 SimpleStatsEvolution
 */
import { isLakeError } from '../../base/errors.ts';
import { rowReader } from '../../format/binary-row.ts';
import { arityOf } from '../../format/binary-row-reader.ts';
import type { DataFileMeta } from '../../format/data-file.ts';
import { statsFieldsOf } from '../../format/stats-fields.ts';
import type { TableSchema } from '../../format/table-schema.ts';
import { castScalar } from '../../types/cast.ts';
import { type DataField, type DataType, isAtomic } from '../../types/data-type.ts';
import type { Scalar } from '../../types/scalar.ts';
import { innerText, namedText } from './value-text.ts';

export type FileStatsText = { readonly nullCounts: string; readonly min: string; readonly max: string };

export function fileStatsText(file: DataFileMeta, fileSchema: TableSchema, schema: TableSchema): FileStatsText {
  const statsFields = statsFieldsOf(file, fileSchema) ?? [];
  const stats = file.valueStats;
  const types = statsFields.map(field => field.type);
  // As they are stored, and not as `decodeStats` gives them, which leaves out what can't be pruned by.
  const [mins, maxs] = [stats.minValues, stats.maxValues].map(bytes =>
    types.length === 0 || arityOf(bytes) === 0 ? [] : deserializeAtomic(bytes, types),
  );
  const [nullCounts, min, max] = [new Map<string, string>(), new Map<string, string>(), new Map<string, string>()];
  for (const field of schema.fields) {
    const fileField = fileSchema.fields.find(candidate => candidate.id === field.id);
    const index = statsFields.findIndex(candidate => candidate.id === field.id);
    const count = fileField === undefined ? BigInt(file.rowCount) : stats.nullCounts[index];
    nullCounts.set(field.name, count === undefined ? 'null' : String(count));
    min.set(field.name, boundText(fileField, field, mins?.[index] ?? null));
    max.set(field.name, boundText(fileField, field, maxs?.[index] ?? null));
  }
  return { nullCounts: namedText(nullCounts), min: namedText(min), max: namedText(max) };
}

function deserializeAtomic(bytes: Uint8Array, types: readonly DataType[]): readonly Scalar[] {
  const read = rowReader(bytes, types);
  return types.map((type, index) => (isAtomic(type) ? read(index) : null));
}

function boundText(from: DataField | undefined, to: DataField, value: Scalar): string {
  if (from === undefined || value === null || !isAtomic(to.type)) return 'null';
  try {
    return innerText(to.type, castScalar(value, from.type, to.type));
  } catch (error) {
    // A bound that is no value of the new type bounds nothing.
    if (isLakeError(error)) return 'null';
    throw error;
  }
}
