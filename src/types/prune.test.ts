import fc from 'fast-check';
import { expect, test } from 'vitest';
import { buildBatch } from './column-builder.ts';
import type { RowType } from './data-type.ts';
import { evaluatePredicate } from './filter.ts';
import type { CompareOp, Predicate } from './predicate.ts';
import { conjuncts, mayMatch, restrictTo } from './prune.ts';

const field = { description: undefined, defaultValue: undefined };
const rowType: RowType = {
  fields: [
    { ...field, id: 0, name: 'a', type: { kind: 'int', nullable: true } },
    { ...field, id: 1, name: 'b', type: { kind: 'double', nullable: true } },
  ],
};

const cell = fc.option(fc.integer({ min: -5, max: 5 }));
const leaf: fc.Arbitrary<Predicate> = fc.oneof(
  fc.record({
    kind: fc.constant('compare' as const),
    op: fc.constantFrom<CompareOp>('=', '<>', '<', '<=', '>', '>='),
    column: fc.constantFrom('a', 'b'),
    value: cell,
  }),
  fc.record({ kind: fc.constantFrom('is-null' as const, 'is-not-null' as const), column: fc.constantFrom('a', 'b') }),
  fc.record({
    kind: fc.constant('in' as const),
    column: fc.constantFrom('a', 'b'),
    values: fc.array(cell, { maxLength: 3 }),
  }),
);
const predicates: fc.Arbitrary<Predicate> = fc.oneof(
  leaf,
  fc.record({
    kind: fc.constantFrom('and' as const, 'or' as const),
    children: fc.array(leaf, { minLength: 1, maxLength: 3 }),
  }),
  fc.record({ kind: fc.constant('not' as const), child: leaf }),
);

test('a set of rows that holds a match is never pruned', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(cell, cell), { minLength: 1, maxLength: 6 }), predicates, (rows, predicate) => {
      const batch = buildBatch(rowType, rows);
      const matches = evaluatePredicate(predicate, batch).includes(1);
      const may = mayMatch(
        predicate,
        rowType,
        name => rangeOf(rows.map(row => row[name === 'a' ? 0 : 1])),
        rows.length,
      );
      expect(may || !matches).toBe(true);
    }),
    { numRuns: 2_000 },
  );
});

test('what lies outside the bounds is pruned, and unknown bounds prune nothing', () => {
  const range = { min: 3, max: 7, nullCount: 0 };
  const may = (op: CompareOp, value: number): boolean =>
    mayMatch({ kind: 'compare', op, column: 'a', value }, rowType, () => range, 10);
  expect([may('=', 2), may('=', 8), may('<', 3), may('<=', 2), may('>', 7), may('>=', 8)]).toEqual(
    Array(6).fill(false),
  );
  expect([may('=', 3), may('=', 7), may('<', 4), may('<=', 3), may('>', 6), may('>=', 7)]).toEqual(Array(6).fill(true));
  expect(mayMatch({ kind: 'is-null', column: 'a' }, rowType, () => range, 10)).toBe(false);
  expect(mayMatch({ kind: 'compare', op: '=', column: 'a', value: 1 }, rowType, () => undefined, 10)).toBe(true);
});

test('a predicate is restricted to the conjuncts of given columns', () => {
  const a: Predicate = { kind: 'is-null', column: 'a' };
  const b: Predicate = { kind: 'is-null', column: 'b' };
  const both: Predicate = {
    kind: 'and',
    children: [a, { kind: 'and', children: [b, { kind: 'or', children: [a, b] }] }],
  };
  expect(conjuncts(both)).toHaveLength(3);
  expect(restrictTo(both, ['a'])).toEqual(a);
  expect(restrictTo(both, ['c'])).toBeUndefined();
});

function rangeOf(values: readonly (number | null | undefined)[]): {
  min: number | null;
  max: number | null;
  nullCount: number;
} {
  const present = values.filter(value => typeof value === 'number');
  if (present.length === 0) return { min: null, max: null, nullCount: values.length };
  return { min: Math.min(...present), max: Math.max(...present), nullCount: values.length - present.length };
}
