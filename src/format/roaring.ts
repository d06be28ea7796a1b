/**
 * Roaring bitmaps: sets of 32-bit numbers in the portable format. A set is cut into stretches of 65,536 numbers; each
 * stretch that has any is a container: a list, a bitmap, or runs, whichever is smallest.
 *
 * Decoded sets keep the containers as they are, so that they take the memory of their bytes, whatever those claim.
 *
 * @see https://github.com/RoaringBitmap/RoaringFormatSpec
 */
import { assert, present, unreachable } from '../base/assert.ts';
import { corrupt } from '../base/errors.ts';

export type RoaringBitmap = { readonly cardinality: number; readonly containers: readonly Container[] };

export type Container = {
  /** The high 16 bits of its numbers; ascending over the containers. */
  readonly key: number;
  readonly cardinality: number;
} & (
  | { readonly kind: 'list'; readonly values: Uint16Array }
  /** 65,536 bits, the lowest first in each byte. */
  | { readonly kind: 'bits'; readonly bits: Uint8Array }
  /** Pairs: where a run begins, and how many numbers it has besides the first. */
  | { readonly kind: 'runs'; readonly pairs: Uint16Array }
);

/** Numbers of a container. */
export const containerSpan = 65_536;

const cookieWithoutRuns = 12_346;
const cookieWithRuns = 12_347;
/** Files with runs and fewer containers than this have no offsets. */
const offsetContainersMin = 4;
/** A list of more numbers would be larger than a bitmap. */
export const listValuesMax = 4_096;
export const bitsBytes: number = containerSpan / 8;

/**
 * @param where names the bytes in errors
 * @returns the set, and where in the bytes it ends
 * @throws LakeError `corrupt` LAKE_CORRUPT_VECTOR
 */
export function decodeRoaring(
  bytes: Uint8Array,
  start: number,
  where: string,
): { readonly bitmap: RoaringBitmap; readonly end: number } {
  const reader = new RoaringReader(bytes, start, where);
  const header = readHeader(reader);
  const { count, isRun, keys, cardinalities, hasOffsets } = header;
  const offsets = hasOffsets ? Array.from({ length: count }, () => reader.uint32()) : undefined;
  const containers: Container[] = [];
  let cardinality = 0;
  for (let index = 0; index < count; index += 1) {
    const key = keys[index] ?? 0;
    if (index > 0 && key <= (keys[index - 1] ?? 0)) throw reader.broken('containers out of order');
    if (offsets !== undefined && offsets[index] !== reader.at - start) throw reader.broken('an offset that is not so');
    const expected = cardinalities[index] ?? 0;
    containers.push(readContainer(reader, { key, cardinality: expected, isRun: isRun(index) }));
    cardinality += expected;
  }
  return { bitmap: { cardinality, containers }, end: reader.at };
}

type Header = {
  readonly count: number;
  readonly isRun: (index: number) => boolean;
  readonly keys: readonly number[];
  readonly cardinalities: readonly number[];
  readonly hasOffsets: boolean;
};

function readHeader(reader: RoaringReader): Header {
  const cookie = reader.uint32();
  let count: number;
  let runFlags: Uint8Array | undefined;
  if ((cookie & 0xffff) === cookieWithRuns) {
    count = (cookie >>> 16) + 1;
    runFlags = reader.take(Math.ceil(count / 8));
  } else {
    if (cookie !== cookieWithoutRuns) throw reader.broken(`it begins with ${cookie}`);
    count = reader.uint32();
    if (count > containerSpan) throw reader.broken(`${count} containers`);
  }
  const pairs = reader.uint16s(count * 2);
  return {
    count,
    isRun: index => ((runFlags?.[index >> 3] ?? 0) & (1 << (index & 7))) !== 0,
    keys: Array.from({ length: count }, (_, index) => pairs[index * 2] ?? 0),
    cardinalities: Array.from({ length: count }, (_, index) => (pairs[index * 2 + 1] ?? 0) + 1),
    hasOffsets: runFlags === undefined || count >= offsetContainersMin,
  };
}

function readContainer(
  reader: RoaringReader,
  { key, cardinality, isRun }: { readonly key: number; readonly cardinality: number; readonly isRun: boolean },
): Container {
  const kind = isRun ? 'runs' : cardinality > listValuesMax ? 'bits' : 'list';
  return readContainerOf(reader, { key, cardinality, kind });
}

