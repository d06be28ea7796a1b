/**
 * What a table's options say of tags that are made by themselves, one for each period: when, under which names, how many.
 *
 * @see Paimon 1.4.2 CoreOptions (tag.*), TagPeriodHandler
 */
import { invalid } from '../../base/errors.ts';
import { booleanOption, durationOption, integerOption, textOption, wordOption } from '../../format/option-values.ts';
import type { TableSchema } from '../../format/table-schema.ts';
import { civilDate, dayNumber, millisPerDay, two } from '../../types/time.ts';

export type AutoTagOptions = {
  /** Which time of a snapshot counts. */
  readonly time: 'process-time' | 'watermark';
  readonly names: AutoTagNames;
  /** After a period's end, until its tag is made. */
  readonly delayMs: number;
  readonly retainedCountMax: number | undefined;
  /** Whether periods that no snapshot ended get a tag, too. */
  readonly completes: boolean;
};

export type AutoTagNames = {
  readonly periodMs: number;
  /** The name of the tag of the period that begins then, in UTC. */
  readonly print: (timeMs: number) => string;
  /** When the period begins; undefined: it is no such name. */
  readonly parse: (name: string) => number | undefined;
  readonly isAuto: (name: string) => boolean;
};

const hourMs = 3_600_000;

/** undefined: tags are not made by themselves, or by batches of writes (make-batch-tag.ts). @throws LakeError `invalid` LAKE_BAD_OPTION */
export function autoTagOptions(schema: TableSchema): AutoTagOptions | undefined {
  const { options } = schema;
  const time = creationMode(schema);
  const names = autoTagNames(schema);
  if (time === 'none' || time === 'batch' || names === undefined) return undefined;
  const delayMs = durationOption(options, 'tag.creation-delay') ?? 0;
  if (delayMs >= names.periodMs) {
    throw invalid('LAKE_BAD_OPTION', `option tag.creation-delay: it must be shorter than a period`);
  }
  return {
    time,
    names,
    delayMs,
    retainedCountMax: integerOption(options, 'tag.num-retained-max', 1),
    completes: booleanOption(options, 'tag.automatic-completion', false),
  };
}

/** What of it is not done here, by name. */
export function refusedAutoTags(schema: TableSchema): readonly string[] {
  const { options } = schema;
  const time = creationMode(schema);
  const zone = (key: string): readonly string[] => {
    const text = textOption(options, key);
    return text === undefined || text.toUpperCase() === 'UTC' ? [] : [`${key}=${text}`];
  };
  switch (time) {
    case 'none':
    case 'batch':
      return [];
    case 'process-time':
      return zone('sink.process-time-zone');
    case 'watermark':
      return zone('sink.watermark-time-zone');
  }
}

/** undefined: there are no automatic tags. */
export function autoTagNames(schema: TableSchema): AutoTagNames | undefined {
  const mode = creationMode(schema);
  return mode === 'none' || mode === 'batch' ? undefined : periodNames(schema);
}

/** Names of tags by period, whether or not tags are made by themselves. */
export function periodNames({ options }: TableSchema): AutoTagNames {
  const ownMs = durationOption(options, 'tag.creation-period-duration');
  const period = wordOption(options, 'tag.creation-period', ['daily', 'hourly', 'two-hours']) ?? 'daily';
  const form =
    wordOption(options, 'tag.period-formatter', ['with_dashes', 'without_dashes', 'without_dashes_and_spaces']) ??
    'with_dashes';
  if (ownMs !== undefined) return namesOf(ownMs, { dash: '', hour: '', minute: '' });
  const dash = form === 'with_dashes' ? '-' : '';
  switch (period) {
    case 'daily':
      return namesOf(millisPerDay, { dash });
    case 'hourly':
      return namesOf(hourMs, { dash, hour: form === 'without_dashes_and_spaces' ? '' : ' ' });
    case 'two-hours':
      return namesOf(2 * hourMs, { dash: '-', hour: ' ' });
  }
}

/** What a table's tags are made by themselves by. @throws LakeError `invalid` LAKE_BAD_OPTION */
export function creationMode(schema: TableSchema): 'none' | 'process-time' | 'watermark' | 'batch' {
  const modes = ['none', 'process-time', 'watermark', 'batch'] as const;
  return wordOption(schema.options, 'tag.automatic-creation', modes) ?? 'none';
}

/** What stands between the parts; undefined: the part is left out. */
type NameForm = { readonly dash: string; readonly hour?: string; readonly minute?: string };

function namesOf(periodMs: number, { dash, hour, minute }: NameForm): AutoTagNames {
  const hours = hour === undefined ? '' : `${hour}(?<hour>\\d\\d)`;
  const minutes = minute === undefined ? '' : `${minute}(?<minute>\\d\\d)`;
  const pattern = new RegExp(`^(?<year>\\d{4,6})${dash}(?<month>\\d\\d)${dash}(?<day>\\d\\d)${hours}${minutes}$`);
  const parse = (name: string): number | undefined => {
    // A day's tag may say an hour behind its day.
    const parts = pattern.exec(hour === undefined ? (name.split(' ')[0] ?? '') : name)?.groups;
    if (parts === undefined) return undefined;
    const days = dayNumber({ year: Number(parts['year']), month: Number(parts['month']), day: Number(parts['day']) });
    return days * millisPerDay + (Number(parts['hour'] ?? 0) * 60 + Number(parts['minute'] ?? 0)) * 60_000;
  };
  return {
    periodMs,
    parse,
    isAuto: name => parse(name) !== undefined,
    print: timeMs => {
      const days = Math.floor(timeMs / millisPerDay);
      const { year, month, day } = civilDate(days);
      const minuteOfDay = Math.floor((timeMs - days * millisPerDay) / 60_000);
      const date = `${String(year).padStart(4, '0')}${dash}${two(month)}${dash}${two(day)}`;
      const clock = hour === undefined ? '' : `${hour}${two(Math.floor(minuteOfDay / 60))}`;
      return date + clock + (minute === undefined ? '' : `${minute}${two(minuteOfDay % 60)}`);
    },
  };
}
