/**
 * Bytes that kernels may read a little beyond the end of. Whole words are read where the last value may end within one;
 * what lies behind the end is masked out or written over, so it does not matter what it is.
 */

/** How far beyond the end a kernel may read. */
const paddingBytes = 16;

export type PaddedBytes = {
  /** Begins at the first byte; `byteLength` plus the padding. */
  readonly view: DataView;
  readonly bytes: Uint8Array;
  readonly byteLength: number;
};

/** The same bytes where their buffer goes on behind them, else a copy. */
export function padded(bytes: Uint8Array): PaddedBytes {
  const { buffer, byteOffset, byteLength } = bytes;
  if (byteOffset + byteLength + paddingBytes <= buffer.byteLength) {
    return { view: new DataView(buffer, byteOffset, byteLength + paddingBytes), bytes, byteLength };
  }
  const copy = new Uint8Array(byteLength + paddingBytes);
  copy.set(bytes);
  return { view: new DataView(copy.buffer), bytes: copy.subarray(0, byteLength), byteLength };
}

/** Values that are not what their encoding allows; who reads the file makes `corrupt` of it. */
export function broken(what: string): RangeError {
  return new RangeError(what);
}
