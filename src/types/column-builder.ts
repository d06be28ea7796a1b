/**
 * Scalars into columns, one after the other. For rows that come from outside (JSON, SDK, keys, statistics); rows that
 * are columns already go through `gather.ts`.
 */
import { assert, present, unreachable } from '../base/assert.ts';
import {
  type ColumnBuffers,
  type ColumnValues,
  makeColumn,
  noValues,
  type Physical,
  physicalOf,
} from './column-buffers.ts';
import { int64Unit } from './column-reader.ts';
import type { DataField, DataType, RowType } from './data-type.ts';
import { type NestedShape, nestedShape } from './nested-shape.ts';
import { type Column, makeRowBatch, type RowBatch } from './row-batch.ts';
import type { Scalar } from './scalar.ts';
import { floorDiv, nanosPerMilli } from './time.ts';
import { typeName } from './type-name.ts';

const rowsFirst = 64;
/** int32 offsets end here. */
const columnBytesMax = 2_147_483_647;

/**
 * Collects values of one type. `append` expects a scalar of exactly the type's shape (`scalar.ts`) within its range;
 * anything else is an assertion, for callers have checked what came from outside.
 */
export class ColumnBuilder {
  readonly #type: DataType;
  readonly #sink: ValueSink;
  #nullBits: Uint8Array | undefined = undefined;
  #nullCount = 0;
  #length = 0;

  constructor(type: DataType) {
    this.#type = type;
    const shape = nestedShape(type);
    this.#sink = shape === undefined ? makeSink(type, physicalOf(type)) : nestedSink(type, shape);
  }

  get length(): number {
    return this.#length;
  }

