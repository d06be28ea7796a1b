/** Values of options, checked as they are read; what is wrong is wrong usage. */
import { InvalidArgumentError } from 'commander';

export function wholeNumber(text: string): number {
  const number = Number(text);
  if (/^\d{1,15}$/.test(text)) return number;
  throw new InvalidArgumentError('It must be a whole number.');
}

export function positiveNumber(text: string): number {
  const number = wholeNumber(text);
  if (number > 0) return number;
  throw new InvalidArgumentError('It must be 1 or more.');
}

export function nameList(text: string): readonly string[] {
  const names = text.split(',').map(name => name.trim());
  if (names.every(name => name !== '')) return names;
  throw new InvalidArgumentError('It must be names with commas between them.');
}

/** `dt=2024-01-01,hh=5`. A value may hold `=`, and no comma. */
export function partitionOf(text: string): Readonly<Record<string, string>> {
  const pairs = text.split(',').map(pair => /^\s*([^=]+?)\s*=(.*)$/s.exec(pair));
  if (pairs.every(pair => pair !== null))
    return Object.fromEntries(pairs.map(([, key = '', value = '']) => [key, value]));
  throw new InvalidArgumentError('It must be key=value pairs with commas between them.');
}

/** `traceparent=00-…`. A value may hold `=`. */
export function headerOf(text: string): readonly [name: string, value: string] {
  const at = text.indexOf('=');
  if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
  throw new InvalidArgumentError('It must be name=value.');
}

/** For options that may be given several times. */
export function collected<T>(
  read: (text: string) => T,
): (text: string, before: readonly T[] | undefined) => readonly T[] {
  return (text, before) => [...(before ?? []), read(text)];
}

const durationUnits: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `30m`, `12 h`, `7d` in milliseconds. */
export function durationOf(text: string): number {
  const [, count, unit = ''] = /^\s*(\d{1,9})\s*(ms|s|m|h|d)\s*$/.exec(text) ?? [];
  const unitMs = durationUnits[unit];
  if (count !== undefined && unitMs !== undefined) return Number(count) * unitMs;
  throw new InvalidArgumentError('It must be a number with a unit: ms, s, m, h or d.');
}

/** A time as `2024-01-31T10:20:30`, in UTC unless it says otherwise. */
export function timeOf(text: string): Date {
  const hasZone = /(?:Z|[+-]\d\d:?\d\d)$/i.test(text) || !text.includes(':');
  const time = new Date(hasZone ? text : `${text}Z`);
  if (!Number.isNaN(time.getTime())) return time;
  throw new InvalidArgumentError('It must be a time such as 2024-01-31T10:20:30.');
}
