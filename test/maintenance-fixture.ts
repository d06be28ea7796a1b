/**
 * A table for tests of maintenance: commits of a few objects whose bytes do not matter, with a clock that is the store's
 * clock. Whether anything is missing is found out by a walk of its own, not by the code under test.
 */
import { seededRandom } from '../src/base/random.ts';
import { deserializeRow } from '../src/format/binary-row.ts';
import { postponedBucket } from '../src/format/bucket.ts';
import { decodeIndexManifest } from '../src/format/index-manifest.ts';
import { decodeManifest, type ManifestEntry } from '../src/format/manifest.ts';
import { decodeManifestList } from '../src/format/manifest-list.ts';
import { indexPath, manifestPath, snapshotPath, statisticsPath } from '../src/format/paths.ts';
import { decodeSnapshot, type Snapshot } from '../src/format/snapshot.ts';
import { MemoryObjectStore } from '../src/storage/memory/memory-object-store.ts';
import type { ListedObject, ObjectStore } from '../src/storage/object-store.ts';
import { Committer } from '../src/table/commit/commit.ts';
import type { CommitOutcome, CommitPlan } from '../src/table/commit/request.ts';
import { commitPlan } from '../src/table/commit/request.ts';
import { liveAmong } from '../src/table/live-files.ts';
import { openTable, type Table } from '../src/table/table.ts';
import { type FixtureSettings, fixtureTable, ManualClock, numberedAppend, plannedFile } from './table-fixture.ts';

export const hourMs = 3_600_000;
export const tablePath = 'd.db/t';

export type World = {
  readonly clock: ManualClock;
  readonly store: MemoryObjectStore;
  readonly table: Table;
  readonly committer: Committer;
};

/** Retention so short that only the rules of DESIGN hold anything back. */
export const shortRetention: Readonly<Record<string, string>> = {
  'snapshot.num-retained.min': '1',
  'snapshot.time-retained': '1 ms',
};

export async function newWorld(settings: FixtureSettings = {}, seed = 1): Promise<World> {
  const clock = new ManualClock();
  const store = new MemoryObjectStore('memory:maintenance', clock);
  const parts = { clock, random: seededRandom(seed) };
  const table = await fixtureTable(store, parts, { ...settings, options: { ...shortRetention, ...settings.options } });
  return { clock, store, table, committer: new Committer(table) };
}

/** The same objects with the same ages in another store, opened anew: a process that begins. */
export async function copyOf(world: World, seed = 2): Promise<World> {
  const clock = new ManualClock();
  const store = new MemoryObjectStore('memory:copy', clock);
  await replayObjects(world.store, store, { clock, untilMs: world.clock.nowMs() });
  return { clock, store, ...(await opened(store, clock, seed)) };
}

export type TimedAction = { readonly atMs: number; readonly run: () => Promise<void> };

/** Puts the objects of a store into another with the ages they have, and does what else was done at its time. */
export async function replayObjects(
  from: ObjectStore,
  to: ObjectStore,
  options: { readonly clock: ManualClock; readonly untilMs: number; readonly alongside?: readonly TimedAction[] },
): Promise<void> {
  const { clock, untilMs, alongside = [] } = options;
  const puts = (await allObjects(from)).map(({ key, lastModifiedMs }) => ({
    atMs: lastModifiedMs,
    run: async () => void (await to.put(key, (await from.get(key))?.bytes ?? new Uint8Array())),
  }));
  for (const { atMs, run } of [...puts, ...alongside].toSorted((a, b) => a.atMs - b.atMs)) {
    clock.advance(atMs - clock.nowMs());
    await run();
  }
  clock.advance(untilMs - clock.nowMs());
}

/** The table as another process sees it, through any store. */
export async function opened(
  store: ObjectStore,
  clock: ManualClock,
  seed = 3,
  branch?: string,
): Promise<Pick<World, 'table' | 'committer'>> {
  const table = await openTable(store, { database: 'd', name: 't', branch }, { clock, random: seededRandom(seed) });
  return { table, committer: new Committer(table) };
}

type Draft = { readonly partition?: string; readonly bucket?: number };

