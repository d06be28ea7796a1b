/** Calendar and units. Days and instants are counted from 1970-01-01 in the proleptic Gregorian calendar. */

export const nanosPerMicro = 1_000n;
export const nanosPerMilli = 1_000_000n;
export const nanosPerSecond = 1_000_000_000n;
export const millisPerDay = 86_400_000;
export const nanosPerDay = 86_400_000_000_000n;

/** The quotient rounded down, as Java's floorDiv; `divisor` is positive. */
export function floorDiv(value: bigint, divisor: bigint): bigint {
  const quotient = value / divisor;
  return value < 0n && quotient * divisor !== value ? quotient - 1n : quotient;
}

export function floorMod(value: bigint, divisor: bigint): bigint {
  const rest = value % divisor;
  return rest < 0n ? rest + divisor : rest;
}
