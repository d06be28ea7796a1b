/** What one root names, looked at by itself. */
import { expect, test } from 'vitest';
import {
  append,
  compact,
  fiveSnapshots,
  newWorld,
  opened,
  tablePath,
  type World,
} from '../../test/maintenance-fixture.ts';
import { emptyRow } from '../format/binary-row.ts';
import { encodeIndexManifest, type IndexEntry } from '../format/index-manifest.ts';
import type { Snapshot } from '../format/snapshot.ts';
import { countingObjectStore } from '../storage/counting-object-store.ts';
import { manifestsOf } from '../table/manifests.ts';
import { snapshotById } from '../table/snapshots.ts';
import { manifestsInParallelMax } from './limits.ts';
import { addedNames, addNamedFiles, eachManifest, liveNames, noFiles } from './references.ts';

/** A snapshot with these properties. */
async function carrying(world: World, properties: Readonly<Record<string, string>>): Promise<Snapshot> {
  return { ...(await append(world, 'a')), properties };
}

async function putObject({ store }: World, name: string, text: string): Promise<void> {
  await store.put(`${tablePath}/tidelake/${name}`, Buffer.from(text));
}

const stateText = '{"dead":"dead-letter-list-1"}';
const listText = '[{"name":"dead-letters-1"},{"name":"dead-letters-2"}]';

test('a state, its dead-letter list and the files in that are named, with the bytes of what was read', async () => {
  const world = await newWorld();
  const snapshot = await carrying(world, { 'tidelake.ingest-object': 'state-1' });
  await putObject(world, 'state-1', stateText);
  await putObject(world, 'dead-letter-list-1', listText);
  const named = noFiles();
  await addNamedFiles(world.table, { kind: 'snapshot', snapshot }, named);
  expect([...named.objects]).toEqual([
    ['state-1', stateText.length],
    ['dead-letter-list-1', listText.length],
    ['dead-letters-1', 0],
    ['dead-letters-2', 0],
  ]);
});

test('a state in the properties goes before one that they name', async () => {
  const world = await newWorld();
  const snapshot = await carrying(world, { 'tidelake.ingest': stateText, 'tidelake.ingest-object': 'state-gone' });
  await putObject(world, 'dead-letter-list-1', '[]');
  const named = noFiles();
  await addNamedFiles(world.table, { kind: 'snapshot', snapshot }, named);
  expect([...named.objects.keys()]).toEqual(['dead-letter-list-1']);
});

test('states and lists that a root before has named are not read again', async () => {
  const world = await newWorld();
  const own = await carrying(world, { 'tidelake.ingest-object': 'state-1' });
  const inline = { ...own, properties: { 'tidelake.ingest': stateText } };
  await putObject(world, 'state-1', stateText);
  await putObject(world, 'dead-letter-list-1', listText);
  const store = countingObjectStore(world.store);
  const { table } = await opened(store, world.clock);
  const named = noFiles();
  await addNamedFiles(table, { kind: 'snapshot', snapshot: own }, named);
  store.reset();
  for (const snapshot of [own, inline]) await addNamedFiles(table, { kind: 'snapshot', snapshot }, named);
  expect(store.counts().get).toBe(0);
});

test('what is wrong with a state is said of the snapshot or of the object that holds it', async () => {
  const world = await newWorld();
  const inline = await carrying(world, { 'tidelake.ingest': 'x' });
  const own = { ...inline, properties: { 'tidelake.ingest-object': 'state-1' } };
  await putObject(world, 'state-1', 'x');
  await expect(addNamedFiles(world.table, { kind: 'snapshot', snapshot: inline }, noFiles())).rejects.toThrow(
    'snapshot 1 of d.t',
  );
  await expect(addNamedFiles(world.table, { kind: 'snapshot', snapshot: own }, noFiles())).rejects.toThrow(
    `${tablePath}/tidelake/state-1`,
  );
});

test('index files at an external path are not ours, others are named with their bytes; a manifest is read once', async () => {
  const world = await newWorld();
  const snapshot = { ...(await append(world, 'a')), indexManifest: 'index-manifest-1' };
  const entry: IndexEntry = {
    partition: emptyRow,
    bucket: 0,
    indexType: 'HASH',
    fileName: 'index-1',
    fileSize: 11,
    rowCount: 2,
    vectors: undefined,
    externalPath: undefined,
    global: undefined,
  };
  const outside = { ...entry, bucket: 1, fileName: 'index-2', externalPath: 's3://elsewhere/index-2' };
  await world.store.put(`${tablePath}/manifest/index-manifest-1`, encodeIndexManifest([entry, outside]));
  const store = countingObjectStore(world.store);
  const { table } = await opened(store, world.clock);
  const named = noFiles();
  await addNamedFiles(table, { kind: 'snapshot', snapshot }, named);
  expect([...named.indexes]).toEqual([['index-1', 11]]);
  store.reset();
  await addNamedFiles(table, { kind: 'snapshot', snapshot }, named);
  expect(store.counts().get).toBe(0);
});

test('of what a commit changed only what it added has been added, and only that lives', async () => {
  const world = await newWorld();
  await append(world, 'a');
  const manifests = await manifestsOf(world.table, await compact(world, 'b'));
  expect(await addedNames(world.table, manifests.slice(-1))).toEqual(new Set(['b']));
  expect(await liveNames(world.table, manifests)).toEqual(new Set(['b']));
});

test('manifests that a filter cannot match are not read', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  const manifests = await manifestsOf(world.table, await snapshotById(world.table, 5));
  const store = countingObjectStore(world.store);
  const { table } = await opened(store, world.clock);
  store.reset();
  expect(await liveNames(table, manifests, { mayMatch: () => false })).toEqual(new Set());
  expect(store.counts().get).toBe(0);
});

test('each manifest comes once and in order, however many there are', async () => {
  const world = await newWorld();
  const names = Array.from({ length: 2 * manifestsInParallelMax + 1 }, (_, index) => `file-${index}`);
  for (const name of names) await append(world, name);
  const manifests = await manifestsOf(world.table, await snapshotById(world.table, names.length));
  const seen: string[] = [];
  for await (const entries of eachManifest(world.table, manifests)) {
    seen.push(...entries.map(({ file }) => file.fileName));
  }
  expect(seen).toEqual(names);
});
