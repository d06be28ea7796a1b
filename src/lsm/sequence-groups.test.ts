// Partial-update and what orders the rows of a key, as Paimon 1.4.2 does it (spec 9).
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Change, EngineTable } from '../../test/engine-table.ts';

test('partial-update sets what is not null', () => {
  const table = new EngineTable({ v: 'INT', w: 'STRING' }, { 'merge-engine': 'partial-update' });
  const changes: Change[] = [
    ['+I', 1, null],
    ['+U', null, 'x'],
    ['+I', null, null],
  ];
  expect(table.merge(changes)).toEqual(['+I', 1, 'x']);
  expect(table.sequencesOf(changes)).toEqual([5n]);
  expect(() =>
    table.merge([
      ['+I', 1, null],
      ['-D', 1, null],
    ]),
  ).toThrow(/partial-update takes no -U and -D rows/);
});

test('partial-update.remove-record-on-delete takes the row away by -D; -U does nothing', () => {
  const options = { 'merge-engine': 'partial-update', 'partial-update.remove-record-on-delete': 'true' };
  const table = new EngineTable({ v: 'INT', w: 'INT' }, options);
  expect(
    table.merge([
      ['+I', 1, 2],
      ['-D', 3, null],
    ]),
  ).toEqual(['-D', 3, null]);
  expect(
    table.merge([
      ['+I', 1, 2],
      ['-D', null, null],
      ['+I', null, 5],
    ]),
  ).toEqual(['+I', null, 5]);
  expect(
    table.merge([
      ['+I', 1, 2],
      ['-U', 3, 4],
    ]),
  ).toEqual(['+I', 1, 2]);
});

const groupOptions = {
  'merge-engine': 'partial-update',
  'fields.g.sequence-group': 'a,b',
  'fields.b.aggregate-function': 'sum',
};
const groupColumns = { g: 'INT', a: 'STRING', b: 'INT', free: 'INT' };

test('a sequence group is set by the newest of its own order, nulls too; a row without it leaves it', () => {
  const table = new EngineTable(groupColumns, groupOptions);
  expect(
    table.merge([
      ['+I', 2, 'two', 1, 1],
      ['+I', 1, 'one', 10, null],
    ]),
  ).toEqual(['+I', 2, 'two', 11, 1]);
  expect(
    table.merge([
      ['+I', 2, 'two', 1, 1],
      ['+I', 2, null, null, 7],
    ]),
  ).toEqual(['+I', 2, null, 1, 7]);
  expect(
    table.merge([
      ['+I', 2, 'two', 1, 1],
      ['+I', null, 'none', 5, 9],
    ]),
  ).toEqual(['+I', 2, 'two', 1, 9]);
});

test('a delete retracts a sequence group: plain columns become null, aggregated ones take it back', () => {
  const table = new EngineTable(groupColumns, groupOptions);
  expect(
    table.merge([
      ['+I', 2, 'two', 5, 1],
      ['-D', 3, 'x', 2, 9],
    ]),
  ).toEqual(['+I', 3, null, 3, 1]);
  expect(
    table.merge([
      ['+I', 2, 'two', 5, 1],
      ['-D', 1, 'x', 2, 9],
    ]),
  ).toEqual(['+I', 2, 'two', 3, 1]);
  expect(
    table.merge([
      ['-D', 2, 'two', 5, 1],
      ['-D', null, 'x', 2, 9],
    ]),
  ).toEqual(['-D', 2, null, 0, 1]);
});

test('partial-update.remove-record-on-sequence-group takes the whole row away by a -D that is the newest', () => {
  const options = { ...groupOptions, 'partial-update.remove-record-on-sequence-group': 'g' };
  const table = new EngineTable(groupColumns, options);
  expect(
    table.merge([
      ['+I', 2, 'two', 5, 1],
      ['-D', 2, null, null, null],
    ]),
  ).toEqual(['-D', 2, null, null, null]);
  expect(
    table.merge([
      ['+I', 2, 'two', 5, 1],
      ['-D', 1, null, 2, null],
    ]),
  ).toEqual(['+I', 2, 'two', 3, 1]);
});

