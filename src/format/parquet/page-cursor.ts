/** Reads on in one column chunk of a row group: pages are unpacked and decoded when their rows are asked for. */
import { assert, present } from '../../base/assert.ts';
import { mapBounded } from '../../base/concurrency.ts';
import { release } from '../../bytes/release.ts';
import { concatBatches } from '../../types/concat.ts';
import type { DataField } from '../../types/data-type.ts';
import { type Column, makeRowBatch, type RowBatch, sliceBatch } from '../../types/row-batch.ts';
import type { RowRange } from '../row-ranges.ts';
import { decodeColumn } from './column-decoder.ts';
import { corruptParquet, decoding } from './fault.ts';
import type { Codec, ColumnChunk } from './footer.ts';
import type { LeafPlan } from './leaf-plan.ts';
import type { ColumnPages } from './mini-file.ts';
import { type Page, readPages } from './page.ts';
import { unpackedCodec, unpackPage } from './page-codec.ts';

/** A column asked for, its chunk in a row group, and the chunk's bytes. */
export type ChunkSource = {
  readonly kind: 'leaf';
  readonly field: DataField;
  readonly plan: LeafPlan;
  readonly chunk: ColumnChunk;
  readonly bytes: Uint8Array;
};

/**
 * What pages that are needed at one time may unpack to: so much always, and so many times their length. Rows of wide values
 * make large pages, but of those none are packed so well.
 */
const pagesBytesMin = 128 * 1024 * 1024;
const pagesExpansionMax = 200;

/** Pages unpacked at a time, by the threads of Node's pool. */
const unpackAtOnceMax = 8;

export class PageCursor {
  readonly #source: ChunkSource;
  readonly #where: string;
  readonly #dataPages: readonly Page[];
  #dictionary: Page | undefined;
  #nextPage = 0;
  /** Rows of the pages decoded or passed over so far. */
  #decodedEnd = 0;
  /** Decoded and still wanted, in order; the last ends at `#decodedEnd`. */
  #pieces: RowBatch[] = [];

  /** @throws LakeError `corrupt` when the chunk is not `rowCount` values in sound pages */
  constructor(source: ChunkSource, rowCount: number, where: string) {
    this.#source = source;
    this.#where = `${where} column ${source.field.name}`;
    const { chunk, bytes } = source;
    if (chunk.valueCount !== rowCount) {
      throw corruptParquet(this.#where, `${chunk.valueCount} values in ${rowCount} rows`);
    }
    const pages = decoding(this.#where, () => readPages(bytes, chunk, this.#where));
    const [first] = pages;
    this.#dictionary = first?.kind === 'dictionary' ? first : undefined;
    this.#dataPages = this.#dictionary === undefined ? pages : pages.slice(1);
  }

  /** All rows at once, instead of `rows`. */
  async allRows(): Promise<Column> {
    const pages = await this.#unpack(this.#dataPages);
    const column = await decodeColumn(pages, this.#source.chunk.valueCount, this.#where);
    release(pages.unpacked);
    return column;
  }

  /** Ranges must ascend; pages between them are not unpacked. */
  async rows({ start, end }: RowRange): Promise<Column> {
    this.#passOver(start);
    if (this.#decodedEnd < end) await this.#decodeUntil(end);
    // The first page may begin before the range.
    this.#passOver(start);
    return present(concatBatches(this.#take(end - start)).columns[0], 'the column');
  }

  /** Goes forward to a row, as far as whole pages and what is decoded reach. */
  #passOver(start: number): void {
    const held = this.#pieces.reduce((sum, piece) => sum + piece.rowCount, 0);
    const first = this.#decodedEnd - held;
    assert(first <= start, () => `rows from ${start} asked for, ${first} come next`);
    if (held > 0) this.#take(Math.min(held, start - first));
    for (;;) {
      const page = this.#dataPages[this.#nextPage];
      if (page === undefined || this.#decodedEnd + page.valueCount > start) return;
      this.#nextPage += 1;
      this.#decodedEnd += page.valueCount;
    }
  }

  /** The next rows of those that are decoded. */
  #take(rowCount: number): readonly RowBatch[] {
    const taken: RowBatch[] = [];
    let missing = rowCount;
    while (missing > 0) {
      const piece = present(this.#pieces.shift(), 'a decoded piece');
      if (piece.rowCount <= missing) taken.push(piece);
      else {
        taken.push(sliceBatch(piece, 0, missing));
        this.#pieces.unshift(sliceBatch(piece, missing, piece.rowCount));
      }
      missing -= Math.min(missing, piece.rowCount);
    }
    return taken;
  }

  async #decodeUntil(end: number): Promise<void> {
    const pages: Page[] = [];
    let rowCount = 0;
    while (this.#decodedEnd + rowCount < end) {
      const page = present(this.#dataPages[this.#nextPage + pages.length], 'a page with the rows asked for');
      pages.push(page);
      rowCount += page.valueCount;
    }
    const unpacked = await this.#unpack(pages);
    const column = await decodeColumn(unpacked, rowCount, this.#where);
    release(unpacked.unpacked.filter(bytes => bytes !== this.#dictionary?.body));
    this.#pieces.push(makeRowBatch({ fields: [this.#source.field] }, rowCount, [column]));
    // Both or none: pages that could not be decoded are told of again by who asks again.
    this.#nextPage += pages.length;
    this.#decodedEnd += rowCount;
  }

  async #unpack(dataPages: readonly Page[]): Promise<ColumnPages> {
    const { plan, chunk } = this.#source;
    const pages = this.#dictionary === undefined ? dataPages : [this.#dictionary, ...dataPages];
    const unpacked = await unpackPages(pages, { plan, codec: chunk.codec, where: this.#where });
    // The next rows need the dictionary again.
    if (this.#dictionary !== undefined) this.#dictionary = unpacked.pages[0];
    return unpacked;
  }
}

type PackedLeaf = {
  readonly plan: LeafPlan;
  readonly codec: Codec;
  readonly where: string;
  /** As for `unpackPage`. */
  readonly onThreadBytesMin?: number | undefined;
};

/** Pages of a leaf, with its dictionary if it has one, ready for decoding. @throws LakeError `corrupt` */
export async function unpackPages(pages: readonly Page[], leaf: PackedLeaf): Promise<ColumnPages> {
  const { plan, codec, where } = leaf;
  checkExpansion(pages, where);
  const ready = await mapBounded(pages, unpackAtOnceMax, page => unpackPage(page, codec, leaf));
  const unpacked = ready.flatMap(({ body }, index) => (body.buffer === pages[index]?.body.buffer ? [] : [body]));
  return { plan, codec: unpackedCodec(codec, where), pages: ready, unpacked };
}

function checkExpansion(pages: readonly Page[], where: string): void {
  let plainBytes = 0;
  let packedBytes = 0;
  for (const page of pages) {
    plainBytes += page.plainBytes;
    packedBytes += page.body.length;
  }
  if (plainBytes <= Math.max(pagesBytesMin, packedBytes * pagesExpansionMax)) return;
  throw corruptParquet(where, `pages of ${packedBytes} bytes unpack to ${plainBytes}`);
}
