import { expect, test } from 'vitest';
import { fiveSnapshots, hourMs, missingFiles, newWorld, snapshotIds, tag } from '../../test/maintenance-fixture.ts';
import { listTags, snapshotOfTag } from '../table/snapshots.ts';
import { createTag } from '../table/tags/manage-tags.ts';
import { maintainTable } from './maintain-table.ts';

const hourly = { 'tag.automatic-creation': 'process-time', 'tag.creation-period': 'hourly' };

test('maintenance tags the periods that are over before it expires their snapshots', async () => {
  const world = await newWorld({ options: hourly });
  // 2001-09-09 01:46:40 and every hour and a half.
  await fiveSnapshots(world);
  const receipt = await maintainTable(world.table, { orphans: 'remove' });
  expect(receipt.end).toEqual({ status: 'done' });
  const made = ['2001-09-09 00', '2001-09-09 02', '2001-09-09 03', '2001-09-09 05', '2001-09-09 06'];
  expect(receipt.lines[0]?.tags).toMatchObject({ created: made, removed: [] });
  expect(await listTags(world.table)).toEqual(made);
  expect(await snapshotIds(world.store)).toEqual([4, 5]);
  expect((await snapshotOfTag(world.table, '2001-09-09 00')).id).toBe(1);
  expect(await missingFiles(world.store, world.table)).toEqual([]);
  const again = await maintainTable(world.table, { orphans: 'skip' });
  expect(again.lines[0]?.tags).toMatchObject({ created: [], removed: [] });
});

test('only so many automatic tags are kept, and those whose time is over go', async () => {
  const options = { ...hourly, 'tag.num-retained-max': '2', 'tag.default-time-retained': '10 h' };
  const world = await newWorld({ options });
  await fiveSnapshots(world);
  await createTag(world.table, 'mine', { snapshotId: 1, retainedMs: 20 * hourMs });
  const { lines } = await maintainTable(world.table, { orphans: 'skip' });
  expect(lines[0]?.tags.removed).toEqual(['2001-09-09 00', '2001-09-09 02', '2001-09-09 03']);
  expect(await listTags(world.table)).toEqual(['2001-09-09 05', '2001-09-09 06', 'mine']);
  world.clock.advance(11 * hourMs);
  expect((await maintainTable(world.table, { orphans: 'skip' })).lines[0]?.tags.removed).toEqual([
    '2001-09-09 05',
    '2001-09-09 06',
  ]);
  world.clock.advance(10 * hourMs);
  await maintainTable(world.table, { orphans: 'skip' });
  expect((await listTags(world.table)).includes('mine')).toBe(false);
});

test('automatic tags that a run left behind before it died are taken away by the next, also when it makes none', async () => {
  const world = await newWorld({ options: { ...hourly, 'tag.num-retained-max': '2' } });
  await fiveSnapshots(world);
  await maintainTable(world.table, { orphans: 'skip' });
  await tag(world.store, '2001-09-09 03', 4);
  const { lines } = await maintainTable(world.table, { orphans: 'skip' });
  expect(lines[0]?.tags).toMatchObject({ created: [], removed: ['2001-09-09 03'] });
  expect(await listTags(world.table)).toEqual(['2001-09-09 05', '2001-09-09 06']);
});

test('tags do not expire where the table says so', async () => {
  const world = await newWorld({ options: { 'tag.time-expire-enabled': 'false' } });
  await fiveSnapshots(world);
  await createTag(world.table, 'mine', { retainedMs: 1 });
  world.clock.advance(hourMs);
  await maintainTable(world.table, { orphans: 'skip' });
  expect(await listTags(world.table)).toEqual(['mine']);
});

test('a way of making tags that is not done is named, and the rest of maintenance goes on', async () => {
  const world = await newWorld({ options: { ...hourly, 'sink.process-time-zone': 'Asia/Tokyo' } });
  await fiveSnapshots(world);
  const { end, lines } = await maintainTable(world.table, { orphans: 'skip' });
  expect(end).toMatchObject({ status: 'given-up', code: 'LAKE_UNSUPPORTED' });
  expect(lines[0]?.tags.status === 'given-up' && lines[0].tags.cause).toMatch(/sink\.process-time-zone=Asia\/Tokyo/);
  expect(lines[0]?.expiry.expiredCount).toBe(3);
});

test('tags of batches that are too many go, the oldest first, whoever made them', async () => {
  const world = await newWorld({ options: { 'tag.automatic-creation': 'batch', 'tag.num-retained-max': '2' } });
  await fiveSnapshots(world);
  for (const [name, id] of [
    ['batch-write-2001-09-09', 5],
    ['mine', 2],
    ['older', 1],
  ] as const) {
    await tag(world.store, name, id);
  }
  const { lines } = await maintainTable(world.table, { orphans: 'skip' });
  expect(lines[0]?.tags).toMatchObject({ status: 'done', created: [], removed: ['older'] });
  expect(await listTags(world.table)).toEqual(['batch-write-2001-09-09', 'mine']);
});

test('a time zone that is none is named', async () => {
  const world = await newWorld({ options: { 'tag.automatic-creation': 'batch', 'sink.process-time-zone': 'Mars' } });
  await fiveSnapshots(world);
  const { lines } = await maintainTable(world.table, { orphans: 'skip' });
  expect(lines[0]?.tags).toMatchObject({ status: 'given-up', code: 'LAKE_BAD_OPTION' });
});
