/** Partitions that are done by themselves. */
import { expect, test } from 'vitest';
import { hourMs } from '../../test/maintenance-fixture.ts';
import { type RowTable, rowTable } from '../../test/row-fixture.ts';
import { maintainTable } from './maintain-table.ts';
import { isDue, markDonePartitions } from './mark-done-partitions.ts';
import { removeOrphanFiles } from './remove-orphan-files.ts';

/** The clock of the tests begins at 2001-09-09 01:46:40. */
const daily = { 'partition.time-interval': '1 d', 'partition.idle-time-to-done': '2 h' };

async function partitioned(options: Readonly<Record<string, string>>, days: readonly string[]): Promise<RowTable> {
  const rows = await rowTable({ primaryKeys: ['p', 'k'], partitionKeys: ['p'], options });
  await rows.write(days.map(day => [day, 1, 'v']));
  return rows;
}

async function markOf(rows: RowTable, path: string): Promise<Record<string, number> | undefined> {
  const object = await rows.store.get(`d.db/t/${path}/_SUCCESS`);
  return object === undefined ? undefined : JSON.parse(Buffer.from(object.bytes).toString());
}

test('a partition is due when its time is over and nothing has come into it for long enough', () => {
  const options = { intervalMs: 10, idleMs: 5 };
  expect(isDue({ startMs: 100, writtenMs: 0, nowMs: 115 }, options)).toBe(false);
  expect(isDue({ startMs: 100, writtenMs: 0, nowMs: 116 }, options)).toBe(true);
  expect(isDue({ startMs: 100, writtenMs: 113, nowMs: 118 }, options)).toBe(false);
  expect(isDue({ startMs: 100, writtenMs: 113, nowMs: 119 }, options)).toBe(true);
});

test('maintenance marks what is done, once, and again when it was written since', async () => {
  const rows = await partitioned(daily, ['2001-09-08', '2001-09-09', 'never']);
  expect(await markDonePartitions(await rows.open())).toMatchObject({ status: 'done', marked: [] });
  rows.clock.advance(2.1 * hourMs);
  const receipt = await maintainTable(await rows.open(), { orphans: 'skip' });
  expect(receipt.lines[0]?.donePartitions).toMatchObject({ status: 'done', marked: ['p=2001-09-08'] });
  const first = await markOf(rows, 'p=2001-09-08');
  expect(first?.['creationTime']).toBe(first?.['modificationTime']);
  rows.clock.advance(hourMs);
  expect(await markDonePartitions(await rows.open())).toMatchObject({ marked: [] });
  await rows.write([['2001-09-08', 2, 'late']]);
  rows.clock.advance(24 * hourMs);
  expect((await markDonePartitions(await rows.open())).marked).toEqual(['p=2001-09-08', 'p=2001-09-09']);
  const again = await markOf(rows, 'p=2001-09-08');
  expect(again?.['creationTime']).toBe(first?.['creationTime']);
  expect(again?.['modificationTime']).toBeGreaterThan(first?.['modificationTime'] ?? 0);
  expect(await markOf(rows, 'p=never')).toBeUndefined();
  rows.clock.advance(72 * hourMs);
  await rows.write([['2001-09-13', 1, 'v']]);
  expect(await removeOrphanFiles(await rows.open())).toMatchObject({ removed: { fileCount: 0 } });
});

test('where readers do not see level 0 a partition waits for its compaction', async () => {
  const rows = await partitioned({ ...daily, 'merge-engine': 'first-row' }, ['2001-09-08']);
  rows.clock.advance(3 * hourMs);
  expect(await markDonePartitions(await rows.open())).toMatchObject({ status: 'done', marked: [] });
  await rows.compact({ isFull: true });
  rows.clock.advance(3 * hourMs);
  expect(await markDonePartitions(await rows.open())).toMatchObject({ marked: ['p=2001-09-08'] });
});

test('a mark that is none of ours is one, and is kept until the partition is written', async () => {
  const rows = await partitioned(daily, ['2001-09-08']);
  await rows.store.put('d.db/t/p=2001-09-08/_SUCCESS', new Uint8Array());
  rows.clock.advance(3 * hourMs);
  expect(await markDonePartitions(await rows.open())).toMatchObject({ status: 'done', marked: [] });
});

test('tables that ask for nothing get no marks, and what is not done is refused by name', async () => {
  const quiet = await partitioned({ 'partition.idle-time-to-done': '1 ms' }, ['2001-09-08']);
  quiet.clock.advance(99 * hourMs);
  expect(await markDonePartitions(await quiet.open())).toMatchObject({ status: 'done', marked: [] });
  for (const [key, value] of [
    ['partition.mark-done-action', 'success-file,done-partition'],
    ['partition.mark-done-action', 'mark-event'],
    ['partition.mark-done-action', 'http-report'],
    ['partition.mark-done-action', 'custom'],
    ['partition.mark-done-action.mode', 'watermark'],
  ] as const) {
    const rows = await partitioned({ ...daily, [key]: value }, ['2001-09-08']);
    const receipt = await markDonePartitions(await rows.open());
    expect(receipt).toMatchObject({ status: 'given-up', code: 'LAKE_UNSUPPORTED', marked: [] });
    const name = `${key}=${value.split(',').at(-1)}`;
    expect(receipt.status === 'given-up' && receipt.cause).toContain(name);
  }
});
