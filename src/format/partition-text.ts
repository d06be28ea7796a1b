/**
 * Partition values as they stand in paths.
 *
 * @see spec 1.3, Paimon 1.4.2 InternalRowPartitionComputer, PartitionPathUtils
 */
import { assert } from '../base/assert.ts';
import { unsupported } from '../base/errors.ts';
import type { DataType } from '../types/data-type.ts';
import { printDecimal } from '../types/decimal-text.ts';
import { javaDouble, javaFloat } from '../types/java-text.ts';
import type { Scalar } from '../types/scalar.ts';
import { dayTime, printDate, two } from '../types/time.ts';

/** Characters that are written as %XX in a path; all others stay, non-ASCII included. */
const escaped: ReadonlySet<string> = new Set([...'"#%\'*/:=?\\{}[]^\u007f']);

export function escapePathName(text: string): string {
  let out = '';
  for (const char of text) {
    out += char < ' ' || escaped.has(char) ? `%${hexByte(char.charCodeAt(0))}` : char;
  }
  return out;
}

/** The inverse; what is no well-formed escape stays as it is. */
export function unescapePathName(text: string): string {
  return text.replace(/%([0-9A-Fa-f]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
}

/** What Java's Character.isWhitespace takes, which leaves out the spaces that do not break. */
const blank = /^[\t-\r\u001c-\u001f \u1680\u2000-\u2006\u2008-\u200a\u2028\u2029\u205f\u3000]*$/;

export type PartitionText = { readonly legacyName: boolean; readonly defaultName: string };

/** A partition value as text, not escaped; null and blank text are the default name. */
export function partitionText(type: DataType, value: Scalar, naming: PartitionText): string {
  if (value === null) return naming.defaultName;
  const text = naming.legacyName ? legacyText(type, value) : sqlText(type, value);
  return blank.test(text) ? naming.defaultName : text;
}

/** As Java's toString writes the value's object: dates are day numbers, timestamps ISO without trailing zeros. */
function legacyText(type: DataType, value: Scalar): string {
  switch (type.kind) {
    case 'date':
    case 'time':
      return String(value);
    case 'timestamp':
    case 'timestamp-ltz': {
      const { days, millisOfDay, nanosOfMilli } = dayTime(bigintOf(value));
      const nanos = (millisOfDay % 1000) * 1_000_000 + nanosOfMilli;
      const clock = clockText(Math.floor(millisOfDay / 1000)) + isoFraction(nanos);
      return `${printDate(days)}T${clock.endsWith(':00') ? clock.slice(0, 5) : clock}`;
    }
    default:
      return sqlText(type, value);
  }
}

/** As a cast to STRING writes it. */
function sqlText(type: DataType, value: Scalar): string {
  switch (type.kind) {
    case 'char':
    case 'varchar':
    case 'boolean':
    case 'tinyint':
    case 'smallint':
    case 'int':
    case 'bigint':
      return String(value);
    case 'float':
      return javaFloat(numberOf(value));
    case 'double':
      return javaDouble(numberOf(value));
    case 'decimal':
      return printDecimal(bigintOf(value), type.scale);
    case 'date':
      return printDate(numberOf(value));
    case 'time': {
      const millis = numberOf(value);
      return clockText(Math.floor(millis / 1000)) + timeFraction(millis % 1000, type.precision);
    }
    case 'timestamp':
    case 'timestamp-ltz': {
      const { days, millisOfDay, nanosOfMilli } = dayTime(bigintOf(value));
      const nanos = (millisOfDay % 1000) * 1_000_000 + nanosOfMilli;
      return `${printDate(days)} ${clockText(Math.floor(millisOfDay / 1000))}${fractionText(nanos, type.precision)}`;
    }
    default:
      throw unsupported(`type ${type.kind.toUpperCase()}`, 'partition path');
  }
}

/** `HH:MM:SS` */
function clockText(secondOfDay: number): string {
  return `${two(Math.floor(secondOfDay / 3600))}:${two(Math.floor(secondOfDay / 60) % 60)}:${two(secondOfDay % 60)}`;
}

/** 3, 6 or 9 digits, as many as it takes. */
function isoFraction(nanos: number): string {
  if (nanos === 0) return '';
  const digits = String(nanos).padStart(9, '0');
  if (digits.endsWith('000000')) return `.${digits.slice(0, 3)}`;
  return `.${digits.endsWith('000') ? digits.slice(0, 6) : digits}`;
}

/** Digits up to the precision; they end where nothing is left, but not before the first. */
function timeFraction(millis: number, precision: number): string {
  const digits = String(millis).padStart(3, '0');
  const shown = digits.slice(0, Math.max(1, digits.replace(/0+$/, '').length)).slice(0, precision);
  return shown === '' ? '' : `.${shown}`;
}

/** As many digits as the precision has, more only if cutting would lose something. */
function fractionText(nanos: number, precision: number): string {
  let digits = String(nanos).padStart(9, '0');
  while (digits.length > precision && digits.endsWith('0')) digits = digits.slice(0, -1);
  return digits === '' ? '' : `.${digits}`;
}

function hexByte(code: number): string {
  return code.toString(16).toUpperCase().padStart(2, '0');
}

function numberOf(value: Scalar): number {
  assert(typeof value === 'number', () => `${typeof value} is not a number`);
  return value;
}

function bigintOf(value: Scalar): bigint {
  assert(typeof value === 'bigint', () => `${typeof value} is not a bigint`);
  return value;
}
