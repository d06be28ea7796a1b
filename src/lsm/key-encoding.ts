/**
 * Keys of several columns as **memcomparable** bytes: comparing two encodings byte by byte, unsigned, the shorter first,
 * compares the keys. Column by column, into one buffer for the whole batch.
 *
 * | field | bytes |
 * |---|---|
 * | nullable | 00 for null and nothing else, 01 before a value |
 * | BOOLEAN, integers, DATE, TIME, TIMESTAMP(0–6), DECIMAL(1–18), DECIMAL(19–38) | 1, 2, 4, 8 or 16 bytes big-endian, sign bit flipped |
 * | TIMESTAMP(7–9) | millis as 8 bytes, nanos of the milli as 4 |
 * | FLOAT, DOUBLE | bits big-endian, all flipped when negative, else the sign bit; one NaN, the canonical one |
 * | strings, binaries, last of the key | the bytes |
 * | strings, binaries, not last | the bytes with 00 as 00 FF, then 00 00 |
 *
 * The terminator 00 00 is below the escape 00 FF and below every other byte that could go on, so a prefix comes first.
 */
import { assert, present } from '../base/assert.ts';
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
  type Physical,
  physicalOf,
  uint8Values,
  uint32Values,
} from '../types/column-buffers.ts';
import type { AtomicType } from '../types/data-type.ts';
import type { Column } from '../types/row-batch.ts';

export type EncodedKeys = { readonly bytes: Uint8Array; readonly offsets: Int32Array };

type KeyColumn = {
  readonly column: Column;
  readonly type: AtomicType;
  readonly physical: Physical;
  readonly nulls: Uint8Array | undefined;
  /** Nothing follows, so strings need no end. */
  readonly isLast: boolean;
};

/** Writes row `row`'s value at `at`, which has room for it. */
type ValueWriter = (row: number, at: number) => void;

const escapeByte = 0xff;
/** int32 offsets end here. */
const keyBytesMax = 2_147_483_647;

/** The keys of all rows; `columns` are the fields' columns, of `rowCount` rows each. */
export function encodeKeys(
  fields: readonly { readonly type: AtomicType }[],
  columns: readonly Column[],
  rowCount: number,
): EncodedKeys {
  const keyColumns = columns.map((column, index): KeyColumn => {
    const { type } = present(fields[index], 'key field');
    const isLast = index === columns.length - 1;
    return { column, type, physical: physicalOf(type), nulls: nullBitsOf(column), isLast };
  });
  const offsets = new Int32Array(rowCount + 1);
  for (const keyColumn of keyColumns) addLengths(keyColumn, offsets);
  let byteCount = 0;
  for (let i = 1; i <= rowCount; i += 1) {
    byteCount += offsets[i] ?? 0;
    offsets[i] = byteCount;
  }
  assert(byteCount <= keyBytesMax, () => `the keys of ${rowCount} rows take ${byteCount} bytes: use smaller batches`);
  const bytes = new Uint8Array(byteCount);
  const cursors = offsets.slice(0, rowCount);
  for (const keyColumn of keyColumns) writeColumn(keyColumn, bytes, cursors);
  return { bytes, offsets };
}

/** Adds to `offsets[row + 1]` what this column takes in the key of `row`. */
function addLengths(keyColumn: KeyColumn, offsets: Int32Array): void {
  const { type, nulls } = keyColumn;
  const lengthAt = valueLengths(keyColumn);
  const markerLength = type.nullable ? 1 : 0;
  for (let i = 1; i < offsets.length; i += 1) {
    const isNull = nulls !== undefined && bitAt(nulls, i - 1) === 0;
    offsets[i] = (offsets[i] ?? 0) + markerLength + (isNull ? 0 : lengthAt(i - 1));
  }
}

function valueLengths({ column, type, physical, isLast }: KeyColumn): (row: number) => number {
  if (physical !== 'utf8' && physical !== 'bytes') {
    const width = fixedWidth(type, physical);
    return () => width;
  }
  const offsets = offsetsOf(column);
  if (isLast) return row => (offsets[row + 1] ?? 0) - (offsets[row] ?? 0);
  const bytes = uint8Values(column);
  return row => {
    const start = offsets[row] ?? 0;
    const end = offsets[row + 1] ?? 0;
    let length = end - start + 2;
    for (let at = start; at < end; at += 1) if (bytes[at] === 0) length += 1;
    return length;
  };
}

function fixedWidth(type: AtomicType, physical: Exclude<Physical, 'utf8' | 'bytes'>): number {
  switch (physical) {
    case 'bool':
    case 'int8':
      return 1;
    case 'int16':
      return 2;
    case 'int32':
    case 'float32':
      return 4;
    case 'int64':
    case 'float64':
      return 8;
    case 'fixed12':
      return 12;
    case 'decimal128':
      return isNarrowDecimal(type) ? 8 : 16;
  }
}

function isNarrowDecimal(type: AtomicType): boolean {
  return type.kind === 'decimal' && type.precision <= 18;
}

