import { expect, test } from 'vitest';
import type { DataFileMeta } from '../../format/data-file.ts';
import { emptyStats } from '../../format/stats.ts';
import { bucketKey, identifierKey, type PlacedFile, partitionKey } from '../live-files.ts';
import { type BucketFacts, decideGuards, type GuardFacts, type GuardVerdict, needsLiveFiles } from './decide-guards.ts';
import { uploadAgeMsMax } from './limits.ts';
import { type BucketRead, type CommitPlan, commitPlan, type PlannedFile, type PlannedIndex } from './request.ts';

const partition = Uint8Array.of(1, 2, 3);
const place = { partition, bucket: 0 };
const baseStoreTimeMs = 2 * uploadAgeMsMax;

function file(name: string, draft: Partial<DataFileMeta> = {}): DataFileMeta {
  return {
    fileName: name,
    fileSize: 100,
    rowCount: 10,
    minKey: Uint8Array.of(10),
    maxKey: Uint8Array.of(19),
    keyStats: emptyStats,
    valueStats: emptyStats,
    minSequenceNumber: 100n,
    maxSequenceNumber: 109n,
    schemaId: 0,
    level: 0,
    extraFiles: [],
    creationTimeMs: undefined,
    deleteRowCount: 0,
    embeddedIndex: undefined,
    fileSource: 'append',
    valueStatsCols: undefined,
    externalPath: undefined,
    firstRowId: undefined,
    writeCols: undefined,
    ...draft,
  };
}

function placed(name: string, draft: Partial<DataFileMeta> = {}): PlacedFile {
  return { ...place, totalBuckets: 4, file: file(name, draft) };
}

function planned(name: string, draft: Partial<DataFileMeta> = {}): PlannedFile {
  return { ...placed(name, draft), uploadBeganMs: baseStoreTimeMs };
}

function plan(draft: Partial<CommitPlan>): CommitPlan {
  return commitPlan({ kind: 'APPEND', schemaId: 0, ...draft });
}

type FactsDraft = Partial<Omit<GuardFacts, 'buckets'>> & { readonly bucket?: Partial<BucketFacts> };

function facts({ bucket = {}, ...draft }: FactsDraft = {}): GuardFacts {
  return {
    baseStoreTimeMs,
    hasPrimaryKey: true,
    buckets: new Map([[bucketKey(place), { sequenceFloor: 99n, live: [], repeated: new Set<string>(), ...bucket }]]),
    totalBuckets: new Map([[partitionKey(partition), new Set([4])]]),
    dutiesChanged: false,
    identity: undefined,
    indexManifest: undefined,
    vectors: new Map(),
    hashFiles: new Map(),
    compareKeys: (a, b) => (a[0] ?? 0) - (b[0] ?? 0),
    ...draft,
  };
}

function ruleOf(verdict: GuardVerdict): string {
  return verdict.kind === 'pass' ? 'pass' : `${verdict.kind} ${verdict.rule}`;
}

test('an append above the floor passes', () => {
  expect(decideGuards(plan({ adds: [planned('a')] }), facts())).toEqual({ kind: 'pass' });
});

test('S2 a: what is deleted must be live with the identical identifier', () => {
  const old = placed('old', { level: 1 });
  const compact = plan({ kind: 'COMPACT', deletes: [old], adds: [planned('new', { level: 5 })] });
  expect(ruleOf(decideGuards(compact, facts({ bucket: { live: [old] } })))).toBe('pass');
  expect(ruleOf(decideGuards(compact, facts({ bucket: { live: [] } })))).toBe('conflict S2a');
  const upgraded = placed('old', { level: 2 });
  expect(ruleOf(decideGuards(compact, facts({ bucket: { live: [upgraded] } })))).toBe('conflict S2a');
  const indexed = placed('old', { level: 1, extraFiles: ['old.index'] });
  expect(ruleOf(decideGuards(compact, facts({ bucket: { live: [indexed] } })))).toBe('conflict S2a');
});

