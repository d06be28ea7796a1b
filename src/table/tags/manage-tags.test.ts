import { expect, test } from 'vitest';
import { changedStore } from '../../../test/changed-ports.ts';
import {
  append,
  fiveSnapshots,
  hourMs,
  missingFiles,
  newWorld,
  opened,
  snapshotIds,
  tablePath,
  type World,
} from '../../../test/maintenance-fixture.ts';
import { decodeTag } from '../../format/tag.ts';
import { expireSnapshots } from '../../maintenance/expire-snapshots.ts';
import { removeOrphanFiles } from '../../maintenance/remove-orphan-files.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { listTags, snapshotOfTag } from '../snapshots.ts';
import type { Table } from '../table.ts';
import { expireTags } from './expire-tags.ts';
import { createTag, deleteTag, renameTag, replaceTag, tagKey } from './manage-tags.ts';

async function textOfTag({ store, table }: World, name: string): Promise<unknown> {
  const object = await store.get(tagKey(table, name));
  return object === undefined ? undefined : JSON.parse(Buffer.from(object.bytes).toString());
}

/** The table on a store that calls back once, before or after a request whose key fits. */
async function disturbed(
  world: World,
  operation: 'putIfAbsent' | 'putIfMatch' | 'delete',
  place: { readonly before?: string; readonly after?: string },
  action: () => Promise<unknown>,
): Promise<Table> {
  const inner = world.store;
  let isDone = false;
  const fits = (key: string, part: string | undefined): boolean => !isDone && part !== undefined && key.includes(part);
  const act = async (key: string, part: string | undefined): Promise<void> => {
    if (!fits(key, part)) return;
    isDone = true;
    await action();
  };
  const change = async <T>(key: string, request: () => Promise<T>): Promise<T> => {
    await act(key, place.before);
    const result = await request();
    await act(key, place.after);
    return result;
  };
  const of: Partial<ObjectStore> = {
    putIfAbsent: (key, bytes, options) => change(key, () => inner.putIfAbsent(key, bytes, options)),
    putIfMatch: (key, bytes, etag, options) => change(key, () => inner.putIfMatch(key, bytes, etag, options)),
    delete: (key, options) => change(key, () => inner.delete(key, options)),
  };
  const store = changedStore(inner, { [operation]: of[operation] });
  return (await opened(store, world.clock, 21)).table;
}

test('a tag is the snapshot’s file, with how long it is kept where that is said', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  const { table, store } = world;
  expect((await createTag(table, 'newest'))?.id).toBe(5);
  expect((await createTag(table, 'v1.0', { snapshotId: 2, retainedMs: 90_000 }))?.id).toBe(2);
  const snapshot = JSON.parse(
    Buffer.from((await store.get(`${tablePath}/snapshot/snapshot-5`))?.bytes ?? []).toString(),
  );
  expect(await textOfTag(world, 'newest')).toEqual(snapshot);
  expect(await textOfTag(world, 'v1.0')).toMatchObject({ id: 2, tagTimeRetained: 90 });
  const key = tagKey(table, 'v1.0');
  const tag = decodeTag((await store.get(key))?.bytes ?? new Uint8Array(), key);
  expect([tag.snapshot.id, tag.retainedMs, tag.createTimeMs]).toEqual([2, 90_000, world.clock.nowMs()]);
  expect(await listTags(table)).toEqual(['newest', 'v1.0']);
});

test('a default retention counts where none is given', async () => {
  const world = await newWorld({ options: { 'tag.default-time-retained': '2 h' } });
  await fiveSnapshots(world);
  await createTag(world.table, 'short');
  await createTag(world.table, 'long', { retainedMs: 10 * hourMs });
  expect(await expireTags(world.table)).toEqual([]);
  world.clock.advance(3 * hourMs);
  expect(await expireTags(world.table)).toEqual(['short']);
  world.clock.advance(8 * hourMs);
  expect(await expireTags(world.table)).toEqual(['long']);
});

test('tags older than a time go on demand, those that say nothing by the age of their file', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  await createTag(world.table, 'old');
  world.clock.advance(hourMs);
  const betweenMs = world.clock.nowMs();
  await createTag(world.table, 'kept', { retainedMs: 9 * hourMs });
  expect(await expireTags(world.table, { olderThanMs: betweenMs })).toEqual(['old']);
  expect(await listTags(world.table)).toEqual(['kept']);
});

test('what is wrong with a name or a snapshot is told', async () => {
  const world = await newWorld();
  await expect(createTag(world.table, 't')).rejects.toMatchObject({ code: 'LAKE_SNAPSHOT_NOT_FOUND' });
  await fiveSnapshots(world);
  const { table } = world;
  await createTag(table, 't');
  await expect(createTag(table, 't')).rejects.toMatchObject({ code: 'LAKE_TAG_EXISTS' });
  expect(await createTag(table, 't', { ifNotExists: true })).toBeUndefined();
  await expect(createTag(table, 'u', { snapshotId: 99 })).rejects.toMatchObject({ code: 'LAKE_SNAPSHOT_NOT_FOUND' });
  for (const name of ['', ' ', 'a/b', 'x'.repeat(300)]) {
    await expect(createTag(table, name), name).rejects.toMatchObject({ code: 'LAKE_BAD_NAME' });
  }
  await expect(deleteTag(table, 'none')).rejects.toMatchObject({ code: 'LAKE_TAG_NOT_FOUND' });
  expect(await deleteTag(table, 'none', { ifExists: true })).toBe(false);
  await expect(renameTag(table, 'none', 'x')).rejects.toMatchObject({ code: 'LAKE_TAG_NOT_FOUND' });
  await expect(replaceTag(table, 'none')).rejects.toMatchObject({ code: 'LAKE_TAG_NOT_FOUND' });
  expect(await deleteTag(table, 't')).toBe(true);
  expect(await listTags(table)).toEqual([]);
});

