/** Watches: what begins again, what is refused, what a slow consumer costs, and what a quiet minute does. */
import { expect, test } from 'vitest';
import { hastyClock } from '../../../test/hasty-clock.ts';
import { StatesSeen, stateOf, WatchedAnswer } from '../../../test/watched-answer.ts';
import { present } from '../../base/assert.ts';
import { seededRandom } from '../../base/random.ts';
import { countingLogStore } from '../../storage/counting-log-store.ts';
import { countingObjectStore } from '../../storage/counting-object-store.ts';
import { openMemoryLog } from '../../storage/memory/memory-log-store.ts';
import { MemoryObjectStore } from '../../storage/memory/memory-object-store.ts';
import { t } from '../column-types.ts';
import { type Lake, openLake } from '../lake.ts';
import type { WatchBatch } from './watch-rows.ts';

const clock = hastyClock(50);

function countedLake(name: string, hasLog = true) {
  const random = seededRandom(7);
  const store = countingObjectStore(new MemoryObjectStore(`memory:${name}`, clock));
  const log = countingLogStore(openMemoryLog({ name }, { clock, random }));
  const settings = {
    warehouse: 's3://bucket',
    cost: { ledger: 'off' },
    ...(hasLog ? { log: 'memory:x' } : {}),
  } as const;
  const opening = openLake(settings, { store, clock, random, ...(hasLog ? { log } : {}) });
  return { opening, store, log };
}

async function tableOf(lake: Lake, name = 'd.t', options: Record<string, string> = {}) {
  return lake.createTable(name, {
    columns: { k: t.int(), v: t.int() },
    primaryKey: ['k'],
    options: { bucket: '1', ...options },
  });
}

type Table = Awaited<ReturnType<typeof tableOf>>;
type Watch = AsyncGenerator<WatchBatch<object>, void, undefined>;

async function put(table: Table, rows: readonly (readonly [number, number])[]): Promise<void> {
  await using writer = table.writer();
  await Promise.all(rows.map(([k, v]) => writer.upsert({ k, v })));
}

async function next(watch: Watch): Promise<WatchBatch<object>> {
  return present((await watch.next()).value ?? undefined, 'a batch');
}

async function until(watch: Watch, answer: WatchedAnswer, state: string): Promise<void> {
  while (answer.state() !== state) answer.apply(await next(watch));
}

test('rows that were put beside the log are seen: the answer comes whole again', async () => {
  await using lake = await countedLake('beside').opening;
  const table = await tableOf(lake);
  await put(table, [
    [1, 1],
    [2, 2],
  ]);
  const answer = new WatchedAnswer(['k']);
  const watch = table.watch();
  await until(
    watch,
    answer,
    stateOf([
      { k: 1, v: 1 },
      { k: 2, v: 2 },
    ]),
  );
  expect(answer.fullCount).toBe(1);
  await table.overwrite([{ k: 3, v: 3 }]);
  await until(watch, answer, stateOf([{ k: 3, v: 3 }]));
  expect(answer.fullCount).toBe(2);
  await put(table, [[4, 4]]);
  await until(
    watch,
    answer,
    stateOf([
      { k: 3, v: 3 },
      { k: 4, v: 4 },
    ]),
  );
  expect(answer.fullCount).toBe(2);
  await watch.return();
  // Overwritten while nobody watched.
  const { resume } = answer;
  await table.truncate();
  const later = table.watch({ resume });
  await until(later, answer, '');
  expect(answer.fullCount).toBe(3);
  await later.return();
});

test('who comes back gets what changed and nothing twice; of a query whose answer is another by now, the answer', async () => {
  await using lake = await countedLake('back').opening;
  const table = await tableOf(lake);
  await put(table, [
    [1, 1],
    [2, 2],
  ]);
  const first = table.watch();
  const answer = new WatchedAnswer(['k']);
  await until(
    first,
    answer,
    stateOf([
      { k: 1, v: 1 },
      { k: 2, v: 2 },
    ]),
  );
  await first.return();
  await put(table, [[2, 3]]);
  await lake.ingest();
  const second = table.watch({ resume: answer.resume });
  const changes: unknown[] = [];
  while (changes.length === 0) changes.push(...(await next(second)).changes);
  expect(changes).toEqual([{ op: '+', row: { k: 2, v: 3 } }]);
  await second.return();

  const sum = 'SELECT sum(v) AS s FROM d.t';
  const query = lake.watch(sum);
  const { resume, kind } = await next(query);
  expect(kind).toBe('full');
  await query.return();
  const same = lake.watch(sum, { resume });
  expect(await next(same)).toMatchObject({ kind: 'delta', changes: [], isComplete: true });
  await put(table, [[3, 1]]);
  const delta = await next(same);
  expect(delta.changes).toEqual([
    { op: '-', row: { s: '4' } },
    { op: '+', row: { s: '5' } },
  ]);
  await same.return();
  const other = lake.watch(sum, { resume });
  expect(await next(other)).toMatchObject({ kind: 'full', changes: [{ op: '+', row: { s: '5' } }] });
  await other.return();
});

