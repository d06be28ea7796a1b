/** Watches against what was really there: random changes, each complete batch is a state that the watched has had. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { hastyClock } from '../../../test/hasty-clock.ts';
import { StatesSeen, stateOf, WatchedAnswer } from '../../../test/watched-answer.ts';
import { present } from '../../base/assert.ts';
import { seededRandom } from '../../base/random.ts';
import { t } from '../column-types.ts';
import { type Lake, openLake } from '../lake.ts';
import type { WatchBatch } from './watch-rows.ts';

const clock = hastyClock(50);
const folders: string[] = [];

afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

async function folderUri(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tidelake-watch-'));
  folders.push(folder);
  return `file:${folder}`;
}

const columns = { k: t.int(), v: t.int(), w: t.string() };
type Row = { readonly k: number; readonly v: number; readonly w: string };

async function tableOf(lake: Lake, options: Record<string, string> = {}) {
  return lake.createTable('d.t', { columns, primaryKey: ['k'], options: { bucket: '1', ...options } });
}

type Table = Awaited<ReturnType<typeof tableOf>>;
type Watch = AsyncGenerator<WatchBatch<object>, void, undefined>;

/** What is watched, and what it should be by a model of the table. */
type Watched = {
  readonly open: (lake: Lake, table: Table, options: { resume?: string | undefined; signal: AbortSignal }) => Watch;
  readonly key: readonly string[];
  /** It goes on from any place, whatever happened between. */
  readonly isExact?: boolean;
  readonly expected: (rows: readonly Row[]) => readonly object[];
};

const kinds: Readonly<Record<string, Watched>> = {
  table: {
    open: (_, table, options) => table.watch({ ...options, intervalMs: 0 }),
    key: ['k'],
    expected: rows => rows,
  },
  'a filter and columns': {
    open: (_, table, options) => table.watch({ ...options, where: 'v >= 5', columns: ['v', 'k'] }),
    key: ['k'],
    isExact: true,
    expected: rows => rows.filter(({ v }) => v >= 5).map(({ v, k }) => ({ v, k })),
  },
  'a filter of SQL': {
    open: (_, table, options) => table.watch({ ...options, where: 'v % 2 = 1', intervalMs: 0 }),
    key: ['k'],
    expected: rows => rows.filter(({ v }) => v % 2 === 1),
  },
  'a query by key': {
    open: (lake, _, options) =>
      lake.watch('SELECT w, max(v) AS top, count(*) AS n FROM d.t GROUP BY w', {
        ...options,
        key: ['w'],
        intervalMs: 0,
      }),
    key: ['w'],
    expected: rows =>
      [...Map.groupBy(rows, ({ w }) => w)].map(([w, group]) => ({
        w,
        top: Math.max(...group.map(({ v }) => v)),
        n: BigInt(group.length),
      })),
  },
  'a query by whole rows': {
    open: (lake, _, options) => lake.watch('SELECT v, w FROM d.t WHERE v < 8', { ...options, intervalMs: 0 }),
    key: [],
    expected: rows => rows.filter(({ v }) => v < 8).map(({ v, w }) => ({ v, w })),
  },
};

type Turn = { readonly seed: number; readonly hasLog: boolean; readonly options?: Record<string, string> };

/** Writes, deletes, ingests, compacts and, now and then, kills the watch and goes on with another. */
async function follow(lake: Lake, watched: Watched, { seed, hasLog, options }: Turn): Promise<void> {
  const random = seededRandom(seed);
  const upTo = (count: number): number => Math.floor(random.next() * count);
  const table = await tableOf(lake, options);
  const model = new Map<number, Row>();
  const states = new StatesSeen(stateOf(watched.expected([])));
  const answer = new WatchedAnswer(watched.key);
  let stop = new AbortController();
  let watch = watched.open(lake, table, { signal: stop.signal });
  let pending: Promise<IteratorResult<WatchBatch<object>, void>> | undefined;
  const step = async (): Promise<void> => {
    pending ??= watch.next();
    const { value } = await pending;
    pending = undefined;
    answer.apply(present(value ?? undefined, 'a batch'));
    states.check(answer.state());
  };
  const write = async (): Promise<void> => {
    await using writer = table.writer({ batchRowsMax: 1 });
    const k = upTo(12);
    const isGone = model.has(k) && random.next() < 0.3;
    const row = { k, v: upTo(10), w: `w${upTo(4)}` };
    if (isGone) model.delete(k);
    else model.set(k, row);
    // Before it is written: the watch may be quicker than the writer's answer.
    states.push(stateOf(watched.expected([...model.values()])));
    await (isGone ? writer.delete({ k }) : writer.upsert(row));
  };
  for (let turn = 0; turn < 24; turn += 1) {
    for (let count = upTo(3); count >= 0; count -= 1) await write();
    if (hasLog && random.next() < 0.3) await lake.ingest();
    if (random.next() < 0.25) await table.compact({ full: random.next() < 0.5 });
    // A consumer that is away for some turns.
    if (random.next() < 0.6) while (!states.check(answer.state())) await step();
    if (random.next() < 0.2 && answer.resume !== undefined) {
      stop.abort();
      await pending?.catch(() => undefined);
      pending = undefined;
      expect((await watch.next()).done).toBe(true);
      stop = new AbortController();
      watch = watched.open(lake, table, { resume: answer.resume, signal: stop.signal });
    }
  }
  await write();
  while (!states.check(answer.state())) await step();
  expect(answer.state()).toBe(states.last);
  if (watched.isExact === true && options === undefined) expect(answer.fullCount).toBe(1);
  stop.abort();
  await watch.return();
}

for (const [name, watched] of Object.entries(kinds)) {
  test(`${name}, of a lake with a log: each complete batch is a state it has had`, async () => {
    for (const seed of [1, 2]) {
      const uri = await folderUri();
      await using lake = await openLake({ warehouse: uri, log: `${uri}/log` }, { clock });
      await follow(lake, watched, { seed, hasLog: true });
    }
  }, 120_000);

  test(`${name}, of a lake without a log: each complete batch is a state it has had`, async () => {
    await using lake = await openLake({ warehouse: await folderUri() }, { clock });
    await follow(lake, watched, { seed: 3, hasLog: false });
  }, 120_000);
}

test('a table that merges otherwise than by the newest row is watched by its answers', async () => {
  const uri = await folderUri();
  await using lake = await openLake({ warehouse: uri, log: `${uri}/log` }, { clock });
  await follow(lake, present(kinds['table'], 'it'), {
    seed: 4,
    hasLog: true,
    options: { 'changelog-producer': 'lookup' },
  });
}, 120_000);
