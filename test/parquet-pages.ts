/**
 * Pages of a Parquet leaf written the slow and plain way, a bit at a time, in every encoding and with runs, blocks and page versions
 * that writers may choose and ours does not. A value is its bytes as PLAIN has them, without a length; a boolean is one byte.
 */
import type { Random } from '../src/base/random.ts';
import { concatBytes } from '../src/bytes/concat.ts';
import type { SchemaElement } from '../src/format/parquet/footer.ts';
import type { Page } from '../src/format/parquet/page.ts';

export type PageEncoding =
  | 'plain'
  | 'dictionary'
  | 'rle'
  | 'delta'
  | 'delta-length'
  | 'delta-bytes'
  | 'byte-stream-split';

/** Thrift values. */
const encodingIds: Readonly<Record<PageEncoding, number>> = {
  plain: 0,
  dictionary: 8,
  rle: 3,
  delta: 5,
  'delta-length': 6,
  'delta-bytes': 7,
  'byte-stream-split': 9,
};

export type PageKind = 'data' | 'data-v2' | 'bit-packed-levels';

/** Encodings that a leaf of this kind may have. */
export function encodingsOf({ physical }: SchemaElement): readonly PageEncoding[] {
  switch (physical) {
    case 'boolean':
      return ['plain', 'rle'];
    case 'int32':
    case 'int64':
      return ['plain', 'dictionary', 'delta', 'byte-stream-split'];
    case 'float':
    case 'double':
      return ['plain', 'dictionary', 'byte-stream-split'];
    case 'byte-array':
      return ['plain', 'dictionary', 'delta-length', 'delta-bytes'];
    case 'fixed-len-byte-array':
      return ['plain', 'dictionary', 'delta-bytes', 'byte-stream-split'];
    default:
      return ['plain', 'dictionary'];
  }
}

export type PagesToWrite = {
  readonly element: SchemaElement;
  /** null: a null */
  readonly values: readonly (Uint8Array | null)[];
  readonly encoding: PageEncoding;
  readonly kind: PageKind;
  readonly pageRowsMax: number;
};

/** @param random which runs and blocks are made of the values */
export function writePages(column: PagesToWrite, random: Random): readonly Page[] {
  const { element, values, encoding, pageRowsMax } = column;
  const pages: Page[] = [];
  const dictionary = encoding === 'dictionary' ? distinct(values) : [];
  if (encoding === 'dictionary') pages.push(page('dictionary', plainBytes(element, dictionary), dictionary.length, 0));
  for (let start = 0; start < values.length; start += pageRowsMax) {
    pages.push(dataPage(column, values.slice(start, start + pageRowsMax), dictionary, random));
  }
  return pages;
}

function page(kind: Page['kind'], body: Uint8Array, valueCount: number, encoding: number): Page {
  const lengths = { definitionBytes: 0, repetitionBytes: 0, nullCount: 0, rowCount: 0 };
  const levels = { definitionEncoding: 3, repetitionEncoding: 3 };
  return { kind, body, valueCount, encoding, isCompressed: false, plainBytes: body.length, ...lengths, ...levels };
}

function dataPage(
  { element, encoding, kind }: PagesToWrite,
  rows: readonly (Uint8Array | null)[],
  dictionary: readonly Uint8Array[],
  random: Random,
): Page {
  const present = rows.filter(value => value !== null);
  const values = encodedValues(element, { values: present, encoding, dictionary }, random);
  const id = encodingIds[encoding];
  const isOptional = element.repetition === 'optional';
  const bits = rows.map(value => (value === null ? 0n : 1n));
  if (kind === 'bit-packed-levels') {
    const bytes = new Uint8Array((rows.length + 7) >> 3);
    for (const [row, bit] of bits.entries())
      bytes[row >> 3] = (bytes[row >> 3] ?? 0) | (Number(bit) << (7 - (row & 7)));
    const body = isOptional ? concatBytes([bytes, values]) : values;
    return { ...page('data', body, rows.length, id), definitionEncoding: 4 };
  }
  const levels = isOptional ? runs(bits, 1, random) : new Uint8Array();
  if (kind === 'data') {
    return page('data', concatBytes(isOptional ? [uint32(levels.length), levels, values] : [values]), rows.length, id);
  }
  const counts = { nullCount: rows.length - present.length, rowCount: rows.length, definitionBytes: levels.length };
  return { ...page('data-v2', concatBytes([levels, values]), rows.length, id), ...counts };
}

type ValuesToWrite = {
  readonly values: readonly Uint8Array[];
  readonly encoding: PageEncoding;
  readonly dictionary: readonly Uint8Array[];
};

function encodedValues(
  element: SchemaElement,
  { values, encoding, dictionary }: ValuesToWrite,
  random: Random,
): Uint8Array {
  switch (encoding) {
    case 'plain':
      return plainBytes(element, values);
    case 'dictionary': {
      const places = new Map(dictionary.map((value, index) => [hexOf(value), BigInt(index)]));
      const bitWidth = 32 - Math.clz32(Math.max(0, dictionary.length - 1)) + Math.floor(random.next() * 2);
      const indexes = values.map(value => places.get(hexOf(value)) ?? 0n);
      return concatBytes([Uint8Array.of(bitWidth), runs(indexes, bitWidth, random)]);
    }
    case 'rle': {
      const packed = runs(
        values.map(([byte = 0]) => BigInt(byte)),
        1,
        random,
      );
      return concatBytes([uint32(packed.length), packed]);
    }
    case 'delta':
      return deltas(values.map(signed), random, element.physical === 'int32' ? 32 : 64);
    case 'delta-length':
      return concatBytes([
        deltas(
          values.map(({ length }) => BigInt(length)),
          random,
          32,
        ),
        ...values,
      ]);
    case 'delta-bytes': {
      const prefixes = values.map((value, index) => sharedBytes(values[index - 1], value));
      const suffixes = values.map((value, index) => value.subarray(prefixes[index]));
      return concatBytes([
        deltas(prefixes.map(BigInt), random, 32),
        deltas(
          suffixes.map(({ length }) => BigInt(length)),
          random,
          32,
        ),
        ...suffixes,
      ]);
    }
    case 'byte-stream-split': {
      const width = values[0]?.length ?? 0;
      return Uint8Array.from({ length: width * values.length }, (_, at) => {
        return values[at % values.length]?.[Math.floor(at / values.length)] ?? 0;
      });
    }
  }
}

