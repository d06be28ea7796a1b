/**
 * Arithmetic on scalars of a numeric type, with Java's results: integers wrap around, FLOAT is rounded to its width after
 * each step, a DECIMAL that has too many digits becomes null.
 *
 * @see Paimon 1.4.2 FieldSumAgg, FieldProductAgg, DecimalUtils, Decimal.fromBigDecimal
 */
import { assert } from '../base/assert.ts';
import { invalid, unsupported } from '../base/errors.ts';
import type { DataType } from '../types/data-type.ts';
import type { Scalar } from '../types/scalar.ts';

export type Arithmetic = {
  readonly add: (a: Scalar, b: Scalar) => Scalar;
  readonly subtract: (a: Scalar, b: Scalar) => Scalar;
  readonly multiply: (a: Scalar, b: Scalar) => Scalar;
  /** @throws LakeError `invalid` LAKE_BAD_DIVISION where there is no result */
  readonly divide: (a: Scalar, b: Scalar) => Scalar;
  readonly negate: (a: Scalar) => Scalar;
};

/** @param column for messages */
export function arithmeticOf(type: DataType, column: string): Arithmetic {
  switch (type.kind) {
    case 'tinyint':
      return integers(value => (value << 24) >> 24, column);
    case 'smallint':
      return integers(value => (value << 16) >> 16, column);
    case 'int':
      return integers(value => value | 0, column);
    case 'bigint':
      return bigints(column);
    case 'float':
      return floats(Math.fround);
    case 'double':
      return floats(value => value);
    case 'decimal':
      return decimals(type, column);
    default:
      throw unsupported(`arithmetic on ${type.kind.toUpperCase()}`, `column \`${column}\``);
  }
}

function integers(wrap: (value: number) => number, column: string): Arithmetic {
  return {
    add: (a, b) => wrap(numberOf(a) + numberOf(b)),
    subtract: (a, b) => wrap(numberOf(a) - numberOf(b)),
    multiply: (a, b) => wrap(Math.imul(numberOf(a), numberOf(b))),
    divide: (a, b) => {
      if (b === 0) throw badDivision(column, 'by zero');
      return wrap(Math.trunc(numberOf(a) / numberOf(b)));
    },
    negate: a => wrap(-numberOf(a)),
  };
}

function bigints(column: string): Arithmetic {
  const wrap = (value: bigint): bigint => BigInt.asIntN(64, value);
  return {
    add: (a, b) => wrap(bigintOf(a) + bigintOf(b)),
    subtract: (a, b) => wrap(bigintOf(a) - bigintOf(b)),
    multiply: (a, b) => wrap(bigintOf(a) * bigintOf(b)),
    divide: (a, b) => {
      if (b === 0n) throw badDivision(column, 'by zero');
      return wrap(bigintOf(a) / bigintOf(b));
    },
    negate: a => wrap(-bigintOf(a)),
  };
}

function floats(round: (value: number) => number): Arithmetic {
  return {
    add: (a, b) => round(numberOf(a) + numberOf(b)),
    subtract: (a, b) => round(numberOf(a) - numberOf(b)),
    multiply: (a, b) => round(numberOf(a) * numberOf(b)),
    divide: (a, b) => round(numberOf(a) / numberOf(b)),
    negate: a => -numberOf(a),
  };
}

const longMax = 2n ** 63n - 1n;
/** Decimals up to this precision are a long in Java, and sums of them are checked against its range only. */
const compactPrecisionMax = 18;

function decimals({ precision, scale }: DataType & { readonly kind: 'decimal' }, column: string): Arithmetic {
  const largest = 10n ** BigInt(precision) - 1n;
  const unit = 10n ** BigInt(scale);
  const fitted = (value: bigint): Scalar => (value > largest || value < -largest ? null : value);
  const summed = (value: bigint): Scalar =>
    precision <= compactPrecisionMax && value <= longMax && value >= -longMax - 1n ? value : fitted(value);
  return {
    add: (a, b) => summed(bigintOf(a) + bigintOf(b)),
    subtract: (a, b) => summed(bigintOf(a) - bigintOf(b)),
    multiply: (a, b) => fitted(roundedQuotient(bigintOf(a) * bigintOf(b), unit)),
    divide: (a, b) => {
      const divisor = bigintOf(b);
      if (divisor === 0n) throw badDivision(column, 'by zero');
      if (!isTerminating(bigintOf(a), divisor)) throw badDivision(column, 'without an exact decimal result');
      return fitted(roundedQuotient(bigintOf(a) * unit, divisor));
    },
    negate: a => -bigintOf(a),
  };
}

/** Half away from zero. */
function roundedQuotient(dividend: bigint, divisor: bigint): bigint {
  const isNegative = dividend < 0n !== divisor < 0n;
  const [top, bottom] = [absolute(dividend), absolute(divisor)];
  const quotient = (top * 2n + bottom) / (bottom * 2n);
  return isNegative ? -quotient : quotient;
}

/** Whether the quotient has finitely many decimal digits. */
function isTerminating(dividend: bigint, divisor: bigint): boolean {
  let rest = absolute(divisor) / commonDivisor(absolute(dividend), absolute(divisor));
  for (const prime of [2n, 5n]) while (rest % prime === 0n) rest /= prime;
  return rest === 1n;
}

function commonDivisor(a: bigint, b: bigint): bigint {
  let [x, y] = [a, b];
  while (y > 0n) [x, y] = [y, x % y];
  return x;
}

function absolute(value: bigint): bigint {
  return value < 0n ? -value : value;
}

function badDivision(column: string, why: string): Error {
  return invalid('LAKE_BAD_DIVISION', `column \`${column}\`: a retraction divides ${why}`);
}

function numberOf(value: Scalar): number {
  assert(typeof value === 'number', 'the type has numbers');
  return value;
}

function bigintOf(value: Scalar): bigint {
  assert(typeof value === 'bigint', 'the type has bigints');
  return value;
}
