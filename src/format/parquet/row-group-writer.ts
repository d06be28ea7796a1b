/**
 * Rows into the bytes of one row group: the wasm encodes them as a small file of its own, whose column chunks are taken
 * out, compressed page by page on Node's threads, and described for the footer of the file they will be part of.
 */
import { assert, present } from '../../base/assert.ts';
import { mapBounded } from '../../base/concurrency.ts';
import { arrowType, Field, makeData, RecordBatch, RecordBatchStreamWriter, Schema, Struct } from '../../types/arrow.ts';
import {
  bitAt,
  float32Values,
  float64Values,
  makeColumn,
  nullBitsOf,
  uint8Values,
  uint32Values,
} from '../../types/column-buffers.ts';
import type { DataType, RowType } from '../../types/data-type.ts';
import type { Column, RowBatch } from '../../types/row-batch.ts';
import { chooseEncoding } from './column-encoding.ts';
import { type Codec, type ColumnChunk, chunkStart, type RowGroup, tailBytes } from './footer.ts';
import { readFooter } from './footer-reader.ts';
import { fixed12ToInt96 } from './int96.ts';
import { type Page, readPages, writePageHeader } from './page.ts';
import { isNative, packPage } from './page-codec.ts';
import type { ColumnEncoding, ParquetCodec } from './wasm-door.ts';
import { writtenSchema } from './written-schema.ts';

export type RowGroupSettings = { readonly rowType: RowType; readonly codec: Codec; readonly zstdLevel: number };

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
    chooseEncoding(present(largest.columns[index], 'column'), type, rowCount),
  );
  const file = encodeFile(wasm, { batches, rowType }, { encodings, codec: isNative(codec) ? 'none' : codec });
  const footerBytes = new DataView(file.buffer, file.byteOffset).getUint32(file.length - tailBytes, true);
  const footer = readFooter(file.subarray(-tailBytes - footerBytes, -tailBytes), file.length, ownFile);
  const [group] = footer.rowGroups;
  assert(group !== undefined && footer.rowGroups.length === 1, 'the rows were encoded as one row group');
  assert(group.rowCount === rowCount, () => `${group.rowCount} rows encoded of ${rowCount}`);
  const elements = writtenSchema(rowType).slice(1);
  const columns = group.chunks.map((chunk, index): EncodedColumn => {
    const element = present(elements[index], 'a schema element for each column');
    const isInt96 = element.physical === 'int96' && chunk.physical === 'fixed-len-byte-array';
    assert(isInt96 || chunk.physical === element.physical, () => `${element.name} was encoded as ${chunk.physical}`);
    const start = chunkStart(chunk);
    const bytes = file.subarray(start, start + chunk.compressedBytes);
    const statistics = isInt96 || holdsNaN(batches, index, element.physical) ? undefined : chunk.statistics;
    return {
      chunk: { ...chunk, physical: element.physical ?? chunk.physical, path: [element.name], statistics },
      pages: readPages(bytes, chunk, ownFile),
    };
  });
  return { rowCount, columns };
}

type Rows = { readonly batches: readonly RowBatch[]; readonly rowType: RowType };
type Form = { readonly encodings: readonly ColumnEncoding[]; readonly codec: Codec };

function encodeFile(wasm: ParquetCodec, rows: Rows, { encodings, codec }: Form): Uint8Array {
  return wasm.encode(ipcStream(rows), encodings, codec);
}

/** The rows with columns named by their position. */
function ipcStream({ batches, rowType }: Rows): Uint8Array {
  const writer = new RecordBatchStreamWriter();
  const types = rowType.fields.map(field => encodedType(field.type));
  const fields = types.map((type, index) => new Field(String(index), arrowType(type), type.nullable));
  const schema = new Schema(fields);
  for (const batch of batches) {
    const children = batch.columns.map((column, index) => asEncoded(column, present(types[index], 'type')));
    const data = makeData({ type: new Struct(fields), length: batch.rowCount, nullCount: 0, children });
    writer.write(new RecordBatch(schema, data));
  }
  writer.finish();
  return writer.toUint8Array(true);
}

/** The type as the wasm is told of it, which would take int64 for decimals of one digit. */
function encodedType(type: DataType): DataType {
  return type.kind === 'decimal' && type.precision === 1 ? { ...type, precision: 2 } : type;
}

function asEncoded(column: Column, type: DataType): Column {
  const { length, nullBitmap, nullCount } = column;
  const isInt96 = (type.kind === 'timestamp' || type.kind === 'timestamp-ltz') && type.precision > 6;
  if (isInt96) {
    const words = new Uint32Array(uint8Values(column).slice(0, length * 12).buffer);
    return makeColumn(type, length, { values: fixed12ToInt96(words), nullBitmap, nullCount });
  }
  if (type.kind === 'decimal') return makeColumn(type, length, { values: uint32Values(column), nullBitmap, nullCount });
  return column;
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
 * Compresses the pages and lays them out. All pages are handed to Node's threads at once, which work on them even while
 * this thread encodes the next row group.
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
  return { group: { chunks, rowCount: encoded.rowCount, byteSize }, bytes: Buffer.concat(parts) };
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