function writeColumn(keyColumn: KeyColumn, bytes: Uint8Array, cursors: Int32Array): void {
  const { type, nulls } = keyColumn;
  const lengthAt = valueLengths(keyColumn);
  const write = valueWriter(keyColumn, bytes);
  for (let row = 0; row < cursors.length; row += 1) {
    let at = cursors[row] ?? 0;
    const isNull = nulls !== undefined && bitAt(nulls, row) === 0;
    if (type.nullable) {
      bytes[at] = isNull ? 0 : 1;
      at += 1;
    }
    if (!isNull) {
      write(row, at);
      at += lengthAt(row);
    }
    cursors[row] = at;
  }
}

function valueWriter(keyColumn: KeyColumn, bytes: Uint8Array): ValueWriter {
  const { column, type, physical, isLast } = keyColumn;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (physical) {
    case 'bool': {
      const bits = uint8Values(column);
      return (row, at) => view.setUint8(at, bitAt(bits, row));
    }
    case 'int8': {
      const values = int8Values(column);
      return (row, at) => view.setUint8(at, (values[row] ?? 0) ^ 0x80);
    }
    case 'int16': {
      const values = int16Values(column);
      return (row, at) => view.setUint16(at, (values[row] ?? 0) ^ 0x8000);
    }
    case 'int32': {
      const values = int32Values(column);
      return (row, at) => view.setInt32(at, flipSign(values[row] ?? 0));
    }
    case 'int64': {
      const values = int64Values(column);
      return wordWriter(view, new Uint32Array(values.buffer, values.byteOffset, values.length * 2), {
        stride: 2,
        count: 2,
      });
    }
    case 'decimal128':
      return wordWriter(view, uint32Values(column), { stride: 4, count: isNarrowDecimal(type) ? 2 : 4 });
    case 'fixed12':
      return fixed12Writer(view, uint8Values(column));
    case 'float32':
      return float32Writer(view, float32Values(column), { zero: isLast ? 0 : -0 });
    case 'float64':
      return float64Writer(view, float64Values(column), { zero: isLast ? 0 : -0 });
    case 'utf8':
    case 'bytes':
      return isLast ? plainWriter(column, bytes) : escapingWriter(column, bytes);
  }
}

function flipSign(word: number): number {
  return word ^ 0x8000_0000;
}

/** The lowest `count` of every `stride` little-endian words, highest first. */
function wordWriter(
  view: DataView,
  words: Uint32Array,
  shape: { readonly stride: number; readonly count: number },
): ValueWriter {
  const { stride, count } = shape;
  return (row, at) => {
    const start = row * stride;
    view.setInt32(at, flipSign(words[start + count - 1] ?? 0));
    for (let i = 1; i < count; i += 1) view.setUint32(at + i * 4, words[start + count - 1 - i] ?? 0);
  };
}

function fixed12Writer(view: DataView, values: Uint8Array): ValueWriter {
  const source = new DataView(values.buffer, values.byteOffset, values.byteLength);
  return (row, at) => {
    view.setInt32(at, flipSign(source.getInt32(row * 12 + 4, true)));
    view.setInt32(at + 4, source.getInt32(row * 12, true));
    view.setInt32(at + 8, flipSign(source.getInt32(row * 12 + 8, true)));
  };
}

/** What is added to each value: 0 makes one of both zeros (`compareKeys`), -0 leaves them as they are. */
type ZeroChoice = { readonly zero: 0 | -0 };

function float32Writer(view: DataView, values: Float32Array, { zero }: ZeroChoice): ValueWriter {
  return (row, at) => {
    // Setting a NaN writes an arbitrary one of its many bit patterns.
    const value = (values[row] ?? 0) + zero;
    view.setFloat32(at, value);
    const bits = Number.isNaN(value) ? 0x7fc0_0000 : view.getInt32(at);
    view.setInt32(at, bits < 0 ? ~bits : flipSign(bits));
  };
}

function float64Writer(view: DataView, values: Float64Array, { zero }: ZeroChoice): ValueWriter {
  return (row, at) => {
    const value = (values[row] ?? 0) + zero;
    view.setFloat64(at, value);
    const isAnyNaN = Number.isNaN(value);
    const high = isAnyNaN ? 0x7ff8_0000 : view.getInt32(at);
    const low = isAnyNaN ? 0 : view.getInt32(at + 4);
    view.setInt32(at, high < 0 ? ~high : flipSign(high));
    view.setInt32(at + 4, high < 0 ? ~low : low);
  };
}

function plainWriter(column: Column, bytes: Uint8Array): ValueWriter {
  const values = uint8Values(column);
  const offsets = offsetsOf(column);
  return (row, at) => {
    const start = offsets[row] ?? 0;
    const end = offsets[row + 1] ?? 0;
    for (let from = start; from < end; from += 1) bytes[at + from - start] = values[from] ?? 0;
  };
}

function escapingWriter(column: Column, bytes: Uint8Array): ValueWriter {
  const values = uint8Values(column);
  const offsets = offsetsOf(column);
  return (row, at) => {
    const end = offsets[row + 1] ?? 0;
    let to = at;
    for (let from = offsets[row] ?? 0; from < end; from += 1) {
      const byte = values[from] ?? 0;
      bytes[to] = byte;
      to += 1;
      if (byte === 0) {
        bytes[to] = escapeByte;
        to += 1;
      }
    }
    // The two bytes of the terminator are zero already.
  };
}
