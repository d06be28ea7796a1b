/** A table with a column of every type, and rows of it as canonical JSON. */
import type { TableSchema } from '../../src/format/table-schema.ts';
import { canonicalRow } from '../../src/types/canonical-json.ts';
import { buildBatch } from '../../src/types/column-builder.ts';
import type { AtomicType, RowType } from '../../src/types/data-type.ts';
import type { Scalar } from '../../src/types/scalar.ts';
import { rowTypeOf, sampleTypes } from '../arbitrary-rows.ts';

export function randomRowsType(): { rowType: RowType; schema: TableSchema; canonicalLines: readonly string[] } {
  const rowType = rowTypeOf(sampleTypes);
  const schema: TableSchema = {
    version: 3,
    id: 0,
    fields: rowType.fields,
    highestFieldId: rowType.fields.length,
    partitionKeys: [],
    primaryKeys: ['c4'],
    options: {},
    comment: undefined,
    timeMillis: 0,
    extra: {},
  };
  const rows = [0, 1, 2, 3].map(row =>
    sampleTypes.map((type, column) => ((row + column) % 6 === 5 ? null : valueOf(type, row))),
  );
  const print = canonicalRow(buildBatch(rowType, rows));
  return { rowType, schema, canonicalLines: rows.map((_, row) => print(row)) };
}

function valueOf(type: AtomicType, row: number): Scalar {
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