/** The body of a container of that kind. @throws LakeError `corrupt` LAKE_CORRUPT_VECTOR */
export function readContainerOf(
  reader: RoaringReader,
  { key, cardinality, kind }: Pick<Container, 'key' | 'cardinality' | 'kind'>,
): Container {
  switch (kind) {
    case 'runs': {
      const [runCount = 0] = reader.uint16s(1);
      const pairs = reader.uint16s(runCount * 2);
      if (countRuns(pairs, reader) !== cardinality) throw reader.broken('runs of another count than announced');
      return { kind, key, cardinality, pairs };
    }
    case 'bits': {
      const bits = reader.take(bitsBytes);
      if (countBits(bits) !== cardinality) throw reader.broken('a bitmap of another count than announced');
      return { kind, key, cardinality, bits };
    }
    case 'list': {
      const values = reader.uint16s(cardinality);
      for (let index = 1; index < values.length; index += 1) {
        if ((values[index] ?? 0) <= (values[index - 1] ?? 0)) throw reader.broken('a list out of order');
      }
      return { kind, key, cardinality, values };
    }
    default:
      return unreachable(kind);
  }
}

function countRuns(pairs: Uint16Array, reader: RoaringReader): number {
  let count = 0;
  let next = 0;
  for (let index = 0; index < pairs.length; index += 2) {
    const first = pairs[index] ?? 0;
    const more = pairs[index + 1] ?? 0;
    if (first < next || first + more >= containerSpan) throw reader.broken('runs that overlap');
    count += more + 1;
    next = first + more + 1;
  }
  return count;
}

/** How many are set. */
export function countBits(bits: Uint8Array): number {
  let count = 0;
  for (const byte of bits) for (let rest = byte; rest !== 0; rest &= rest - 1) count += 1;
  return count;
}

/** The numbers from `start` up to but without `end`, ascending. */
export function* numbersIn(bitmap: RoaringBitmap, start: number, end: number): Generator<number, void, undefined> {
  for (const container of bitmap.containers) {
    const base = container.key * containerSpan;
    if (base >= end) return;
    if (base + containerSpan <= start) continue;
    yield* numbersOf(container, base, { from: Math.max(0, start - base), to: Math.min(containerSpan, end - base) });
  }
}

/** One more than the largest number; 0 of an empty set. */
export function numbersEnd({ containers }: RoaringBitmap): number {
  const container = containers.at(-1);
  if (container === undefined) return 0;
  let last = -1;
  const base = container.key * containerSpan;
  for (const number of numbersOf(container, base, { from: 0, to: containerSpan })) last = number;
  return last + 1;
}

export function* numbersOf(
  container: Container,
  base: number,
  { from, to }: { readonly from: number; readonly to: number },
): Generator<number, void, undefined> {
  switch (container.kind) {
    case 'list':
      for (const value of container.values) if (value >= from && value < to) yield base + value;
      return;
    case 'bits':
      for (let value = from; value < to; value += 1) {
        if (((container.bits[value >> 3] ?? 0) & (1 << (value & 7))) !== 0) yield base + value;
      }
      return;
    case 'runs':
      for (let index = 0; index < container.pairs.length; index += 2) {
        const first = container.pairs[index] ?? 0;
        const last = first + (container.pairs[index + 1] ?? 0);
        for (let value = Math.max(first, from); value <= last && value < to; value += 1) yield base + value;
      }
      return;
    default:
      container satisfies never;
  }
}

/** All 65,536 bits of a container, the lowest first in each byte; of one that has them, its own. */
export function bitsOf(container: Container): Uint8Array {
  if (container.kind === 'bits') return container.bits;
  const bits = new Uint8Array(bitsBytes);
  for (const value of numbersOf(container, 0, { from: 0, to: containerSpan })) {
    bits[value >> 3] = (bits[value >> 3] ?? 0) | (1 << (value & 7));
  }
  return bits;
}

/** @param numbers ascending, each once, below 2^32 */
export function encodeRoaring(numbers: readonly number[]): Uint8Array {
  return encodeRoaringBitmap(roaringOf(numbers));
}

