/**
 * Which partitions are too old (option `partition.expiration-time`). Pure.
 *
 * @see Paimon 1.4.2 PartitionValuesTimeExpireStrategy, PartitionTimeExtractor
 */
import { invalid } from '../base/errors.ts';
import { millisPerDay } from '../types/time.ts';

/** The time that a partition's values stand for, UTC; undefined: they stand for none, so it never expires. */
export type PartitionTime = (values: readonly (readonly [key: string, text: string | null])[]) => number | undefined;

export type PartitionTimeOptions = {
  /** `$dt $hour:00:00`: how the values make a time; the first value unless given. */
  readonly pattern: string | undefined;
  /** `yyyyMMdd`: how that time reads; `yyyy-MM-dd HH:mm:ss` or `yyyy-MM-dd` unless given. */
  readonly formatter: string | undefined;
};

/** @throws LakeError `invalid` LAKE_BAD_OPTION for a formatter with letters that are not done here */
export function partitionTimeOf({ pattern, formatter }: PartitionTimeOptions): PartitionTime {
  const read = formatter === undefined ? defaultTime : timeBy(formatter);
  return values => {
    if (values.some(([, text]) => text === null)) return undefined;
    if (pattern === undefined) return read(values[0]?.[1] ?? '');
    let text = pattern;
    for (const [key, value] of values) text = text.replaceAll(`$${key}`, value ?? '');
    return read(text);
  };
}

function defaultTime(text: string): number | undefined {
  const parts = /^(\d{1,6})-(\d{1,2})-(\d{1,2})(?: (\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.\d{1,9})?)?$/.exec(text);
  if (parts === null) return undefined;
  const [year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0] = parts
    .slice(1)
    .map(part => Number(part ?? 0));
  return timeMsOf({ year, month, day, hour, minute, second });
}

type TimeParts = Readonly<Record<'year' | 'month' | 'day' | 'hour' | 'minute' | 'second', number>>;

const letters: ReadonlyMap<string, keyof TimeParts> = new Map([
  ['y', 'year'],
  ['u', 'year'],
  ['M', 'month'],
  ['d', 'day'],
  ['H', 'hour'],
  ['m', 'minute'],
  ['s', 'second'],
]);

/** Java's patterns as far as they are numbers: `yyyyMMddHH`, `yyyy/MM/dd`, `'at' HH`. */
function timeBy(formatter: string): (text: string) => number | undefined {
  const names: (keyof TimeParts)[] = [];
  let source = '';
  for (const [piece] of formatter.matchAll(/'([^']*)'|([A-Za-z])\2*|[^A-Za-z']/g)) {
    const name = letters.get(piece[0] ?? '');
    if (name !== undefined) {
      names.push(name);
      source += piece.length === 1 ? '(\\d{1,10})' : `(\\d{${piece.length}})`;
    } else if (/^[A-Za-z]/.test(piece)) {
      throw invalid(
        'LAKE_BAD_OPTION',
        `partition.timestamp-formatter=${formatter}: \`${piece}\` is not understood here`,
      );
    } else source += piece.replaceAll("'", '').replaceAll(/[$()*+.?[\\\]^{|}]/g, '\\$&');
  }
  const pattern = new RegExp(`^${source}$`);
  return text => {
    const found = pattern.exec(text);
    if (found === null) return undefined;
    const parts = { year: 1970, month: 1, day: 1, hour: 0, minute: 0, second: 0 };
    for (const [index, name] of names.entries()) parts[name] = Number(found[index + 1]);
    return timeMsOf(parts);
  };
}

function timeMsOf({ year, month, day, hour, minute, second }: TimeParts): number {
  const date = new Date(0);
  // Also of years before 100, and beyond the month's days as Java's lenient reading has it.
  date.setUTCFullYear(year, month - 1, day);
  return Math.floor(date.getTime() / millisPerDay) * millisPerDay + ((hour * 60 + minute) * 60 + second) * 1000;
}
