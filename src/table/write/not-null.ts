/**
 * NOT NULL at the door. A row that comes must have every such column; a row that goes needs only its key, and gets the
 * zero of the type where the file may not hold a null.
 */
import { invalid } from '../../base/errors.ts';
import type { TableSchema } from '../../format/table-schema.ts';
import type { DataType } from '../../types/data-type.ts';
import { gatherColumn } from '../../types/gather.ts';
import { type Column, isValid, type RowBatch } from '../../types/row-batch.ts';
import { isAdd } from '../../types/row-kind.ts';
import type { Scalar } from '../../types/scalar.ts';
import { constantColumn } from '../read/column-mapping.ts';

/** @throws LakeError `invalid` LAKE_NULL_VALUE naming column and row, LAKE_NOT_APPENDABLE */
export function completeDeletes(schema: TableSchema, rows: RowBatch, kinds: Int8Array, label: string): RowBatch {
  if (schema.primaryKeys.length === 0 && kinds.some(kind => !isAdd(kind))) {
    throw invalid('LAKE_NOT_APPENDABLE', `${label} has no primary key: it takes +I rows only`);
  }

  let changed = false;
  const columns = rows.columns.map((column, index): Column => {
    const field = schema.fields[index];
    if (field === undefined || field.type.nullable || column.nullCount === 0) return column;
    checkNulls(column, kinds, row => {
      const isKey = schema.primaryKeys.includes(field.name);
      if (!isKey && !isAdd(kinds[row] ?? 0)) return;
      throw invalid(
        'LAKE_NULL_VALUE',
        `${label}: column \`${field.name}\` is NOT NULL and row ${row} of the batch has none`,
      );
    });
    changed = true;
    return withoutNulls(column, field.type, zeroOf(field.type));
  });
  return changed ? { ...rows, columns } : rows;
}

function checkNulls(column: Column, kinds: Int8Array, onNull: (row: number) => void): void {
  for (let row = 0; row < kinds.length; row += 1) if (!isValid(column, row)) onNull(row);
}

function withoutNulls(column: Column, type: DataType, value: Scalar): Column {
  const batchIndex = new Uint8Array(column.length);
  const rowIndex = new Uint32Array(column.length);
  for (let row = 0; row < column.length; row += 1) {
    const valid = isValid(column, row);
    batchIndex[row] = valid ? 0 : 1;
    rowIndex[row] = valid ? row : 0;
  }
  return gatherColumn([column, constantColumn(type, value, 1)], type, batchIndex, rowIndex);
}

function zeroOf(type: DataType): Scalar {
  switch (type.kind) {
    case 'boolean':
      return false;
    case 'bigint':
    case 'decimal':
    case 'timestamp':
    case 'timestamp-ltz':
      return 0n;
    case 'char':
    case 'varchar':
      return '';
    case 'binary':
    case 'varbinary':
      return new Uint8Array();
    default:
      return 0;
  }
}
