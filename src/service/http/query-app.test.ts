/** The query interface in one process, on memory: requests in, answers out. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { failed } from '../../../test/failed-answer.ts';
import { t } from '../column-types.ts';
import { type Lake, openLake } from '../lake.ts';
import { type LakeParts, openLakeParts } from '../lake-parts.ts';
import type { HttpApp, RequestReport } from './app.ts';
import { queryApp } from './query-app.ts';

const address = 'memory:http-query';
const context = { getRemainingTimeInMillis: () => 60_000 };
const rowCount = 3_000;
const json = { 'content-type': 'application/json' };

let lake: Lake;
let parts: LakeParts;
let app: HttpApp;
const reports: RequestReport[] = [];

beforeAll(async () => {
  lake = await openLake({ warehouse: address, log: address });
  const table = await lake.createTable('db.t', {
    columns: { k: t.bigint(), v: t.string() },
    primaryKey: ['k'],
    options: { bucket: 2 },
  });
  await using writer = table.writer();
  await Promise.all(Array.from({ length: rowCount }, (_, k) => writer.upsert({ k, v: `v${k}` })));
  parts = await openLakeParts({ warehouse: address, log: address, access: 'read' });
  app = queryApp(async () => parts);
});

afterAll(async () => {
  await parts[Symbol.asyncDispose]();
  await lake[Symbol.asyncDispose]();
});

function send(path: string, init: RequestInit, environment: { remainingMs?: number } = {}): Promise<Response> {
  const { remainingMs } = environment;
  return app.fetch(new Request(`https://lake${path}`, init), {
    context: remainingMs === undefined ? context : { getRemainingTimeInMillis: () => remainingMs },
    requestId: 'invocation-1',
    report: report => reports.push(report),
  });
}

function ask(request: unknown, headers: Record<string, string> = {}, path = '/sql'): Promise<Response> {
  const body = typeof request === 'string' ? request : JSON.stringify(request);
  return send(path, { method: 'POST', body, headers: { ...json, ...headers } });
}

test('a query is answered with its columns, its rows in canonical JSON, and how it ended', async () => {
  const body = { sql: 'SELECT k, v FROM db.t WHERE k < $1 ORDER BY k', parameters: [2] };
  const expected = {
    columns: ['k', 'v'],
    rows: [
      { k: '0', v: 'v0' },
      { k: '1', v: 'v1' },
    ],
    end: { rows: 2 },
  };
  for (const path of ['/sql', '/']) {
    const response = await ask(body, {}, path);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(await response.json()).toEqual(expected);
  }
  const empty = await ask({ sql: 'SELECT k FROM db.t WHERE k < 0' });
  expect(await empty.json()).toEqual({ columns: ['k'], rows: [], end: { rows: 0 } });
  expect(await (await ask({ sql: 'SHOW TABLES IN db' })).json()).toMatchObject({ rows: [{}], end: { rows: 1 } });
});

test('an integer beyond 2^53 is bound digit for digit', async () => {
  const response = await ask('{"sql":"SELECT CAST($1 AS BIGINT) AS n","parameters":[9007199254740993]}');
  expect(await response.json()).toMatchObject({ rows: [{ n: '9007199254740993' }] });
});

test('who accepts lines gets a row in each, between the columns and the end', async () => {
  const response = await ask({ sql: 'SELECT k FROM db.t ORDER BY k' }, { accept: 'application/x-ndjson' });
  expect(response.headers.get('content-type')).toBe('application/x-ndjson');
  const lines = (await response.text()).split('\n');
  expect(lines.pop()).toBe('');
  expect(lines).toHaveLength(rowCount + 2);
  expect([lines[0], lines[1], lines.at(-1)].map(line => JSON.parse(line ?? ''))).toEqual([
    { columns: ['k'] },
    { row: { k: '0' } },
    { end: { rows: rowCount } },
  ]);
});

test('a result is sent as it comes: only what is read is made, and who stops reading ends the query', async () => {
  const engine = await parts.sqlEngine.open();
  /** Each query has a connection with a catalog of its own; those that ended well may be kept, and this one's is among them. */
  const connectionCount = async (): Promise<number> => {
    await using connection = await engine.connect();
    const sql = 'SELECT count(*) FROM duckdb_databases() WHERE database_name LIKE $1';
    return Number(await connection.text(sql, 'tidelake_%'));
  };
  const before = await connectionCount();
  // More than any memory here holds.
  const response = await ask({ sql: "SELECT repeat('x', 1000) AS x FROM range(100000000)" });
  const reader = response.body?.getReader();
  let byteCount = 0;
  while (byteCount < 2_000_000) {
    const read = await reader?.read();
    expect(read?.done).toBe(false);
    byteCount += read?.value?.length ?? 0;
  }
  expect(await connectionCount()).toBe(before + 1);
  await reader?.cancel();
  expect(await connectionCount()).toBe(before);
  expect(await (await ask({ sql: 'SELECT 1 AS one' })).json()).toMatchObject({ rows: [{ one: 1 }] });
});

