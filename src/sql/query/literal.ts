/**
 * Literals of a query as scalars of a column's type, where comparing the two means the same here as in DuckDB; all else is
 * left to DuckDB alone.
 */
import type { JsonObject } from '../../base/json.ts';
import type { DataType } from '../../types/data-type.ts';
import type { Scalar } from '../../types/scalar.ts';
import { nanosPerMilli, parseDate, parseTimestamp } from '../../types/time.ts';
import type { SqlParameter } from '../parameters.ts';
import { objectAt, textAt } from './tree.ts';

type Literal =
  | { readonly kind: 'integer'; readonly value: bigint }
  | { readonly kind: 'decimal'; readonly unscaled: bigint; readonly scale: number }
  | { readonly kind: 'double'; readonly value: number }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'instant'; readonly nanos: bigint }
  /** @param castTo DuckDB's name of the type that the query casts it to; '' for none */
  | { readonly kind: 'text'; readonly value: string; readonly castTo: string };

/** The value to compare a column of this type with; undefined when it cannot be told for sure. */
export function literalFor(type: DataType, tree: JsonObject, parameters: readonly SqlParameter[]): Scalar | undefined {
  const literal = literalOf(tree, parameters);
  return literal === undefined ? undefined : scalarFor(type, literal);
}

function literalOf(tree: JsonObject, parameters: readonly SqlParameter[]): Literal | undefined {
  switch (textAt(tree, 'type')) {
    case 'VALUE_CONSTANT':
      return constantOf(objectAt(tree, 'value') ?? {});
    case 'VALUE_PARAMETER':
      return parameterOf(parameters[Number(textAt(tree, 'identifier')) - 1] ?? null);
    case 'OPERATOR_CAST': {
      const inner = literalOf(objectAt(tree, 'child') ?? {}, parameters);
      const castTo = textAt(objectAt(tree, 'cast_type') ?? {}, 'id');
      if (tree['try_cast'] !== false || inner?.kind !== 'text' || inner.castTo !== '' || castTo === '')
        return undefined;
      return { ...inner, castTo };
    }
    default:
      return undefined;
  }
}

function constantOf(constant: JsonObject): Literal | undefined {
  const { value } = constant;
  const type = objectAt(constant, 'type') ?? {};
  if (constant['is_null'] !== false) return undefined;
  switch (textAt(type, 'id')) {
    case 'TINYINT':
    case 'SMALLINT':
    case 'INTEGER':
    case 'BIGINT':
      return integerOf(value);
    case 'DECIMAL': {
      const unscaled = integerOf(value);
      const scale = objectAt(type, 'type_info')?.['scale'];
      if (unscaled === undefined || typeof scale !== 'number') return undefined;
      return { kind: 'decimal', unscaled: unscaled.value, scale };
    }
    case 'DOUBLE':
      return typeof value === 'number' ? { kind: 'double', value } : undefined;
    case 'BOOLEAN':
      return typeof value === 'boolean' ? { kind: 'boolean', value } : undefined;
    case 'VARCHAR':
      return typeof value === 'string' ? { kind: 'text', value, castTo: '' } : undefined;
    default:
      return undefined;
  }
}

function integerOf(value: unknown): { readonly kind: 'integer'; readonly value: bigint } | undefined {
  if (typeof value === 'bigint') return { kind: 'integer', value };
  return typeof value === 'number' && Number.isSafeInteger(value)
    ? { kind: 'integer', value: BigInt(value) }
    : undefined;
}

function parameterOf(value: SqlParameter): Literal | undefined {
  if (value instanceof Date) {
    const millis = value.getTime();
    return Number.isNaN(millis) ? undefined : { kind: 'instant', nanos: BigInt(millis) * nanosPerMilli };
  }
  switch (typeof value) {
    case 'boolean':
      return { kind: 'boolean', value };
    case 'bigint':
      return { kind: 'integer', value };
    case 'string':
      return { kind: 'text', value, castTo: '' };
    case 'number':
      return integerOf(value) ?? { kind: 'double', value };
    default:
      return undefined;
  }
}

