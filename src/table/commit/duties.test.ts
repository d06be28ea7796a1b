/** Which options of a schema are duties of writers. */
import { expect, test } from 'vitest';
import { fixtureSchema } from '../../../test/table-fixture.ts';
import { dutiesDiffer } from './duties.ts';

const duties = [
  'bucket',
  'bucket-key',
  'bucket-function.type',
  'changelog-producer',
  'data-evolution.enabled',
  'deletion-vectors.bitmap64',
  'deletion-vectors.enabled',
  'fields.default-aggregate-function',
  'fields.v.aggregate-function',
  'fields.v.distinct',
  'fields.v.ignore-retract',
  'fields.v.list-agg-delimiter',
  'fields.v.nested-key',
  'fields.a,b.sequence-group',
  'ignore-delete',
  'merge-engine',
  'partial-update.remove-record-on-delete',
  'row-tracking.enabled',
  'rowkind.field',
  'sequence.field',
  'sequence.field.sort-order',
];

test('a writer must know of each option that changes what it writes, whether it comes, goes or changes', () => {
  const without = fixtureSchema();
  for (const key of duties) {
    const [one, other] = ['1', '3'].map(value => fixtureSchema({ options: { [key]: value } }));
    if (one === undefined || other === undefined) throw new Error('there are two');
    expect([key, dutiesDiffer(one, other), dutiesDiffer(one, one)]).toEqual([key, true, false]);
    expect([key, dutiesDiffer(without, one), dutiesDiffer(one, without)]).toEqual([key, true, true]);
  }
});

test('other options, comments and columns are no duty', () => {
  const without = fixtureSchema();
  for (const key of ['snapshot.time-retained', 'fields.v.comment', 'my.fields.v.aggregate-function', 'bucket-keys']) {
    expect([key, dutiesDiffer(without, fixtureSchema({ options: { [key]: '1' } }))]).toEqual([key, false]);
  }
});
