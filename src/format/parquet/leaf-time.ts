/** Times and timestamps of a file into the units that columns of Paimon's types have. */
import { floorDiv, nanosPerMicro, nanosPerMilli } from '../../types/time.ts';
import type { SchemaElement, TimeUnit } from './footer.ts';
import { int96ToFixed12, int96ToUnits } from './int96.ts';
import type { DecodedColumn } from './wasm-door.ts';

/** Decoded values into the layout of a column's type. */
export type ValueStep = (decoded: DecodedColumn) => Uint8Array | Int32Array | BigInt64Array | Int8Array | Int16Array;

export const nanosPer: Readonly<Record<TimeUnit, bigint>> = {
  millis: nanosPerMilli,
  micros: nanosPerMicro,
  nanos: 1n,
};

/** Into milliseconds of the day; undefined when the leaf is no time. */
export function timeStep(leaf: SchemaElement): ValueStep | undefined {
  const unit = leaf.annotation?.kind === 'time' ? leaf.annotation.unit : 'millis';
  if (leaf.physical === 'int32' && unit === 'millis') return decoded => decoded.values;
  if (leaf.physical !== 'int64') return undefined;
  const perMilli = nanosPerMilli / nanosPer[unit];
  return decoded => Int32Array.from(int64s(decoded), value => Number(floorDiv(value, perMilli)));
}

/** The unit of a timestamp leaf: its own, or where it has none, the one Paimon writes for the precision. */
export function timestampUnit(leaf: SchemaElement, precision: number): TimeUnit {
  return leaf.annotation?.kind === 'timestamp' ? leaf.annotation.unit : unitOfPrecision(precision);
}

/** What values of TIMESTAMP(`precision`) are whole numbers of. */
export function unitOfPrecision(precision: number): TimeUnit {
  return precision <= 3 ? 'millis' : precision <= 6 ? 'micros' : 'nanos';
}

/** Into the column form of TIMESTAMP(`precision`); undefined when the leaf is no timestamp. */
export function timestampStep(leaf: SchemaElement, precision: number): ValueStep | undefined {
  const target = precision <= 3 ? nanosPerMilli : precision <= 6 ? nanosPerMicro : undefined;
  if (leaf.physical === 'int96') {
    if (target === undefined) return decoded => int96ToFixed12(words(decoded));
    return decoded => int96ToUnits(words(decoded), target);
  }
  if (leaf.physical !== 'int64') return undefined;
  const source = nanosPer[timestampUnit(leaf, precision)];
  if (source === target) return decoded => decoded.values;
  if (target === undefined) return decoded => toFixed12(int64s(decoded), source);
  return decoded => int64s(decoded).map(value => floorDiv(value * source, target));
}

function toFixed12(values: BigInt64Array, nanosPerValue: bigint): Uint8Array {
  const out = new Uint8Array(values.length * 12);
  const view = new DataView(out.buffer);
  for (const [row, value] of values.entries()) {
    const nanos = value * nanosPerValue;
    const millis = floorDiv(nanos, nanosPerMilli);
    view.setBigInt64(row * 12, millis, true);
    view.setInt32(row * 12 + 8, Number(nanos - millis * nanosPerMilli), true);
  }
  return out;
}

function int64s({ values, length }: DecodedColumn): BigInt64Array {
  return new BigInt64Array(values.buffer, values.byteOffset, length);
}

function words({ values, length }: DecodedColumn): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, length * 3);
}
