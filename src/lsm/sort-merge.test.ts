import fc from 'fast-check';
import { expect, test } from 'vitest';
import { deduplicate } from '../format/merge-options.ts';
import type { Scalar } from '../types/scalar.ts';
import {
  batchOf,
  deduplicated,
  type Entry,
  entriesOf,
  keyNames,
  keyShape,
  keyShapes,
  keysOfShape,
} from './key-values.arbitrary.ts';
import { sortAndMerge, sortFlush } from './sort-merge.ts';

const bigintKeys = keyShape([{ kind: 'bigint', nullable: false }]);
const row = (id: bigint, sequence: bigint, value: number, kind = 0): Entry => ({ key: [id], sequence, kind, value });
const spec = { keyNames: ['k0'], ...deduplicate, dropDeletes: false } as const;

test('a flush equals a map from key to last row, for any keys and any batches', () => {
  fc.assert(
    fc.property(
      keyShapes.chain(shape =>
        fc.record({
          shape: fc.constant(shape),
          keys: fc.array(keysOfShape(shape), { minLength: 1, maxLength: 8 }),
          rows: fc.array(fc.tuple(fc.nat(7), fc.constantFrom(0, 1, 2, 3)), { maxLength: 40 }),
          cuts: fc.array(fc.nat(40), { maxLength: 3 }),
          dropDeletes: fc.boolean(),
          sequence: fc.constantFrom('arrival', 'mixed', 'equal'),
        }),
      ),
      ({ shape, keys, rows, cuts, dropDeletes, sequence }) => {
        const entries = rows.map(([at, kind], i): Entry => {
          const key: readonly Scalar[] = keys[at % keys.length] ?? [];
          const sequences = { arrival: BigInt(i), mixed: BigInt((i * 31) % 17) + 2n ** 60n, equal: 5n };
          return { key, kind, value: i, sequence: sequences[sequence] };
        });
        const ends = [0, ...cuts.map(cut => Math.min(cut, entries.length)).toSorted((a, b) => a - b), entries.length];
        const batches = ends.map((end, i) => batchOf(shape, entries.slice(ends[i - 1] ?? 0, end)));
        const result = sortAndMerge(batches, { keyNames: keyNames(shape), ...deduplicate, dropDeletes });
        expect(entriesOf(result)).toEqual(deduplicated(shape, entries, { dropDeletes }));
        expect(result.mergedAwayCount).toBe(entries.length - result.rows.rowCount);
      },
    ),
    { numRuns: 400 },
  );
});

test('a flush in batches has the rows and kinds of one at once, and each batch as many as are asked for', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(30), fc.constantFrom(0, 3)), { maxLength: 60 }),
      fc.integer({ min: 1, max: 12 }),
      fc.constantFrom(
        deduplicate,
        { engine: { kind: 'deduplicate', ignoresDeletes: true }, sequence: undefined } as const,
        {
          engine: { kind: 'aggregation', aggregates: new Map(), holdsMergedRows: false, removesOnDelete: false },
          sequence: undefined,
        } as const,
      ),
      (rows, rowsMax, { engine, sequence }) => {
        const entries = rows.map(([id, kind], i) => row(BigInt(id), BigInt(i), i, kind));
        const batches = [batchOf(bigintKeys, entries.slice(0, 20)), batchOf(bigintKeys, entries.slice(20))];
        const merging = { keyNames: ['k0'], engine, sequence };
        const whole = entriesOf(sortAndMerge(batches, { ...merging, dropDeletes: false }));
        const flush = sortFlush(batches, merging);
        const parts = [...flush.batches(rowsMax)];
        const withoutNumbers = ({ key, kind, value }: Entry): unknown => ({ key, kind, value });
        expect(parts.flatMap(entriesOf).map(withoutNumbers)).toEqual(whole.map(withoutNumbers));
        expect(flush.rowCount).toBe(whole.length);
        expect(parts.slice(0, -1).every(part => part.rows.rowCount === rowsMax)).toBe(true);
        expect([...flush.batches(rowsMax)].flatMap(entriesOf)).toEqual(parts.flatMap(entriesOf));
      },
    ),
  );
});

test('the winning row keeps its sequence number and kind', () => {
  const batch = batchOf(bigintKeys, [row(2n, 0n, 20), row(1n, 1n, 10), row(2n, 2n, 21, 3)]);
  const result = sortAndMerge([batch], spec);
  expect(entriesOf(result)).toEqual([row(1n, 1n, 10), row(2n, 2n, 21, 3)]);
  expect(result.mergedAwayCount).toBe(1);
});

test('a batch without rows gives a batch without rows', () => {
  const result = sortAndMerge([batchOf(bigintKeys, [])], spec);
  expect(result.rows.rowCount).toBe(0);
  expect(result.rows.rowType).toEqual(bigintKeys.rowType);
  expect(result.mergedAwayCount).toBe(0);
});
