/** Values for `$1`, `$2`, … of a statement: bound, never pasted into its text. */
import { invalid } from '../base/errors.ts';
import {
  BIGINT,
  BLOB,
  BOOLEAN,
  DOUBLE,
  DuckDBBlobValue,
  DuckDBDecimalType,
  DuckDBDecimalValue,
  DuckDBTimestampValue,
  type DuckDBType,
  type DuckDBValue,
  SQLNULL,
  TIMESTAMP,
  VARCHAR,
} from './duckdb.ts';

/** Whole numbers are BIGINT, other numbers DOUBLE, a Date is a TIMESTAMP in UTC. Texts read as what they are compared with. */
export type SqlParameter = null | boolean | number | bigint | string | Date | Uint8Array;

export type BoundValues = { readonly values: DuckDBValue[]; readonly types: DuckDBType[] };

const bigintMax = 9_223_372_036_854_775_807n;
const decimalMax = 10n ** 38n;

/** @throws LakeError `invalid` LAKE_BAD_VALUE, naming the parameter */
export function boundValues(parameters: readonly SqlParameter[]): BoundValues {
  const bound = parameters.map((value, index) => boundValue(value, index + 1));
  return { values: bound.map(({ value }) => value), types: bound.map(({ type }) => type) };
}

function boundValue(value: SqlParameter, number: number): { readonly value: DuckDBValue; readonly type: DuckDBType } {
  if (value === null) return { value: null, type: SQLNULL };
  if (value instanceof Date) {
    const millis = value.getTime();
    if (Number.isNaN(millis)) throw badParameter(number, 'is no date');
    return { value: new DuckDBTimestampValue(BigInt(millis) * 1_000n), type: TIMESTAMP };
  }
  if (value instanceof Uint8Array) return { value: new DuckDBBlobValue(value), type: BLOB };
  switch (typeof value) {
    case 'boolean':
      return { value, type: BOOLEAN };
    case 'string':
      return { value, type: VARCHAR };
    case 'number':
      return Number.isSafeInteger(value) && !Object.is(value, -0)
        ? { value: BigInt(value), type: BIGINT }
        : { value, type: DOUBLE };
    case 'bigint':
      if (value <= bigintMax && value >= -bigintMax - 1n) return { value, type: BIGINT };
      if (value >= decimalMax || value <= -decimalMax) throw badParameter(number, 'has more than 38 digits');
      return { value: new DuckDBDecimalValue(value, 38, 0), type: new DuckDBDecimalType(38, 0) };
    default:
      throw badParameter(
        number,
        `is a ${typeof value}; give null, boolean, number, bigint, string, Date or Uint8Array`,
      );
  }
}

function badParameter(number: number, what: string): Error {
  return invalid('LAKE_BAD_VALUE', `SQL parameter $${number} ${what}`);
}
