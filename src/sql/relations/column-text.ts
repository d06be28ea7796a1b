/**
 * How a column of a Parquet file becomes a column of a relation.
 *
 * | ours | in the file | in the relation |
 * |---|---|---|
 * | TIME | time in UTC | TIME |
 * | TIMESTAMP 7–9, with or without local time zone | nanoseconds as BIGINT, in files made for SQL only | TIMESTAMP_NS, in UTC |
 * | ARRAY, MAP, MULTISET, ROW | the same, their values as above | LIST, MAP, MAP to INTEGER, STRUCT |
 * | all else | as Paimon writes it | what DuckDB makes of it |
 *
 * DuckDB cuts INT96 to microseconds, so data files with such columns are never handed to it as they are.
 */
import { unreachable } from '../../base/assert.ts';
import { unsupported } from '../../base/errors.ts';
import { type DataField, type DataType, someType } from '../../types/data-type.ts';
import { nestedShape } from '../../types/nested-shape.ts';
import { quoteName } from '../quote.ts';

/** `"c"`, cast to what the relation shows. */
export function columnText({ name, type }: DataField): string {
  const quoted = quoteName(name);
  const text = shownText(quoted, type);
  return text === quoted ? quoted : `${text} AS ${quoted}`;
}

function shownText(quoted: string, type: DataType): string {
  const text = holdsNanoseconds(type) ? nanosText(quoted, type, 0) : quoted;
  const hasTime = someType(type, ({ kind }) => kind === 'time');
  return hasTime ? `CAST(${text} AS ${duckDbType(type)})` : text;
}

/** Whole numbers made timestamps, at any depth. @param depth of lists, for names of what is in them */
function nanosText(text: string, type: DataType, depth: number): string {
  if (isNanosecond(type)) return `make_timestamp_ns(${text})`;
  const shape = nestedShape(type);
  if (shape === undefined || !holdsNanoseconds(type)) return text;
  const item = `x${depth}`;
  if (shape.kind === 'struct') {
    const fields = shape.fields.map(
      field => `${quoteName(field.name)} := ${nanosText(`(${text}).${quoteName(field.name)}`, field.type, depth)}`,
    );
    return `CASE WHEN ${text} IS NULL THEN NULL ELSE struct_pack(${fields.join(', ')}) END`;
  }
  const entries = type.kind === 'array' ? text : `map_entries(${text})`;
  const list = `list_transform(${entries}, lambda ${item}: ${nanosText(item, shape.entry, depth + 1)})`;
  if (type.kind === 'array') return list;
  return `CASE WHEN ${text} IS NULL THEN NULL ELSE map_from_entries(${list}) END`;
}

/** A column of a relation without rows. */
export function emptyColumnText({ name, type }: DataField): string {
  return `CAST(NULL AS ${duckDbType(type)}) AS ${quoteName(name)}`;
}

export function isNanosecond(type: DataType): boolean {
  return (type.kind === 'timestamp' || type.kind === 'timestamp-ltz') && type.precision > 6;
}

/** As `isNanosecond`, at any depth. */
export function holdsNanoseconds(type: DataType): boolean {
  return someType(type, isNanosecond);
}

/**
 * DuckDB's name for the type that a relation shows.
 *
 * @param nanoseconds the name of timestamps of more than 6 digits
 */
export function duckDbType(type: DataType, nanoseconds = 'TIMESTAMP_NS'): string {
  switch (type.kind) {
    case 'boolean':
    case 'tinyint':
    case 'smallint':
    case 'bigint':
    case 'float':
    case 'double':
    case 'date':
    case 'time':
      return type.kind.toUpperCase();
    case 'int':
      return 'INTEGER';
    case 'decimal':
      return `DECIMAL(${type.precision}, ${type.scale})`;
    case 'char':
    case 'varchar':
      return 'VARCHAR';
    case 'binary':
    case 'varbinary':
      return 'BLOB';
    case 'timestamp':
      return isNanosecond(type) ? nanoseconds : 'TIMESTAMP';
    case 'timestamp-ltz':
      return isNanosecond(type) ? nanoseconds : 'TIMESTAMP WITH TIME ZONE';
    case 'array':
      return `${duckDbType(type.element, nanoseconds)}[]`;
    case 'multiset':
      return `MAP(${duckDbType(type.element, nanoseconds)}, INTEGER)`;
    case 'map':
      return `MAP(${duckDbType(type.key, nanoseconds)}, ${duckDbType(type.value, nanoseconds)})`;
    case 'row': {
      const fields = type.fields.map(field => `${quoteName(field.name)} ${duckDbType(field.type, nanoseconds)}`);
      return `STRUCT(${fields.join(', ')})`;
    }
    case 'vector':
    case 'variant':
    case 'blob':
      throw unsupported(`type ${type.kind.toUpperCase()}`, 'SQL');
    default:
      return unreachable(type);
  }
}
