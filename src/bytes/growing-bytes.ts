/**
 * Bytes that are gathered one after the other and become one piece. Parts that were kept and put together in the end would
 * take their memory twice, at the very moment when there is most of it.
 */
import { release } from './release.ts';

const capacityFirst = 4 * 1024;
/** What is shorter is copied to its own length in the end, so that many small ones take no more than they are. */
const exactBytesMax = 1024 * 1024;

export class GrowingBytes {
  #buffer = new Uint8Array(0);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  append(bytes: Uint8Array): void {
    const end = this.#length + bytes.length;
    if (end > this.#buffer.length) this.#grow(end);
    this.#buffer.set(bytes, this.#length);
    this.#length = end;
  }

  /** All of it, once: nothing is left here. */
  take(): Uint8Array {
    const all = this.#buffer.subarray(0, this.#length);
    this.#buffer = new Uint8Array(0);
    this.#length = 0;
    return all.length <= exactBytesMax ? all.slice() : all;
  }

  /** Twice as long at least; of what is not written yet the system gives no memory. */
  #grow(bytesMin: number): void {
    const grown = new Uint8Array(Math.max(bytesMin, 2 * this.#buffer.length, capacityFirst));
    grown.set(this.#buffer.subarray(0, this.#length));
    release([this.#buffer]);
    this.#buffer = grown;
  }
}
