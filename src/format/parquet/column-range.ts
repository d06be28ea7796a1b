/** The bounds of a column in a row group, from the footer, as scalars. */
import { isUtf8 } from 'node:buffer';
import type { DataType } from '../../types/data-type.ts';
import type { ColumnRange } from '../../types/prune.ts';
import type { Scalar } from '../../types/scalar.ts';
import { floorDiv, nanosPerMilli } from '../../types/time.ts';
import type { ColumnChunk, SchemaElement } from './footer.ts';
import { nanosPer, timestampUnit, unitOfPrecision } from './leaf-time.ts';

/**
 * Bounds are null where they are not known, and where all values are null. Those of FLOAT and DOUBLE do not cover NaN,
 * which some writers leave out of their statistics.
 *
 * @param type the type that the column is read as; without it, the one that the file's annotation suggests
 * @returns undefined when the file says nothing that can be used
 */
export function columnRange(chunk: ColumnChunk, leaf: SchemaElement, type?: DataType): ColumnRange | undefined {
  const { statistics } = chunk;
  if (statistics === undefined) return undefined;
  const nullCount = statistics.nullCount ?? (leaf.repetition === 'required' ? 0 : undefined);
  if (nullCount === chunk.valueCount) return { min: null, max: null, nullCount };
  const min = statistics.min === undefined ? undefined : boundOf(statistics.min, leaf, type, 'min');
  const max = statistics.max === undefined ? undefined : boundOf(statistics.max, leaf, type, 'max');
  return { min: min ?? null, max: max ?? null, nullCount };
}

function boundOf(
  bytes: Uint8Array,
  leaf: SchemaElement,
  type: DataType | undefined,
  side: 'min' | 'max',
): Exclude<Scalar, null> | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isDecimal = type === undefined ? leaf.annotation?.kind === 'decimal' : type.kind === 'decimal';
  switch (leaf.physical) {
    case 'boolean':
      return bytes.length === 1 && accepts(type, 'boolean') ? bytes[0] === 1 : undefined;
    case 'int32':
      if (bytes.length !== 4 || isUnsigned(leaf)) return undefined;
      return isDecimal ? BigInt(view.getInt32(0, true)) : int32Bound(view.getInt32(0, true), type);
    case 'int64':
      if (bytes.length !== 8 || isUnsigned(leaf)) return undefined;
      return isDecimal ? view.getBigInt64(0, true) : int64Bound(view.getBigInt64(0, true), leaf, type);
    case 'float':
      return bytes.length === 4 && accepts(type, 'float', 'double')
        ? ordered(view.getFloat32(0, true), side)
        : undefined;
    case 'double':
      return bytes.length === 8 && accepts(type, 'double') ? ordered(view.getFloat64(0, true), side) : undefined;
    case 'byte-array':
    case 'fixed-len-byte-array':
      return isDecimal ? bigEndian(bytes) : bytesBound(bytes, leaf, type);
    default:
      return undefined;
  }
}

function accepts(type: DataType | undefined, ...kinds: readonly DataType['kind'][]): boolean {
  return type === undefined || kinds.includes(type.kind);
}

function isUnsigned({ annotation }: SchemaElement): boolean {
  return annotation?.kind === 'integer' && !annotation.isSigned;
}

function int32Bound(value: number, type: DataType | undefined): number | bigint | undefined {
  if (type?.kind === 'bigint') return BigInt(value);
  return accepts(type, 'tinyint', 'smallint', 'int', 'date', 'time') ? value : undefined;
}

function int64Bound(value: bigint, leaf: SchemaElement, type: DataType | undefined): number | bigint | undefined {
  const { annotation } = leaf;
  if (type?.kind === 'timestamp' || type?.kind === 'timestamp-ltz') {
    // As values are read: what the type has no digits for is cut off.
    const step = nanosPer[unitOfPrecision(type.precision)];
    return floorDiv(value * nanosPer[timestampUnit(leaf, type.precision)], step) * step;
  }
  if (annotation?.kind === 'timestamp') return type === undefined ? value * nanosPer[annotation.unit] : undefined;
  if (annotation?.kind === 'time') {
    const perMilli = nanosPerMilli / nanosPer[annotation.unit];
    return accepts(type, 'time') ? Number(floorDiv(value, perMilli)) : undefined;
  }
  return accepts(type, 'bigint') ? value : undefined;
}

/** A NaN bounds nothing. The sign of a zero may have been lost, so it is the one that excludes neither. */
function ordered(value: number, side: 'min' | 'max'): number | undefined {
  if (Number.isNaN(value)) return undefined;
  if (value === 0) return side === 'min' ? -0 : 0;
  return value;
}

function bigEndian(bytes: Uint8Array): bigint | undefined {
  if (bytes.length === 0 || bytes.length > 16) return undefined;
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return BigInt.asIntN(bytes.length * 8, value);
}

function bytesBound(
  bytes: Uint8Array,
  leaf: SchemaElement,
  type: DataType | undefined,
): string | Uint8Array | undefined {
  const isText =
    type === undefined ? leaf.annotation?.kind === 'string' : type.kind === 'char' || type.kind === 'varchar';
  if (!isText) return accepts(type, 'binary', 'varbinary') ? bytes : undefined;
  // A bound that was cut within a character is no text, and mending it could move it past a value.
  return isUtf8(bytes) ? Buffer.from(bytes).toString('utf8') : undefined;
}
