import { expect, test } from 'vitest';
import { seededRandom } from '../../base/random.ts';
import type { PageContent } from '../../format/data-file-content.ts';
import { rowCountOf } from '../../format/row-ranges.ts';
import { buildBatch } from '../../types/column-builder.ts';
import type { RowType } from '../../types/data-type.ts';
import { evaluatePredicate } from '../../types/filter.ts';
import type { CompareOp, Predicate } from '../../types/predicate.ts';
import { rowsThatMayMatch } from './prune-pages.ts';

const int = { kind: 'int', nullable: true } as const;
const rowType: RowType = {
  fields: ['a', 'b'].map((name, id) => ({ id, name, type: int, description: undefined, defaultValue: undefined })),
};
const rowCount = 60;

test('rows that pass are among those that may, whatever the pages', () => {
  const random = seededRandom(11);
  const below = (n: number): number => Math.floor(random.next() * n);
  const predicate = (depth: number): Predicate => {
    const kind = below(depth > 0 ? 7 : 4);
    const column = below(2) === 0 ? 'a' : 'b';
    const ops: readonly CompareOp[] = ['=', '<>', '<', '<=', '>', '>='];
    if (kind === 0) return { kind: 'compare', column, op: ops[below(ops.length)] ?? '=', value: below(30) };
    if (kind === 1) return { kind: 'in', column, values: [below(30), below(30)] };
    if (kind === 2) return { kind: 'is-null', column };
    if (kind === 3) return { kind: 'is-not-null', column };
    if (kind === 4) return { kind: 'not', child: predicate(depth - 1) };
    return { kind: kind === 5 ? 'and' : 'or', children: [predicate(depth - 1), predicate(depth - 1)] };
  };
  let ruledOut = 0;
  for (let round = 0; round < 1_000; round += 1) {
    const width = 1 + below(20);
    const rows = Array.from({ length: rowCount }, (_, row) =>
      [0, 1].map(() => (below(width) === 0 ? null : Math.floor(row / 2) + below(3) - 1)),
    );
    const pages = [0, 1].map(column => {
      const out: PageContent[] = [];
      for (let start = 0; start < rowCount; ) {
        const end = Math.min(rowCount, start + 1 + below(20));
        const values = rows.slice(start, end).map(row => row[column] ?? null);
        const known = values.filter(value => value !== null);
        const [min, max] = known.length === 0 ? [null, null] : [Math.min(...known), Math.max(...known)];
        const range = { min, max, nullCount: values.length - known.length };
        out.push({ rows: { start, end }, range: below(9) === 0 ? undefined : range });
        start = end;
      }
      return below(9) === 0 ? undefined : out;
    });
    const filter = predicate(3);
    const pagesOf = (name: string) => pages[name === 'a' ? 0 : 1];
    const may = rowsThatMayMatch(filter, { rowType, rowCount, pagesOf });
    const passing = evaluatePredicate(filter, buildBatch(rowType, rows));
    const isIn = (row: number): boolean => may.some(({ start, end }) => start <= row && row < end);
    expect([...passing.keys()].filter(row => passing[row] === 1 && !isIn(row))).toEqual([]);
    ruledOut += rowCount - rowCountOf(may);
  }
  expect(ruledOut).toBeGreaterThan(10_000);
});

test('pages that the bounds of one column leave are narrowed by the other', () => {
  const page = (start: number, end: number, min: number, max: number): PageContent => ({
    rows: { start, end },
    range: { min, max, nullCount: 0 },
  });
  const pages = { a: [page(0, 20, 0, 9), page(20, 60, 10, 19)], b: [page(0, 30, 5, 5), page(30, 60, 7, 8)] };
  const may = (filter: Predicate) =>
    rowsThatMayMatch(filter, { rowType, rowCount, pagesOf: name => (name === 'a' ? pages.a : pages.b) });
  const a12: Predicate = { kind: 'compare', column: 'a', op: '=', value: 12 };
  const b5: Predicate = { kind: 'compare', column: 'b', op: '<', value: 6 };
  expect(may({ kind: 'and', children: [a12, b5] })).toEqual([{ start: 20, end: 30 }]);
  expect(may({ kind: 'or', children: [a12, b5] })).toEqual([{ start: 0, end: 60 }]);
  expect(may({ kind: 'compare', column: 'a', op: '>', value: 99 })).toEqual([]);
});
