/** What fits where: the ranges that a scalar's own type does not keep. */
import { floorDiv, nanosPerMicro, nanosPerMilli } from './time.ts';

const int64Max = 9_223_372_036_854_775_807n;

/** The value, or undefined when it needs more than 64 bits. */
export function fitInt64(value: bigint): bigint | undefined {
  return value <= int64Max && value >= -int64Max - 1n ? value : undefined;
}

/**
 * The nanoseconds, or undefined when a column of that precision cannot hold them: it counts microseconds in 64 bits for
 * precisions 4 to 6 (about 290,000 years either side of 1970), else milliseconds.
 */
export function fitTimestamp(nanos: bigint, precision: number): bigint | undefined {
  const unit = precision >= 4 && precision <= 6 ? nanosPerMicro : nanosPerMilli;
  return fitInt64(floorDiv(nanos, unit)) === undefined ? undefined : nanos;
}
