/**
 * Values of one type as values of another, for files written under an older schema: exactly what Paimon makes of them,
 * with UTC as the session's time zone.
 *
 * Numbers narrow as in Java (wrap for integers, saturate from floats), decimals round half up and become null when they
 * do not fit, texts are cut to the length, CHAR is padded with blanks and BINARY with zeros. A text that does not read
 * as the target type is an error, as in Paimon.
 *
 * @see spec 2.4; Paimon 1.4.2 org.apache.paimon.casting.CastExecutors
 */
import { unreachable } from '../base/assert.ts';
import { invalid } from '../base/errors.ts';
import { castSharing } from './cast-column.ts';
import { numberCast } from './cast-number.ts';
import {
  castDateToText,
  castTextToDate,
  castTextToTime,
  castTextToTimestamp,
  castTimestampToText,
  castTimeToText,
  parseBoolean,
} from './cast-text.ts';
import { castability, isBinary, sameType } from './castability.ts';
import { childOf, makeColumn, noValues, nullBitsOf, offsetsOf } from './column-buffers.ts';
import { ColumnBuilder } from './column-builder.ts';
import { columnReader } from './column-reader.ts';
import { type AtomicType, type DataType, isAtomic } from './data-type.ts';
import { printDecimal } from './decimal-text.ts';
import { javaDouble, javaFloat } from './java-text.ts';
import { type NestedShape, nestedShape } from './nested-shape.ts';
import { blankColumn, type Column, nullColumn } from './row-batch.ts';
import type { Scalar } from './scalar.ts';
import { fitTimestamp } from './scalar-range.ts';
import { floorDiv, millisPerDay, nanosPerDay, nanosPerMilli, truncateNanos } from './time.ts';
import { typeName } from './type-name.ts';

export { type Castability, castability } from './castability.ts';

/** Turns a value, not null, into one of another type; null where the target cannot hold it. */
export type ScalarCast = (value: Exclude<Scalar, null>) => Scalar;

/**
 * The column's values as the other type's; the same column when there is nothing to do.
 * @throws LakeError invalid LAKE_CAST_FAILED when a text does not read as the type, or there is no such cast
 */
export function castColumn(column: Column, from: DataType, to: DataType): Column {
  if (sameType(from, to)) return column;
  const shared = castSharing(column, from, to);
  if (shared !== undefined) return shared;
  const shapes = castableShapes(from, to);
  if (shapes !== undefined) return castNested(column, to, shapes);
  const cast = scalarCast(from, to);
  if (column.nullCount === column.length) return nullColumn(to, column.length);
  const read = columnReader(column, from);
  const builder = new ColumnBuilder(to);
  for (let row = 0; row < column.length; row += 1) {
    const value = read(row);
    builder.append(value === null ? null : cast(value));
  }
  return builder.finish();
}

type Shapes = { readonly from: NestedShape; readonly to: NestedShape };

/** The shapes of two nested types of one kind. */
function castableShapes(from: DataType, to: DataType): Shapes | undefined {
  const shapes = { from: nestedShape(from), to: nestedShape(to) };
  if (from.kind !== to.kind || shapes.from === undefined || shapes.to === undefined) return undefined;
  return { from: shapes.from, to: shapes.to };
}

/**
 * Fields of a ROW are matched by their ids, at any depth: renamed ones keep their values, those that are not there yet
 * are null. Nothing else of a nested value changes.
 */
function castNested(column: Column, to: DataType, shapes: Shapes): Column {
  return makeColumn(to, column.length, {
    values: noValues,
    valueOffsets: shapes.from.kind === 'list' ? offsetsOf(column) : undefined,
    nullBitmap: nullBitsOf(column),
    nullCount: column.nullCount,
    children: castChildren(column, shapes),
  });
}

function castChildren(column: Column, { from, to }: Shapes): readonly Column[] {
  if (from.kind === 'list' && to.kind === 'list') return [castColumn(childOf(column, 0), from.entry, to.entry)];
  if (from.kind !== 'struct' || to.kind !== 'struct') return [];
  return to.fields.map(field => {
    const index = from.fields.findIndex(candidate => candidate.id === field.id);
    const source = from.fields[index];
    if (source === undefined) return blankColumn(field.type, column.length);
    return castColumn(childOf(column, index), source.type, field.type);
  });
}

/** As `castColumn`, for one value. */
export function castScalar(value: Scalar, from: DataType, to: DataType): Scalar {
  if (value === null || sameType(from, to)) return value;
  return scalarCast(from, to)(value);
}

/** The cast from one type to another. */
export function scalarCast(from: DataType, to: DataType): ScalarCast {
  if (sameType(from, to)) return value => value;
  if (!isAtomic(from) || !isAtomic(to) || castability(from, { ...to, nullable: true }) === 'none') {
    throw invalid('LAKE_CAST_FAILED', `there is no cast from ${typeName(from)} to ${typeName(to)}`);
  }
  const cast = atomicCast(from, to);
  return value => {
    const out = cast(value);
    if (out === undefined) {
      throw invalid(
        'LAKE_CAST_FAILED',
        `${JSON.stringify(String(value))} of ${typeName(from)} cannot be read as ${typeName(to)}`,
      );
    }
    return out;
  };
}

