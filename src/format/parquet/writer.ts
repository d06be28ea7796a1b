/**
 * Writes Parquet files as Paimon 1.4.2 writes them: root `paimon_schema`, field ids, NOT NULL as `required`, timestamps
 * in the unit of their precision and INT96 above 6, whole-number decimals up to 18 digits.
 *
 * A **row group** is encoded as soon as its rows are there (`row-group-writer.ts`), so that of the rows no more than a row
 * group is held; while it is compressed on Node's threads the next one is gathered and encoded. The file's bytes stay in
 * memory until `finish`.
 *
 * Row groups of more than a page have **page indexes**, which lie before the footer: first the column indexes of all chunks,
 * then their offset indexes, as parquet-mr puts them.
 *
 * Not written: bloom filters, key-value metadata.
 */
import { assert } from '../../base/assert.ts';
import { GrowingBytes } from '../../bytes/growing-bytes.ts';
import { release } from '../../bytes/release.ts';
import type { RowType } from '../../types/data-type.ts';
import { batchBytes, type RowBatch, sliceBatch } from '../../types/row-batch.ts';
import type { ColumnExtremes } from '../column-extremes.ts';
import type {
  DataFileEncoder,
  EncodedFile,
  PackedPageIndex,
  PackedRowGroupBytes,
  PackedRows,
} from '../data-file-content.ts';
import { type FileRegion, magic, type RowGroup } from './footer.ts';
import { writeFooter } from './footer-writer.ts';
import { writeColumnIndex, writeOffsetIndex } from './page-index.ts';
import {
  type ChunkIndex,
  encodeRowGroup,
  hasNestedColumns,
  type PackedRowGroup,
  packRowGroup,
  type RowGroupSettings,
  shiftedPages,
  shiftedRowGroup,
} from './row-group-writer.ts';
import { parquetCodec } from './wasm-door.ts';
import {
  codecOf,
  createdBy,
  type ParquetWriterOptions,
  rowGroupBytesDefault,
  rowGroupRowsDefault,
} from './writer-options.ts';
import { writtenSchema } from './written-schema.ts';

/** Bytes of the file for a byte in memory, until the first row group tells. */
const packedShareGuess = 0.5;

/** Several writers may be open at a time. Nothing has to be released when one is given up. */
export function createParquetWriter(options: ParquetWriterOptions): DataFileEncoder {
  return new Writer(options);
}

class Writer implements DataFileEncoder {
  readonly #settings: RowGroupSettings;
  readonly #rowGroupRowsMax: number;
  readonly #rowGroupBytesMax: number;
  #pending: RowBatch[] = [];
  #pendingRows = 0;
  #pendingBytes = 0;
  /** The row group being compressed, and its size in memory. */
  #packing: Promise<PackedRowGroup> | undefined;
  #packingBytes = 0;
  readonly #file = new GrowingBytes();
  readonly #rowGroups: RowGroup[] = [];
  /** Of each row group. */
  readonly #pageIndexes: (readonly PackedPageIndex[] | undefined)[] = [];
  readonly #extremes: (readonly (ColumnExtremes | undefined)[])[] = [];
  readonly findsExtremes = true;
  #writtenFrom = 0;
  /** Of the file, that were taken as they were. */
  #takenBytes = 0;
  #rowCount = 0;