test('S2 a: what was added before is not added again', () => {
  const add = planned('a');
  const repeated = new Set([identifierKey(add)]);
  expect(ruleOf(decideGuards(plan({ adds: [add] }), facts({ bucket: { repeated } })))).toBe('conflict S2a');
});

test('S2 b: files of one level above 0 may not overlap, and what the plan deletes does not count', () => {
  const live = placed('live', { level: 2, minKey: Uint8Array.of(15), maxKey: Uint8Array.of(25) });
  const level0 = placed('l0');
  const add = planned('new', { level: 2 });
  const compact = plan({ kind: 'COMPACT', deletes: [level0], adds: [add] });
  expect(ruleOf(decideGuards(compact, facts({ bucket: { live: [live, level0] } })))).toBe('conflict S2b');
  const both = plan({ kind: 'COMPACT', deletes: [level0, live], adds: [add] });
  expect(ruleOf(decideGuards(both, facts({ bucket: { live: [live, level0] } })))).toBe('pass');
  const touching = placed('live', { level: 2, minKey: Uint8Array.of(19), maxKey: Uint8Array.of(25) });
  expect(ruleOf(decideGuards(compact, facts({ bucket: { live: [touching, level0] } })))).toBe('conflict S2b');
  const apart = placed('live', { level: 2, minKey: Uint8Array.of(20), maxKey: Uint8Array.of(25) });
  expect(ruleOf(decideGuards(compact, facts({ bucket: { live: [apart, level0] } })))).toBe('pass');
  const elsewhere = placed('live', { level: 3, minKey: Uint8Array.of(15), maxKey: Uint8Array.of(25) });
  expect(ruleOf(decideGuards(compact, facts({ bucket: { live: [elsewhere, level0] } })))).toBe('pass');
  for (const level of [1, 2]) {
    const adds = [planned('new', { level }), planned('other', { level })];
    const twice = plan({ kind: 'COMPACT', deletes: [level0], adds });
    expect(ruleOf(decideGuards(twice, facts({ bucket: { live: [level0] } })))).toBe('conflict S2b');
    // Without keys there are no ranges.
    expect(ruleOf(decideGuards(twice, facts({ bucket: { live: [level0] }, hasPrimaryKey: false })))).toBe('pass');
  }
});

test('S2 c: bucket counts agree within a partition, except for an overwrite', () => {
  const totalBuckets = new Map([[partitionKey(partition), new Set([8])]]);
  expect(ruleOf(decideGuards(plan({ adds: [planned('a')] }), facts({ totalBuckets })))).toBe('conflict S2c');
  const overwrite = plan({ kind: 'OVERWRITE', adds: [planned('a')] });
  expect(ruleOf(decideGuards(overwrite, facts({ totalBuckets })))).toBe('pass');
  for (const none of [-2, -1, 0]) {
    const unaware = { ...planned('a'), totalBuckets: none };
    expect(ruleOf(decideGuards(plan({ adds: [unaware] }), facts({ totalBuckets, hasPrimaryKey: false })))).toBe('pass');
  }
  const single = { ...planned('a'), totalBuckets: 1 };
  expect(ruleOf(decideGuards(plan({ adds: [single] }), facts({ totalBuckets })))).toBe('conflict S2c');
  expect(ruleOf(decideGuards(plan({ adds: [planned('a')] }), facts({ totalBuckets: new Map() })))).toBe('pass');
});

const indexManifest = 'index-manifest-1';

/** Of the one bucket: the identity of each file's vector. */
function vectors(...names: readonly string[]): GuardFacts['vectors'] {
  return new Map([[bucketKey(place), new Map(names.map(name => [name, `${name}-vector`]))]]);
}

function indexOf(...files: readonly PlacedFile[]): PlannedIndex {
  return { name: 'index-manifest-2', uploadBeganMs: baseStoreTimeMs, madeFrom: indexManifest, files };
}

