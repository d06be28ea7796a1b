import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fixtureTable, ManualClock, plannedFile } from '../../test/table-fixture.ts';
import { seededRandom } from '../base/random.ts';
import { serializeRow } from '../format/binary-row.ts';
import type { ManifestEntry } from '../format/manifest.ts';
import { MemoryObjectStore } from '../storage/memory/memory-object-store.ts';
import type { DataType } from '../types/data-type.ts';
import type { Scalar } from '../types/scalar.ts';
import { inOrderOfPlaces } from './manifest-order.ts';

const clock = new ManualClock();
const table = await fixtureTable(new MemoryObjectStore('memory:order', clock), { clock, random: seededRandom(1) });
const types: readonly DataType[] = [{ kind: 'int', nullable: true }];

type Drawn = { readonly value: number | null; readonly bucket: number; readonly entry: ManifestEntry };

const drawn = fc
  .tuple(fc.option(fc.integer({ min: -300, max: 300 })), fc.integer({ min: -2, max: 12 }), fc.nat())
  .map(([value, bucket, n]): Drawn => {
    const { file } = plannedFile(table, { name: `f${n}` });
    const row: readonly Scalar[] = [value];
    return {
      value,
      bucket,
      entry: { kind: 'add', partition: serializeRow(types, row), bucket, totalBuckets: 1, file },
    };
  });

test('entries come by partition and bucket, by their values, null first, and else as they were', () => {
  fc.assert(
    fc.property(fc.array(drawn), some => {
      // Array.sort is stable.
      const naive = some.toSorted(
        (a, b) => (a.value ?? Number.NEGATIVE_INFINITY) - (b.value ?? Number.NEGATIVE_INFINITY) || 0,
      );
      const byBucket = [...Map.groupBy(naive, ({ value }) => value).values()].flatMap(group =>
        group.toSorted((a, b) => a.bucket - b.bucket),
      );
      const ordered = inOrderOfPlaces(
        some.map(({ entry }) => entry),
        types,
      );
      expect(ordered.map(({ file }) => file.fileName)).toEqual(byBucket.map(({ entry }) => entry.file.fileName));
    }),
  );
});
