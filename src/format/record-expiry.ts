/**
 * Record-level expiry: rows of a primary-key table whose time is over are left out when files are compacted. Nothing else
 * looks at it, so until then they are read as any other.
 *
 * @see Paimon 1.4.2 RecordLevelExpire
 */
import type { DataField, DataType } from '../types/data-type.ts';
import type { Scalar } from '../types/scalar.ts';
import { badOption, durationOption, textOption } from './option-values.ts';
import type { TableSchema } from './table-schema.ts';

export type RecordExpiry = {
  /** The column that tells a row's time. */
  readonly field: DataField;
  /** How long a row lives from its time on, in whole seconds. */
  readonly seconds: number;
};

const expireKey = 'record-level.expire-time';
const fieldKey = 'record-level.time-field';
/** BIGINT of this and above are milliseconds, below seconds. */
const millisMin = 1_000_000_000_000n;
const nanosOfSecond = 1_000_000_000n;

/** undefined: no row expires. @throws LakeError `invalid` LAKE_BAD_OPTION */
export function recordExpiryOf(
  schema: Pick<TableSchema, 'fields' | 'primaryKeys' | 'options'>,
): RecordExpiry | undefined {
  const { fields, primaryKeys, options } = schema;
  const expireMs = durationOption(options, expireKey);
  if (expireMs === undefined || primaryKeys.length === 0) return undefined;
  const name = textOption(options, fieldKey);
  if (name === undefined) throw badOption(expireKey, textOption(options, expireKey) ?? '', `given with ${fieldKey}`);
  const field = fields.find(candidate => candidate.name === name);
  if (field === undefined) throw badOption(fieldKey, name, 'a column of the table');
  if (!timeKinds.includes(field.type.kind)) {
    throw badOption(fieldKey, name, 'a column of type INT, BIGINT, TIMESTAMP or TIMESTAMP_LTZ');
  }
  return { field, seconds: Math.floor(expireMs / 1000) };
}

const timeKinds: readonly DataType['kind'][] = ['int', 'bigint', 'timestamp', 'timestamp-ltz'];

/** A row's time in seconds since 1970; undefined for null, whose row lives for ever. */
export function secondsOf({ kind }: DataType, value: Scalar): bigint | undefined {
  if (typeof value === 'number') return BigInt(value);
  if (typeof value !== 'bigint') return undefined;
  if (kind !== 'bigint') return value / nanosOfSecond;
  return value >= millisMin ? value / 1000n : value;
}
