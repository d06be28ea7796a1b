/** Functions when time is short: what is answered is true, what is left comes again, and nothing is half done. */
import { expect, test } from 'vitest';
import { changedStore } from '../../../test/changed-ports.ts';
import { type Clock, systemClock } from '../../base/clock.ts';
import { seededRandom } from '../../base/random.ts';
import { openEventIngest } from '../../flow/ingest/ingest-event.ts';
import { MemoryLogStore } from '../../storage/memory/memory-log-store.ts';
import { MemoryObjectStore } from '../../storage/memory/memory-object-store.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { manifestCaches } from '../../table/manifests.ts';
import { t } from '../column-types.ts';
import { type Lake, openLake } from '../lake.ts';
import { type CompactParts, compactAll, compactReport } from './compact-function.ts';
import { ingestRecords } from './ingest-function.ts';
import { LookedTables } from './looked-tables.ts';
import { maintain } from './maintain-function.ts';

/** A clock that goes on only when it is told to, and wakes who sleeps then. */
class SteppedClock implements Clock {
  #nowMs = 1_700_000_000_000;
  readonly #sleepers = new Set<{ readonly untilMs: number; readonly wake: () => void }>();

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const sleeper = { untilMs: this.#nowMs + ms, wake: resolve };
    this.#sleepers.add(sleeper);
    signal?.addEventListener('abort', () => {
      this.#sleepers.delete(sleeper);
      reject(signal.reason);
    });
    return promise;
  }

