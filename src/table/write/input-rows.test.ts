import { expect, test } from 'vitest';
import { int, type RowTableSettings, rowTable, text } from '../../../test/row-fixture.ts';
import { buildBatch } from '../../types/column-builder.ts';
import { rowsOf } from '../../types/column-reader.ts';
import type { Scalar } from '../../types/scalar.ts';
import { takeIn } from './input-rows.ts';

const [add, updateBefore, updateAfter, remove] = [0, 1, 2, 3];

async function taken(settings: RowTableSettings, rows: readonly (readonly Scalar[])[], kinds: readonly number[]) {
  const { table } = await rowTable({ columns, ...settings });
  const { misfits, ...kept } = takeIn(table.schema, {
    rows: buildBatch(table.schema, rows),
    kinds: Int8Array.from(kinds),
  });
  return {
    rows: rowsOf(kept.rows),
    kinds: [...kept.kinds],
    misfits: [...misfits].map(([row, { reason }]) => [row, reason]),
  };
}

const columns = [
  { name: 'k', type: int },
  { name: 'v', type: text },
];

test('the column of rowkind.field says what a row does, and a text that says nothing is a misfit', async () => {
  const options = { 'rowkind.field': 'v' };
  const rows = [
    [1, '-D'],
    [2, '+U'],
    [3, 'delete'],
    [4, null],
  ];
  expect(await taken({ options }, rows, [add, add, add, add])).toEqual({
    rows: rows.slice(0, 2),
    kinds: [remove, updateAfter],
    misfits: [
      [2, 'row-kind'],
      [3, 'row-kind'],
    ],
  });
});

test('what the table ignores is not there, and nothing is wrong with it', async () => {
  const rows = [
    [1, 'a'],
    [null, 'b'],
    [3, 'c'],
  ];
  const kinds = [updateAfter, remove, updateBefore];
  expect(await taken({ options: { 'ignore-delete': 'true' } }, rows, kinds)).toEqual({
    rows: [[1, 'a']],
    kinds: [updateAfter],
    misfits: [],
  });
  expect(
    await taken({ options: { 'ignore-update-before': 'true' } }, rows, [updateAfter, remove, updateBefore]),
  ).toEqual({
    rows: [[1, 'a']],
    kinds: [updateAfter],
    misfits: [[1, 'null-value']],
  });
});

test('a delete that could not be merged does not get in', async () => {
  const rows = [
    [1, 'a'],
    [2, 'b'],
  ];
  const stuck: readonly Readonly<Record<string, string>>[] = [
    { 'merge-engine': 'partial-update' },
    { 'merge-engine': 'aggregation', 'fields.v.aggregate-function': 'max' },
  ];
  for (const options of stuck) {
    expect((await taken({ options }, rows, [add, remove])).misfits).toEqual([[1, 'delete-not-merged']]);
  }
  const fine: readonly Readonly<Record<string, string>>[] = [
    { 'merge-engine': 'partial-update', 'partial-update.remove-record-on-delete': 'true' },
    { 'merge-engine': 'aggregation', 'fields.v.aggregate-function': 'max', 'fields.v.ignore-retract': 'true' },
    {
      'merge-engine': 'aggregation',
      'fields.v.aggregate-function': 'max',
      'aggregation.remove-record-on-delete': 'true',
    },
  ];
  for (const options of fine) expect((await taken({ options }, rows, [add, remove])).misfits).toEqual([]);
});

test('where nothing is given stands the default value of the column', async () => {
  const withDefaults = [
    { name: 'k', type: int },
    { name: 'n', type: { ...int, nullable: false }, defaultValue: '42' },
    { name: 'v', type: text, defaultValue: "'it is'" },
  ];
  const rows = [
    [1, null, null],
    [2, 5, 'x'],
  ];
  expect((await taken({ columns: withDefaults }, rows, [add, add])).rows).toEqual([
    [1, 42, 'it is'],
    [2, 5, 'x'],
  ]);
});

test('a default value that is none of its type is refused when the table is made', async () => {
  const bad = [
    { name: 'k', type: int },
    { name: 'n', type: int, defaultValue: 'many' },
  ];
  await expect(rowTable({ columns: bad })).rejects.toMatchObject({ code: 'LAKE_BAD_DEFAULT' });
});
