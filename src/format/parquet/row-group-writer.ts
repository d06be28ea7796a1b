/**
 * Rows into the bytes of one row group: the wasm encodes them as a small file of its own, whose column chunks are taken
 * out, compressed page by page on Node's threads, and described for the footer of the file they will be part of.
 */
import { assert, present } from '../../base/assert.ts';
import { mapBounded } from '../../base/concurrency.ts';
import { concatBytes } from '../../bytes/concat.ts';
import { release } from '../../bytes/release.ts';
import { bitAt, float32Values, float64Values, nullBitsOf } from '../../types/column-buffers.ts';
import type { DataType, RowType } from '../../types/data-type.ts';
import type { RowBatch } from '../../types/row-batch.ts';
import { chooseEncoding, type EncodingLimits } from './column-encoding.ts';
import {
  type ChunkStatistics,
  type Codec,
  type ColumnChunk,
  chunkStart,
  type RowGroup,
  type SchemaElement,
  tailBytes,
} from './footer.ts';
import { readFooter } from './footer-reader.ts';
import { type Page, readPages, writePageHeader } from './page.ts';
import { isNative, packPage } from './page-codec.ts';
import { ipcStream } from './row-ipc.ts';
import { type SchemaNode, schemaTree } from './schema-tree.ts';
import type { GivenEncoding, ParquetCodec } from './wasm-door.ts';
import { writtenSchema } from './written-schema.ts';

export type RowGroupSettings = EncodingLimits & {
  readonly rowType: RowType;
  readonly codec: Codec;
  readonly zstdLevel: number;
};

/** Encoded values of one row group, not yet compressed. */
export type EncodedRowGroup = {
  readonly rowCount: number;
  readonly columns: readonly EncodedColumn[];
};

type EncodedColumn = { readonly chunk: ColumnChunk; readonly pages: readonly Page[] };

/** A row group as bytes; its chunks' offsets are counted from the first of them. */
export type PackedRowGroup = {
  readonly group: RowGroup;
  readonly bytes: Uint8Array;
};

const ownFile = 'a row group just encoded';
/** More than the pages of a row group of the usual size. */
const pagesAtOnceMax = 256;
/** Compression that saves less than this is not worth unpacking. */
const worthwhile = 0.95;

/** @param batches of the settings' row type, with at least one row in all */
export function encodeRowGroup(
  wasm: ParquetCodec,
  batches: readonly RowBatch[],
  settings: RowGroupSettings,
): EncodedRowGroup {
  const { rowType, codec } = settings;
  const rowCount = batches.reduce((sum, batch) => sum + batch.rowCount, 0);
  const largest = batches.reduce((most, batch) => (batch.rowCount > most.rowCount ? batch : most));
  const encodings = rowType.fields.map(({ type }, index) =>
    chooseEncoding(present(largest.columns[index], 'column'), type, rowCount, settings),
  );
  const { file, isText: isUtf8 } = encodeFile(wasm, batches, {
    types: rowType.fields.map(field => field.type),
    encodings,
    codec: isNative(codec) ? 'none' : codec,
  });
  const footerBytes = new DataView(file.buffer, file.byteOffset).getUint32(file.length - tailBytes, true);
  const footer = readFooter(file.subarray(-tailBytes - footerBytes, -tailBytes), file.length, ownFile);
  const [group] = footer.rowGroups;
  assert(group !== undefined && footer.rowGroups.length === 1, 'the rows were encoded as one row group');
  assert(group.rowCount === rowCount, () => `${group.rowCount} rows encoded of ${rowCount}`);
  const leaves = leavesOf(schemaTree(writtenSchema(rowType)));
  const columns = group.chunks.map((chunk, index) => {
    const leaf = present(leaves[index], 'a leaf for each chunk');
    const start = chunkStart(chunk);
    const pages = readPages(file.subarray(start, start + chunk.compressedBytes), chunk, ownFile);
    return { chunk: describedChunk(chunk, leaf, { batches, isUtf8 }), pages };
  });
  return { rowCount, columns };
}

type WrittenLeaf = { readonly element: SchemaElement; readonly path: readonly string[]; readonly column: number };

function leavesOf(columns: readonly SchemaNode[]): readonly WrittenLeaf[] {
  const below = (node: SchemaNode, path: readonly string[], column: number): readonly WrittenLeaf[] => {
    const own = [...path, node.element.name];
    if (node.chunkIndex !== undefined) return [{ element: node.element, path: own, column }];
    return node.children.flatMap(child => below(child, own, column));
  };
  return columns.flatMap((node, column) => below(node, [], column));
}

/** The chunk as the file's footer has it. Bounds of leaves in nested columns are not written: nobody prunes by them. */
function describedChunk(
  chunk: ColumnChunk,
  { element, path, column }: WrittenLeaf,
  { batches, isUtf8 }: { readonly batches: readonly RowBatch[]; readonly isUtf8: boolean },
): ColumnChunk {
  const isInt96 = element.physical === 'int96' && chunk.physical === 'fixed-len-byte-array';
  assert(isInt96 || chunk.physical === element.physical, () => `${path.join('.')} was encoded as ${chunk.physical}`);
  const isNested = path.length > 1;
  const isCut = !isUtf8 && element.annotation?.kind === 'string';
  const hasBounds = !isNested && !isInt96 && !isCut && !holdsNaN(batches, column, element.physical);
  return {
    ...chunk,
    physical: element.physical ?? chunk.physical,
    path,
    // Those are of the file that the wasm made.
    offsetIndex: undefined,
    columnIndex: undefined,
    statistics: hasBounds && chunk.statistics !== undefined ? ownStatistics(chunk.statistics) : undefined,
  };
}

