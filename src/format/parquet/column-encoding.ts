/**
 * Which encoding a column of a row group gets, from a sample of its values: a dictionary where few values come often,
 * deltas where neighbours are near each other, else plain. Of byte strings only the first and the last are considered:
 * Paimon 1.4.2 misreads DELTA_LENGTH_BYTE_ARRAY and refuses BYTE_STREAM_SPLIT.
 */
import {
  bitAt,
  float32Values,
  float64Values,
  int8Values,
  int16Values,
  int32Values,
  int64Values,
  nullBitsOf,
  offsetsOf,
  physicalOf,
  uint8Values,
  uint32Values,
} from '../../types/column-buffers.ts';
import { type DataType, isAtomic } from '../../types/data-type.ts';
import type { Column } from '../../types/row-batch.ts';
import type { ColumnEncoding, GivenEncoding } from './wasm-door.ts';

const plain: ColumnEncoding = { dictionary: false, values: 'plain' };
const delta: ColumnEncoding = { dictionary: false, values: 'delta' };
const dictionary: ColumnEncoding = { dictionary: true, values: 'plain' };

/** Rows looked at for repeated values. */
const sampleRowsMax = 1024;
/** Neighbours looked at for deltas: so many runs of so many rows. A run is a miniblock of the encoding. */
const runsMax = 16;
const runRows = 32;
/** A larger dictionary would outgrow its page and be given up by the encoder half-way. */
const dictionaryBytesMax = 256 * 1024;
/** An encoding that saves less than this is not worth its decoding. */
const worthwhile = 0.75;

export type EncodingLimits = {
  /** Only encodings of Parquet's first version, which is all that Paimon 0.9 reads. */
  readonly withoutDeltas?: boolean | undefined;
};

/**
 * @param rowCount rows of the whole row group, of which `column` may be a part
 * @returns undefined for nested columns
 */
export function chooseEncoding(
  column: Column,
  type: DataType,
  rowCount: number,
  { withoutDeltas }: EncodingLimits = {},
): GivenEncoding {
  if (!isAtomic(type)) return undefined;
  const values = valuesOf(column, type);
  if (values === undefined || column.length === 0) return plain;
  const plainBits = values.bits;
  const dictionaryBits = bitsWithDictionary(values, column, rowCount);
  const numberAt = withoutDeltas === true ? undefined : values.numberAt;
  const deltaBits = numberAt === undefined ? plainBits : bitsWithDeltas(numberAt, column);
  if (Math.min(dictionaryBits, deltaBits) > plainBits * worthwhile) return plain;
  return dictionaryBits <= deltaBits ? dictionary : delta;
}

type SampledValues = {
  /** Equal for equal values. */
  readonly keyAt: (row: number) => number | bigint | string;
  /** For integers: as a number, where large ones may lose their last bits. */
  readonly numberAt: ((row: number) => number) | undefined;
  /** Mean size of a value in plain encoding. */
  readonly bits: number;
};

/** @returns undefined for columns that are always plain */
function valuesOf(column: Column, type: DataType): SampledValues | undefined {
  const physical = physicalOf(type);
  switch (physical) {
    case 'bool':
    case 'fixed12':
      return undefined;
    case 'int8':
      return integers(int8Values(column));
    case 'int16':
      return integers(int16Values(column));
    case 'int32':
      return integers(int32Values(column));
    case 'int64': {
      const values = int64Values(column);
      return { keyAt: row => values[row] ?? 0n, numberAt: row => Number(values[row] ?? 0n), bits: 64 };
    }
    case 'float32':
      return numbers(float32Values(column), 32);
    case 'float64':
      return numbers(float64Values(column), 64);
    case 'decimal128':
      return decimals(uint32Values(column), type.kind === 'decimal' ? type.precision : 38);
    case 'utf8':
    case 'bytes':
      return byteStrings(column);
    default:
      return undefined;
  }
}

function integers(values: Int8Array | Int16Array | Int32Array): SampledValues {
  const numberAt = (row: number): number => values[row] ?? 0;
  return { keyAt: numberAt, numberAt, bits: 32 };
}

function numbers(values: Float32Array | Float64Array, bits: number): SampledValues {
  return { keyAt: row => values[row] ?? 0, numberAt: undefined, bits };
}

function decimals(words: Uint32Array, precision: number): SampledValues {
  if (precision > 18) {
    return { keyAt: row => words.subarray(row * 4, row * 4 + 4).join(), numberAt: undefined, bits: 128 };
  }
  const numberAt = (row: number): number => ((words[row * 4 + 1] ?? 0) | 0) * 2 ** 32 + (words[row * 4] ?? 0);
  return { keyAt: numberAt, numberAt, bits: precision <= 9 ? 32 : 64 };
}

function byteStrings(column: Column): SampledValues {
  const bytes = uint8Values(column);
  const offsets = offsetsOf(column);
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const total = (offsets[column.length] ?? 0) - (offsets[0] ?? 0);
  return {
    keyAt: row => buffer.toString('latin1', offsets[row] ?? 0, offsets[row + 1] ?? 0),
    numberAt: undefined,
    bits: 32 + (8 * total) / column.length,
  };
}

function bitsWithDictionary(values: SampledValues, column: Column, rowCount: number): number {
  const nulls = nullBitsOf(column);
  const step = Math.max(1, column.length / sampleRowsMax);
  const distinct = new Set<number | bigint | string>();
  let sampled = 0;
  for (let at = 0; at < column.length; at += step) {
    const row = Math.floor(at);
    if (nulls !== undefined && bitAt(nulls, row) === 0) continue;
    distinct.add(values.keyAt(row));
    sampled += 1;
  }
  const distinctCount = Math.min(rowCount, estimateDistinct(sampled, distinct.size));
  const dictionaryBits = distinctCount * values.bits;
  if (dictionaryBits > dictionaryBytesMax * 8) return Number.POSITIVE_INFINITY;
  return Math.ceil(Math.log2(Math.max(1, distinctCount))) + dictionaryBits / rowCount;
}

/** How many values there are when a sample of them, evenly frequent, shows so many: d = D (1 - exp(-n/D)), solved for D. */
function estimateDistinct(sampled: number, distinct: number): number {
  if (distinct <= 1 || sampled === 0) return distinct;
  // With all or nearly all different, the sample tells nothing but "many".
  if (distinct >= sampled * 0.98) return Number.POSITIVE_INFINITY;
  let low = distinct;
  let high = sampled * sampled;
  for (let i = 0; i < 40; i += 1) {
    const middle = (low + high) / 2;
    if (middle * (1 - Math.exp(-sampled / middle)) < distinct) low = middle;
    else high = middle;
  }
  return high;
}

function bitsWithDeltas(numberAt: (row: number) => number, column: Column): number {
  const runs = Math.max(1, Math.min(runsMax, Math.floor(column.length / runRows)));
  const step = Math.max(runRows, Math.floor(column.length / runs));
  let bits = 0;
  let count = 0;
  for (let start = 0; start < column.length; start += step) {
    const end = Math.min(column.length, start + runRows);
    let least = Number.POSITIVE_INFINITY;
    let most = Number.NEGATIVE_INFINITY;
    for (let row = start + 1; row < end; row += 1) {
      const difference = numberAt(row) - numberAt(row - 1);
      if (difference < least) least = difference;
      if (difference > most) most = difference;
    }
    if (most < least) continue;
    bits += Math.ceil(Math.log2(most - least + 1)) + 1;
    count += 1;
  }
  return count === 0 ? Number.POSITIVE_INFINITY : bits / count;
}