  constructor(options: ParquetWriterOptions) {
    const { rowType, compression } = options;
    const { withoutDeltas } = options;
    this.#settings = { rowType, codec: codecOf[compression], zstdLevel: options.zstdLevel ?? 1, withoutDeltas };
    this.#rowGroupRowsMax = options.rowGroupRowsMax ?? rowGroupRowsDefault;
    this.#rowGroupBytesMax = options.rowGroupBytesMax ?? rowGroupBytesDefault;
    assert(this.#rowGroupRowsMax >= 1, 'a row group has at least one row');
    assert(this.#rowGroupBytesMax >= 1, 'a row group has at least one byte');
    this.#file.append(magic);
  }

  get rowCount(): number {
    return this.#rowCount;
  }

  get estimatedBytes(): number {
    const share =
      this.#writtenFrom === 0 ? packedShareGuess : (this.#file.length - this.#takenBytes) / this.#writtenFrom;
    return this.#file.length + Math.ceil(share * (this.#pendingBytes + this.#packingBytes));
  }

  async append(batch: RowBatch): Promise<void> {
    checkBatch(batch, this.#settings.rowType);
    this.#rowCount += batch.rowCount;
    let rest = batch;
    while (rest.rowCount > 0) {
      const restBytes = batchBytes(rest);
      const room = this.#roomFor(rest.rowCount, restBytes);
      const taken = sliceBatch(rest, 0, room);
      this.#pending.push(taken);
      this.#pendingRows += room;
      this.#pendingBytes += room === rest.rowCount ? restBytes : batchBytes(taken);
      rest = sliceBatch(rest, room, rest.rowCount);
      const isFull = this.#pendingRows >= this.#rowGroupRowsMax || this.#pendingBytes >= this.#rowGroupBytesMax;
      if (isFull || rest.rowCount > 0) await this.#endRowGroup();
    }
  }

  async appendPacked({ rowCount, extremes }: PackedRows, packed: PackedRowGroupBytes): Promise<void> {
    if (this.#pendingRows > 0) await this.#endRowGroup();
    await this.#takePacked();
    this.#rowCount += rowCount;
    this.#takenBytes += packed.bytes.length;
    this.#extremes.push(extremes);
    this.#putRowGroup(packed.group, [packed.bytes], packed.pageIndexes);
  }

  /** How many of the rows still go into this row group; at least one. */
  #roomFor(rowCount: number, bytes: number): number {
    const rowsLeft = this.#rowGroupRowsMax - this.#pendingRows;
    const bytesLeft = this.#rowGroupBytesMax - this.#pendingBytes;
    const rowsByBytes = bytes <= bytesLeft ? rowCount : Math.ceil((rowCount * bytesLeft) / bytes);
    return Math.max(1, Math.min(rowCount, rowsLeft, rowsByBytes));
  }

  async finish(): Promise<EncodedFile> {
    if (this.#pendingRows > 0) await this.#endRowGroup();
    await this.#takePacked();
    const rowGroups = this.#putPageIndexes();
    this.#file.append(
      writeFooter({
        version: 1,
        schema: writtenSchema(this.#settings.rowType),
        rowCount: this.#rowCount,
        rowGroups,
        createdBy,
      }),
    );
    return { bytes: this.#file.take(), rowCount: this.#rowCount, extremes: this.#extremes };
  }

  /** @returns the row groups, which tell where the indexes lie */
  #putPageIndexes(): readonly RowGroup[] {
    const put = (bytes: Uint8Array | undefined): FileRegion | undefined => {
      if (bytes === undefined) return undefined;
      const start = this.#file.length;
      this.#file.append(bytes);
      return { start, bytes: bytes.length };
    };
    const columnIndexes = this.#pageIndexes.map(chunks => chunks?.map(chunk => put(chunk.columnIndex)));
    const offsetIndexes = this.#pageIndexes.map(chunks => chunks?.map(chunk => put(writeOffsetIndex(chunk.locations))));
    return this.#rowGroups.map((group, number) => ({
      ...group,
      chunks: group.chunks.map((chunk, index) => ({
        ...chunk,
        columnIndex: columnIndexes[number]?.[index],
        offsetIndex: offsetIndexes[number]?.[index],
      })),
    }));
  }

  async #endRowGroup(): Promise<void> {
    const wasm = hasNestedColumns(this.#settings.rowType) ? await parquetCodec() : undefined;
    const encoded = encodeRowGroup(this.#pending.splice(0), this.#settings, wasm);
    const bytes = this.#pendingBytes;
    this.#pendingRows = 0;
    this.#pendingBytes = 0;
    await this.#takePacked();
    this.#packing = packRowGroup(encoded, this.#settings);
    this.#packingBytes = bytes;
    // Whoever awaits it sees the failure; this keeps a writer that is given up from being an unhandled rejection.
    this.#packing.catch(() => undefined);
  }

  async #takePacked(): Promise<void> {
    if (this.#packing === undefined) return;
    const { group, parts, pageIndexes, extremes } = await this.#packing;
    this.#packing = undefined;
    this.#extremes.push(extremes);
    const indexes = pageIndexes?.map(chunk => ({ locations: chunk.locations, columnIndex: columnIndexOf(chunk) }));
    this.#putRowGroup(group, parts, indexes);
    this.#writtenFrom += this.#packingBytes;
    this.#packingBytes = 0;
  }

  /** @param group its offsets, and those of its pages, counted from the first of the parts, which are given back */
  #putRowGroup(
    group: RowGroup,
    parts: readonly Uint8Array[],
    pageIndexes: readonly PackedPageIndex[] | undefined,
  ): void {
    const start = this.#file.length;
    this.#rowGroups.push(shiftedRowGroup(group, start));
    this.#pageIndexes.push(pageIndexes?.map(index => ({ ...index, locations: shiftedPages(index.locations, start) })));
    for (const part of parts) this.#file.append(part);
    release(parts);
  }
}

/** Undefined where a page has no bounds. */
function columnIndexOf({ statistics: { pages, order } }: ChunkIndex): Uint8Array | undefined {
  return pages === undefined ? undefined : writeColumnIndex(pages, order);
}

function checkBatch(batch: RowBatch, { fields }: RowType): void {
  assert(batch.columns.length === fields.length, () => `${batch.columns.length} columns for ${fields.length} fields`);
  for (const [index, field] of fields.entries()) {
    const nullCount = batch.columns[index]?.nullCount ?? 0;
    assert(field.type.nullable || nullCount === 0, () => `column ${field.name} is NOT NULL and has ${nullCount} nulls`);
  }
}
