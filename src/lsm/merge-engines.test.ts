// Merge engines row by row: what comes of the rows of one key, as Paimon 1.4.2 does it (spec 9).
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseMergeOptions } from '../format/merge-options.ts';
import { parseType } from '../format/type-text.ts';
import { buildBatch } from '../types/column-builder.ts';
import { rowsOf } from '../types/column-reader.ts';
import type { DataField } from '../types/data-type.ts';
import type { KeyValueBatch } from '../types/row-batch.ts';
import { type RowKind, rowKindByte, rowKindOf } from '../types/row-kind.ts';
import type { Scalar } from '../types/scalar.ts';
import { mergeRuns } from './merge.ts';
import type { MergeSpec } from './merge-function.ts';
import { sortAndMerge } from './sort-merge.ts';

type Change = readonly [kind: RowKind, ...values: Scalar[]];

/** A table of an INT key `k` and these columns. */
class EngineTable {
  readonly #fields: readonly DataField[];
  readonly #spec: MergeSpec;
  #sequence = 0n;

  constructor(
    columns: Readonly<Record<string, string>>,
    options: Readonly<Record<string, string>>,
    dropDeletes = false,
  ) {
    this.#fields = Object.entries({ k: 'INT NOT NULL', ...columns }).map(([name, type], id) => ({
      id,
      name,
      type: parseType(type),
      description: undefined,
      defaultValue: undefined,
    }));
    const merging = parseMergeOptions({
      version: 3,
      id: 0,
      fields: this.#fields,
      highestFieldId: this.#fields.length,
      partitionKeys: [],
      primaryKeys: ['k'],
      options,
      comment: undefined,
      timeMillis: 0,
      extra: {},
    });
    this.#spec = { ...merging, keyNames: ['k'], dropDeletes };
  }

  /** Rows of key 1, numbered on. */
  batch(changes: readonly Change[], level?: number): KeyValueBatch {
    const first = this.#sequence;
    this.#sequence += BigInt(changes.length);
    return {
      rows: buildBatch(
        { fields: this.#fields },
        changes.map(([, ...values]) => [1, ...values]),
      ),
      kinds: Int8Array.from(changes, ([kind]) => rowKindByte[kind]),
      sequenceNumbers: BigInt64Array.from(changes, (_, i) => first + BigInt(i)),
      level,
    };
  }

  /** What comes of the rows of one key: the kind and the values. */
  merge(changes: readonly Change[]): Change | undefined {
    return this.shown(sortAndMerge([this.batch(changes)], this.#spec))[0];
  }

  /** The same, each change in a run of its own. */
  async mergeRuns(changes: readonly (readonly [level: number, change: Change])[]): Promise<readonly Change[]> {
    const runs = changes.map(([level, change]) => oneBatch(this.batch([change], level)));
    const out: Change[] = [];
    for await (const merged of mergeRuns(runs, this.#spec, { batchRowsMax: 10 })) out.push(...this.shown(merged));
    return out;
  }

  shown(batch: KeyValueBatch): readonly Change[] {
    return rowsOf(batch.rows).map(([, ...values], row) => [rowKindOf(batch.kinds[row] ?? 0), ...values]);
  }

  sequencesOf(changes: readonly Change[]): readonly bigint[] {
    return [...sortAndMerge([this.batch(changes)], this.#spec).sequenceNumbers];
  }
}

async function* oneBatch(batch: KeyValueBatch): AsyncGenerator<KeyValueBatch> {
  yield batch;
}

const aggregation = (type: string, name: string, more: Readonly<Record<string, string>> = {}): EngineTable =>
  new EngineTable({ v: type }, { 'merge-engine': 'aggregation', 'fields.v.aggregate-function': name, ...more });

/** Function, type, values that come in as +I, result. */
const aggregates: readonly (readonly [name: string, type: string, values: readonly Scalar[], result: Scalar])[] = [
  ['sum', 'INT', [1, null, 2], 3],
  ['sum', 'INT', [null, null], null],
  ['sum', 'INT', [2_147_483_647, 1], -2_147_483_648],
  ['sum', 'TINYINT', [127, 1], -128],
  ['sum', 'SMALLINT', [-32_768, -1], 32_767],
  ['sum', 'BIGINT', [9_223_372_036_854_775_807n, 1n], -9_223_372_036_854_775_808n],
  ['sum', 'FLOAT', [16_777_216, 1], 16_777_216],
  ['sum', 'DOUBLE', [0.1, 0.2], 0.1 + 0.2],
  ['sum', 'DECIMAL(20, 2)', [10n ** 20n - 1n, 1n], null],
  ['sum', 'DECIMAL(5, 2)', [150n, 250n], 400n],
  ['product', 'INT', [65_536, 65_536], 0],
  ['product', 'BIGINT', [3n, -5n], -15n],
  ['product', 'DECIMAL(10, 2)', [150n, 33n], 50n],
  ['product', 'DECIMAL(10, 2)', [-150n, 33n], -50n],
  ['product', 'DECIMAL(3, 1)', [999n, 999n], null],
  ['max', 'STRING', ['b', 'ab', null], 'b'],
  ['max', 'DOUBLE', [1, Number.NaN, 2], Number.NaN],
  ['min', 'DOUBLE', [0, -0], -0],
  ['min', 'TIMESTAMP(9)', [5n, null, -7n], -7n],
  ['last_value', 'INT', [1, null], null],
  ['last_non_null_value', 'INT', [1, null], 1],
  ['first_value', 'INT', [null, 1], null],
  ['first_non_null_value', 'INT', [null, 1, 2], 1],
  ['first_not_null_value', 'INT', [null, 3, 2], 3],
  ['bool_and', 'BOOLEAN', [true, null, false], false],
  ['bool_or', 'BOOLEAN', [false, null, true], true],
  ['listagg', 'STRING', ['a', null, '', 'b', 'a'], 'a,b,a'],
];

test.each(aggregates)('%s of %s %o is %o', (name, type, values, result) => {
  const table = aggregation(type, name);
  expect(table.merge(values.map(value => ['+I', value]))).toEqual(['+I', result]);
});

test('a column without a function keeps the last value that is not null, and one by default has the default', () => {
  const plain = new EngineTable({ v: 'INT' }, { 'merge-engine': 'aggregation' });
  expect(
    plain.merge([
      ['+I', 1],
      ['+I', null],
    ]),
  ).toEqual(['+I', 1]);
  const byDefault = new EngineTable(
    { v: 'INT', w: 'INT' },
    { 'merge-engine': 'aggregation', 'fields.default-aggregate-function': 'sum', 'fields.w.aggregate-function': 'min' },
  );
  expect(
    byDefault.merge([
      ['+I', 1, 1],
      ['+I', 2, 2],
    ]),
  ).toEqual(['+I', 3, 1]);
});

test('listagg has a delimiter, and distinct leaves out parts that are there', () => {
  const options = { 'fields.v.list-agg-delimiter': '; ', 'fields.v.distinct': 'true' };
  expect(
    aggregation('STRING', 'listagg', options).merge([
      ['+I', 'a; b'],
      ['+I', 'b; c; a; d'],
      ['+I', 'd'],
    ]),
  ).toEqual(['+I', 'a; b; c; d']);
});

test('sums, products and last values take rows back, others refuse to unless told to pass them over', () => {
  expect(
    aggregation('INT', 'sum').merge([
      ['+I', 5],
      ['-U', 2],
      ['-D', null],
    ]),
  ).toEqual(['+I', 3]);
  expect(
    aggregation('INT', 'sum').merge([
      ['-D', 5],
      ['+I', 2],
    ]),
  ).toEqual(['+I', -3]);
  expect(
    aggregation('INT', 'product').merge([
      ['+I', 7],
      ['-D', 2],
    ]),
  ).toEqual(['+I', 3]);
  expect(
    aggregation('DECIMAL(5, 2)', 'product').merge([
      ['+I', 300n],
      ['-D', 800n],
    ]),
  ).toEqual(['+I', 38n]);
  expect(
    aggregation('INT', 'last_value').merge([
      ['+I', 7],
      ['-D', 2],
    ]),
  ).toEqual(['+I', null]);
  expect(
    aggregation('INT', 'last_non_null_value').merge([
      ['+I', 7],
      ['-D', null],
    ]),
  ).toEqual(['+I', 7]);
  for (const name of ['max', 'first_value', 'first_non_null_value']) {
    const changes: Change[] = [
      ['+I', 7],
      ['-D', 2],
    ];
    expect(() => aggregation('INT', name).merge(changes)).toThrow(
      expect.objectContaining({ code: 'LAKE_DELETE_NOT_MERGED', message: expect.stringContaining(name) }),
    );
    const ignoring = aggregation('INT', name, { 'fields.v.ignore-retract': 'true' });
    expect(ignoring.merge(changes)).toEqual(['+I', 7]);
  }
  expect(() =>
    aggregation('INT', 'product').merge([
      ['+I', 7],
      ['-D', 0],
    ]),
  ).toThrow(/divides by zero/);
  expect(() =>
    aggregation('DECIMAL(5, 2)', 'product').merge([
      ['+I', 100n],
      ['-D', 300n],
    ]),
  ).toThrow(/exact/);
});

test('aggregation.remove-record-on-delete takes the row away; what comes after adds to the values of the -D', () => {
  const table = aggregation('INT', 'sum', { 'aggregation.remove-record-on-delete': 'true' });
  expect(
    table.merge([
      ['+I', 5],
      ['-D', 2],
    ]),
  ).toEqual(['-D', 2]);
  expect(
    table.merge([
      ['+I', 5],
      ['-D', 2],
      ['+I', 1],
    ]),
  ).toEqual(['+I', 3]);
});

test('a group of one row comes out as it went in', () => {
  expect(aggregation('INT', 'max').merge([['-D', 2]])).toEqual(['-D', 2]);
  expect(new EngineTable({ v: 'INT' }, { 'merge-engine': 'partial-update' }).merge([['-U', 2]])).toEqual(['-U', 2]);
  const dropping = new EngineTable({ v: 'INT' }, { 'merge-engine': 'aggregation' }, true);
  expect(dropping.merge([['-D', 2]])).toBeUndefined();
});

test('first-row keeps the first row and takes deletes only to pass them over', () => {
  const columns = { v: 'INT' };
  const firstRow = new EngineTable(columns, { 'merge-engine': 'first-row' });
  expect(
    firstRow.merge([
      ['+I', 1],
      ['+I', 2],
    ]),
  ).toEqual(['+I', 1]);
  expect(() =>
    firstRow.merge([
      ['+I', 1],
      ['-D', 2],
    ]),
  ).toThrow(/first-row takes no -U and -D/);
  const ignoring = new EngineTable(columns, { 'merge-engine': 'first-row', 'ignore-delete': 'true' });
  expect(
    ignoring.merge([
      ['-D', 0],
      ['+I', 1],
      ['-D', 2],
    ]),
  ).toEqual(['+I', 1]);
});

test('deduplicate that ignores deletes passes over those that older writers left', () => {
  const table = new EngineTable({ v: 'INT' }, { 'deduplicate.ignore-delete': 'true' });
  expect(
    table.merge([
      ['+I', 1],
      ['-D', 2],
    ]),
  ).toEqual(['+I', 1]);
  expect(
    table.merge([
      ['-U', 1],
      ['-D', 2],
    ]),
  ).toBeUndefined();
});

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
