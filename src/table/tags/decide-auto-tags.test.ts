import { expect, test } from 'vitest';
import { fixtureSchema } from '../../../test/table-fixture.ts';
import { type AutoTagOptions, autoTagNames, autoTagOptions, refusedAutoTags } from './auto-tag-options.ts';
import { type AutoTagFacts, dueTags, surplusTags } from './decide-auto-tags.ts';

const at = (text: string): number => Date.parse(`${text}Z`);
const on = { 'tag.automatic-creation': 'process-time' };

function optionsOf(options: Readonly<Record<string, string>>): AutoTagOptions {
  const parsed = autoTagOptions(fixtureSchema({ options: { ...on, ...options } }));
  if (parsed === undefined) throw new Error('tags are made by themselves');
  return parsed;
}

function due(
  options: Readonly<Record<string, string>>,
  times: readonly string[],
  tags: AutoTagFacts['tags'] = [],
): readonly string[] {
  const snapshots = times.map((time, index) => ({ id: index + 1, timeMs: at(time), watermarkMs: undefined }));
  return dueTags({ options: optionsOf(options), tags, snapshots }).map(tag => `${tag.snapshotId} ${tag.name}`);
}

test('the first snapshot names the day before it, and each first one behind a day’s end the day that ended', () => {
  const times = ['2024-03-01T10:00', '2024-03-01T23:00', '2024-03-02T00:00', '2024-03-02T12:00', '2024-03-05T01:00'];
  expect(due({}, times)).toEqual(['1 2024-02-29', '3 2024-03-01', '5 2024-03-04']);
  expect(due({ 'tag.automatic-completion': 'true' }, times)).toEqual(['1 2024-02-29', '3 2024-03-01', '5 2024-03-02']);
  expect(due({ 'tag.creation-delay': '2 h' }, times)).toEqual(['1 2024-02-29', '4 2024-03-01', '5 2024-03-04']);
});

test('what has its tag already is not tagged again', () => {
  const times = ['2024-03-01T10:00', '2024-03-02T00:00', '2024-03-03T00:00'];
  const tags = [
    { name: 'mine', snapshotId: 3 },
    { name: '2024-02-29', snapshotId: 1 },
    { name: '2024-03-01', snapshotId: 2 },
  ];
  expect(due({}, times, tags)).toEqual(['3 2024-03-02']);
  expect(due({}, times, [...tags, { name: '2024-03-02', snapshotId: 3 }])).toEqual([]);
});

test('periods have names of their own, which are known again', () => {
  const time = ['2024-03-01T11:30'];
  expect(due({ 'tag.creation-period': 'hourly' }, time)).toEqual(['1 2024-03-01 10']);
  expect(due({ 'tag.creation-period': 'two-hours' }, time)).toEqual(['1 2024-03-01 08']);
  expect(due({ 'tag.period-formatter': 'without_dashes' }, time)).toEqual(['1 20240229']);
  const hourly = { 'tag.creation-period': 'hourly' };
  expect(due({ ...hourly, 'tag.period-formatter': 'without_dashes' }, time)).toEqual(['1 20240301 10']);
  expect(due({ ...hourly, 'tag.period-formatter': 'without_dashes_and_spaces' }, time)).toEqual(['1 2024030110']);
  expect(due({ 'tag.creation-period-duration': '10 min' }, time)).toEqual(['1 202403011120']);
  for (const options of [{}, hourly, { 'tag.creation-period-duration': '10 min' }]) {
    const { names } = optionsOf(options);
    expect(names.parse(names.print(at('2024-02-29T00:00')))).toBe(at('2024-02-29T00:00'));
    expect(names.isAuto('v1.0')).toBe(false);
  }
  expect(optionsOf({}).names.parse('2024-03-01 10')).toBe(at('2024-03-01T00:00'));
});

test('by watermark, a snapshot without one ends no period', () => {
  const options = optionsOf({ 'tag.automatic-creation': 'watermark' });
  const snapshots = [
    { id: 1, timeMs: at('2024-03-09T00:00'), watermarkMs: undefined },
    { id: 2, timeMs: at('2024-03-09T00:00'), watermarkMs: at('2024-03-01T10:00') },
  ];
  expect(dueTags({ options, tags: [], snapshots })).toEqual([{ name: '2024-02-29', snapshotId: 2 }]);
});

test('of automatic tags the newest are kept, others are not counted', () => {
  const tags = [
    { name: 'mine', snapshotId: 1 },
    { name: '2024-03-03', snapshotId: 9 },
    { name: '2024-03-01', snapshotId: 2 },
    { name: '2024-03-02', snapshotId: 5 },
  ];
  expect(surplusTags({ options: optionsOf({ 'tag.num-retained-max': '2' }), tags })).toEqual(['2024-03-01']);
  expect(surplusTags({ options: optionsOf({ 'tag.num-retained-max': '3' }), tags })).toEqual([]);
  expect(surplusTags({ options: optionsOf({}), tags })).toEqual([]);
});

test('what is not done is refused by its name, what is wrong is told', () => {
  const schema = (options: Readonly<Record<string, string>>) => fixtureSchema({ options });
  expect(autoTagOptions(schema({}))).toBeUndefined();
  expect(autoTagNames(schema({ 'tag.automatic-creation': 'batch' }))).toBeUndefined();
  expect(refusedAutoTags(schema({ 'tag.automatic-creation': 'batch' }))).toEqual([]);
  expect(refusedAutoTags(schema({ ...on, 'sink.process-time-zone': 'Asia/Shanghai' }))).toEqual([
    'sink.process-time-zone=Asia/Shanghai',
  ]);
  expect(refusedAutoTags(schema({ ...on, 'sink.process-time-zone': 'UTC' }))).toEqual([]);
  expect(() => optionsOf({ 'tag.creation-delay': '1 d' })).toThrow(/shorter than a period/);
});
