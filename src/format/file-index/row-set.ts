/**
 * Sets of rows of one file, a bit for each, the lowest first in each byte: what indexes say of which rows a filter can
 * let through. Roaring sets go into them and over them container by container.
 */
import { assert } from '../../base/assert.ts';
import { bitsOf, containerSpan, type RoaringBitmap } from '../roaring.ts';

/** Files with more rows are not narrowed to rows: a set of them would take more than 16 MB. */
export const indexedRowsMax: number = 2 ** 27;

export class RowSet {
  readonly rowCount: number;
  readonly #bits: Uint8Array;

  /** @param bits as many bytes as the rows need; without them the set is empty */
  constructor(rowCount: number, bits: Uint8Array = new Uint8Array(Math.ceil(rowCount / 8))) {
    assert(rowCount >= 0 && rowCount <= indexedRowsMax, 'a set of as many rows as are narrowed');
    this.rowCount = rowCount;
    this.#bits = bits;
  }

  copy(): RowSet {
    return new RowSet(this.rowCount, this.#bits.slice());
  }

  add(row: number): void {
    this.#bits[row >> 3] = (this.#bits[row >> 3] ?? 0) | (1 << (row & 7));
  }

  has(row: number): boolean {
    return ((this.#bits[row >> 3] ?? 0) & (1 << (row & 7))) !== 0;
  }

  isEmpty(): boolean {
    return this.#bits.every(byte => byte === 0);
  }

  /** Whether one of the rows from `start` up to but without `end` is in it. */
  hasAny(start: number, end: number): boolean {
    for (let row = start; row < end; row += 1) {
      if ((row & 7) === 0 && row + 8 <= end && this.#bits[row >> 3] === 0) row += 7;
      else if (this.has(row)) return true;
    }
    return false;
  }

  addAll(other: RowSet): this {
    for (let at = 0; at < this.#bits.length; at += 1) this.#bits[at] = this.#byte(at) | other.#byte(at);
    return this;
  }

  keepAll(other: RowSet): this {
    for (let at = 0; at < this.#bits.length; at += 1) this.#bits[at] = this.#byte(at) & other.#byte(at);
    return this;
  }

  removeAll(other: RowSet): this {
    for (let at = 0; at < this.#bits.length; at += 1) this.#bits[at] = this.#byte(at) & ~other.#byte(at);
    return this;
  }

  /** Leaves those that the bitmap has too. */
  keepIn(bitmap: RoaringBitmap): this {
    let key = 0;
    for (const container of bitmap.containers) {
      for (; key < container.key; key += 1) this.#spanOf(key).fill(0);
      const bits = bitsOf(container);
      const target = this.#spanOf(key);
      for (let at = 0; at < target.length; at += 1) target[at] = (target[at] ?? 0) & (bits[at] ?? 0);
      key += 1;
    }
    this.#bits.subarray(key * spanBytes).fill(0);
    return this;
  }

  /** Leaves those that the bitmap does not have. */
  removeIn(bitmap: RoaringBitmap): this {
    for (const container of bitmap.containers) {
      const bits = bitsOf(container);
      const target = this.#spanOf(container.key);
      for (let at = 0; at < target.length; at += 1) target[at] = (target[at] ?? 0) & ~(bits[at] ?? 0);
    }
    return this;
  }

  #byte(at: number): number {
    return this.#bits[at] ?? 0;
  }

  #spanOf(key: number): Uint8Array {
    return this.#bits.subarray(key * spanBytes, (key + 1) * spanBytes);
  }
}

const spanBytes = containerSpan / 8;

export function allRows(rowCount: number): RowSet {
  const bits = new Uint8Array(Math.ceil(rowCount / 8)).fill(0xff);
  const rest = rowCount % 8;
  if (rest !== 0) bits[bits.length - 1] = (1 << rest) - 1;
  return new RowSet(rowCount, bits);
}

/** @param bitmap of rows below the count */
export function rowsOfBitmap(rowCount: number, bitmap: RoaringBitmap): RowSet {
  return allRows(rowCount).keepIn(bitmap);
}