function readOf(read: Readonly<Record<string, string | undefined>>, above0?: readonly PlacedFile[]): BucketRead {
  return { ...place, vectors: new Map(Object.entries(read)), above0: above0 && new Set(above0.map(identifierKey)) };
}

test('S2 f: deletion vectors speak of files that live after the commit', () => {
  const live = placed('live', { level: 1 });
  const index = indexOf(live);
  const bucket = { live: [live] };
  const verdict = (draft: Partial<CommitPlan>, draftFacts: FactsDraft): string =>
    ruleOf(decideGuards(plan({ kind: 'OVERWRITE', ...draft }), facts({ indexManifest, ...draftFacts })));
  expect(verdict({ index }, { bucket })).toBe('pass');
  expect(verdict({ index }, { bucket: { live: [] } })).toBe('conflict S2f');
  expect(verdict({ index, deletes: [live] }, { bucket })).toBe('conflict S2f');
  expect(verdict({ index: indexOf(), deletes: [live] }, { bucket, vectors: vectors('live') })).toBe('pass');
});

test('S2 f: a plan that deletes files with vectors says what becomes of the index manifest', () => {
  const live = placed('live', { level: 1 });
  const bucket = { live: [live] };
  const compact = plan({ kind: 'COMPACT', deletes: [live] });
  expect(ruleOf(decideGuards(compact, facts({ bucket, indexManifest, vectors: vectors('live') })))).toBe(
    'conflict S2f',
  );
  // An index manifest with other indexes only, or vectors of other files.
  expect(ruleOf(decideGuards(compact, facts({ bucket, indexManifest })))).toBe('pass');
  const other = placed('other', { level: 2 });
  const both = facts({ bucket: { live: [live, other] }, indexManifest, vectors: vectors('other') });
  expect(ruleOf(decideGuards(compact, both))).toBe('pass');
  expect(ruleOf(decideGuards(plan({ adds: [planned('a')] }), facts({ indexManifest })))).toBe('pass');
  // A file that only rises keeps its name, and its vector.
  const risen = { ...placed('live', { level: 5 }), uploadBeganMs: undefined };
  const upgrade = plan({ kind: 'COMPACT', deletes: [live], adds: [risen] });
  expect(ruleOf(decideGuards(upgrade, facts({ bucket, indexManifest, vectors: vectors('live') })))).toBe('pass');
});

test('S2 f: no vector is left out of a new index manifest while its file lives', () => {
  const [live, going] = [placed('live', { level: 5 }), placed('going', { level: 1 })];
  const at = facts({ bucket: { live: [live, going] }, indexManifest, vectors: vectors('live', 'going') });
  expect(ruleOf(decideGuards(plan({ kind: 'COMPACT', deletes: [going], index: indexOf() }), at))).toBe('conflict S2f');
  expect(ruleOf(decideGuards(plan({ kind: 'COMPACT', deletes: [going], index: indexOf(live) }), at))).toBe('pass');
});

test('S2 i: a new index manifest is made of the one that the base has', () => {
  const index = indexOf();
  expect(ruleOf(decideGuards(plan({ index }), facts({ indexManifest })))).toBe('pass');
  expect(ruleOf(decideGuards(plan({ index }), facts({ indexManifest: 'index-manifest-3' })))).toBe('conflict S2i');
  expect(ruleOf(decideGuards(plan({ index }), facts()))).toBe('conflict S2i');
});

test('S2 i: files were read with the vectors that they have at the base', () => {
  const live = placed('live', { level: 1 });
  const bucket = { live: [live] };
  const at = facts({ bucket, indexManifest, vectors: vectors('live') });
  const compact = (read: Readonly<Record<string, string | undefined>>): CommitPlan =>
    plan({ kind: 'COMPACT', deletes: [live], index: indexOf(), bucketReads: [readOf(read)] });
  expect(ruleOf(decideGuards(compact({ live: 'live-vector' }), at))).toBe('pass');
  expect(ruleOf(decideGuards(compact({ live: 'an older vector' }), at))).toBe('conflict S2i');
  expect(ruleOf(decideGuards(compact({ live: undefined }), at))).toBe('conflict S2i');
  expect(ruleOf(decideGuards(compact({ live: 'live-vector' }), facts({ bucket, indexManifest })))).toBe('conflict S2i');
});

