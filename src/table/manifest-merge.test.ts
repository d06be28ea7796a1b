import fc from 'fast-check';
import { expect, test } from 'vitest';
import { emptyRow } from '../format/binary-row.ts';
import type { ManifestEntry, ManifestFileMeta } from '../format/manifest.ts';
import { manifestFileMeta } from '../format/manifest-list.ts';
import { emptyStats } from '../format/stats.ts';
import { identifierKey, liveAmong } from './live-files.ts';
import { decideManifestMerge, mergeEntries } from './manifest-merge.ts';
import { packManifests } from './manifest-write.ts';

const settings = { targetBytes: 100, fullCompactionBytes: 300, mergeCountMin: 4 };

function meta(fileSize: number, numDeletedFiles = 0): ManifestFileMeta {
  const one = manifestFileMeta([entry('add', 'x')], { fileName: `m${fileSize}`, fileSize, partitionTypes: [] });
  return { ...one, numDeletedFiles };
}

function entry(kind: ManifestEntry['kind'], fileName: string, level = 0): ManifestEntry {
  const file = {
    fileName,
    fileSize: 1,
    rowCount: 1,
    minKey: emptyRow,
    maxKey: emptyRow,
    keyStats: emptyStats,
    valueStats: emptyStats,
    minSequenceNumber: 0n,
    maxSequenceNumber: 0n,
    schemaId: 0,
    level,
    extraFiles: [],
    creationTimeMs: 0,
    deleteRowCount: 0,
    embeddedIndex: undefined,
    fileSource: 'append' as const,
    valueStatsCols: [],
    externalPath: undefined,
    firstRowId: undefined,
    writeCols: undefined,
  };
  return { kind, partition: emptyRow, bucket: 0, totalBuckets: 1, file };
}

function sizes(groups: readonly (readonly ManifestFileMeta[])[]): number[][] {
  return groups.map(group => group.map(({ fileSize }) => fileSize));
}

function decided(metas: readonly ManifestFileMeta[]): unknown {
  const merge = decideManifestMerge(metas, settings);
  if (merge.kind === 'minor') return sizes(merge.groups);
  return merge.kind === 'none' ? 'none' : sizes([merge.rewritten, merge.suspects]);
}

test('few small manifests are left alone, many are merged', () => {
  expect(decided([10, 10, 10].map(size => meta(size)))).toBe('none');
  expect(decided([10, 10, 10, 10].map(size => meta(size)))).toEqual([[10, 10, 10, 10]]);
});

test('neighbours that reach the target are merged at once', () => {
  expect(decided([60, 60, 10].map(size => meta(size)))).toEqual([[60, 60]]);
  expect(decided([120, 10, 130, 10].map(size => meta(size)))).toEqual([[10, 130]]);
});

test('one that is larger than all after it is not rewritten for their sake', () => {
  expect(decided([50, 5, 5, 5, 5].map(size => meta(size)))).toEqual([[5, 5, 5, 5]]);
  expect(decided([50, 5, 5, 5].map(size => meta(size)))).toBe('none');
  expect(decided([15, 5, 5, 5, 5].map(size => meta(size)))).toEqual([[15, 5, 5, 5, 5]]);
});

test('a full merge takes all that are small or hold deletes, and suspects the rest only when something is deleted', () => {
  expect(decided([meta(200), meta(150, 1), meta(99), meta(60)])).toEqual([[150, 99, 60], [200]]);
  expect(decided([meta(200), meta(99), meta(99), meta(99), meta(50)])).toEqual([[99, 99, 99, 50], []]);
  expect(decided([meta(200), meta(400, 1)])).toBe('none');
});

/** A history in which names are new, deletes follow adds, and upgrades change the level. */
const history = fc
  .array(fc.tuple(fc.constantFrom('add', 'delete', 'upgrade'), fc.nat(50)), { maxLength: 60 })
  .map(steps => {
    const live: ManifestEntry[] = [];
    const entries: ManifestEntry[] = [];
    for (const [step, pick] of steps) {
      const [victim] = step === 'add' ? [] : live.splice(pick % Math.max(live.length, 1), 1);
      if (victim !== undefined) entries.push({ ...victim, kind: 'delete' });
      if (step === 'delete') continue;
      const added =
        victim === undefined
          ? entry('add', `f${entries.length}`)
          : entry('add', victim.file.fileName, victim.file.level + 1);
      live.push(added);
      entries.push(added);
    }
    return { entries, live };
  });

test('merging any neighbours of a history leaves the same files live', () => {
  fc.assert(
    fc.property(history, fc.nat(60), fc.nat(60), ({ entries, live }, from, count) => {
      const merged = [
        ...entries.slice(0, from),
        ...mergeEntries(entries.slice(from, from + count)),
        ...entries.slice(from + count),
      ];
      expect(new Set(liveAmong(merged).map(identifierKey))).toEqual(new Set(live.map(identifierKey)));
    }),
  );
});

test('a merged manifest keeps a delete whose add is elsewhere and drops a pair', () => {
  const merged = mergeEntries([entry('delete', 'a'), entry('add', 'b'), entry('delete', 'b'), entry('add', 'c')]);
  expect(merged.map(({ kind, file }) => `${kind} ${file.fileName}`)).toEqual(['delete a', 'add c']);
});

test('manifests roll when the target is reached: all but the last are full, and nothing is lost', () => {
  const entries = Array.from({ length: 3_000 }, (_, n) => entry('add', `data-${(n * 7_919) % 3_001}-${n}.parquet`));
  let count = 0;
  const nextCount = (): number => {
    count += 1;
    return count - 1;
  };
  const targetBytes = 8_000;
  const packed = packManifests(entries, { targetBytes, codec: 'zstandard', partitionTypes: [], uuid: 'u', nextCount });
  expect(packed.length).toBeGreaterThan(2);
  expect(packed.flatMap(({ entries: part }) => part)).toEqual(entries);
  for (const { meta: made, bytes } of packed) expect(made.fileSize).toBe(bytes.byteLength);
  for (const { meta: made } of packed.slice(0, -1)) expect(made.fileSize).toBeGreaterThanOrEqual(targetBytes);
  expect(new Set(packed.map(({ meta: made }) => made.fileName)).size).toBe(packed.length);
  expect(packManifests([], { targetBytes, codec: 'null', partitionTypes: [], uuid: 'u', nextCount })).toEqual([]);
});
