/**
 * Few rows of a row group: only the pages that hold them are fetched, unpacked and decoded. Where pages lie is told by the
 * offset index, or else by the pages themselves, for which a chunk is fetched whole once; the layout keeps what was learnt.
 * A nested column, whose pages do not begin with known rows, is read whole.
 */
import { assert, present } from '../../base/assert.ts';
import { mapBounded } from '../../base/concurrency.ts';
import type { ByteSource } from '../../bytes/byte-source.ts';
import { joinBytes } from '../../bytes/concat.ts';
import { release } from '../../bytes/release.ts';
import { gatherColumn } from '../../types/gather.ts';
import { type Column, makeRowBatch, nullColumn, type RowBatch } from '../../types/row-batch.ts';
import type { RowSelection } from '../data-file-content.ts';
import { type RowRanges, rowCountOf, rowsIn } from '../row-ranges.ts';
import { chunkRegion } from './column-chunks.ts';
import { pickColumn } from './column-decoder.ts';
import { chunkIndexes, type PlannedColumn, planColumn, sourceOf } from './column-plan.ts';
import { corruptParquet, decoding } from './fault.ts';
import type { ColumnChunk, FileRegion, RowGroup } from './footer.ts';
import type { ParquetLayout } from './layout.ts';
import { NestedCursor } from './nested-cursor.ts';
import { readPages } from './page.ts';
import { awaitedThreadBytesMin, pickedThreadBytesMin } from './page-codec.ts';
import { unpackPages } from './page-cursor.ts';
import { type PageMap, type PageRows, pageMapOfPages, pagesWith, rowsInPages } from './page-map.ts';
import { fetchRegions, type HeldSource, holdRegions } from './regions.ts';

export type SelectableFile = { readonly source: ByteSource; readonly layout: ParquetLayout; readonly where: string };

/** Columns of which pages are unpacked at a time. */
const columnsAtOnceMax = 16;
/** Pages that are larger than Node's shared pool have buffers of their own when they are unpacked. */
const unpackedBytesMin = Buffer.poolSize + 1;

/** What is fetched of one column. */
type Fetch =
  | { readonly kind: 'absent' }
  | { readonly kind: 'pages'; readonly chunk: ColumnChunk; readonly map: PageMap; readonly pages: readonly PageRows[] }
  | { readonly kind: 'chunks'; readonly chunks: readonly ColumnChunk[] };

/** The rows of the selection, in their order. @throws LakeError `corrupt` */
export async function selectRowsOf(file: SelectableFile, selection: RowSelection): Promise<RowBatch> {
  const { source } = file;
  const { fields, ranges } = selection;
  const { group, where, planned, fetches } = await planSelection(file, selection);
  const regions = fetches.map(regionsOf);
  const bytes = await fetchRegions(source, regions.flat());
  const rowCount = rowCountOf(ranges);
  const starts = startsOf(regions);
  const columns = await mapBounded(fields, columnsAtOnceMax, async (field, index): Promise<Column> => {
    const column = planned[index];
    const fetch = present(fetches[index], 'what was fetched');
    if (column === undefined || fetch.kind === 'absent') return nullColumn(field.type, rowCount);
    const start = present(starts[index], 'start');
    const own = bytes.slice(start, start + (regions[index]?.length ?? 0));
    const decode = { file, column, group, ranges, where: `${where} column ${field.name}` };
    const found =
      fetch.kind === 'pages' ? await decodePagesOf(decode, fetch, own) : await decodeChunks(decode, fetch, own);
    if (field.type.nullable || found.nullCount === 0) return found;
    throw corruptParquet(where, `column ${field.name} holds nulls, its schema says NOT NULL`);
  });
  if (source.isOwned === true) release(bytes);
  return makeRowBatch({ fields }, rowCount, columns);
}

/** Fetches what `selectRowsOf` would, for selections of these rows and columns. @throws LakeError `corrupt` */
export async function holdPagesOf(file: SelectableFile, selection: RowSelection): Promise<HeldSource> {
  const { fetches } = await planSelection(file, selection);
  return holdRegions(file.source, fetches.flatMap(regionsOf));
}

type SelectionPlan = {
  readonly group: RowGroup;
  readonly where: string;
  /** One for each field, as what is fetched of it. */
  readonly planned: readonly (PlannedColumn | undefined)[];
  readonly fetches: readonly Fetch[];
};

async function planSelection(
  { layout, source, where: file }: SelectableFile,
  { fields, rowGroup, ranges }: RowSelection,
): Promise<SelectionPlan> {
  const where = `${file} row group ${rowGroup}`;
  const group = present(layout.footer.rowGroups[rowGroup], where);
  const planned = fields.map(field => planColumn(layout.columns.get(field.name), field, file));
  const leaves = planned.flatMap(column => (column?.kind === 'leaf' ? chunksOf(group, column) : []));
  await layout.learnIndexes(source, leaves);
  const fetches = planned.map(column => fetchOf(column, { layout, group, ranges, where }));
  return { group, where, planned, fetches };
}

function chunksOf(group: RowGroup, column: PlannedColumn): readonly ColumnChunk[] {
  return chunkIndexes(column).map(index => present(group.chunks[index], 'a chunk for each leaf'));
}

type FetchInput = {
  readonly layout: ParquetLayout;
  readonly group: RowGroup;
  readonly ranges: RowRanges;
  readonly where: string;
};

