/**
 * Rows on their way to DuckDB where it cannot read the table's files itself: merged, remote, or of another schema. They
 * are written as uncompressed Parquet files into a private folder, a piece at a time, so that memory stays bounded
 * whatever the table's size.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { invalid, LakeError } from '../../base/errors.ts';
import type { DataFileEncoder } from '../../format/data-file-content.ts';
import { createParquetWriter } from '../../format/parquet/writer.ts';
import { childOf, makeColumn, noValues, nullBitsOf, offsetsOf } from '../../types/column-buffers.ts';
import { ColumnBuilder } from '../../types/column-builder.ts';
import { columnReader } from '../../types/column-reader.ts';
import type { DataField, DataType, RowType } from '../../types/data-type.ts';
import { nestedShape } from '../../types/nested-shape.ts';
import { type Column, makeRowBatch, type RowBatch } from '../../types/row-batch.ts';
import { holdsNanoseconds } from './column-text.ts';

/** A piece is written out when it is about this long. */
const pieceBytesMax = 32 * 1024 * 1024;

const bigint: DataType = { kind: 'bigint', nullable: true };
const int64Max = 9_223_372_036_854_775_807n;

export class ParquetSpool {
  readonly #folder: string;
  readonly #fields: readonly DataField[];
  readonly #rowType: RowType;
  readonly #files: string[] = [];
  #writer: DataFileEncoder | undefined;
  #rowCount = 0;

  /** @param folder made when the first piece is written, and removed by whoever gave it */
  constructor(folder: string, fields: readonly DataField[]) {
    this.#folder = folder;
    this.#fields = fields;
    this.#rowType = {
      fields: fields.map(field => nullable({ ...field, type: spooledType(field.type) })),
    };
  }

  /** Takes a batch of the fields. @throws LakeError `unavailable` LAKE_SQL_IO when the disk does not take it */
  async append(batch: RowBatch): Promise<void> {
    if (batch.rowCount === 0) return;
    this.#writer ??= createParquetWriter({ rowType: this.#rowType, compression: 'none' });
    const columns = this.#fields.map((field, index) => this.#written(field, batch.columns[index]));
    await this.#writer.append(makeRowBatch(this.#rowType, batch.rowCount, columns));
    this.#rowCount += batch.rowCount;
    if (this.#writer.estimatedBytes >= pieceBytesMax) await this.#endPiece();
  }

  get rowCount(): number {
    return this.#rowCount;
  }

  /** Paths of the files; none when no row came. */
  async finish(): Promise<readonly string[]> {
    if (this.#writer !== undefined) await this.#endPiece();
    return this.#files;
  }

  #written(field: DataField, column: Column | undefined): Column {
    if (column === undefined) throw new LakeError('invalid', 'LAKE_SQL_FAILED', `no column ${field.name} in a batch`);
    return spooled(column, field.type, field.name);
  }

  async #endPiece(): Promise<void> {
    const writer = this.#writer;
    this.#writer = undefined;
    if (writer === undefined) return;
    const { bytes } = await writer.finish();
    const path = join(this.#folder, `${this.#files.length}.parquet`);
    try {
      await mkdir(this.#folder, { recursive: true });
      await writeFile(path, bytes);
    } catch (error) {
      throw new LakeError(
        'unavailable',
        'LAKE_SQL_IO',
        `${path}: a temporary file for SQL can't be written: ${error instanceof Error ? error.message : String(error)}`,
        { cause: error },
      );
    }
    this.#files.push(path);
  }
}

/** What a filter lets out need not fit NOT NULL, and nobody but DuckDB reads it. */
function nullable(field: DataField): DataField {
  return { ...field, type: { ...field.type, nullable: true } };
}

/** The type with whole numbers for timestamps of more than 6 digits, at any depth. */
function spooledType(type: DataType): DataType {
  if (!holdsNanoseconds(type)) return type;
  switch (type.kind) {
    case 'array':
    case 'multiset':
      return { ...type, element: spooledType(type.element) };
    case 'map':
      return { ...type, key: spooledType(type.key), value: spooledType(type.value) };
    case 'row':
      return { ...type, fields: type.fields.map(field => ({ ...field, type: spooledType(field.type) })) };
    default:
      return { ...bigint, nullable: type.nullable };
  }
}

function spooled(column: Column, type: DataType, name: string): Column {
  if (!holdsNanoseconds(type)) return column;
  const shape = nestedShape(type);
  if (shape === undefined) return nanosecondsOf(column, type, name);
  const types = shape.kind === 'struct' ? shape.fields.map(field => field.type) : [shape.entry];
  return makeColumn(spooledType(type), column.length, {
    values: noValues,
    valueOffsets: shape.kind === 'list' ? offsetsOf(column) : undefined,
    nullBitmap: nullBitsOf(column),
    nullCount: column.nullCount,
    children: types.map((child, index) => spooled(childOf(column, index), child, name)),
  });
}

function nanosecondsOf(column: Column, type: DataType, name: string): Column {
  const read = columnReader(column, type);
  const builder = new ColumnBuilder(bigint);
  for (let row = 0; row < column.length; row += 1) {
    const nanos = read(row);
    if (typeof nanos === 'bigint' && (nanos > int64Max || nanos < -int64Max)) {
      throw invalid(
        'LAKE_SQL_RANGE',
        `column \`${name}\`: SQL reads timestamps of more than 6 digits between 1677 and 2262 only; leave the column out`,
      );
    }
    builder.append(nanos);
  }
  return builder.finish();
}
