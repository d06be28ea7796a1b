/**
 * The values of table options, which are all strings: sizes, durations, numbers, switches. A value that is not what its
 * key wants is the user's fault and names the key.
 *
 * @see Paimon 1.4.2 MemorySize, TimeUtils, OptionsUtils
 */
import { invalid } from '../base/errors.ts';

export type OptionMap = Readonly<Record<string, string>>;

const sizeUnits: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  bytes: 1,
  k: 1024,
  kb: 1024,
  kibibytes: 1024,
  m: 1024 ** 2,
  mb: 1024 ** 2,
  mebibytes: 1024 ** 2,
  g: 1024 ** 3,
  gb: 1024 ** 3,
  gibibytes: 1024 ** 3,
  t: 1024 ** 4,
  tb: 1024 ** 4,
  tebibytes: 1024 ** 4,
};

const durationUnits: Readonly<Record<string, number>> = {
  '': 1,
  ns: 1e-6,
  nano: 1e-6,
  nanosecond: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  micro: 1e-3,
  microsecond: 1e-3,
  ms: 1,
  milli: 1,
  millisecond: 1,
  s: 1000,
  sec: 1000,
  second: 1000,
  m: 60_000,
  min: 60_000,
  minute: 60_000,
  h: 3_600_000,
  hour: 3_600_000,
  d: 86_400_000,
  day: 86_400_000,
};

export function textOption(options: OptionMap, key: string): string | undefined {
  const text = options[key]?.trim();
  return text === '' ? undefined : text;
}

/** @throws LakeError `invalid` LAKE_BAD_OPTION */
export function integerOption(options: OptionMap, key: string, min = 0): number | undefined {
  const text = textOption(options, key);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^[+-]?\d+$/.test(text) || value < min) throw badOption(key, text, `a whole number, ${min} or more`);
  // Paimon's "no limit" is the largest int or long; beyond 2^53 one count is as good as another.
  return Math.min(value, Number.MAX_SAFE_INTEGER);
}

/** @throws LakeError `invalid` LAKE_BAD_OPTION */
export function fractionOption(options: OptionMap, key: string): number | undefined {
  const text = textOption(options, key);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0) throw badOption(key, text, 'a number, 0 or more');
  return value;
}

/** @throws LakeError `invalid` LAKE_BAD_OPTION */
export function booleanOption(options: OptionMap, key: string, byDefault: boolean): boolean {
  const text = textOption(options, key);
  if (text === undefined) return byDefault;
  const value = text.toLowerCase();
  if (value !== 'true' && value !== 'false') throw badOption(key, text, 'true or false');
  return value === 'true';
}

/** Bytes, from `128 mb`, `32kb` or a bare number of bytes. @throws LakeError `invalid` LAKE_BAD_OPTION */
export function sizeOption(options: OptionMap, key: string): number | undefined {
  return withUnit(options, key, sizeUnits, 'a size as 128 mb, 32 kb or a number of bytes');
}

/** Milliseconds, from `1 h`, `10 s`, `1 d` or a bare number of milliseconds. @throws LakeError `invalid` LAKE_BAD_OPTION */
export function durationOption(options: OptionMap, key: string): number | undefined {
  return withUnit(options, key, durationUnits, 'a duration as 1 h, 10 s, 1 d or a number of milliseconds');
}

/** One of a few words, in any case. @throws LakeError `invalid` LAKE_BAD_OPTION that lists them */
export function wordOption<T extends string>(options: OptionMap, key: string, words: readonly T[]): T | undefined {
  const text = textOption(options, key);
  if (text === undefined) return undefined;
  const word = words.find(candidate => candidate === text.toLowerCase());
  if (word === undefined) throw badOption(key, text, `one of ${words.join(', ')}`);
  return word;
}

/** Names between commas; none when the option is not set. */
export function namesOption(options: OptionMap, key: string): readonly string[] {
  const text = textOption(options, key);
  if (text === undefined) return [];
  return text
    .split(',')
    .map(name => name.trim())
    .filter(name => name !== '');
}

export function badOption(key: string, value: string, wanted: string): Error {
  return invalid('LAKE_BAD_OPTION', `option ${key}=${value}: it must be ${wanted}`);
}

function withUnit(
  options: OptionMap,
  key: string,
  units: Readonly<Record<string, number>>,
  wanted: string,
): number | undefined {
  const text = textOption(options, key);
  if (text === undefined) return undefined;
  const [, digits = '', word = ''] = /^(\d+)\s*([a-zµ]*)$/.exec(text.toLowerCase()) ?? [];
  // Durations also have their units in the plural.
  const unit = [word, word.replace(/s$/, '')].find(candidate => Object.hasOwn(units, candidate));
  const factor = unit === undefined ? undefined : units[unit];
  if (digits === '' || factor === undefined) throw badOption(key, text, wanted);
  return Math.min(Math.floor(Number(digits) * factor), Number.MAX_SAFE_INTEGER);
}

/** `0:lz4,5:zstd` as pairs of a level and its word, in lower case. */
export function perLevelOption(
  options: OptionMap,
  key: string,
  example: string,
): readonly (readonly [number, string])[] {
  const parts = textOption(options, key)?.split(',') ?? [];
  return parts.map(part => {
    const [level = '', word = ''] = part.split(':').map(item => item.trim());
    if (!/^\d{1,3}$/.test(level) || word === '') throw badOption(key, part, `as ${example}`);
    return [Number(level), word.toLowerCase()] as const;
  });
}