  append(value: Scalar): void {
    const row = this.#length;
    this.#length = row + 1;
    if (value === null) {
      this.#appendNull(row);
      return;
    }
    this.#sink.set(row, value);
    if (this.#nullBits !== undefined) this.#setValid(row);
  }

  /** A value that nobody looks at, for it stands under null. */
  appendBlank(): void {
    if (this.#type.nullable) {
      this.append(null);
      return;
    }
    this.#sink.setNull(this.#length);
    this.#length += 1;
    if (this.#nullBits !== undefined) this.#setValid(this.#length - 1);
  }

  /** The column of what was appended. The builder must not be used afterwards. */
  finish(): Column {
    const nullBitmap = this.#nullBits?.subarray(0, (this.#length + 7) >> 3);
    return makeColumn(this.#type, this.#length, {
      ...this.#sink.finish(this.#length),
      nullBitmap,
      nullCount: this.#nullCount,
    });
  }

  #appendNull(row: number): void {
    if (this.#nullBits === undefined) {
      this.#nullBits = new Uint8Array(Math.max(rowsFirst, row + 1) >> 2);
      for (let i = 0; i < row; i += 1) this.#setValid(i);
    }
    this.#nullCount += 1;
    if (row >> 3 >= this.#nullBits.length) this.#nullBits = grown(this.#nullBits, (row >> 3) + 1);
    this.#sink.setNull(row);
  }

  #setValid(row: number): void {
    const at = row >> 3;
    if (at >= present(this.#nullBits, 'null bits').length) {
      this.#nullBits = grown(present(this.#nullBits, 'null bits'), at + 1);
    }
    const bits = present(this.#nullBits, 'null bits');
    bits[at] = (bits[at] ?? 0) | (1 << (row & 7));
  }
}

/** Rows of scalars as a batch; each row has a value for each field. */
export function buildBatch(rowType: RowType, rows: readonly (readonly Scalar[])[]): RowBatch {
  const columns = rowType.fields.map((field, index) => {
    const builder = new ColumnBuilder(field.type);
    for (const row of rows) {
      const value = row[index];
      assert(value !== undefined, () => `row has ${row.length} values for ${rowType.fields.length} fields`);
      builder.append(value);
    }
    return builder.finish();
  });
  return makeRowBatch(rowType, rows.length, columns);
}

/** Where values of one physical type go. Rows come in ascending order, each once. */
type ValueSink = {
  readonly set: (row: number, value: Scalar) => void;
  readonly setNull: (row: number) => void;
  readonly finish: (length: number) => ColumnBuffers;
};

function makeSink(type: DataType, physical: Physical): ValueSink {
  switch (physical) {
    case 'utf8':
      return stringSink();
    case 'bytes':
      return binarySink();
    case 'bool':
      return fixedSink(new Uint8Array(rowsFirst), 1 / 8, (bits, row, value) => {
        assert(typeof value === 'boolean', () => wrongShape(type, value));
        if (value) bits[row >> 3] = (bits[row >> 3] ?? 0) | (1 << (row & 7));
      });
    case 'int8':
      return intSink(new Int8Array(rowsFirst), type);
    case 'int16':
      return intSink(new Int16Array(rowsFirst), type);
    case 'int32':
      return intSink(new Int32Array(rowsFirst), type);
    case 'float32':
      return floatSink(new Float32Array(rowsFirst), type);
    case 'float64':
      return floatSink(new Float64Array(rowsFirst), type);
    case 'int64':
      return int64Sink(type);
    case 'decimal128':
      return fixedSink(new Uint32Array(rowsFirst * 4), 4, (words, row, value) => {
        assert(typeof value === 'bigint', () => wrongShape(type, value));
        writeInt128(words, row * 4, value);
      });
    case 'fixed12':
      return fixedSink(new Uint8Array(rowsFirst * 12), 12, (bytes, row, value) => {
        assert(typeof value === 'bigint', () => wrongShape(type, value));
        writeFixed12(bytes, row * 12, value);
      });
    default:
      return unreachable(physical);
  }
}

function nestedSink(type: DataType, shape: NestedShape): ValueSink {
  return shape.kind === 'struct' ? structSink(type, shape.fields) : listSink(type, shape.entry);
}

function structSink(type: DataType, fields: readonly DataField[]): ValueSink {
  const children = fields.map(field => new ColumnBuilder(field.type));
  return {
    set: (_, value) => {
      assert(Array.isArray(value) && value.length === fields.length, () => wrongShape(type, value));
      for (const [index, child] of children.entries()) child.append(value[index] ?? null);
    },
    setNull: () => {
      for (const child of children) child.appendBlank();
    },
    finish: () => ({ values: noValues, children: children.map(child => child.finish()) }),
  };
}

function listSink(type: DataType, entry: DataType): ValueSink {
  const child = new ColumnBuilder(entry);
  let offsets = new Int32Array(rowsFirst + 1);
  const close = (row: number): void => {
    if (row + 1 >= offsets.length) offsets = grown(offsets, row + 2);
    offsets[row + 1] = child.length;
  };
  return {
    set: (row, value) => {
      assert(Array.isArray(value), () => wrongShape(type, value));
      for (const item of value) child.append(item);
      close(row);
    },
    setNull: close,
    finish: length => ({
      values: noValues,
      valueOffsets: offsets.subarray(0, length + 1),
      children: [child.finish()],
    }),
  };
}

function wrongShape(type: DataType, value: Scalar): string {
  return `a ${typeof value} is not a scalar of ${typeName(type)}`;
}

/** A sink over one growing array; `width` is elements a row. */
function fixedSink<A extends ColumnValues>(
  first: A,
  width: number,
  write: (values: A, row: number, value: Scalar) => void,
): ValueSink {
  let values = first;
  const reserve = (row: number): void => {
    const needed = Math.ceil((row + 1) * width);
    if (needed > values.length) values = grown(values, needed);
  };
  return {
    set: (row, value) => {
      reserve(row);
      write(values, row, value);
    },
    setNull: reserve,
    finish: length => ({ values: values.subarray(0, Math.ceil(length * width)) }),
  };
}

function intSink(first: Int8Array | Int16Array | Int32Array, type: DataType): ValueSink {
  return fixedSink(first, 1, (values, row, value) => {
    assert(typeof value === 'number', () => wrongShape(type, value));
    values[row] = value;
    assert(values[row] === value, () => `${value} is out of the range of ${typeName(type)}`);
  });
}

function floatSink(first: Float32Array | Float64Array, type: DataType): ValueSink {
  return fixedSink(first, 1, (values, row, value) => {
    assert(typeof value === 'number', () => wrongShape(type, value));
    values[row] = value;
  });
}

function int64Sink(type: DataType): ValueSink {
  const unit = int64Unit(type);
  return fixedSink(new BigInt64Array(rowsFirst), 1, (values, row, value) => {
    assert(typeof value === 'bigint', () => wrongShape(type, value));
    const steps = unit === 1n ? value : floorDiv(value, unit);
    values[row] = steps;
    assert(values[row] === steps, () => `${value} is out of the range of ${typeName(type)}`);
  });
}

/** A 128-bit two's complement as four little-endian words. */
export function writeInt128(words: Uint32Array, at: number, value: bigint): void {
  words[at] = Number(BigInt.asUintN(32, value));
  words[at + 1] = Number(BigInt.asUintN(32, value >> 32n));
  words[at + 2] = Number(BigInt.asUintN(32, value >> 64n));
  words[at + 3] = Number(BigInt.asUintN(32, value >> 96n));
}

/** Nanoseconds as int64 millis and int32 nanos of the milli. */
export function writeFixed12(bytes: Uint8Array, at: number, nanos: bigint): void {
  const millis = floorDiv(nanos, nanosPerMilli);
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, 12);
  view.setBigInt64(0, millis, true);
  view.setInt32(8, Number(nanos - millis * nanosPerMilli), true);
}

function stringSink(): ValueSink {
  let bytes: Buffer = Buffer.allocUnsafeSlow(rowsFirst * 16);
  let offsets = new Int32Array(rowsFirst + 1);
  let end = 0;
  const close = (row: number): void => {
    if (row + 1 >= offsets.length) offsets = grown(offsets, row + 2);
    offsets[row + 1] = end;
  };
  return {
    set: (row, value) => {
      assert(typeof value === 'string', 'a string column takes strings');
      // A UTF-16 unit is at most three bytes of UTF-8.
      if (end + value.length * 3 > bytes.length) bytes = reserveBytes(bytes, end, Buffer.byteLength(value));
      end += writeText(bytes, end, value);
      close(row);
    },
    setNull: close,
    finish: length => ({ values: asBytes(bytes, end), valueOffsets: offsets.subarray(0, length + 1) }),
  };
}

const shortText = 24;

/** Writes UTF-8 and returns how many bytes; a loop for short ASCII, which is most. */
function writeText(bytes: Buffer, at: number, text: string): number {
  if (text.length > shortText) return bytes.write(text, at);
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code > 0x7f) return bytes.write(text, at);
    bytes[at + i] = code;
  }
  return text.length;
}

