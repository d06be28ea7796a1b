/** Subscriptions by server-sent events, in one process, on memory. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { changesOf, type ServerEvent, serverEvents } from '../../../test/event-stream.ts';
import { failed } from '../../../test/failed-answer.ts';
import { hastyClock } from '../../../test/hasty-clock.ts';
import { present } from '../../base/assert.ts';
import { countingLogStore } from '../../storage/counting-log-store.ts';
import { t } from '../column-types.ts';
import { type Lake, openLake } from '../lake.ts';
import { type LakeParts, logOf, openLakeParts } from '../lake-parts.ts';
import type { HttpApp } from './app.ts';
import { catalogApp } from './catalog-app.ts';
import { catalogPartsOf } from './catalog-parts.ts';

const address = 'memory:http-changes';
const context = { getRemainingTimeInMillis: () => 60_000 };

let lake: Lake;
let parts: LakeParts;
let app: HttpApp;

beforeAll(async () => {
  lake = await openLake({ warehouse: address, log: address });
  parts = await openLakeParts({ warehouse: address, log: address });
  app = catalogApp(async () => catalogPartsOf({ ...parts, purpose: 'read' }, parts.log));
  for (const name of ['db.t', 'db.other']) {
    await lake.createTable(name, {
      columns: { k: t.bigint(), v: t.string() },
      primaryKey: ['k'],
      options: { bucket: 3 },
    });
  }
  await lake.createTable('db.merged', {
    columns: { k: t.bigint(), v: t.string() },
    primaryKey: ['k'],
    options: { 'changelog-producer': 'lookup' },
  });
});

afterAll(async () => {
  await parts[Symbol.asyncDispose]();
  await lake[Symbol.asyncDispose]();
});

function request(path: string, headers: Record<string, string> = {}, remainingMs?: number): Promise<Response> {
  return requestTo(app, path, headers, remainingMs);
}

function requestTo(
  asked: HttpApp,
  path: string,
  headers: Record<string, string> = {},
  remainingMs?: number,
): Promise<Response> {
  return asked.fetch(new Request(`https://lake${path}`, { headers }), {
    context: remainingMs === undefined ? context : { getRemainingTimeInMillis: () => remainingMs },
    requestId: 'invocation-1',
    report: () => undefined,
  });
}

async function follow(path: string, headers?: Record<string, string>): Promise<AsyncGenerator<ServerEvent, void>> {
  const response = await request(path, headers);
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  return serverEvents(response.body ?? (async function* () {})());
}

/** The next events, until so many rows have come. */
async function rowsFrom(
  events: AsyncGenerator<ServerEvent, void>,
  count: number,
): Promise<{ rows: readonly string[]; id: string | undefined }> {
  const rows: string[] = [];
  let id: string | undefined;
  while (rows.length < count) {
    const { value } = await events.next();
    if (value === undefined) throw new Error(`the stream has ended after ${rows.length} rows`);
    rows.push(...changesOf(value));
    id = value.id ?? id;
  }
  return { rows, id };
}

async function until(events: AsyncGenerator<ServerEvent, void>, name: string): Promise<ServerEvent> {
  for (;;) {
    const { value } = await events.next();
    if (value === undefined) throw new Error(`the stream has ended before ${name}`);
    if (value.name === name) return value;
  }
}

async function write(name: string, from: number, to: number): Promise<void> {
  await using writer = (await lake.table(name)).writer({ batchRowsMax: 3 });
  for (let k = from; k < to; k += 1) await writer.upsert({ k, v: `v${k}` });
}

function expected(from: number, to: number): readonly string[] {
  return Array.from({ length: to - from }, (_, index) => `+U {"k":"${from + index}","v":"v${from + index}"}`);
}

const byKey = (rows: readonly string[]): readonly string[] =>
  rows
    .map(row => row.replace(/^\S+/, '+U'))
    .toSorted((a, b) => Number(/\d+/.exec(a)?.[0]) - Number(/\d+/.exec(b)?.[0]));

test('from now on, nothing that was before and everything after the first position', async () => {
  await write('db.t', 0, 10);
  const events = await follow('/v1/tables/db.t/changes');
  expect((await events.next()).value).toMatchObject({
    name: 'begin',
    data: { table: 'db.t', columns: ['k', 'v'], primaryKey: ['k'] },
  });
  expect((await until(events, 'position')).id).toMatch(/^[\w-]+$/);
  await write('db.t', 10, 30);
  expect(byKey((await rowsFrom(events, 20)).rows)).toEqual(expected(10, 30));
  await events.return();
});

