/** The names that a table's roots name, where what is read afterwards would not give a mistake away. */
import { expect, test } from 'vitest';
import { append, compact, newWorld, opened, tablePath } from '../../test/maintenance-fixture.ts';
import { encodeManifestList } from '../format/manifest-list.ts';
import { encodeSnapshot } from '../format/snapshot.ts';
import { manifestsOf } from '../table/manifests.ts';
import { collectReferences } from './collect-references.ts';
import { ownLine } from './lines.ts';

test('a line without a snapshot names nothing', async () => {
  const { table } = await newWorld();
  expect(await collectReferences(table, [ownLine(table)])).toEqual(new Set());
});

test('what the only snapshot and the head have added is named, and what the first has taken out is not', async () => {
  const world = await newWorld();
  const { table } = world;
  await append(world, 'a');
  expect([...(await collectReferences(table, [ownLine(table)]))]).toEqual(expect.arrayContaining(['a']));
  await append(world, 'b');
  expect([...(await collectReferences(table, [ownLine(table)]))]).toEqual(expect.arrayContaining(['a', 'b']));
  await compact(world, 'c');
  for (const id of [1, 2]) await world.store.delete(`${tablePath}/snapshot/snapshot-${id}`);
  const names = await collectReferences(table, [ownLine(table)]);
  expect(['a', 'b', 'c'].filter(name => names.has(name))).toEqual(['c']);
});

test('what only the base of a later snapshot names is named, as other writers may have it', async () => {
  const world = await newWorld();
  const first = await append(world, 'a');
  const second = await append(world, 'b');
  const list = 'manifest-list-other-0';
  const manifests = await manifestsOf(world.table, second);
  await world.store.put(`${tablePath}/manifest/${list}`, encodeManifestList(manifests));
  // The second in the first's place knows b by its base alone.
  const merged = { ...second, baseManifestList: list, baseManifestListSize: undefined };
  const delta = { deltaManifestList: first.deltaManifestList, deltaManifestListSize: undefined };
  await world.store.put(`${tablePath}/snapshot/snapshot-2`, encodeSnapshot({ ...merged, ...delta }));
  const { table } = await opened(world.store, world.clock);
  expect([...(await collectReferences(table, [ownLine(table)]))]).toEqual(expect.arrayContaining(['a', 'b']));
});
