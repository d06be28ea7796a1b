import { expect, test } from 'vitest';
import { deduplicate } from '../format/merge-options.ts';
import type { AtomicType } from '../types/data-type.ts';
import type { Scalar } from '../types/scalar.ts';
import { keyLayout, keysOf } from './key-order.ts';
import { commonPrefixBytes, skipBytes } from './key-prefix.ts';
import {
  batchOf,
  compareEntryKeys,
  deduplicated,
  type Entry,
  entriesOf,
  inPieces,
  keyNames,
  keyShape,
} from './key-values.arbitrary.ts';
import { mergeRuns } from './merge.ts';

const varchar: AtomicType = { kind: 'varchar', length: 1000, nullable: true };
const bigint: AtomicType = { kind: 'bigint', nullable: false };

test('the common prefix is what all keys begin with, and none where one is null', () => {
  const shape = keyShape([varchar]);
  const keys = (...texts: Scalar[]) =>
    keysOf(
      batchOf(
        shape,
        texts.map(text => ({ key: [text], sequence: 0n, kind: 0, value: 0 })),
      ).rows,
      keyLayout(shape.rowType, ['k0']),
    );
  expect(commonPrefixBytes([keys('customer-1', 'customer-2'), keys('customer-19')])).toBe(9);
  expect(commonPrefixBytes([keys('customer-1')])).toBe(10);
  expect(commonPrefixBytes([keys('a', 'b')])).toBe(0);
  expect(commonPrefixBytes([keys(null, 'b'), keys('b')])).toBe(0);
  expect(commonPrefixBytes([])).toBe(0);
});

test('keys whose common prefix is skipped can be told by six other bytes', () => {
  const shape = keyShape([varchar]);
  const entries = ['customer-1', 'customer-22'].map(
    (text): Entry => ({ key: [text], sequence: 0n, kind: 0, value: 0 }),
  );
  const keys = keysOf(batchOf(shape, entries).rows, keyLayout(shape.rowType, ['k0']));
  expect(keys.isExact).toBe(false);
  expect(skipBytes(keys, 9).isExact).toBe(true);
  expect(skipBytes(skipBytes(keys, 9), 0)).toEqual(keys);
});

test.each<{ name: string; types: AtomicType[]; keys: Scalar[][] }>([
  {
    name: 'the prefix grows shorter',
    types: [varchar],
    keys: [
      'aaaaaaaaaaaaaaaa1',
      'aaaaaaaaaaaaaaaa2',
      'aaaaaaaaaaaab',
      'aaaaaaaac',
      'aaaaad',
      'aaae',
      'b',
      'baaaaaaaaaaaaa',
      'c',
    ].map(text => [text]),
  },
  {
    name: 'a key ends where others go on',
    types: [varchar],
    keys: ['x'.repeat(8), 'x'.repeat(14), 'x'.repeat(15), `${'x'.repeat(15)}a`].map(text => [text]),
  },
  { name: 'null comes first', types: [varchar], keys: [[null], ['x'.repeat(8)], ['x'.repeat(9)]] },
  {
    name: 'integers with zeros in front',
    types: [bigint, bigint],
    keys: [
      [-1n, 5n],
      [1n, 2n],
      [1n, 3n],
      [1n, 2n ** 40n],
      [2n, 0n],
      [2n ** 40n, 0n],
    ],
  },
])('runs are merged right when $name', async ({ types, keys }) => {
  const shape = keyShape(types);
  let sequence = 0n;
  // All runs begin alike, so that the merge begins with the longest prefix.
  const evens = keys.filter((_, i) => i % 2 === 0);
  const runs = [keys, evens, [...keys.slice(0, 1), ...keys.slice(3)], keys.slice(0, 1)].map(run =>
    run.map((key): Entry => {
      sequence += 1n;
      return { key, sequence, kind: 0, value: Number(sequence) };
    }),
  );
  expect(keys).toEqual(keys.toSorted((a, b) => compareEntryKeys(shape, a, b)));
  for (const sizes of [[1, 0], [1], [2], [3, 1], [100]]) {
    const inputs = runs.map(run => inPieces(batchOf(shape, run), sizes));
    const spec = { keyNames: keyNames(shape), ...deduplicate, dropDeletes: false } as const;
    const merged: Entry[] = [];
    // Batches this small are never passed on whole: the loop sees each row.
    for await (const batch of mergeRuns(inputs, spec, { batchRowsMax: 1000 })) merged.push(...entriesOf(batch));
    expect(merged).toEqual(deduplicated(shape, runs.flat(), { dropDeletes: false }));
  }
});
