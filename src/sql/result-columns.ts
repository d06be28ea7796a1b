/**
 * DuckDB's result columns as columns of our types.
 *
 * | DuckDB | ours |
 * |---|---|
 * | BOOLEAN TINYINT SMALLINT INTEGER BIGINT FLOAT DOUBLE DECIMAL VARCHAR BLOB DATE | the same |
 * | UTINYINT USMALLINT UINTEGER | SMALLINT INT BIGINT |
 * | UBIGINT HUGEINT UHUGEINT BIGNUM | DECIMAL(20, 0), DECIMAL(38, 0): sums of whole numbers are HUGEINT |
 * | TIMESTAMP_S TIMESTAMP_MS TIMESTAMP TIMESTAMP_NS | TIMESTAMP(0), (3), (6), (9) |
 * | TIMESTAMP WITH TIME ZONE | TIMESTAMP(6) WITH LOCAL TIME ZONE |
 * | TIME | TIME(3), microseconds are an error |
 * | all else: lists, structs, maps, intervals, UUID, ENUM, … | STRING, as DuckDB prints it |
 *
 * A column that comes straight from a table has the table's type instead (`query/result-types.ts`).
 */
import { invalid } from '../base/errors.ts';
import { ColumnBuilder } from '../types/column-builder.ts';
import { type DataField, type DataType, lengthMax, type RowType } from '../types/data-type.ts';
import { makeRowBatch, type RowBatch } from '../types/row-batch.ts';
import type { Scalar } from '../types/scalar.ts';
import { parseTimestamp, truncateNanos } from '../types/time.ts';
import { typeName } from '../types/type-name.ts';
import {
  DuckDBBlobValue,
  type DuckDBDataChunk,
  DuckDBDateValue,
  DuckDBDecimalType,
  DuckDBDecimalValue,
  DuckDBTimestampMillisecondsValue,
  DuckDBTimestampNanosecondsValue,
  DuckDBTimestampSecondsValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBTimeValue,
  type DuckDBType,
  DuckDBTypeId,
  type DuckDBValue,
} from './duckdb.ts';
import type { RunningQuery } from './engine.ts';

/** Rows of a batch of results, about. */
const batchRowsTarget = 16_384;

const string: DataType = { kind: 'varchar', length: lengthMax, nullable: true };

/** The row type of a query; `declared` says which columns have another type than DuckDB tells. */
export function resultRowType(query: RunningQuery, declared: readonly (DataType | undefined)[] = []): RowType {
  const fields = query.columns.map(({ name, type }, id): DataField => {
    const given = declared[id];
    const chosen = given === undefined ? naturalType(type) : { ...given, nullable: true };
    return { id, name, type: chosen, description: undefined, defaultValue: undefined };
  });
  return { fields };
}

/** All rows of the query. @throws LakeError `invalid` LAKE_SQL_RANGE for a value that the type does not have */
export async function* resultBatches(query: RunningQuery, rowType: RowType): AsyncGenerator<RowBatch, void, undefined> {
  let builders = rowType.fields.map(field => new ColumnBuilder(field.type));
  let rowCount = 0;
  const converters = rowType.fields.map(converterOf);
  for await (const chunk of query.chunks()) {
    appendChunk(chunk, builders, converters);
    rowCount += chunk.rowCount;
    if (rowCount < batchRowsTarget) continue;
    yield makeRowBatch(
      rowType,
      rowCount,
      builders.map(builder => builder.finish()),
    );
    builders = rowType.fields.map(field => new ColumnBuilder(field.type));
    rowCount = 0;
  }
  if (rowCount > 0)
    yield makeRowBatch(
      rowType,
      rowCount,
      builders.map(builder => builder.finish()),
    );
}

function appendChunk(
  chunk: DuckDBDataChunk,
  builders: readonly ColumnBuilder[],
  converters: readonly ((value: DuckDBValue) => Scalar)[],
): void {
  const { rowCount } = chunk;
  for (const [index, builder] of builders.entries()) {
    const vector = chunk.getColumnVector(index);
    const convert = converters[index];
    if (convert === undefined) continue;
    for (let row = 0; row < rowCount; row += 1) {
      const value = vector.getItem(row);
      builder.append(value === null || value === undefined ? null : convert(value));
    }
  }
}

export function naturalType(type: DuckDBType): DataType {
  const nullable = true;
  if (type instanceof DuckDBDecimalType) {
    return { kind: 'decimal', precision: type.width, scale: type.scale, nullable };
  }
  switch (type.typeId) {
    case DuckDBTypeId.BOOLEAN:
      return { kind: 'boolean', nullable };
    case DuckDBTypeId.TINYINT:
      return { kind: 'tinyint', nullable };
    case DuckDBTypeId.SMALLINT:
    case DuckDBTypeId.UTINYINT:
      return { kind: 'smallint', nullable };
    case DuckDBTypeId.INTEGER:
    case DuckDBTypeId.USMALLINT:
      return { kind: 'int', nullable };
    case DuckDBTypeId.BIGINT:
    case DuckDBTypeId.UINTEGER:
      return { kind: 'bigint', nullable };
    case DuckDBTypeId.UBIGINT:
      return { kind: 'decimal', precision: 20, scale: 0, nullable };
    case DuckDBTypeId.HUGEINT:
    case DuckDBTypeId.UHUGEINT:
    case DuckDBTypeId.BIGNUM:
      return { kind: 'decimal', precision: 38, scale: 0, nullable };
    case DuckDBTypeId.FLOAT:
      return { kind: 'float', nullable };
    case DuckDBTypeId.DOUBLE:
      return { kind: 'double', nullable };
    case DuckDBTypeId.BLOB:
      return { kind: 'varbinary', length: lengthMax, nullable };
    case DuckDBTypeId.DATE:
      return { kind: 'date', nullable };
    case DuckDBTypeId.TIME:
      return { kind: 'time', precision: 3, nullable };
    case DuckDBTypeId.TIMESTAMP_S:
      return { kind: 'timestamp', precision: 0, nullable };
    case DuckDBTypeId.TIMESTAMP_MS:
      return { kind: 'timestamp', precision: 3, nullable };
    case DuckDBTypeId.TIMESTAMP:
      return { kind: 'timestamp', precision: 6, nullable };
    case DuckDBTypeId.TIMESTAMP_NS:
      return { kind: 'timestamp', precision: 9, nullable };
    case DuckDBTypeId.TIMESTAMP_TZ:
      return { kind: 'timestamp-ltz', precision: 6, nullable };
    default:
      return string;
  }
}

/** Turns what DuckDB's vectors give, never null, into scalars of the field's type. */
function converterOf({ name, type }: DataField): (value: DuckDBValue) => Scalar {
  const bad = (value: DuckDBValue): Error =>
    invalid(
      'LAKE_SQL_RANGE',
      `column \`${name}\`: ${String(value)} is no value of ${typeName(type)}; cast it to VARCHAR`,
    );
  switch (type.kind) {
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
