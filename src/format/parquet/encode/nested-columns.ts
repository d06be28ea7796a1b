/**
 * Nested columns of a row group into pages, which the wasm does: it encodes them as a small file of its own, out of which
 * the column chunks of their leaves are taken.
 */
import { assert, present } from '../../../base/assert.ts';
import { release } from '../../../bytes/release.ts';
import type { DataType } from '../../../types/data-type.ts';
import type { RowBatch } from '../../../types/row-batch.ts';
import { chunkStart, type SchemaElement, tailBytes } from '../footer.ts';
import { readFooter } from '../footer-reader.ts';
import { readPages } from '../page.ts';
import { ipcStream } from '../row-ipc.ts';
import type { ParquetCodec } from '../wasm-door.ts';
import type { EncodedLeaf } from './column.ts';

const ownFile = 'a row group just encoded';
const noStatistics = { chunk: undefined, pages: undefined, order: 'unordered', extremes: undefined } as const;

/**
 * @param batches whose columns are all nested, with at least one row in all
 * @param leaves of the columns, in the order of the schema
 * @returns one for each leaf. Their bounds are not written: nobody prunes by them
 */
export function encodeNestedColumns(
  wasm: ParquetCodec,
  batches: readonly RowBatch[],
  types: readonly DataType[],
  leaves: readonly SchemaElement[],
): readonly EncodedLeaf[] {
  const file = encodeFile(wasm, batches, types);
  const footerBytes = new DataView(file.buffer, file.byteOffset).getUint32(file.length - tailBytes, true);
  const footer = readFooter(file.subarray(-tailBytes - footerBytes, -tailBytes), file.length, ownFile);
  const [group] = footer.rowGroups;
  assert(group !== undefined && footer.rowGroups.length === 1, 'the rows were encoded as one row group');
  assert(group.chunks.length === leaves.length, () => `${group.chunks.length} chunks for ${leaves.length} leaves`);
  return group.chunks.map((chunk, index) => {
    const { physical, name } = present(leaves[index], 'a leaf for each chunk');
    const isInt96 = physical === 'int96' && chunk.physical === 'fixed-len-byte-array';
    assert(isInt96 || chunk.physical === physical, () => `${name} was encoded as ${chunk.physical}`);
    const start = chunkStart(chunk);
    const pages = readPages(file.subarray(start, start + chunk.compressedBytes), chunk, ownFile);
    return { encodings: chunk.encodings, pages, valueCount: chunk.valueCount, statistics: noStatistics };
  });
}

/** The rows as a file. Strings that are not UTF-8, which the wasm refuses, are encoded as bytes. */
function encodeFile(wasm: ParquetCodec, batches: readonly RowBatch[], types: readonly DataType[]): Uint8Array {
  try {
    const rows = ipcStream(batches, types);
    const file = wasm.encode(rows);
    release([rows]);
    return file;
  } catch (error) {
    if (!types.some(holdsText)) throw error;
    return wasm.encode(ipcStream(batches, types.map(asBytes)));
  }
}

function holdsText(type: DataType): boolean {
  return asBytes(type) !== type;
}

/** The type with bytes for texts, at any depth; the same when it has none. */
function asBytes(type: DataType): DataType {
  switch (type.kind) {
    case 'char':
    case 'varchar':
      return { ...type, kind: 'varbinary' };
    case 'array':
    case 'multiset': {
      const element = asBytes(type.element);
      return element === type.element ? type : { ...type, element };
    }
    case 'map': {
      const [key, value] = [asBytes(type.key), asBytes(type.value)];
      return key === type.key && value === type.value ? type : { ...type, key, value };
    }
    case 'row':
      if (!type.fields.some(field => holdsText(field.type))) return type;
      return { ...type, fields: type.fields.map(field => ({ ...field, type: asBytes(field.type) })) };
    default:
      return type;
  }
}
