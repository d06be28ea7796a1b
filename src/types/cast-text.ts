/** Texts into values and values into texts, as Paimon's casts do it. @see Paimon 1.4.2 BinaryStringUtils, DateTimeUtils */
import {
  civilDate,
  type DayTime,
  dayNumber,
  daysInMonth,
  dayTime,
  nanosPerDay,
  nanosPerMilli,
  truncateNanos,
  two,
} from './time.ts';

/** Digits with an optional sign, where a fraction is cut off; undefined when it is no number or beyond the bounds. */
export function parseWholePart(text: string, bits: 32 | 64): bigint | undefined {
  const match = /^([+-]?)(\d*)(?:\.\d*)?$/.exec(text);
  if (match === null || text.length === (match[1] ?? '').length || text.length > 1_000) return undefined;
  const magnitude = BigInt(match[2] || '0');
  const value = match[1] === '-' ? -magnitude : magnitude;
  return BigInt.asIntN(bits, value) === value ? value : undefined;
}

export function parseBoolean(text: string): boolean | undefined {
  switch (text.toLowerCase()) {
    case 't':
    case 'true':
    case 'y':
    case 'yes':
    case '1':
      return true;
    case 'f':
    case 'false':
    case 'n':
    case 'no':
    case '0':
      return false;
    default:
      return undefined;
  }
}

function isNumeric(text: string): boolean {
  return /^-?\d+$/.test(text);
}

function wholeNumber(text: string): number | undefined {
  const trimmed = text.trim();
  return /^\d{1,10}$/.test(trimmed) ? Number(trimmed) : undefined;
}