test('several columns order one group, and order-sensitive functions put an older value before', () => {
  const table = new EngineTable(
    { g: 'INT', h: 'INT', list: 'STRING', first: 'INT' },
    {
      'merge-engine': 'partial-update',
      'fields.g,h.sequence-group': 'list,first',
      'fields.list.aggregate-function': 'listagg',
      'fields.first.aggregate-function': 'first_non_null_value',
    },
  );
  const changes: Change[] = [
    ['+I', 1, 5, 'b', 10],
    ['+I', 1, 4, 'a', 20],
    ['+I', 2, null, 'c', 30],
  ];
  expect(table.merge(changes)).toEqual(['+I', 2, null, 'a,b,c', 20]);
});

test('sequence.field orders rows before their numbers do, nulls lowest, whether it ascends or descends', () => {
  const rows: Change[] = [
    ['+I', 2, 1, 'a'],
    ['+I', 2, 3, 'b'],
    ['+I', 2, null, 'c'],
    ['+I', null, 9, 'd'],
    ['+I', 2, 3, 'e'],
  ];
  const columns = { s: 'INT', t: 'INT', v: 'STRING' };
  const ascending = new EngineTable(columns, { 'sequence.field': 's,t' });
  expect(ascending.merge(rows)).toEqual(['+I', 2, 3, 'e']);
  const descending = new EngineTable(columns, { 'sequence.field': 's,t', 'sequence.field.sort-order': 'descending' });
  expect(descending.merge(rows)).toEqual(['+I', 2, 1, 'a']);
});

test('above level 0 the row of the lowest level has the others in it where compactions look older rows up', async () => {
  const options = { 'merge-engine': 'aggregation', 'fields.v.aggregate-function': 'sum' };
  const changes = [
    [5, ['+I', 1]],
    [3, ['+I', 11]],
    [0, ['+I', 100]],
  ] as const;
  expect(await new EngineTable({ v: 'INT' }, options).mergeRuns(changes)).toEqual([['+I', 112]]);
  const lookup = new EngineTable({ v: 'INT' }, { ...options, 'changelog-producer': 'lookup' });
  expect(await lookup.mergeRuns(changes)).toEqual([['+I', 111]]);
});

test('a flush and a merge of runs order rows by sequence.field alike', async () => {
  const value = fc.option(fc.integer({ min: -2, max: 2 }), { freq: 3 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(value, value, fc.boolean()), { minLength: 1, maxLength: 8 }),
      fc.boolean(),
      async (rows, isDescending) => {
        const options = {
          'merge-engine': 'aggregation',
          'sequence.field': 's,t',
          'fields.v.aggregate-function': 'listagg',
          'sequence.field.sort-order': isDescending ? 'descending' : 'ascending',
        };
        const columns = { s: 'INT', t: 'BIGINT', v: 'STRING' };
        const changes = rows.map(([s, t], i): Change => ['+I', s, t === null ? null : BigInt(t), `${i}`]);
        const rank = (s: number | null): number => (s === null ? -99 : isDescending ? -s : s);
        const wanted = [...rows.keys()].toSorted((a, b) => {
          const [x, y] = [rows[a], rows[b]];
          return rank(x?.[0] ?? null) - rank(y?.[0] ?? null) || rank(x?.[1] ?? null) - rank(y?.[1] ?? null) || a - b;
        });
        const flushed = new EngineTable(columns, options).merge(changes);
        expect(flushed?.at(-1)).toBe(wanted.join(','));
        const merged = await new EngineTable(columns, options).mergeRuns(changes.map(change => [0, change] as const));
        expect(merged[0]?.at(-1)).toBe(wanted.join(','));
      },
    ),
    { numRuns: 300 },
  );
});
