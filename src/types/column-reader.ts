/** Columns into scalars, row by row: for keys, statistics, printing and tests. */
import { isAscii } from 'node:buffer';
import { unreachable } from '../base/assert.ts';
import {
  bitAt,
  childOf,
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
} from './column-buffers.ts';
import type { DataType } from './data-type.ts';
import { type NestedShape, nestedShape } from './nested-shape.ts';
import type { Column, RowBatch } from './row-batch.ts';
import type { Scalar } from './scalar.ts';
import { nanosPerMicro, nanosPerMilli } from './time.ts';

/** Gives the scalar of a row, null where there is none. Binary values are views into the column. */
export function columnReader(column: Column, type: DataType): (row: number) => Scalar {
  const read = valueReader(column, type);
  const bits = nullBitsOf(column);
  if (bits === undefined) return read;
  return row => (bitAt(bits, row) === 0 ? null : read(row));
}

/** All rows as arrays of scalars. For small results and tests. */
export function rowsOf(batch: RowBatch): Scalar[][] {
  const readers = batch.rowType.fields.map((field, index) => {
    const column = batch.columns[index];
    return column === undefined ? () => null : columnReader(column, field.type);
  });
  return Array.from({ length: batch.rowCount }, (_, row) => readers.map(read => read(row)));
}

function valueReader(column: Column, type: DataType): (row: number) => Scalar {
  const shape = nestedShape(type);
  if (shape !== undefined) return nestedReader(column, shape);
  const physical = physicalOf(type);
  switch (physical) {
    case 'bool': {
      const bits = uint8Values(column);
      return row => bitAt(bits, row) === 1;
    }
    case 'int8':
      return numberReader(int8Values(column));
    case 'int16':
      return numberReader(int16Values(column));
    case 'int32':
      return numberReader(int32Values(column));
    case 'float32':
      return numberReader(float32Values(column));
    case 'float64':
      return numberReader(float64Values(column));
    case 'int64': {
      const values = int64Values(column);
      const unit = int64Unit(type);
      return unit === 1n ? row => values[row] ?? 0n : row => (values[row] ?? 0n) * unit;
    }
    case 'decimal128': {
      const words = uint32Values(column);
      return row => readInt128(words, row * 4);
    }
    case 'fixed12': {
      const bytes = uint8Values(column);
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      return row => view.getBigInt64(row * 12, true) * nanosPerMilli + BigInt(view.getInt32(row * 12 + 8, true));
    }
    case 'utf8':
      return textReader(column);
    case 'bytes': {
      const bytes = uint8Values(column);
      const offsets = offsetsOf(column);
      return row => bytes.subarray(offsets[row] ?? 0, offsets[row + 1] ?? 0);
    }
    default:
      return unreachable(physical);
  }
}

function nestedReader(column: Column, shape: NestedShape): (row: number) => Scalar {
  if (shape.kind === 'struct') {
    const readers = shape.fields.map((field, index) => columnReader(childOf(column, index), field.type));
    return row => readers.map(read => read(row));
  }
  const offsets = offsetsOf(column);
  const read = columnReader(childOf(column, 0), shape.entry);
  return row => {
    const start = offsets[row] ?? 0;
    return Array.from({ length: (offsets[row + 1] ?? 0) - start }, (_, index) => read(start + index));
  };
}

function numberReader(
  values: Int8Array | Int16Array | Int32Array | Float32Array | Float64Array,
): (row: number) => number {
  return row => values[row] ?? 0;
}

/** Nanoseconds of one step of an int64 timestamp column; 1 for BIGINT. */
export function int64Unit(type: DataType): bigint {
  if (type.kind !== 'timestamp' && type.kind !== 'timestamp-ltz') return 1n;
  return type.precision <= 3 ? nanosPerMilli : nanosPerMicro;
}

/** A 128-bit two's complement from four little-endian words. */
export function readInt128(words: Uint32Array, at: number): bigint {
  const w0 = words[at] ?? 0;
  const w1 = words[at + 1] ?? 0;
  const w2 = words[at + 2] ?? 0;
  const w3 = words[at + 3] ?? 0;
  // Numbers of at most 2^53 either side of zero, which are most, need one bigint only.
  if (w2 === 0 && w3 === 0 && w1 < 0x20_0000) return BigInt(w1 * 0x1_0000_0000 + w0);
  const high = (BigInt(w3 | 0) << 32n) | BigInt(w2);
  return (high << 64n) | (BigInt(w1) << 32n) | BigInt(w0);
}

const shortText = 12;
/** Texts that are decoded in one piece when they are asked for in their order; each of them keeps the piece alive. */
const blockRows = 64;
const blockBytesMax = 4_096;

function textReader(column: Column): (row: number) => string {
  const bytes = uint8Values(column);
  const offsets = offsetsOf(column);
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let block = '';
  let blockStart = 0;
  let blockFirstRow = 0;
  let blockEndRow = 0;
  let nextRow = 0;
  return row => {
    // Rows of null, which nobody reads, leave gaps in the order: they do not end a block.
    let isInBlock = row >= blockFirstRow && row < blockEndRow;
    if (!isInBlock && row === nextRow) {
      blockFirstRow = row;
      blockEndRow = Math.min(column.length, row + blockRows);
      blockStart = offsets[row] ?? 0;
      block = asciiBlock(buffer, blockStart, offsets[blockEndRow] ?? 0);
      isInBlock = true;
    }
    nextRow = row + 1;
    const start = offsets[row] ?? 0;
    const end = offsets[row + 1] ?? 0;
    if (isInBlock && block !== '') return block.substring(start - blockStart, end - blockStart);
    if (end - start > shortText) return buffer.toString('utf8', start, end);
    let text = '';
    for (let at = start; at < end; at += 1) {
      const byte = bytes[at] ?? 0;
      if (byte > 0x7f) return buffer.toString('utf8', start, end);
      text += String.fromCharCode(byte);
    }
    return text;
  };
}

/** The bytes as text, where each is a character; else, and for more than a piece, an empty text. */
function asciiBlock(buffer: Buffer, start: number, end: number): string {
  if (end - start > blockBytesMax || !isAscii(buffer.subarray(start, end))) return '';
  return buffer.toString('latin1', start, end);
}
