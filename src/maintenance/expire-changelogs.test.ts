/** Changelogs that outlive their snapshots: what stays when a snapshot expires, and what goes when they expire themselves. */
import { expect, test } from 'vitest';
import { changedStore } from '../../test/changed-ports.ts';
import {
  append,
  commitPlanned,
  compact,
  dataKey,
  hourMs,
  litterIn,
  missingFiles,
  newWorld,
  opened,
  paths,
  snapshotIds,
  tablePath,
  tag,
  type World,
} from '../../test/maintenance-fixture.ts';
import { plannedFile } from '../../test/table-fixture.ts';
import { findChangeSource, listChangelogIds } from '../table/changelog/change-source.ts';
import { changelogMarksOf, readExpiryRecord, swapExpiryRecord } from '../table/expiry-record.ts';
import { pinChanges, readConsumers } from '../table/pins.ts';
import { snapshotById } from '../table/snapshots.ts';
import { expireChangelogs } from './expire-changelogs.ts';
import { expireSnapshots } from './expire-snapshots.ts';
import { repairHints } from './hints.ts';
import { ownLine } from './lines.ts';
import { maintainTable } from './maintain-table.ts';
import { removeOrphanFiles } from './remove-orphan-files.ts';

const keptLonger = { 'changelog.time-retained': '10 d' };
const inputOptions = { ...keptLonger, 'changelog-producer': 'input' };

/** a, b, compacted into c, then d, e, an hour and a half apart. The input is the changelog where there is one. */
async function written(world: World): Promise<void> {
  const isInput = world.table.options.changelogProducer === 'input';
  for (const name of ['a', 'b', 'c', 'd', 'e']) {
    if (name === 'c') await compact(world, name);
    else if (isInput) await appendInput(world, name);
    else await append(world, name);
    world.clock.advance(1.5 * hourMs);
  }
}

async function appendInput({ table, committer }: World, name: string): Promise<void> {
  const changelog = `changelog-of-${name}`;
  for (const path of [name, changelog]) await table.store.put(dataKey(table, path), new Uint8Array(3));
  const floor = (await snapshotIds(table.store)).length * 10;
  const planned = plannedFile(table, { name, sequence: [floor, floor + 9] });
  const file = { ...planned, changelog: undefined };
  await commitPlanned({ table, committer }, { adds: [file], changelog: [plannedFile(table, { name: changelog })] });
}

async function inBucket({ store }: World): Promise<readonly string[]> {
  return (await paths(store, 'bucket-0/')).map(path => path.slice('bucket-0/'.length));
}

async function changelogIds({ table }: World): Promise<readonly number[]> {
  return listChangelogIds(ownLine(table));
}

async function hintsOf({ store }: World): Promise<readonly (string | undefined)[]> {
  const texts = await Promise.all(
    ['EARLIEST', 'LATEST'].map(async name => (await store.get(`${tablePath}/changelog/${name}`))?.bytes),
  );
  return texts.map(bytes => (bytes === undefined ? undefined : Buffer.from(bytes).toString()));
}

test('without a changelog producer the files that writers made stay for their changelogs, results of compactions go', async () => {
  const world = await newWorld({ options: keptLonger });
  await written(world);
  const texts = await Promise.all([1, 2, 3].map(id => world.store.get(`${tablePath}/snapshot/snapshot-${id}`)));
  expect(await expireSnapshots(world.table)).toMatchObject({ status: 'done', expiredCount: 3, data: { fileCount: 0 } });
  expect(await snapshotIds(world.store)).toEqual([4, 5]);
  expect(await changelogIds(world)).toEqual([1, 2, 3]);
  for (const [index, text] of texts.entries()) {
    const kept = await world.store.get(`${tablePath}/changelog/changelog-${index + 1}`);
    expect(kept?.bytes).toEqual(text?.bytes);
  }
  expect(await inBucket(world)).toEqual(['a', 'b', 'c', 'd', 'e']);
  expect(await hintsOf(world)).toEqual([undefined, '3']);
  // c is the result of a compaction: when another takes it out, no changelog wants it.
  await compact(world, 'f');
  for (const name of ['g', 'h']) {
    world.clock.advance(2 * hourMs);
    await append(world, name);
  }
  world.clock.advance(2 * hourMs);
  expect(await expireSnapshots(world.table)).toMatchObject({ status: 'done', expiredCount: 3, data: { fileCount: 1 } });
  expect(await inBucket(world)).toEqual(['a', 'b', 'd', 'e', 'f', 'g', 'h']);
  expect(await missingFiles(world.store, world.table)).toEqual([]);
});

