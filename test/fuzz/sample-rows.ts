/** A table with a column of every type, and rows of it: values, and nulls between them. */
import type { TableSchema } from '../../src/format/table-schema.ts';
import { canonicalRow } from '../../src/types/canonical-json.ts';
import { buildBatch } from '../../src/types/column-builder.ts';
import type { AtomicType, RowType } from '../../src/types/data-type.ts';
import type { RowBatch } from '../../src/types/row-batch.ts';
import type { Scalar } from '../../src/types/scalar.ts';
import { rowTypeOf, sampleTypes } from '../arbitrary-rows.ts';

export const sampleRowType: RowType = rowTypeOf(sampleTypes);

export const sampleSchema: TableSchema = {
  version: 3,
  id: 0,
  fields: sampleRowType.fields,
  highestFieldId: sampleRowType.fields.length,
  partitionKeys: [],
  primaryKeys: ['c4'],
  options: {},
  comment: undefined,
  timeMillis: 0,
  extra: {},
};

export function sampleBatch(rowCount: number): RowBatch {
  const rows = Array.from({ length: rowCount }, (_, row) =>
    sampleTypes.map((type, column) => ((row + column) % 6 === 5 ? null : scalarOf(type, row))),
  );
  return buildBatch(sampleRowType, rows);
}

/** Rows as canonical JSON. */
export function sampleLines(rowCount: number): readonly string[] {
  const print = canonicalRow(sampleBatch(rowCount));
  return Array.from({ length: rowCount }, (_, row) => print(row));
}

function scalarOf(type: AtomicType, row: number): Scalar {
  switch (type.kind) {
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
