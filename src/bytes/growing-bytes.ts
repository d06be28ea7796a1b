/**
 * Bytes that are gathered one after the other and become one piece. Parts that were kept and put together in the end would
 * take their memory twice, at the very moment when there is most of it; so would a larger piece that the bytes move to. Many
 * bytes therefore grow where they are, in a buffer that can be resized: of what it may become, only addresses are taken.
 */
import { release } from './release.ts';

const capacityFirst = 4 * 1024;
/** What is shorter is copied to its own length in the end, so that many small ones take no more than they are. */
const exactBytesMax = 1024 * 1024;
/** Room that a larger one may grow to where it is: as long as data files get, and then twice as much each time. */
const reservedBytesFirst = 320 * 1024 * 1024;
const grownBytes = 4 * 1024 * 1024;

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

  #grow(bytesMin: number): void {
    const { buffer } = this.#buffer;
    const bytesWanted = Math.ceil(bytesMin / grownBytes) * grownBytes;
    if (buffer.resizable && bytesWanted <= buffer.maxByteLength) {
      // The view grows with it.
      buffer.resize(bytesWanted);
      return;
    }
    const grown =
      bytesMin <= exactBytesMax
        ? new Uint8Array(Math.max(bytesMin, 2 * this.#buffer.length, capacityFirst))
        : roomToGrow(bytesWanted, Math.max(reservedBytesFirst, 2 * bytesWanted));
    grown.set(this.#buffer.subarray(0, this.#length));
    release([this.#buffer]);
    this.#buffer = grown;
  }
}

/** Room of this length that can become so much; where addresses are short (`ulimit -v`), room that cannot, twice as long. */
export function roomToGrow(length: number, lengthMax: number): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(new ArrayBuffer(length, { maxByteLength: lengthMax }));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return new Uint8Array(2 * length);
  }
}
