/**
 * Rows of one row group. A row group of ordinary size is decoded at once; a large one in windows of rows, each column
 * page by page, so that memory is bounded by the window and not by what another writer took for a row group. Columns that
 * a merge may never ask for are decoded later or not at all.
 */
import { assert } from '../../base/assert.ts';
import { mapBounded, once } from '../../base/concurrency.ts';
import type { DataField } from '../../types/data-type.ts';
import { type Column, makeRowBatch, nullColumn, type RowBatch, sliceBatch } from '../../types/row-batch.ts';
import type { LateBatch } from '../data-file-content.ts';
import type { RowRange } from '../row-ranges.ts';
import { corruptParquet } from './fault.ts';
import { NestedCursor, type NestedSource, valueBytes } from './nested-cursor.ts';
import { type ChunkSource, PageCursor } from './page-cursor.ts';

export type RowGroupSource = {
  readonly fields: readonly DataField[];
  /** One for each field; undefined: the file does not have the column. */
  readonly chunks: readonly (ChunkSource | NestedSource | undefined)[];
  readonly rowCount: number;
  readonly where: string;
};

export type RowGroupLimits = {
  readonly batchRowsMax: number;
  /** Encoded and uncompressed bytes of the columns asked for that are decoded at a time. */
  readonly windowBytesMax: number;
};

/** Columns whose pages are unpacked, by threads, while one is decoded. */
const columnsAtOnceMax = 4;
const windowRowsMin = 1024;
/** Runs of equal values take no room until they are decoded: what the values of a window may come to, roughly. */
const windowDecodedBytesMax = 256 * 1024 * 1024;

/** Some of a row group's columns, and those that may be asked for later. */
export type RowGroupColumns = { readonly early: RowGroupSource; readonly late: RowGroupSource };

/** All rows of both, in batches; late columns of a window are decoded at once, when a batch of it is asked for them. */
export async function* rowsOfRowGroup(
  { early, late }: RowGroupColumns,
  limits: RowGroupLimits,
): AsyncGenerator<LateBatch, void, undefined> {
  const { rowCount } = early;
  const earlyRows = new WindowReader(early);
  const lateRows = new WindowReader(late);
  const windowRowsMax = rowsPerWindow(rowCount, [...early.chunks, ...late.chunks], limits);
  for (let start = 0; start < rowCount; start += windowRowsMax) {
    const range = { start, end: Math.min(rowCount, start + windowRowsMax) };
    const window = await earlyRows.rows(range);
    const lateWindow = once(() => lateRows.rows(range));
    for (let row = 0; row < window.rowCount; row += limits.batchRowsMax) {
      const end = Math.min(window.rowCount, row + limits.batchRowsMax);
      const slice = once(async () => sliceBatch(await lateWindow(), row, end));
      yield { rows: sliceBatch(window, row, end), late: slice };
    }
  }
}

type Chunks = RowGroupSource['chunks'];

/** Nested columns are decoded as a whole and do not make windows smaller. */
function rowsPerWindow(rowCount: number, columns: Chunks, { batchRowsMax, windowBytesMax }: RowGroupLimits): number {
  const chunks = columns.filter(chunk => chunk?.kind === 'leaf');
  const bytes = chunks.reduce((sum, chunk) => sum + chunk.chunk.uncompressedBytes, 0);
  const rowBytes = chunks.reduce((sum, chunk) => sum + valueBytes(chunk.plan.layout), 0);
  const decodedRowsMax = Math.floor(windowDecodedBytesMax / Math.max(1, rowBytes));
  if (bytes <= windowBytesMax && rowCount <= decodedRowsMax) return rowCount;
  const packedRowsMax = bytes <= windowBytesMax ? rowCount : Math.floor((windowBytesMax / bytes) * rowCount);
  const rows = Math.max(windowRowsMin, Math.min(packedRowsMax, decodedRowsMax));
  // Whole batches to a window, where that is possible.
  return rows > batchRowsMax ? rows - (rows % batchRowsMax) : rows;
}

type Cursor = PageCursor | NestedCursor;

/** Windows of some columns of a row group, in ascending order; those between them are passed over. */
class WindowReader {
  readonly #source: RowGroupSource;
  /** One for each field; made when they are needed, since that looks at every page. */
  #cursors: readonly (Cursor | undefined)[] | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(source: RowGroupSource) {
    this.#source = source;
  }

  /** One after the other, also when several are asked for at a time: cursors go forward only. */
  rows(range: RowRange): Promise<RowBatch> {
    const window = this.#last.then(() => this.#read(range));
    this.#last = window.catch(() => undefined);
    return window;
  }

  async #read(range: RowRange): Promise<RowBatch> {
    const { fields, where, rowCount } = this.#source;
    const windowRows = range.end - range.start;
    this.#cursors ??= cursorsOf(this.#source);
    const cursors = this.#cursors;
    const found = cursors.filter(cursor => cursor !== undefined);
    const columns =
      windowRows === rowCount
        ? await mapBounded(found, columnsAtOnceMax, cursor => cursor.allRows())
        : await mapBounded(found, 1, cursor => cursor.rows(range));
    let next = 0;
    const all = fields.map((field, index): Column => {
      if (cursors[index] === undefined) return nullColumn(field.type, windowRows);
      const column = columns[next];
      next += 1;
      assert(column !== undefined, 'a column for each cursor');
      if (!field.type.nullable && column.nullCount > 0) {
        throw corruptParquet(where, `column ${field.name} holds nulls, its schema says NOT NULL`);
      }
      return column;
    });
    return makeRowBatch({ fields }, windowRows, all);
  }
}

function cursorsOf({ chunks, rowCount, where }: RowGroupSource): readonly (Cursor | undefined)[] {
  return chunks.map(chunk => {
    if (chunk === undefined) return undefined;
    return chunk.kind === 'nested' ? new NestedCursor(chunk, rowCount, where) : new PageCursor(chunk, rowCount, where);
  });
}