test('two tables in one query: each ring of either is followed by an answer that has it', async () => {
  await using lake = await countedLake('two').opening;
  const left = await tableOf(lake, 'd.l');
  const right = await tableOf(lake, 'd.r');
  const answer = new WatchedAnswer(['k']);
  const watch = lake.watch('SELECT l.k, l.v + r.v AS v FROM d.l JOIN d.r USING (k)', { key: ['k'], intervalMs: 0 });
  const states = new StatesSeen('');
  await put(left, [[1, 1]]);
  states.push(stateOf([{ k: 1, v: 3 }]));
  await put(right, [[1, 2]]);
  while (!states.check(answer.state())) answer.apply(await next(watch));
  states.push(stateOf([{ k: 1, v: 12 }]));
  await put(left, [[1, 10]]);
  while (!states.check(answer.state())) answer.apply(await next(watch));
  states.push(stateOf([{ k: 1, v: 30 }]));
  await put(right, [[1, 20]]);
  while (!states.check(answer.state())) answer.apply(await next(watch));
  expect(answer.fullCount).toBe(1);
  await watch.return();
});

test('an append table: rows come, equal ones as often as they were written', async () => {
  await using lake = await countedLake('append').opening;
  const table = await lake.createTable('d.a', { columns: { v: t.int() }, options: { bucket: '1', 'bucket-key': 'v' } });
  const watch = table.watch({ where: 'v > 0' });
  const answer = new WatchedAnswer([]);
  const add = async (values: readonly number[]): Promise<void> => {
    await using writer = table.writer();
    await Promise.all(values.map(v => writer.insert({ v })));
  };
  await add([1, 1, 0, 2]);
  await until(watch, answer, stateOf([{ v: 1 }, { v: 1 }, { v: 2 }]));
  await lake.ingest();
  await add([1, 0]);
  await until(watch, answer, stateOf([{ v: 1 }, { v: 1 }, { v: 1 }, { v: 2 }]));
  expect(answer.fullCount).toBe(1);
  await watch.return();
});

test('a consumer that is away costs nothing: nothing is read, and the difference comes by key', async () => {
  const { opening, log, store } = countedLake('slow');
  await using lake = await opening;
  const table = await tableOf(lake);
  await put(table, [[0, 0]]);
  for (const watch of [table.watch(), lake.watch('SELECT k, v FROM d.t', { key: ['k'] })] as Watch[]) {
    const answer = new WatchedAnswer(['k']);
    answer.apply(await next(watch));
    const written = Array.from({ length: 5_000 }, (_, n) => [n % 10, n] as const);
    await put(table, written);
    const [{ read, bytesRead }, { get }] = [log.counts(), store.counts()];
    // More than any poll waits for.
    await clock.sleep(30_000);
    expect(log.counts()).toMatchObject({ read, bytesRead });
    expect(store.counts().get).toBe(get);
    let batchCount = 0;
    let changeCount = 0;
    const expected = stateOf(Array.from({ length: 10 }, (_, k) => ({ k, v: 4_990 + k })));
    while (answer.state() !== expected) {
      const batch = await next(watch);
      batchCount += 1;
      changeCount += batch.changes.length;
      expect(batch.changes.length).toBeLessThanOrEqual(10);
      answer.apply(batch);
    }
    expect(changeCount).toBeLessThanOrEqual(10 * batchCount);
    await watch.return();
  }
});

test('what cannot be watched is refused by its code', async () => {
  await using lake = await countedLake('refused').opening;
  const table = await tableOf(lake);
  await put(table, [
    [1, 1],
    [2, 1],
    [3, 1],
  ]);
  const watches: Record<string, Watch> = {
    LAKE_BAD_WATCH: lake.watch('SELECT 1'),
    LAKE_WATCH_KEY: lake.watch('SELECT k, v FROM d.t', { key: ['v'] }),
    LAKE_WATCH_TOO_LARGE: lake.watch('SELECT k, v FROM d.t', { rowsMax: 2 }),
    LAKE_UNKNOWN_COLUMN: lake.watch('SELECT k, v FROM d.t', { key: ['x'] }),
    LAKE_TABLE_NOT_FOUND: lake.watch('SELECT k, v FROM d.none'),
  };
  for (const [code, watch] of Object.entries(watches)) await expect(watch.next()).rejects.toMatchObject({ code });
  for (const text of ['DROP TABLE d.t', 'SELECT k FROM d.t; SELECT v FROM d.t']) {
    await expect(lake.watch(text).next()).rejects.toMatchObject({ code: 'LAKE_BAD_WATCH' });
  }
  const small = lake.watch('SELECT k FROM d.t', { bytesMax: 300 });
  await expect(small.next()).rejects.toMatchObject({ code: 'LAKE_WATCH_TOO_LARGE' });
  const ofTable = table.watch();
  const { resume } = await next(ofTable);
  await ofTable.return();
  const badPlace = expect.objectContaining({ code: 'LAKE_BAD_RESUME' });
  expect(() => table.watch({ resume, where: 'v = 1' })).toThrow(badPlace);
  expect(() => table.watch({ resume: 'x' })).toThrow(badPlace);
  expect(() => lake.watch('SELECT k FROM d.t', { resume })).toThrow(badPlace);
  expect(() => table.watch({ intervalMs: -1 })).toThrow(expect.objectContaining({ code: 'LAKE_BAD_WATCH' }));
});

test('a watch ends when its signal aborts, without an error, also while it waits', async () => {
  await using lake = await countedLake('ends').opening;
  const table = await tableOf(lake);
  for (const open of [
    (signal: AbortSignal): Watch => table.watch({ signal }),
    (signal: AbortSignal): Watch => lake.watch('SELECT k FROM d.t', { signal }),
  ]) {
    const stop = new AbortController();
    const watch = open(stop.signal);
    await next(watch);
    const waiting = (async () => {
      for await (const _ of watch);
    })();
    stop.abort();
    await waiting;
  }
});
