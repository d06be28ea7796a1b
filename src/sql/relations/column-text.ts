/**
 * How a column of a Parquet file becomes a column of a relation.
 *
 * | ours | in the file | in the relation |
 * |---|---|---|
 * | TIME | time in UTC | TIME |
 * | TIMESTAMP 7–9, with or without local time zone | nanoseconds as BIGINT, in files made for SQL only | TIMESTAMP_NS, in UTC |
 * | all else | as Paimon writes it | what DuckDB makes of it |
 *
 * DuckDB cuts INT96 to microseconds, so data files with such columns are never handed to it as they are.
 */
import { unreachable } from '../../base/assert.ts';
import { unsupported } from '../../base/errors.ts';
import type { DataField, DataType } from '../../types/data-type.ts';
import { quoteName } from '../quote.ts';

/** `"c"`, cast to what the relation shows. */
export function columnText({ name, type }: DataField): string {
  const quoted = quoteName(name);
  if (type.kind === 'time') return `CAST(${quoted} AS TIME) AS ${quoted}`;
  return isNanosecond(type) ? `make_timestamp_ns(${quoted}) AS ${quoted}` : quoted;
}

/** A column of a relation without rows. */
export function emptyColumnText({ name, type }: DataField): string {
  return `CAST(NULL AS ${duckDbType(type)}) AS ${quoteName(name)}`;
}

export function isNanosecond(type: DataType): boolean {
  return (type.kind === 'timestamp' || type.kind === 'timestamp-ltz') && type.precision > 6;
}

/** DuckDB's name for the type that a relation shows. */
export function duckDbType(type: DataType): string {
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
      return isNanosecond(type) ? 'TIMESTAMP_NS' : 'TIMESTAMP';
    case 'timestamp-ltz':
      return isNanosecond(type) ? 'TIMESTAMP_NS' : 'TIMESTAMP WITH TIME ZONE';
    case 'array':
    case 'multiset':
    case 'map':
    case 'row':
    case 'vector':
    case 'variant':
    case 'blob':
      throw unsupported(`type ${type.kind.toUpperCase()}`, 'SQL');
    default:
      return unreachable(type);
  }
}