  step(ms: number): void {
    this.#nowMs += ms;
    for (const sleeper of this.#sleepers) {
      if (sleeper.untilMs > this.#nowMs) continue;
      this.#sleepers.delete(sleeper);
      sleeper.wake();
    }
  }

  /** An invocation that ends so long from now. */
  context(leftMs: number): { getRemainingTimeInMillis: () => number } {
    const endMs = this.#nowMs + leftMs;
    return { getRemainingTimeInMillis: () => endMs - this.#nowMs };
  }
}

/** A store whose every answer takes its time. */
function slowStore(inner: ObjectStore, clock: SteppedClock, answerMs: number): ObjectStore {
  return changedStore(inner, {
    get: async (key, options) => {
      clock.step(answerMs);
      return inner.get(key, options);
    },
    put: async (key, bytes, options) => {
      clock.step(answerMs);
      return inner.put(key, bytes, options);
    },
    putIfAbsent: async (key, bytes, options) => {
      clock.step(answerMs);
      return inner.putIfAbsent(key, bytes, options);
    },
  });
}

const definition = { columns: { k: t.bigint(), v: t.string() }, options: { bucket: 2, 'bucket-key': 'k' } } as const;

/** A lake whose store and log are at hand, with tables of these names. */
async function lakeOf(name: string, tables: readonly string[]) {
  const components = { clock: systemClock, random: seededRandom(5) };
  const store = new MemoryObjectStore(`memory:${name}`, systemClock);
  const log = new MemoryLogStore({ name, shardCount: 1 }, components);
  const lake = await openLake({ warehouse: `memory:${name}` }, { store, log, ...components });
  for (const table of tables) await lake.createTable(table, definition);
  return { lake, store, log };
}

async function write(lake: Lake, table: string, from: number, to: number): Promise<void> {
  await using writer = (await lake.table(table)).writer();
  await Promise.all(Array.from({ length: to - from }, (_, index) => writer.insert({ k: from + index, v: 'v' })));
}

test.each([
  { answerMs: 100, leftTimes: 0 },
  { answerMs: 400, leftTimes: 6 },
  { answerMs: 900, leftTimes: 6 },
])(
  'ingest with 3 s left and $answerMs ms an answer says what is not in, $leftTimes times, and it comes once',
  async ({ answerMs, leftTimes }) => {
    const { lake, store, log } = await lakeOf(`in-time-${answerMs}`, ['db.t']);
    await using _lake = lake;
    await write(lake, 'db.t', 0, 40);
    const [{ shardId } = { shardId: '' }] = (await log.describe()).shards;
    const { records: envelopes } = await log.read(shardId, { kind: 'earliest' });
    const clock = new SteppedClock();
    const slow = slowStore(store, clock, answerMs);
    await using parts = openEventIngest({ store: slow, log, clock, random: seededRandom(2) });
    const first = String(envelopes[0]?.position);
    let leftCount = 0;
    for (let call = 0; call < 6; call += 1) {
      const { answer } = await ingestRecords(parts, [{ shardId, envelopes }], clock.context(3_000));
      const { rowsIn } = await (await lake.table('db.t')).accounting();
      const isIn = rowsIn === 40n;
      // What is acknowledged is in the table. What is in need not be acknowledged: it comes again, and is known.
      expect([0n, 40n]).toContain(rowsIn);
      if (answer.batchItemFailures.length === 0) {
        expect(isIn).toBe(true);
        continue;
      }
      leftCount += 1;
      expect(answer).toEqual({ batchItemFailures: [{ itemIdentifier: first }] });
    }
    expect(leftCount).toBe(leftTimes);
    const { answer } = await ingestRecords(parts, [{ shardId, envelopes }], clock.context(60_000));
    expect(answer).toEqual({ batchItemFailures: [] });
    expect(await (await lake.table('db.t')).scan().count()).toBe(40);
    expect(await (await lake.table('db.t')).accounting()).toMatchObject({ rowsIn: 40n, duplicates: 0n, gaps: 0n });
  },
);

test('a schedule compacts first what has waited longest, last what a compaction has left, and says what fails', async () => {
  const { lake, store } = await lakeOf('in-time-compact', ['db.newer', 'db.older', 'db.done', 'db.empty', 'db.broken']);
  await using _lake = lake;
  for (const table of ['db.done', 'db.older', 'db.newer', 'db.broken']) {
    for (let round = 0; round < 12; round += 1) {
      await write(lake, table, round * 10, round * 10 + 10);
      await lake.ingest();
    }
    if (table === 'db.done') await (await lake.table(table)).compact({ full: true });
  }
  const [snapshot] = await Array.fromAsync(store.list('db.db/broken/snapshot/snapshot-12'));
  const key = snapshot?.objects[0]?.key ?? '';
  await store.put(key, Buffer.from('{}'));
  const looked = new LookedTables();
  const caches = manifestCaches();
  const clock = systemClock;
  const parts: CompactParts = {
    clock,
    random: seededRandom(3),
    settings: { warehouse: 's3://b' },
    store,
    caches,
    looked,
  };
  const none = await compactAll(parts, { getRemainingTimeInMillis: () => 0 });
  expect(none).toEqual({
    tables: [],
    leftTables: 3,
    failures: [expect.stringMatching(/^db\.broken: LAKE_CORRUPT/)],
  });
  // Long after the last commit nobody waits for more runs.
  const later: Clock = { ...clock, nowMs: () => clock.nowMs() + 10 * 3_600_000 };
  const all = await compactAll({ ...parts, clock: later }, { getRemainingTimeInMillis: () => 600_000 });
  expect(all.leftTables).toBe(0);
  expect(all.tables.map(({ table, end }) => [table, end])).toEqual([
    ['db.older', 'done'],
    ['db.newer', 'done'],
    ['db.done', 'done'],
  ]);
  expect(all.tables.map(({ commits }) => commits > 0)).toEqual([true, true, false]);
  const report = compactReport(all);
  expect(report).toMatchObject({ hasTrouble: true, metrics: { FailedTables: 1, CompactionsGivenUp: 0 } });
  expect(report.fields).toMatchObject({ tableCount: 3, tables: [{ table: 'db.older' }, { table: 'db.newer' }] });
});

test('a bucket that is never done in time is told as given up', () => {
  const none = { table: 'db.t', filesBefore: 0, filesAfter: 0, lostSwaps: 0 };
  const stuck = compactReport({ ...none, end: 'out-of-time', commits: 0, stoppedBuckets: 1 });
  expect(stuck).toMatchObject({ hasTrouble: true, metrics: { CompactionsGivenUp: 1 } });
  const slow = compactReport({ ...none, end: 'out-of-time', commits: 2, stoppedBuckets: 1 });
  expect(slow).toMatchObject({ hasTrouble: false, metrics: { CompactionsGivenUp: 0 } });
});

test('maintenance without time does nothing half, and the next round does it', async () => {
  const { lake, store, log } = await lakeOf('in-time-maintain', ['db.t']);
  await using _lake = lake;
  for (let round = 0; round < 3; round += 1) {
    await write(lake, 'db.t', round * 10, round * 10 + 10);
    await lake.ingest();
  }
  const clock = new SteppedClock();
  const parts = { clock, random: seededRandom(3), settings: { warehouse: 's3://b' }, log };
  const slow = slowStore(store, clock, 2_000);
  const short = await maintain({ ...parts, store: slow }, { orphans: 'remove' }, clock.context(3_000));
  expect(short).toMatchObject({
    tables: 1,
    orphansRemoved: 0,
    givenUp: [expect.stringMatching(/^db\.t: LAKE_TIMEOUT/)],
  });
  expect(await (await lake.table('db.t')).scan().count()).toBe(30);
  const whole = await maintain({ ...parts, store }, { orphans: 'remove' }, clock.context(600_000));
  expect(whole).toMatchObject({ tables: 1, givenUp: [] });
  expect(await (await lake.table('db.t')).scan().count()).toBe(30);
});