test('a tag keeps the data of its snapshot when that expires, and lends it to other tags', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  await createTag(world.table, 'one', { snapshotId: 1 });
  expect(await expireSnapshots(world.table)).toMatchObject({ status: 'done', expiredCount: 3 });
  expect((await createTag(world.table, 'again', { snapshotId: 1 }))?.id).toBe(1);
  await deleteTag(world.table, 'one');
  await renameTag(world.table, 'again', 'renamed');
  expect(await missingFiles(world.store, world.table)).toEqual([]);
  expect((await snapshotOfTag(world.table, 'renamed')).id).toBe(1);
  await expect(createTag(world.table, 'two', { snapshotId: 2 })).rejects.toMatchObject({
    code: 'LAKE_SNAPSHOT_EXPIRED',
  });
});

test('a tag of a snapshot that a run takes away just before or after is taken back', async () => {
  for (const place of [{ before: '/tag/' }, { after: '/tag/' }]) {
    const world = await newWorld();
    await fiveSnapshots(world);
    const rival = await opened(world.store, world.clock, 31);
    const table = await disturbed(world, 'putIfAbsent', place, () => expireSnapshots(rival.table));
    const late = createTag(table, 'late', { snapshotId: 2 });
    await expect(late).rejects.toMatchObject({ code: 'LAKE_SNAPSHOT_EXPIRED' });
    expect(await listTags(world.table)).toEqual([]);
    expect(await missingFiles(world.store, world.table)).toEqual([]);
    expect(await snapshotIds(world.store)).toEqual([4, 5]);
  }
});

test('replacing a tag by a snapshot that expires meanwhile leaves it as it was, with its data', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  await createTag(world.table, 't', { snapshotId: 1 });
  const rival = await opened(world.store, world.clock, 31);
  const table = await disturbed(world, 'putIfAbsent', { before: '/tag/' }, () => expireSnapshots(rival.table));
  await expect(replaceTag(table, 't', { snapshotId: 2 })).rejects.toMatchObject({ code: 'LAKE_SNAPSHOT_EXPIRED' });
  expect((await snapshotOfTag(world.table, 't')).id).toBe(1);
  expect((await replaceTag(world.table, 't', { snapshotId: 4, retainedMs: 1000 })).id).toBe(4);
  expect(await textOfTag(world, 't')).toMatchObject({ id: 4, tagTimeRetained: 1 });
  expect(await listTags(world.table)).toEqual(['t']);
  expect(await missingFiles(world.store, world.table)).toEqual([]);
});

test('who changes a tag at the same time is told', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  await createTag(world.table, 't', { snapshotId: 1 });
  const replacing = await disturbed(world, 'putIfMatch', { before: '/tag-t' }, () =>
    replaceTag(world.table, 't', { snapshotId: 3 }),
  );
  await expect(replaceTag(replacing, 't', { snapshotId: 2 })).rejects.toMatchObject({ code: 'LAKE_TAG_CONFLICT' });
  expect((await snapshotOfTag(world.table, 't')).id).toBe(3);
  const renaming = await disturbed(world, 'putIfAbsent', { before: '/tag-u' }, () => deleteTag(world.table, 't'));
  await expect(renameTag(renaming, 't', 'u')).rejects.toMatchObject({ code: 'LAKE_TAG_CONFLICT' });
  expect(await listTags(world.table)).toEqual([]);
  await createTag(world.table, 'a');
  await createTag(world.table, 'b');
  await expect(renameTag(world.table, 'a', 'b')).rejects.toMatchObject({ code: 'LAKE_TAG_EXISTS' });
});

test('data of a tag stays through a rename while orphans are removed, and goes once the tag is deleted', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  await createTag(world.table, 't', { snapshotId: 1 });
  await expireSnapshots(world.table);
  world.clock.advance(25 * hourMs);
  await append(world, 'head');
  for (const place of [{ after: '/tag-u' }, { before: '/tag-t' }]) {
    const clean = () => removeOrphanFiles(world.table, { isDryRun: false });
    const operation = place.after === undefined ? 'delete' : 'putIfAbsent';
    const table = await disturbed(world, operation, place, clean);
    await renameTag(table, 't', 'u');
    expect(await missingFiles(world.store, world.table)).toEqual([]);
    await renameTag(world.table, 'u', 't');
  }
  await deleteTag(world.table, 't');
  expect((await removeOrphanFiles(world.table, { isDryRun: false })).removed.fileCount).toBeGreaterThan(0);
  expect(await missingFiles(world.store, world.table)).toEqual([]);
});

test('a snapshot gets one automatic tag', async () => {
  const world = await newWorld({ options: { 'tag.automatic-creation': 'process-time' } });
  await fiveSnapshots(world);
  await createTag(world.table, '2001-01-01');
  await expect(createTag(world.table, '2001-01-02')).rejects.toThrow(/automatic tag 2001-01-01 already/);
  await createTag(world.table, 'any');
  await createTag(world.table, '2001-01-02', { snapshotId: 2 });
  await expect(replaceTag(world.table, '2001-01-02')).rejects.toMatchObject({ code: 'LAKE_BAD_NAME' });
  expect(await listTags(world.table)).toEqual(['2001-01-01', '2001-01-02', 'any']);
});
