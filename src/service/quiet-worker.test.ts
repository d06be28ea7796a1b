/** What a worker asks of a lake in which nothing happens, and how often it commits rows that trickle; in virtual time. */
import { beforeAll, expect, test } from 'vitest';
import { Scheduler } from '../../test/simulation/scheduler.ts';
import { runUntil, virtualClock } from '../../test/virtual-clock.ts';
import type { Clock } from '../base/clock.ts';
import { seededRandom } from '../base/random.ts';
import { parquetCodec } from '../format/parquet/wasm-door.ts';
import { countingObjectStore, type ObjectStoreCounts } from '../storage/counting-object-store.ts';
import { openMemoryLog } from '../storage/memory/memory-log-store.ts';
import { MemoryObjectStore } from '../storage/memory/memory-object-store.ts';
import { t } from './column-types.ts';
import { Lake } from './lake.ts';
import { openLakeParts } from './lake-parts.ts';
import { LakeWorker } from './worker.ts';
import type { WorkerEvent } from './worker-events.ts';

const startMs = Date.parse('2026-11-27T00:00:00Z');
const hourMs = 3_600_000;
/** An hour; docs/COST.md says so by the minute. */
const quietRequests = 105;

// What is loaded once takes real time, in which virtual time would run on.
beforeAll(async () => {
  await parquetCodec();
});

/** Of all kinds: counts but those of bytes. */
function requestsOf({ bytesRead: _read, bytesWritten: _written, ...operations }: ObjectStoreCounts): number {
  return Object.values(operations).reduce((sum, count) => sum + count, 0);
}

/** A lake with one table and a worker; the load is run in virtual time. */
async function lakeUnder(load: (write: (k: number) => Promise<void>, clock: Clock) => Promise<void>, hours: number) {
  const scheduler = new Scheduler(startMs, () => 0.5);
  const clock = virtualClock(scheduler);
  const components = { clock, random: seededRandom(5) };
  const store = countingObjectStore(new MemoryObjectStore('memory:quiet-worker', clock));
  const log = openMemoryLog({ name: `quiet-${hours}-${load.length}` }, components);
  const settings = { warehouse: 's3://bucket', log: 'memory:x', cost: { ledger: 'off' } } as const;
  const opening = openLakeParts(settings, { store, log, ...components });
  const events: WorkerEvent[] = [];
  const hourly: number[] = [];
  const running = (async () => {
    const parts = await opening;
    const lake = new Lake(parts);
    const table = await lake.createTable('d.t', {
      columns: { k: t.int(), v: t.string() },
      primaryKey: ['k'],
      options: { bucket: '1' },
    });
    await using worker = new LakeWorker(parts, { onEvent: event => events.push(event) });
    await using writer = table.writer();
    const loading = load(async k => void (await writer.upsert({ k, v: 'x' })), clock);
    for (let hour = 0; hour < hours; hour += 1) {
      const before = store.counts();
      await clock.sleep(startMs + (hour + 1) * hourMs - clock.nowMs());
      const after = store.counts();
      hourly.push(requestsOf(after) - requestsOf(before));
    }
    await loading;
    void worker;
  })();
  await runUntil(scheduler, running);
  return { events, hourly };
}

test('in a quiet lake a worker soon comes to a request or two a minute', async () => {
  const { events, hourly } = await lakeUnder(async write => write(1), 6);
  expect(events).toMatchObject([{ kind: 'ingested', table: 'd.t', rowCount: 1 }]);
  expect(hourly.slice(1)).toEqual(Array.from({ length: 5 }, () => quietRequests));
  expect(hourly[0]).toBeGreaterThan(quietRequests * 2);
});

test('rows that trickle in are committed every ten seconds, the first of them after one', async () => {
  const trickle = async (write: (k: number) => Promise<void>, clock: Clock): Promise<void> => {
    for (let k = 0; k < 300; k += 1) {
      await clock.sleep(1_000);
      await write(k);
    }
  };
  const { events } = await lakeUnder(trickle, 1);
  const commits = events.filter(event => event.kind === 'ingested');
  expect(commits.reduce((sum, { rowCount }) => sum + rowCount, 0)).toBe(300);
  expect(commits.length).toBeGreaterThanOrEqual(27);
  expect(commits.length).toBeLessThanOrEqual(34);
});
