/** How far ingest and readers are behind. */
import { expect, test } from 'vitest';
import { ManualClock } from '../../test/table-fixture.ts';
import { seededRandom } from '../base/random.ts';
import { MemoryLogStore } from '../storage/memory/memory-log-store.ts';
import { MemoryObjectStore } from '../storage/memory/memory-object-store.ts';
import { t } from './column-types.ts';
import { openLake } from './lake.ts';
import { lagJson, lagLines } from './table-lag.ts';

const retentionMs = 3_600_000;

test('ingest, a place and a consumer are behind by the oldest record that they have not seen', async () => {
  const clock = new ManualClock();
  const random = seededRandom(2);
  const store = new MemoryObjectStore('memory:lag', clock);
  const log = new MemoryLogStore({ name: 'lag', shardCount: 1, retentionMs }, { clock, random });
  await using lake = await openLake({ warehouse: 'memory:lag', log: 'memory:lag' }, { store, log, clock, random });
  const columns = { k: t.int() };
  const table = await lake.createTable('d.t', { columns, primaryKey: ['k'], options: { bucket: 1 } });
  // What waits for a moment moves the clock by some milliseconds.
  const behind = async (request: Parameters<typeof table.lag>[0] = {}): Promise<readonly unknown[]> =>
    (await table.lag(request)).shards.map(({ behindMs, isLost }) => [Math.round(behindMs / 100) * 100, isLost]);
  await using writer = table.writer();
  expect(await behind()).toEqual([[0, false]]);
  await writer.upsert({ k: 1 });
  clock.advance(7_000);
  expect(await behind()).toEqual([[7_000, false]]);
  await lake.ingest();
  expect(await behind()).toEqual([[0, false]]);

  let resume = '';
  const read = { from: 'full', until: 'now', onPlace: (place: string) => void (resume = place) } as const;
  for await (const _ of table.subscribe({ ...read, consumer: 'c' }));
  expect(await behind({ resume })).toEqual([[0, false]]);
  await writer.upsert({ k: 2 });
  clock.advance(5_000);
  await lake.ingest();
  await writer.upsert({ k: 3 });
  clock.advance(1_000);
  // Both asked twice: nothing is moved.
  for (const _ of [1, 2]) {
    expect(await behind({ resume })).toEqual([[6_000, false]]);
    expect(await behind({ consumer: 'c' })).toEqual([[6_000, false]]);
    expect(await behind()).toEqual([[1_000, false]]);
  }
  const lag = await table.lag({ consumer: 'c' });
  expect([...lagLines(lag)]).toEqual([expect.stringMatching(/^\S+ {2}6\.0 s behind, behind \d+\n$/)]);
  expect(JSON.parse(lagJson(lag))).toMatchObject({
    snapshots: 0,
    shards: [{ isLost: false, position: expect.any(String) }],
  });
  await lake.ingest();
  clock.advance(2 * retentionMs);
  expect(await behind({ resume })).toEqual([[0, true]]);
  expect(await behind()).toEqual([[0, false]]);

  await expect(table.lag({ consumer: 'nobody' })).rejects.toMatchObject({ code: 'LAKE_CONSUMER_NOT_FOUND' });
  await expect(table.lag({ consumer: '../x' })).rejects.toMatchObject({ code: 'LAKE_BAD_NAME' });
  await expect(table.lag({ resume: 'x!' })).rejects.toMatchObject({ code: 'LAKE_BAD_RESUME' });
});

test('a reader of committed changes alone is behind by snapshots', async () => {
  const clock = new ManualClock();
  const random = seededRandom(2);
  const store = new MemoryObjectStore('memory:lag', clock);
  const log = new MemoryLogStore({ name: 'lag-2', shardCount: 1 }, { clock, random });
  await using lake = await openLake({ warehouse: 'memory:lag', log: 'memory:lag' }, { store, log, clock, random });
  const table = await lake.createTable('d.t', { columns: { k: t.int() }, primaryKey: ['k'], options: { bucket: 1 } });
  await using writer = table.writer();
  const write = async (k: number): Promise<void> => {
    await writer.upsert({ k });
    await lake.ingest();
  };
  await write(1);
  const committed = { from: 'full', until: 'now', consistency: 'transactional', consumer: 'c' } as const;
  for await (const _ of table.subscribe(committed));
  await write(2);
  await write(3);
  const lag = await table.lag({ consumer: 'c' });
  expect(lag).toEqual({ snapshots: 2, shards: [] });
  expect([...lagLines(lag)]).toEqual(['2 snapshots behind\n']);
});
