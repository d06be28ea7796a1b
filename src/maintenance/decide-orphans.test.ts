/** What is an orphan, by place, name and age. */
import { expect, test } from 'vitest';
import { isOrphan, type LineRoots, orphanCutoffMs, placeOf, rootsEqual } from './decide-orphans.ts';

test('only what is there for as long as something names it is looked at', () => {
  const places = {
    referenced: [
      'manifest/manifest-1-0',
      'manifest/manifest-list-1-0',
      'index/index-1-0',
      'statistics/stat-1-0',
      'bucket-0/data-1-0.parquet',
      'bucket-postpone/data--u-1.avro',
      'dt=1/hh=2/bucket-12/data-1-0.parquet.index',
      'inner/dt=1/bucket-0/data-1-0.parquet',
      'tidelake/state-1',
      'tidelake/origins-1',
      'tidelake/dead-letters-1',
      'tidelake/dead-letter-list-1',
    ],
    temporary: ['snapshot/.snapshot-12.0e6d.tmp', 'schema/.schema-1.0e6d.tmp'],
    kept: [
      'schema/schema-0',
      'snapshot/snapshot-1',
      'snapshot/LATEST',
      'tag/tag-a',
      'consumer/consumer-a',
      'changelog/changelog-1',
      'branch/branch-b/snapshot/snapshot-1',
      'branch/branch-b/tidelake/expiry',
      'branch/branch-b/bucket-0/what',
      'tidelake/expiry',
      'tidelake/ingested-1',
      'tidelake/inner/state-1',
      'manifest/inner/manifest-1-0',
      'schema/.hidden',
      'schema/schema-1.tmp',
      'metadata/v1.metadata.json',
      'service/service-1',
      'README',
      'dt=1/something',
      'bucket-x/something',
    ],
  };
  for (const [place, paths] of Object.entries(places)) {
    for (const path of paths) expect([path, placeOf(path)]).toEqual([path, place]);
  }
});

test('an orphan is older than the cutoff and named by nobody', () => {
  const named = new Set(['data-1', 'manifest-1']);
  expect(isOrphan({ path: 'bucket-0/data-2', lastModifiedMs: 9 }, named, 10)).toBe(true);
  expect(isOrphan({ path: 'bucket-0/data-2', lastModifiedMs: 10 }, named, 10)).toBe(false);
  expect(isOrphan({ path: 'p=1/bucket-0/data-1', lastModifiedMs: 9 }, named, 10)).toBe(false);
  expect(isOrphan({ path: 'manifest/manifest-1', lastModifiedMs: 9 }, named, 10)).toBe(false);
  expect(isOrphan({ path: 'snapshot/snapshot-1', lastModifiedMs: 9 }, named, 10)).toBe(false);
  expect(isOrphan({ path: 'snapshot/.snapshot-1.x.tmp', lastModifiedMs: 9 }, named, 10)).toBe(true);
});

test('the cutoff is a day and ten minutes before the oldest of the heads, and there is none while a line has no head', () => {
  const dayMs = 24 * 3_600_000;
  expect(orphanCutoffMs([2 * dayMs, 3 * dayMs])).toBe(dayMs - 600_000);
  expect(orphanCutoffMs([2 * dayMs, undefined])).toBeUndefined();
  expect(orphanCutoffMs([])).toBeUndefined();
});

test('between two looks only commits above the heads may have come', () => {
  const line = (snapshots: readonly number[], others: readonly string[] = []): LineRoots => ({
    metaPath: 'd.db/t',
    snapshots: new Map(snapshots.map(id => [id, `s${id}`])),
    others,
  });
  const before = line([3, 4, 5], ['tag-a']);
  expect(rootsEqual([before], [line([3, 4, 5, 6, 7], ['tag-a'])])).toBe(true);
  expect(rootsEqual([before], [line([4, 5], ['tag-a'])])).toBe(false);
  expect(rootsEqual([before], [line([2, 3, 4, 5], ['tag-a'])])).toBe(false);
  expect(rootsEqual([before], [line([3, 4, 5], ['tag-a', 'tag-b'])])).toBe(false);
  expect(rootsEqual([before], [line([3, 4, 5], [])])).toBe(false);
  expect(rootsEqual([before], [before, line([1])])).toBe(false);
  expect(rootsEqual([before, before], [line([4, 5], ['tag-a']), before])).toBe(false);
  expect(rootsEqual([before], [{ ...before, metaPath: 'd.db/t/branch/branch-b' }])).toBe(false);
  expect(rootsEqual([line([])], [line([1, 2])])).toBe(true);
  const other = { ...before, snapshots: new Map([...before.snapshots, [4, 'another']] as const) };
  expect(rootsEqual([before], [other])).toBe(false);
});