function fetchOf(column: PlannedColumn | undefined, { layout, group, ranges, where }: FetchInput): Fetch {
  if (column === undefined) return { kind: 'absent' };
  const chunks = chunksOf(group, column);
  const [chunk] = chunks;
  if (column.kind === 'nested' || chunk === undefined) return { kind: 'chunks', chunks };
  const { rowCount } = group;
  if (chunk.valueCount !== rowCount) throw corruptParquet(where, `${chunk.valueCount} values in ${rowCount} rows`);
  const map = layout.pageMap(chunk, rowCount, where);
  return map === undefined
    ? { kind: 'chunks', chunks }
    : { kind: 'pages', chunk, map, pages: pagesWith(map, ranges, rowCount) };
}

function regionsOf(fetch: Fetch): readonly FileRegion[] {
  switch (fetch.kind) {
    case 'absent':
      return [];
    case 'chunks':
      return fetch.chunks.map(chunkRegion);
    default: {
      const { dictionary } = fetch.map;
      return [...(dictionary === undefined ? [] : [dictionary]), ...fetch.pages.map(({ page }) => page)];
    }
  }
}

/** Where each one's regions begin among all. */
function startsOf(regions: readonly (readonly FileRegion[])[]): readonly number[] {
  let next = 0;
  return regions.map(own => {
    next += own.length;
    return next - own.length;
  });
}

type Decode = {
  readonly file: SelectableFile;
  readonly column: PlannedColumn;
  readonly group: RowGroup;
  readonly ranges: RowRanges;
  readonly where: string;
};

async function decodePagesOf(
  { column, ranges, where }: Decode,
  { chunk, pages }: Extract<Fetch, { kind: 'pages' }>,
  bytes: readonly Uint8Array[],
): Promise<Column> {
  const rowCount = pages.reduce((sum, { rows }) => sum + rows.end - rows.start, 0);
  // As if the chunk had these pages only, so that all that is checked of a chunk is checked of them.
  const part = { ...chunk, valueCount: rowCount };
  return pickFromPages(column, part, {
    bytes: joinBytes(bytes),
    pages,
    rowCount,
    rows: rowCountOf(ranges) === rowCount ? undefined : rowsInPages(pages, ranges),
    where,
  });
}

async function decodeChunks(
  { file, column, group, ranges, where }: Decode,
  { chunks }: Extract<Fetch, { kind: 'chunks' }>,
  bytes: readonly Uint8Array[],
): Promise<Column> {
  const { rowCount } = group;
  const found = chunks.map((chunk, index) => ({ chunk, bytes: present(bytes[index], 'the bytes of the chunk') }));
  const source = sourceOf(column, found);
  if (source.kind === 'nested') {
    const decoded = await new NestedCursor(source, rowCount, where).allRows();
    return picked(decoded, column, rowsIn(ranges));
  }
  const { chunk, bytes: whole } = source;
  const map = pageMapOfPages(
    chunk,
    whole,
    decoding(where, () => readPages(whole, chunk, where)),
  );
  file.layout.rememberPages(chunk, map);
  const pages = pagesWith(map, ranges, rowCount);
  const start = chunkRegion(chunk).start;
  const own = [...(map.dictionary === undefined ? [] : [map.dictionary]), ...pages.map(({ page }) => page)];
  const parts = own.map(region => whole.subarray(region.start - start, region.start - start + region.bytes));
  return decodePagesOf({ file, column, group, ranges, where }, { kind: 'pages', chunk, map, pages }, parts);
}

type Pages = {
  readonly bytes: Uint8Array;
  readonly pages: readonly PageRows[];
  readonly rowCount: number;
  /** Of those of the pages, that are picked; undefined: all. */
  readonly rows: Uint32Array | undefined;
  readonly where: string;
};

async function pickFromPages(
  column: PlannedColumn,
  chunk: ColumnChunk,
  { bytes, pages: places, rowCount, rows, where }: Pages,
): Promise<Column> {
  assert(column.kind === 'leaf', 'a nested column is not read by its pages');
  const pages = decoding(where, () => readPages(bytes, chunk, where));
  const counts = pages.flatMap(({ kind, valueCount }) => (kind === 'dictionary' ? [] : [valueCount]));
  if (counts.some((count, index) => count !== rowsOfPage(places[index]))) {
    throw corruptParquet(where, 'its pages have other rows than their index says');
  }
  // Of rows in one page a page a column is waited for; of more, threads unpack one while another is decoded.
  const onThreadBytesMin = places.length === 1 ? awaitedThreadBytesMin : pickedThreadBytesMin;
  const unpacked = await unpackPages(pages, { plan: column.leaf.plan, codec: chunk.codec, where, onThreadBytesMin });
  const picked = await pickColumn(unpacked, { rowCount, rows, type: column.field.type }, where);
  release(unpacked.unpacked, unpackedBytesMin);
  return picked;
}

function rowsOfPage(place: PageRows | undefined): number {
  return place === undefined ? 0 : place.rows.end - place.rows.start;
}

function picked(column: Column, { field }: PlannedColumn, rowIndex: Uint32Array): Column {
  if (rowIndex.length === column.length) return column;
  return gatherColumn([column], field.type, new Uint8Array(rowIndex.length), rowIndex);
}
