/**
 * Bytes that are read in ranges: a file in an object store, or bytes in memory. Codecs that need only a part of a file
 * (the footer of a Parquet file) take this instead of the bytes.
 */
import { assert } from '../base/assert.ts';

/** Promises exactly the bytes asked for; fails when they lie outside the source or cannot be read. */
export interface ByteSource {
  readonly byteLength: number;
  /** Nobody else has the buffer of a slice: who asked for it may give it back (`release.ts`). */
  readonly isOwned?: boolean | undefined;
  /** Asking costs no money: slices that may be needed are asked for with those that are. */
  readonly requestsAreFree?: boolean | undefined;
  /** Bytes [start, end), with 0 <= start <= end <= byteLength. Not to be changed by the caller. */
  slice(start: number, end: number): Promise<Uint8Array>;
}

/** A source over bytes in memory; slices share them. */
export function bytesSource(bytes: Uint8Array): ByteSource {
  return {
    byteLength: bytes.length,
    slice(start: number, end: number): Promise<Uint8Array> {
      assert(start >= 0 && start <= end, () => `slice ${start}..${end}`);
      assert(end <= bytes.length, () => `slice ${start}..${end} of ${bytes.length} bytes`);
      return Promise.resolve(bytes.subarray(start, end));
    },
  };
}
