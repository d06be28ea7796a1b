/**
 * Calendar, units and the canonical texts of dates and times. Days and instants are counted from 1970-01-01 in the
 * proleptic Gregorian calendar. Years print as Java's LocalDate: four digits, more with a sign.
 */

export const nanosPerMicro = 1_000n;
export const nanosPerMilli = 1_000_000n;
export const nanosPerDay = 86_400_000_000_000n;
export const millisPerDay = 86_400_000;

/** The quotient rounded down, as Java's floorDiv; `divisor` is positive. */
export function floorDiv(value: bigint, divisor: bigint): bigint {
  const quotient = value / divisor;
  return value < 0n && quotient * divisor !== value ? quotient - 1n : quotient;
}

export type CivilDate = { readonly year: number; readonly month: number; readonly day: number };

const daysPerEra = 146_097;
/** From 0000-03-01 to 1970-01-01. */
const daysBeforeEpoch = 719_468;

/** The calendar day of a day number. Counts years from March, so that the leap day comes last. */
export function civilDate(days: number): CivilDate {
  const shifted = days + daysBeforeEpoch;
  const era = Math.floor(shifted / daysPerEra);
  const dayOfEra = shifted - era * daysPerEra;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const marchMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * marchMonth + 2) / 5) + 1;
  const month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9;
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day };
}

/** The day number of a calendar day, which is taken to exist. */
export function dayNumber(date: CivilDate): number {
  const year = date.month <= 2 ? date.year - 1 : date.year;
  const era = Math.floor(year / 400);
  const yearOfEra = year - era * 400;
  const marchMonth = date.month > 2 ? date.month - 3 : date.month + 9;
  const dayOfYear = Math.floor((153 * marchMonth + 2) / 5) + date.day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * daysPerEra + dayOfEra - daysBeforeEpoch;
}