function plainBytes({ physical }: SchemaElement, values: readonly Uint8Array[]): Uint8Array {
  if (physical === 'boolean')
    return packed(
      values.map(([byte = 0]) => BigInt(byte)),
      1,
    );
  if (physical === 'byte-array') return concatBytes(values.flatMap(value => [uint32(value.length), value]));
  return concatBytes(values);
}

/** Runs of one value and packed groups, as chance has it; every value once. */
function runs(values: readonly bigint[], bitWidth: number, random: Random): Uint8Array {
  const parts: Uint8Array[] = [];
  let at = 0;
  while (at < values.length) {
    let same = 1;
    while (values[at + same] === values[at] && at + same < values.length) same += 1;
    if (same > 1 + random.next() * 12) {
      parts.push(varint(BigInt(same) << 1n), bytesOf(values[at] ?? 0n, Math.ceil(bitWidth / 8)));
      at += same;
      continue;
    }
    const groups = 1 + Math.floor(random.next() * 6);
    const taken = values.slice(at, at + groups * 8);
    // Groups are whole; what fills the last one up may be anything.
    const padding = Array.from({ length: groups * 8 - taken.length }, () => BigInt(Math.floor(random.next() * 2)));
    parts.push(varint((BigInt(groups) << 1n) | 1n), packed(bitWidth === 0 ? taken : [...taken, ...padding], bitWidth));
    at += taken.length;
  }
  return concatBytes(parts);
}

function deltas(values: readonly bigint[], random: Random, bits: number): Uint8Array {
  // Blocks are multiples of 128 values, miniblocks of 32.
  const blockValues = 128 * (1 + Math.floor(random.next() * 2));
  const miniblocks = 2 ** Math.floor(random.next() * 3);
  const miniblockValues = blockValues / miniblocks;
  const [first = 0n] = values;
  const header = [BigInt(blockValues), BigInt(miniblocks), BigInt(values.length), zigzag(first)];
  const parts = header.map(varint);
  const differences = values.slice(1).map((value, index) => BigInt.asIntN(bits, value - (values[index] ?? 0n)));
  for (let start = 0; start < differences.length; start += blockValues) {
    const block = differences.slice(start, start + blockValues);
    const least = block.reduce((min, value) => (value < min ? value : min));
    const groups = Array.from({ length: miniblocks }, (_, index) => {
      return block
        .slice(index * miniblockValues, (index + 1) * miniblockValues)
        .map(value => BigInt.asUintN(bits, value - least));
    });
    const widths = groups.map(group =>
      Math.max(0, ...group.map(value => (value === 0n ? 0 : value.toString(2).length))),
    );
    parts.push(varint(zigzag(least)), Uint8Array.from(widths));
    for (const [index, group] of groups.entries()) {
      if (group.length === 0) continue;
      const padding = Array.from({ length: miniblockValues - group.length }, () => 0n);
      parts.push(packed([...group, ...padding], widths[index] ?? 0));
    }
  }
  return concatBytes(parts);
}

function packed(values: readonly bigint[], bitWidth: number): Uint8Array {
  const bytes = new Uint8Array(Math.ceil((values.length * bitWidth) / 8));
  for (const [index, value] of values.entries()) {
    for (let bit = 0; bit < bitWidth; bit += 1) {
      const at = index * bitWidth + bit;
      bytes[at >> 3] = (bytes[at >> 3] ?? 0) | (Number((value >> BigInt(bit)) & 1n) << (at & 7));
    }
  }
  return bytes;
}

function distinct(values: readonly (Uint8Array | null)[]): readonly Uint8Array[] {
  const found = new Map<string, Uint8Array>();
  for (const value of values) if (value !== null) found.set(hexOf(value), value);
  return [...found.values()];
}

function sharedBytes(before: Uint8Array | undefined, value: Uint8Array): number {
  let shared = 0;
  while (before !== undefined && shared < Math.min(before.length, value.length) && before[shared] === value[shared]) {
    shared += 1;
  }
  return shared;
}

function signed(bytes: Uint8Array): bigint {
  const unsigned = bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  return BigInt.asIntN(bytes.length * 8, unsigned);
}

function bytesOf(value: bigint, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => Number((value >> BigInt(index * 8)) & 0xffn));
}

function uint32(value: number): Uint8Array {
  return bytesOf(BigInt(value), 4);
}

function varint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  for (let rest = BigInt.asUintN(64, value); ; rest >>= 7n) {
    if (rest < 0x80n) return Uint8Array.from([...bytes, Number(rest)]);
    bytes.push(Number(rest & 0x7fn) | 0x80);
  }
}

function zigzag(value: bigint): bigint {
  return BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
