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
 * | LIST ARRAY MAP STRUCT | ARRAY MAP ROW |
 * | all else: structs without names, intervals, UUID, ENUM, … | STRING, as DuckDB prints it |
 *
 * A column that comes straight from a table has the table's type instead (`query/result-types.ts`).
 */
import { ColumnBuilder } from '../types/column-builder.ts';
import type { DataField, DataType, RowType } from '../types/data-type.ts';
import { makeRowBatch, type RowBatch } from '../types/row-batch.ts';
import type { Scalar } from '../types/scalar.ts';
import type { RunningQuery } from './connection.ts';
import type { DuckDBValue } from './duckdb.ts';
import type { ResultChunk } from './end-mark.ts';
import { naturalType } from './natural-type.ts';
import { converterOf } from './result-values.ts';

/** Rows of a batch of results, about. */
const batchRowsTarget = 16_384;

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
  chunk: ResultChunk,
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
