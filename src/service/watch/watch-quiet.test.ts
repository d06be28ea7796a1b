/** What watches ask of a lake in which nothing happens, by the minute, in virtual time. */
import { expect, test } from 'vitest';
import { Scheduler } from '../../../test/simulation/scheduler.ts';
import { virtualClock } from '../../../test/virtual-clock.ts';
import { seededRandom } from '../../base/random.ts';
import { countingLogStore } from '../../storage/counting-log-store.ts';
import { countingObjectStore } from '../../storage/counting-object-store.ts';
import { openMemoryLog } from '../../storage/memory/memory-log-store.ts';
import { MemoryObjectStore } from '../../storage/memory/memory-object-store.ts';
import { t } from '../column-types.ts';
import { Lake } from '../lake.ts';
import { openLakeParts } from '../lake-parts.ts';
import type { LakeTable } from '../lake-table.ts';
import type { AnyShape } from '../table-shape.ts';
import type { WatchBatch } from './watch-rows.ts';

const startMs = Date.parse('2026-11-27T00:00:00Z');
type Watch = AsyncGenerator<WatchBatch<object>, void, undefined>;
type Open = (lake: Lake, table: LakeTable<AnyShape>, signal: AbortSignal) => Watch;

const ofTable: Open = (_, table, signal) => table.watch({ signal });
// A table that is watched by its answers, as queries are; without DuckDB, which takes real time.
const ofAnswers: Open = (_, table, signal) => table.watch({ where: 'v = 1', signal });

/** Requests of a minute, after the first. */
async function quietMinute(open: Open, hasLog: boolean, options: Record<string, string> = {}) {
  const scheduler = new Scheduler(startMs, () => 0.5);
  const components = { clock: virtualClock(scheduler), random: seededRandom(5) };
  const { clock } = components;
  const store = countingObjectStore(new MemoryObjectStore('memory:quiet-watch', clock));
  const log = countingLogStore(
    openMemoryLog({ name: `quiet-watch-${hasLog}-${Object.keys(options).length}` }, components),
  );
  const settings = {
    warehouse: 's3://bucket',
    cost: { ledger: 'off' },
    ...(hasLog ? { log: 'memory:x' } : {}),
  } as const;
  const running = (async () => {
    await using parts = await openLakeParts(settings, { store, ...components, ...(hasLog ? { log } : {}) });
    const lake = new Lake(parts);
    await lake.createTable('d.t', {
      columns: { k: t.int(), v: t.int() },
      primaryKey: ['k'],
      options: { bucket: '1', ...options },
    });
    const table = await lake.table('d.t');
    await using writer = table.writer();
    await writer.upsert({ k: 1, v: 1 });
    const stop = new AbortController();
    const watch = open(lake, table, stop.signal);
    await watch.next();
    const following = (async () => {
      for await (const _ of watch);
    })();
    await clock.sleep(60_000);
    store.reset();
    log.reset();
    await clock.sleep(60_000);
    const { bytesRead: _r, bytesWritten: _w, ...operations } = store.counts();
    const asked = Object.fromEntries(Object.entries(operations).filter(([, count]) => count > 0));
    const { read } = log.counts();
    stop.abort();
    await following;
    return { ...asked, read };
  })();
  let isOver = false;
  const over = running.finally(() => {
    isOver = true;
  });
  await scheduler.run(() => isOver, startMs + 3_600_000);
  return over;
}

test('a quiet minute of a watch on a log of four shards: a look beside it every five seconds, and the log’s own waiting', async () => {
  expect(await quietMinute(ofTable, true)).toEqual({ get: 12, read: 4 * 60 });
  expect(await quietMinute(ofAnswers, true, { 'changelog-producer': 'lookup' })).toEqual({ get: 12, read: 4 * 60 });
});

test('a quiet minute of a watch without a log: a look for the next snapshot twice a second', async () => {
  expect(await quietMinute(ofTable, false)).toEqual({ get: 126, list: 6, read: 0 });
  expect(await quietMinute(ofAnswers, false, { 'changelog-producer': 'lookup' })).toEqual({ get: 120, read: 0 });
});