const integerLimits: Readonly<Record<'tinyint' | 'smallint' | 'int' | 'bigint', bigint>> = {
  tinyint: 1n << 7n,
  smallint: 1n << 15n,
  int: 1n << 31n,
  bigint: 1n << 63n,
};

function scalarFor(type: DataType, literal: Literal): Scalar | undefined {
  switch (type.kind) {
    case 'tinyint':
    case 'smallint':
    case 'int':
    case 'bigint': {
      const limit = integerLimits[type.kind];
      if (literal.kind !== 'integer' || literal.value >= limit || literal.value < -limit) return undefined;
      return type.kind === 'bigint' ? literal.value : Number(literal.value);
    }
    case 'decimal':
      return unscaledFor(type.precision, type.scale, literal);
    case 'float':
    case 'double': {
      const value = doubleOf(literal);
      // Zeros and NaN compare otherwise in Java's order than in SQL's; what no float can be is rounded before comparing.
      if (value === undefined || value === 0 || !Number.isFinite(value)) return undefined;
      return type.kind === 'double' || Math.fround(value) === value ? value : undefined;
    }
    case 'boolean':
      return booleanOf(literal);
    case 'char':
    case 'varchar':
      return literal.kind === 'text' && (literal.castTo === '' || literal.castTo === 'VARCHAR')
        ? literal.value
        : undefined;
    case 'date':
      if (literal.kind !== 'text' || (literal.castTo !== '' && literal.castTo !== 'DATE')) return undefined;
      return datePattern.test(literal.value) ? parseDate(literal.value) : undefined;
    case 'timestamp':
    case 'timestamp-ltz':
      return nanosFor(type.kind, literal);
    default:
      return undefined;
  }
}

function unscaledFor(precision: number, scale: number, literal: Literal): bigint | undefined {
  if (literal.kind !== 'integer' && literal.kind !== 'decimal') return undefined;
  const from = literal.kind === 'integer' ? { unscaled: literal.value, scale: 0 } : literal;
  if (from.scale > scale) return undefined;
  const unscaled = from.unscaled * 10n ** BigInt(scale - from.scale);
  const limit = 10n ** BigInt(precision);
  return unscaled < limit && unscaled > -limit ? unscaled : undefined;
}

/** Where both parts are exact as doubles, their quotient is what DuckDB's cast gives, too. */
function doubleOf(literal: Literal): number | undefined {
  if (literal.kind === 'double') return literal.value;
  if (literal.kind !== 'integer' && literal.kind !== 'decimal') return undefined;
  const from = literal.kind === 'integer' ? { unscaled: literal.value, scale: 0 } : literal;
  const unscaled = Number(from.unscaled);
  return Number.isSafeInteger(unscaled) && from.scale <= 22 ? unscaled / 10 ** from.scale : undefined;
}

function booleanOf(literal: Literal): boolean | undefined {
  if (literal.kind === 'boolean') return literal.value;
  if (literal.kind !== 'text' || literal.castTo !== 'BOOLEAN') return undefined;
  return literal.value === 't' ? true : literal.value === 'f' ? false : undefined;
}

const datePattern = /^\d{4}-\d\d-\d\d$/;
const timestampPattern = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d(?:\.\d{1,6})?)(Z|\+00)?$/;
const timestampCasts: readonly string[] = ['', 'TIMESTAMP', 'TIMESTAMP WITH TIME ZONE'];

/** The session's time zone is UTC, so a time without zone is one of UTC. */
function nanosFor(kind: 'timestamp' | 'timestamp-ltz', literal: Literal): bigint | undefined {
  if (literal.kind === 'instant') return literal.nanos;
  if (literal.kind !== 'text') return undefined;
  if (datePattern.test(literal.value)) {
    return [...timestampCasts, 'DATE'].includes(literal.castTo)
      ? parseTimestamp(`${literal.value}T00:00:00`)
      : undefined;
  }
  const [, day, clock, zone] = timestampPattern.exec(literal.value) ?? [];
  const hasZone = zone !== undefined;
  if (day === undefined || clock === undefined || !timestampCasts.includes(literal.castTo)) return undefined;
  if (hasZone && (kind === 'timestamp' || literal.castTo === 'TIMESTAMP')) return undefined;
  return parseTimestamp(`${day}T${clock}`);
}
