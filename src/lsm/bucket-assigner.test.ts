import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BucketAssigner, type IndexedHashes } from './bucket-assigner.ts';
import type { AssignerSettings } from './bucket-room.ts';

const settings: AssignerSettings = { keyCountTarget: 3, bucketCountMax: undefined, initialBucketCount: 1 };

function indexed(buckets: Readonly<Record<number, readonly number[]>>): IndexedHashes {
  return new Map(
    Object.entries(buckets).map(([bucket, hashes]) => [Number(bucket), Int32Array.from(hashes).toSorted()]),
  );
}

function assigned(draft: Partial<AssignerSettings>, hashes: readonly number[], from: IndexedHashes = new Map()) {
  const assigner = new BucketAssigner({ ...settings, ...draft }, from);
  return hashes.map(hash => assigner.assign(hash));
}

test('a bucket is filled before the next begins, and a hash stays where it went', () => {
  expect(assigned({}, [10, 20, 30, 40, 10, 50, 40, 60, 70])).toEqual([0, 0, 0, 1, 0, 1, 1, 1, 2]);
});

test('hashes of the index keep their buckets, whatever their sign, and their buckets count as filled', () => {
  const index = indexed({ 0: [-5, 7], 4: [2_147_483_647, -2_147_483_648, 0] });
  expect(assigned({}, [-5, 0, 2_147_483_647, -2_147_483_648, 1, 2], index)).toEqual([0, 4, 4, 4, 0, 1]);
});

test('with as many buckets as there may be, new keys go where the fewest are', () => {
  expect(assigned({ bucketCountMax: 2 }, [1, 2, 3, 4, 5, 6, 7, 8])).toEqual([0, 0, 0, 1, 1, 1, 0, 1]);
});

test('initial buckets share the keys by their hashes, and grow each for itself', () => {
  expect(assigned({ initialBucketCount: 2, keyCountTarget: 1 }, [2, 3, 4, -5])).toEqual([0, 1, 2, 3]);
  expect(assigned({ initialBucketCount: 5, bucketCountMax: 3 }, [0, 1, 2, 3])).toEqual([0, 1, 2, 0]);
});

test('another state of the index is taken unless it gives a hash of ours another bucket', () => {
  const assigner = new BucketAssigner(settings, new Map());
  for (const hash of [1, 2, 3, 4]) assigner.assign(hash);
  expect(assigner.moveTo(indexed({ 0: [1, 9] }))).toBe(true);
  expect(assigner.unindexed()).toEqual(
    new Map([
      [0, [2, 3]],
      [1, [4]],
    ]),
  );
  expect(assigner.moveTo(indexed({ 0: [1, 4] }))).toBe(false);
  // Nothing has changed by that, and an index without what was there takes it in anew.
  expect(assigner.moveTo(new Map())).toBe(true);
  expect(assigner.unindexed().get(0)).toEqual([1, 2, 3]);
  // Buckets that others have filled meanwhile are full.
  expect(assigner.moveTo(indexed({ 1: [11, 12], 2: [13, 14, 15] }))).toBe(true);
  expect(assigner.assign(100)).toBe(3);
});

test('every hash has one bucket, no bucket is filled beyond its target while another can be made', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer(), { maxLength: 200 }),
      fc.integer({ min: 1, max: 9 }),
      (hashes, keyCountTarget) => {
        const assigner = new BucketAssigner({ ...settings, keyCountTarget }, new Map());
        const buckets = new Map<number, Set<number>>();
        for (const hash of hashes) {
          const bucket = assigner.assign(hash);
          buckets.set(bucket, (buckets.get(bucket) ?? new Set()).add(hash));
        }
        const distinct = new Set(hashes).size;
        expect([...buckets.values()].reduce((sum, { size }) => sum + size, 0)).toBe(distinct);
        expect(buckets.size).toBe(Math.ceil(distinct / keyCountTarget));
      },
    ),
  );
});