/** Gives undefined where Paimon throws. */
function atomicCast(from: AtomicType, to: AtomicType): (value: Exclude<Scalar, null>) => Scalar | undefined {
  switch (to.kind) {
    case 'char':
    case 'varchar':
      return textCast(from, to);
    case 'boolean':
      return value => (typeof value === 'string' ? parseBoolean(value) : Number(value) !== 0);
    case 'binary':
    case 'varbinary':
      return value => fitBytes(typeof value === 'string' ? Buffer.from(value) : value, to);
    case 'decimal':
    case 'tinyint':
    case 'smallint':
    case 'int':
    case 'bigint':
    case 'float':
    case 'double':
      return numberCast(from, to);
    case 'date':
      return value => {
        if (typeof value === 'string') return castTextToDate(value);
        return typeof value === 'bigint' ? splitDays(value, from).days : undefined;
      };
    case 'time':
      return value => {
        if (typeof value === 'string') return castTextToTime(value);
        return typeof value === 'bigint' ? splitDays(value, from).millis : undefined;
      };
    case 'timestamp':
    case 'timestamp-ltz':
      return timestampCast(from, to);
    default:
      return unreachable(to);
  }
}

function textCast(
  from: AtomicType,
  to: AtomicType & { readonly kind: 'char' | 'varchar' },
): (value: Exclude<Scalar, null>) => Scalar | undefined {
  const print = textOf(from);
  // Paimon takes the bytes of a binary as they are.
  return isBinary(from.kind) ? print : value => fitText(print(value), to);
}

function textOf(from: AtomicType): (value: Exclude<Scalar, null>) => string {
  switch (from.kind) {
    case 'float':
      return value => javaFloat(Number(value));
    case 'double':
      return value => javaDouble(Number(value));
    case 'decimal':
      return value => (typeof value === 'bigint' ? printDecimal(value, from.scale) : '');
    case 'date':
      return value => castDateToText(Number(value));
    case 'time':
      return value => castTimeToText(Number(value), from.precision);
    case 'timestamp':
    case 'timestamp-ltz':
      return value => (typeof value === 'bigint' ? castTimestampToText(value, from.precision) : '');
    case 'binary':
    case 'varbinary':
      return value => (value instanceof Uint8Array ? Buffer.from(value).toString() : '');
    default:
      return String;
  }
}

/** Cut to the type's characters; CHAR padded with blanks. */
function fitText(text: string, to: AtomicType & { readonly kind: 'char' | 'varchar' }): string {
  // A character is one or two units, so that most texts need no counting.
  if (text.length <= to.length && to.kind === 'varchar') return text;
  const characters = [...text];
  if (characters.length > to.length) return characters.slice(0, to.length).join('');
  return to.kind === 'char' ? text + ' '.repeat(to.length - characters.length) : text;
}

/** Cut to the type's bytes; BINARY padded with zeros. */
function fitBytes(
  value: Exclude<Scalar, null>,
  to: AtomicType & { readonly kind: 'binary' | 'varbinary' },
): Uint8Array | undefined {
  if (!(value instanceof Uint8Array)) return undefined;
  if (value.length === to.length || (to.kind === 'varbinary' && value.length < to.length)) return value;
  const out = new Uint8Array(to.length);
  out.set(value.subarray(0, to.length));
  return out;
}

function timestampCast(
  from: AtomicType,
  to: AtomicType & { readonly kind: 'timestamp' | 'timestamp-ltz' },
): (value: Exclude<Scalar, null>) => Scalar | undefined {
  return value => {
    const nanos = nanosOf(value, from, to);
    return nanos === undefined ? undefined : fitTimestamp(nanos, to.precision);
  };
}

function nanosOf(
  value: Exclude<Scalar, null>,
  from: AtomicType,
  to: AtomicType & { readonly kind: 'timestamp' | 'timestamp-ltz' },
): bigint | undefined {
  if (typeof value === 'string') return castTextToTimestamp(value, to);
  if (typeof value === 'object') return undefined;
  switch (from.kind) {
    case 'timestamp':
    case 'timestamp-ltz':
      return from.precision <= to.precision ? BigInt(value) : cutTimestamp(BigInt(value), to.precision);
    case 'date':
      return BigInt(value) * nanosPerDay;
    case 'time':
      return BigInt(value) * nanosPerMilli;
    case 'int':
    case 'bigint':
      // Seconds; their milliseconds wrap as Java's do.
      return BigInt.asIntN(64, BigInt(value) * 1000n) * nanosPerMilli;
    default:
      return undefined;
  }
}

/**
 * Day and milliseconds of the day. Paimon 1.4.2 rounds a TIMESTAMP without zone towards 1970, so that 1969-12-31
 * 23:59:59 is day 0 and −1000 ms; one with zone, rightly, down.
 */
function splitDays(nanos: bigint, from: AtomicType): { days: number; millis: number } {
  const millis = floorDiv(nanos, nanosPerMilli);
  const perDay = BigInt(millisPerDay);
  const days = from.kind === 'timestamp' ? millis / perDay : floorDiv(millis, perDay);
  return { days: Number(BigInt.asIntN(32, days)), millis: Number(millis - days * perDay) };
}

/** Digits beyond a precision off: below the milli rounded down, above it towards 1970, which is Paimon's way. */
function cutTimestamp(nanos: bigint, precision: number): bigint {
  if (precision >= 3) return truncateNanos(nanos, precision);
  const unit = 10n ** BigInt(3 - precision);
  return (floorDiv(nanos, nanosPerMilli) / unit) * unit * nanosPerMilli;
}
