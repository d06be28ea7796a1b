/**
 * Pages, the pieces a column chunk is made of. Reading finds and checks them without decoding their values; writing
 * gives them a header and a checksum.
 */
import { unreachable } from '../../base/assert.ts';
import { crc32 } from '../../bytes/crc32.ts';
import { corruptParquet } from './fault.ts';
import type { ColumnChunk } from './footer.ts';
import { readThrift, type ThriftStruct } from './thrift-reader.ts';
import { ThriftWriter } from './thrift-writer.ts';

export type Page = {
  readonly kind: 'dictionary' | 'data' | 'data-v2';
  readonly valueCount: number;
  /** Thrift value of parquet's Encoding */
  readonly encoding: number;
  /** As in the file, without the header; levels of a data-v2 page included. */
  readonly body: Uint8Array;
  readonly isCompressed: boolean;
  /** Length of `body` when it is not compressed. */
  readonly plainBytes: number;
  /** data-v2 only: how many bytes at the start of `body` are levels, which are never compressed; else 0. */
  readonly definitionBytes: number;
  readonly repetitionBytes: number;
  /** data-v2 only, else 0 */
  readonly nullCount: number;
  readonly rowCount: number;
  /** data only: encodings of the levels (3, run lengths; 4, the older bit-packed form); else 0 */
  readonly definitionEncoding: number;
  readonly repetitionEncoding: number;
};

/** No page of a sound file is larger; a larger one is taken for a decompression bomb. */
const pageBytesMax = 512 * 1024 * 1024;
/** As above, for runs of equal values that take no room. */
const pageValuesMax = 16 * 1024 * 1024;

/** Thrift values of parquet's Encoding. */
export const encodings = {
  plain: 0,
  plainDictionary: 2,
  rle: 3,
  bitPacked: 4,
  deltaBinaryPacked: 5,
  deltaLengthByteArray: 6,
  deltaByteArray: 7,
  rleDictionary: 8,
  byteStreamSplit: 9,
} as const;

/** True of a page whose values are places in the dictionary. */
export function isDictionaryEncoded({ encoding }: Pick<Page, 'encoding'>): boolean {
  return encoding === encodings.plainDictionary || encoding === encodings.rleDictionary;
}

/**
 * The pages of a column chunk, in order: at most one dictionary, first, then data pages.
 *
 * @param bytes the whole chunk
 * @throws LakeError `corrupt` when lengths, checksums or the number of values are wrong
 */
export function readPages(bytes: Uint8Array, chunk: ColumnChunk, where: string): readonly Page[] {
  const pages: Page[] = [];
  let plainBytes = 0;
  let at = 0;
  let valueCount = 0;
  while (valueCount < chunk.valueCount) {
    const { struct, end } = readThrift(bytes, at, where);
    const bodyBytes = sizeOf(struct, 3, where);
    if (bodyBytes > bytes.length - end)
      throw corruptParquet(where, `a page of ${bodyBytes} bytes reaches past its chunk`);
    at = end + bodyBytes;
    const body = bytes.subarray(end, at);
    const crc = struct.int(4);
    if (crc !== undefined && crc >>> 0 !== crc32(body)) throw corruptParquet(where, 'the checksum of a page is wrong');
    const page = readPage(struct, { body, isChunkCompressed: chunk.codec !== 'none', where });
    if (page === undefined) continue;
    // By this number readers decide how much they unpack at a time.
    plainBytes += page.plainBytes;
    if (plainBytes > chunk.uncompressedBytes) {
      throw corruptParquet(
        where,
        `its pages unpack to ${plainBytes} bytes and more, it says ${chunk.uncompressedBytes}`,
      );
    }
    if (page.kind === 'dictionary') {
      if (pages.length > 0) throw corruptParquet(where, 'a dictionary that is not its first page');
    } else {
      if (isDictionaryEncoded(page) && pages[0]?.kind !== 'dictionary')
        throw corruptParquet(where, 'a page lacks its dictionary');
      valueCount += page.valueCount;
    }
    pages.push(page);
  }
  if (valueCount !== chunk.valueCount) {
    throw corruptParquet(where, `${valueCount} values in its pages, ${chunk.valueCount} in its description`);
  }
  return pages;
}

type PageBody = { readonly body: Uint8Array; readonly isChunkCompressed: boolean; readonly where: string };

