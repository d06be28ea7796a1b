/** Watches by server-sent events, in one process, on memory. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ServerEvent, serverEvents } from '../../../test/event-stream.ts';
import { failed } from '../../../test/failed-answer.ts';
import { hastyClock } from '../../../test/hasty-clock.ts';
import { stateOf, WatchedAnswer } from '../../../test/watched-answer.ts';
import { present } from '../../base/assert.ts';
import { t } from '../column-types.ts';
import { type Lake, openLake } from '../lake.ts';
import { type LakeParts, openLakeParts } from '../lake-parts.ts';
import type { WatchBatch } from '../watch/watch-rows.ts';
import type { HttpApp } from './app.ts';
import { queryApp } from './query-app.ts';

const address = 'memory:http-watch';
const clock = hastyClock(200);
const context = { getRemainingTimeInMillis: () => 600_000 };
const rowCount = 4_000;

let lake: Lake;
let parts: LakeParts;
let app: HttpApp;

beforeAll(async () => {
  lake = await openLake({ warehouse: address, log: address });
  await lake.createTable('db.t', {
    columns: { k: t.bigint(), v: t.string() },
    primaryKey: ['k'],
    options: { bucket: '1' },
  });
  await write(0, rowCount);
  parts = await openLakeParts({ warehouse: address, log: address, access: 'read' }, { clock });
  app = queryApp(async () => parts);
});

afterAll(async () => {
  await parts[Symbol.asyncDispose]();
  await lake[Symbol.asyncDispose]();
});

async function write(from: number, to: number, v = 'v'): Promise<void> {
  await using writer = (await lake.table('db.t')).writer();
  await Promise.all(Array.from({ length: to - from }, (_, n) => writer.upsert({ k: from + n, v: `${v}${from + n}` })));
}

function request(query: Record<string, string>, headers: Record<string, string> = {}, remainingMs = 600_000) {
  const url = `https://lake/watch?${new URLSearchParams(query)}`;
  return app.fetch(new Request(url, { headers }), {
    context: { ...context, getRemainingTimeInMillis: () => remainingMs },
    requestId: 'invocation-1',
    report: () => undefined,
  });
}

async function follow(query: Record<string, string>, headers?: Record<string, string>) {
  const response = await request(query, headers);
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  return serverEvents(response.body ?? (async function* () {})());
}

type Events = AsyncGenerator<ServerEvent, void>;

async function next(events: Events): Promise<ServerEvent> {
  return present((await events.next()).value ?? undefined, 'an event');
}

/** What the library would have given for the event. */
function batchOf({ name, id, data }: ServerEvent): WatchBatch<object> {
  if (name !== 'full' && name !== 'delta') throw new Error(`${name}: ${JSON.stringify(data)}`);
  const { part, complete, changes } = data as Omit<WatchBatch<object>, 'kind'> & { readonly complete: boolean };
  return { kind: name, part, isComplete: complete, changes, resume: id };
}

async function until(events: Events, answer: WatchedAnswer, state: string): Promise<readonly ServerEvent[]> {
  const seen: ServerEvent[] = [];
  while (answer.state() !== state) {
    const event = await next(events);
    seen.push(event);
    answer.apply(batchOf(event));
  }
  return seen;
}

const rowsTo = (count: number, changed = -1): string =>
  stateOf(Array.from({ length: count }, (_, k) => ({ k: String(k), v: `${k === changed ? 'w' : 'v'}${k}` })));

test('a table: its rows in several events, then what changes; who comes back goes on behind the last id', async () => {
  const events = await follow({ table: 'db.t' });
  expect(await next(events)).toMatchObject({ name: 'begin', data: { key: ['k'] } });
  const answer = new WatchedAnswer(['k']);
  const full = await until(events, answer, rowsTo(rowCount));
  expect(full.length).toBeGreaterThan(1);
  await write(7, 8, 'w');
  await until(events, answer, rowsTo(rowCount, 7));
  await events.return();
  await write(7, 8);
  await lake.ingest();
  const again = await follow({ table: 'db.t' }, { 'last-event-id': present(answer.resume, 'an id') });
  await next(again);
  const changes = (await until(again, answer, rowsTo(rowCount))).flatMap(event => batchOf(event).changes);
  expect(changes).toEqual([{ op: '+', row: { k: '7', v: 'v7' } }]);
  expect(answer.fullCount).toBe(1);
  await again.return();
});

