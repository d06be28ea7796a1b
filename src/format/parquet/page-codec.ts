/**
 * Compression of pages by Node's own zstd, gzip and brotli, which are faster than the wasm's and run on threads beside
 * it. Snappy and LZ4 are packed here; to be unpacked by the wasm, their pages pass through as they are.
 */

import { promisify } from 'node:util';
import {
  brotliDecompress,
  brotliDecompressSync,
  constants,
  gunzip,
  gunzipSync,
  gzip,
  gzipSync,
  zstdCompress,
  zstdCompressSync,
  zstdDecompress,
  zstdDecompressSync,
} from 'node:zlib';
import { assert } from '../../base/assert.ts';
import { unsupported } from '../../base/errors.ts';
import { packLz4 } from '../../bytes/lz4.ts';
import { packSnappy } from '../../bytes/snappy.ts';
import { asFault, corruptParquet } from './fault.ts';
import type { Codec } from './footer.ts';
import type { Page } from './page.ts';

const zstdCompressAsync = promisify(zstdCompress);
const zstdDecompressAsync = promisify(zstdDecompress);
const gzipAsync = promisify(gzip);
const gunzipAsync = promisify(gunzip);
const brotliDecompressAsync = promisify(brotliDecompress);

/** Below this, handing a page to a thread takes longer than the work. */
const threadBytesMin = 64 * 1024;
/**
 * The same of a page that is waited for, and nothing else to do meanwhile: what a stream on a thread costs more is then most
 * of it, and the memory it holds until it is closed makes for a full collection every dozen of lookups.
 */
export const awaitedThreadBytesMin: number = 1024 * 1024;
/** The same of pages out of which few rows are picked, with little work on one while the next is unpacked. */
export const pickedThreadBytesMin: number = 96 * 1024;

/** Room that a stream of zlib wants to see left when it has ended; also its least chunk. */
const chunkBytesSpare = 64;

/** Room made at once for what a page unpacks to: so much always, and so many times its length. */
const roomBytesMin = 1024 * 1024;
const roomFactor = 16;

/** LZ4 writes at most 255 bytes for one, Snappy fewer. */
const byteExpansionMax = 256;

/** The codec that pages are in after `unpackPage`. */
export function unpackedCodec(codec: Codec, where: string): Codec {
  if (codec === 'lzo') throw unsupported('Parquet compression LZO', where);
  return codec === 'snappy' || codec === 'lz4-raw' || codec === 'lz4' ? codec : 'none';
}

/**
 * The page without compression.
 *
 * @param onThreadBytesMin shorter pages are unpacked at once, by the thread that asks
 * @throws LakeError `corrupt` when it does not unpack to exactly the length it states
 */
export async function unpackPage(
  page: Page,
  codec: Codec,
  {
    where,
    onThreadBytesMin = threadBytesMin,
  }: { readonly where: string; readonly onThreadBytesMin?: number | undefined },
): Promise<Page> {
  if (!page.isCompressed) return page;
  if (unpackedCodec(codec, where) !== 'none') return checkExpansion(page, where);
  const levelBytes = page.definitionBytes + page.repetitionBytes;
  const plainBytes = page.plainBytes - levelBytes;
  // An all-null data-v2 page has levels only; some writers mark even that as compressed.
  if (plainBytes === 0) return { ...page, body: page.body.subarray(0, levelBytes), isCompressed: false };
  const packed = page.body.subarray(levelBytes);
  const onThread = plainBytes >= onThreadBytesMin;
  const unpacked = await unpack(packed, codec, { plainBytes, onThread }).catch((error: unknown) => {
    throw asFault(where, error);
  });
  if (unpacked.length !== plainBytes) {
    throw corruptParquet(where, `a page unpacks to ${unpacked.length} bytes and says ${plainBytes}`);
  }
  if (levelBytes === 0) return { ...page, body: unpacked, isCompressed: false };
  const body = new Uint8Array(page.plainBytes);
  body.set(page.body.subarray(0, levelBytes));
  body.set(unpacked, levelBytes);
  return { ...page, body, isCompressed: false };
}

/** The wasm makes room for what a page says before it unpacks it, and never gives it back. */
function checkExpansion(page: Page, where: string): Page {
  if (page.plainBytes <= page.body.length * byteExpansionMax + chunkBytesSpare) return page;
  throw corruptParquet(where, `a page of ${page.body.length} bytes says that it unpacks to ${page.plainBytes}`);
}

async function unpack(
  bytes: Uint8Array,
  codec: Codec,
  { plainBytes, onThread }: { readonly plainBytes: number; readonly onThread: boolean },
): Promise<Uint8Array> {
  // One chunk with room to spare: with the default of 16 KB, output is gathered in pieces and copied together.
  // How long it will be is only said: room for more than is likely is made when it is there.
  const roomBytes = Math.min(plainBytes, Math.max(roomBytesMin, bytes.length * roomFactor));
  const options = { maxOutputLength: plainBytes, chunkSize: roomBytes + chunkBytesSpare };
  switch (codec) {
    case 'zstd':
      return onThread ? zstdDecompressAsync(bytes, options) : zstdDecompressSync(bytes, options);
    case 'gzip':
      return onThread ? gunzipAsync(bytes, options) : gunzipSync(bytes, options);
    default:
      return onThread ? brotliDecompressAsync(bytes, options) : brotliDecompressSync(bytes, options);
  }
}

/**
 * The page (not a data-v2 page, which are not written) compressed; zstd at `zstdLevel`. The body may be a view into a
 * buffer as long as the plain page.
 */
export async function packPage(page: Page, codec: Codec, zstdLevel: number): Promise<Page> {
  const onThread = page.body.length >= threadBytesMin;
  const chunkSize = page.body.length + chunkBytesSpare;
  switch (codec) {
    case 'zstd': {
      const options = { chunkSize, params: { [constants.ZSTD_c_compressionLevel]: zstdLevel } };
      const body = onThread ? await zstdCompressAsync(page.body, options) : zstdCompressSync(page.body, options);
      return { ...page, body, isCompressed: true };
    }
    case 'gzip': {
      const body = onThread ? await gzipAsync(page.body, { chunkSize }) : gzipSync(page.body, { chunkSize });
      return { ...page, body, isCompressed: true };
    }
    case 'snappy':
      return { ...page, body: packSnappy(page.body), isCompressed: true };
    case 'lz4-raw':
      return { ...page, body: packLz4(page.body), isCompressed: true };
    default:
      assert(codec === 'none', () => `pages are not written in ${codec}`);
      return page;
  }
}
