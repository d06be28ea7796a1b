/**
 * Rows at the door of a table, as every writer takes them in: of the kind that a column says, without those that the
 * table ignores, with default values where nothing is given, complete where a column is NOT NULL.
 *
 * @see Paimon 1.4.2 TableWriteImpl.writeAndReturn, RowKindGenerator, RowKindFilter, DefaultValueRow
 */
import { invalid, unsupported } from '../../base/errors.ts';
import { ignoresDeletesOf } from '../../format/merge-options.ts';
import { booleanOption, textOption } from '../../format/option-values.ts';
import type { TableSchema } from '../../format/table-schema.ts';
import { castScalar } from '../../types/cast.ts';
import { columnReader } from '../../types/column-reader.ts';
import { type DataField, type DataType, lengthMax } from '../../types/data-type.ts';
import { gatherColumn, takeRows } from '../../types/gather.ts';
import { type Column, columnOf, isValid, type RowBatch } from '../../types/row-batch.ts';
import { isAdd, rowKindByte, rowKinds } from '../../types/row-kind.ts';
import type { Scalar } from '../../types/scalar.ts';
import { constantColumn } from '../read/column-mapping.ts';
import { findMisfits, type Misfit, type MisfitReason, misfitOfDelete } from './row-misfits.ts';

/** All columns of the schema, in order, and a kind for each row. */
export type InputRows = { readonly rows: RowBatch; readonly kinds: Int8Array };

/** Rows that the table takes; those it does not, by their place in the input, are not among them. */
export type TakenRows = InputRows & { readonly misfits: ReadonlyMap<number, Misfit> };

/**
 * The rows as they go into files, when all of them fit.
 *
 * @param label the table's name, for messages
 * @throws LakeError `invalid` LAKE_NULL_VALUE, LAKE_NOT_APPENDABLE, LAKE_BAD_ROW_KIND, LAKE_DELETE_NOT_MERGED, each with a row
 */
export function inputRows(schema: TableSchema, input: InputRows, label: string): InputRows {
  const { misfits, ...taken } = takeIn(schema, input);
  for (const [row, { reason, detail }] of misfits) {
    throw invalid(misfitCodes[reason], `${label}: row ${row} of the batch: ${detail}`);
  }
  return { rows: completeDeletes(schema, taken.rows), kinds: taken.kinds };
}

/** Says why a table does not take rows of a kind. @throws LakeError `invalid` LAKE_NOT_APPENDABLE, LAKE_DELETE_NOT_MERGED */
export function checkKind(schema: TableSchema, kind: number, label: string): void {
  if (isAdd(kind) || ignoredKinds(schema).has(kind)) return;
  const misfit = misfitOfDelete(schema, kind);
  if (misfit !== undefined) throw invalid(misfitCodes[misfit.reason], `${label}: ${misfit.detail}`);
}

const misfitCodes: Readonly<Record<MisfitReason, `LAKE_${string}`>> = {
  'null-value': 'LAKE_NULL_VALUE',
  'not-appendable': 'LAKE_NOT_APPENDABLE',
  'row-kind': 'LAKE_BAD_ROW_KIND',
  'delete-not-merged': 'LAKE_DELETE_NOT_MERGED',
};

/** Of rows that go, columns that are NOT NULL may still be null. */
export function takeIn(schema: TableSchema, input: InputRows): TakenRows {
  const told = kindsFromColumn(schema, input);
  const { kinds } = told;
  const rows = withDefaults(schema, input.rows);
  const ignored = ignoredKinds(schema);
  const misfits = new Map([...findMisfits(schema, { rows, kinds }), ...told.misfits]);
  if (ignored.size > 0) for (const row of misfits.keys()) if (ignored.has(kinds[row] ?? 0)) misfits.delete(row);
  if (misfits.size === 0 && !kinds.some(kind => ignored.has(kind))) {
    return { rows, kinds, misfits };
  }
  const kept = Uint32Array.from(kinds.keys().filter(row => !(misfits.has(row) || ignored.has(kinds[row] ?? 0))));
  const keptKinds = Int8Array.from(kept, row => kinds[row] ?? 0);
  return { rows: takeRows(rows, kept), kinds: keptKinds, misfits };
}

