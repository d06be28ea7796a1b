/** Values of DuckDB's results as scalars of our types. Part of `result-columns.ts`. */
import { invalid } from '../base/errors.ts';
import { badValue } from '../types/bad-value.ts';
import type { DataField } from '../types/data-type.ts';
import { nestedShape } from '../types/nested-shape.ts';
import type { Scalar } from '../types/scalar.ts';
import { parseTimestamp, truncateNanos } from '../types/time.ts';
import { typeName } from '../types/type-name.ts';
import {
  DuckDBArrayValue,
  DuckDBBlobValue,
  DuckDBDateValue,
  DuckDBDecimalValue,
  DuckDBListValue,
  DuckDBMapValue,
  DuckDBStructValue,
  DuckDBTimestampMillisecondsValue,
  DuckDBTimestampNanosecondsValue,
  DuckDBTimestampSecondsValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBTimeValue,
  type DuckDBValue,
} from './duckdb.ts';

/** Turns what DuckDB's vectors give, never null, into scalars of the field's type. */
export function converterOf(field: DataField): (value: DuckDBValue) => Scalar {
  const { name, type } = field;
  const bad = (value: DuckDBValue): Error =>
    invalid(
      'LAKE_SQL_RANGE',
      `column \`${name}\`: ${String(value)} is no value of ${typeName(type)}; cast it to VARCHAR`,
    );
  switch (type.kind) {
    case 'array':
    case 'map':
    case 'multiset':
    case 'row':
      return nestedConverter(field, value => fail(bad(value)));
    case 'bigint':
      return value =>
        typeof value === 'bigint' ? value : typeof value === 'number' ? BigInt(value) : fail(bad(value));
    case 'decimal': {
      const limit = 10n ** BigInt(type.precision);
      return value => decimalOf(value, limit) ?? fail(bad(value));
    }
    case 'char':
    case 'varchar':
      return value => (typeof value === 'string' ? value : String(value));
    case 'binary':
    case 'varbinary':
      return value => (value instanceof DuckDBBlobValue ? value.bytes : fail(bad(value)));
    case 'date':
      return value => (value instanceof DuckDBDateValue && value.isFinite ? value.days : fail(bad(value)));
    case 'time':
      return value =>
        value instanceof DuckDBTimeValue && value.micros % 1_000n === 0n
          ? Number(value.micros / 1_000n)
          : fail(bad(value));
    case 'timestamp':
    case 'timestamp-ltz':
      return value => truncateNanos(nanosOf(value) ?? fail(bad(value)), type.precision);
    default:
      return value => (typeof value === 'number' || typeof value === 'boolean' ? value : fail(bad(value)));
  }
}

function nestedConverter(field: DataField, bad: (value: DuckDBValue) => never): (value: DuckDBValue) => Scalar {
  const shape = nestedShape(field.type);
  if (shape?.kind === 'struct') {
    const fields = shape.fields.map(child => itemConverter(child, `${field.name}.${child.name}`));
    return value => {
      if (!(value instanceof DuckDBStructValue)) return bad(value);
      const { entries } = value;
      return shape.fields.map((child, index) => fields[index]?.(entries[child.name]) ?? null);
    };
  }
  const entry = shape?.entry;
  const pair = entry === undefined ? undefined : nestedShape(entry);
  if (field.type.kind === 'array' && entry !== undefined) {
    const convert = itemConverter({ ...field, type: entry }, `${field.name}[]`);
    return value => {
      const isList = value instanceof DuckDBListValue || value instanceof DuckDBArrayValue;
      return isList ? value.items.map(convert) : bad(value);
    };
  }
  const [key, item] =
    pair?.kind === 'struct' ? pair.fields.map(child => itemConverter(child, `${field.name}.${child.name}`)) : [];
  return value => {
    if (!(value instanceof DuckDBMapValue)) return bad(value);
    return value.entries.map(entryOf => [key?.(entryOf.key) ?? null, item?.(entryOf.value) ?? null]);
  };
}

function itemConverter(field: DataField, name: string): (value: DuckDBValue | undefined) => Scalar {
  const convert = converterOf({ ...field, name });
  const { nullable } = field.type;
  return value => {
    if (value !== null && value !== undefined) return convert(value);
    if (!nullable) throw badValue({ ...field, name }, null, 'it is NOT NULL');
    return null;
  };
}

function fail(error: Error): never {
  throw error;
}

function decimalOf(value: DuckDBValue, limit: bigint): bigint | undefined {
  const unscaled = value instanceof DuckDBDecimalValue ? value.value : typeof value === 'bigint' ? value : undefined;
  return unscaled === undefined || unscaled >= limit || unscaled <= -limit ? undefined : unscaled;
}

/** undefined for infinities and for what is no time. Texts come where DuckDB's own types would lose digits. */
function nanosOf(value: DuckDBValue): bigint | undefined {
  if (value instanceof DuckDBTimestampValue || value instanceof DuckDBTimestampTZValue) {
    return value.isFinite ? value.micros * 1_000n : undefined;
  }
  if (value instanceof DuckDBTimestampNanosecondsValue) return value.isFinite ? value.nanos : undefined;
  if (value instanceof DuckDBTimestampMillisecondsValue) return value.isFinite ? value.millis * 1_000_000n : undefined;
  if (value instanceof DuckDBTimestampSecondsValue) return value.isFinite ? value.seconds * 1_000_000_000n : undefined;
  return typeof value === 'string' ? parseTimestamp(value.replace(/\+00$/, '')) : undefined;
}
