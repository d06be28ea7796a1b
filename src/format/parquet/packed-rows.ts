/**
 * Row groups that go from one file into another as they are: no page is unpacked but those of the first and the last row. What
 * a reader of the new file is told of them is what the old one says: statistics and column indexes are the same bytes, places
 * are counted anew. Pages keep their checksums, which nobody looks at on the way.
 *
 * Only of files that we wrote and in which the new one would have the same columns, encodings and compression. Others' statistics
 * are of many kinds; their row groups are written anew once and are ours from then on.
 */
import { isDeepStrictEqual } from 'node:util';
import { assert, present } from '../../base/assert.ts';
import type { ByteSource } from '../../bytes/byte-source.ts';
import { isAtomic } from '../../types/data-type.ts';
import { type ColumnExtremes, hasExtremes } from '../column-extremes.ts';
import type { LoadedRows, PackedPageIndex, PackedRows } from '../data-file-content.ts';
import { allRowsOf } from '../row-ranges.ts';
import { columnRange } from './column-range.ts';
import { decoding } from './fault.ts';
import { type ColumnChunk, chunkStart, type FileRegion, type Footer, type RowGroup } from './footer.ts';
import type { ParquetLayout } from './layout.ts';
import { readOffsetIndex } from './page-index.ts';
import { shiftedPages, shiftedRowGroup } from './row-group-writer.ts';
import { type SelectableFile, selectRowsOf } from './selected-rows.ts';
import {
  codecOf,
  createdBy,
  type ParquetWriterOptions,
  rowGroupBytesDefault,
  rowGroupRowsDefault,
} from './writer-options.ts';
import { writtenSchema } from './written-schema.ts';

/**
 * A row group with less than this share of the rows and of the bytes of a full one is not taken: what lies between two that are
 * taken is a row group by itself, and many small ones would be left after many compactions.
 */
const fullShareMin = 0.5;
/** DELTA_BINARY_PACKED, by Thrift value. */
const deltaEncoding = 5;

/** Undefined: a file like `wanted` would have had it otherwise, or too little is known of it. */
export function packedRowsOf(
  file: SelectableFile,
  index: number,
  wanted: ParquetWriterOptions,
): PackedRows | undefined {
  const { layout, where } = file;
  const { footer } = layout;
  const group = present(footer.rowGroups[index], `row group ${index}`);
  const region = regionOf(group);
  if (!isOfWriter(footer, wanted) || !isFull(group, wanted) || region === undefined) return undefined;
  if (!group.chunks.every(chunk => isEncodedAs(chunk, wanted))) return undefined;
  const extremes = extremesOf(layout, group, wanted);
  if (extremes === undefined) return undefined;
  return {
    rowCount: group.rowCount,
    bytes: region.bytes,
    extremes,
    async load(edgeFields): Promise<LoadedRows> {
      await layout.learnIndexes(file.source, group.chunks);
      const bytes = await file.source.slice(region.start, region.start + region.bytes);
      const within = { source: sourceWithin(bytes, region.start, file.source.byteLength), layout, where };
      const last = group.rowCount - 1;
      const ranges = last === 0 ? allRowsOf(1) : [edge(0), edge(last)];
      const edges = await selectRowsOf(within, { fields: edgeFields, rowGroup: index, ranges });
      const pageIndexes = pageIndexesOf(file, group, region.start);
      return { packed: { group: shiftedRowGroup(group, -region.start), bytes, pageIndexes }, edges };
    },
  };
}

function edge(row: number): { readonly start: number; readonly end: number } {
  return { start: row, end: row + 1 };
}

function isOfWriter(footer: Footer, { rowType }: ParquetWriterOptions): boolean {
  return footer.createdBy === createdBy && isDeepStrictEqual(footer.schema, writtenSchema(rowType));
}

function isFull({ rowCount, byteSize }: RowGroup, wanted: ParquetWriterOptions): boolean {
  const { rowGroupRowsMax = rowGroupRowsDefault, rowGroupBytesMax = rowGroupBytesDefault } = wanted;
  const isOfUsualSize = rowCount >= rowGroupRowsMax * fullShareMin || byteSize >= rowGroupBytesMax * fullShareMin;
  return rowCount > 0 && isOfUsualSize;
}

/** The level of zstd can't be told by what it made. */
function isEncodedAs({ codec, encodings }: ColumnChunk, { compression, withoutDeltas }: ParquetWriterOptions): boolean {
  const isCodec = codec === codecOf[compression] || codec === 'none';
  return isCodec && !(withoutDeltas === true && encodings.includes(deltaEncoding));
}

/** Where its chunks lie, one after the other with nothing between them. */
function regionOf({ chunks }: RowGroup): FileRegion | undefined {
  const [first] = chunks;
  if (first === undefined) return undefined;
  const start = chunkStart(first);
  let end = start;
  for (const chunk of chunks) {
    if (chunkStart(chunk) !== end) return undefined;
    end += chunk.compressedBytes;
  }
  return { start, bytes: end - start };
}

/** Undefined where the footer does not tell how many nulls a column has. */
function extremesOf(
  { columns }: ParquetLayout,
  group: RowGroup,
  { rowType }: ParquetWriterOptions,
): PackedRows['extremes'] | undefined {
  const extremes: (ColumnExtremes | undefined)[] = [];
  for (const { name, type } of rowType.fields) {
    if (!isAtomic(type)) {
      extremes.push(undefined);
      continue;
    }
    const node = present(columns.get(name), `column ${name}`);
    const chunk = present(group.chunks[node.chunkIndex ?? -1], 'a chunk for each leaf');
    const range = columnRange(chunk, node.element, type);
    const nullCount = range?.nullCount ?? (type.nullable ? undefined : 0);
    if (nullCount === undefined) return undefined;
    const { min = null, max = null } = range ?? {};
    const isKnown = min !== null && max !== null;
    extremes.push(
      isKnown && hasExtremes(type)
        ? { nullCount, min, max, ranged: true }
        : { nullCount, min: null, max: null, ranged: nullCount === group.rowCount || !hasExtremes(type) },
    );
  }
  return extremes;
}

/** All chunks have one, or none. */
function pageIndexesOf(
  { layout, where }: SelectableFile,
  { chunks, rowCount }: RowGroup,
  start: number,
): readonly PackedPageIndex[] | undefined {
  const indexes = chunks.flatMap((chunk): readonly PackedPageIndex[] => {
    const { offsets, columns } = layout.indexBytes(chunk) ?? {};
    if (offsets === undefined) return [];
    const locations = decoding(where, () => readOffsetIndex(offsets, { chunk, rowCount, where }));
    return [{ locations: shiftedPages(locations, -start), columnIndex: columns }];
  });
  return indexes.length === chunks.length ? indexes : undefined;
}

/** A file of which only a stretch is there. */
function sourceWithin(bytes: Uint8Array, start: number, byteLength: number): ByteSource {
  return {
    byteLength,
    slice(from, to): Promise<Uint8Array> {
      assert(from >= start && to <= start + bytes.length, () => `bytes ${from} to ${to} are not of the row group`);
      return Promise.resolve(bytes.subarray(from - start, to - start));
    },
  };
}