test('with a changelog producer data goes with the snapshots, and changelog files stay', async () => {
  const world = await newWorld({ options: inputOptions });
  await written(world);
  const first = await snapshotById(world.table, 1);
  expect(await expireSnapshots(world.table)).toMatchObject({ status: 'done', expiredCount: 3, data: { fileCount: 2 } });
  expect(await inBucket(world)).toEqual([
    ...['c', 'changelog-of-a', 'changelog-of-b', 'changelog-of-d', 'changelog-of-e', 'd', 'e'],
  ]);
  const manifests = await paths(world.store, 'manifest/');
  expect(manifests).toContain(`manifest/${first.changelogManifestList}`);
  expect(manifests).not.toContain(`manifest/${first.deltaManifestList}`);
  expect(manifests).not.toContain(`manifest/${first.baseManifestList}`);
  expect(await missingFiles(world.store, world.table)).toEqual([]);
});

for (const [producer, options] of [['none', keptLonger] as const, ['input', inputOptions] as const]) {
  test(`changelogs expire by their own time and leave nothing behind: producer ${producer}`, async () => {
    const world = await newWorld({ options });
    await written(world);
    await expireSnapshots(world.table);
    expect(await expireChangelogs(world.table)).toMatchObject({ status: 'done', expiredCount: 0, oldestId: 1 });
    world.clock.advance(9.8 * 24 * hourMs);
    // The newest stays until another comes above it.
    expect(await expireChangelogs(world.table)).toMatchObject({ status: 'done', expiredCount: 2, oldestId: 3 });
    expect(await changelogIds(world)).toEqual([3]);
    expect(await hintsOf(world)).toEqual(['3', '3']);
    for (const name of ['f', 'g']) {
      await append(world, name);
      world.clock.advance(2 * hourMs);
    }
    await expireSnapshots(world.table);
    expect(await changelogIds(world)).toEqual([3, 4, 5]);
    world.clock.advance(20 * 24 * hourMs);
    for (const name of ['h', 'i', 'j']) {
      await append(world, name);
      world.clock.advance(2 * hourMs);
    }
    expect((await maintainTable(world.table, { orphans: 'skip' })).lines[0]?.changelogs).toMatchObject({
      expiredCount: 5,
    });
    expect(await expireChangelogs(world.table, { retention: 'all' })).toMatchObject({ oldestId: undefined });
    expect(await hintsOf(world)).toEqual([undefined, undefined]);
    expect(await inBucket(world)).toEqual(['c', 'd', 'e', 'f', 'g', 'h', 'i', 'j']);
    expect(await litterIn(world.store, world.table)).toEqual([]);
    expect(await missingFiles(world.store, world.table)).toEqual([]);
  });
}

test('all changelogs go at once, with what the oldest snapshot has taken out of the table', async () => {
  const world = await newWorld({ options: keptLonger });
  await append(world, 'a');
  world.clock.advance(2 * hourMs);
  await compact(world, 'b');
  world.clock.advance(2 * hourMs);
  await append(world, 'c');
  expect(await expireSnapshots(world.table)).toMatchObject({ expiredCount: 1, data: { fileCount: 0 } });
  const receipt = await expireChangelogs(world.table, { retention: 'all' });
  expect(receipt).toMatchObject({ status: 'done', expiredCount: 1, data: { fileCount: 1 } });
  expect(await inBucket(world)).toEqual(['b', 'c']);
  expect(await litterIn(world.store, world.table)).toEqual([]);
});

