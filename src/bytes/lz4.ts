/**
 * LZ4, the block format without a frame (Parquet's LZ4_RAW): literals and copies of what came before. Packing only.
 *
 * @see https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md
 */
import { assert } from '../base/assert.ts';

const hashBits = 14;
/** A byte that is skipped more for each so many bytes in which nothing matched. */
const skipShift = 6;
const matchBytesMin = 4;
const offsetMax = 65_535;
/** The format wants the last bytes to be literals, and no match to begin in the last twelve. */
const lastLiterals = 5;
const matchStartBytes = 12;

/** The bytes, packed. The same bytes give the same. */
export function packLz4(bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const packer = new Packer(bytes);
  /** By the hash of four bytes, one more than where they were last. */
  const places = new Int32Array(1 << hashBits);
  const matchEndMax = bytes.length - lastLiterals;
  let literalStart = 0;
  for (let at = 0; at <= bytes.length - matchStartBytes - 1; ) {
    const four = view.getInt32(at, true);
    const hash = Math.imul(four, 0x9e3779b1) >>> (32 - hashBits);
    const before = places[hash]! - 1;
    places[hash] = at + 1;
    if (before < 0 || at - before > offsetMax || view.getInt32(before, true) !== four) {
      at += 1 + ((at - literalStart) >> skipShift);
      continue;
    }
    let end = at + matchBytesMin;
    let from = before + matchBytesMin;
    for (; end < matchEndMax && bytes[from] === bytes[end]; end += 1) from += 1;
    packer.put({ literalStart, literalEnd: at, offset: at - before, matchBytes: end - at });
    at = end;
    literalStart = end;
  }
  packer.put({ literalStart, literalEnd: bytes.length, offset: 0, matchBytes: 0 });
  return packer.packed;
}

/** Without a match: the last one. */
type Sequence = {
  readonly literalStart: number;
  readonly literalEnd: number;
  readonly offset: number;
  readonly matchBytes: number;
};

class Packer {
  readonly #bytes: Uint8Array;
  readonly #packed: Uint8Array;
  #end = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    // What does not match grows by a byte for each 255, and a match is never longer than what it stands for.
    this.#packed = new Uint8Array(bytes.length + Math.ceil(bytes.length / 255) + 16);
  }

  get packed(): Uint8Array {
    return this.#packed.slice(0, this.#end);
  }

  put({ literalStart, literalEnd, offset, matchBytes }: Sequence): void {
    const literals = literalEnd - literalStart;
    const isLast = matchBytes === 0;
    assert(isLast || matchBytes >= matchBytesMin, 'a match of four bytes or more');
    const more = isLast ? 0 : matchBytes - matchBytesMin;
    this.#byte((Math.min(literals, 15) << 4) | Math.min(more, 15));
    if (literals >= 15) this.#length(literals - 15);
    if (literals <= 16) for (let at = literalStart; at < literalEnd; at += 1) this.#byte(this.#bytes[at]!);
    else {
      this.#packed.set(this.#bytes.subarray(literalStart, literalEnd), this.#end);
      this.#end += literals;
    }
    if (isLast) return;
    this.#byte(offset & 0xff);
    this.#byte(offset >> 8);
    if (more >= 15) this.#length(more - 15);
  }

  #length(value: number): void {
    let rest = value;
    for (; rest >= 255; rest -= 255) this.#byte(255);
    this.#byte(rest);
  }

  #byte(value: number): void {
    this.#packed[this.#end] = value;
    this.#end += 1;
  }
}