test.each([
  ['application/json', /\],"error":\{"code":"LAKE_SQL_\w+","message":".+"\}\}$/],
  ['application/x-ndjson', /\n\{"error":\{"code":"LAKE_SQL_\w+","message":".+"\}\}\n$/],
])('a failure after the first rows stands at the end, in the form of the answer: %s', async (accept, ending) => {
  const sql = "SELECT CAST(CASE WHEN range = 300000 THEN 'x' ELSE '1' END AS INTEGER) AS n FROM range(400000)";
  const response = await ask({ sql }, { accept });
  expect(response.status).toBe(200);
  const text = await response.text();
  expect(text.length).toBeGreaterThan(500_000);
  expect(text.slice(-300)).toMatch(ending);
  expect(reports.at(-1)).toMatchObject({ code: expect.stringMatching(/^LAKE_SQL_/), path: '/sql' });
});

test('a query that takes too long ends with the invocation, by a status or in the text', async () => {
  const slow = 'SELECT sum(a.range * b.range) AS s FROM range(10000000) a, range(10000000) b';
  const body = JSON.stringify({ sql: slow });
  expect(await failed(send('/sql', { method: 'POST', body, headers: json }, { remainingMs: 400 }))).toEqual([
    504,
    'LAKE_TIMEOUT',
  ]);
  const endless = JSON.stringify({ sql: 'SELECT range FROM range(100000000000)' });
  const response = await send('/sql', { method: 'POST', body: endless, headers: json }, { remainingMs: 3_000 });
  expect(response.status).toBe(200);
  let tail = '';
  for await (const chunk of response.body ?? []) tail = (tail + Buffer.from(chunk).toString()).slice(-200);
  expect(tail).toMatch(/"error":\{"code":"LAKE_TIMEOUT"/);
});

test('what is no query of tables that are there is refused with a code', async () => {
  expect(await failed(ask({ sql: 'SELECT FROM WHERE' }))).toEqual([400, 'LAKE_SQL_SYNTAX']);
  expect(await failed(ask({ sql: 'SELECT 1; SELECT 2' }))).toEqual([400, 'LAKE_BAD_REQUEST']);
  expect(await failed(ask({ sql: "INSERT INTO db.t VALUES (1, 'x')" }))).toEqual([403, 'LAKE_SQL_DENIED']);
  expect(await failed(ask({ sql: 'SELECT * FROM db.nothing' }))).toEqual([404, 'LAKE_TABLE_NOT_FOUND']);
  expect(await failed(ask({ sql: 7 }))).toEqual([400, 'LAKE_BAD_REQUEST']);
  expect(await failed(ask({ sql: 'SELECT 1', more: 1 }))).toEqual([400, 'LAKE_BAD_REQUEST']);
  expect(await failed(ask('no JSON'))).toEqual([400, 'LAKE_BAD_REQUEST']);
  expect(await failed(ask(''))).toEqual([400, 'LAKE_BAD_REQUEST']);
  expect(await failed(ask({ sql: 'SELECT 1' }, { 'content-type': 'text/html' }))).toEqual([415, 'LAKE_MEDIA_TYPE']);
  expect(await failed(send('/nothing', {}))).toEqual([404, 'LAKE_PATH_NOT_FOUND']);
  const get = await send('/sql', {});
  expect(get.headers.get('allow')).toBe('POST');
  expect(await failed(Promise.resolve(get))).toEqual([405, 'LAKE_METHOD_NOT_ALLOWED']);
});

test('an id comes back with the answer: the request’s when it brings a sound one, else the invocation’s', async () => {
  const idOf = async (id: string): Promise<unknown> =>
    (await ask({ sql: 'SELECT 1' }, { 'x-request-id': id })).headers.get('x-request-id');
  expect(await idOf('from-caller')).toBe('from-caller');
  expect(await idOf('with "quotes"')).toBe('invocation-1');
  expect((await send('/nothing', {})).headers.get('x-request-id')).toBe('invocation-1');
});

test('a bug says nothing of its inside, but is reported', async () => {
  const broken = queryApp(() => Promise.reject(new Error('secret')));
  const report = (told: RequestReport): number => reports.push(told);
  const response = await broken.fetch(new Request('https://lake/v1/health'), { context, requestId: 'x', report });
  expect([response.status, await response.text()]).toEqual([
    500,
    '{"error":{"code":"LAKE_INTERNAL","message":"internal error; the log of the function has it"}}',
  ]);
  expect(reports.at(-1)).toMatchObject({ path: '/v1/health', status: 500, error: new Error('secret') });
});

test('the description names every route', async () => {
  const description = (await (await send('/v1/openapi.json', {})).json()) as { paths: Record<string, object> };
  expect(Object.keys(description.paths)).toEqual(['/sql', '/', '/watch', '/v1/health', '/v1/openapi.json']);
  for (const [path, item] of Object.entries(description.paths)) {
    for (const method of Object.keys(item)) {
      const response = await send(path, { method: method.toUpperCase() });
      expect([404, 405], `${method} ${path}`).not.toContain(response.status);
    }
  }
});