test('what a tag reads stays when the changelogs go', async () => {
  const world = await newWorld({ options: keptLonger });
  await written(world);
  await tag(world.store, 'old', 1);
  await expireSnapshots(world.table);
  expect(await expireChangelogs(world.table, { retention: 'all' })).toMatchObject({ expiredCount: 3 });
  expect(await inBucket(world)).toEqual(['a', 'c', 'd', 'e']);
  expect(await missingFiles(world.store, world.table)).toEqual([]);
});

test('the orphan cleaner knows what changes are read from', async () => {
  for (const options of [keptLonger, inputOptions]) {
    const world = await newWorld({ options });
    await written(world);
    await expireSnapshots(world.table);
    world.clock.advance(72 * hourMs);
    await append(world, 'later');
    expect(await removeOrphanFiles(world.table)).toMatchObject({ status: 'done', removed: { fileCount: 0 } });
  }
});

test('no more changelogs go than were asked for', async () => {
  const world = await newWorld({ options: keptLonger });
  await written(world);
  await expireSnapshots(world.table);
  const retention = { retainedMs: 0, expireCountMax: 1 };
  expect(await expireChangelogs(world.table, { retention })).toMatchObject({ expiredCount: 1, oldestId: 2 });
});

test('a consumer holds changelogs, and with changelog-only no snapshots', async () => {
  const world = await newWorld({ options: { ...keptLonger, 'consumer.changelog-only': 'true' } });
  await written(world);
  const third = await snapshotById(world.table, 3);
  expect(await pinChanges(ownLine(world.table), 'job', await snapshotById(world.table, 2))).toBe('pinned');
  expect(await expireSnapshots(world.table)).toMatchObject({ expiredCount: 3, putBackCount: 0 });
  const retention = { retainedMs: 0, retainedCountMin: 1 };
  expect(await expireChangelogs(world.table, { retention })).toMatchObject({ expiredCount: 1, oldestId: 2 });
  expect(await pinChanges(ownLine(world.table), 'job', third)).toBe('pinned');
  expect(await expireChangelogs(world.table, { retention })).toMatchObject({ expiredCount: 1, oldestId: 3 });
  expect(await pinChanges(ownLine(world.table), 'late', { id: 2, deltaManifestList: 'gone' })).toBe('expired');
  expect((await readConsumers(ownLine(world.table))).map(({ consumerId }) => consumerId)).toEqual(['job']);
});

test('a consumer that still wants changelogs holds all snapshots where it is to', async () => {
  const world = await newWorld({ options: keptLonger });
  await written(world);
  await expireSnapshots(world.table);
  const second = await findChangeSource(ownLine(world.table), 2);
  if (second === undefined) throw new Error('its changelog is kept');
  expect(await pinChanges(ownLine(world.table), 'job', second)).toBe('pinned');
  for (const name of ['f', 'g']) {
    world.clock.advance(2 * hourMs);
    await append(world, name);
  }
  world.clock.advance(2 * hourMs);
  expect(await expireSnapshots(world.table)).toMatchObject({ status: 'done', expiredCount: 0 });
});

/** Expires all changelogs; something happens before the second look at consumers. */
async function expireWith(world: World, happens: () => Promise<void>): Promise<ReturnType<typeof expireChangelogs>> {
  let lookCount = 0;
  const store = changedStore(world.store, {
    async *list(prefix, options) {
      if (prefix.includes('/consumer/')) {
        lookCount += 1;
        if (lookCount === 2 + 1) await happens();
      }
      yield* world.store.list(prefix, options);
    },
  });
  const { table } = await opened(store, world.clock, 12);
  return expireChangelogs(table, { retention: { retainedMs: 0 } });
}

test('who pins changes while a run decides is told that they go, or keeps them', async () => {
  const world = await newWorld({ options: keptLonger });
  await written(world);
  await expireSnapshots(world.table);
  const line = ownLine(world.table);
  const second = await findChangeSource(line, 2);
  if (second === undefined) throw new Error('its changelog is kept');
  const receipt = await expireWith(world, async () => {
    expect(changelogMarksOf(await readExpiryRecord(line))).toEqual({ floor: 1, going: 3 });
    expect(await pinChanges(line, 'job', second)).toBe('expired');
    // One that asks nobody, as another engine's, is seen all the same.
    await world.store.put(`${tablePath}/consumer/consumer-other`, Buffer.from('{"nextSnapshot":2}'));
  });
  expect(receipt).toMatchObject({ status: 'done', expiredCount: 1, oldestId: 2 });
  expect(changelogMarksOf(await readExpiryRecord(line))).toEqual({ floor: 2, going: undefined });
  expect(await pinChanges(line, 'job', second)).toBe('pinned');
});

