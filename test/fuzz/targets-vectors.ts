/** Index files: deletion vectors and the bitmaps in them, hash indexes. */
import { present } from '../../src/base/assert.ts';
import { crc32 } from '../../src/bytes/crc32.ts';
import {
  decodeDeletionVector,
  deletedPositions,
  encodeVectorFile,
  positionsEnd,
  type VectorBits,
} from '../../src/format/deletion-vector.ts';
import { BitSliceIndexBuilder, bitSliceKeys } from '../../src/format/file-index/bit-slice-index.ts';
import { BitmapIndexBuilder, bitmapValueCodec } from '../../src/format/file-index/bitmap-index.ts';
import { BloomFilterBuilder } from '../../src/format/file-index/bloom-filter.ts';
import { decodeFileIndex, encodeFileIndex } from '../../src/format/file-index/container.ts';
import { askFileIndex } from '../../src/format/file-index/index-match.ts';
import { RangeBitmapBuilder, rangeKeys } from '../../src/format/file-index/range-bitmap.ts';
import { decodeHashIndex, encodeHashIndex } from '../../src/format/hash-index.ts';
import { decodeRoaring, encodeRoaring, numbersIn } from '../../src/format/roaring.ts';
import {
  decodeRoaring64,
  encodeRoaring64,
  numbersIn64,
  type RoaringBitmap64,
  roaring64Of,
  uniteRoaring64,
} from '../../src/format/roaring64.ts';
import type { DataType } from '../../src/types/data-type.ts';
import { goldenFiles } from './corpus.ts';
import { type Mutator, mutateBytes } from './mutate-bytes.ts';
import { comesBack, holds, type Target } from './target.ts';

const where = 'fuzz';
const positionsMax = 100_000;

/** Lists, bitmaps and runs, in one container and in many. */
const samples: readonly (readonly number[])[] = [
  [0],
  [5, 7],
  Array.from({ length: 3_000 }, (_, index) => index * 7),
  Array.from({ length: 20_000 }, (_, index) => index * 2),
  Array.from({ length: 9_000 }, (_, index) => index + 60_000),
  Array.from({ length: 400 }, (_, index) => index * 65_537),
  [4_294_967_295],
];

/** Trees with nodes of every size, and containers of every kind. */
const samples64: readonly (readonly bigint[])[] = [
  [],
  [7n],
  [1n, 2n ** 40n, 2n ** 63n + 5n],
  ...[3, 12, 40, 60].map(count => Array.from({ length: count }, (_, index) => BigInt(index * 65_536 + 3))),
  samples.slice(2, 5).flatMap(numbers => numbers.map(BigInt)),
];

function records(bits: VectorBits): readonly Uint8Array[] {
  return samples.map(positions => encodeVectorFile([{ fileName: 'f', positions }], bits).bytes.subarray(1));
}

/** The records of index files that hold one vector. */
function goldenRecords(): readonly Uint8Array[] {
  return goldenFiles(/\/dv_[a-z0-9]+\/index\/index-/).map(bytes => bytes.subarray(1));
}

/** What is inside changes, and length and checksum fit again. */
const mutateRecord: Mutator = (input, random, other) => {
  if (random.next() < 0.2 || input.length < 12) return mutateBytes(input, random, other);
  const body = mutateBytes(input.subarray(4, input.length - 4), random, other.subarray(4));
  const record = new Uint8Array(body.length + 8);
  const view = new DataView(record.buffer);
  record.set(body, 4);
  view.setInt32(0, body.length);
  view.setUint32(4 + body.length, crc32(body));
  return record;
};

/** A container with a bloom filter and a bitmap index. */
function indexFiles(): readonly Uint8Array[] {
  const indexes = [undefined, 'value'].map(value => {
    const bloom = new BloomFilterBuilder({ items: 10, falsePositiveShare: 0.1 });
    const bitmap = new BitmapIndexBuilder(indexedType, indexedCodec, 48);
    for (let row = 0; row < indexedRows; row += 1) {
      bloom.add(BigInt(row) * 7n ** 20n);
      bitmap.add(value === undefined || row % 5 === 0 ? null : `${value}${row % 4}`);
    }
    return encodeFileIndex([
      { column: 'v', kind: 'bloom-filter', bytes: bloom.finish() },
      { column: 'v', kind: 'bitmap', bytes: bitmap.finish() },
    ]);
  });
  return [...indexes, ...goldenFiles(/file_index\/bucket-0\/.*\.index$/).map(bytes => bytes.subarray(0, 200))];
}

const indexedType: DataType = { kind: 'varchar', length: 100, nullable: true };
const indexedCodec = bitmapValueCodec(indexedType) ?? (() => new Uint8Array());
const indexedRows = 12;

/** Containers with an index that keeps its values in order, of every type it knows: of strings and of fixed length. */
function orderedIndexes(): readonly Uint8Array[] {
  const values = [3n, 70_000n, null, -5n, 3n, 0n, 9n, 9n, null, 2n ** 40n, -(2n ** 50n), 1n];
  const bsi = new BitSliceIndexBuilder(present(bitSliceKeys(orderedTypes[0]), 'keys'));
  for (const value of values) bsi.add(value);
  const ranges = orderedTypes.map(type => {
    const range = new RangeBitmapBuilder(present(rangeKeys(type), 'keys'), 16);
    for (const value of values) range.add(value === null || type.kind === 'bigint' ? value : String(value));
    return { column: type.kind, kind: 'range-bitmap', bytes: present(range.finish(), 'index') };
  });
  const slices = { column: 'bigint', kind: 'bsi', bytes: present(bsi.finish(), 'index') };
  return [...ranges, slices].map(index => encodeFileIndex([index]));
}

