/** What goes with snapshots besides data and manifests: indexes, ingest states, dead letters. */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import {
  append,
  commitPlanned,
  hourMs,
  newWorld,
  opened,
  paths,
  tablePath,
  type World,
} from '../../test/maintenance-fixture.ts';
import { decodeIndexManifest } from '../format/index-manifest.ts';
import { encodeSnapshot } from '../format/snapshot.ts';
import { snapshotById } from '../table/snapshots.ts';
import { expireSnapshots } from './expire-snapshots.ts';
import { removeOrphanFiles } from './remove-orphan-files.ts';

test('states and dead letters go when no snapshot names them any more', async () => {
  const world = await newWorld();
  const { store, table, clock } = world;
  const carry = async (stateName: string, listName: string, files: readonly string[]): Promise<void> => {
    await store.put(`${tablePath}/tidelake/${listName}`, Buffer.from(JSON.stringify(files.map(name => ({ name })))));
    await store.put(`${tablePath}/tidelake/${stateName}`, Buffer.from(JSON.stringify({ dead: listName })));
    for (const name of files) await store.put(`${tablePath}/tidelake/${name}`, new Uint8Array(1));
    await commitPlanned(world, { properties: { 'tidelake.ingest-object': stateName } });
    clock.advance(2 * hourMs);
  };
  await carry('state-1', 'dead-letter-list-1', ['dead-letters-1', 'dead-letters-2']);
  await carry('state-2', 'dead-letter-list-2', ['dead-letters-2', 'dead-letters-3']);
  await append(world, 'a');
  clock.advance(2 * hourMs);
  await append(world, 'b');
  expect(await expireSnapshots(table)).toMatchObject({ status: 'done', expiredCount: 2 });
  expect(await paths(store, 'tidelake/')).toEqual([
    'tidelake/dead-letter-list-2',
    'tidelake/dead-letters-2',
    'tidelake/dead-letters-3',
    'tidelake/expiry',
    'tidelake/state-2',
  ]);
});

test('origins of rows go with the snapshot whose rows they are of, those that no snapshot names stay for the orphan cleaner', async () => {
  const world = await newWorld();
  const { store, table, clock } = world;
  for (const name of ['origins-1', 'origins-2', 'origins-lost']) {
    await store.put(`${tablePath}/tidelake/${name}`, new Uint8Array(1));
    if (name !== 'origins-lost') await commitPlanned(world, { properties: { 'tidelake.origins-object': name } });
    clock.advance(2 * hourMs);
  }
  await append(world, 'a');
  clock.advance(2 * hourMs);
  await append(world, 'b');
  expect(await expireSnapshots(table)).toMatchObject({ status: 'done', expiredCount: 2 });
  expect(await paths(store, 'tidelake/')).toEqual(['tidelake/expiry', 'tidelake/origins-lost']);
});

/** An index manifest as Paimon wrote it, and the index files that it names. */
async function putIndex(world: World, golden: string, name: string, madeFrom?: string): Promise<readonly string[]> {
  const folder = new URL(`../../test/golden/tables/warehouse/db.db/${golden}/manifest/`, import.meta.url);
  const [source = ''] = readdirSync(folder).filter(file => file.startsWith('index-manifest-'));
  const bytes = readFileSync(new URL(source, folder));
  await world.store.put(`${tablePath}/manifest/${name}`, bytes);
  const files = decodeIndexManifest(bytes, source).map(({ fileName }) => fileName);
  for (const file of files) await world.store.put(`${tablePath}/index/${file}`, new Uint8Array(2));
  const index = { name, uploadBeganMs: world.clock.nowMs(), madeFrom, files: [] };
  await commitPlanned(world, { index });
  return files.map(file => `index/${file}`);
}

test('index manifests and the index files in them go with the last snapshot that names them', async () => {
  const world = await newWorld();
  const first = await putIndex(world, 'dyn_bucket', 'index-manifest-1');
  world.clock.advance(2 * hourMs);
  const second = await putIndex(world, 'dv_pk64', 'index-manifest-2', 'index-manifest-1');
  for (const name of ['a', 'b']) {
    world.clock.advance(2 * hourMs);
    await append(world, name);
  }
  expect(first.length).toBeGreaterThan(0);
  expect((await paths(world.store, 'index/')).toSorted()).toEqual([...first, ...second].toSorted());
  expect(await expireSnapshots(world.table)).toMatchObject({ status: 'done', expiredCount: 2 });
  expect(await paths(world.store, 'index/')).toEqual(second);
  expect(await paths(world.store, 'manifest/index-manifest')).toEqual(['manifest/index-manifest-2']);
  await world.store.put(`${tablePath}/index/lost`, new Uint8Array(1));
  world.clock.advance(72 * hourMs);
  await append(world, 'later');
  expect((await removeOrphanFiles(world.table)).keys).toEqual([`${tablePath}/index/lost`]);
});

test('a state that a foreign head hides stays, since the next commit of ours carries it on', async () => {
  const world = await newWorld();
  const { store, table, clock } = world;
  await store.put(`${tablePath}/tidelake/state-1`, Buffer.from('{}'));
  await commitPlanned(world, { properties: { 'tidelake.ingest-object': 'state-1' } });
  const first = await snapshotById(table, 1);
  for (const id of [2, 3]) {
    clock.advance(2 * hourMs);
    const foreign = { ...first, id, properties: {}, deltaManifestList: first.baseManifestList };
    await store.put(`${tablePath}/snapshot/snapshot-${id}`, encodeSnapshot(foreign));
  }
  clock.advance(2 * hourMs);
  // While only snapshot 1 has it, nothing expires.
  expect(await expireSnapshots(table)).toMatchObject({ status: 'done', expiredCount: 0 });
  const fresh = await opened(store, clock, 12);
  await append(fresh, 'a');
  clock.advance(2 * hourMs);
  await append(fresh, 'b');
  // The first that stays is a foreign one; above it the state is named again.
  const receipt = await expireSnapshots(fresh.table, { retention: { retainedCountMin: 3 } });
  expect(receipt).toMatchObject({ status: 'done', expiredCount: 2, oldestId: 3 });
  expect(await paths(store, 'tidelake/state')).toEqual(['tidelake/state-1']);
});
