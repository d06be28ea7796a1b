/** What a base says of the buckets that a plan touches. */
import { expect, test } from 'vitest';
import {
  type FixtureSettings,
  fileNames,
  fixedRequest,
  fixtureSchema,
  fixtureTable,
  ManualClock,
  numberedAppend,
  plannedFile,
  putSchema,
} from '../../../test/table-fixture.ts';
import { seededRandom } from '../../base/random.ts';
import { countingObjectStore } from '../../storage/counting-object-store.ts';
import { MemoryObjectStore } from '../../storage/memory/memory-object-store.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { bucketKey, identifierKey, type PlacedFile, partitionKey } from '../live-files.ts';
import { packManifests } from '../manifest-write.ts';
import { manifestCaches } from '../manifests.ts';
import { openTable, reopenTable, type Table } from '../table.ts';
import { TableBase } from './base.ts';
import { commit } from './commit.ts';
import type { GuardFacts } from './decide-guards.ts';
import { lookUpBase } from './look-up.ts';
import { type CommitPlan, commitPlan } from './request.ts';

const clock = new ManualClock();
const parts = { clock, random: seededRandom(1) };

async function newTable(
  settings: FixtureSettings = {},
): Promise<{ readonly table: Table; readonly store: ObjectStore }> {
  const store = new MemoryObjectStore('memory:base', clock);
  return { store, table: await fixtureTable(store, parts, settings) };
}

async function baseOf(table: Table): Promise<TableBase> {
  const found = await lookUpBase(table, undefined);
  if (found.kind !== 'base') throw new Error(`no base: ${found.reason}`);
  return found.base;
}

async function factsOf(table: Table, draft: Partial<CommitPlan>): Promise<GuardFacts> {
  return (await baseOf(table)).factsFor(commitPlan({ kind: 'APPEND', schemaId: table.schema.id, ...draft }));
}

async function commits(table: Table, draft: Partial<CommitPlan>): Promise<void> {
  const outcome = await commit(table, fixedRequest(table, draft));
  if (outcome.status !== 'committed') throw new Error(`not committed: ${JSON.stringify(outcome)}`);
}

function bucketOf(facts: GuardFacts, place: PlacedFile) {
  const found = facts.buckets.get(bucketKey(place));
  if (found === undefined) throw new Error('there are no facts of the bucket');
  return found;
}

test('of an empty table there is nothing to say', async () => {
  const { table } = await newTable();
  const base = await baseOf(table);
  expect(base.id).toBe(0);
  const file = plannedFile(table, { name: 'a' });
  expect(await base.sequenceFloor(file)).toBe(-1n);
  expect(await base.liveFiles(file)).toEqual([]);
  expect(await base.liveEntries()).toEqual([]);
  const facts = await factsOf(table, { adds: [file] });
  expect(facts).toMatchObject({ hasPrimaryKey: true, indexManifest: undefined, dutiesChanged: false });
  expect(bucketOf(facts, file)).toEqual({ sequenceFloor: -1n, live: undefined, repeated: new Set() });
  const overwrite = await factsOf(table, { kind: 'OVERWRITE', adds: [file] });
  expect(bucketOf(overwrite, file)).toEqual({ sequenceFloor: -1n, live: [], repeated: new Set() });
});

test('an append table has no primary key, an index manifest is seen, and what it speaks of is looked up', async () => {
  const { table } = await newTable({ primaryKey: false });
  const file = plannedFile(table, { name: 'a' });
  await commits(table, { adds: [file] });
  const index = { name: 'index-1', uploadBeganMs: clock.nowMs(), madeFrom: undefined, files: [file] };
  await commits(table, { kind: 'OVERWRITE', index });
  const facts = await factsOf(table, { kind: 'OVERWRITE', index });
  expect(facts).toMatchObject({ hasPrimaryKey: false, indexManifest: 'index-1' });
  expect(fileNames(bucketOf(facts, file).live ?? [])).toEqual(['a']);
});

test('floors are those of the bucket and the partition', async () => {
  const { table } = await newTable({ partitioned: true });
  const drafts = [
    { name: 'a', partition: 'x', bucket: 0, rows: 100 },
    { name: 'b', partition: 'x', bucket: 1, rows: 20 },
    { name: 'c', partition: 'y', bucket: 0, rows: 3 },
    { name: 'd', partition: 'x', bucket: 0, rows: 5 },
  ];
  for (const draft of drafts) await commit(table, numberedAppend(table, draft));
  const base = await baseOf(table);
  const floors = await Promise.all(drafts.map(draft => base.sequenceFloor(plannedFile(table, draft))));
  expect(floors).toEqual([104n, 19n, 2n, 104n]);
  const adds = drafts.map(draft => plannedFile(table, { ...draft, name: `${draft.name}-next` }));
  const facts = await factsOf(table, { adds });
  expect(adds.map(add => bucketOf(facts, add).sequenceFloor)).toEqual(floors);
});

