/**
 * Reads Parquet files, ours and others'. Nouns: the **footer** (schema, row groups, column chunks), the **leaf** (a column
 * of the file; a nested one has several), the **page** (the piece a chunk is made of). Flow: `openParquet` reads the footer in one or two range
 * requests; `read` goes row group by row group, fetches the chunks of the columns asked for and nothing else, unpacks
 * their pages (`page-codec.ts`), decodes them (`column-decoder.ts`; nested ones by the wasm, `mini-file.ts`), and brings
 * them into the types asked for (`leaf-plan.ts`, `nested-plan.ts`). `readLate` does so with some columns when it is asked
 * for them, `select` with the pages of few rows (`selected-rows.ts`).
 *
 * Not done here: filters on rows, bloom filters, encryption.
 *
 * @see https://parquet.apache.org/docs/file-format/
 */
import { assert, present } from '../../base/assert.ts';
import type { ByteSource } from '../../bytes/byte-source.ts';
import { release } from '../../bytes/release.ts';
import type { RowBatch } from '../../types/row-batch.ts';
import type {
  DataFileContent,
  HeldPages,
  LateBatch,
  LateReadOptions,
  RowGroupContent,
  RowSelection,
} from '../data-file-content.ts';
import { fetchChunks } from './column-chunks.ts';
import { chunkIndexes, type PlannedColumn, planColumn, sourceOf } from './column-plan.ts';
import { columnRange } from './column-range.ts';
import { corruptParquet, decoding } from './fault.ts';
import { type ColumnChunk, chunkStart, type Footer, magic, type RowGroup, tailBytes } from './footer.ts';
import { readFooter } from './footer-reader.ts';
import { type LayoutCache, ParquetLayout } from './layout.ts';
import type { NestedSource } from './nested-cursor.ts';
import { packedRowsOf } from './packed-rows.ts';
import { pageContentsOf } from './page-contents.ts';
import type { ChunkSource } from './page-cursor.ts';
import { rowsOfRowGroup } from './row-group-reader.ts';
import { leafIndexes, type SchemaNode } from './schema-tree.ts';
import { holdPagesOf, selectRowsOf } from './selected-rows.ts';

export type ParquetFile = DataFileContent & {
  /** Top-level columns, nested ones included, in the file's order. */
  readonly columnNames: readonly string[];
  /** Where the column's chunks lie, [start, end), one for each leaf in each row group; none of a column that is not there. */
  columnBytes(name: string): readonly { readonly start: number; readonly end: number }[];
};

/** Most footers are in here, so that opening a file takes one request. */
const tailReadBytes = 64 * 1024;
const footerBytesMax = 256 * 1024 * 1024;
const batchRowsDefault = 65_536;
const windowBytesDefault = 32 * 1024 * 1024;
/** A larger next row group is not fetched before the one at hand is done. */
const prefetchBytesMax = 32 * 1024 * 1024;

/**
 * Reads the footer of a file.
 *
 * @param where names the file in errors, and in the cache
 * @throws LakeError `corrupt`
 */
export async function openParquet(source: ByteSource, where: string, layouts?: LayoutCache): Promise<ParquetFile> {
  const layout = await layoutOf(source, where, layouts);
  const { footer, columns: leaves } = layout;
  const selectFrom =
    (from: ByteSource) =>
    (selection: RowSelection): Promise<RowBatch> =>
      keeping(layout, where, layouts, () => selectRowsOf({ source: from, layout, where }, selection));
  const hold = async (selection: RowSelection): Promise<HeldPages> => {
    const held = await keeping(layout, where, layouts, () => holdPagesOf({ source, layout, where }, selection));
    return { select: selectFrom(held), [Symbol.dispose]: () => held[Symbol.dispose]() };
  };
  return {
    rowCount: footer.rowCount,
    rowGroups: footer.rowGroups.map(group => describeRowGroup(group, leaves)),
    columnNames: [...leaves.keys()],
    columnBytes: name => chunkRanges(footer, leaves.get(name)),
    read: options => rowsOf(readFile({ source, where, footer, leaves }, { ...options, lateFields: [] })),
    readLate: options => readFile({ source, where, footer, leaves }, options),
    select: selectFrom(source),
    hold: source.requestsAreFree === true ? hold : undefined,
    pageContents: (rowGroup, fields) =>
      keeping(layout, where, layouts, () => pageContentsOf({ source, layout, where }, rowGroup, fields)),
    packedRows: (rowGroup, wanted) => packedRowsOf({ source, layout, where }, rowGroup, wanted),
  };
}

async function layoutOf(source: ByteSource, where: string, layouts: LayoutCache | undefined): Promise<ParquetLayout> {
  const known = layouts?.get(where);
  if (known?.fileBytes === source.byteLength) return known;
  const { footer, footerBytes } = await fetchFooter(source, where);
  const layout = new ParquetLayout(footer, { fileBytes: source.byteLength, footerBytes });
  layouts?.put(where, layout, layout.bytes);
  return layout;
}

/** Runs what may add to a layout, and has the cache know what it takes now. */
async function keeping<T>(
  layout: ParquetLayout,
  where: string,
  layouts: LayoutCache | undefined,
  read: () => Promise<T>,
): Promise<T> {
  const before = layout.bytes;
  const outcome = await read();
  if (layout.bytes > before) layouts?.put(where, layout, layout.bytes);
  return outcome;
}

type FetchedFooter = { readonly footer: Footer; readonly footerBytes: number };