/** @returns undefined for a page that holds no values */
function readPage(struct: ThriftStruct, { body, isChunkCompressed, where }: PageBody): Page | undefined {
  const plainBytes = sizeOf(struct, 2, where);
  if (plainBytes > pageBytesMax) throw corruptParquet(where, `a page of ${plainBytes} bytes`);
  const common = { body, isCompressed: isChunkCompressed, plainBytes, ...noLevels };
  const type = struct.int(1);
  const header = struct.struct(type === 0 ? 5 : type === 2 ? 7 : 8);
  if (type === 1) return undefined;
  if (header === undefined || type === undefined || type > 3) throw corruptParquet(where, `a page of type ${type}`);
  const valueCount = sizeOf(header, 1, where);
  const encoding = sizeOf(header, type === 3 ? 4 : 2, where);
  if (valueCount > pageValuesMax) throw corruptParquet(where, `a page of ${valueCount} values`);
  if (encoding > 9) throw corruptParquet(where, `a page in encoding ${encoding}`);
  const page = checkLength(readVariant(type, header, { ...common, valueCount, encoding }, where), where);
  // Every value of a dictionary takes at least a byte but a boolean, which has no dictionaries.
  if (page.kind === 'dictionary' && page.valueCount > page.plainBytes) {
    throw corruptParquet(where, `a dictionary of ${page.valueCount} values in ${page.plainBytes} bytes`);
  }
  return page;
}

const noLevels = {
  definitionBytes: 0,
  repetitionBytes: 0,
  nullCount: 0,
  rowCount: 0,
  definitionEncoding: 0,
  repetitionEncoding: 0,
} as const;

function readVariant(type: number, header: ThriftStruct, page: Omit<Page, 'kind'>, where: string): Page {
  if (type === 2) return { ...page, kind: 'dictionary' };
  if (type === 0) {
    return {
      ...page,
      kind: 'data',
      definitionEncoding: sizeOf(header, 3, where),
      repetitionEncoding: sizeOf(header, 4, where),
    };
  }
  return {
    ...page,
    kind: 'data-v2',
    definitionBytes: sizeOf(header, 5, where),
    repetitionBytes: sizeOf(header, 6, where),
    nullCount: sizeOf(header, 2, where),
    rowCount: sizeOf(header, 3, where),
    isCompressed: page.isCompressed && (header.bool(7) ?? true),
  };
}

function checkLength(page: Page, where: string): Page {
  const levelBytes = page.definitionBytes + page.repetitionBytes;
  if (levelBytes > page.body.length || levelBytes > page.plainBytes) {
    throw corruptParquet(where, `${levelBytes} bytes of levels in a page of ${page.body.length}`);
  }
  if (!page.isCompressed && page.body.length !== page.plainBytes) {
    throw corruptParquet(where, `a page of ${page.body.length} bytes says ${page.plainBytes}`);
  }
  return page;
}

function sizeOf(struct: ThriftStruct, id: number, where: string): number {
  const value = struct.int(id);
  if (value === undefined || value < 0 || value > 0x7fff_ffff) {
    throw corruptParquet(where, `field ${id} of a page header is ${value}`);
  }
  return value;
}

/** The page's header. With a checksum when it goes to a file; one that goes to the decoder needs none. */
export function writePageHeader(page: Page, options: { readonly withChecksum: boolean }): Uint8Array {
  const writer = new ThriftWriter()
    .i32(1, page.kind === 'data' ? 0 : page.kind === 'dictionary' ? 2 : 3)
    .i32(2, page.plainBytes)
    .i32(3, page.body.length)
    .i32(4, options.withChecksum ? crc32(page.body) | 0 : undefined);
  switch (page.kind) {
    case 'data':
      writer.struct(5, data =>
        data
          .i32(1, page.valueCount)
          .i32(2, page.encoding)
          .i32(3, page.definitionEncoding)
          .i32(4, page.repetitionEncoding),
      );
      break;
    case 'dictionary':
      writer.struct(7, dictionary => dictionary.i32(1, page.valueCount).i32(2, page.encoding));
      break;
    case 'data-v2':
      writer.struct(8, data =>
        data
          .i32(1, page.valueCount)
          .i32(2, page.nullCount)
          .i32(3, page.rowCount)
          .i32(4, page.encoding)
          .i32(5, page.definitionBytes)
          .i32(6, page.repetitionBytes)
          .bool(7, page.isCompressed),
      );
      break;
    default:
      return unreachable(page.kind);
  }
  return writer.finish();
}