test('from full, every row there is and then changes; some columns, when these are named', async () => {
  await lake.ingest();
  const events = await follow('/v1/tables/db.t/changes?from=full&columns=k');
  const { rows } = await rowsFrom(events, 30);
  expect(new Set(rows)).toEqual(new Set(Array.from({ length: 30 }, (_, k) => `+I {"k":"${k}"}`)));
  await write('db.t', 30, 31);
  expect((await rowsFrom(events, 1)).rows).toEqual(['+U {"k":"30"}']);
  await events.return();
});

test('who goes on from the id of an event misses nothing and gets nothing twice, in the log and across commits', async () => {
  const first = await follow('/v1/tables/db.t/changes');
  let { id } = await until(first, 'position');
  await first.return();
  const seen: string[] = [];
  for (let round = 0; round < 6; round += 1) {
    const from = 100 + round * 20;
    // What comes while nobody listens, partly in snapshots, partly in the log only.
    await write('db.t', from, from + 10);
    if (round % 2 === 0) await lake.ingest();
    const headers: Record<string, string> = round < 3 ? { 'last-event-id': id ?? '' } : {};
    const query = round < 3 ? '?from=full' : `?resume=${id}`;
    const events = await follow(`/v1/tables/db.t/changes${query}`, headers);
    await write('db.t', from + 10, from + 20);
    if (round % 3 === 0) await lake.ingest();
    const got = await rowsFrom(events, 20);
    seen.push(...got.rows);
    // Rows of a batch may come before its id: who stops there gets them again, so one waits for it.
    id = got.id;
    await events.return();
  }
  expect(byKey([...new Set(seen)])).toEqual(expected(100, 220));
  expect(seen).toHaveLength(120);
});

test('a record that its producer repeats after the id was given is still a repeat', async () => {
  const headers = { 'content-type': 'application/json', 'tidelake-producer': 'sensor', 'tidelake-number': '1' };
  const send = async (): Promise<number> => {
    const body = JSON.stringify([{ op: '+I', row: { k: '900', v: 'v900' } }]);
    const sent = new Request('https://lake/v1/tables/db.t/rows', { method: 'POST', body, headers });
    return (await app.fetch(sent, { context, requestId: 'x', report: () => undefined })).status;
  };
  const before = await follow('/v1/tables/db.t/changes');
  await until(before, 'position');
  expect(await send()).toBe(200);
  const { rows, id } = await rowsFrom(before, 1);
  expect(rows).toEqual(['+I {"k":"900","v":"v900"}']);
  await before.return();
  expect(await send()).toBe(200);
  await write('db.t', 901, 902);
  const after = await follow('/v1/tables/db.t/changes', { 'last-event-id': id ?? '' });
  expect((await rowsFrom(after, 1)).rows).toEqual(expected(901, 902));
  await after.return();
});

test('a table that is followed by its snapshots is resumed at a snapshot', async () => {
  const commit = async (k: number, v: string): Promise<void> => {
    await using writer = (await lake.table('db.merged')).writer();
    await writer.upsert({ k, v });
    await writer[Symbol.asyncDispose]();
    await lake.ingest();
    await (await lake.table('db.merged')).compact();
  };
  await commit(1, 'a');
  const events = await follow('/v1/tables/db.merged/changes?from=earliest');
  const { id } = await rowsFrom(events, 1);
  await events.return();
  await commit(1, 'b');
  await commit(2, 'c');
  const again = await follow('/v1/tables/db.merged/changes', { 'last-event-id': id ?? '' });
  expect((await rowsFrom(again, 3)).rows).toEqual([
    '-U {"k":"1","v":"a"}',
    '+U {"k":"1","v":"b"}',
    '+I {"k":"2","v":"c"}',
  ]);
  await again.return();
});

test('a stream ends with an event when its seconds are over, or the invocation’s time is', async () => {
  const short = await follow('/v1/tables/db.t/changes?seconds=1');
  expect(await until(short, 'end')).toMatchObject({ data: { reason: 'time' } });
  expect((await short.next()).done).toBe(true);
  const response = await request('/v1/tables/db.t/changes', {}, 2_500);
  expect(await until(serverEvents(response.body ?? (async function* () {})()), 'end')).toMatchObject({ name: 'end' });
});

