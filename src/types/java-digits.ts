/**
 * The decimal digits in which Java up to version 18 prints a floating-point number; Paimon runs on 8, 11 and 17. They are
 * enough to tell the number from its neighbours, and often more than the fewest that would do:
 *
 * - a whole number above the precision of its type is taken as the exact integer, less the digits that say nothing;
 * - otherwise digits are made until what is left is below half a unit of the last binary place, or within that of the next
 *   digit; numbers printed with an exponent have two digits at least.
 *
 * @see java.lang.Double.toString of JDK 17; behaviour checked against it
 */

export type DecimalDigits = {
  /** Without zeros at the end, but never empty. */
  readonly digits: string;
  /** Of the first digit: the number is d.ddd times 10 to this. */
  readonly exponent: number;
};

/** A positive number: `significand` (53 bits, the highest set) times 2 to `exponent - 52`. */
type Binary = {
  readonly significand: bigint;
  readonly exponent: number;
  /** Bits that the type has for it: 53 or 24, fewer below the normal range. */
  readonly precision: number;
};

const fractionBits = 52;
/** Java's integers end here, and with them its rules for small numbers. */
const longBits = 64;
const intBits = 32;
const wholeExponentMax = 62;
const wholeExponentMin = -21;

/** @param value finite, above 0 */
export function digitsOfDouble(value: number): DecimalDigits {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  return digitsOf(normalized(bits & ((1n << 52n) - 1n), Number(bits >> 52n), { fraction: 52, bias: 1_023 }));
}

/** @param value finite, above 0, a value of FLOAT */
export function digitsOfFloat(value: number): DecimalDigits {
  const view = new DataView(new ArrayBuffer(4));
  view.setFloat32(0, value);
  const bits = view.getUint32(0);
  return digitsOf(normalized(BigInt(bits & 0x7f_ffff), bits >>> 23, { fraction: 23, bias: 127 }));
}

function normalized(
  fraction: bigint,
  biased: number,
  layout: { readonly fraction: number; readonly bias: number },
): Binary {
  const significand = biased === 0 ? fraction : fraction | (1n << BigInt(layout.fraction));
  const precision = bitLength(significand);
  const missing = layout.fraction + 1 - precision;
  return {
    significand: significand << BigInt(fractionBits + 1 - precision),
    exponent: Math.max(biased, 1) - missing - layout.bias,
    precision,
  };
}

function digitsOf(binary: Binary): DecimalDigits {
  const { significand, exponent } = binary;
  const usedBits = fractionBits + 1 - trailingZeros(significand);
  const tinyBits = Math.max(0, usedBits - exponent - 1);
  const isWhole = tinyBits === 0 && usedBits < longBits && exponent <= wholeExponentMax && exponent >= wholeExponentMin;
  return isWhole ? wholeDigits(binary) : developedDigits(binary, { usedBits, tinyBits });
}

function wholeDigits({ significand, exponent, precision }: Binary): DecimalDigits {
  let value =
    exponent >= fractionBits
      ? significand << BigInt(exponent - fractionBits)
      : significand >> BigInt(fractionBits - exponent);
  const spareBits = exponent > precision ? exponent - precision - 1 : 0;
  const spareDigits = spareBits > 1 ? Math.floor(spareBits * Math.log10(2)) : 0;
  const unit = 10n ** BigInt(spareDigits);
  value = value / unit + (spareDigits > 0 && value % unit >= unit / 2n ? 1n : 0n);
  const text = value.toString();
  return { digits: withoutZeros(text), exponent: text.length - 1 + spareDigits };
}

type Widths = { readonly usedBits: number; readonly tinyBits: number };

/** What is left of the number, half a unit of its last place, and what a whole digit is: all over one denominator. */
type Remainder = {
  readonly rest: bigint;
  readonly half: bigint;
  readonly one: bigint;
  /** Bits of the integers that Java reckons with, and whose overflow shows now and then; undefined: any number. */
  readonly wordBits: number | undefined;
};

