/** Values of one column as they stand in lines of JSON: where each lies, and what it looks like. Nothing of it is checked. */

/** What a value looks like by its first byte. `none` is null, or a name that is not there. */
export const writtenForm = { none: 0, text: 1, escapedText: 2, number: 3, yes: 4, no: 5, nested: 6 } as const;

/** Of row i the bytes [starts[i], ends[i]): those of texts without their quotes. */
export type WrittenValues = {
  /** UTF-8 throughout. */
  readonly bytes: Uint8Array;
  readonly rowCount: number;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  /** One of `writtenForm` for each row. */
  readonly forms: Uint8Array;
};

/** Nulls as they are collected: a bitmap that is made at the first of them. */
export class WrittenNulls {
  readonly #rowCount: number;
  #bits: Uint8Array | undefined = undefined;
  #count = 0;

  constructor(rowCount: number) {
    this.#rowCount = rowCount;
  }

  add(row: number): void {
    this.#bits ??= ones(this.#rowCount);
    this.#bits[row >> 3] = (this.#bits[row >> 3] ?? 0) & ~(1 << (row & 7));
    this.#count += 1;
  }

  finish(): { readonly nullBitmap: Uint8Array | undefined; readonly nullCount: number } {
    return { nullBitmap: this.#bits, nullCount: this.#count };
  }
}

/** Bits beyond the rows are zero. */
function ones(rowCount: number): Uint8Array {
  const bits = new Uint8Array((rowCount + 7) >> 3).fill(0xff);
  if ((rowCount & 7) !== 0) bits[bits.length - 1] = (1 << (rowCount & 7)) - 1;
  return bits;
}
