/**
 * Memory for many small pieces of bytes, cut from larger ones: to allocate each by itself, and to free it, costs more than
 * to fill it. A slab is freed when none of its pieces is in use any more, so one `Slab` is for pieces of about one lifetime.
 */
const slabBytes = 64 * 1024;
/** A larger piece gets memory of its own. */
const pieceBytesMax = slabBytes / 8;

export class Slab {
  #slab: ArrayBuffer | undefined;
  #used = 0;

  /** Bytes that are whatever they are: the caller writes all of them. */
  take(length: number): Uint8Array {
    if (length > pieceBytesMax) return new Uint8Array(unwritten(length));
    if (this.#slab === undefined || this.#used + length > slabBytes) {
      this.#slab = unwritten(slabBytes);
      this.#used = 0;
    }
    const piece = new Uint8Array(this.#slab, this.#used, length);
    // Views of wider numbers need their places rounded.
    this.#used += (length + 7) & ~7;
    return piece;
  }

  copyOf(bytes: Uint8Array): Uint8Array {
    const copy = this.take(bytes.length);
    copy.set(bytes);
    return copy;
  }
}

function unwritten(length: number): ArrayBuffer {
  return Buffer.allocUnsafeSlow(length).buffer;
}