async function fetchFooter(source: ByteSource, where: string): Promise<FetchedFooter> {
  const fileBytes = source.byteLength;
  if (fileBytes < magic.length + tailBytes) throw corruptParquet(where, `it has ${fileBytes} bytes`);
  const start = Math.max(0, fileBytes - tailReadBytes);
  const tail = await source.slice(start, fileBytes);
  assert(tail.length === fileBytes - start, 'a byte source gives the bytes asked for');
  if (!tail.subarray(-magic.length).every((byte, index) => byte === magic[index])) {
    throw corruptParquet(where, 'it does not end as one');
  }
  const footerBytes = new DataView(tail.buffer, tail.byteOffset, tail.length).getUint32(tail.length - tailBytes, true);
  if (footerBytes > Math.min(footerBytesMax, fileBytes - tailBytes - magic.length)) {
    throw corruptParquet(where, `a footer of ${footerBytes} bytes in a file of ${fileBytes}`);
  }
  const footerStart = fileBytes - tailBytes - footerBytes;
  // A copy, for bounds of the footer that is kept are views into it, and would keep the whole tail.
  const bytes =
    footerStart >= start
      ? tail.slice(footerStart - start, tail.length - tailBytes)
      : await source.slice(footerStart, fileBytes - tailBytes);
  return { footer: decoding(where, () => readFooter(bytes, fileBytes, where)), footerBytes };
}

type Columns = ReadonlyMap<string, SchemaNode>;

function describeRowGroup(group: RowGroup, columns: Columns): RowGroupContent {
  return {
    rowCount: group.rowCount,
    byteSize: group.byteSize,
    columnRange(name, type) {
      const column = columns.get(name);
      if (column === undefined) return { min: null, max: null, nullCount: group.rowCount };
      if (column.chunkIndex === undefined) return undefined;
      return columnRange(chunkOf(group, column.chunkIndex), column.element, type);
    },
  };
}

function chunkRanges(footer: Footer, node: SchemaNode | undefined): readonly { start: number; end: number }[] {
  const indexes = node === undefined ? [] : leafIndexes(node);
  return footer.rowGroups.flatMap(group =>
    indexes.map(index => {
      const chunk = chunkOf(group, index);
      const start = chunkStart(chunk);
      return { start, end: start + chunk.compressedBytes };
    }),
  );
}

function chunkOf(group: RowGroup, index: number): ColumnChunk {
  return present(group.chunks[index], 'a chunk for each leaf');
}

type OpenFile = {
  readonly source: ByteSource;
  readonly where: string;
  readonly footer: Footer;
  readonly leaves: Columns;
};

type Planned = readonly (PlannedColumn | undefined)[];

async function* rowsOf(batches: AsyncIterable<LateBatch>): AsyncGenerator<RowBatch, void, undefined> {
  for await (const { rows } of batches) yield rows;
}

async function* readFile(file: OpenFile, options: LateReadOptions): AsyncGenerator<LateBatch, void, undefined> {
  const { footer, where } = file;
  const { fields, lateFields } = options;
  const planned = [...fields, ...lateFields].map(field => planColumn(file.leaves.get(field.name), field, where));
  const all = options.rowGroups ?? footer.rowGroups.map((_, index) => index);
  const indexes = all.filter(index => present(footer.rowGroups[index], `row group ${index}`).rowCount > 0);
  const limits = {
    batchRowsMax: options.batchRowsMax ?? batchRowsDefault,
    windowBytesMax: options.windowBytesMax ?? windowBytesDefault,
  };
  assert(limits.batchRowsMax >= 1, 'a batch has at least one row');
  let fetched: Promise<Fetched> | undefined;
  for (const [position, index] of indexes.entries()) {
    const group = present(footer.rowGroups[index], `row group ${index}`);
    const { sources, bytes } = await (fetched ?? fetchColumns(file, group, planned));
    const following = footer.rowGroups[indexes[position + 1] ?? -1];
    fetched = following === undefined ? undefined : prefetch(file, following, planned);
    const shape = { rowCount: group.rowCount, where: `${where} row group ${index}` };
    const early = { ...shape, fields, chunks: sources.slice(0, fields.length) };
    const late = { ...shape, fields: lateFields, chunks: sources.slice(fields.length) };
    yield* rowsOfRowGroup({ early, late }, limits);
    // Late columns may be asked for when the row group is behind.
    if (file.source.isOwned === true && lateFields.length === 0) release(bytes);
  }
}

type Fetched = {
  readonly sources: readonly (ChunkSource | NestedSource | undefined)[];
  /** Of all their chunks. */
  readonly bytes: readonly Uint8Array[];
};

/** The next row group's bytes, on their way while this one's are decoded. */
function prefetch(file: OpenFile, group: RowGroup, planned: Planned): Promise<Fetched> | undefined {
  const chunks = planned.flatMap(column => chunksOf(group, column));
  if (chunks.reduce((sum, chunk) => sum + chunk.compressedBytes, 0) > prefetchBytesMax) return undefined;
  const fetched = fetchColumns(file, group, planned);
  // A reader that stops early never looks at the outcome; one that goes on awaits the promise itself.
  fetched.catch(() => undefined);
  return fetched;
}

async function fetchColumns({ source }: OpenFile, group: RowGroup, planned: Planned): Promise<Fetched> {
  const chunks = planned.flatMap(column => chunksOf(group, column));
  const bytes = await fetchChunks(source, chunks);
  let next = 0;
  const sources = planned.map(column => {
    if (column === undefined) return undefined;
    const found = chunksOf(group, column).map((chunk, index) => ({
      chunk,
      bytes: present(bytes[next + index], 'the bytes of the chunk'),
    }));
    next += found.length;
    return sourceOf(column, found);
  });
  return { sources, bytes };
}

function chunksOf(group: RowGroup, column: PlannedColumn | undefined): readonly ColumnChunk[] {
  return column === undefined ? [] : chunkIndexes(column).map(index => chunkOf(group, index));
}
