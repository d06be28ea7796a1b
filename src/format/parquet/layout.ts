/**
 * What is known of a Parquet file without its values: the footer, and of page indexes and pages what was asked for so far.
 * Files never change, so a layout that is kept (`LayoutCache`) saves the next reader these requests.
 */
import type { ByteSource } from '../../bytes/byte-source.ts';
import { decoding } from './fault.ts';
import type { ColumnChunk, FileRegion, Footer } from './footer.ts';
import { type PageStatistics, readColumnIndex, readOffsetIndex } from './page-index.ts';
import { type PageMap, pageMapOf } from './page-map.ts';
import { fetchRegions } from './regions.ts';
import { type SchemaNode, schemaTree } from './schema-tree.ts';

/** Layouts by the names of their files. What it keeps, and for how long, is its own affair. */
export type LayoutCache = {
  get(name: string): ParquetLayout | undefined;
  /** @param bytes about how much memory the layout takes */
  put(name: string, layout: ParquetLayout, bytes: number): void;
};

/** Page indexes of a file that take up to this are read at once, those of others for the columns at hand. */
const indexBytesAtOnceMax = 256 * 1024;
/** Of memory for a byte of what was read, once it is plain values. */
const bytesPerFooterByte = 12;
const bytesPerIndexByte = 4;
const bytesPerPage = 96;

type IndexBytes = { readonly offsets: Uint8Array | undefined; readonly columns: Uint8Array | undefined };

export class ParquetLayout {
  readonly fileBytes: number;
  readonly footer: Footer;
  /** The columns at the top, by name, in the file's order. */
  readonly columns: ReadonlyMap<string, SchemaNode>;
  readonly #indexes = new Map<ColumnChunk, IndexBytes>();
  readonly #pageMaps = new Map<ColumnChunk, PageMap>();
  readonly #statistics = new Map<ColumnChunk, readonly PageStatistics[]>();
  #bytes: number;

  constructor(
    footer: Footer,
    { fileBytes, footerBytes }: { readonly fileBytes: number; readonly footerBytes: number },
  ) {
    this.fileBytes = fileBytes;
    this.footer = footer;
    this.columns = new Map(schemaTree(footer.schema).map(node => [node.element.name, node]));
    this.#bytes = footerBytes * bytesPerFooterByte;
  }

  /** Of memory, roughly. It grows as more is known. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Fetches the page indexes of these chunks, as far as the file has them and they are not known. */
  async learnIndexes(source: ByteSource, chunks: readonly ColumnChunk[]): Promise<void> {
    if (chunks.every(chunk => this.#indexes.has(chunk))) return;
    const all = this.footer.rowGroups.flatMap(group => group.chunks);
    const wanted = indexBytesOf(all) <= indexBytesAtOnceMax ? all : chunks;
    const regions = wanted.flatMap(regionsOf);
    const bytes = await fetchRegions(source, regions);
    let next = 0;
    const take = (region: FileRegion | undefined): Uint8Array | undefined => {
      if (region === undefined) return undefined;
      next += 1;
      return bytes[next - 1];
    };
    for (const chunk of wanted) {
      const [offsets, columns] = [take(chunk.offsetIndex), take(chunk.columnIndex)];
      if (this.#indexes.has(chunk)) continue;
      // Copies, for views would keep all that was read with them.
      this.#indexes.set(chunk, { offsets: offsets?.slice(), columns: columns?.slice() });
      this.#bytes += ((offsets?.length ?? 0) + (columns?.length ?? 0)) * bytesPerIndexByte;
    }
  }

  /** The chunk's page index as it is in the file, as far as it is there and known. */
  indexBytes(chunk: ColumnChunk): IndexBytes | undefined {
    return this.#indexes.get(chunk);
  }

  /** Where the chunk's pages lie; undefined: not known. @throws LakeError `corrupt` */
  pageMap(chunk: ColumnChunk, rowCount: number, where: string): PageMap | undefined {
    const known = this.#pageMaps.get(chunk);
    const offsets = this.#indexes.get(chunk)?.offsets;
    if (known !== undefined || offsets === undefined) return known;
    const map = pageMapOf(
      chunk,
      decoding(where, () => readOffsetIndex(offsets, { chunk, rowCount, where })),
    );
    this.rememberPages(chunk, map);
    return map;
  }

  /** Keeps what somebody found out who had the chunk. */
  rememberPages(chunk: ColumnChunk, map: PageMap): void {
    if (this.#pageMaps.has(chunk)) return;
    this.#pageMaps.set(chunk, map);
    this.#bytes += map.pages.length * bytesPerPage;
  }

  /** What each of the chunk's pages holds; undefined: not known. @throws LakeError `corrupt` */
  pageStatistics(chunk: ColumnChunk, pageCount: number, where: string): readonly PageStatistics[] | undefined {
    const known = this.#statistics.get(chunk);
    const columns = this.#indexes.get(chunk)?.columns;
    if (known !== undefined || columns === undefined) return known;
    const statistics = decoding(where, () => readColumnIndex(columns, pageCount, where));
    this.#statistics.set(chunk, statistics);
    this.#bytes += statistics.length * bytesPerPage;
    return statistics;
  }
}

function regionsOf({ offsetIndex, columnIndex }: ColumnChunk): readonly FileRegion[] {
  return [offsetIndex, columnIndex].filter(region => region !== undefined);
}

function indexBytesOf(chunks: readonly ColumnChunk[]): number {
  return chunks.flatMap(regionsOf).reduce((sum, { bytes }) => sum + bytes, 0);
}
