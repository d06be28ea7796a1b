/**
 * How rows of a primary-key table lie in a data file: the key columns once more under names of their own (left out in
 * thin mode), the sequence number, the row kind, then all columns of the table. Files of append tables have the table's
 * columns and nothing else.
 *
 * Nobody of Paimon 1.0 or later reads the key columns, nor do we; 0.9 merges by them.
 *
 * @see Paimon 1.4.2 org.apache.paimon.KeyValue, KeyValueFieldsExtractor, SpecialFields
 */
import { assert, present } from '../../base/assert.ts';
import { int8Values, int64Values, makeColumn } from '../../types/column-buffers.ts';
import { type DataField, type RowType, withNullable } from '../../types/data-type.ts';
import { columnOf, type KeyValueBatch, makeRowBatch, type RowBatch } from '../../types/row-batch.ts';
import { type TableSchema, trimmedPrimaryKeys } from '../table-schema.ts';

const keyPrefix = '_KEY_';
/** Added to a column's id for the id of its key column. */
const keyFieldIdStart = 1_073_741_823;

export const sequenceNumberField: DataField = {
  id: 2_147_483_646,
  name: '_SEQUENCE_NUMBER',
  type: { kind: 'bigint', nullable: false },
  description: undefined,
  defaultValue: undefined,
};

/** 0 +I, 1 -U, 2 +U, 3 -D. */
export const valueKindField: DataField = {
  id: 2_147_483_645,
  name: '_VALUE_KIND',
  type: { kind: 'tinyint', nullable: false },
  description: undefined,
  defaultValue: undefined,
};

/** Of rows that were moved from one file of a table with row tracking to another, and keep their ids. */
export const rowIdField: DataField = {
  id: 2_147_483_642,
  name: '_ROW_ID',
  type: { kind: 'bigint', nullable: false },
  description: undefined,
  defaultValue: undefined,
};

/** The columns of a primary-key table's data file, with their field ids. */
export function keyValueRowType(schema: TableSchema, thin: boolean): RowType {
  const keyFields = thin ? [] : trimmedPrimaryKeys(schema).map(name => keyField(schema, name));
  return { fields: [...keyFields, sequenceNumberField, valueKindField, ...schema.fields] };
}

function keyField(schema: TableSchema, name: string): DataField {
  const field = present(
    schema.fields.find(candidate => candidate.name === name),
    `key column ${name}`,
  );
  return {
    ...field,
    id: keyFieldIdStart + field.id,
    name: keyPrefix + name,
    type: withNullable(field.type, false),
  };
}

/** The columns to read of a primary-key table's data file for these of the table; for `fromPhysical`. */
export function keyValueReadFields(valueFields: readonly DataField[]): readonly DataField[] {
  return [sequenceNumberField, valueKindField, ...valueFields];
}

/**
 * Rows as they lie in a file with `keyValueRowType(schema, thin)`; shares the buffers.
 *
 * @param batch all columns of the table, in the schema's order
 */
export function toPhysical(batch: KeyValueBatch, schema: TableSchema, thin: boolean): RowBatch {
  const { rows, sequenceNumbers, kinds } = batch;
  const { rowCount } = rows;
  assert(rows.columns.length === schema.fields.length, 'a column for each column of the table');
  assert(sequenceNumbers.length === rowCount, () => `${sequenceNumbers.length} sequence numbers for ${rowCount} rows`);
  assert(kinds.length === rowCount, () => `${kinds.length} row kinds for ${rowCount} rows`);
  const keys = thin ? [] : trimmedPrimaryKeys(schema).map(name => columnOf(rows, name));
  const sequence = makeColumn(sequenceNumberField.type, rowCount, { values: sequenceNumbers });
  const kind = makeColumn(valueKindField.type, rowCount, { values: kinds });
  return makeRowBatch(keyValueRowType(schema, thin), rowCount, [...keys, sequence, kind, ...rows.columns]);
}

/** Rows read as `keyValueReadFields`; shares the buffers. */
export function fromPhysical(batch: RowBatch): KeyValueBatch {
  const [sequence, kind, ...columns] = batch.columns;
  const fields = batch.rowType.fields.slice(2);
  return {
    rows: makeRowBatch({ fields }, batch.rowCount, columns),
    sequenceNumbers: int64Values(present(sequence, 'the sequence numbers')),
    kinds: int8Values(present(kind, 'the row kinds')),
  };
}
