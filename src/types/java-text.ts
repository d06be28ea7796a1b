/** Floating-point numbers as Java prints and reads them. @see java.lang.Double.toString of JDK 17 */
import { type DecimalDigits, digitsOfDouble, digitsOfFloat } from './java-digits.ts';

/** `1.0`, `0.001`, `9.99E-4`, `1.0E7`, `NaN`, `Infinity`. */
export function javaDouble(value: number): string {
  return printed(value, digitsOfDouble);
}

/** As `javaDouble` for a value of FLOAT. */
export function javaFloat(value: number): string {
  return printed(value, digitsOfFloat);
}

function printed(value: number, digitsOf: (magnitude: number) => DecimalDigits): string {
  if (!Number.isFinite(value)) return String(value);
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0';
  return (value < 0 ? '-' : '') + arranged(digitsOf(Math.abs(value)));
}

/** Lays digits out as Java does: plain from 10^-3 to below 10^7, else with an exponent. */
function arranged({ digits, exponent }: DecimalDigits): string {
  if (exponent < -3 || exponent >= 7) return `${digits[0]}.${digits.slice(1) || '0'}E${exponent}`;
  if (exponent < 0) return `0.${'0'.repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0');
  return `${whole}.${digits.slice(exponent + 1) || '0'}`;
}

const javaNumberPattern = /^([+-]?)(?:(NaN|Infinity)|((?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)[fFdD]?)$/;

/** What Double.parseDouble makes of a text, hexadecimal notation excepted; undefined when it throws. */
export function parseJavaDouble(text: string): number | undefined {
  // Java trims what is up to U+0020.
  const match = javaNumberPattern.exec(text.replace(/^[\u0000-\u0020]+|[\u0000-\u0020]+$/g, ''));
  if (match === null) return undefined;
  const magnitude = Number(match[2] ?? match[3]);
  return match[1] === '-' ? -magnitude : magnitude;
}
