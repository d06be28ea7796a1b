/** What filters, columns and modes make of changes. */
import { expect, test } from 'vitest';
import { equals, type RowChange, rowTable } from '../../../test/row-fixture.ts';
import { rowsOf } from '../../types/column-reader.ts';
import type { Predicate } from '../../types/predicate.ts';
import { rowKindOf } from '../../types/row-kind.ts';
import { changeViewOf, type ViewRequest } from './change-view.ts';
import { subscribe } from './subscribe.ts';

type Settings = { readonly options?: Readonly<Record<string, string>>; readonly primaryKeys?: readonly string[] };

/** What a reader sees of one commit after another, from the first on. */
async function seen(
  { options = {}, primaryKeys = ['k'] }: Settings,
  commits: readonly (readonly RowChange[])[],
  view: ViewRequest,
): Promise<string[]> {
  const rows = await rowTable({ options, primaryKeys });
  for (const commit of commits) await rows.change(commit);
  const parts = { store: rows.store, log: undefined, clock: rows.clock, random: rows.random };
  const request = { from: { kind: 'earliest' }, until: { kind: 'now' }, ...view } as const;
  const lines: string[] = [];
  for await (const batch of subscribe(parts, await rows.open(), request, new AbortController().signal)) {
    for (const [row, values] of rowsOf(batch.rows).entries()) {
      lines.push([rowKindOf(batch.kinds[row] ?? 0), ...values].map(String).join(' '));
    }
  }
  return lines;
}

const isRed = equals('v', 'red');
const commits: readonly (readonly RowChange[])[] = [
  [
    ['+I', 'x', 1, 'red'],
    ['+I', 'x', 2, 'blue'],
    ['+I', 'y', 3, 'red'],
  ],
  [
    ['+U', 'x', 1, 'blue'],
    ['+U', 'x', 2, 'red'],
    ['-D', 'y', 3, 'red'],
  ],
];
const producer = { options: { 'changelog-producer': 'input' } };
const inputCommits: readonly (readonly RowChange[])[] = [
  commits[0] ?? [],
  [
    ['-U', 'x', 1, 'red'],
    ['+U', 'x', 1, 'blue'],
    ['-U', 'x', 2, 'blue'],
    ['+U', 'x', 2, 'red'],
    ['-U', 'y', 3, 'red'],
    ['+U', 'z', 3, 'red'],
  ],
];

test('of an upsert stream a row that does not pass is a delete of its key', async () => {
  expect(await seen({}, commits, { predicate: isRed })).toEqual([
    '+I x 1 red',
    '-D x 2 blue',
    '+I y 3 red',
    '-D x 1 blue',
    '+U x 2 red',
    '-D y 3 red',
  ]);
});

test('what fails a condition on the primary key was never there, and is no delete', async () => {
  const predicate: Predicate = { kind: 'and', children: [{ kind: 'compare', op: '<=', column: 'k', value: 2 }, isRed] };
  expect(await seen({}, commits, { predicate })).toEqual(['+I x 1 red', '-D x 2 blue', '-D x 1 blue', '+U x 2 red']);
});

test('where changes tell what rows were, one that leaves is a delete, one that comes an insert, and nothing is guessed', async () => {
  expect(await seen(producer, inputCommits, { predicate: isRed })).toEqual([
    '+I x 1 red',
    '+I y 3 red',
    '-D x 1 red',
    '+I x 2 red',
    '-U y 3 red',
    '+U z 3 red',
  ]);
});

test('rows of an append table pass or do not', async () => {
  const inserts = commits.slice(0, 1);
  expect(await seen({ primaryKeys: [], options: { bucket: '-1' } }, inserts, { predicate: isRed })).toEqual([
    '+I x 1 red',
    '+I y 3 red',
  ]);
});

test('columns that are not asked for are not given, though the filter needs them', async () => {
  expect(await seen({}, commits.slice(0, 1), { predicate: isRed, columns: ['k'] })).toEqual(['+I 1', '-D 2', '+I 3']);
});

test('upsert leaves out what rows were, all is refused where nobody has written it, and the table says what is meant', async () => {
  const updates = ['+I x 1 red', '+I x 2 blue', '+I y 3 red', '+U x 1 blue', '+U x 2 red', '+U z 3 red'];
  expect(await seen(producer, inputCommits, { changelogMode: 'upsert' })).toEqual(updates);
  const upsertTable = { options: { 'changelog-producer': 'input', 'log.changelog-mode': 'upsert' } };
  expect(await seen(upsertTable, inputCommits, {})).toEqual(updates);
  expect(await seen(upsertTable, inputCommits, { changelogMode: 'all' })).toHaveLength(9);
  const refused = { code: 'LAKE_UNSUPPORTED', message: expect.stringContaining('set changelog-producer') };
  await expect(seen({}, commits, { changelogMode: 'all' })).rejects.toMatchObject(refused);
  await expect(seen({ options: { 'log.changelog-mode': 'some' } }, commits, {})).rejects.toMatchObject({
    code: 'LAKE_BAD_OPTION',
  });
  expect(
    await seen({ primaryKeys: [], options: { bucket: '-1' } }, commits.slice(0, 1), { changelogMode: 'all' }),
  ).toHaveLength(3);
});

test('a column that has gone, or has another type, ends what was opened for it', async () => {
  const { table } = await rowTable();
  const [p, k] = table.schema.fields;
  const view = changeViewOf(table, { columns: ['p'], predicate: { kind: 'compare', op: '=', column: 'k', value: 1 } });
  const mismatch = expect.objectContaining({ code: 'LAKE_SCHEMA_MISMATCH' });
  if (p === undefined || k === undefined) throw new Error('no columns');
  view.check({ fields: [k, p] });
  expect(() => view.check({ fields: [k] })).toThrowError(mismatch);
  expect(() => view.check({ fields: [p, { ...k, type: { kind: 'bigint', nullable: true } }] })).toThrowError(mismatch);
});