function developedDigits(binary: Binary, widths: Widths): DecimalDigits {
  let exponent = estimatedExponent(binary);
  const { one, wordBits, ...start } = scaled(binary, widths, exponent);
  const tens = one * 10n;
  const wrapped = (value: bigint): bigint => (wordBits === undefined ? value : BigInt.asIntN(wordBits, value));
  let { rest, half } = start;
  const digits: bigint[] = [];
  let isBelow = false;
  let isAbove = false;
  const take = (): bigint => {
    const digit = rest / one;
    rest = (rest % one) * 10n;
    half = wrapped(half * 10n);
    isBelow = half <= 0n || rest < half;
    isAbove = half <= 0n || wrapped(rest + half) > tens || (wordBits === undefined && rest + half === tens);
    return digit;
  };
  const first = take();
  if (first === 0n && !isAbove) exponent -= 1;
  else digits.push(first);
  if (exponent < -3 || exponent >= 8) [isBelow, isAbove] = [false, false];
  while (!isBelow && !isAbove) digits.push(take());
  const last = digits.at(-1) ?? 0n;
  const toMiddle = wrapped(wrapped(rest * 2n) - tens);
  const roundsUp = isAbove && (!isBelow || toMiddle > 0n || (toMiddle === 0n && last % 2n === 1n));
  return roundedUp(digits.join(''), exponent, roundsUp);
}

function roundedUp(digits: string, exponent: number, isUp: boolean): DecimalDigits {
  if (!isUp) return { digits: withoutZeros(digits), exponent };
  const up = (BigInt(digits) + 1n).toString();
  return { digits: withoutZeros(up), exponent: exponent + up.length - digits.length };
}

/** The power of ten of the first digit, or one more. */
function estimatedExponent({ significand, exponent }: Binary): number {
  const mantissa = Number(significand) / 2 ** fractionBits;
  return Math.floor((mantissa - 1.5) * 0.289529654 + 0.176091259 + exponent * 0.301029995663981);
}

function scaled(
  { significand, exponent, precision }: Binary,
  { usedBits, tinyBits }: Widths,
  decimal: number,
): Remainder {
  const restFives = Math.max(0, -decimal);
  const oneFives = Math.max(0, decimal);
  let restTwos = restFives + tinyBits + exponent;
  let oneTwos = oneFives + tinyBits;
  let halfTwos = restTwos - precision;
  restTwos -= usedBits - 1;
  const common = Math.min(restTwos, oneTwos);
  [restTwos, oneTwos, halfTwos] = [restTwos - common, oneTwos - common, halfTwos - common];
  // The neighbour below a power of two is half as far.
  if (usedBits === 1) halfTwos -= 1;
  if (halfTwos < 0) [restTwos, oneTwos, halfTwos] = [restTwos - halfTwos, oneTwos - halfTwos, 0];
  const restBits = usedBits + restTwos + bitsOfFives(restFives);
  const tensBits = oneTwos + 1 + bitsOfFives(oneFives + 1);
  return {
    rest: ((significand >> BigInt(trailingZeros(significand))) * 5n ** BigInt(restFives)) << BigInt(restTwos),
    half: (5n ** BigInt(restFives)) << BigInt(halfTwos),
    one: (5n ** BigInt(oneFives)) << BigInt(oneTwos),
    wordBits: [intBits, longBits].find(bits => restBits < bits && tensBits < bits),
  };
}

/** Bits of a power of five; Java guesses those of large ones. */
function bitsOfFives(count: number): number {
  return count < 27 ? bitLength(5n ** BigInt(count)) : count * 3;
}

function bitLength(value: bigint): number {
  return value === 0n ? 0 : value.toString(2).length;
}

function trailingZeros(value: bigint): number {
  return bitLength(value & -value) - 1;
}

function withoutZeros(digits: string): string {
  return digits.replace(/0+$/, '') || '0';
}
