// The HTTP interfaces as they are deployed: the bundled functions behind their URLs, under the runtime client of AWS Lambda, on
// a real S3 and a Kinesis emulator.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Lake, openLake, t } from '../../src/index.ts';
import { changesOf, type ServerEvent, serverEvents } from '../event-stream.ts';
import { TestCloud } from '../services/test-cloud.ts';

let world: TestCloud;
let lake: Lake;

beforeAll(async () => {
  world = await TestCloud.start();
  lake = await openLake(world.cloud.lakeSettings);
  await lake.createTable('demo.readings', {
    columns: { meter: t.bigint(), value: t.int().nullable() },
    options: { bucket: 4, 'bucket-key': 'meter' },
  });
});

afterAll(async () => {
  await lake?.[Symbol.asyncDispose]();
  await world?.[Symbol.asyncDispose]();
});

const json = { 'content-type': 'application/json' };

function ask(name: 'query' | 'catalog', path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(`${world.cloud.urls.get(name)?.endpoint}${path}`, init);
}

function sql(text: string, headers: Record<string, string> = {}): Promise<Response> {
  return ask('query', '/sql', {
    method: 'POST',
    body: JSON.stringify({ sql: text }),
    headers: { ...json, ...headers },
  });
}

function post(from: number, to: number, headers: Record<string, string> = {}): Promise<Response> {
  const rows = Array.from({ length: to - from }, (_, n) => ({ op: '+I', row: { meter: String(from + n), value: n } }));
  const init = { method: 'POST', body: JSON.stringify(rows), headers: { ...json, ...headers } };
  return ask('catalog', '/v1/tables/demo.readings/rows', init);
}

async function countFrom(meter: number): Promise<unknown> {
  const response = await sql(`SELECT count(*) AS n FROM demo.readings WHERE meter >= ${meter}`);
  return ((await response.json()) as { rows: { n: string }[] }).rows[0]?.n;
}

test('a result of more than a function can answer at once is streamed', async () => {
  const response = await sql("SELECT range AS n, repeat('x', 200) AS x FROM range(100000)");
  expect(response.status).toBe(200);
  const text = await response.text();
  expect(text.length).toBeGreaterThan(20_000_000);
  const { rows, end } = JSON.parse(text) as { rows: { n: string }[]; end: unknown };
  expect([rows.length, rows.at(-1)?.n, end]).toEqual([100_000, '99999', { rows: 100_000 }]);
  const lines = (
    await (await sql('SELECT range AS n FROM range(50000)', { accept: 'application/x-ndjson' })).text()
  ).split('\n');
  expect([lines.length, lines.at(-2)]).toEqual([50_003, '{"end":{"rows":50000}}']);
});

test('rows that are sent again by HTTP are in the table once, through ingest and all', async () => {
  const number = { 'tidelake-producer': 'gateway-7', 'tidelake-number': '1' };
  for (let times = 0; times < 3; times += 1) {
    expect(await (await post(1_000, 1_200, number)).json()).toEqual({ table: 'demo.readings', rows: 200 });
  }
  expect(await countFrom(1_000)).toBe('200');
  const table = await lake.table('demo.readings');
  await expect.poll(async () => (await table.accounting()).written, { timeout: 60_000, interval: 500 }).toBe(200n);
  // The number is known from the table now, and no longer from the log.
  expect((await post(1_000, 1_200, number)).status).toBe(200);
  expect((await post(1_200, 1_210, { ...number, 'tidelake-number': '5' })).status).toBe(200);
  expect(await countFrom(1_000)).toBe('210');
  await expect.poll(async () => (await table.accounting()).rowsIn, { timeout: 60_000, interval: 500 }).toBe(810n);
  expect(await table.accounting()).toMatchObject({ written: 210n, duplicates: 600n, gaps: 0n, deadLettered: 0n });
  const described = await ask('catalog', '/v1/tables/demo.readings');
  expect(await described.json()).toMatchObject({ latestSnapshot: { totalRecordCount: 210 } });
});

