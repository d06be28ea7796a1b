/**
 * INT96, Parquet's first timestamp: 8 bytes nanoseconds of the day, 4 bytes Julian day, little-endian. Here a wall clock
 * or instant, against the columns of TIMESTAMP(7..9): int64 epoch millis, int32 nanos of the milli. Both forms are three
 * 32-bit words a value. INT96 reaches 5.8 million years either side of its epoch, the columns further.
 */
import { invalid } from '../../base/errors.ts';
import { floorDiv, millisPerDay } from '../../types/time.ts';

/** Julian day of 1970-01-01. */
const julianEpochDay = 2_440_588;
const nanosPerMilli = 1_000_000;
const nanosPerDay = 86_400_000_000_000n;
const wordRange = 2 ** 32;
/** Days and high words of millis up to which millis are exact as doubles: about 280,000 years. */
const exactDaysMax = 100_000_000;
const exactHighWordMax = 2 ** 21 - 1;

/** Null rows may hold anything. */
export function int96ToFixed12(int96: Uint32Array): Uint8Array {
  const out = new Uint32Array(int96.length);
  for (let at = 0; at + 2 < int96.length; at += 3) {
    const nanosOfDay = (int96[at] ?? 0) + ((int96[at + 1] ?? 0) | 0) * wordRange;
    const days = ((int96[at + 2] ?? 0) | 0) - julianEpochDay;
    if (nanosOfDay < 0 || nanosOfDay > Number(nanosPerDay) || Math.abs(days) > exactDaysMax) {
      writeNanos(out, at, int96Nanos(int96, at));
      continue;
    }
    const millisOfDay = Math.floor(nanosOfDay / nanosPerMilli);
    const millis = days * millisPerDay + millisOfDay;
    out[at] = millis % wordRange;
    out[at + 1] = Math.floor(millis / wordRange);
    out[at + 2] = nanosOfDay - millisOfDay * nanosPerMilli;
  }
  return new Uint8Array(out.buffer);
}

/** The reverse. @throws LakeError `invalid` for a moment beyond what INT96 reaches */
export function fixed12ToInt96(fixed12: Uint32Array, isNull: (row: number) => boolean): Uint8Array {
  const out = new Uint32Array(fixed12.length);
  for (let at = 0; at + 2 < fixed12.length; at += 3) {
    const high = (fixed12[at + 1] ?? 0) | 0;
    if (Math.abs(high) > exactHighWordMax) {
      if (!isNull(at / 3)) writeFarInt96(out, at, fixed12);
      continue;
    }
    const millis = (fixed12[at] ?? 0) + high * wordRange;
    const days = Math.floor(millis / millisPerDay);
    const nanosOfDay = (millis - days * millisPerDay) * nanosPerMilli + (fixed12[at + 2] ?? 0);
    out[at] = nanosOfDay % wordRange;
    out[at + 1] = Math.floor(nanosOfDay / wordRange);
    out[at + 2] = days + julianEpochDay;
  }
  return new Uint8Array(out.buffer);
}

/** Nanoseconds since 1970 of the value that begins at word `at`. */
function int96Nanos(int96: Uint32Array, at: number): bigint {
  const nanosOfDay = int64At(int96, at);
  const days = ((int96[at + 2] ?? 0) | 0) - julianEpochDay;
  return BigInt(days) * nanosPerDay + nanosOfDay;
}

/** INT96 values as whole units of `nanosPerUnit` since 1970, rounded down. */
export function int96ToUnits(int96: Uint32Array, nanosPerUnit: bigint): BigInt64Array {
  const out = new BigInt64Array(int96.length / 3);
  for (let row = 0; row < out.length; row += 1) out[row] = floorDiv(int96Nanos(int96, row * 3), nanosPerUnit);
  return out;
}

function writeNanos(fixed12: Uint32Array, at: number, nanos: bigint): void {
  const millis = floorDiv(nanos, BigInt(nanosPerMilli));
  writeInt64(fixed12, at, millis);
  fixed12[at + 2] = Number(nanos - millis * BigInt(nanosPerMilli));
}

function writeFarInt96(int96: Uint32Array, at: number, fixed12: Uint32Array): void {
  const nanos = int64At(fixed12, at) * BigInt(nanosPerMilli) + BigInt(fixed12[at + 2] ?? 0);
  const days = floorDiv(nanos, nanosPerDay);
  const julianDay = days + BigInt(julianEpochDay);
  if (BigInt.asIntN(32, julianDay) !== julianDay) {
    throw invalid(
      'LAKE_TIMESTAMP_RANGE',
      `a timestamp ${days} days from 1970 cannot be kept with a precision above 6: Parquet's INT96 does not reach it`,
    );
  }
  writeInt64(int96, at, nanos - days * nanosPerDay);
  int96[at + 2] = Number(BigInt.asUintN(32, julianDay));
}

function int64At(words: Uint32Array, at: number): bigint {
  return (BigInt((words[at + 1] ?? 0) | 0) << 32n) | BigInt(words[at] ?? 0);
}

function writeInt64(words: Uint32Array, at: number, value: bigint): void {
  words[at] = Number(BigInt.asUintN(32, value));
  words[at + 1] = Number(BigInt.asUintN(32, value >> 32n));
}
