/**
 * The loops under `gather.ts` for values of fixed width and for null bits. Floats are moved as integers: a NaN keeps its
 * bits, and each loop sees few kinds of array, which keeps it compiled well. Values of 64 bits are moved as two halves: read
 * as a bigint, each would be an object until the loop is compiled at its best.
 */
import { unreachable } from '../base/assert.ts';
import {
  bitAt,
  type ColumnValues,
  float32Values,
  float64Values,
  int8Values,
  int16Values,
  int32Values,
  int64Values,
  nullBitsOf,
  type Physical,
  uint8Values,
  uint32Values,
} from './column-buffers.ts';
import type { LocalPicks } from './local-picks.ts';
import type { Column } from './row-batch.ts';

export type BatchIndex = Uint8Array | Uint16Array | Uint32Array;

/** Which rows: row `rowIndex[i]` of source `batchIndex[i]`. */
export type Picks = {
  readonly batchIndex: BatchIndex;
  readonly rowIndex: Uint32Array;
  /** There when they jump all over: for the loops that have most to move. */
  readonly local?: LocalPicks | undefined;
};

export type GatheredNulls = { readonly nullBitmap?: Uint8Array; readonly nullCount: number };

/** Null bits of the picked rows; no bitmap when no source has nulls or no null was picked. */
export function gatherNulls(sources: readonly Column[], picks: Picks): GatheredNulls {
  const { batchIndex, rowIndex } = picks;
  const bits = sources.map(nullBitsOf);
  if (bits.every(sourceBits => sourceBits === undefined)) return { nullCount: 0 };
  const length = rowIndex.length;
  const nullBitmap = new Uint8Array((length + 7) >> 3);
  let validCount = 0;
  for (let i = 0; i < length; i += 1) {
    const sourceBits = bits[batchIndex[i] ?? 0];
    const bit = sourceBits === undefined ? 1 : bitAt(sourceBits, rowIndex[i] ?? 0);
    if (bit === 1) nullBitmap[i >> 3] = (nullBitmap[i >> 3] ?? 0) | (1 << (i & 7));
    validCount += bit;
  }
  return validCount === length ? { nullCount: 0 } : { nullBitmap, nullCount: length - validCount };
}

/** Values of the picked rows. */
export function gatherValues(
  physical: Exclude<Physical, 'utf8' | 'bytes'>,
  sources: readonly Column[],
  picks: Picks,
): ColumnValues {
  const length = picks.rowIndex.length;
  switch (physical) {
    case 'bool':
      return gatherBits(sources.map(uint8Values), picks);
    case 'int8':
      return gatherInts(new Int8Array(length), sources.map(int8Values), picks);
    case 'int16':
      return gatherInts(new Int16Array(length), sources.map(int16Values), picks);
    case 'int32':
      return gatherInts(new Int32Array(length), sources.map(int32Values), picks);
    case 'float32': {
      const words = sources.map(source => asInt32(float32Values(source)));
      return new Float32Array(gatherInts(new Int32Array(length), words, picks).buffer);
    }
    case 'int64':
      return new BigInt64Array(gatherPairs(sources.map(int64Values).map(asInt32), picks).buffer);
    case 'float64':
      return new Float64Array(gatherPairs(sources.map(float64Values).map(asInt32), picks).buffer);
    case 'decimal128':
      return gatherDecimal128(sources.map(uint32Values), picks);
    case 'fixed12':
      return gatherFixed12(sources.map(uint8Values), picks);
    default:
      return unreachable(physical);
  }
}

function asInt32(values: Float32Array | Float64Array | BigInt64Array): Int32Array {
  return new Int32Array(values.buffer, values.byteOffset, values.byteLength >> 2);
}

function gatherBits(sources: readonly Uint8Array[], picks: Picks): Uint8Array {
  const { batchIndex, rowIndex } = picks;
  const out = new Uint8Array((rowIndex.length + 7) >> 3);
  for (let i = 0; i < rowIndex.length; i += 1) {
    const source = sources[batchIndex[i] ?? 0];
    if (source !== undefined && bitAt(source, rowIndex[i] ?? 0) === 1)
      out[i >> 3] = (out[i >> 3] ?? 0) | (1 << (i & 7));
  }
  return out;
}

