import { expect, test } from 'vitest';
import type { DataFileMeta } from '../../format/data-file.ts';
import { emptyStats } from '../../format/stats.ts';
import { bucketKey, identifierKey, type PlacedFile, partitionKey } from '../live-files.ts';
import { type BucketFacts, decideGuards, type GuardFacts, type GuardVerdict, needsLiveFiles } from './decide-guards.ts';
import { uploadAgeMsMax } from './limits.ts';
import { type CommitPlan, commitPlan, type PlannedFile } from './request.ts';

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
    hasIndex: false,
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

test('S2 f: deletion vectors speak of files that live after the commit', () => {
  const live = placed('live', { level: 1 });
  const index = { name: 'index-1', uploadBeganMs: baseStoreTimeMs, files: [live] };
  const bucket = { live: [live] };
  expect(ruleOf(decideGuards(plan({ kind: 'OVERWRITE', index }), facts({ bucket, hasIndex: true })))).toBe('pass');
  expect(ruleOf(decideGuards(plan({ kind: 'OVERWRITE', index }), facts({ bucket: { live: [] } })))).toBe(
    'conflict S2f',
  );
  const removing = plan({ kind: 'OVERWRITE', index, deletes: [live] });
  expect(ruleOf(decideGuards(removing, facts({ bucket })))).toBe('conflict S2f');
});

test('S2 f: a plan that deletes says what becomes of the index manifest', () => {
  const live = placed('live', { level: 1 });
  const compact = plan({ kind: 'COMPACT', deletes: [live] });
  expect(ruleOf(decideGuards(compact, facts({ bucket: { live: [live] }, hasIndex: true })))).toBe('conflict S2f');
  expect(ruleOf(decideGuards(plan({ adds: [planned('a')] }), facts({ hasIndex: true })))).toBe('pass');
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
  const index = { name: 'index-1', uploadBeganMs: 0, files: [] };
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
  const index = { name: 'index-1', uploadBeganMs: 0, files: [placed('a')] };
  expect([...needsLiveFiles(plan({ kind: 'OVERWRITE', index }))]).toEqual([key]);
});