/** Bounds of their own, which outlive the encoded file that they lie in. */
function ownStatistics({ min, max, nullCount }: ChunkStatistics): ChunkStatistics {
  return { min: min?.slice(), max: max?.slice(), nullCount };
}

type EncodedFile = { readonly file: Uint8Array; readonly isText: boolean };

/**
 * The rows as a file. Strings that are not UTF-8, which the wasm refuses, are encoded as bytes; `isText` is then false,
 * and bounds of strings may have been cut within a character.
 */
function encodeFile(
  wasm: ParquetCodec,
  batches: readonly RowBatch[],
  { types, encodings, codec }: { types: readonly DataType[]; encodings: readonly GivenEncoding[]; codec: Codec },
): EncodedFile {
  try {
    const rows = ipcStream(batches, types);
    const file = wasm.encode(rows, encodings, codec);
    release([rows]);
    return { file, isText: true };
  } catch (error) {
    if (!types.some(holdsText)) throw error;
    return { file: wasm.encode(ipcStream(batches, types.map(asBytes)), encodings, codec), isText: false };
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

/** Bounds say nothing of NaN, which Paimon's order puts above all numbers; a chunk with one goes without bounds. */
function holdsNaN(batches: readonly RowBatch[], index: number, physical: ColumnChunk['physical'] | undefined): boolean {
  if (physical !== 'float' && physical !== 'double') return false;
  return batches.some(batch => {
    const column = present(batch.columns[index], 'column');
    const values = physical === 'float' ? float32Values(column) : float64Values(column);
    const nulls = nullBitsOf(column);
    for (let row = 0; row < column.length; row += 1) {
      if (Number.isNaN(values[row]) && (nulls === undefined || bitAt(nulls, row) === 1)) return true;
    }
    return false;
  });
}

/**
 * Compresses the pages and lays them out; what was encoded is gone then. All pages are handed to Node's threads at once, which
 * work on them even while this thread encodes the next row group.
 */
export async function packRowGroup(encoded: EncodedRowGroup, settings: RowGroupSettings): Promise<PackedRowGroup> {
  const { codec, zstdLevel } = settings;
  const pages = encoded.columns.flatMap(column => column.pages);
  const packed = await mapBounded(pages, pagesAtOnceMax, page => packPage(page, codec, zstdLevel));
  const parts: Uint8Array[] = [];
  const chunks: ColumnChunk[] = [];
  let at = 0;
  let nextPage = 0;
  for (const column of encoded.columns) {
    const columnPages = packed.slice(nextPage, nextPage + column.pages.length);
    nextPage += column.pages.length;
    const laidOut = layOutColumn(column, columnPages, codec);
    chunks.push(shifted(laidOut.chunk, at));
    parts.push(...laidOut.parts);
    at += laidOut.chunk.compressedBytes;
  }
  const byteSize = chunks.reduce((sum, chunk) => sum + chunk.uncompressedBytes, 0);
  const bytes = concatBytes(parts);
  release([...pages, ...packed].map(({ body }) => body));
  return { group: { chunks, rowCount: encoded.rowCount, byteSize }, bytes };
}

type LaidOutColumn = { readonly chunk: ColumnChunk; readonly parts: readonly Uint8Array[] };

function layOutColumn({ chunk, pages }: EncodedColumn, packed: readonly Page[], codec: Codec): LaidOutColumn {
  const isWorthwhile = !isNative(codec) || bodyBytes(packed) < bodyBytes(pages) * worthwhile;
  const chosen = isWorthwhile ? packed : pages;
  const parts: Uint8Array[] = [];
  let at = 0;
  let plainAt = 0;
  let dataPageOffset: number | undefined;
  for (const page of chosen) {
    if (page.kind !== 'dictionary') dataPageOffset ??= at;
    const header = writePageHeader(page, { withChecksum: true });
    parts.push(header, page.body);
    at += header.length + page.body.length;
    plainAt += header.length + page.plainBytes;
  }
  return {
    chunk: {
      ...chunk,
      codec: isWorthwhile ? codec : 'none',
      uncompressedBytes: plainAt,
      compressedBytes: at,
      dataPageOffset: present(dataPageOffset, 'a data page'),
      dictionaryPageOffset: pages[0]?.kind === 'dictionary' ? 0 : undefined,
    },
    parts,
  };
}

function bodyBytes(pages: readonly Page[]): number {
  return pages.reduce((sum, page) => sum + page.body.length, 0);
}

/** The row group `bytes` further back in the file. */
export function shiftedRowGroup(group: RowGroup, bytes: number): RowGroup {
  return { ...group, chunks: group.chunks.map(chunk => shifted(chunk, bytes)) };
}

function shifted(chunk: ColumnChunk, bytes: number): ColumnChunk {
  const { dictionaryPageOffset } = chunk;
  return {
    ...chunk,
    dataPageOffset: chunk.dataPageOffset + bytes,
    dictionaryPageOffset: dictionaryPageOffset === undefined ? undefined : dictionaryPageOffset + bytes,
  };
}
