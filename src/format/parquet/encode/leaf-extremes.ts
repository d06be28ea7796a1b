/** The least and the greatest value of a column where its bounds have been found already: what `columnExtremes` finds, for less. */
import { isUtf8 } from 'node:buffer';
import { unreachable } from '../../../base/assert.ts';
import { bitAt, physicalOf } from '../../../types/column-buffers.ts';
import { int64Unit } from '../../../types/column-reader.ts';
import type { DataType } from '../../../types/data-type.ts';
import type { Scalar } from '../../../types/scalar.ts';
import { type ColumnExtremes, hasExtremes, highZero, lowZero } from '../../column-extremes.ts';
import type { Bounds } from './bounds.ts';
import { type LeafValues, wordsPerValue } from './leaf-values.ts';

/**
 * @param values among which the bounds are
 * @param bounds undefined where there are no values, and where they have none (`boundsOf`)
 * @param valueCount of rows that are not null
 */
export function leafExtremes(
  values: LeafValues,
  bounds: Bounds | undefined,
  type: DataType,
  { valueCount, nullCount }: { readonly valueCount: number; readonly nullCount: number },
): ColumnExtremes {
  const none = { nullCount, min: null, max: null };
  if (valueCount === 0 || !hasExtremes(type)) return { ...none, ranged: true };
  if (bounds === undefined) return { ...none, ranged: false };
  const [min, max] = [scalarAt(values, bounds.least, type), scalarAt(values, bounds.greatest, type)];
  if (min === undefined || max === undefined) return { ...none, ranged: false };
  if (values.kind !== 'float' && values.kind !== 'double') return { nullCount, min, max, ranged: true };
  return { nullCount, min: lowZero(Number(min)), max: highZero(Number(max)), ranged: true };
}

/** Undefined for bytes of a text that are not UTF-8. */
function scalarAt(values: LeafValues, i: number, type: DataType): Scalar | undefined {
  switch (values.kind) {
    case 'bits':
      return bitAt(values.bits, i) === 1;
    case 'bytes': {
      const { bytes, offsets } = values;
      const text = bytes.subarray(offsets[i] ?? 0, offsets[i + 1] ?? 0);
      return isUtf8(text) ? Buffer.from(text.buffer, text.byteOffset, text.length).toString('utf8') : undefined;
    }
    case 'float':
    case 'double': {
      const width = wordsPerValue[values.kind];
      const own = values.words.slice(i * width, (i + 1) * width);
      return width === 1 ? new Float32Array(own.buffer)[0] : new Float64Array(own.buffer)[0];
    }
    case 'int32': {
      const word = values.words[i] ?? 0;
      return physicalOf(type) === 'decimal128' ? BigInt(word) : word;
    }
    case 'int64':
    case 'int128':
    case 'int96': {
      const width = wordsPerValue[values.kind];
      let value = BigInt(values.words[(i + 1) * width - 1] ?? 0);
      for (let word = width - 2; word >= 0; word -= 1) {
        value = (value << 32n) | BigInt((values.words[i * width + word] ?? 0) >>> 0);
      }
      return physicalOf(type) === 'int64' ? value * int64Unit(type) : value;
    }
    default:
      return unreachable(values);
  }
}
