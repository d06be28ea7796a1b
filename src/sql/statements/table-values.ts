/** Values of a query on their way into a table's columns: cast by DuckDB, never rounded or cut without a word. */
import { invalid } from '../../base/errors.ts';
import { columnReader } from '../../types/column-reader.ts';
import type { DataField, DataType } from '../../types/data-type.ts';
import { lengthMax } from '../../types/data-type.ts';
import { nestedShape } from '../../types/nested-shape.ts';
import type { RowBatch } from '../../types/row-batch.ts';
import { typeName } from '../../types/type-name.ts';
import type { QueryColumn } from '../connection.ts';
import { naturalType } from '../natural-type.ts';
import { quoteText } from '../quote.ts';
import { duckDbType } from '../relations/column-text.ts';

/** The type in DuckDB's words. More digits of a second than DuckDB's timestamps of all years have come as text. */
export function castType(type: DataType): string {
  return duckDbType(type, 'VARCHAR');
}

export function defaultText({ defaultValue }: DataField): string {
  return defaultValue === undefined ? 'NULL' : quoteText(defaultValue);
}

/** @throws LakeError `invalid` LAKE_BAD_VALUE for a fraction that would become a whole number */
export function checkKind(field: DataField, column: QueryColumn | undefined): void {
  if (column !== undefined) checkRounding(naturalType(column.type), field);
}

/** A fraction must not become a whole number by the way, at any depth. */
function checkRounding(from: DataType, field: DataField): void {
  const isFraction = from.kind === 'float' || from.kind === 'double' || (from.kind === 'decimal' && from.scale > 0);
  if (isFraction && ['tinyint', 'smallint', 'int', 'bigint'].includes(field.type.kind)) {
    throw invalid(
      'LAKE_BAD_VALUE',
      `column ${field.name} (${typeName(field.type)}): ${typeName(from)} would be rounded; write CAST(… AS ${typeName(field.type)})`,
    );
  }
  const [shape, target] = [nestedShape(from), nestedShape(field.type)];
  if (shape?.kind === 'list' && target?.kind === 'list') {
    checkRounding(shape.entry, { ...field, name: `${field.name}[]`, type: target.entry });
  }
  if (shape?.kind !== 'struct' || target?.kind !== 'struct') return;
  for (const child of target.fields) {
    const source = shape.fields.find(candidate => candidate.name === child.name);
    if (source !== undefined) checkRounding(source.type, { ...child, name: `${field.name}.${child.name}` });
  }
}

/** @throws LakeError `invalid` LAKE_BAD_VALUE for a text or bytes longer than the column's type */
export function checkLengths(field: DataField, batch: RowBatch): void {
  const { type } = field;
  const limited = ['char', 'varchar', 'binary', 'varbinary'].includes(type.kind) && 'length' in type;
  if (!limited || type.length === lengthMax) return;
  const column = batch.columns[batch.rowType.fields.findIndex(({ name }) => name === field.name)];
  if (column === undefined) return;
  const read = columnReader(column, type);
  for (let row = 0; row < batch.rowCount; row += 1) {
    const value = read(row);
    const length =
      typeof value === 'string' ? codePoints(value, type.length) : value instanceof Uint8Array ? value.length : 0;
    if (length <= type.length) continue;
    const what = typeof value === 'string' ? `'${value.slice(0, 40)}' has ${length} characters` : `${length} bytes`;
    throw invalid('LAKE_BAD_VALUE', `column ${field.name} (${typeName(type)}): ${what}`);
  }
}

function codePoints(text: string, enough: number): number {
  return text.length <= enough ? text.length : [...text].length;
}
