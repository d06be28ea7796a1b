/**
 * INT96, Parquet's first timestamp: 8 bytes nanoseconds of the day, 4 bytes Julian day, little-endian. Here a wall clock
 * or instant of any year, against the columns of TIMESTAMP(7..9): int64 epoch millis, int32 nanos of the milli.
 */
import { floorDiv, millisPerDay } from '../../types/time.ts';

/** Julian day of 1970-01-01. */
const julianEpochDay = 2_440_588;
const nanosPerMilli = 1_000_000;
const wordRange = 2 ** 32;

/** Both forms are three 32-bit words a value. Words of null rows turn into anything. */
export function int96ToFixed12(int96: Uint32Array): Uint8Array {
  const out = new Uint32Array(int96.length);
  for (let at = 0; at + 2 < int96.length; at += 3) {
    const nanosOfDay = (int96[at] ?? 0) + ((int96[at + 1] ?? 0) | 0) * wordRange;
    const days = ((int96[at + 2] ?? 0) | 0) - julianEpochDay;
    const millisOfDay = Math.floor(nanosOfDay / nanosPerMilli);
    const millis = days * millisPerDay + millisOfDay;
    out[at] = millis % wordRange;
    out[at + 1] = Math.floor(millis / wordRange);
    out[at + 2] = nanosOfDay - millisOfDay * nanosPerMilli;
  }
  return new Uint8Array(out.buffer);
}

/** The reverse. */
export function fixed12ToInt96(fixed12: Uint32Array): Uint8Array {
  const out = new Uint32Array(fixed12.length);
  for (let at = 0; at + 2 < fixed12.length; at += 3) {
    const millis = (fixed12[at] ?? 0) + ((fixed12[at + 1] ?? 0) | 0) * wordRange;
    const days = Math.floor(millis / millisPerDay);
    const nanosOfDay = (millis - days * millisPerDay) * nanosPerMilli + (fixed12[at + 2] ?? 0);
    out[at] = nanosOfDay % wordRange;
    out[at + 1] = Math.floor(nanosOfDay / wordRange);
    out[at + 2] = days + julianEpochDay;
  }
  return new Uint8Array(out.buffer);
}

/** Nanoseconds since 1970 of one INT96 value. */
export function int96Nanos(int96: Uint32Array, at: number): bigint {
  const nanosOfDay = BigInt(int96[at] ?? 0) + (BigInt((int96[at + 1] ?? 0) | 0) << 32n);
  const days = ((int96[at + 2] ?? 0) | 0) - julianEpochDay;
  return BigInt(days) * 86_400_000_000_000n + nanosOfDay;
}

/** INT96 values as whole units of `nanosPerUnit` since 1970, rounded down. */
export function int96ToUnits(int96: Uint32Array, nanosPerUnit: bigint): BigInt64Array {
  const out = new BigInt64Array(int96.length / 3);
  for (let row = 0; row < out.length; row += 1) out[row] = floorDiv(int96Nanos(int96, row * 3), nanosPerUnit);
  return out;
}