/** Each is that of the column of its name. */
const orderedTypes = [{ kind: 'bigint', nullable: true }, indexedType] as const;

export const vectorTargets: readonly Target[] = [
  {
    name: 'file-index',
    decoders: ['decodeFileIndex', 'readBitmapIndex', 'readBloomFilter', 'parseFileIndexOptions'],
    corpus: indexFiles,
    mutate: mutateBytes,
    decode: input => {
      const indexes = decodeFileIndex(input, where);
      const file = { columnOf: (name: string) => ({ name, type: indexedType }), rowCount: indexedRows, where };
      const answers = ['value1', 'other'].map(value =>
        askFileIndex(input, { kind: 'compare', op: '=', column: 'v', value }, file),
      );
      return { indexes, answers };
    },
  },
  {
    name: 'ordered-index',
    decoders: ['readRangeBitmap', 'readRangeDictionary', 'readRowBitmap', 'readBitSliceIndex'],
    corpus: orderedIndexes,
    mutate: mutateBytes,
    decode: input =>
      orderedTypes.map(type => {
        const file = { columnOf: (name: string) => ({ name, type }), rowCount: indexedRows, where };
        const value = type.kind === 'bigint' ? 9n : '9';
        const answer = askFileIndex(input, { kind: 'compare', op: '<', column: type.kind, value }, file);
        return typeof answer === 'string' ? answer : Array.from({ length: indexedRows }, (_, row) => answer.has(row));
      }),
  },
  {
    name: 'hash-index',
    decoders: ['decodeHashIndex'],
    corpus: () => [...goldenFiles(/\/dyn_[a-z]+\/index\/index-/), encodeHashIndex([0, -1, 2_147_483_647])],
    mutate: mutateBytes,
    decode: input => comesBack(decodeHashIndex(input, where), encodeHashIndex, bytes => decodeHashIndex(bytes, where)),
  },
  {
    name: 'roaring64',
    decoders: ['decodeRoaring64', 'readRadixTree', 'readContainerOf'],
    corpus: () => samples64.map(numbers => encodeRoaring64(roaring64Of(numbers))),
    mutate: mutateBytes,
    decode: input => {
      const again = (bytes: Uint8Array): RoaringBitmap64 => decodeRoaring64(Uint8Array.from(bytes), where);
      const set = comesBack(again(input), encodeRoaring64, again);
      const numbers = [...numbersIn64(set)];
      holds(
        numbers.every((number, index) => index === 0 || number > (numbers[index - 1] ?? 0n)),
        'numbers out of order',
      );
      const both = uniteRoaring64(decodeRoaring64(input, where), roaring64Of([5n, 2n ** 63n]));
      const united = [...numbersIn64(decodeRoaring64(encodeRoaring64(both), where))];
      holds(new Set([...numbers, 5n, 2n ** 63n]).size === united.length, 'a union of another size');
      return numbers.length;
    },
  },
  {
    name: 'roaring',
    decoders: ['decodeRoaring'],
    corpus: () => samples.map(encodeRoaring),
    mutate: mutateBytes,
    decode: input => {
      const { bitmap, end } = decodeRoaring(input, 0, where);
      holds(end <= input.length, 'an end beyond the bytes');
      if (bitmap.cardinality > positionsMax) return bitmap;
      const numbers = [...numbersIn(bitmap, 0, 2 ** 32)];
      holds(numbers.length === bitmap.cardinality, 'another count of numbers than announced');
      holds(
        numbers.every((number, index) => index === 0 || number > (numbers[index - 1] ?? 0)),
        'numbers out of order',
      );
      const again = decodeRoaring(encodeRoaring(numbers), 0, where);
      holds([...numbersIn(again.bitmap, 0, 2 ** 32)].join() === numbers.join(), 'a set that comes back as another');
      return bitmap;
    },
  },
  {
    name: 'deletion-vector',
    decoders: ['decodeDeletionVector'],
    corpus: () => [...records(32), ...records(64), ...goldenRecords()],
    mutate: mutateRecord,
    decode: input => {
      const view = new DataView(input.buffer, input.byteOffset, input.length);
      const claimed = input.length < 8 ? 0 : view.getInt32(0);
      const is64 = input.length >= 8 && view.getInt32(4, true) === 1_681_511_377;
      const range = { fileName: 'f', offset: 0, length: is64 ? claimed + 8 : claimed, cardinality: undefined };
      const vector = decodeDeletionVector(input, range, where);
      if (vector.cardinality > positionsMax) return vector;
      const end = positionsEnd(vector);
      const positions = [...deletedPositions(vector, 0, end)];
      holds(positions.length === vector.cardinality, 'another count of positions than announced');
      holds((positions.at(-1) ?? -1) + 1 === end, 'another end than the last position');
      return vector;
    },
  },
];
