/** Limits of nested types, of their columns and of plain ones in Parquet, just under and just over. */
import { seededRandom } from '../../src/base/random.ts';
import { newTableSchema } from '../../src/catalog/table-definition.ts';
import { decodeColumn } from '../../src/format/parquet/column-decoder.ts';
import type { SchemaElement } from '../../src/format/parquet/footer.ts';
import { planLeaf } from '../../src/format/parquet/leaf-plan.ts';
import { NestedCursor } from '../../src/format/parquet/nested-cursor.ts';
import { planNested } from '../../src/format/parquet/nested-plan.ts';
import { schemaTree } from '../../src/format/parquet/schema-tree.ts';
import { writtenSchema } from '../../src/format/parquet/written-schema.ts';
import { buildBatch } from '../../src/types/column-builder.ts';
import type { DataField, DataType } from '../../src/types/data-type.ts';
import { decodeIpc, encodeIpc } from '../../src/types/ipc.ts';
import { writePages } from '../parquet-pages.ts';
import { constant, expectEdge, mib, type Trials } from './limit-tools.ts';

const int: DataType = { kind: 'int', nullable: true };

function fieldOf(type: DataType, id = 0): DataField {
  return { id, name: `f${id}`, type, description: undefined, defaultValue: undefined };
}

function nestedArrays(depth: number): DataType {
  let type = int;
  for (let level = 0; level < depth; level += 1) type = { kind: 'array', element: type, nullable: true };
  return type;
}

function rowOf(fieldCount: number): DataType {
  return { kind: 'row', nullable: true, fields: Array.from({ length: fieldCount }, (_, id) => fieldOf(int, id)) };
}

function define(type: DataType): unknown {
  const definition = { columns: [{ name: 'c', type }], primaryKeys: [], partitionKeys: [], options: {} };
  return newTableSchema(definition, { id: 0, timeMillis: 0, extra: {} });
}

function throughIpc(type: DataType): unknown {
  const rowType = { fields: [fieldOf(type)] };
  return decodeIpc(encodeIpc(buildBatch(rowType, [[null]])), rowType);
}

/** So many nulls of a column whose values have a mebibyte each. */
function decodeNulls(rowCount: number): Promise<unknown> {
  const element: SchemaElement = {
    name: 'a',
    physical: 'fixed-len-byte-array',
    typeLength: mib,
    repetition: 'optional',
    childCount: 0,
    fieldId: undefined,
    annotation: undefined,
  };
  const values = Array.from({ length: rowCount }, () => null);
  const pages = writePages(
    { element, values, encoding: 'plain', kind: 'data', pageRowsMax: rowCount },
    seededRandom(1),
  );
  const plan = planLeaf(element, fieldOf({ kind: 'varbinary', length: mib, nullable: true }), 'limits');
  return decodeColumn({ plan, codec: 'none', pages, unpacked: [] }, rowCount, 'limits');
}

/** The chunk of a list of so many INT; its bytes are not looked at. */
function openList(valueCount: number): unknown {
  const field = fieldOf({ kind: 'array', element: int, nullable: true });
  const schema: readonly SchemaElement[] = writtenSchema({ fields: [field] });
  const [node] = schemaTree(schema);
  if (node === undefined) throw new Error('a column');
  const chunk = {
    physical: 'int32' as const,
    encodings: [],
    path: [],
    codec: 'none' as const,
    valueCount,
    uncompressedBytes: 0,
    compressedBytes: 0,
    dataPageOffset: 0,
    dictionaryPageOffset: undefined,
    statistics: undefined,
  };
  const bytes = new Uint8Array(0);
  const plan = planNested(node, field, 'limits');
  return new NestedCursor({ kind: 'nested', field, plan, chunks: [{ chunk, bytes }] }, 1, 'limits');
}

export const nestedTrials: Trials = {
  typeDepthMax: () =>
    expectEdge(
      'LAKE_BAD_SCHEMA',
      () => define(nestedArrays(constant('typeDepthMax'))),
      () => define(nestedArrays(constant('typeDepthMax') + 1)),
    ),
  tableFieldsMax: () =>
    expectEdge(
      'LAKE_BAD_SCHEMA',
      // The column is one itself.
      () => define(rowOf(constant('tableFieldsMax') - 1)),
      () => define(rowOf(constant('tableFieldsMax'))),
    ),
  nestedColumnBytesMax: () =>
    expectEdge(
      'LAKE_UNSUPPORTED',
      () => openList(constant('nestedColumnBytesMax') / 4),
      () => openList(constant('nestedColumnBytesMax') / 4 + 1),
    ),
  decodedColumnBytesMax: () =>
    expectEdge(
      'LAKE_PARQUET_CORRUPT',
      () => decodeNulls(constant('decodedColumnBytesMax') / mib),
      () => decodeNulls(constant('decodedColumnBytesMax') / mib + 1),
    ),
  ipcDepthMax: () =>
    expectEdge(
      'LAKE_IPC_CORRUPT',
      () => throughIpc(nestedArrays(constant('ipcDepthMax'))),
      () => throughIpc(nestedArrays(constant('ipcDepthMax') + 1)),
    ),
  ipcFieldsMax: () =>
    expectEdge(
      'LAKE_IPC_CORRUPT',
      // The column is a field itself.
      () => throughIpc(rowOf(constant('ipcFieldsMax') - 1)),
      () => throughIpc(rowOf(constant('ipcFieldsMax'))),
    ),
};
