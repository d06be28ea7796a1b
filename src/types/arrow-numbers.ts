/** Numbers, decimals and times of Arrow columns from outside, in the layout of our types. Part of `arrow-import.ts`. */
import { corrupt, type LakeError } from '../base/errors.ts';
import { ArrowDataType, type Data } from './arrow.ts';
import { bitAt, type ColumnValues } from './column-buffers.ts';
import { readInt128 } from './column-reader.ts';
import { floorDiv, millisPerDay } from './time.ts';

/** One Arrow column from outside and what is known of it. */
export type Imported = {
  readonly data: Data;
  /** For messages: the column's name and type. */
  readonly where: string;
  /** Null bits from bit 0 on; values without a bit are not looked at. */
  readonly nullBitmap: Uint8Array | undefined;
};

export function arrowMismatch(message: string): LakeError {
  return corrupt('LAKE_ARROW_MISMATCH', `Arrow data is not what the columns say: ${message}`);
}

export function wrongArrowType({ data, where }: Imported): LakeError {
  return arrowMismatch(`${where} came as ${data.type}`);
}

type IntArray = Int8Array | Int16Array | Int32Array | Uint8Array | Uint16Array | Uint32Array;

/** The values, of which there must be `width` for each row. */
function rawValues(from: Imported, width = 1): ColumnValues | Uint16Array | BigUint64Array {
  const values: unknown = from.data.values;
  const needed = from.data.length * width;
  if (!ArrayBuffer.isView(values) || values instanceof DataView) throw wrongArrowType(from);
  const array = values as ColumnValues | Uint16Array | BigUint64Array;
  if (array.length < needed) throw arrowMismatch(`${from.where} has ${array.length} elements, expected ${needed}`);
  return array;
}

function isInts(values: unknown): values is IntArray {
  return (
    values instanceof Int32Array ||
    values instanceof Int8Array ||
    values instanceof Int16Array ||
    values instanceof Uint8Array ||
    values instanceof Uint16Array ||
    values instanceof Uint32Array
  );
}

/** Values of an array of this class, not copied. */
export function importSame<A extends ColumnValues>(from: Imported, kind: new (length: number) => A, width = 1): A {
  const values = rawValues(from, width);
  if (!(values instanceof kind)) throw wrongArrowType(from);
  return values;
}

/** Integers of any width as `target`'s, which they must fit. */
export function importInts<A extends Int8Array | Int16Array | Int32Array>(
  from: Imported,
  kind: new (length: number) => A,
): A {
  if (!ArrowDataType.isInt(from.data.type)) throw wrongArrowType(from);
  const values = rawValues(from);
  if (values instanceof kind) return values;
  const out = new kind(from.data.length);
  for (let row = 0; row < out.length; row += 1) {
    if (from.nullBitmap !== undefined && bitAt(from.nullBitmap, row) === 0) continue;
    const value = Number(values[row] ?? 0);
    out[row] = value;
    if (out[row] !== value) throw arrowMismatch(`${from.where} holds ${value}, which is out of its range`);
  }
  return out;
}

/** Integers of any width as int64. */
export function importInt64(from: Imported): BigInt64Array {
  if (!ArrowDataType.isInt(from.data.type)) throw wrongArrowType(from);
  return asInt64(from, 1n, 1n);
}

/** Float64 from Float64 or Float32. */
export function importDoubles(from: Imported): Float64Array {
  const values = rawValues(from);
  if (values instanceof Float64Array) return values;
  if (values instanceof Float32Array) return Float64Array.from(values.subarray(0, from.data.length));
  throw wrongArrowType(from);
}

/** Days from Date32, or from Date64 where it holds whole days. */
export function importDates(from: Imported): Int32Array {
  if (!ArrowDataType.isDate(from.data.type)) throw wrongArrowType(from);
  const values = rawValues(from);
  if (values instanceof Int32Array) return values;
  const millis = asInt64(from, 1n, 1n);
  return Int32Array.from({ length: from.data.length }, (_, row) =>
    Number(floorDiv(millis[row] ?? 0n, BigInt(millisPerDay))),
  );
}

/** Milliseconds of the day from a time of any unit. */
export function importTimes(from: Imported): Int32Array {
  const { type } = from.data;
  if (!ArrowDataType.isTime(type)) throw wrongArrowType(from);
  const values = rawValues(from);
  if (type.unit === 1 && values instanceof Int32Array) return values;
  const [multiply, divide] = unitsOf(type.unit, 1_000n);
  const millis = asInt64(from, multiply, divide);
  return Int32Array.from({ length: from.data.length }, (_, row) => Number(millis[row] ?? 0n));
}

/** Instants of any unit in milliseconds (`perSecond` 1000) or microseconds (1000000); finer digits are cut. */
export function importInstants(from: Imported, perSecond: 1_000n | 1_000_000n): BigInt64Array {
  const { type } = from.data;
  if (!ArrowDataType.isTimestamp(type)) throw wrongArrowType(from);
  const [multiply, divide] = unitsOf(type.unit, perSecond);
  return asInt64(from, multiply, divide);
}