test('a run that loses the record to another removes nothing', async () => {
  const world = await newWorld({ options: keptLonger });
  await written(world);
  await expireSnapshots(world.table);
  const receipt = await expireWith(world, async () => {
    const line = ownLine(world.table);
    const record = await readExpiryRecord(line);
    await swapExpiryRecord(line, record, record, world.table);
  });
  expect(receipt).toMatchObject({ status: 'given-up', code: 'LAKE_EXPIRY_RIVAL', expiredCount: 0 });
  expect(await changelogIds(world)).toEqual([1, 2, 3]);
});

test('a run that died while it decided is cleared up by the next, and pins hold again', async () => {
  const world = await newWorld({ options: keptLonger });
  await written(world);
  await expireSnapshots(world.table);
  const line = ownLine(world.table);
  const first = await findChangeSource(line, 1);
  if (first === undefined) throw new Error('its changelog is kept');
  const dying = expireWith(world, async () => {
    throw new Error('died');
  });
  await expect(dying).rejects.toThrow('died');
  expect(await pinChanges(line, 'job', first)).toBe('expired');
  expect(await expireChangelogs(world.table)).toMatchObject({ status: 'done', expiredCount: 0 });
  expect(await pinChanges(line, 'job', first)).toBe('pinned');
});

test('a changelog beside its snapshot, left by a run that put it back, does not go before it', async () => {
  const world = await newWorld({ options: inputOptions });
  await written(world);
  const fourth = await world.store.get(`${tablePath}/snapshot/snapshot-4`);
  await world.store.put(`${tablePath}/changelog/changelog-4`, fourth?.bytes ?? new Uint8Array());
  await expireSnapshots(world.table);
  expect(await changelogIds(world)).toEqual([1, 2, 3, 4]);
  expect(await expireChangelogs(world.table, { retention: 'all' })).toMatchObject({ expiredCount: 3, oldestId: 4 });
  expect(await inBucket(world)).toContain('changelog-of-d');
  expect(await missingFiles(world.store, world.table)).toEqual([]);
});

test('a changelog that comes back below what is gone for good cannot be pinned and goes at the next run', async () => {
  const world = await newWorld({ options: keptLonger });
  await written(world);
  await expireSnapshots(world.table);
  const line = ownLine(world.table);
  const first = await findChangeSource(line, 1);
  const bytes = (await world.store.get(`${tablePath}/changelog/changelog-1`))?.bytes ?? new Uint8Array();
  await expireChangelogs(world.table, { retention: 'all' });
  await world.store.put(`${tablePath}/changelog/changelog-1`, bytes);
  if (first === undefined) throw new Error('its changelog was kept');
  expect(await pinChanges(line, 'job', first)).toBe('expired');
  expect(await removeOrphanFiles(world.table)).toMatchObject({ status: 'done' });
  expect(await expireChangelogs(world.table, { retention: 'all' })).toMatchObject({ status: 'done', expiredCount: 1 });
  expect(await changelogIds(world)).toEqual([]);
});

test('hints of changelogs that are wrong are put right', async () => {
  const world = await newWorld({ options: keptLonger });
  await written(world);
  await expireSnapshots(world.table);
  await world.store.put(`${tablePath}/changelog/LATEST`, Buffer.from('1'));
  const changed = ['LATEST', 'EARLIEST', 'changelog/LATEST', 'changelog/EARLIEST'];
  expect((await repairHints(world.table)).changed.filter(name => !changed.includes(name))).toEqual([]);
  expect(await hintsOf(world)).toEqual(['1', '3']);
  expect((await repairHints(world.table)).changed).toEqual([]);
});
