/** Reads an index from its first byte on, big-endian; takes what is there and refuses what is not. */
import { corrupt } from '../../base/errors.ts';

export class IndexCursor {
  readonly bytes: Buffer;
  readonly #where: string;
  at: number;

  /** @param where names the index in errors, with its kind */
  constructor(bytes: Uint8Array, where: string, at = 0) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#where = where;
    this.at = at;
  }

  broken(why: string): Error {
    return corrupt('LAKE_CORRUPT_FILE_INDEX', `${this.#where}: ${why}`);
  }

  uint8(): number {
    return this.bytes.readUInt8(this.#step(1));
  }

  int32(): number {
    return this.bytes.readInt32BE(this.#step(4));
  }

  int64(): bigint {
    return this.bytes.readBigInt64BE(this.#step(8));
  }

  /** Of bytes, or of things that take `bytesEach` at least. */
  count(bytesEach: number): number {
    const count = this.int32();
    if (count < 0 || count * bytesEach > this.bytes.length) throw this.broken('it counts more than it has room for');
    return count;
  }

  take(length: number): Buffer {
    const at = this.#step(length);
    return this.bytes.subarray(at, at + length);
  }

  /** A part with its own length before it. */
  part(): IndexCursor {
    return new IndexCursor(this.take(this.count(1)), this.#where);
  }

  /** The rest as it would be read from `at`. */
  from(at: number): IndexCursor {
    if (at < 0 || at > this.bytes.length) throw this.broken('a place outside of it');
    return new IndexCursor(this.bytes, this.#where, at);
  }

  #step(length: number): number {
    const at = this.at;
    if (length < 0 || at + length > this.bytes.length) throw this.broken('it is cut');
    this.at += length;
    return at;
  }
}

export function int32s(...values: readonly number[]): Uint8Array {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) bytes.writeInt32BE(value, index * 4);
  return bytes;
}
