import { expect, test } from 'vitest';
import type { DataField } from '../types/data-type.ts';
import { statsFieldsOf } from './stats-fields.ts';

const fields = ['a', 'b', 'c'].map(
  (name, id): DataField => ({
    id,
    name,
    type: { kind: 'int', nullable: true },
    description: undefined,
    defaultValue: undefined,
  }),
);

function names(valueStatsCols: readonly string[] | undefined, writeCols: readonly string[] | undefined): unknown {
  return statsFieldsOf({ valueStatsCols, writeCols }, { fields })?.map(({ name }) => name);
}

test('statistics are of the columns they name, else of those that were written', () => {
  expect(names(undefined, undefined)).toEqual(['a', 'b', 'c']);
  expect(names(['c', 'a'], undefined)).toEqual(['c', 'a']);
  expect(names([], ['a'])).toEqual([]);
  expect(names(undefined, ['b', '_ROW_ID', '_SEQUENCE_NUMBER'])).toEqual(['b', '_ROW_ID', '_SEQUENCE_NUMBER']);
  expect(names(['a', '_ROW_ID'], ['a', 'b', '_ROW_ID'])).toEqual(['a', '_ROW_ID']);
});

test('where one of them is nobody’s nothing is known of any', () => {
  expect(names(['a', 'gone', 'b'], undefined)).toBeUndefined();
});
