/**
 * The wanted columns of a file in two parts: those by which rows are ordered, which a merge needs of every row, and those
 * that it needs of the rows that come out of it. Pure.
 */
import type { RowType } from '../../types/data-type.ts';
import { columnOf, makeRowBatch, type RowBatch } from '../../types/row-batch.ts';
import { type ColumnMapping, type MappingInput, mapColumns } from './column-mapping.ts';

export type ColumnParts = {
  readonly early: ColumnMapping;
  readonly late: ColumnMapping;
  /** All wanted columns in their order, of batches of both parts with the same rows. */
  readonly join: (early: RowBatch, late: RowBatch) => RowBatch;
};

/** @returns undefined when no column can come late */
export function splitColumns(input: MappingInput, earlyColumns: readonly string[]): ColumnParts | undefined {
  const { wanted } = input;
  const isEarly = ({ name }: RowType['fields'][number]): boolean => earlyColumns.includes(name);
  const early = mapColumns({ ...input, wanted: { fields: wanted.fields.filter(isEarly) } });
  const late = mapColumns({ ...input, wanted: { fields: wanted.fields.filter(field => !isEarly(field)) } });
  if (late.fileFields.length === 0) return undefined;
  const join = (first: RowBatch, second: RowBatch): RowBatch => {
    const columns = wanted.fields.map(field => columnOf(isEarly(field) ? first : second, field.name));
    return makeRowBatch(wanted, first.rowCount, columns);
  };
  return { early, late, join };
}