test('who follows a table sees a change that is made after the position, and goes on from it in another invocation', async () => {
  const follow = async (headers: Record<string, string> = {}): Promise<AsyncGenerator<ServerEvent, void>> => {
    const response = await ask('catalog', '/v1/tables/demo.readings/changes?seconds=8', { headers });
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    return serverEvents(response.body ?? (async function* () {})());
  };
  const seen: string[] = [];
  let id: string | undefined;
  let end: unknown;
  for await (const event of await follow()) {
    if (event.name === 'position' && id === undefined) expect((await post(2_000, 2_005)).status).toBe(200);
    seen.push(...changesOf(event));
    id = event.id ?? id;
    end = event.data;
  }
  expect(end).toEqual({ reason: 'time' });
  expect(seen.toSorted()).toEqual([0, 1, 2, 3, 4].map(n => `+I {"meter":"${2_000 + n}","value":${n}}`));
  expect((await post(3_000, 3_001)).status).toBe(200);
  const more: string[] = [];
  for await (const event of await follow({ 'last-event-id': id ?? '' })) more.push(...changesOf(event));
  expect(more).toEqual(['+I {"meter":"3000","value":0}']);
});

test('who watches a query gets its answer, what changes of it, and goes on in another invocation', async () => {
  const query = new URLSearchParams({
    sql: 'SELECT meter // 1000 AS thousand, count(*) AS n FROM demo.readings WHERE meter >= 7000 GROUP BY 1',
    key: 'thousand',
    seconds: '12',
  });
  const seen: string[] = [];
  const follow = async (onFirst: () => Promise<unknown>, headers: Record<string, string> = {}): Promise<string> => {
    const response = await ask('query', `/watch?${query}`, { headers });
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
    let id = '';
    let last: unknown;
    for await (const event of serverEvents(response.body ?? (async function* () {})())) {
      last = event;
      if (event.name !== 'full' && event.name !== 'delta') continue;
      const { changes } = event.data as { readonly changes: readonly unknown[] };
      seen.push(`${event.name} ${JSON.stringify(changes)}`);
      if (id === '') await onFirst();
      id = event.id ?? id;
    }
    expect(last).toMatchObject({ name: 'end', data: { reason: 'time' } });
    return id;
  };
  const id = await follow(async () => expect((await post(7_000, 7_003)).status).toBe(200));
  expect(seen).toEqual(['full []', 'delta [{"op":"+","row":{"thousand":"7","n":"3"}}]']);
  await follow(async () => expect((await post(8_000, 8_001)).status).toBe(200), { 'last-event-id': id });
  expect(seen.slice(2)).toEqual(['delta []', 'delta [{"op":"+","row":{"thousand":"8","n":"1"}}]']);
});

test('what is refused has a status, a code, and the id of the request', async () => {
  const refused = async (answer: Promise<Response>): Promise<unknown> => {
    const response = await answer;
    expect(response.headers.get('x-request-id')).toMatch(/^[\w-]+$/);
    return [response.status, ((await response.json()) as { error: { code: string } }).error.code];
  };
  expect(await refused(sql('DROP TABLE demo.readings'))).toEqual([403, 'LAKE_SQL_DENIED']);
  expect(await refused(sql('SELECT * FROM demo.nothing'))).toEqual([404, 'LAKE_TABLE_NOT_FOUND']);
  expect(await refused(ask('query', '/sql'))).toEqual([405, 'LAKE_METHOD_NOT_ALLOWED']);
  expect(await refused(ask('catalog', '/v2'))).toEqual([404, 'LAKE_PATH_NOT_FOUND']);
  const large = { method: 'POST', body: 'x'.repeat(5_500_000), headers: json };
  expect(await refused(ask('catalog', '/v1/tables/demo.readings/rows', large))).toEqual([
    413,
    'LAKE_REQUEST_TOO_LARGE',
  ]);
  const form = {
    method: 'POST',
    body: 'sql=SELECT+1',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  };
  expect(await refused(ask('query', '/sql', form))).toEqual([415, 'LAKE_MEDIA_TYPE']);
});
