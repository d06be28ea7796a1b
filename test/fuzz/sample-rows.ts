/** A table with a column of every type, and rows of it: values, and nulls between them. */
import type { TableSchema } from '../../src/format/table-schema.ts';
import { canonicalRow } from '../../src/types/canonical-json.ts';
import { buildBatch } from '../../src/types/column-builder.ts';
import type { DataType, RowType } from '../../src/types/data-type.ts';
import type { RowBatch } from '../../src/types/row-batch.ts';
import type { Scalar } from '../../src/types/scalar.ts';
import { nestedTypes, rowTypeOf, sampleTypes } from '../arbitrary-rows.ts';

const types: readonly DataType[] = [...sampleTypes, ...nestedTypes];

export const sampleRowType: RowType = rowTypeOf(types);

export const sampleSchema: TableSchema = {
  version: 3,
  id: 0,
  fields: sampleRowType.fields,
  /** Those within columns are above the columns'. */
  highestFieldId: 1_000,
  partitionKeys: [],
  primaryKeys: ['c4'],
  options: {},
  comment: undefined,
  timeMillis: 0,
  extra: {},
};

export function sampleBatch(rowCount: number): RowBatch {
  const rows = Array.from({ length: rowCount }, (_, row) =>
    types.map((type, column) => ((row + column) % 6 === 5 ? null : scalarOf(type, row))),
  );
  return buildBatch(sampleRowType, rows);
}

/** Rows as canonical JSON. */
export function sampleLines(rowCount: number): readonly string[] {
  const print = canonicalRow(sampleBatch(rowCount));
  return Array.from({ length: rowCount }, (_, row) => print(row));
}

function scalarOf(type: DataType, row: number): Scalar {
  switch (type.kind) {
    case 'array':
      return Array.from({ length: row % 3 }, (_, at) =>
        type.element.nullable && at === 1 ? null : scalarOf(type.element, row + at),
      );
    case 'map':
      return Array.from({ length: row % 4 }, (_, at) => [scalarOf(type.key, row + at), scalarOf(type.value, row)]);
    case 'multiset':
      return [[scalarOf(type.element, row), 1 + row]];
    case 'row':
      return type.fields.map((field, at) =>
        field.type.nullable && (row + at) % 4 === 0 ? null : scalarOf(field.type, row),
      );
    case 'boolean':
      return row % 2 === 0;
    case 'float':
    case 'double':
      return row / 4;
    case 'bigint':
    case 'decimal':
      return BigInt(row) * 31n;
    case 'char':
    case 'varchar':
      return `text ${row} é`;
    case 'binary':
    case 'varbinary':
      return Uint8Array.of(row, 255);
    case 'timestamp':
    case 'timestamp-ltz':
      return 1_700_000_000_000_000_000n + BigInt(row) * 1_000_000_000n;
    default:
      return row;
  }
}
