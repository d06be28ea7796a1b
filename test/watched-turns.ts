/**
 * A life of a watched table: random writes, deletes, ingests and compactions, a consumer that is away now and then, and watches
 * that end and are gone on from. Each complete batch must be a state that the watched has had, and none may be of before.
 */
import { strictEqual } from 'node:assert/strict';
import { present } from '../src/base/assert.ts';
import { seededRandom } from '../src/base/random.ts';
import { type AnyShape, type Lake, type LakeTable, t, type WatchBatch } from '../src/index.ts';
import { StatesSeen, stateOf, WatchedAnswer } from './watched-answer.ts';

const columns = { k: t.int(), v: t.int(), w: t.string() };
type Row = { readonly k: number; readonly v: number; readonly w: string };

type Table = LakeTable<AnyShape>;

async function tableOf(lake: Lake, options: Record<string, string> = {}): Promise<Table> {
  await lake.createTable('d.t', { columns, primaryKey: ['k'], options: { bucket: '1', ...options } });
  return lake.table('d.t');
}

type Watch = AsyncGenerator<WatchBatch<object>, void, undefined>;

/** What is watched, and what it should be by a model of the table. */
export type Watched = {
  readonly open: (lake: Lake, table: Table, options: { resume?: string | undefined; signal: AbortSignal }) => Watch;
  readonly key: readonly string[];
  /** It goes on from any place, whatever happened between. */
  readonly isExact?: boolean;
  readonly expected: (rows: readonly Row[]) => readonly object[];
};

export const watchedKinds: Readonly<Record<string, Watched>> = {
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

export type WatchedTurns = {
  readonly seed: number;
  readonly hasLog: boolean;
  readonly options?: Record<string, string>;
};

/** Writes, deletes, ingests, compacts and, now and then, kills the watch and goes on with another. */
export async function followChanges(
  lake: Lake,
  watched: Watched,
  { seed, hasLog, options }: WatchedTurns,
): Promise<void> {
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
      strictEqual((await watch.next()).done, true);
      stop = new AbortController();
      watch = watched.open(lake, table, { resume: answer.resume, signal: stop.signal });
    }
  }
  await write();
  while (!states.check(answer.state())) await step();
  strictEqual(answer.state(), states.last);
  if (watched.isExact === true && options === undefined) strictEqual(answer.fullCount, 1);
  stop.abort();
  await watch.return();
}
