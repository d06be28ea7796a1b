/**
 * What rows of JSON bring that a table has no room for: columns it does not have, of the type their values tell, and whole
 * numbers beyond its column's (RFC 0019). Pure.
 */
import { invalid } from '../base/errors.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../base/json.ts';
import type { LogColumn } from '../flow/log-record.ts';
import { columnFit } from '../flow/record-columns.ts';
import { bucketKeys, type TableSchema } from '../format/table-schema.ts';
import { type DataType, lengthMax } from '../types/data-type.ts';

/** A change as it came. */
export type NumberedChange = { readonly json: JsonValue; readonly word: 'row' | 'line'; readonly number: number };

/** Columns that one request may bring. */
export const requestColumnsMax: number = 100;
/** Of their names together, in JSON: each record of the request has them in its header. */
export const requestColumnNamesBytesMax: number = 16 * 1024;

const bits: ReadonlyMap<DataType['kind'], number> = new Map([
  ['tinyint', 8],
  ['smallint', 16],
  ['int', 32],
]);

/**
 * A column of which all values are null brings nothing, and has no type.
 *
 * @throws LakeError `invalid` LAKE_BAD_VALUE naming row and column: a value that tells no type, or another than one before it;
 * LAKE_REQUEST_TOO_LARGE
 */
export function columnsOfRows(schema: TableSchema, changes: Iterable<NumberedChange>): readonly LogColumn[] {
  const fields = new Map(schema.fields.map(field => [field.name, field]));
  const fixed = new Set([...bucketKeys(schema), ...schema.primaryKeys, ...schema.partitionKeys]);
  const types = new Map<string, DataType>();
  for (const change of changes) {
    for (const [name, value] of Object.entries(rowOf(change))) {
      if (value === null || value === undefined) continue;
      const field = fields.get(name);
      if (field !== undefined) {
        if (!fixed.has(name) && isBeyond(value, bits.get(field.type.kind))) types.set(name, bigint);
        continue;
      }
      types.set(name, joined(typeOf(value), types.get(name)) ?? badColumn(change, name, value));
      if (types.size > requestColumnsMax) throw tooMany();
    }
  }
  const columns = [...types].map(([name, type]) => ({ name, type }));
  if (Buffer.byteLength(JSON.stringify([...types.keys()])) > requestColumnNamesBytesMax) throw tooLong();
  const fit = columnFit(schema, { columns });
  if (fit.kind === 'cannot') throw invalid('LAKE_BAD_VALUE', `the request does not fit the table: ${fit.detail}`);
  return columns;
}

/** A null in a column that there is not says nothing. */
export function withoutStrayNulls(json: JsonValue, names: ReadonlySet<string>): JsonValue {
  const { row } = isJsonObject(json) ? json : {};
  if (!isJsonObject(json) || !isJsonObject(row)) return json;
  const kept = Object.entries(row).filter(([name, value]) => value !== null || names.has(name));
  return { ...json, row: Object.fromEntries(kept) };
}

function rowOf({ json }: NumberedChange): JsonObject {
  const row = isJsonObject(json) ? json['row'] : undefined;
  return isJsonObject(row) ? row : {};
}

const bigint: DataType = { kind: 'bigint', nullable: true };
const double: DataType = { kind: 'double', nullable: true };

function typeOf(value: JsonValue): DataType | undefined {
  switch (typeof value) {
    case 'string':
      return { kind: 'varchar', length: lengthMax, nullable: true };
    case 'boolean':
      return { kind: 'boolean', nullable: true };
    case 'bigint':
      return isBeyond(value, 64) ? undefined : bigint;
    case 'number':
      return Number.isInteger(value) && !isBeyond(value, 64) ? bigint : double;
    default:
      return undefined;
  }
}

/** The type of both; whole numbers among fractions are doubles. */
function joined(type: DataType | undefined, before: DataType | undefined): DataType | undefined {
  if (type === undefined || before === undefined || before.kind === type.kind) return type;
  const isNumbers = [type.kind, before.kind].every(kind => kind === 'bigint' || kind === 'double');
  return isNumbers ? double : undefined;
}

/** Whether a whole number needs more bits. */
function isBeyond(value: JsonValue, bitCount: number | undefined): boolean {
  if (bitCount === undefined || (typeof value !== 'bigint' && !Number.isInteger(value))) return false;
  const whole = BigInt(value as bigint | number);
  return BigInt.asIntN(bitCount, whole) !== whole;
}

function badColumn({ word, number }: NumberedChange, name: string, value: JsonValue): never {
  const shown = Array.isArray(value)
    ? 'a list'
    : typeof value === 'object'
      ? 'an object'
      : JSON.stringify(String(value));
  throw invalid(
    'LAKE_BAD_VALUE',
    `${word} ${number}: the table has no column ${JSON.stringify(name)}, and ${shown} tells no type for one, or another than a row before; add the column to the table`,
  );
}

function tooMany(): Error {
  return invalid(
    'LAKE_REQUEST_TOO_LARGE',
    `a request brings at most ${requestColumnsMax} columns that the table does not have`,
  );
}

function tooLong(): Error {
  return invalid(
    'LAKE_REQUEST_TOO_LARGE',
    `names of columns that the table does not have take at most ${requestColumnNamesBytesMax} bytes in a request`,
  );
}