/** With `rowkind.field`, what the column says. */
function kindsFromColumn(
  schema: TableSchema,
  { rows, kinds }: InputRows,
): { readonly kinds: Int8Array; readonly misfits: ReadonlyMap<number, Misfit> } {
  const name = textOption(schema.options, 'rowkind.field');
  if (name === undefined || schema.primaryKeys.length === 0) return { kinds, misfits: new Map() };
  const field = schema.fields.find(candidate => candidate.name === name);
  if (field === undefined || (field.type.kind !== 'varchar' && field.type.kind !== 'char')) {
    throw unsupported(`rowkind.field=${name}, which is no column of strings`, 'writing');
  }
  const misfits = new Map<number, Misfit>();
  const read = columnReader(columnOf(rows, name), field.type);
  const out = new Int8Array(kinds.length);
  for (let row = 0; row < out.length; row += 1) {
    const text = read(row);
    const kind = rowKinds.find(candidate => candidate === text);
    if (kind !== undefined) out[row] = rowKindByte[kind];
    else {
      const detail = `${JSON.stringify(text)} in \`${name}\`, which says what a row does, is none of ${rowKinds.join(', ')}`;
      misfits.set(row, { reason: 'row-kind', detail });
    }
  }
  return { kinds: out, misfits };
}

/** Kinds of rows that the table passes over. */
function ignoredKinds(schema: TableSchema): ReadonlySet<number> {
  const { '-U': before, '-D': gone } = rowKindByte;
  if (schema.primaryKeys.length === 0) return new Set();
  if (ignoresDeletesOf(schema)) return new Set([before, gone]);
  return new Set(booleanOption(schema.options, 'ignore-update-before', false) ? [before] : []);
}

/** A column's default value; null where it has none. @throws LakeError `invalid` LAKE_BAD_DEFAULT */
export function defaultValueOf({ name, type, defaultValue }: DataField): Scalar {
  if (defaultValue === undefined) return null;
  const isQuoted = defaultValue.length > 1 && defaultValue.startsWith("'") && defaultValue.endsWith("'");
  const text = isQuoted ? defaultValue.slice(1, -1) : defaultValue;
  let value: Scalar;
  try {
    value = castScalar(text, textType, type);
  } catch (error) {
    throw invalid('LAKE_BAD_DEFAULT', `column \`${name}\`: ${defaultValue} can't be its default value`, {
      cause: error,
    });
  }
  if (value !== null) return value;
  throw invalid(
    'LAKE_BAD_DEFAULT',
    `column \`${name}\`: ${defaultValue} can't be its default value: it is of another type`,
  );
}

const textType: DataType = { kind: 'varchar', length: lengthMax, nullable: true };

function withDefaults(schema: TableSchema, rows: RowBatch): RowBatch {
  return mapColumns(rows, (column, index) => {
    const field = schema.fields[index];
    if (field?.defaultValue === undefined || column.nullCount === 0) return column;
    return filled(column, field.type, defaultValueOf(field));
  });
}

/** Nulls of NOT NULL columns, which only rows that go still have, become zeros: the file may not hold them. */
function completeDeletes(schema: TableSchema, rows: RowBatch): RowBatch {
  return mapColumns(rows, (column, index) => {
    const field = schema.fields[index];
    if (field === undefined || field.type.nullable || column.nullCount === 0) return column;
    return filled(column, field.type, zeroOf(field.type));
  });
}

function mapColumns(rows: RowBatch, change: (column: Column, index: number) => Column): RowBatch {
  const columns = rows.columns.map(change);
  return columns.every((column, index) => column === rows.columns[index]) ? rows : { ...rows, columns };
}

/** The value in the place of nulls. */
function filled(column: Column, type: DataType, value: Scalar): Column {
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
