/** Columns that a user brings, as a batch of a table: found by name, checked, NOT NULL held. */
import { invalid, isLakeError } from '../base/errors.ts';
import type { Table as ArrowTable, RecordBatch } from '../types/arrow.ts';
import { importColumn } from '../types/arrow-import.ts';
import { concatBatches } from '../types/concat.ts';
import type { DataField, RowType } from '../types/data-type.ts';
import { type Column, makeRowBatch, nullColumn, type RowBatch } from '../types/row-batch.ts';

/** Of the package apache-arrow; columns in any form of Arrow that holds values of the table's types. */
export type ArrowColumns = ArrowTable | RecordBatch;

/** @throws LakeError `invalid` LAKE_BAD_BATCH, naming the column */
export function rowBatchOf(columns: ArrowColumns, rowType: RowType, label: string): RowBatch {
  const parts = 'batches' in columns ? columns.batches : [columns];
  const batches = parts.map(part => {
    const names = part.schema.fields.map(field => String(field.name));
    return batchOf({ names, columns: part.data.children, rowCount: part.numRows }, rowType, label);
  });
  return batches.length === 0
    ? batchOf({ names: rowType.fields.map(field => field.name), columns: [], rowCount: 0 }, rowType, label)
    : concatBatches(batches);
}

type NamedColumns = {
  readonly names: readonly string[];
  readonly columns: readonly Column[];
  readonly rowCount: number;
};

function batchOf({ names, columns, rowCount }: NamedColumns, rowType: RowType, label: string): RowBatch {
  const unknown = names.find(name => !rowType.fields.some(field => field.name === name));
  if (unknown !== undefined) throw badBatch(label, `the table has no column ${JSON.stringify(unknown)}`);
  const ordered = rowType.fields.map(field => {
    const given = columns[names.indexOf(field.name)];
    return given === undefined ? nullColumn(field.type, rowCount) : imported(given, field, rowCount, label);
  });
  return makeRowBatch(rowType, rowCount, ordered);
}

/** Nulls of NOT NULL columns are told by the writer, which knows what the rows do. */
function imported(given: Column, field: DataField, rowCount: number, label: string): Column {
  if (given.length < rowCount) throw badBatch(label, `column ${field.name} has ${given.length} of ${rowCount} values`);
  const column = given.length === rowCount ? given : given.slice(0, rowCount);
  try {
    return importColumn(column, field.type, field.name);
  } catch (cause) {
    if (!isLakeError(cause)) throw cause;
    throw badBatch(label, cause.message, cause);
  }
}

function badBatch(label: string, why: string, cause?: unknown): Error {
  return invalid('LAKE_BAD_BATCH', `${label}: ${why}`, { cause });
}
