/** SQL with values in it: a tagged template's values become parameters, so none of them can be read as SQL. */
import { invalid } from '../base/errors.ts';
import type { SqlParameter } from '../sql/parameters.ts';
import type { SqlRequest } from './run-sql.ts';

/** A list stands for its values with commas between them: `WHERE id IN (${ids})`. */
export type SqlValue = SqlParameter | readonly SqlParameter[];

export type SqlOptions = {
  /** For `$1`, `$2`, … of the text. */
  readonly parameters?: readonly SqlParameter[] | undefined;
  readonly signal?: AbortSignal | undefined;
};

/** @param rest the values of a template, or the options of a plain text */
export function sqlRequestOf(
  text: string | readonly string[],
  rest: readonly (SqlValue | SqlOptions | undefined)[],
): SqlRequest {
  if (typeof text !== 'string') return sqlOfTemplate(text, rest.map(sqlValue));
  const [options] = rest;
  return { text, ...(isOptions(options) ? options : {}) };
}

function sqlValue(value: SqlValue | SqlOptions | undefined): SqlValue {
  if (value !== undefined && !isOptions(value)) return value;
  throw invalid(
    'LAKE_BAD_VALUE',
    `SQL: ${String(value)} is no value; give null, boolean, number, bigint, string, Date, bytes or a list of them`,
  );
}

function isOptions(value: SqlValue | SqlOptions | undefined): value is SqlOptions {
  const isObject = typeof value === 'object' && value !== null;
  return isObject && !Array.isArray(value) && !(value instanceof Date) && !(value instanceof Uint8Array);
}

function sqlOfTemplate(strings: readonly string[], values: readonly SqlValue[]): SqlRequest {
  const parameters: SqlParameter[] = [];
  let text = strings[0] ?? '';
  for (const [index, value] of values.entries()) {
    text += placeholders(value, parameters) + (strings[index + 1] ?? '');
  }
  return { text, parameters };
}

function placeholders(value: SqlValue, parameters: SqlParameter[]): string {
  const list = isList(value) ? value : [value];
  if (list.length === 0) throw invalid('LAKE_BAD_VALUE', 'SQL: an empty list has no values to put in its place');
  return list.map(item => `$${parameters.push(item)}`).join(', ');
}

function isList(value: SqlValue): value is readonly SqlParameter[] {
  return Array.isArray(value);
}