/** The set with each container as it is. */
export function encodeRoaringBitmap({ containers }: RoaringBitmap): Uint8Array {
  const parts = containers.map(bodyOf);
  const hasRuns = containers.some(({ kind }) => kind === 'runs');
  const count = containers.length;
  const hasOffsets = !hasRuns || count >= offsetContainersMin;
  const flagBytes = hasRuns ? Math.ceil(count / 8) : 0;
  const headerBytes = (hasRuns ? 4 : 8) + flagBytes + count * 4 + (hasOffsets ? count * 4 : 0);
  const bytes = new Uint8Array(headerBytes + parts.reduce((sum, part) => sum + part.length, 0));
  const view = new DataView(bytes.buffer);
  let at = 4;
  if (hasRuns) {
    view.setUint32(0, cookieWithRuns | ((count - 1) << 16), true);
    for (const [index, { kind }] of containers.entries()) {
      const flagAt = at + (index >> 3);
      if (kind === 'runs') view.setUint8(flagAt, view.getUint8(flagAt) | (1 << (index & 7)));
    }
    at += flagBytes;
  } else {
    view.setUint32(0, cookieWithoutRuns, true);
    view.setUint32(4, count, true);
    at += 4;
  }
  for (const { key, cardinality } of containers) {
    view.setUint16(at, key, true);
    view.setUint16(at + 2, cardinality - 1, true);
    at += 4;
  }
  let offset = headerBytes;
  for (const part of parts) {
    if (hasOffsets) view.setUint32(at, offset, true);
    if (hasOffsets) at += 4;
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

function bodyOf(container: Container): Uint8Array {
  switch (container.kind) {
    case 'runs':
      return littleEndian([container.pairs.length / 2, ...container.pairs]);
    case 'bits':
      return container.bits;
    case 'list':
      return littleEndian([...container.values]);
    default:
      return unreachable(container);
  }
}

/** Each container of the kind that takes the fewest bytes. @param numbers ascending, each once, below 2^32 */
function roaringOf(numbers: readonly number[]): RoaringBitmap {
  const byKey = new Map<number, number[]>();
  let previous = -1;
  for (const number of numbers) {
    assert(number > previous && number < containerSpan ** 2, 'numbers ascend and are of 32 bits');
    previous = number;
    const key = Math.floor(number / containerSpan);
    const values = byKey.get(key) ?? [];
    byKey.set(key, values);
    values.push(number % containerSpan);
  }
  return { cardinality: numbers.length, containers: [...byKey].map(([key, values]) => containerOf(key, values)) };
}

function containerOf(key: number, values: readonly number[]): Container {
  const pairs: number[] = [];
  for (const value of values) {
    const first = pairs.at(-2);
    const more = pairs.at(-1);
    if (first !== undefined && more !== undefined && first + more + 1 === value) pairs[pairs.length - 1] = more + 1;
    else pairs.push(value, 0);
  }
  const cardinality = values.length;
  const plainBytes = cardinality > listValuesMax ? bitsBytes : cardinality * 2;
  if (2 + pairs.length * 2 < plainBytes) return { kind: 'runs', key, cardinality, pairs: Uint16Array.from(pairs) };
  if (cardinality <= listValuesMax) return { kind: 'list', key, cardinality, values: Uint16Array.from(values) };
  const bits = new Uint8Array(bitsBytes);
  for (const value of values) bits[value >> 3] = (bits[value >> 3] ?? 0) | (1 << (value & 7));
  return { kind: 'bits', key, cardinality, bits };
}

export function littleEndian(values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 2);
  const view = new DataView(bytes.buffer);
  for (const [index, value] of values.entries()) view.setUint16(index * 2, value, true);
  return bytes;
}

/** Takes what is there and refuses what is not. */
export class RoaringReader {
  readonly #bytes: Uint8Array;
  readonly #where: string;
  at: number;

  constructor(bytes: Uint8Array, start: number, where: string) {
    this.#bytes = bytes;
    this.#where = where;
    this.at = start;
  }

  take(length: number): Uint8Array {
    if (length > this.#bytes.length - this.at) throw this.broken('it is cut short');
    this.at += length;
    return this.#bytes.subarray(this.at - length, this.at);
  }

  uint32(): number {
    const bytes = this.take(4);
    return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
  }

  uint16s(count: number): Uint16Array {
    const bytes = this.take(count * 2);
    const values = new Uint16Array(count);
    for (let index = 0; index < count; index += 1) {
      values[index] = present(bytes[index * 2], 'byte') | (present(bytes[index * 2 + 1], 'byte') << 8);
    }
    return values;
  }

  broken(what: string): Error {
    return corrupt('LAKE_CORRUPT_VECTOR', `${this.#where}: a Roaring bitmap: ${what} (byte ${this.at})`);
  }
}
