/** The SDK's subscription, and that another goes on where one ended. */
import { expect, test } from 'vitest';
import { changesOf, serverEvents } from '../../test/event-stream.ts';
import { present } from '../base/assert.ts';
import { t } from './column-types.ts';
import { catalogApp } from './http/catalog-app.ts';
import { catalogPartsOf } from './http/catalog-parts.ts';
import { type Lake, openLake } from './lake.ts';
import { openLakeParts } from './lake-parts.ts';
import type { SubscriptionStart } from './subscribe-request.ts';
import type { SubscribedChange } from './subscribe-table.ts';

const spec = { columns: { k: t.int(), v: t.string() }, primaryKey: ['k'], options: { bucket: 2 } } as const;
type Change = SubscribedChange<{ k: number; v: string }>;

async function tableOf(lake: Lake, name = 'd.t') {
  return lake.createTable(name, { ...spec });
}

type Followed = Pick<Awaited<ReturnType<typeof tableOf>>, 'subscribe' | 'writer'>;

async function write(table: Followed, from: number, to: number): Promise<void> {
  await using writer = table.writer({ batchRowsMax: 7 });
  await Promise.all(Array.from({ length: to - from }, (_, index) => writer.upsert({ k: from + index, v: 'x' })));
}

/** The first changes, and the newest place that was told when they had been taken. */
async function take(
  table: Followed,
  { from, count }: { readonly from: SubscriptionStart; readonly count: number },
): Promise<{ readonly changes: readonly Change[]; readonly place: string }> {
  const stop = new AbortController();
  const changes: Change[] = [];
  let place: string | undefined;
  const onPlace = (resume: string): void => {
    place = resume;
    if (changes.length >= count) stop.abort();
  };
  for await (const change of table.subscribe({ from, onPlace, signal: stop.signal })) changes.push(change);
  return { changes, place: present(place, 'a place') };
}

const keysOf = (changes: readonly Change[]): readonly number[] =>
  changes.map(({ row }) => row.k).toSorted((a, b) => a - b);
const range = (from: number, to: number): readonly number[] => Array.from({ length: to - from }, (_, n) => from + n);

test('where one subscription of a log ended another goes on, whatever was committed between', async () => {
  await using lake = await openLake({ warehouse: 'memory:resumed', log: 'memory:resumed' });
  const table = await tableOf(lake);
  await write(table, 0, 40);
  const first = await take(table, { from: 'full', count: 40 });
  expect(keysOf(first.changes)).toEqual(range(0, 40));
  expect(first.changes.map(({ resume }) => resume).findLast(resume => resume !== undefined)).toBe(first.place);
  let place = first.place;
  for (let turn = 1; turn < 6; turn += 1) {
    if (turn % 2 === 0) await lake.ingest();
    await write(table, turn * 40, turn * 40 + 40);
    if (turn % 3 === 0) await lake.ingest();
    const next = await take(table, { from: { resume: place }, count: 40 });
    expect(keysOf(next.changes)).toEqual(range(turn * 40, turn * 40 + 40));
    place = next.place;
  }
});

test('every place can be gone on from: what was before it does not come, what follows does', async () => {
  await using lake = await openLake({ warehouse: 'memory:each-place', log: 'memory:each-place' });
  const table = await tableOf(lake);
  const begin = await take(table, { from: 'latest', count: 0 });
  expect(begin.changes).toEqual([]);
  const places = [begin.place];
  for (let turn = 0; turn < 4; turn += 1) {
    await write(table, turn * 15, turn * 15 + 15);
    if (turn === 1) await lake.ingest();
    const { changes } = await take(table, { from: { resume: places[turn] ?? '' }, count: 15 });
    const told = changes.flatMap(({ resume }) => resume ?? []);
    expect(told.length).toBeGreaterThan(0);
    places.push(told.at(-1) ?? '');
  }
  for (const [index, resume] of places.slice(0, -1).entries()) {
    const rest = await take(table, { from: { resume }, count: 60 - index * 15 });
    expect(keysOf(rest.changes)).toEqual(range(index * 15, 60));
  }
});

