/** What a table says of itself, for the command line: system tables and its schema. */

import { stringifyJson } from '../base/json.ts';
import { readSystemTable } from '../catalog/system-tables.ts';
import { parseJsonObject } from '../format/json-file.ts';
import { encodeSchema } from '../format/table-schema.ts';
import { printType } from '../format/type-text.ts';
import type { Table } from '../table/table.ts';
import { buildBatch } from '../types/column-builder.ts';
import { type DataType, lengthMax } from '../types/data-type.ts';
import type { RowBatch } from '../types/row-batch.ts';
import type { LakeParts } from './lake-parts.ts';
import { type Cells, cellsOf, jsonLines } from './printed-rows.ts';
import { openLakeTable } from './tables.ts';

export type DescribedPart = 'snapshots' | 'files' | 'options' | 'schema';

/** Rows for people. */
export async function describeCells(parts: LakeParts, name: string, part: DescribedPart): Promise<Cells> {
  const table = await openLakeTable(parts, name);
  const batch = part === 'schema' ? schemaColumns(table) : await readSystemTable(table, part);
  return cellsOf(batch.rowType, once(batch));
}

/** Lines for programs. The schema is one line, in the form of Paimon's schema files. */
export async function describeLines(parts: LakeParts, name: string, part: DescribedPart): Promise<string> {
  const table = await openLakeTable(parts, name);
  if (part !== 'schema') return jsonLines(await readSystemTable(table, part));
  const bytes = encodeSchema(table.schema);
  return `${stringifyJson(parseJsonObject(bytes, { where: table.label, code: 'LAKE_CORRUPT_SCHEMA' }))}\n`;
}

const text: DataType = { kind: 'varchar', length: lengthMax, nullable: true };

function schemaColumns({ schema }: Table): RowBatch {
  const fields = ['id', 'column', 'type', 'key', 'comment'].map((name, id) => ({
    id,
    name,
    type: name === 'id' ? ({ kind: 'int', nullable: true } as const) : text,
    description: undefined,
    defaultValue: undefined,
  }));
  const rows = schema.fields.map(field => {
    const keys = [
      ...(schema.primaryKeys.includes(field.name) ? ['primary'] : []),
      ...(schema.partitionKeys.includes(field.name) ? ['partition'] : []),
    ];
    return [field.id, field.name, printType(field.type), keys.join(', ') || null, field.description ?? null];
  });
  return buildBatch({ fields }, rows);
}

async function* once<T>(value: T): AsyncGenerator<T, void, undefined> {
  yield value;
}
