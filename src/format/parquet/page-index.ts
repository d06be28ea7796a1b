/**
 * The page index of a column chunk: the **offset index** says where each data page lies and with which row of the row group
 * it begins, the **column index** what values each holds. Both lie apart from the footer, so that only those who look for
 * few rows read them. Bytes in, plain values out, and the other way.
 *
 * Holds of what is read: pages are there in order, do not overlap, lie within their chunk, and their rows are all rows of
 * the row group, each in one page.
 *
 * @see https://github.com/apache/parquet-format/blob/master/PageIndex.md
 */
import { assert } from '../../base/assert.ts';
import { corruptParquet } from './fault.ts';
import { type ChunkStatistics, type ColumnChunk, chunkStart } from './footer.ts';
import { readThrift } from './thrift-reader.ts';
import { ThriftWriter } from './thrift-writer.ts';

/** A data page. The page's header counts to its bytes; `start` is that of the file, rows those of the row group. */
export type PageLocation = {
  readonly start: number;
  readonly bytes: number;
  readonly firstRow: number;
};

/** Of one page; `isAllNull` pages have no bounds. */
export type PageStatistics = ChunkStatistics & { readonly isAllNull: boolean };

export type BoundaryOrder = 'unordered' | 'ascending' | 'descending';

/** By Thrift value. */
const boundaryOrders: readonly BoundaryOrder[] = ['unordered', 'ascending', 'descending'];

type IndexOf = { readonly chunk: ColumnChunk; readonly rowCount: number; readonly where: string };

/** @param bytes of the chunk's `offsetIndex` · @throws LakeError `corrupt` */
export function readOffsetIndex(bytes: Uint8Array, { chunk, rowCount, where }: IndexOf): readonly PageLocation[] {
  const { struct } = readThrift(bytes, 0, where);
  const locations = (struct.structs(1) ?? []).map((page): PageLocation => {
    const [start, length, firstRow] = [page.int(1), page.int(2), page.int(3)];
    if (start === undefined || length === undefined || firstRow === undefined) {
      throw corruptParquet(where, 'a page of the offset index has no place');
    }
    return { start, bytes: length, firstRow };
  });
  const chunkEnd = chunkStart(chunk) + chunk.compressedBytes;
  let end = chunkStart(chunk);
  for (const [index, { start, bytes: length, firstRow }] of locations.entries()) {
    const next = locations[index + 1]?.firstRow ?? rowCount;
    const isInPlace = start >= end && length > 0 && start + length <= chunkEnd;
    if (!isInPlace || (index === 0 && firstRow !== 0) || firstRow >= next) {
      throw corruptParquet(where, `page ${index} of the offset index is at ${start}, from row ${firstRow}`);
    }
    end = start + length;
  }
  if (locations.length === 0) throw corruptParquet(where, 'an offset index without pages');
  return locations;
}

/** @param bytes of the chunk's `columnIndex` · @throws LakeError `corrupt` */
export function readColumnIndex(bytes: Uint8Array, pageCount: number, where: string): readonly PageStatistics[] {
  const { struct } = readThrift(bytes, 0, where);
  const allNull = struct.bools(1) ?? [];
  const [mins, maxs, nullCounts] = [struct.binaries(2) ?? [], struct.binaries(3) ?? [], struct.ints(5)];
  const lengths = [allNull.length, mins.length, maxs.length, nullCounts?.length ?? pageCount];
  if (lengths.some(length => length !== pageCount)) {
    throw corruptParquet(where, `a column index of ${lengths.join(', ')} values for ${pageCount} pages`);
  }
  return allNull.map((isAllNull, index) => {
    const nullCount = nullCounts?.[index];
    return {
      isAllNull,
      min: isAllNull ? undefined : mins[index],
      max: isAllNull ? undefined : maxs[index],
      nullCount: nullCount !== undefined && nullCount >= 0 ? nullCount : undefined,
    };
  });
}

export function writeOffsetIndex(locations: readonly PageLocation[]): Uint8Array {
  return new ThriftWriter()
    .structs(1, locations, (writer, { start, bytes, firstRow }) => writer.i64(1, start).i32(2, bytes).i64(3, firstRow))
    .finish();
}

/** @param pages all with bounds, but those that are all null */
export function writeColumnIndex(pages: readonly PageStatistics[], order: BoundaryOrder): Uint8Array {
  const nullCounts = pages.flatMap(({ nullCount }) => (nullCount === undefined ? [] : [nullCount]));
  const bound = ({ isAllNull, min, max }: PageStatistics, side: 'min' | 'max'): Uint8Array => {
    const bytes = side === 'min' ? min : max;
    assert(isAllNull || bytes !== undefined, 'a page of a column index has bounds');
    return bytes ?? new Uint8Array();
  };
  return new ThriftWriter()
    .bools(
      1,
      pages.map(({ isAllNull }) => isAllNull),
    )
    .binaries(
      2,
      pages.map(page => bound(page, 'min')),
    )
    .binaries(
      3,
      pages.map(page => bound(page, 'max')),
    )
    .i32(4, boundaryOrders.indexOf(order))
    .i64s(5, nullCounts.length === pages.length ? nullCounts : undefined)
    .finish();
}