test('without a log the place is a snapshot', async () => {
  await using lake = await openLake({ warehouse: 'memory:no-log' });
  const table = await tableOf(lake);
  await write(table, 0, 10);
  const first = await take(table, { from: 'full', count: 10 });
  expect(first.changes.map(({ phase, resume }) => `${phase} ${resume}`)).toEqual(
    range(0, 10).map(() => 'snapshot undefined'),
  );
  await write(table, 10, 20);
  await write(table, 20, 30);
  const next = await take(table, { from: { resume: first.place }, count: 20 });
  expect(keysOf(next.changes)).toEqual(range(10, 30));
  expect(next.changes.at(-1)?.resume).toBe(next.place);
});

test('a place is the same over HTTP, both ways', async () => {
  const address = 'memory:places-by-http';
  await using lake = await openLake({ warehouse: address, log: address });
  await using parts = await openLakeParts({ warehouse: address, log: address });
  const app = catalogApp(async () => catalogPartsOf({ ...parts, purpose: 'read' }, parts.log));
  const table = await tableOf(lake);
  await write(table, 0, 10);
  const { place } = await take(table, { from: 'full', count: 10 });
  await write(table, 10, 20);
  const answer = await app.fetch(new Request(`https://lake/v1/tables/d.t/changes?resume=${place}`), {
    context: { getRemainingTimeInMillis: () => 60_000 },
    requestId: 'invocation-1',
    report: () => undefined,
  });
  let [count, id] = [0, ''];
  for await (const event of serverEvents(present(answer.body, 'a body'))) {
    count += changesOf(event).length;
    id = event.id ?? id;
    if (count === 10 && event.id !== undefined) break;
  }
  await write(table, 20, 30);
  expect(keysOf((await take(table, { from: { resume: id }, count: 10 })).changes)).toEqual(range(20, 30));
});

test('committed changes only, of rows that pass, until now; what the log has is not among them', async () => {
  await using lake = await openLake({ warehouse: 'memory:committed', log: 'memory:committed' });
  const table = await tableOf(lake);
  await write(table, 0, 10);
  await lake.ingest();
  await write(table, 10, 20);
  const view = { where: 'k >= 5', until: 'now' } as const;
  const keys = async (consistency: 'transactional' | 'eventual'): Promise<readonly number[]> =>
    keysOf(await Array.fromAsync(table.subscribe({ from: 'full', consistency, ...view })));
  expect(await keys('transactional')).toEqual(range(5, 10));
  expect(await keys('eventual')).toEqual(range(5, 20));
  const bad = table.subscribe({ from: 'full', where: 'k + 1 = 5' });
  await expect(bad.next()).rejects.toMatchObject({ code: 'LAKE_BAD_FILTER' });
  await expect(table.subscribe({ from: { timestamp: 'soon' } }).next()).rejects.toMatchObject({
    code: 'LAKE_BAD_READ_POINT',
  });
});

test('a table remembers what a consumer has taken, in the log and across commits', async () => {
  await using lake = await openLake({ warehouse: 'memory:consumer', log: 'memory:consumer' });
  const table = await tableOf(lake);
  const taken = async (): Promise<readonly number[]> =>
    keysOf(await Array.fromAsync(table.subscribe({ from: 'full', until: 'now', consumer: 'mirror' })));
  await write(table, 0, 10);
  expect(await taken()).toEqual(range(0, 10));
  await write(table, 10, 20);
  await lake.ingest();
  await write(table, 20, 30);
  expect(await taken()).toEqual(range(10, 30));
  const consumers = await (await lake.sql('SELECT consumer_id, next_snapshot_id FROM d.`t$consumers`')).rows();
  expect(consumers).toEqual([{ consumer_id: 'mirror', next_snapshot_id: 1n }]);
});

test('what is no place, or one in another table, is refused', async () => {
  await using lake = await openLake({ warehouse: 'memory:no-place', log: 'memory:no-place' });
  const [table, other] = [await tableOf(lake), await tableOf(lake, 'd.other')];
  const { place } = await take(table, { from: 'latest', count: 0 });
  await expect(take(table, { from: { resume: 'here' }, count: 0 })).rejects.toMatchObject({ code: 'LAKE_BAD_RESUME' });
  await expect(take(other, { from: { resume: place }, count: 0 })).rejects.toMatchObject({
    code: 'LAKE_RESUME_EXPIRED',
  });
});
