/** Decimals as text. A decimal is its unscaled value and a scale: 12345 at scale 2 is 123.45. */

export type Decimal = { readonly unscaled: bigint; readonly scale: number };

/** Plain digits with the full scale: `-0.05`, `123.40`, `7`. */
export function printDecimal(unscaled: bigint, scale: number): string {
  const text = unscaled.toString();
  if (scale === 0) return text;
  const sign = text.startsWith('-') ? '-' : '';
  const digits = text.slice(sign.length).padStart(scale + 1, '0');
  return `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

const decimalPattern = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,6}))?$/;
/** Longer numbers than this are no decimal of ours, whatever their exponent. */
const digitsMax = 1_000;

/** The number a text stands for, with exponent or without; undefined when it is no number. */
export function parseDecimal(text: string): Decimal | undefined {
  return parseShort(text) ?? parseLong(text);
}

/** Digits that one number holds exactly. */
const shortLengthMax = 15;

/** A short text of digits, a sign and a point: most there are, and read without a big number. */
function parseShort(text: string): Decimal | undefined {
  if (text.length > shortLengthMax) return undefined;
  const start = text.charCodeAt(0) === 45 ? 1 : 0;
  let value = 0;
  let point = -1;
  for (let i = start; i < text.length; i += 1) {
    const digit = text.charCodeAt(i) - 48;
    if (digit >= 0 && digit <= 9) value = value * 10 + digit;
    else if (digit === -2 && point < 0) point = i;
    else return undefined;
  }
  const scale = point < 0 ? 0 : text.length - point - 1;
  if (text.length - start - (point < 0 ? 0 : 1) === 0) return undefined;
  return { unscaled: BigInt(start === 1 ? -value : value), scale };
}

function parseLong(text: string): Decimal | undefined {
  const match = decimalPattern.exec(text);
  if (match === null) return undefined;
  const whole = match[2] ?? '';
  const fraction = match[3] ?? '';
  const digits = whole + fraction;
  if (digits.length === 0 || digits.length > digitsMax) return undefined;
  const unscaled = BigInt(digits);
  const scale = fraction.length - Number(match[4] ?? '0');
  return { unscaled: match[1] === '-' ? -unscaled : unscaled, scale };
}

export type DecimalShape = { readonly precision: number; readonly scale: number };

/** The unscaled value at another scale, rounded half up; undefined when it needs more digits than the precision. */
export function fitDecimal(value: Decimal, shape: DecimalShape): bigint | undefined {
  const unscaled = rescale(value, shape.scale);
  if (unscaled === undefined) return undefined;
  return absolute(unscaled) < powerOfTen(shape.precision) ? unscaled : undefined;
}

function rescale(value: Decimal, scale: number): bigint | undefined {
  if (value.scale === scale || value.unscaled === 0n) return value.unscaled;
  const shift = scale - value.scale;
  // More digits than any DECIMAL has.
  if (shift > 80) return undefined;
  if (shift >= 0) return value.unscaled * powerOfTen(shift);
  if (-shift > digitsMax) return 0n;
  const divisor = powerOfTen(-shift);
  const quotient = value.unscaled / divisor;
  const rest = absolute(value.unscaled % divisor);
  if (rest * 2n < divisor) return quotient;
  return value.unscaled < 0n ? quotient - 1n : quotient + 1n;
}

export function absolute(value: bigint): bigint {
  return value < 0n ? -value : value;
}

const powersOfTen = Array.from({ length: 81 }, (_, n) => 10n ** BigInt(n));

export function powerOfTen(exponent: number): bigint {
  return powersOfTen[exponent] ?? 10n ** BigInt(exponent);
}