export function daysInMonth(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

const twoDigits = Array.from({ length: 100 }, (_, n) => String(n).padStart(2, '0'));
const threeDigits = Array.from({ length: 1000 }, (_, n) => String(n).padStart(3, '0'));

/** At least two digits, the sign of a negative number counting as one, as Java's %02d. */
export function two(n: number): string {
  return twoDigits[n] ?? String(n);
}

/** `2024-02-29` */
export function printDate(days: number): string {
  const { year, month, day } = civilDate(days);
  const digits = String(Math.abs(year)).padStart(4, '0');
  const sign = year < 0 ? '-' : year > 9999 ? '+' : '';
  return `${sign}${digits}-${two(month)}-${two(day)}`;
}

/** `HH:MM:SS.mmm` of milliseconds of the day; what is outside the day prints as Java's %02d and %03d would. */
export function printTime(millis: number): string {
  const rest = millis % 1000;
  return `${printSeconds(millis)}.${threeDigits[rest] ?? `-${two(-rest)}`}`;
}

function printSeconds(millis: number): string {
  const seconds = Math.trunc(millis / 1000);
  return `${two(Math.trunc(seconds / 3600))}:${two(Math.trunc(seconds / 60) % 60)}:${two(seconds % 60)}`;
}

/** A point of time split so that no part needs 64 bits. */
export type DayTime = { readonly days: number; readonly millisOfDay: number; readonly nanosOfMilli: number };

export function dayTime(nanos: bigint): DayTime {
  const days = floorDiv(nanos, nanosPerDay);
  const nanosOfDay = nanos - days * nanosPerDay;
  const millis = nanosOfDay / nanosPerMilli;
  return { days: Number(days), millisOfDay: Number(millis), nanosOfMilli: Number(nanosOfDay - millis * nanosPerMilli) };
}

/** Prints `2024-01-01T00:00:00.` and `precision` digits; remembers the last day's text, for days come in runs. */
export function timestampPrinter(precision: number): (at: DayTime) => string {
  let lastDays = Number.NaN;
  let lastText = '';
  return ({ days, millisOfDay, nanosOfMilli }) => {
    if (days !== lastDays) {
      lastDays = days;
      lastText = `${printDate(days)}T`;
    }
    const text = lastText + printSeconds(millisOfDay);
    if (precision === 0) return text;
    const millis = threeDigits[millisOfDay % 1000] ?? '000';
    if (precision <= 3) return `${text}.${millis.slice(0, precision)}`;
    return `${text}.${millis}${String(nanosOfMilli)
      .padStart(6, '0')
      .slice(0, precision - 3)}`;
  };
}

/** `2024-01-01T00:00:00.` and `precision` digits. */
export function printTimestamp(nanos: bigint, precision: number): string {
  return timestampPrinter(precision)(dayTime(nanos));
}

const datePattern = /^([+-]?\d{4,9})-(\d\d)-(\d\d)$/;

/** The number that `count` digits from `at` on stand for; NaN when one of them is no digit. */
function digitsAt(text: string, at: number, count: number): number {
  let value = 0;
  for (let i = at; i < at + count; i += 1) {
    const digit = text.charCodeAt(i) - 48;
    if (!(digit >= 0 && digit <= 9)) return Number.NaN;
    value = value * 10 + digit;
  }
  return value;
}

/** Days of `2024-02-29`; undefined when the text is not an existing day. */
export function parseDate(text: string): number | undefined {
  const usual = text.length === 10 && text[4] === '-' && text[7] === '-';
  if (usual) return existingDay(digitsAt(text, 0, 4), digitsAt(text, 5, 2), digitsAt(text, 8, 2));
  const match = datePattern.exec(text);
  if (match === null) return undefined;
  return existingDay(Number(match[1]), Number(match[2]), Number(match[3]));
}

/** The day number, or undefined for a day that does not exist or is NaN. */
function existingDay(year: number, month: number, day: number): number | undefined {
  if (!(!Number.isNaN(year) && month >= 1 && month <= 12 && day >= 1 && day <= daysInMonth(year, month)))
    return undefined;
  return dayNumber({ year, month, day });
}

const timePattern = /^(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?$/;

/** Nanoseconds of the day of `HH:MM`, `HH:MM:SS` or `HH:MM:SS.f`; undefined when the text is none. */
export function parseTimeNanos(text: string): number | undefined {
  if (text.length === 12 && text[2] === ':' && text[5] === ':' && text[8] === '.') {
    return nanosOfClock(
      digitsAt(text, 0, 2),
      digitsAt(text, 3, 2),
      digitsAt(text, 6, 2),
      digitsAt(text, 9, 3) * 1_000_000,
    );
  }
  const match = timePattern.exec(text);
  if (match === null) return undefined;
  const nanos = Number((match[4] ?? '').padEnd(9, '0'));
  return nanosOfClock(Number(match[1]), Number(match[2]), Number(match[3] ?? '0'), nanos);
}

function nanosOfClock(hour: number, minute: number, second: number, nanos: number): number | undefined {
  if (!(hour <= 23 && minute <= 59 && second <= 59 && nanos <= 999_999_999)) return undefined;
  return ((hour * 60 + minute) * 60 + second) * 1_000_000_000 + nanos;
}

/** Nanoseconds of `DATE`, `DATE TIME` or `DATETTIME`, a `Z` at the end being allowed; undefined when it is none. */
export function parseTimestamp(text: string): bigint | undefined {
  const end = text.endsWith('Z') ? text.length - 1 : text.length;
  let split = text.indexOf('T');
  if (split < 0) split = text.indexOf(' ');
  const days = parseDate(split < 0 ? text.slice(0, end) : text.slice(0, split));
  if (days === undefined) return undefined;
  const nanosOfDay = split < 0 ? 0 : parseTimeNanos(text.slice(split + 1, end));
  if (nanosOfDay === undefined) return undefined;
  return BigInt(days) * nanosPerDay + BigInt(nanosOfDay);
}

/** Nanoseconds of one step of each precision. */
const precisionUnits = Array.from({ length: 10 }, (_, precision) => 10n ** BigInt(9 - precision));

/** The same point of time without the digits beyond a precision, rounded down. */
export function truncateNanos(nanos: bigint, precision: number): bigint {
  const unit = precisionUnits[precision] ?? 1n;
  return unit === 1n ? nanos : floorDiv(nanos, unit) * unit;
}