test('where the live files are asked for, the floor is theirs alone, and only what the plan adds is repeated', async () => {
  const { table } = await newTable();
  const high = plannedFile(table, { name: 'high', sequence: [100, 199] });
  const low = plannedFile(table, { name: 'low', sequence: [200, 209] });
  await commits(table, { adds: [high] });
  await commits(table, { adds: [low] });
  const merged = plannedFile(table, { name: 'merged', level: 5, sequence: [100, 150] });
  await commits(table, { kind: 'COMPACT', deletes: [low, high], adds: [merged] });
  const early = plannedFile(table, { name: 'early', sequence: [10, 19] });
  const facts = await factsOf(table, { kind: 'OVERWRITE', adds: [early, low] });
  const { sequenceFloor, live, repeated } = bucketOf(facts, early);
  expect(sequenceFloor).toBe(150n);
  expect(fileNames(live ?? [])).toEqual(['merged']);
  expect([...repeated]).toEqual([identifierKey(low)]);
});

test('S2 c: bucket counts are those of the live files of the partition, whatever dead ones say', async () => {
  const { table, store } = await newTable({ partitioned: true });
  const old = plannedFile(table, { name: 'old', partition: 'x' });
  const other = plannedFile(table, { name: 'other', partition: 'y' });
  await commits(table, { adds: [old, other] });
  await putSchema(store, fixtureSchema({ partitioned: true, options: { bucket: '4' }, schemaId: 1 }));
  const wide = await reopenTable(table);
  const next = plannedFile(wide, { name: 'next', partition: 'x' });
  const countsOf = async (adds: CommitPlan['adds'], kind: CommitPlan['kind'] = 'APPEND') =>
    (await factsOf(wide, { adds, kind })).totalBuckets;
  const x = partitionKey(next.partition);
  expect(await countsOf([next])).toEqual(new Map([[x, new Set([2])]]));
  expect(await countsOf([{ ...next, totalBuckets: 2 }])).toEqual(new Map([[x, new Set([2])]]));
  // An OVERWRITE may change them, a file without fixed buckets does not ask.
  expect(await countsOf([next], 'OVERWRITE')).toEqual(new Map());
  expect(await countsOf([{ ...next, totalBuckets: -1 }])).toEqual(new Map());
  await commits(wide, { kind: 'OVERWRITE', deletes: [old], adds: [next] });
  const more = plannedFile(wide, { name: 'more', partition: 'x', sequence: [10, 19] });
  const late = plannedFile(wide, { name: 'late', partition: 'y', totalBuckets: 1, sequence: [10, 19] });
  expect(await countsOf([more, late])).toEqual(
    new Map([
      [x, new Set([4])],
      [partitionKey(late.partition), new Set([2])],
    ]),
  );
});

test('a base that was not seen before reads only manifests that may speak of the bucket or the partition', async () => {
  const inner = new MemoryObjectStore('memory:base', clock);
  const table = await fixtureTable(inner, parts, { partitioned: true });
  for (const [name, partition, bucket] of [
    ['a', 'x', 0],
    ['b', 'x', 1],
    ['c', 'y', 0],
  ] as const) {
    await commit(table, numberedAppend(table, { name, partition, bucket }));
  }
  const store = countingObjectStore(inner);
  const manifestsRead = async (look: (base: TableBase) => Promise<unknown>): Promise<number> => {
    const base = await baseOf(await openTable(store, { database: 'd', name: 't' }, parts));
    store.reset();
    await look(base);
    return store.counts().get;
  };
  const place = plannedFile(table, { name: 'n', partition: 'x', bucket: 1 });
  expect(await manifestsRead(base => base.sequenceFloor(place))).toBe(1);
  expect(await manifestsRead(base => base.sequenceFloor({ ...place, bucket: 0 }))).toBe(1);
  expect(await manifestsRead(base => base.liveFiles(place))).toBe(1);
  expect(await manifestsRead(base => base.liveEntries())).toBe(3);
  const plan = commitPlan({ kind: 'APPEND', schemaId: 0, adds: [place] });
  expect(await manifestsRead(base => base.factsFor(plan))).toBe(2);
  // An overwrite asks for the live files of its buckets, and what lies beside them is not its concern.
  expect(await manifestsRead(base => base.factsFor({ ...plan, kind: 'OVERWRITE' }))).toBe(1);
  // What one has read, the next on the same table knows.
  expect(await manifestsRead(async base => [await base.factsFor(plan), await base.sequenceFloor(place)])).toBe(2);
});

test('files without fixed buckets have no bucket count', async () => {
  const { table } = await newTable({ primaryKey: false, options: { bucket: '-1' } });
  const draft = (name: string, totalBuckets: number, first: number) =>
    plannedFile(table, { name, totalBuckets, sequence: [first, first + 9] });
  const two = draft('two', 2, 10);
  await commits(table, { adds: [draft('unfixed', -1, 0)] });
  await commits(table, { adds: [two] });
  await commits(table, { kind: 'OVERWRITE', deletes: [two], adds: [draft('one', 1, 20)] });
  const one = draft('one-more', 1, 30);
  expect((await factsOf(table, { adds: [one] })).totalBuckets).toEqual(
    new Map([[partitionKey(one.partition), new Set([1])]]),
  );
});