test('S2 i: rows were given buckets by the hash index that the base has', () => {
  const draft = (...files: readonly (readonly [number, string])[]): CommitPlan =>
    plan({ adds: [planned('a')], hashReads: [{ partition, files: new Map(files) }] });
  const at = facts({ hashFiles: new Map([[partitionKey(partition), new Map([[0, 'index-1']])]]) });
  expect(ruleOf(decideGuards(draft([0, 'index-1']), at))).toBe('pass');
  for (const stale of [draft(), draft([0, 'index-0']), draft([0, 'index-1'], [1, 'index-2'])]) {
    expect(ruleOf(decideGuards(stale, at))).toBe('conflict S2i');
  }
  expect(ruleOf(decideGuards(draft(), facts()))).toBe('pass');
  expect(ruleOf(decideGuards(draft([0, 'index-1']), facts()))).toBe('conflict S2i');
});

test('S2 i: keys were looked up in the base itself', () => {
  const draft = (identity: string | undefined): CommitPlan => plan({ adds: [planned('a')], keysAt: { identity } });
  expect(ruleOf(decideGuards(draft('list-1'), facts({ identity: 'list-1' })))).toBe('pass');
  expect(ruleOf(decideGuards(draft(undefined), facts()))).toBe('pass');
  for (const identity of ['list-2', undefined]) {
    expect(ruleOf(decideGuards(draft('list-1'), facts({ identity })))).toBe('conflict S2i');
  }
  expect(ruleOf(decideGuards(draft(undefined), facts({ identity: 'list-1' })))).toBe('conflict S2i');
});

test('S2 i: nothing has come above level 0 where rows were looked up; level 0 may grow', () => {
  const [known, going] = [placed('known', { level: 5 }), placed('going')];
  const compact = plan({ kind: 'COMPACT', deletes: [going], bucketReads: [readOf({}, [known])] });
  const verdict = (...live: readonly PlacedFile[]): string =>
    ruleOf(decideGuards(compact, facts({ bucket: { live } })));
  expect(verdict(known, going)).toBe('pass');
  expect(verdict(known, going, placed('appended'))).toBe('pass');
  expect(verdict(known, going, placed('risen', { level: 4 }))).toBe('conflict S2i');
  // The same file at another level is not what was seen.
  expect(verdict(placed('known', { level: 4 }), going)).toBe('conflict S2i');
  expect(needsLiveFiles(plan({ bucketReads: [readOf({}, [known])] }))).toEqual(new Set([bucketKey(place)]));
});

test('S2 g: a writer under a schema of other duties writes again', () => {
  const verdict = decideGuards(plan({ adds: [planned('a')] }), facts({ dutiesChanged: true }));
  expect(verdict).toMatchObject({ kind: 'again', rule: 'S2g', again: { reason: 'schema' } });
});

