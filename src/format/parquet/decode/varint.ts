/** Variable-length integers of Parquet's encodings: seven bits a byte, the least significant first. */
import { broken, type PaddedBytes } from './padded-bytes.ts';

/** Reads on in bytes. A 64-bit number is left in `low` and `high`, for a kernel has no use for a bigint. */
export class VarintReader {
  readonly #source: PaddedBytes;
  at: number;
  /** The 64-bit number read last, as two int32. */
  low = 0;
  high = 0;

  constructor(source: PaddedBytes, at: number) {
    this.#source = source;
    this.at = at;
  }

  /** A number of at most 32 bits. */
  uint32(): number {
    this.#read();
    if (this.high !== 0) throw broken('a count has more than 32 bits');
    return this.low >>> 0;
  }

  /** A number of 64 bits, zigzag: 0, -1, 1, -2 … */
  zigzag64(): void {
    this.#read();
    const sign = -(this.low & 1);
    this.low = ((this.low >>> 1) | (this.high << 31)) ^ sign;
    this.high = (this.high >>> 1) ^ sign;
  }

  byte(): number {
    if (this.at >= this.#source.byteLength) throw broken('values end too early');
    const byte = this.#source.view.getUint8(this.at);
    this.at += 1;
    return byte;
  }

  #read(): void {
    this.low = 0;
    this.high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.byte();
      const bits = byte & 0x7f;
      if (shift < 32) this.low |= bits << shift;
      if (shift >= 32) this.high |= bits << (shift - 32);
      else if (shift === 28) this.high = bits >> 4;
      if (byte < 0x80) return;
    }
    throw broken('a number does not end');
  }
}
