/** What holds files besides the line that expires, and when it is the same as a moment ago. */
import { expect, test } from 'vitest';
import { changedStore } from '../../test/changed-ports.ts';
import { branch, fiveSnapshots, newWorld, opened, tablePath, tag } from '../../test/maintenance-fixture.ts';
import { countingObjectStore } from '../storage/counting-object-store.ts';
import { snapshotById } from '../table/snapshots.ts';
import { type HeldRoot, type Pins, pinnedSnapshots, readPins, samePins } from './pins.ts';

test('tags and changelogs that are the same file are not read again', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  await tag(world.store, 'first', 1);
  await tag(world.store, 'second', 2);
  const third = await world.store.get(`${tablePath}/snapshot/snapshot-3`);
  await world.store.put(`${tablePath}/changelog/changelog-3`, third?.bytes ?? new Uint8Array());
  const read: string[] = [];
  const store = countingObjectStore(world.store, (operation, key) => {
    if (operation === 'get') read.push(key.slice(tablePath.length + 1));
  });
  const { table } = await opened(store, world.clock);
  read.length = 0;
  const before = await readPins(table);
  expect(read).toEqual(['tag/tag-first', 'tag/tag-second', 'changelog/changelog-3']);
  read.length = 0;
  const again = await readPins(table, { before });
  expect(read).toEqual([]);
  expect(again).toEqual(before);
  expect(samePins(before, again)).toBe(true);
  // The same name, and another file.
  world.clock.advance(1);
  await tag(world.store, 'first', 4);
  const later = await readPins(table, { before });
  expect(read).toEqual(['tag/tag-first']);
  expect(pinnedSnapshots(later).map(({ id }) => id)).toEqual([4, 2, 3]);
  expect(samePins(before, later)).toBe(false);
});

test('the snapshots of other lines are held, those of the line itself are not', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  await tag(world.store, 'old', 1);
  await branch(world.store, 'dev', 2);
  const pins = await readPins(world.table);
  expect(pinnedSnapshots(pins)).toEqual(
    (await Promise.all([1, 2].map(id => snapshotById(world.table, id)))).map(({ id, deltaManifestList }) => ({
      id,
      identity: deltaManifestList,
    })),
  );
  const dev = await opened(world.store, world.clock, 4, 'dev');
  expect(pinnedSnapshots(await readPins(dev.table)).map(({ id }) => id)).toEqual([1, 1, 2, 3, 4, 5]);
});

test('tags of branches are held, too, and each once', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  await tag(world.store, 'old', 1);
  await branch(world.store, 'dev', 2);
  const tagged = await world.store.get(`${tablePath}/snapshot/snapshot-3`);
  await world.store.put(`${tablePath}/branch/branch-dev/tag/tag-kept`, tagged?.bytes ?? new Uint8Array());
  const { roots } = await readPins(world.table);
  expect(roots.map(({ kind, snapshot }) => [kind, snapshot.id])).toEqual([
    ['tag', 1],
    ['tag', 3],
  ]);
});

test('a tag that becomes a branch while the pins are read is held as one of the two', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  await tag(world.store, 'old', 1);
  const store = changedStore(world.store, {
    async *list(prefix, options) {
      yield* world.store.list(prefix, options);
      if (prefix !== `${tablePath}/branch/`) return;
      await branch(world.store, 'dev', 1);
      await world.store.delete(`${tablePath}/tag/tag-old`);
    },
  });
  const { table } = await opened(store, world.clock);
  expect(pinnedSnapshots(await readPins(table)).map(({ id }) => id)).toEqual([1]);
  expect(pinnedSnapshots(await readPins(table)).map(({ id }) => id)).toEqual([1]);
});

test('two readings of the pins are the same when their roots and both ends of every other line are', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  const [first, second, third] = await Promise.all([1, 2, 3].map(id => snapshotById(world.table, id)));
  if (first === undefined || second === undefined || third === undefined) throw new Error('three were asked for');
  const root = (stamp: string): HeldRoot => ({ kind: 'tag', snapshot: first, stamp });
  const pins = (changes: Partial<Pins>): Pins => ({ consumerIds: [], roots: [], otherLines: [], ...changes });
  const held = pins({ roots: [root('a'), root('b')], otherLines: [[first, second], []] });
  expect(samePins(held, { ...held, consumerIds: [7] })).toBe(true);
  expect(samePins(held, pins(held))).toBe(true);
  for (const changes of [
    { roots: [root('a')] },
    { roots: [root('a'), root('c')] },
    { otherLines: [[first, second]] },
    { otherLines: [[second], []] },
    { otherLines: [[third, second], []] },
    { otherLines: [[first, third], []] },
    { otherLines: [[first, second, third], []] },
    { otherLines: [[first, second], [third]] },
  ]) {
    expect(samePins(held, { ...held, ...changes })).toBe(false);
  }
});