test('S2 h, S7: an upload as old as U is written again, one a millisecond younger is not', () => {
  const old = { ...planned('old'), uploadBeganMs: baseStoreTimeMs - uploadAgeMsMax };
  const young = { ...planned('young', { minSequenceNumber: 110n, maxSequenceNumber: 110n }) };
  const verdict = decideGuards(plan({ adds: [old, young] }), facts());
  expect(verdict).toMatchObject({ kind: 'again', rule: 'S7', again: { reason: 'upload-age', files: [old] } });
  const justYoung = { ...planned('a'), uploadBeganMs: baseStoreTimeMs - uploadAgeMsMax + 1 };
  expect(ruleOf(decideGuards(plan({ adds: [justYoung] }), facts()))).toBe('pass');
  expect(ruleOf(decideGuards(plan({ changelog: [old] }), facts()))).toBe('again S7');
  const uploads = [{ name: 'tidelake/state-1', uploadBeganMs: 0 }];
  expect(ruleOf(decideGuards(plan({ uploads }), facts()))).toBe('again S7');
  const index = { name: 'index-1', uploadBeganMs: 0, madeFrom: undefined, files: [] };
  expect(ruleOf(decideGuards(plan({ kind: 'OVERWRITE', index }), facts()))).toBe('again S7');
  expect(ruleOf(decideGuards(plan({ adds: [old], uploads }), facts()))).toBe('again S7');
  const log = { ...planned('log'), uploadBeganMs: 0 };
  const all = plan({ kind: 'OVERWRITE', adds: [planned('young'), old], changelog: [log], uploads, index });
  expect(decideGuards(all, facts())).toMatchObject({
    again: { files: [old, log], detail: expect.stringMatching(/: old, log, tidelake\/state-1, index-1$/) },
  });
});

test('S7: a live file that only changes its level needs no upload time, any other does', () => {
  const old = placed('same', { level: 0 });
  const upgraded = { ...placed('same', { level: 5 }), uploadBeganMs: undefined };
  const compact = plan({ kind: 'COMPACT', deletes: [old], adds: [upgraded] });
  expect(ruleOf(decideGuards(compact, facts({ bucket: { live: [old] } })))).toBe('pass');
  const unknown = plan({ adds: [{ ...planned('a'), uploadBeganMs: undefined }] });
  expect(() => decideGuards(unknown, facts())).toThrow('uploaded');
});

test('S6: a level-0 file is above the floor of its bucket', () => {
  const add = planned('a', { minSequenceNumber: 99n });
  const verdict = decideGuards(plan({ adds: [add] }), facts());
  expect(verdict).toMatchObject({ kind: 'again', rule: 'S6', again: { reason: 'sequence-floor', files: [add] } });
  expect(ruleOf(decideGuards(plan({ adds: [planned('a')] }), facts({ bucket: { sequenceFloor: 100n } })))).toBe(
    'again S6',
  );
});

test('S6: a level-0 file is above those before it in the same commit', () => {
  const next = planned('b', { minSequenceNumber: 110n, maxSequenceNumber: 119n });
  expect(ruleOf(decideGuards(plan({ adds: [planned('a'), next] }), facts()))).toBe('pass');
  expect(ruleOf(decideGuards(plan({ adds: [next, planned('a')] }), facts()))).toBe('again S6');
  const tie = planned('b', { minSequenceNumber: 109n, maxSequenceNumber: 119n });
  expect(ruleOf(decideGuards(plan({ adds: [planned('a'), tie] }), facts()))).toBe('again S6');
  // One that is too low does not bring the floor down for the next.
  const low = planned('low', { minSequenceNumber: 90n, maxSequenceNumber: 95n });
  const between = planned('between', { minSequenceNumber: 96n, maxSequenceNumber: 97n });
  expect(decideGuards(plan({ adds: [planned('a'), low, between] }), facts())).toMatchObject({
    again: { reason: 'sequence-floor', files: [low, between] },
  });
});

test('S6: an overwrite must be above what stays, not above what it deletes', () => {
  const goes = placed('goes', { maxSequenceNumber: 1_000n });
  const overwrite = plan({ kind: 'OVERWRITE', deletes: [goes], adds: [planned('a')] });
  expect(ruleOf(decideGuards(overwrite, facts({ bucket: { live: [goes], sequenceFloor: 1_000n } })))).toBe('pass');
  const stays = placed('stays', { maxSequenceNumber: 500n });
  expect(ruleOf(decideGuards(overwrite, facts({ bucket: { live: [goes, stays] } })))).toBe('again S6');
  const older = placed('older', { maxSequenceNumber: 50n });
  expect(ruleOf(decideGuards(overwrite, facts({ bucket: { live: [goes, stays, older] } })))).toBe('again S6');
  // Above level 0 a file's numbers are those of the files it was merged from.
  const merged = planned('merged', { level: 1, minKey: Uint8Array.of(50), maxKey: Uint8Array.of(59) });
  const compacted = plan({ kind: 'OVERWRITE', adds: [merged] });
  expect(ruleOf(decideGuards(compacted, facts({ bucket: { live: [stays] } })))).toBe('pass');
});

