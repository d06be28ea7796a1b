/**
 * Snappy, the raw format: a length, then literals and copies of what came before.
 *
 * @see https://github.com/google/snappy/blob/main/format_description.txt
 */
import { assert } from '../base/assert.ts';

/** Copies reach back within a fragment, so that their offsets take two bytes. */
const fragmentBytes = 65_536;
const hashBits = 14;
/** A byte that is skipped more for each so many bytes in which nothing matched. */
const skipShift = 5;
const matchBytesMin = 4;
/** Three bytes stand for 64 at most, and a few for the length. */
const expansionMax = 22;
const lengthBytesMax = 5;

/**
 * @param bytesMax more is refused before it is allocated
 * @throws RangeError when the bytes are not well formed
 */
export function unpackSnappy(packed: Uint8Array, bytesMax: number): Uint8Array {
  const { length, start } = announcedLength(packed);
  if (length > Math.min(bytesMax, packed.length * expansionMax)) throw broken(`it announces ${length} bytes`);
  const bytes = new Uint8Array(length);
  let at = start;
  let end = 0;
  while (at < packed.length) {
    const tag = packed[at]!;
    if ((tag & 3) === 0) {
      const { from, count } = literalAt(packed, at);
      if (count > packed.length - from || count > length - end) throw broken('a literal is too long');
      bytes.set(packed.subarray(from, from + count), end);
      at = from + count;
      end += count;
    } else {
      const { offset, count, next } = copyAt(packed, at);
      if (offset === 0 || offset > end) throw broken(`a copy from ${offset} bytes before byte ${end}`);
      if (count > length - end) throw broken('a copy is too long');
      // What is copied may be what the copy itself has just put there.
      if (offset >= count) bytes.copyWithin(end, end - offset, end - offset + count);
      else for (let index = 0; index < count; index += 1) bytes[end + index] = bytes[end + index - offset]!;
      at = next;
      end += count;
    }
  }
  if (end !== length) throw broken(`it has ${end} bytes and announces ${length}`);
  return bytes;
}

function announcedLength(packed: Uint8Array): { readonly length: number; readonly start: number } {
  let length = 0;
  for (let index = 0; index < Math.min(lengthBytesMax, packed.length); index += 1) {
    const byte = packed[index]!;
    length += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) return { length, start: index + 1 };
  }
  throw broken('it has no length');
}

function literalAt(packed: Uint8Array, at: number): { readonly from: number; readonly count: number } {
  const short = packed[at]! >> 2;
  if (short < 60) return { from: at + 1, count: short + 1 };
  const width = short - 59;
  return { from: at + 1 + width, count: numberAt(packed, at + 1, width) + 1 };
}

type Copy = { readonly offset: number; readonly count: number; readonly next: number };

function copyAt(packed: Uint8Array, at: number): Copy {
  const tag = packed[at]!;
  if ((tag & 3) === 1) {
    return { offset: ((tag >> 5) << 8) | numberAt(packed, at + 1, 1), count: ((tag >> 2) & 7) + 4, next: at + 2 };
  }
  const width = (tag & 3) === 2 ? 2 : 4;
  return { offset: numberAt(packed, at + 1, width), count: (tag >> 2) + 1, next: at + 1 + width };
}

/** Little-endian. */
function numberAt(packed: Uint8Array, at: number, width: number): number {
  if (width > packed.length - at) throw broken('it is cut short');
  let value = 0;
  for (let index = width - 1; index >= 0; index -= 1) value = value * 256 + packed[at + index]!;
  return value;
}

function broken(what: string): RangeError {
  return new RangeError(`not a snappy block: ${what}`);
}

/** The bytes, packed. The same bytes give the same. */
export function packSnappy(bytes: Uint8Array): Uint8Array {
  const packer = new Packer(bytes);
  for (let start = 0; start < bytes.length; start += fragmentBytes) {
    packer.fragment(start, Math.min(bytes.length, start + fragmentBytes));
  }
  return packer.packed;
}

class Packer {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #packed: Uint8Array;
  /** By the hash of four bytes, where in the fragment they were last. */
  readonly #places = new Uint16Array(1 << hashBits);
  #end = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    // The most that Snappy's own packer makes room for: a far copy of four bytes takes three, the head of a literal up to three.
    this.#packed = new Uint8Array(lengthBytesMax + bytes.length + Math.ceil(bytes.length / 6) + 32);
    let rest = bytes.length;
    for (; rest >= 0x80; rest = Math.floor(rest / 128)) this.#put((rest % 128) | 0x80);
    this.#put(rest);
  }

  get packed(): Uint8Array {
    return this.#packed.slice(0, this.#end);
  }

  fragment(start: number, end: number): void {
    this.#places.fill(0);
    let literalStart = start;
    let at = start;
    while (at + matchBytesMin <= end) {
      const four = this.#view.getUint32(at, true);
      const hash = Math.imul(four, 0x1e35a7bd) >>> (32 - hashBits);
      const before = start + this.#places[hash]!;
      this.#places[hash] = at - start;
      if (before >= at || this.#view.getUint32(before, true) !== four) {
        at += 1 + ((at - literalStart) >> skipShift);
        continue;
      }
      let count = matchBytesMin;
      while (at + count < end && this.#bytes[before + count] === this.#bytes[at + count]) count += 1;
      this.#literal(literalStart, at);
      this.#copy(at - before, count);
      at += count;
      literalStart = at;
    }
    this.#literal(literalStart, end);
  }

  #literal(start: number, end: number): void {
    if (start === end) return;
    const rest = end - start - 1;
    if (rest < 60) this.#put(rest << 2);
    else if (rest < 256) this.#put(60 << 2, rest);
    else this.#put(61 << 2, rest & 0xff, rest >> 8);
    this.#packed.set(this.#bytes.subarray(start, end), this.#end);
    this.#end += end - start;
  }

  #copy(offset: number, count: number): void {
    assert(offset > 0 && offset < fragmentBytes, 'a copy reaches back within its fragment');
    let rest = count;
    // None of less than four bytes is left over.
    for (; rest >= 68; rest -= 64) this.#copyOf(offset, 64);
    if (rest > 64) {
      this.#copyOf(offset, 60);
      rest -= 60;
    }
    this.#copyOf(offset, rest);
  }

  #copyOf(offset: number, count: number): void {
    if (count < 12 && offset < 2048) this.#put(1 | ((count - 4) << 2) | ((offset >> 8) << 5), offset & 0xff);
    else this.#put(2 | ((count - 1) << 2), offset & 0xff, offset >> 8);
  }

  #put(...some: readonly number[]): void {
    for (const byte of some) {
      this.#packed[this.#end] = byte;
      this.#end += 1;
    }
  }
}
