/**
 * Which rows of a column have a value, out of the definition levels of its pages. A leaf that is not nested has levels
 * of one bit, in runs: 1 is a value, 0 a null. Bits are in the order of a column's null bitmap, so that packed groups are
 * copied as they are. As long as there is no null there is no bitmap either.
 */
import { broken } from './padded-bytes.ts';

export class NullBits {
  readonly #rowCount: number;
  #bits: Uint8Array | undefined;
  /** Rows told of so far. */
  #length = 0;
  #nullCount = 0;

  constructor(rowCount: number) {
    this.#rowCount = rowCount;
  }

  get length(): number {
    return this.#length;
  }

  get nullCount(): number {
    return this.#nullCount;
  }

  /** 1 = value; undefined while every row has one. */
  get bitmap(): Uint8Array | undefined {
    return this.#nullCount === 0 ? undefined : this.#bits;
  }

  /** The next rows have values, all or none. */
  appendRun(isValue: boolean, count: number): void {
    const end = this.#grown(count);
    if (!isValue) {
      this.#ensureBits();
      this.#nullCount += count;
    } else if (this.#bits !== undefined) setBits(this.#bits, this.#length, end);
    this.#length = end;
  }

  /** The next rows as their bits say, least significant first, the first row at bit 0 of byte `from`. */
  appendPacked(bytes: Uint8Array, from: number, count: number): void {
    const end = this.#grown(count);
    const bits = this.#ensureBits();
    const shift = this.#length & 7;
    let valueCount = 0;
    let to = this.#length >> 3;
    for (let taken = 0; taken < count; taken += 8, to += 1) {
      const left = count - taken;
      const byte = (bytes[from + (taken >> 3)] ?? 0) & (left < 8 ? (1 << left) - 1 : 0xff);
      valueCount += bitCountOf[byte] ?? 0;
      bits[to] = (bits[to] ?? 0) | (byte << shift);
      if (shift > 0 && byte >> (8 - shift) !== 0) bits[to + 1] = byte >> (8 - shift);
    }
    this.#nullCount += count - valueCount;
    this.#length = end;
  }

  #grown(count: number): number {
    const end = this.#length + count;
    if (end > this.#rowCount) throw broken(`levels of ${end} rows, not ${this.#rowCount}`);
    return end;
  }

  #ensureBits(): Uint8Array {
    if (this.#bits !== undefined) return this.#bits;
    this.#bits = new Uint8Array((this.#rowCount + 7) >> 3);
    setBits(this.#bits, 0, this.#length);
    return this.#bits;
  }
}

const bitCountOf: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) => {
  let count = 0;
  for (let rest = byte; rest > 0; rest &= rest - 1) count += 1;
  return count;
});

/** Bits [start, end) become 1. */
function setBits(bits: Uint8Array, start: number, end: number): void {
  let at = start;
  for (; at < end && (at & 7) !== 0; at += 1) bits[at >> 3] = (bits[at >> 3] ?? 0) | (1 << (at & 7));
  bits.fill(0xff, at >> 3, Math.max(at, end) >> 3);
  for (at = Math.max(at, end & ~7); at < end; at += 1) bits[at >> 3] = (bits[at >> 3] ?? 0) | (1 << (at & 7));
}
