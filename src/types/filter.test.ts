import fc from 'fast-check';
import { expect, test } from 'vitest';
import { arbitraryBatch, arbitraryScalar, rowTypeOf, sampleTypes } from '../../test/arbitrary-rows.ts';
import { buildBatch } from './column-builder.ts';
import { rowsOf } from './column-reader.ts';
import { compareScalars } from './compare.ts';
import type { AtomicType, DataType } from './data-type.ts';
import { evaluatePredicate, predicateColumns, selectRows } from './filter.ts';
import type { CompareOp, Predicate } from './predicate.ts';
import type { Scalar } from './scalar.ts';

/** The same in the plainest words: true, false or null for one row. */
function truthOf(predicate: Predicate, types: readonly AtomicType[], row: readonly Scalar[]): boolean | null {
  switch (predicate.kind) {
    case 'and': {
      const truths = predicate.children.map(child => truthOf(child, types, row));
      return truths.includes(false) ? false : truths.includes(null) ? null : true;
    }
    case 'or': {
      const truths = predicate.children.map(child => truthOf(child, types, row));
      return truths.includes(true) ? true : truths.includes(null) ? null : false;
    }
    case 'not': {
      const truth = truthOf(predicate.child, types, row);
      return truth === null ? null : !truth;
    }
    default: {
      const index = Number(predicate.column.slice(1));
      const value = row[index] ?? null;
      const type = types[index] ?? { kind: 'int', nullable: true };
      if (predicate.kind === 'is-null') return value === null;
      if (predicate.kind === 'is-not-null') return value !== null;
      if (predicate.kind === 'compare') return compareTruth(predicate.op, type, value, predicate.value);
      const literals = predicate.kind === 'in' ? predicate.values : [];
      if (literals.length === 0) return false;
      const truths = literals.map(literal => compareTruth('=', type, value, literal));
      return truths.includes(true) ? true : truths.includes(null) ? null : false;
    }
  }
}

function compareTruth(op: CompareOp, type: AtomicType, value: Scalar, literal: Scalar): boolean | null {
  if (value === null || literal === null) return null;
  const order = compareScalars(type, value, literal);
  return { '=': order === 0, '<>': order !== 0, '<': order < 0, '<=': order <= 0, '>': order > 0, '>=': order >= 0 }[
    op
  ];
}

const leaf: fc.Arbitrary<Predicate> = fc.nat(sampleTypes.length - 1).chain(index => {
  const type = sampleTypes[index] ?? { kind: 'int', nullable: true };
  const column = `c${index}`;
  return fc.oneof(
    fc.record({
      kind: fc.constant('compare' as const),
      op: fc.constantFrom<CompareOp>('=', '<>', '<', '<=', '>', '>='),
      column: fc.constant(column),
      value: arbitraryScalar(type),
    }),
    fc.record({ kind: fc.constantFrom('is-null' as const, 'is-not-null' as const), column: fc.constant(column) }),
    fc.record({
      kind: fc.constant('in' as const),
      column: fc.constant(column),
      values: fc.array(arbitraryScalar(type), { maxLength: 12 }),
    }),
  );
});

const tree: fc.Arbitrary<Predicate> = fc.letrec<{ node: Predicate }>(tie => ({
  node: fc.oneof(
    { maxDepth: 3 },
    leaf,
    fc.record({
      kind: fc.constantFrom('and' as const, 'or' as const),
      children: fc.array(tie('node'), { maxLength: 3 }),
    }),
    fc.record({ kind: fc.constant('not' as const), child: tie('node') }),
  ),
})).node;

test('a predicate keeps the rows for which it is true in three-valued logic', () => {
  fc.assert(
    fc.property(arbitraryBatch(sampleTypes, 20), tree, ({ batch, rows }, predicate) => {
      const kept = rows.filter(row => truthOf(predicate, sampleTypes, row) === true);
      expect(rowsOf(selectRows(batch, predicate))).toEqual(kept);
    }),
    { numRuns: 300 },
  );
});

test('values equal to the literal are found, for each type', () => {
  fc.assert(
    fc.property(
      arbitraryBatch(sampleTypes, 10),
      fc.nat(9),
      fc.nat(sampleTypes.length - 1),
      ({ batch, rows }, at, index) => {
        const value = rows[at]?.[index];
        if (value === undefined || value === null) return;
        for (const predicate of [
          { kind: 'compare', op: '=', column: `c${index}`, value } as const,
          { kind: 'in', column: `c${index}`, values: new Array<Scalar>(9).fill(value) } as const,
        ]) {
          expect(evaluatePredicate(predicate, batch)[at]).toBe(1);
        }
      },
    ),
  );
});

test('texts equal to a literal are found among such that begin or end alike', () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'b', 'é'), maxLength: 4 });
  const type: DataType = { kind: 'varchar', length: 9, nullable: true };
  const field = { id: 0, name: 's', type, description: undefined, defaultValue: undefined };
  fc.assert(
    fc.property(fc.array(fc.option(word), { minLength: 1, maxLength: 40 }), word, (values, value) => {
      const batch = buildBatch(
        { fields: [field] },
        values.map(text => [text]),
      );
      for (const op of ['=', '<>'] as const) {
        const kept = values.filter(text => text !== null && (text === value) === (op === '='));
        const predicate = { kind: 'compare', op, column: 's', value } as const;
        expect(rowsOf(selectRows(batch, predicate))).toEqual(kept.map(text => [text]));
      }
    }),
  );
});

test('NaN is equal to itself and above all else; minus zero is below zero', () => {
  const batch = buildBatch(rowTypeOf([{ kind: 'double', nullable: true }]), [[Number.NaN], [-0], [0], [1]]);
  const ask = (op: CompareOp, value: number): number[] => [
    ...evaluatePredicate({ kind: 'compare', op, column: 'c0', value }, batch),
  ];
  expect(ask('=', Number.NaN)).toEqual([1, 0, 0, 0]);
  expect(ask('>', 1)).toEqual([1, 0, 0, 0]);
  expect(ask('<', 0)).toEqual([0, 1, 0, 0]);
});

test('a literal finer than the column equals nothing and still orders', () => {
  const batch = buildBatch(rowTypeOf([{ kind: 'timestamp', precision: 3, nullable: true }]), [[0n], [1_000_000n]]);
  const ask = (op: CompareOp): number[] => [
    ...evaluatePredicate({ kind: 'compare', op, column: 'c0', value: 500n }, batch),
  ];
  expect([ask('='), ask('<'), ask('>')]).toEqual([
    [0, 0],
    [1, 0],
    [0, 1],
  ]);
});

test('a predicate on an unknown column is the caller’s fault', () => {
  const batch = buildBatch(rowTypeOf([{ kind: 'int', nullable: true }]), [[1]]);
  expect(() => evaluatePredicate({ kind: 'is-null', column: 'nope' }, batch)).toThrow('nope');
});

test('the columns of a predicate are collected', () => {
  const predicate: Predicate = {
    kind: 'and',
    children: [
      { kind: 'not', child: { kind: 'is-null', column: 'a' } },
      { kind: 'in', column: 'b', values: [1] },
    ],
  };
  expect([...predicateColumns(predicate)]).toEqual(['a', 'b']);
});
