/**
 * Rows into the bytes of one row group: each flat column is encoded here (`encode/column.ts`), nested ones by the wasm
 * (`encode/nested-columns.ts`); their pages are compressed on Node's threads and described for the footer of the file they
 * will be part of.
 */
import { present } from '../../base/assert.ts';
import { mapBounded } from '../../base/concurrency.ts';
import { release } from '../../bytes/release.ts';
import { isAtomic, type RowType } from '../../types/data-type.ts';
import { projectBatch, type RowBatch } from '../../types/row-batch.ts';
import type { ColumnExtremes } from '../column-extremes.ts';
import type { EncodingLimits } from './column-encoding.ts';
import { type EncodedLeaf, encodeColumn } from './encode/column.ts';
import type { ColumnStatistics } from './encode/column-statistics.ts';
import { encodeNestedColumns } from './encode/nested-columns.ts';
import { RepeatedColumns } from './encode/repeated-columns.ts';
import type { Codec, ColumnChunk, RowGroup, SchemaElement } from './footer.ts';
import { type Page, writePageHeader } from './page.ts';
import { packPage } from './page-codec.ts';
import type { PageLocation } from './page-index.ts';
import { type SchemaNode, schemaTree } from './schema-tree.ts';
import type { ParquetCodec } from './wasm-door.ts';
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

type EncodedColumn = EncodedLeaf & WrittenLeaf;

/** A row group as bytes in parts; offsets of chunks and pages are counted from the first of them. */
export type PackedRowGroup = {
  readonly group: RowGroup;
  /** One after the other; to be given back (`release`) when they are written. */
  readonly parts: readonly Uint8Array[];
  /** Of each column of the row type. */
  readonly extremes: readonly (ColumnExtremes | undefined)[];
  /** Of each chunk; undefined when there is nothing that could be passed over. */
  readonly pageIndexes: readonly ChunkIndex[] | undefined;
};

/** What the page index of a chunk is written of. */
export type ChunkIndex = {
  readonly locations: readonly PageLocation[];
  readonly statistics: ColumnStatistics;
};

/** More than the pages of a row group of the usual size. */
const pagesAtOnceMax = 256;
/** Compression that saves less than this is not worth unpacking. */
const worthwhile = 0.95;
/** To pack a column of fewer bytes saves next to nothing; zstd takes some 30 us for whatever it is given. */
const packedBytesMin = 128;

/** True when the wasm is needed to write such rows. */
export function hasNestedColumns({ fields }: RowType): boolean {
  return fields.some(({ type }) => !isAtomic(type));
}

/**
 * @param batches of the settings' row type, with at least one row in all
 * @param wasm there when there are nested columns
 */
export function encodeRowGroup(
  batches: readonly RowBatch[],
  settings: RowGroupSettings,
  wasm: ParquetCodec | undefined,
): EncodedRowGroup {
  const { fields } = settings.rowType;
  const columns = schemaTree(writtenSchema(settings.rowType));
  const isNested = fields.map(({ type }) => !isAtomic(type));
  const nestedLeaves = columns.filter((_, index) => isNested[index]).flatMap(node => leavesOf(node));
  const nested = nestedLeaves.length === 0 ? [] : encodeNested(batches, settings, nestedLeaves, wasm);
  const repeated = new RepeatedColumns();
  let nextNested = 0;
  const encoded = columns.flatMap((node, index) =>
    leavesOf(node).map(({ element, path }): EncodedColumn => {
      const { type } = present(fields[index], 'a field for each column');
      if (isNested[index]) {
        nextNested += 1;
        return { ...present(nested[nextNested - 1], 'an encoded leaf'), element, path };
      }
      const parts = batches.map(batch => present(batch.columns[index], 'column'));
      const encode = (): EncodedLeaf => encodeColumn(parts, type, element, settings);
      return { ...repeated.encoded({ parts, type, element }, encode), element, path };
    }),
  );
  return { rowCount: batches.reduce((sum, batch) => sum + batch.rowCount, 0), columns: encoded };
}

function encodeNested(
  batches: readonly RowBatch[],
  { rowType }: RowGroupSettings,
  leaves: readonly WrittenLeaf[],
  wasm: ParquetCodec | undefined,
): readonly EncodedLeaf[] {
  const nested = rowType.fields.filter(({ type }) => !isAtomic(type));
  const names = nested.map(({ name }) => name);
  return encodeNestedColumns(
    present(wasm, 'the wasm for nested columns'),
    batches.map(batch => projectBatch({ ...batch, rowType }, names)),
    nested.map(({ type }) => type),
    leaves.map(({ element }) => element),
  );
}

type WrittenLeaf = { readonly element: SchemaElement; readonly path: readonly string[] };

function leavesOf(column: SchemaNode): readonly WrittenLeaf[] {
  const below = (node: SchemaNode, path: readonly string[]): readonly WrittenLeaf[] => {
    const own = [...path, node.element.name];
    if (node.chunkIndex !== undefined) return [{ element: node.element, path: own }];
    return node.children.flatMap(child => below(child, own));
  };
  return below(column, []);
}