function binarySink(): ValueSink {
  let bytes: Buffer = Buffer.allocUnsafeSlow(rowsFirst * 16);
  let offsets = new Int32Array(rowsFirst + 1);
  let end = 0;
  const close = (row: number): void => {
    if (row + 1 >= offsets.length) offsets = grown(offsets, row + 2);
    offsets[row + 1] = end;
  };
  return {
    set: (row, value) => {
      assert(value instanceof Uint8Array, 'a binary column takes Uint8Array');
      if (end + value.length > bytes.length) bytes = reserveBytes(bytes, end, value.length);
      bytes.set(value, end);
      end += value.length;
      close(row);
    },
    setNull: close,
    finish: length => ({ values: asBytes(bytes, end), valueOffsets: offsets.subarray(0, length + 1) }),
  };
}

function asBytes(bytes: Buffer, end: number): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, end);
}

function reserveBytes(bytes: Buffer, end: number, more: number): Buffer {
  const needed = end + more;
  assert(needed <= columnBytesMax, () => `a column of one batch holds at most ${columnBytesMax} bytes`);
  if (needed <= bytes.length) return bytes;
  const out = Buffer.allocUnsafeSlow(Math.min(columnBytesMax, Math.max(needed, bytes.length * 2)));
  bytes.copy(out, 0, 0, end);
  return out;
}

/** A copy with at least `lengthMin` elements, doubling. */
function grown<A extends ColumnValues>(values: A, lengthMin: number): A;
function grown(values: ColumnValues, lengthMin: number): ColumnValues {
  const length = Math.max(lengthMin, values.length * 2);
  const byteLength = length * values.BYTES_PER_ELEMENT;
  const bytes = new Uint8Array(byteLength);
  bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  if (values instanceof Uint8Array) return bytes;
  if (values instanceof Int8Array) return new Int8Array(bytes.buffer);
  if (values instanceof Int16Array) return new Int16Array(bytes.buffer);
  if (values instanceof Int32Array) return new Int32Array(bytes.buffer);
  if (values instanceof Uint32Array) return new Uint32Array(bytes.buffer);
  if (values instanceof BigInt64Array) return new BigInt64Array(bytes.buffer);
  if (values instanceof Float32Array) return new Float32Array(bytes.buffer);
  return new Float64Array(bytes.buffer);
}
