import { expect, test } from 'vitest';
import type { DataField, DataType } from '../types/data-type.ts';
import { lengthMax } from '../types/data-type.ts';
import { parseWhere } from './where.ts';

const types: Readonly<Record<string, DataType>> = {
  k: { kind: 'bigint', nullable: false },
  n: { kind: 'int', nullable: true },
  v: { kind: 'varchar', length: lengthMax, nullable: true },
  x: { kind: 'double', nullable: true },
  f: { kind: 'float', nullable: true },
  b: { kind: 'boolean', nullable: true },
  d: { kind: 'decimal', precision: 10, scale: 2, nullable: true },
  day: { kind: 'date', nullable: true },
  at: { kind: 'timestamp', precision: 3, nullable: true },
};
const fields = Object.entries(types).map(
  ([name, type], id): DataField => ({ id, name, type, description: undefined, defaultValue: undefined }),
);

function predicateOf(text: string): unknown {
  const filter = parseWhere(text, { fields });
  return filter.kind === 'predicate' ? filter.predicate : 'sql';
}

test('comparisons with constants become predicates of the column', () => {
  expect(predicateOf('k >= 9007199254740993')).toEqual({
    kind: 'compare',
    op: '>=',
    column: 'k',
    value: 9007199254740993n,
  });
  expect(predicateOf('n = -5')).toEqual({ kind: 'compare', op: '=', column: 'n', value: -5 });
  expect(predicateOf('5 < n')).toEqual({ kind: 'compare', op: '>', column: 'n', value: 5 });
  expect(predicateOf("v != 'it''s'")).toEqual({ kind: 'compare', op: '<>', column: 'v', value: "it's" });
  expect(predicateOf('"V" = \'\'')).toEqual({ kind: 'compare', op: '=', column: 'v', value: '' });
  expect(predicateOf('d < 1.25')).toEqual({ kind: 'compare', op: '<', column: 'd', value: 125n });
  expect(predicateOf('b = TRUE')).toEqual({ kind: 'compare', op: '=', column: 'b', value: true });
  expect(predicateOf("day = DATE '1970-01-02'")).toEqual({ kind: 'compare', op: '=', column: 'day', value: 1 });
  expect(predicateOf("at < TIMESTAMP '1970-01-01 00:00:01'")).toEqual({
    kind: 'compare',
    op: '<',
    column: 'at',
    value: 1_000_000_000n,
  });
});

test('AND, OR, NOT, IN, BETWEEN and IS NULL are understood, with their precedence', () => {
  const compare = (value: number): object => ({ kind: 'compare', op: '=', column: 'n', value });
  expect(predicateOf('n = 1 OR n = 2 AND NOT n = 3')).toEqual({
    kind: 'or',
    children: [compare(1), { kind: 'and', children: [compare(2), { kind: 'not', child: compare(3) }] }],
  });
  expect(predicateOf('(n = 1 OR n = 2) AND v IS NOT NULL')).toEqual({
    kind: 'and',
    children: [
      { kind: 'or', children: [compare(1), compare(2)] },
      { kind: 'is-not-null', column: 'v' },
    ],
  });
  expect(predicateOf('n NOT IN (1, 2)')).toEqual({ kind: 'not', child: { kind: 'in', column: 'n', values: [1, 2] } });
  expect(predicateOf('n between 1 and 2 and v is null')).toEqual({
    kind: 'and',
    children: [
      {
        kind: 'and',
        children: [
          { kind: 'compare', op: '>=', column: 'n', value: 1 },
          { kind: 'compare', op: '<=', column: 'n', value: 2 },
        ],
      },
      { kind: 'is-null', column: 'v' },
    ],
  });
});

test('what a column can not hold exactly, and all else, is left to the SQL engine', () => {
  const texts = ['n = 2.5', "n = '5'", 'x = 0', 'f = 0.1', 'd = 1.255', "at = '1970-01-01 00:00:00.0001'", 'n = k'];
  const others = [
    "v LIKE 'a%'",
    'n + 1 = 2',
    'b',
    'zz = 1',
    'n = NULL',
    'length(v) > 2',
    "day = '1970-01-01 10:00:00'",
  ];
  for (const text of [...texts, ...others, 'n = 99999999999', 'n IN (1, NULL)']) expect(predicateOf(text)).toBe('sql');
});

test('what is not one expression is refused', () => {
  for (const text of ['', '  ', 'n = 1; DROP TABLE t', 'n = 1) OR (n = 2', '(n = 1', "v = 'open", 'n = 1 /*+ x */']) {
    expect(() => parseWhere(text, { fields })).toThrow(expect.objectContaining({ code: 'LAKE_BAD_FILTER' }));
  }
});