/**
 * Compresses the pages and lays them out; what was encoded is gone then. All pages are handed to Node's threads at once, which
 * work on them even while this thread encodes the next row group.
 */
export async function packRowGroup(encoded: EncodedRowGroup, settings: RowGroupSettings): Promise<PackedRowGroup> {
  const { codec, zstdLevel } = settings;
  const pages = encoded.columns.flatMap(column => column.pages);
  const left = new Set(
    encoded.columns.filter(column => bodyBytes(column.pages) < packedBytesMin).flatMap(column => column.pages),
  );
  // Columns that are the same have the same pages.
  const once = [...new Set(pages)];
  const packedOnce = await mapBounded(once, pagesAtOnceMax, page =>
    packPage(page, left.has(page) ? 'none' : codec, zstdLevel),
  );
  const packedOf = new Map(once.map((page, index) => [page, packedOnce[index]]));
  const packed = pages.map(page => present(packedOf.get(page), 'the page, packed'));
  const parts: Uint8Array[] = [];
  const chunks: ColumnChunk[] = [];
  const indexes: ChunkIndex[] = [];
  let at = 0;
  let nextPage = 0;
  for (const column of encoded.columns) {
    const columnPages = packed.slice(nextPage, nextPage + column.pages.length);
    nextPage += column.pages.length;
    const laidOut = layOutColumn(column, columnPages, codec);
    chunks.push(shifted(laidOut.chunk, at));
    indexes.push({ locations: shiftedPages(laidOut.locations, at), statistics: column.statistics });
    parts.push(...laidOut.parts);
    at += laidOut.chunk.compressedBytes;
  }
  const byteSize = chunks.reduce((sum, chunk) => sum + chunk.uncompressedBytes, 0);
  // What has not been chosen is not needed any more.
  const chosen = new Set(parts.map(({ buffer }) => buffer));
  release([...pages, ...packed].map(({ body }) => body).filter(({ buffer }) => !chosen.has(buffer)));
  const pageIndexes = hasPageIndexes(encoded.columns) ? indexes : undefined;
  return {
    group: { chunks, rowCount: encoded.rowCount, byteSize },
    parts,
    pageIndexes,
    extremes: extremesOf(encoded, settings),
  };
}

/** Undefined for a nested column. */
function extremesOf({ columns }: EncodedRowGroup, { rowType }: RowGroupSettings): PackedRowGroup['extremes'] {
  const flat = columns.filter(({ path }) => path.length === 1);
  return rowType.fields.map(({ name }) => flat.find(({ path }) => path[0] === name)?.statistics.extremes);
}

/**
 * All chunks of a row group have a page index, or none: some readers fail at one that is missing. The wasm does not tell which
 * rows a page of a nested column has.
 */
function hasPageIndexes(columns: readonly EncodedColumn[]): boolean {
  const isFlat = columns.every(({ path }) => path.length === 1);
  return isFlat && columns.some(({ pages }) => pages.filter(({ kind }) => kind === 'data').length > 1);
}

type LaidOutColumn = {
  readonly chunk: ColumnChunk;
  readonly parts: readonly Uint8Array[];
  readonly locations: readonly PageLocation[];
};

function layOutColumn(column: EncodedColumn, packed: readonly Page[], codec: Codec): LaidOutColumn {
  const { pages, element, path, encodings, statistics, valueCount } = column;
  const isWorthwhile = bodyBytes(packed) < bodyBytes(pages) * worthwhile;
  const chosen = isWorthwhile ? packed : pages;
  const parts: Uint8Array[] = [];
  const locations: PageLocation[] = [];
  let at = 0;
  let plainAt = 0;
  let firstRow = 0;
  for (const page of chosen) {
    const header = writePageHeader(page, { withChecksum: true });
    parts.push(header, page.body);
    if (page.kind !== 'dictionary') {
      locations.push({ start: at, bytes: header.length + page.body.length, firstRow });
      firstRow += page.valueCount;
    }
    at += header.length + page.body.length;
    plainAt += header.length + page.plainBytes;
  }
  return {
    chunk: {
      physical: present(element.physical, 'a physical type of the leaf'),
      encodings,
      path,
      codec: isWorthwhile ? codec : 'none',
      valueCount,
      uncompressedBytes: plainAt,
      compressedBytes: at,
      dataPageOffset: present(locations[0], 'a data page').start,
      dictionaryPageOffset: pages[0]?.kind === 'dictionary' ? 0 : undefined,
      statistics: statistics.chunk,
    },
    parts,
    locations,
  };
}

function bodyBytes(pages: readonly Page[]): number {
  return pages.reduce((sum, page) => sum + page.body.length, 0);
}

export function shiftedPages(locations: readonly PageLocation[], bytes: number): readonly PageLocation[] {
  return locations.map(location => ({ ...location, start: location.start + bytes }));
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