/** Uploads a file and commits it at level 0. */
export async function append(
  { table, committer }: Pick<World, 'table' | 'committer'>,
  name: string,
  draft: Draft = {},
): Promise<Snapshot> {
  const { storeTimeMs } = await table.store.put(dataKey(table, name, draft), new Uint8Array(3));
  const file = { name, ...draft, uploadBeganMs: storeTimeMs };
  return committed(await committer.commit(numberedAppend(table, file)));
}

/** a, b, compacted into c, then d, e, an hour and a half apart. */
export async function fiveSnapshots(world: World): Promise<void> {
  const steps = [
    () => append(world, 'a'),
    () => append(world, 'b'),
    () => compact(world, 'c'),
    () => append(world, 'd'),
    () => append(world, 'e'),
  ];
  for (const step of steps) {
    await step();
    world.clock.advance(1.5 * hourMs);
  }
}

/** Replaces what lives in a bucket by one new file of the last level. */
export async function compact(
  { table, committer }: Pick<World, 'table' | 'committer'>,
  name: string,
  draft: Draft = {},
): Promise<Snapshot> {
  const { storeTimeMs } = await table.store.put(dataKey(table, name, draft), new Uint8Array(3));
  const made = plannedFile(table, { name, level: 5, ...draft, uploadBeganMs: storeTimeMs });
  const outcome = await committer.commit({
    commitUser: 'compactor',
    commitIdentifier: 1n,
    plan: async base =>
      commitPlan({
        kind: 'COMPACT',
        schemaId: table.schema.id,
        deletes: await base.liveFiles(made),
        adds: [made],
      }),
  });
  return committed(outcome);
}

export async function commitPlanned(
  { table, committer }: Pick<World, 'table' | 'committer'>,
  draft: Partial<CommitPlan>,
): Promise<Snapshot> {
  const plan = commitPlan({ kind: 'APPEND', schemaId: table.schema.id, ...draft });
  return committed(await committer.commit({ commitUser: 'test', commitIdentifier: 1n, plan: async () => plan }));
}

function committed(outcome: CommitOutcome): Snapshot {
  if (outcome.status !== 'committed') throw new Error(`not committed: ${JSON.stringify(outcome)}`);
  return outcome.snapshot;
}

export function dataKey(
  table: Pick<Table, 'path'>,
  name: string,
  draft: Draft & { readonly partitionKey?: string } = {},
): string {
  const partition = draft.partition === undefined ? '' : `${draft.partitionKey ?? 'p'}=${draft.partition}/`;
  const bucket = draft.bucket === postponedBucket ? 'postpone' : (draft.bucket ?? 0);
  return `${table.path}/${partition}bucket-${bucket}/${name}`;
}

/** As Paimon does it: the tag file is the snapshot's. */
export async function tag(store: ObjectStore, name: string, id: number): Promise<void> {
  const snapshot = await store.get(`${tablePath}/${snapshotPath(id)}`);
  if (snapshot === undefined) throw new Error(`there is no snapshot ${id}`);
  await store.put(`${tablePath}/tag/tag-${name}`, snapshot.bytes);
}

/** A branch from a snapshot: its schema and the snapshot. */
export async function branch(store: ObjectStore, name: string, id: number): Promise<void> {
  const folder = `${tablePath}/branch/branch-${name}`;
  for (const path of ['schema/schema-0', snapshotPath(id)]) {
    const object = await store.get(`${tablePath}/${path}`);
    if (object === undefined) throw new Error(`there is no ${path}`);
    await store.put(`${folder}/${path}`, object.bytes);
  }
}

export async function allObjects(store: ObjectStore, prefix = ''): Promise<readonly ListedObject[]> {
  const objects: ListedObject[] = [];
  for await (const page of store.list(prefix)) objects.push(...page.objects);
  return objects;
}

/** Paths below the table's folder. */
export async function paths(store: ObjectStore, folder: string): Promise<readonly string[]> {
  const objects = await allObjects(store, `${tablePath}/${folder}`);
  return objects.map(({ key }) => key.slice(tablePath.length + 1));
}

/** Ids of the main line's snapshot files. */
export async function snapshotIds(store: ObjectStore): Promise<readonly number[]> {
  const found = await paths(store, 'snapshot/snapshot-');
  return found.map(path => Number(path.slice('snapshot/snapshot-'.length))).toSorted((a, b) => a - b);
}