/** Days: `Y`, `Y-M`, `Y-M-D` of years 0 to 9999, what follows a space being ignored; a bare number is days already. */
export function castTextToDate(text: string): number | undefined {
  if (isNumeric(text)) {
    const days = parseWholePart(text, 32);
    return days === undefined ? undefined : Number(days);
  }
  const space = text.indexOf(' ');
  const [first = '', second, ...rest] = (space > 0 ? text.slice(0, space) : text).split('-');
  const year = wholeNumber(first);
  const month = second === undefined ? 1 : wholeNumber(second);
  const day = rest.length === 0 ? 1 : wholeNumber(rest.join('-'));
  if (year === undefined || month === undefined || day === undefined) return undefined;
  if (year > 9999 || month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return undefined;
  return dayNumber({ year, month, day });
}

/** Milliseconds: `H`, `H:M`, `H:M:S`, `H:M:S.f`, each with an optional `+h:m` or `-h:m` that is added; not bounded. */
export function castTextToTime(text: string): number | undefined {
  if (isNumeric(text)) {
    const millis = parseWholePart(text, 32);
    return millis === undefined ? undefined : Number(millis);
  }
  const minus = text.indexOf('-');
  const zoneAt = minus >= 0 ? minus : text.indexOf('+');
  const clock = clockMillis(zoneAt < 0 ? text : text.slice(0, zoneAt));
  if (clock === undefined || zoneAt < 0) return clock;
  const zone = text.slice(zoneAt + 1);
  const colon = zone.indexOf(':');
  const hours = wholeNumber(colon < 0 ? zone : zone.slice(0, colon));
  const minutes = colon < 0 ? 0 : wholeNumber(zone.slice(colon + 1));
  if (hours === undefined || minutes === undefined) return undefined;
  const shift = hours * 3_600_000 + minutes * 60_000;
  return (minus >= 0 ? clock - shift : clock + shift) | 0;
}

function clockMillis(text: string): number | undefined {
  const [hourText = '', minuteText, ...rest] = text.split(':');
  const hour = wholeNumber(hourText);
  const minute = minuteText === undefined ? 0 : wholeNumber(minuteText);
  const seconds = rest.join(':');
  const dot = seconds.indexOf('.');
  const second = rest.length === 0 ? 0 : wholeNumber(dot < 0 ? seconds : seconds.slice(0, dot));
  if (hour === undefined || minute === undefined || second === undefined) return undefined;
  const millis = dot < 0 ? 0 : fractionMillis(seconds.slice(dot + 1).trim());
  return (hour * 3_600_000 + minute * 60_000 + second * 1_000 + millis) | 0;
}

/** Three digits, the fourth rounding them; anything but a digit counts as 0. */
function fractionMillis(text: string): number {
  const digit = (at: number): number => (/\d/.test(text.charAt(at)) ? Number(text.charAt(at)) : 0);
  return digit(0) * 100 + digit(1) * 10 + digit(2) + (text.charAt(3) >= '5' ? 1 : 0);
}

const timestampPattern = /^(\d{4}|\+\d{5,10})-(\d{1,2})-(\d{1,2})(?: (\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.(\d{0,9}))?)?$/;

/**
 * Nanoseconds of `Y-M-D` or `Y-M-D H:M:S.f`, cut to the precision. A day up to 31 that the month lacks becomes its
 * last, and 24:00:00 the next day. A bare number is an epoch in units of the precision, for precisions 0, 3, 6 and 9
 * of a type without zone.
 */
export function castTextToTimestamp(
  text: string,
  type: { readonly kind: 'timestamp' | 'timestamp-ltz'; readonly precision: number },
): bigint | undefined {
  if (type.kind === 'timestamp' && isNumeric(text)) {
    const epoch = parseWholePart(text, 64);
    if (epoch === undefined || type.precision % 3 !== 0) return undefined;
    // Seconds become milliseconds of 64 bits, which wrap.
    if (type.precision === 0) return BigInt.asIntN(64, epoch * 1000n) * nanosPerMilli;
    return epoch * 10n ** BigInt(9 - type.precision);
  }
  const match = timestampPattern.exec(text);
  if (match === null) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(part => Number(part ?? '0'));
  if (year === undefined || month === undefined || day === undefined) return undefined;
  if (year < 1 || month < 1 || month > 12 || day < 1 || day > 31) return undefined;
  const days = dayNumber({ year, month, day: Math.min(day, daysInMonth(year, month)) });
  const seconds = secondsOfDay(hour ?? 0, minute ?? 0, second ?? 0);
  const fraction = BigInt((match[7] ?? '').padEnd(9, '0'));
  if (seconds === undefined || (seconds === 86_400 && fraction !== 0n)) return undefined;
  return truncateNanos(BigInt(days) * nanosPerDay + BigInt(seconds) * 1_000_000_000n + fraction, type.precision);
}

function secondsOfDay(hour: number, minute: number, second: number): number | undefined {
  if (minute > 59 || second > 59) return undefined;
  const seconds = hour * 3600 + minute * 60 + second;
  return hour > 23 && seconds !== 86_400 ? undefined : seconds;
}

/** Four digits of a year, the last four of a longer one. */
function yearDigits(year: number): string {
  return [1000, 100, 10, 1].map(unit => String.fromCharCode(48 + (Math.trunc(year / unit) % 10))).join('');
}

/** `2024-02-29`. Years beyond 9999 lose their first digits, as in Paimon. */
export function castDateToText(days: number): string {
  const { year, month, day } = civilDate(days);
  return `${yearDigits(year)}-${two(month)}-${two(day)}`;
}

/** `07:08:09` and, for a precision above 0, a point and the digits of the milli up to its last that is not 0. */
export function castTimeToText(millis: number, precision: number): string {
  const ofDay = millis < 0 ? (millis % 86_400_000) + (millis % 86_400_000 < 0 ? 86_400_000 : 0) : millis;
  const seconds = Math.trunc(ofDay / 1000);
  const clock = `${two(Math.trunc(seconds / 3600) % 100)}:${two(Math.trunc(seconds / 60) % 60)}:${two(seconds % 60)}`;
  if (precision === 0) return clock;
  const digits = String(ofDay % 1000)
    .padStart(3, '0')
    .slice(0, precision);
  return `${clock}.${digits.replace(/0+$/, '') || '0'}`;
}

/** `2024-02-29 07:08:09` and a fraction of at least `precision` digits, more where they are not 0. */
export function castTimestampToText(nanos: bigint, precision: number): string {
  const { days, millisOfDay, nanosOfMilli }: DayTime = dayTime(nanos);
  const seconds = Math.trunc(millisOfDay / 1000);
  const clock = `${two(Math.trunc(seconds / 3600))}:${two(Math.trunc(seconds / 60) % 60)}:${two(seconds % 60)}`;
  let fraction = String((millisOfDay % 1000) * 1_000_000 + nanosOfMilli).padStart(9, '0');
  while (fraction.length > precision && fraction.endsWith('0')) fraction = fraction.slice(0, -1);
  return `${castDateToText(days)} ${clock}${fraction.length > 0 ? `.${fraction}` : ''}`;
}
