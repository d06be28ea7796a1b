/** Anything into a number, as Java and Paimon narrow it. Part of `cast.ts`. */
import { unreachable } from '../base/assert.ts';
import { parseWholePart } from './cast-text.ts';
import { isInteger } from './castability.ts';
import type { AtomicType } from './data-type.ts';
import { type Decimal, fitDecimal, parseDecimal, powerOfTen, printDecimal } from './decimal-text.ts';
import { javaDouble, parseJavaDouble } from './java-text.ts';
import type { Scalar } from './scalar.ts';
import { floorDiv, nanosPerMilli } from './time.ts';

export type NumberType = AtomicType & {
  readonly kind: 'tinyint' | 'smallint' | 'int' | 'bigint' | 'float' | 'double' | 'decimal';
};
type Value = Exclude<Scalar, null>;

/** The cast into a number; it gives null for a decimal that does not fit, undefined where Paimon throws. */
export function numberCast(from: AtomicType, to: NumberType): (value: Value) => Scalar | undefined {
  switch (to.kind) {
    case 'decimal':
      return value => {
        const decimal = decimalOf(value, from);
        return decimal === undefined ? undefined : (fitDecimal(decimal, to) ?? null);
      };
    case 'float':
      return value => {
        const number = doubleOf(value, from);
        if (number === undefined) return undefined;
        return typeof value === 'bigint' && from.kind === 'bigint' ? floatOf(value) : Math.fround(number);
      };
    case 'double':
      return value => doubleOf(value, from);
    case 'tinyint':
      return value => narrow(value, from, 8);
    case 'smallint':
      return value => narrow(value, from, 16);
    case 'int':
      return value => narrow(value, from, 32);
    case 'bigint':
      return value => integerOf(value, from, 64);
    default:
      return unreachable(to);
  }
}

function narrow(value: Value, from: AtomicType, bits: 8 | 16 | 32): number | undefined {
  const integer = integerOf(value, from, 32);
  if (integer === undefined) return undefined;
  const out = BigInt.asIntN(bits, integer);
  // Texts are checked where numbers wrap.
  return typeof value === 'string' && out !== integer ? undefined : Number(out);
}

/** An integer of 64 bits; from floats and texts one of `bits`. */
function integerOf(value: Value, from: AtomicType, bits: 32 | 64): bigint | undefined {
  if (typeof value === 'boolean') return value ? 1n : 0n;
  if (typeof value === 'string') return parseWholePart(value, bits);
  if (typeof value === 'number') return isInteger(from.kind) ? BigInt(value) : saturate(value, bits);
  if (typeof value !== 'bigint') return undefined;
  if (from.kind === 'decimal') return BigInt.asIntN(64, value / powerOfTen(from.scale));
  if (from.kind === 'timestamp' || from.kind === 'timestamp-ltz') return floorDiv(value, nanosPerMilli) / 1000n;
  return value;
}

/** Java's narrowing of a double: towards zero, NaN to 0, the bounds for what is beyond them. */
function saturate(value: number, bits: 32 | 64): bigint {
  if (Number.isNaN(value)) return 0n;
  const max = (1n << BigInt(bits - 1)) - 1n;
  if (value >= 2 ** (bits - 1)) return max;
  if (value <= -(2 ** (bits - 1))) return -max - 1n;
  return BigInt(Math.trunc(value));
}

const compactPrecisionMax = 18;

function doubleOf(value: Value, from: AtomicType): number | undefined {
  if (typeof value === 'string') return parseJavaDouble(value);
  if (value instanceof Uint8Array) return undefined;
  if (from.kind !== 'decimal' || typeof value !== 'bigint') return Number(value);
  // Short decimals are divided as doubles, long ones rounded once from all their digits.
  if (from.precision <= compactPrecisionMax) return Number(value) / 10 ** from.scale;
  return Number(printDecimal(value, from.scale));
}

/** The float nearest to an integer, rounded once. */
function floatOf(value: bigint): number {
  const exact = Number(value);
  if (Number.isSafeInteger(exact)) return Math.fround(exact);
  // Halve away eleven bits, keeping in the last whether any was set: too few to matter, enough to break ties.
  const magnitude = value < 0n ? -value : value;
  const kept = magnitude >> 11n;
  const sticky = kept << 11n === magnitude ? kept : kept | 1n;
  const rounded = Math.fround(Number(sticky)) * 2048;
  return value < 0n ? -rounded : rounded;
}

function decimalOf(value: Value, from: AtomicType): Decimal | undefined {
  if (typeof value === 'boolean') return { unscaled: value ? 1n : 0n, scale: 0 };
  if (typeof value === 'bigint') return { unscaled: value, scale: from.kind === 'decimal' ? from.scale : 0 };
  if (typeof value === 'string') return parseDecimal(value);
  if (typeof value !== 'number') return undefined;
  return isInteger(from.kind) ? { unscaled: BigInt(value), scale: 0 } : parseDecimal(javaDouble(value));
}