test('bucket counts that one manifest mixes are all told', async () => {
  const { table, store } = await newTable();
  const [two, four] = [2, 4].map(totalBuckets => plannedFile(table, { name: `of-${totalBuckets}`, totalBuckets }));
  if (two === undefined || four === undefined) throw new Error('two are planned');
  const entries = [two, four].map(({ partition, bucket, totalBuckets, file }) => {
    return { kind: 'add' as const, partition, bucket, totalBuckets, file };
  });
  const settings = { targetBytes: 1e9, codec: 'null', partitionTypes: [], uuid: 'mixed', nextCount: () => 0 } as const;
  const [mixed] = packManifests(entries, settings);
  if (mixed === undefined) throw new Error('a manifest is made');
  await store.put(`d.db/t/manifest/${mixed.meta.fileName}`, mixed.bytes);
  const base = new TableBase(table, { ...(await baseOf(table)), manifests: [mixed.meta] });
  const { totalBuckets } = await base.factsFor(commitPlan({ kind: 'APPEND', schemaId: 0, adds: [four] }));
  expect(totalBuckets).toEqual(new Map([[partitionKey(four.partition), new Set([2, 4])]]));
});

test('the floor is the largest number, in whatever order files are read', async () => {
  const { table } = await newTable();
  const low = plannedFile(table, { name: 'low', sequence: [0, 9], keys: [1, 2] });
  await commits(table, { adds: [low] });
  await commits(table, { adds: [plannedFile(table, { name: 'high', sequence: [100, 199] })] });
  const merged = plannedFile(table, { name: 'merged', sequence: [0, 9], level: 5 });
  await commits(table, { kind: 'COMPACT', deletes: [low], adds: [merged] });
  expect(await (await baseOf(table)).sequenceFloor(low)).toBe(199n);
  for (const kind of ['APPEND', 'OVERWRITE'] as const) {
    const next = plannedFile(table, { name: 'next' });
    expect([kind, bucketOf(await factsOf(table, { kind, adds: [next] }), next).sequenceFloor]).toEqual([kind, 199n]);
  }
});

test('a warm append reads nothing, though the entries of manifests are out of memory', async () => {
  const store = countingObjectStore(new MemoryObjectStore('memory:base', clock));
  const table = await fixtureTable(
    store,
    { ...parts, caches: manifestCaches({ manifestEntriesBytes: 1, layoutBytes: 1 }) },
    { partitioned: true },
  );
  for (const partition of ['x', 'y']) await commit(table, numberedAppend(table, { name: partition, partition }));
  const base = await baseOf(table);
  const next = plannedFile(table, { name: 'next', partition: 'x' });
  store.reset();
  const { buckets, totalBuckets } = await base.factsFor(commitPlan({ kind: 'APPEND', schemaId: 0, adds: [next] }));
  expect([buckets.get(bucketKey(next))?.sequenceFloor, totalBuckets]).toEqual([
    9n,
    new Map([[partitionKey(next.partition), new Set([2])]]),
  ]);
  expect(store.counts().get).toBe(0);
});

test('a plan that neither adds nor deletes reads nothing', async () => {
  const store = countingObjectStore(new MemoryObjectStore('memory:base', clock));
  const writer = await fixtureTable(store, parts);
  await commits(writer, { adds: [plannedFile(writer, { name: 'a' })] });
  const reader = await openTable(store, { database: 'd', name: 't' }, parts);
  const base = await baseOf(reader);
  // Nor where nothing says which buckets a manifest speaks of.
  const manifests = base.manifests.map(meta => ({ ...meta, minBucket: undefined, maxBucket: undefined }));
  store.reset();
  for (const some of [base, new TableBase(reader, { ...base, manifests })]) {
    await some.factsFor(commitPlan({ kind: 'APPEND', schemaId: 0 }));
  }
  expect(store.counts().get).toBe(0);
});

test('S2 g: duties are compared with those of the oldest schema that a file was written under', async () => {
  const { table, store } = await newTable();
  await commits(table, { adds: [plannedFile(table, { name: 'a' })] });
  await putSchema(store, fixtureSchema({ options: { 'merge-engine': 'first-row' }, schemaId: 1 }));
  const changed = await reopenTable(table);
  await commits(changed, {});
  const written = plannedFile(table, { name: 'b', sequence: [10, 19] });
  const moved = { ...written, uploadBeganMs: undefined };
  const dutiesOf = async (draft: Partial<CommitPlan>) => (await factsOf(changed, draft)).dutiesChanged;
  expect(await dutiesOf({ schemaId: 1, adds: [written] })).toBe(true);
  expect(await dutiesOf({ schemaId: 1, changelog: [written] })).toBe(true);
  expect(await dutiesOf({ schemaId: 0 })).toBe(true);
  expect(await dutiesOf({ schemaId: 1 })).toBe(false);
  // What only changes its level was committed before: no duty of now asks for it.
  expect(await dutiesOf({ schemaId: 1, kind: 'OVERWRITE', adds: [moved] })).toBe(false);
});
