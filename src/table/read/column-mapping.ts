/**
 * How a file's columns become a reader's: by field id, old types cast to new ones, columns the file does not have are
 * null, partition columns come from the partition (spec 2.5). Pure.
 */
import { present } from '../../base/assert.ts';
import { fieldsNamed, type TableSchema } from '../../format/table-schema.ts';
import { castColumn } from '../../types/cast.ts';
import { ColumnBuilder } from '../../types/column-builder.ts';
import type { DataField, DataType, RowType } from '../../types/data-type.ts';
import { gatherColumn } from '../../types/gather.ts';
import { type Column, makeRowBatch, type RowBatch } from '../../types/row-batch.ts';
import type { Scalar } from '../../types/scalar.ts';

/** Where one wanted column comes from. */
type Source =
  | { readonly kind: 'file'; readonly field: DataField }
  | { readonly kind: 'constant'; readonly value: Scalar };

export type ColumnMapping = {
  readonly wanted: RowType;
  /** Columns to ask the file for, under the file's own names and types, without repeats. */
  readonly fileFields: readonly DataField[];
  /** The wanted columns out of a batch of `fileFields`. */
  readonly apply: (batch: RowBatch) => RowBatch;
  /** The file's own field of a wanted column; undefined where the file does not have it or it is a constant. */
  readonly fileFieldOf: (name: string) => DataField | undefined;
};

export type MappingInput = {
  readonly wanted: RowType;
  /** The schema the file was written under. */
  readonly fileSchema: TableSchema;
  /** Values of the partition keys of the read schema, in their order. */
  readonly partitionKeys: readonly string[];
  readonly partitionValues: readonly Scalar[];
};

export function mapColumns(input: MappingInput): ColumnMapping {
  const sources = input.wanted.fields.map(field => sourceOf(field, input));
  const fileFields: DataField[] = [];
  for (const source of sources) {
    if (source.kind === 'file' && !fileFields.includes(source.field)) fileFields.push(source.field);
  }
  return {
    wanted: input.wanted,
    fileFields,
    apply: batch => applySources(input.wanted, sources, fileFields, batch),
    fileFieldOf: name => {
      const source = sources[input.wanted.fields.findIndex(field => field.name === name)];
      return source?.kind === 'file' ? source.field : undefined;
    },
  };
}

function sourceOf(field: DataField, input: MappingInput): Source {
  const partitionIndex = input.partitionKeys.indexOf(field.name);
  if (partitionIndex >= 0) return { kind: 'constant', value: input.partitionValues[partitionIndex] ?? null };
  const fileField = input.fileSchema.fields.find(candidate => candidate.id === field.id);
  return fileField === undefined ? { kind: 'constant', value: null } : { kind: 'file', field: fileField };
}

function applySources(
  wanted: RowType,
  sources: readonly Source[],
  fileFields: readonly DataField[],
  batch: RowBatch,
): RowBatch {
  const columns = wanted.fields.map((field, index): Column => {
    const source = present(sources[index], 'source');
    if (source.kind === 'constant') return constantColumn(field.type, source.value, batch.rowCount);
    const column = present(batch.columns[fileFields.indexOf(source.field)], 'column');
    return sameValues(source.field.type, field.type) ? column : castColumn(column, source.field.type, field.type);
  });
  return makeRowBatch(wanted, batch.rowCount, columns);
}

/** Types whose columns hold the same values: equal but for nullability. */
export function sameValues(a: DataType, b: DataType): boolean {
  return JSON.stringify({ ...a, nullable: true }) === JSON.stringify({ ...b, nullable: true });
}

/** `rowCount` times the same value. */
export function constantColumn(type: DataType, value: Scalar, rowCount: number): Column {
  const builder = new ColumnBuilder({ ...type, nullable: true });
  builder.append(value);
  const one = builder.finish();
  return gatherColumn([one], type, new Uint8Array(rowCount), new Uint32Array(rowCount));
}

/** The columns of a schema, or those named, in that order. */
export function wantedFields(schema: TableSchema, names: readonly string[] | undefined): readonly DataField[] {
  return names === undefined ? schema.fields : fieldsNamed(schema, names);
}
