/** Tags with which batches of writes end. */
import { expect, test } from 'vitest';
import { changedStore } from '../../../test/changed-ports.ts';
import { append, hourMs, newWorld, opened, tablePath, tag } from '../../../test/maintenance-fixture.ts';
import { fixtureSchema } from '../../../test/table-fixture.ts';
import { listTags, snapshotOfTag } from '../snapshots.ts';
import { batchTagOf, makeBatchTag } from './make-batch-tag.ts';
import { tagNamed } from './manage-tags.ts';

const batch = { 'tag.automatic-creation': 'batch' };

function nameAt(iso: string, options: Readonly<Record<string, string>>): string | undefined {
  return batchTagOf(fixtureSchema({ options: { ...batch, ...options } }))?.nameAt(Date.parse(iso));
}

test('the tag is of the day of its snapshot in the zone of the table, or has the name that the table gives', () => {
  const late = '2024-01-31T23:30:00Z';
  expect(nameAt(late, {})).toBe('batch-write-2024-01-31');
  for (const zone of ['Asia/Tokyo', '+9', 'UTC+09:00', 'GMT+9']) {
    expect(nameAt(late, { 'sink.process-time-zone': zone }), zone).toBe('batch-write-2024-02-01');
  }
  expect(nameAt('2024-02-01T02:00:00Z', { 'sink.process-time-zone': '-03:00' })).toBe('batch-write-2024-01-31');
  expect(nameAt(late, { 'tag.batch.customized-name': 'nightly' })).toBe('nightly');
  expect(() => nameAt(late, { 'sink.process-time-zone': 'Mars' })).toThrow('sink.process-time-zone');
});

test('tables that ask for no such tags get none', async () => {
  for (const mode of ['none', 'process-time', 'watermark']) {
    const world = await newWorld({ options: { 'tag.automatic-creation': mode } });
    await append(world, 'a');
    expect(await makeBatchTag(world.table)).toBeUndefined();
    expect(await listTags(world.table)).toEqual([]);
  }
  const empty = await newWorld({ options: batch });
  expect(await makeBatchTag(empty.table)).toBeUndefined();
});

test('the tag of a day always means its newest batch, and is kept as long as the table says', async () => {
  const world = await newWorld({ options: { ...batch, 'tag.default-time-retained': '1 d' } });
  await append(world, 'a');
  const name = (await makeBatchTag(world.table)) ?? '';
  expect(name).toMatch(/^batch-write-\d{4}-\d\d-\d\d$/);
  await append(world, 'b');
  expect(await makeBatchTag(world.table)).toBe(name);
  expect(await listTags(world.table)).toEqual([name]);
  expect(await tagNamed(world.table, name)).toMatchObject({ snapshot: { id: 2 }, retainedMs: 24 * hourMs });
});

test('the oldest of all tags go when there are more than the table keeps', async () => {
  const world = await newWorld({ options: { ...batch, 'tag.num-retained-max': '2' } });
  for (const name of ['a', 'b', 'c']) await append(world, name);
  await tag(world.store, 'second', 2);
  world.clock.advance(1);
  await tag(world.store, 'another', 1);
  await tag(world.store, 'first', 1);
  const name = (await makeBatchTag(world.table)) ?? '';
  expect(await listTags(world.table)).toEqual([name, 'second']);
  expect((await snapshotOfTag(world.table, name)).id).toBe(3);
});

test('a tag that another deletes at the same moment is made anew', async () => {
  const world = await newWorld({ options: { ...batch, 'tag.batch.customized-name': 'nightly' } });
  await append(world, 'a');
  await makeBatchTag(world.table);
  await append(world, 'b');
  let deletions = 0;
  const key = `${tablePath}/tag/tag-nightly`;
  const store = changedStore(world.store, {
    async get(path, options) {
      if (path === key && deletions === 0) {
        deletions += 1;
        await world.store.delete(key);
      }
      return world.store.get(path, options);
    },
  });
  const { table } = await opened(store, world.clock);
  expect(await makeBatchTag(table)).toBe('nightly');
  expect((await snapshotOfTag(world.table, 'nightly')).id).toBe(2);
});