test('a request may end by itself, be of a state and after, and be of rows that pass', async () => {
  await lake.createTable('db.past', {
    columns: { k: t.bigint(), v: t.string() },
    primaryKey: ['k'],
    options: { bucket: 1 },
  });
  await write('db.past', 0, 4);
  await lake.ingest();
  await write('db.past', 4, 8);
  await lake.ingest();
  const rowsOf = async (query: string): Promise<readonly string[]> => {
    const events = await follow(`/v1/tables/db.past/changes?${query}`);
    const rows: string[] = [];
    for await (const event of events) {
      rows.push(...changesOf(event));
      if (event.name === 'end') expect(event.data).toEqual({ reason: 'done' });
    }
    return rows;
  };
  expect(byKey(await rowsOf('from=earliest&until=now'))).toEqual(expected(0, 8));
  expect(byKey(await rowsOf('from=full&snapshot=1&until=now'))).toEqual(expected(0, 8));
  expect(byKey(await rowsOf('from=earliest&until=1'))).toEqual(expected(0, 4));
  expect(byKey(await rowsOf('timestamp=2000-01-01&until=now'))).toEqual(expected(0, 8));
  expect(await rowsOf('from=full&until=now&where=k%20%3D%205&columns=v')).toEqual(['+I {"v":"v5"}']);
});

test('what cannot be followed is refused before anything is sent', async () => {
  const ids = async (name: string): Promise<string> => {
    const events = await follow(`/v1/tables/${name}/changes`);
    const { id = '' } = await until(events, 'position');
    await events.return();
    return id;
  };
  const changes = '/v1/tables/db.t/changes';
  expect(await failed(request('/v1/tables/db.none/changes'))).toEqual([404, 'LAKE_TABLE_NOT_FOUND']);
  expect(await failed(request(`${changes}?from=yesterday`))).toEqual([400, 'LAKE_BAD_REQUEST']);
  expect(await failed(request(`${changes}?from=latest&snapshot=1`))).toEqual([400, 'LAKE_BAD_REQUEST']);
  expect(await failed(request(`${changes}?timestamp=2024-01-01&snapshot=1`))).toEqual([400, 'LAKE_BAD_REQUEST']);
  expect(await failed(request(`${changes}?where=k%20%2B%201%20%3D%202`))).toEqual([400, 'LAKE_BAD_FILTER']);
  expect(await failed(request(`${changes}?columns=k,none`))).toEqual([400, 'LAKE_UNKNOWN_COLUMN']);
  expect(await failed(request(`${changes}?seconds=901`))).toEqual([400, 'LAKE_BAD_REQUEST']);
  expect(await failed(request(`${changes}?snapshot=999`))).toEqual([404, 'LAKE_SNAPSHOT_NOT_FOUND']);
  expect(await failed(request(`${changes}?resume=abc`))).toEqual([400, 'LAKE_BAD_RESUME']);
  expect(await failed(request(changes, { 'last-event-id': await ids('db.other') }))).toEqual([
    410,
    'LAKE_RESUME_EXPIRED',
  ]);
});

test('a reader that takes nothing holds the subscription back, and one that goes away ends it', async () => {
  const log = countingLogStore(logOf(parts, 'the test'));
  const watched = catalogApp(async () => catalogPartsOf({ ...parts, purpose: 'read' }, log));
  const reader = present((await requestTo(watched, '/v1/tables/db.t/changes')).body, 'a body').getReader();
  let text = '';
  const readUntil = async (isEnough: () => boolean): Promise<void> => {
    while (!isEnough()) text += Buffer.from((await reader.read()).value ?? []).toString();
  };
  /** Hears of everything by another way to the log. */
  const other = await follow('/v1/tables/db.t/changes');
  await until(other, 'position');
  await readUntil(() => text.includes('event: position'));
  const untaken = log.counts();
  await write('db.t', 2_000, 2_100);
  await rowsFrom(other, 100);
  expect(log.counts()).toEqual(untaken);
  await readUntil(() => text.match(/"op"/g)?.length === 100);
  const { recordsRead } = log.counts();
  expect(recordsRead).toBeGreaterThan(untaken.recordsRead);
  const waiting = reader.read();
  const gone = reader.cancel();
  await write('db.t', 2_100, 2_200);
  await rowsFrom(other, 100);
  await gone;
  expect((await waiting).done).toBe(true);
  expect(log.counts().recordsRead).toBe(recordsRead);
  await other.return();
});

test('a reader that takes nothing for a minute is closed with a code', async () => {
  const clock = hastyClock(200);
  await using quick = await openLakeParts({ warehouse: address, log: address }, { clock });
  const asked = catalogApp(async () => catalogPartsOf({ ...quick, purpose: 'read' }, quick.log));
  const { body } = await requestTo(asked, '/v1/tables/db.t/changes?from=full', {}, 600_000);
  const events = serverEvents(present(body, 'a body'));
  await until(events, 'changes');
  await clock.sleep(120_000);
  const rest = await Array.fromAsync(events);
  expect(rest).toMatchObject([{ name: 'failed', data: { code: 'LAKE_READER_TOO_SLOW' } }]);
});