test('S6: append tables have an order with fixed buckets only', () => {
  const low = planned('a', { minSequenceNumber: 0n, maxSequenceNumber: 9n });
  const table = facts({ hasPrimaryKey: false });
  expect(ruleOf(decideGuards(plan({ adds: [low] }), table))).toBe('again S6');
  const single = facts({ hasPrimaryKey: false, totalBuckets: new Map() });
  expect(ruleOf(decideGuards(plan({ adds: [{ ...low, totalBuckets: 1 }] }), single))).toBe('again S6');
  for (const none of [-1, 0]) {
    expect(ruleOf(decideGuards(plan({ adds: [{ ...low, totalBuckets: none }] }), table))).toBe('pass');
  }
  expect(ruleOf(decideGuards(plan({ adds: [{ ...low, totalBuckets: -1 }] }), facts()))).toBe('again S6');
});

test('S3: an append neither deletes nor adds above level 0, a compaction of keys adds nothing at level 0', () => {
  const live = facts({ bucket: { live: [placed('a')] } });
  expect(() => decideGuards(plan({ deletes: [placed('a')] }), live)).toThrow('APPEND deletes nothing');
  expect(() => decideGuards(plan({ adds: [planned('b', { level: 1 })] }), live)).toThrow('at level 1');
  const compact = plan({ kind: 'COMPACT', deletes: [placed('a')], adds: [planned('b')] });
  expect(() => decideGuards(compact, live)).toThrow('at level 0');
  expect(ruleOf(decideGuards(compact, { ...live, hasPrimaryKey: false }))).toBe('pass');
  expect(() => decideGuards(plan({ kind: 'ANALYZE', adds: [planned('b')] }), live)).toThrow('ANALYZE');
  expect(ruleOf(decideGuards(plan({ kind: 'ANALYZE' }), live))).toBe('pass');
  expect(() => decideGuards(plan({ kind: 'OVERWRITE', emptied: true, adds: [planned('b')] }), live)).toThrow('emptied');
});

test('a plan that adds or deletes a file twice is a bug', () => {
  expect(() => decideGuards(plan({ adds: [planned('a'), planned('a')] }), facts())).toThrow('twice');
  const overwrite = plan({ kind: 'OVERWRITE', deletes: [placed('a'), placed('a')] });
  expect(() => decideGuards(overwrite, facts({ bucket: { live: [placed('a')] } }))).toThrow('twice');
  const mixed = plan({ adds: [planned('a'), { ...planned('b', { minSequenceNumber: 110n }), totalBuckets: 8 }] });
  expect(() => decideGuards(mixed, facts())).toThrow('8 buckets');
});

test('live files are asked for where something goes, comes above level 0, or is overwritten', () => {
  const key = bucketKey(place);
  expect([...needsLiveFiles(plan({ adds: [planned('a')] }))]).toEqual([]);
  expect([...needsLiveFiles(plan({ kind: 'COMPACT', deletes: [placed('a')] }))]).toEqual([key]);
  expect([...needsLiveFiles(plan({ kind: 'COMPACT', adds: [planned('a', { level: 1 })] }))]).toEqual([key]);
  expect([...needsLiveFiles(plan({ kind: 'OVERWRITE', adds: [planned('a')] }))]).toEqual([key]);
  const index = { name: 'index-1', uploadBeganMs: 0, madeFrom: undefined, files: [placed('a')] };
  expect([...needsLiveFiles(plan({ kind: 'OVERWRITE', index }))]).toEqual([key]);
});
