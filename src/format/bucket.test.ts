import fc from 'fast-check';
import { expect, test } from 'vitest';
import { arbitraryRows, rowTypeOf, sampleTypes } from '../../test/arbitrary-rows.ts';
import { murmurWords } from '../bytes/murmur.ts';
import { buildBatch } from '../types/column-builder.ts';
import type { AtomicType } from '../types/data-type.ts';
import type { Scalar } from '../types/scalar.ts';
import { encodeBinaryRow } from './binary-row.ts';
import { type BucketFunction, bucketOf, bucketsOfBatch, keyHashes } from './bucket.ts';
import { parseType } from './type-text.ts';

/** Types, values, hash and bucket of 5 as Paimon 1.4.2 computes them (spec 6.1). */
const vectors: readonly [readonly string[], readonly Scalar[], number, number][] = [
  [['INT'], [1], 1465514398, 3],
  [['BIGINT'], [1n], 1465514398, 3],
  [['INT'], [5], 260196596, 1],
  [['INT'], [-7], 1485184587, 2],
  [['STRING'], ['abc'], -101922419, 4],
  [['STRING'], ['abcdefgh'], -843760178, 3],
  [['STRING'], ['hello world'], 161593394, 4],
  [['INT', 'STRING'], [5, 'abc'], 761334957, 2],
  [['DECIMAL(10, 2)'], [1234n], -1096042293, 3],
  [['TIMESTAMP(6)'], [1704164645678901000n], 828821739, 4],
];

for (const [texts, values, hash, bucket] of vectors) {
  test(`(${texts.join(', ')}) of ${values.join(', ')} goes to the bucket that Paimon gives it`, () => {
    const types = texts.map(parseType);
    expect(murmurWords(encodeBinaryRow(types, values))).toBe(hash);
    expect(bucketOf(types, values, 5, 'default')).toBe(bucket);
  });
}

const arbitraryKeys = fc
  .array(fc.constantFrom(...sampleTypes), { minLength: 1, maxLength: 4 })
  .chain(types => fc.tuple(fc.constant(types), arbitraryRows(types, 20)));

test('columns give the buckets that values give, for keys of every type', () => {
  fc.assert(
    fc.property(arbitraryKeys, fc.integer({ min: 1, max: 100 }), ([types, rows], bucketCount) => {
      const batch = buildBatch(rowTypeOf(types), rows);
      const names = batch.rowType.fields.map(field => field.name);
      expect([...bucketsOfBatch(batch, names, bucketCount, 'default')]).toEqual(
        rows.map(values => bucketOf(types, values, bucketCount, 'default')),
      );
      expect([...keyHashes(batch, names)]).toEqual(rows.map(values => murmurWords(encodeBinaryRow(types, values))));
    }),
  );
});

function bucketsOfKeys(type: AtomicType, keys: readonly Scalar[], fn: BucketFunction): number[] {
  const rows = keys.map(key => [key]);
  return [...bucketsOfBatch(buildBatch(rowTypeOf([type]), rows), ['c0'], 5, fn)];
}

test('single keys of whole numbers take the quick way to the same buckets', () => {
  const int: AtomicType = { kind: 'int', nullable: false };
  const bigint: AtomicType = { kind: 'bigint', nullable: false };
  const ints = [0, 1, -1, 5, 2147483647, -2147483648];
  const longs = [0n, 1n, -1n, 2n ** 63n - 1n, -(2n ** 63n), 9007199254740993n];
  expect(bucketsOfKeys(int, ints, 'default')).toEqual(ints.map(key => bucketOf([int], [key], 5, 'default')));
  expect(bucketsOfKeys(bigint, longs, 'default')).toEqual(longs.map(key => bucketOf([bigint], [key], 5, 'default')));
});

test('the key is taken in its own order, not in that of the columns', () => {
  const types: AtomicType[] = [
    { kind: 'int', nullable: false },
    { kind: 'varchar', length: 9, nullable: false },
  ];
  const batch = buildBatch(rowTypeOf(types), [[5, 'abc']]);
  expect(bucketsOfBatch(batch, ['c0', 'c1'], 5, 'default')[0]).toBe(2);
  expect(bucketsOfBatch(batch, ['c1', 'c0'], 1000, 'default')[0]).toBe(
    bucketOf(types.toReversed(), ['abc', 5], 1000, 'default'),
  );
});

test('the function mod takes the rounded-down remainder', () => {
  expect(bucketsOfKeys({ kind: 'int', nullable: false }, [0, 7, -1, -5, -2147483648], 'mod')).toEqual([0, 2, 4, 0, 2]);
  const longs = [0n, 7n, -1n, -5n, 2n ** 63n - 1n];
  expect(bucketsOfKeys({ kind: 'bigint', nullable: false }, longs, 'mod')).toEqual([0, 2, 4, 0, 2]);
  expect(bucketOf([parseType('BIGINT')], [-1n], 5, 'mod')).toBe(4);
  expect(bucketOf([parseType('INT')], [-6], 5, 'mod')).toBe(4);
});

test('the function mod refuses keys that are no whole numbers', () => {
  expect(() => bucketOf([parseType('STRING')], ['a'], 5, 'mod')).toThrow('bucket-function.type=mod');
  expect(() => bucketOf([parseType('INT'), parseType('INT')], [1, 2], 5, 'mod')).toThrow('bucket-function.type=mod');
});
