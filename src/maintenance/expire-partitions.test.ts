import { expect, test } from 'vitest';
import { rowTable } from '../../test/row-fixture.ts';
import { beforePutIfAbsent, putSchema } from '../../test/table-fixture.ts';
import { openTable } from '../table/table.ts';
import { maintainTable } from './maintain-table.ts';

const options = { bucket: '1', 'partition.expiration-time': '7 d' };

test('maintenance drops partitions whose time is over, oldest first and so many at most', async () => {
  const rows = await rowTable({
    primaryKeys: ['p', 'k'],
    partitionKeys: ['p'],
    options: { ...options, 'partition.expiration-max-num': '2' },
  });
  // It is 2001-09-09 01:46.
  for (const p of ['2001-09-08', '2001-09-01', '2001-08-01', '2001-07-01', 'none', '2001-09-02'])
    await rows.write([[p, 1, p]]);
  const first = await maintainTable(await rows.open(), { orphans: 'skip' });
  expect(first.end).toEqual({ status: 'done' });
  expect(first.lines[0]?.partitions.expired).toEqual(['p=2001-07-01', 'p=2001-08-01']);
  const second = await maintainTable(await rows.open(), { orphans: 'skip' });
  expect(second.lines[0]?.partitions.expired).toEqual(['p=2001-09-01', 'p=2001-09-02']);
  expect((await rows.rows()).map(([p]) => p)).toEqual(['2001-09-08', 'none']);
});

test('by when they were written, partitions without a time expire, too', async () => {
  const rows = await rowTable({
    primaryKeys: ['p', 'k'],
    partitionKeys: ['p'],
    options: { ...options, 'partition.expiration-strategy': 'update-time' },
  });
  await rows.write([
    ['old', 1, 'v'],
    ['kept', 1, 'v'],
  ]);
  rows.clock.advance(8 * 86_400_000);
  await rows.write([['kept', 2, 'v']]);
  const { lines } = await maintainTable(await rows.open(), { orphans: 'skip' });
  expect(lines[0]?.partitions.expired).toEqual(['p=old']);
  expect(await rows.rows()).toHaveLength(2);
});

test('a partition that is written while it is about to expire by its time of writing stays, with all its rows', async () => {
  const rows = await rowTable({
    primaryKeys: ['p', 'k'],
    partitionKeys: ['p'],
    options: { ...options, bucket: '-1', 'partition.expiration-strategy': 'update-time' },
  });
  await rows.write([
    ['written', 1, 'v'],
    ['old', 1, 'v'],
  ]);
  rows.clock.advance(8 * 86_400_000);
  const store = beforePutIfAbsent(rows.store, 'snapshot/snapshot-2', async () => {
    await rows.write([['written', 2, 'v']]);
  });
  const { lines } = await maintainTable(await openTable(store, { database: 'd', name: 't' }, rows), {
    orphans: 'skip',
  });
  expect(lines[0]?.partitions).toMatchObject({ status: 'done', expired: ['p=old'] });
  expect(await rows.rows()).toEqual([
    ['written', 1, 'v'],
    ['written', 2, 'v'],
  ]);
  // Its keys still have the buckets they had.
  await rows.write([['written', 1, 'w']]);
  expect(await rows.rows()).toHaveLength(2);
});

test('without the option, and without partitions, nothing expires; a bad option is told', async () => {
  const whole = await rowTable();
  await whole.write([['x', 1, 'v']]);
  // As another program may have made it: we refuse the option there.
  const { schema } = await whole.open();
  await putSchema(whole.store, { ...schema, id: 1, options: { ...schema.options, ...options } });
  expect((await maintainTable(await whole.open(), { orphans: 'skip' })).lines[0]?.partitions.expired).toEqual([]);
  const odd = await rowTable({
    primaryKeys: ['p', 'k'],
    partitionKeys: ['p'],
    options: { ...options, 'partition.timestamp-formatter': 'EEE' },
  });
  await odd.write([['x', 1, 'v']]);
  expect((await maintainTable(await odd.open(), { orphans: 'skip' })).end).toMatchObject({ code: 'LAKE_BAD_OPTION' });
});