function gatherInts<A extends Int8Array | Int16Array | Int32Array>(out: A, sources: readonly A[], picks: Picks): A {
  const { batchIndex, rowIndex, local } = picks;
  if (local !== undefined) {
    for (let j = 0; j < local.places.length; j += 1) {
      const source = sources[local.batchIndex[j] ?? 0];
      out[local.places[j] ?? 0] = source?.[local.rowIndex[j] ?? 0] ?? 0;
    }
    return out;
  }
  const [only] = sources;
  if (sources.length === 1 && only !== undefined) {
    for (let i = 0; i < rowIndex.length; i += 1) out[i] = only[rowIndex[i] ?? 0] ?? 0;
    return out;
  }
  for (let i = 0; i < rowIndex.length; i += 1) {
    const source = sources[batchIndex[i] ?? 0];
    out[i] = source?.[rowIndex[i] ?? 0] ?? 0;
  }
  return out;
}

/** Values of two words. */
function gatherPairs(sources: readonly Int32Array[], picks: Picks): Int32Array {
  const { batchIndex, rowIndex, local } = picks;
  if (local !== undefined) return scatterPairs(sources, local);
  const out = new Int32Array(rowIndex.length * 2);
  const [only] = sources;
  if (sources.length === 1 && only !== undefined) {
    for (let i = 0; i < rowIndex.length; i += 1) {
      const from = (rowIndex[i] ?? 0) * 2;
      out[i * 2] = only[from] ?? 0;
      out[i * 2 + 1] = only[from + 1] ?? 0;
    }
    return out;
  }
  for (let i = 0; i < rowIndex.length; i += 1) {
    const source = sources[batchIndex[i] ?? 0];
    if (source === undefined) continue;
    const from = (rowIndex[i] ?? 0) * 2;
    out[i * 2] = source[from] ?? 0;
    out[i * 2 + 1] = source[from + 1] ?? 0;
  }
  return out;
}

function scatterPairs(sources: readonly Int32Array[], { batchIndex, rowIndex, places }: LocalPicks): Int32Array {
  const out = new Int32Array(places.length * 2);
  for (let j = 0; j < places.length; j += 1) {
    const source = sources[batchIndex[j] ?? 0];
    if (source === undefined) continue;
    const from = (rowIndex[j] ?? 0) * 2;
    const to = (places[j] ?? 0) * 2;
    out[to] = source[from] ?? 0;
    out[to + 1] = source[from + 1] ?? 0;
  }
  return out;
}

function gatherDecimal128(sources: readonly Uint32Array[], picks: Picks): Uint32Array {
  const { batchIndex, rowIndex } = picks;
  const out = new Uint32Array(rowIndex.length * 4);
  for (let i = 0; i < rowIndex.length; i += 1) {
    const source = sources[batchIndex[i] ?? 0];
    if (source === undefined) continue;
    const from = (rowIndex[i] ?? 0) * 4;
    const to = i * 4;
    out[to] = source[from] ?? 0;
    out[to + 1] = source[from + 1] ?? 0;
    out[to + 2] = source[from + 2] ?? 0;
    out[to + 3] = source[from + 3] ?? 0;
  }
  return out;
}

function gatherFixed12(sources: readonly Uint8Array[], picks: Picks): Uint8Array {
  const { batchIndex, rowIndex } = picks;
  const out = new Uint8Array(rowIndex.length * 12);
  const target = new DataView(out.buffer);
  const views = sources.map(source => new DataView(source.buffer, source.byteOffset, source.byteLength));
  for (let i = 0; i < rowIndex.length; i += 1) {
    const source = views[batchIndex[i] ?? 0];
    if (source === undefined) continue;
    const from = (rowIndex[i] ?? 0) * 12;
    target.setBigInt64(i * 12, source.getBigInt64(from, true), true);
    target.setInt32(i * 12 + 8, source.getInt32(from + 8, true), true);
  }
  return out;
}