test('a query: its answer, then the difference; the same answer is not sent again', async () => {
  const query = {
    sql: 'SELECT v[1] AS v, count(*) AS n FROM db.t WHERE k < $1 GROUP BY 1',
    parameters: '[3]',
    key: 'v',
  };
  const events = await follow(query);
  expect(await next(events)).toMatchObject({ name: 'begin', data: { key: ['v'] } });
  const answer = new WatchedAnswer(['v']);
  await until(events, answer, stateOf([{ v: 'v', n: '3' }]));
  await write(1, 2, 'w');
  await until(
    events,
    answer,
    stateOf([
      { v: 'v', n: '2' },
      { v: 'w', n: '1' },
    ]),
  );
  await events.return();
  const again = await follow({ ...query, resume: present(answer.resume, 'an id') });
  await next(again);
  expect(batchOf(await next(again))).toMatchObject({ kind: 'delta', changes: [], isComplete: true });
  await write(1, 2);
  await until(again, answer, stateOf([{ v: 'v', n: '3' }]));
  expect(answer.fullCount).toBe(1);
  await again.return();
});

test('what cannot be watched has its status and code', async () => {
  const sql = 'SELECT k FROM db.t';
  expect(await failed(request({}))).toEqual([400, 'LAKE_BAD_WATCH']);
  expect(await failed(request({ sql, table: 'db.t' }))).toEqual([400, 'LAKE_BAD_WATCH']);
  expect(await failed(request({ sql, where: 'k = 1' }))).toEqual([400, 'LAKE_BAD_WATCH']);
  expect(await failed(request({ table: 'db.t', key: 'k' }))).toEqual([400, 'LAKE_BAD_WATCH']);
  expect(await failed(request({ sql: 'DROP TABLE db.t' }))).toEqual([400, 'LAKE_BAD_WATCH']);
  expect(await failed(request({ sql, parameters: '[{}]' }))).toEqual([400, 'LAKE_BAD_REQUEST']);
  expect(await failed(request({ sql, resume: 'x' }))).toEqual([400, 'LAKE_BAD_RESUME']);
  expect(await failed(request({ sql, seconds: '901' }))).toEqual([400, 'LAKE_BAD_REQUEST']);
  expect(await failed(request({ table: 'db.none' }))).toEqual([404, 'LAKE_TABLE_NOT_FOUND']);
});

test('it ends before the time of the invocation does, or when it was asked to, and is kept alive until then', async () => {
  const response = await request({ table: 'db.t', where: 'k = 1' }, {}, 65_000);
  const text = await response.text();
  expect(text.match(/^: $/gm)?.length).toBeGreaterThanOrEqual(1);
  expect(text).toMatch(/event: full\nid: t\.\S+\n/);
  expect(text.endsWith('event: end\ndata: {"reason":"time"}\n\n')).toBe(true);
  const asked = await request({ sql: 'SELECT k FROM db.t WHERE k = 1', seconds: '1' });
  expect(await asked.text()).toContain('event: end');
});

test('a reader that takes nothing is closed with a code, and what was held for it is let go', async () => {
  const response = await request({ sql: 'SELECT k, v FROM db.t', key: 'k' });
  const events: Events = serverEvents(response.body ?? (async function* () {})());
  expect((await next(events)).name).toBe('begin');
  expect(batchOf(await next(events)).kind).toBe('full');
  await clock.sleep(120_000);
  const rest: ServerEvent[] = [];
  for await (const event of events) rest.push(event);
  expect(rest).toMatchObject([{ name: 'failed', data: { code: 'LAKE_READER_TOO_SLOW' } }]);
});
