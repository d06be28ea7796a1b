import { expect, test } from 'vitest';
import { refusedAggregates } from './aggregate-options.ts';
import { columnsToMerge, parseMergeOptions } from './merge-options.ts';
import type { TableSchema } from './table-schema.ts';
import { parseType } from './type-text.ts';

function schemaOf(options: Readonly<Record<string, string>>): TableSchema {
  const types = { k: 'INT NOT NULL', a: 'INT', b: 'STRING', c: 'BOOLEAN', d: 'VARCHAR(5)', g: 'BIGINT' };
  return {
    version: 3,
    id: 0,
    fields: Object.entries(types).map(([name, type], id) => ({
      id,
      name,
      type: parseType(type),
      description: undefined,
      defaultValue: undefined,
    })),
    highestFieldId: 5,
    partitionKeys: [],
    primaryKeys: ['k'],
    options,
    comment: undefined,
    timeMillis: 0,
    extra: {},
  };
}

const parse = (options: Readonly<Record<string, string>>) => parseMergeOptions(schemaOf(options));

test('a table that says nothing keeps the newest row of a key', () => {
  expect(parse({})).toEqual({ engine: { kind: 'deduplicate', ignoresDeletes: false }, sequence: undefined });
});

test('sequence.field is a list with an order', () => {
  expect(parse({ 'sequence.field': 'g, a', 'sequence.field.sort-order': 'DESCENDING' }).sequence).toEqual({
    columns: ['g', 'a'],
    isDescending: true,
  });
});

const aggregation = { 'merge-engine': 'aggregation' };
const partial = { 'merge-engine': 'partial-update' };

test('every column of an aggregation table has a function; those that order rows keep the last value', () => {
  const { engine } = parse({
    ...aggregation,
    'sequence.field': 'g',
    'fields.a.aggregate-function': 'sum',
    'fields.a.ignore-retract': 'true',
    'fields.b.aggregate-function': 'listagg',
    'fields.b.list-agg-delimiter': '|',
  });
  if (engine.kind !== 'aggregation') throw new Error(engine.kind);
  const names = [...engine.aggregates].map(([column, { name }]) => `${column} ${name}`);
  expect(names).toEqual(['a sum', 'b listagg', 'c last_non_null_value', 'd last_non_null_value', 'g last_value']);
  expect(engine.aggregates.get('a')?.ignoresRetract).toBe(true);
  expect(engine.aggregates.get('b')?.delimiter).toBe('|');
});

test('what does not go together is refused by the option that says it', () => {
  const bad: readonly (readonly [Readonly<Record<string, string>>, RegExp])[] = [
    [{ 'sequence.field': 'nobody' }, /option sequence.field=nobody: it must be columns of the table: k, a/],
    [{ 'sequence.field': 'a,a' }, /columns that differ/],
    [{ 'merge-engine': 'first-row', 'sequence.field': 'a' }, /left out with merge-engine=first-row/],
    [
      { ...aggregation, 'sequence.field': 'a', 'fields.a.aggregate-function': 'sum' },
      /columns that are not aggregated/,
    ],
    [{ ...aggregation, 'fields.b.aggregate-function': 'sum' }, /of a column of type number; `b` is STRING/],
    [{ ...aggregation, 'fields.d.aggregate-function': 'listagg' }, /of a column of type STRING; `d`/],
    [{ ...aggregation, 'fields.a.aggregate-function': 'bool_or' }, /of a column of type BOOLEAN; `a`/],
    [{ ...aggregation, 'fields.c.aggregate-function': 'max' }, /of a column of type number, string/],
    [{ ...aggregation, 'fields.a.aggregate-function': 'median' }, /one of sum, product/],
    [
      { ...aggregation, 'aggregation.remove-record-on-delete': 'true', 'fields.a.ignore-retract': 'true' },
      /false while fields.a.ignore-retract/,
    ],
    [{ ...partial, 'fields.a.aggregate-function': 'sum' }, /`a` in a sequence group/],
    [{ ...partial, 'fields.g.sequence-group': 'a,x' }, /columns of the table/],
    [
      { ...partial, 'fields.g.sequence-group': 'a', 'fields.b.sequence-group': 'a' },
      /`a` is in fields.b.sequence-group/,
    ],
    [{ ...partial, 'ignore-delete': 'true', 'partial-update.remove-record-on-delete': 'true' }, /while ignore-delete/],
    [
      { ...partial, 'fields.g.sequence-group': 'a', 'partial-update.remove-record-on-delete': 'true' },
      /false where there are sequence groups/,
    ],
    [
      { ...partial, 'fields.g.sequence-group': 'a', 'partial-update.remove-record-on-sequence-group': 'a' },
      /columns that order a sequence group/,
    ],
  ];
  for (const [options, message] of bad) {
    const failure = expect.objectContaining({ code: 'LAKE_BAD_OPTION', message: expect.stringMatching(message) });
    expect(() => parse(options), JSON.stringify(options)).toThrow(failure);
  }
});

test('rows are not ordered by nested columns', () => {
  const schema = schemaOf({ 'sequence.field': 'a' });
  const fields = schema.fields.map(field =>
    field.name === 'a' ? { ...field, type: parseType({ type: 'ARRAY', element: 'INT' }) } : field,
  );
  expect(() => parseMergeOptions({ ...schema, fields })).toThrow(/sequence.field by a column of type ARRAY/);
});

test('functions that Paimon has and Tidelake has not are told by their option', () => {
  expect(refusedAggregates(schemaOf({ ...aggregation, 'fields.a.aggregate-function': 'theta_sketch' }))).toEqual([
    'fields.a.aggregate-function=theta_sketch',
  ]);
});

test('a read of some columns has those besides that order rows and their sequence groups', () => {
  const options = parse({ ...partial, 'sequence.field': 'd', 'fields.g.sequence-group': 'a,b' });
  expect(columnsToMerge(options, ['k', 'c'])).toEqual(['d']);
  expect(columnsToMerge(options, ['k', 'b'])).toEqual(['d', 'g']);
  const removing = parse({
    ...partial,
    'fields.g.sequence-group': 'a',
    'partial-update.remove-record-on-sequence-group': 'g',
  });
  expect(columnsToMerge(removing, ['k', 'c'])).toEqual(['g']);
});