/** Millis and nanos of the milli in 12 bytes, from a timestamp of any unit or from just that. */
export function importFixed12(from: Imported): Uint8Array {
  const { type, length } = from.data;
  if (ArrowDataType.isFixedSizeBinary(type) && type.byteWidth === 12) return importSame(from, Uint8Array, 12);
  if (!ArrowDataType.isTimestamp(type)) throw wrongArrowType(from);
  const values = importSame(from, BigInt64Array);
  // Steps of the unit in a milli, or millis in a step.
  const perMilli = type.unit === 3 ? 1_000_000n : type.unit === 2 ? 1_000n : 1n;
  const millisPerStep = type.unit === 0 ? 1_000n : 1n;
  const nanosPerStep = Number(1_000_000n / perMilli);
  const out = new DataView(new ArrayBuffer(length * 12));
  for (let row = 0; row < length; row += 1) {
    const value = values[row] ?? 0n;
    const millis = perMilli === 1n ? value : floorDiv(value, perMilli);
    out.setBigInt64(row * 12, millis * millisPerStep, true);
    out.setInt32(row * 12 + 8, Number(value - millis * perMilli) * nanosPerStep, true);
  }
  return new Uint8Array(out.buffer);
}

type DecimalShape = { readonly precision: number; readonly scale: number };

/** Four words a value, from a decimal of 128 or 256 bits at the same scale. Its precision says nothing of its values. */
export function importDecimals(from: Imported, { precision, scale }: DecimalShape): Uint32Array {
  const words = decimalWords(from, scale);
  checkReach(from, words, precision);
  return words;
}

/** Files keep 4 bytes of a decimal of up to 9 digits and 8 of one of up to 18: of more, another number would be read. */
function checkReach({ data, nullBitmap, where }: Imported, words: Uint32Array, precision: number): void {
  const kept = precision <= 9 ? 1 : 2;
  const end = precision > 18 ? 10n ** BigInt(precision) : 0n;
  for (let row = 0; row < data.length; row += 1) {
    if (nullBitmap !== undefined && bitAt(nullBitmap, row) === 0) continue;
    const sign = ((words[row * 4 + kept - 1] ?? 0) | 0) < 0 ? 0xffff_ffff : 0;
    let isShort = words[row * 4 + 2] === sign && words[row * 4 + 3] === sign;
    if (kept === 1) isShort &&= words[row * 4 + 1] === sign;
    if (isShort) continue;
    const value = readInt128(words, row * 4);
    if (value >= end || value <= -end) throw arrowMismatch(`${where} holds ${value}, which is out of its range`);
  }
}

function decimalWords(from: Imported, scale: number): Uint32Array {
  const { type, length } = from.data;
  if (!ArrowDataType.isDecimal(type) || type.scale !== scale) throw wrongArrowType(from);
  if (type.bitWidth === 128) return importSame(from, Uint32Array, 4);
  const wide = importSame(from, Uint32Array, type.bitWidth / 32);
  const width = type.bitWidth / 32;
  const out = new Uint32Array(length * 4);
  for (let row = 0; row < length; row += 1) {
    const sign = ((wide[row * width + width - 1] ?? 0) | 0) < 0 ? 0xffff_ffff : 0;
    for (let word = 0; word < Math.max(4, width); word += 1) {
      const bits = word < width ? (wide[row * width + word] ?? 0) : sign;
      if (word < 4) out[row * 4 + word] = bits;
      else if (bits !== sign) throw arrowMismatch(`${from.where} holds a number of more than 128 bits`);
    }
  }
  return out;
}

/** How to come from a unit (0 s, 1 ms, 2 µs, 3 ns) to steps of `perSecond`: multiply, or divide rounding down. */
function unitsOf(unit: number, perSecond: bigint): readonly [multiply: bigint, divide: bigint] {
  const from = 1_000n ** BigInt(unit);
  return from <= perSecond ? [perSecond / from, 1n] : [1n, from / perSecond];
}

function asInt64(from: Imported, multiply: bigint, divide: bigint): BigInt64Array {
  const values = rawValues(from);
  if (values instanceof BigInt64Array && multiply === 1n && divide === 1n) return values;
  if (!isInts(values) && !(values instanceof BigInt64Array) && !(values instanceof BigUint64Array)) {
    throw wrongArrowType(from);
  }
  const out = new BigInt64Array(from.data.length);
  for (let row = 0; row < out.length; row += 1) {
    if (from.nullBitmap !== undefined && bitAt(from.nullBitmap, row) === 0) continue;
    const value = floorDiv(BigInt(values[row] ?? 0) * multiply, divide);
    out[row] = value;
    if (out[row] !== value) throw arrowMismatch(`${from.where} holds ${value}, which is out of its range`);
  }
  return out;
}