export type Rooted = { readonly key: string; readonly snapshot: Snapshot };

/** Every snapshot file and tag, of all branches. */
export async function roots(store: ObjectStore, path: string = tablePath): Promise<readonly Rooted[]> {
  const found: Rooted[] = [];
  for (const { key } of await allObjects(store, `${path}/`)) {
    if (!/\/(snapshot\/snapshot-\d+|tag\/tag-[^/]+)$/.test(key)) continue;
    const object = await store.get(key);
    if (object !== undefined) found.push({ key, snapshot: decodeSnapshot(object.bytes, key) });
  }
  return found;
}

/** Keys of all that a reader of that root needs, whether or not they are there. */
export async function neededUnder(store: ObjectStore, table: Table, { key, snapshot }: Rooted): Promise<Set<string>> {
  const needed = new Set<string>();
  const entries: ManifestEntry[] = [];
  const lists = [snapshot.baseManifestList, snapshot.deltaManifestList];
  if (snapshot.changelogManifestList !== undefined && !key.includes('/tag/'))
    lists.push(snapshot.changelogManifestList);
  const bytesOf = async (path: string): Promise<Uint8Array | undefined> => {
    needed.add(`${table.path}/${path}`);
    return (await store.get(`${table.path}/${path}`))?.bytes;
  };
  for (const list of lists) {
    const bytes = await bytesOf(manifestPath(list));
    for (const meta of bytes === undefined ? [] : decodeManifestList(bytes, list)) {
      const manifest = await bytesOf(manifestPath(meta.fileName));
      if (manifest !== undefined) entries.push(...decodeManifest(manifest, meta.fileName));
    }
  }
  const partitionField = table.schema.fields.find(({ name }) => table.schema.partitionKeys.includes(name));
  for (const { partition, bucket, file } of liveAmong(entries)) {
    const [value] = partitionField === undefined ? [] : deserializeRow(partition, [partitionField.type]);
    const draft = {
      bucket,
      ...(partitionField === undefined
        ? {}
        : { partition: String(value ?? '__DEFAULT_PARTITION__'), partitionKey: partitionField.name }),
    };
    for (const name of [file.fileName, ...file.extraFiles]) needed.add(dataKey(table, name, draft));
  }
  if (snapshot.indexManifest !== undefined) {
    const bytes = await bytesOf(manifestPath(snapshot.indexManifest));
    const indexes = bytes === undefined ? [] : decodeIndexManifest(bytes, snapshot.indexManifest);
    for (const { fileName } of indexes) needed.add(`${table.path}/${indexPath(fileName)}`);
  }
  if (snapshot.statistics !== undefined) needed.add(`${table.path}/${statisticsPath(snapshot.statistics)}`);
  const state = snapshot.properties['tidelake.ingest-object'];
  if (state !== undefined) await bytesOf(`tidelake/${state}`);
  const origins = snapshot.properties['tidelake.origins-object'];
  if (origins !== undefined) needed.add(`${table.path}/tidelake/${origins}`);
  return needed;
}

/** What a reader of that root would miss. */
export async function missingUnder(store: ObjectStore, table: Table, root: Rooted): Promise<readonly string[]> {
  const missing: string[] = [];
  for (const key of await neededUnder(store, table, root)) {
    if ((await store.head(key)) === undefined) missing.push(`${root.key} -> ${key}`);
  }
  return missing;
}

/** Everything that any root needs and that is not there. */
export async function missingFiles(store: ObjectStore, table: Table): Promise<readonly string[]> {
  const missing: string[] = [];
  for (const root of await roots(store, table.path)) missing.push(...(await missingUnder(store, table, root)));
  return missing;
}

/** Data, manifests, indexes, statistics and states that no root needs. */
export async function litterIn(store: ObjectStore, table: Table): Promise<readonly string[]> {
  const needed = new Set<string>();
  for (const root of await roots(store, table.path))
    for (const key of await neededUnder(store, table, root)) needed.add(key);
  const objects = await allObjects(store, `${table.path}/`);
  return objects
    .map(({ key }) => key)
    .filter(
      key => /\/(bucket-(\d+|postpone)|manifest|index|statistics)\/|\/(state|origins)-/.test(key) && !needed.has(key),
    );
}
