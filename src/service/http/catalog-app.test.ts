/** The catalog interface in one process, on memory: what it tells, and the rows it takes. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { changedLog } from '../../../test/changed-ports.ts';
import { failed } from '../../../test/failed-answer.ts';
import { logUnavailable } from '../../storage/log-errors.ts';
import type { LogStore } from '../../storage/log-store.ts';
import { t } from '../column-types.ts';
import { type Lake, openLake } from '../lake.ts';
import { type LakeParts, openLakeParts } from '../lake-parts.ts';
import type { HttpApp } from './app.ts';
import { catalogApp } from './catalog-app.ts';
import { type CatalogParts, catalogPartsOf } from './catalog-parts.ts';

const address = 'memory:http-catalog';
const context = { getRemainingTimeInMillis: () => 60_000 };
const json = { 'content-type': 'application/json' };

let lake: Lake;
let lakeParts: LakeParts;
let app: HttpApp;

/** What the function would open, with a log of the test's choice. */
function partsWith(log: LogStore | undefined): CatalogParts {
  return catalogPartsOf({ ...lakeParts, purpose: 'read' }, log);
}

function appWith(parts: CatalogParts): HttpApp {
  return catalogApp(async () => parts);
}

beforeAll(async () => {
  lake = await openLake({ warehouse: address, log: address });
  lakeParts = await openLakeParts({ warehouse: address, log: address });
  app = appWith(partsWith(lakeParts.log));
  await lake.createTable('db.t', {
    columns: { k: t.bigint(), v: t.string().nullable() },
    primaryKey: ['k'],
    options: { bucket: 4 },
  });
  await lake.createTable('db.events', { columns: { at: t.bigint(), what: t.string() } });
});

afterAll(async () => {
  await lakeParts[Symbol.asyncDispose]();
  await lake[Symbol.asyncDispose]();
});

function send(path: string, init: RequestInit = {}, to: HttpApp = app): Promise<Response> {
  return to.fetch(new Request(`https://lake${path}`, init), {
    context,
    requestId: 'invocation-1',
    report: () => undefined,
  });
}

async function get(path: string): Promise<unknown> {
  const response = await send(path);
  expect(response.status, path).toBe(200);
  return response.json();
}

function post(table: string, body: unknown, headers: Record<string, string> = {}, to?: HttpApp): Promise<Response> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return send(`/v1/tables/${table}/rows`, { method: 'POST', body: text, headers: { ...json, ...headers } }, to);
}

function numbered(number: number, producer = 'meter-1'): Record<string, string> {
  return { 'tidelake-producer': producer, 'tidelake-number': String(number) };
}

function rows(from: number, to: number): unknown[] {
  return Array.from({ length: to - from }, (_, index) => ({ op: '+I', row: { k: String(from + index), v: 'x' } }));
}

function events(count: number, what: string): unknown[] {
  return Array.from({ length: count }, (_, at) => ({ op: '+I', row: { at: String(at), what } }));
}

async function eventCount(what: string): Promise<number> {
  const found = await lake.sql<{ n: bigint }>`SELECT count(*) AS n FROM db.events WHERE what = ${what}`;
  return Number((await found.rows())[0]?.n);
}

test('databases and tables are listed, and what is not there is 404', async () => {
  expect(await get('/v1/health')).toEqual({ status: 'ok' });
  expect(await get('/v1/databases')).toEqual({ databases: ['db'] });
  expect(await get('/v1/databases/db/tables')).toEqual({ tables: ['db.events', 'db.t'] });
  expect(await failed(send('/v1/databases/none/tables'))).toEqual([404, 'LAKE_DATABASE_NOT_FOUND']);
  expect(await failed(send('/v1/databases/..%2Fdb/tables'))).toEqual([400, 'LAKE_BAD_NAME']);
  expect(await failed(send('/v1/tables/db.none'))).toEqual([404, 'LAKE_TABLE_NOT_FOUND']);
  expect(await failed(send('/v1/tables/none.t'))).toEqual([404, 'LAKE_DATABASE_NOT_FOUND']);
  expect(await failed(send('/v1/tables/t'))).toEqual([400, 'LAKE_BAD_NAME']);
  expect(await failed(send('/v1/tables/db.t%24snapshots'))).toEqual([400, 'LAKE_BAD_NAME']);
  expect(await failed(send('/v1/tables'))).toEqual([404, 'LAKE_PATH_NOT_FOUND']);
  expect(await failed(send('/v1/databases', { method: 'DELETE' }))).toEqual([405, 'LAKE_METHOD_NOT_ALLOWED']);
});

test('a table is described, before and after it has rows', async () => {
  expect(await get('/v1/tables/db.t')).toMatchObject({
    name: 'db.t',
    columns: [
      { id: 0, name: 'k', type: 'BIGINT NOT NULL' },
      { id: 1, name: 'v', type: 'STRING' },
    ],
    primaryKey: ['k'],
    partitionKeys: [],
    options: { bucket: '4' },
    latestSnapshot: null,
  });
  expect(await get('/v1/tables/db.t/options')).toMatchObject({ options: { bucket: '4' } });
});

test('snapshots come in pages, the newest first, and the last page names no next', async () => {
  const table = await lake.createTable('db.paged', { columns: { k: t.bigint() }, primaryKey: ['k'] });
  for (let k = 0; k < 5; k += 1) {
    expect((await post('db.paged', { op: '+I', row: { k: String(k) } })).status).toBe(200);
    await lake.ingest();
  }
  expect(await table.scan().rows()).toHaveLength(5);
  const idsOf = async (query: string): Promise<unknown> => {
    const page = (await get(`/v1/tables/db.paged/snapshots${query}`)) as {
      snapshots: { id: number; commitKind: string }[];
      next?: number;
    };
    return [page.snapshots.map(({ id }) => id), page.next];
  };
  expect(await idsOf('')).toEqual([[5, 4, 3, 2, 1], undefined]);
  expect(await idsOf('?limit=2')).toEqual([[5, 4], 4]);
  expect(await idsOf('?limit=2&before=4')).toEqual([[3, 2], 2]);
  expect(await idsOf('?limit=2&before=2')).toEqual([[1], undefined]);
  expect(await failed(send('/v1/tables/db.paged/snapshots?limit=0'))).toEqual([400, 'LAKE_BAD_REQUEST']);
  expect(await failed(send('/v1/tables/db.paged/snapshots?limit=x'))).toEqual([400, 'LAKE_BAD_REQUEST']);
});

test('rows are in the log when they are acknowledged: as a list, as one, as lines', async () => {
  expect(await (await post('db.t', rows(0, 100))).json()).toEqual({ table: 'db.t', rows: 100 });
  expect(await (await post('db.t', rows(100, 101)[0])).json()).toEqual({ table: 'db.t', rows: 1 });
  const lines = [...rows(101, 103), { op: '-D', row: { k: '0' } }].map(row => JSON.stringify(row)).join('\n');
  const answer = await post('db.t', `${lines}\n`, { 'content-type': 'application/x-ndjson' });
  expect(await answer.json()).toEqual({ table: 'db.t', rows: 3 });
  const found = await lake.sql<{ n: bigint; k: bigint }>`SELECT count(*) AS n, min(k) AS k FROM db.t`;
  expect(await found.rows()).toEqual([{ n: 102n, k: 1n }]);
});

test('a request that is sent again is there once, however often and wherever it is sent, before and after ingest', async () => {
  const again = events(40, 'once');
  // Several functions, none of which knows of the others.
  const others = [app, appWith(partsWith(lakeParts.log)), appWith(partsWith(lakeParts.log))];
  for (const to of others) expect((await post('db.events', again, numbered(1), to)).status).toBe(200);
  expect(await eventCount('once')).toBe(40);
  await lake.ingest();
  expect((await post('db.events', again, numbered(1))).status).toBe(200);
  expect((await post('db.events', events(2, 'once'), numbered(7))).status).toBe(200);
  expect((await post('db.events', events(2, 'once'), numbered(7))).status).toBe(200);
  expect((await post('db.events', events(3, 'once'), numbered(1, 'meter-2'))).status).toBe(200);
  expect(await eventCount('once')).toBe(45);
  await lake.ingest();
  expect(await eventCount('once')).toBe(45);
  const accounting = await (await lake.table('db.events')).accounting();
  // Numbers of requests skip; that is no sign of a loss.
  expect(accounting).toMatchObject({ rowsIn: 167n, written: 45n, duplicates: 122n, gaps: 0n });
});

test('a request that reached only some lanes is completed when it is sent again', async () => {
  const log = lakeParts.log as LogStore;
  let isHalf = true;
  const half = changedLog<LogStore>(log, {
    supports: { ...log.supports, appendRecordsMax: 1 },
    async append(records, options) {
      if (isHalf && records.length > 0) {
        isHalf = false;
        return log.append(records, options);
      }
      throw logUnavailable('log', 'injected');
    },
  });
  const change = rows(1_000, 1_040);
  expect(await failed(post('db.t', change, numbered(1, 'half'), appWith(partsWith(half))))).toEqual([
    503,
    'LAKE_LOG_UNAVAILABLE',
  ]);
  const count = async (): Promise<number> => {
    const found = await lake.sql<{ n: bigint }>`SELECT count(*) AS n FROM db.t WHERE k >= 1000`;
    return Number((await found.rows())[0]?.n);
  };
  const before = await count();
  expect(before).toBeGreaterThan(0);
  expect(before).toBeLessThan(40);
  expect((await post('db.t', change, numbered(1, 'half'))).status).toBe(200);
  expect(await count()).toBe(40);
});

test('rows without a number are there as often as they are sent', async () => {
  for (let times = 0; times < 3; times += 1) await post('db.events', events(2, 'thrice'));
  expect(await eventCount('thrice')).toBe(6);
});

test('a request with a bad row writes none of its rows, and says which it was', async () => {
  const bad = [...events(2, 'bad'), { op: '+I', row: { at: 'noon', what: 'bad' } }];
  const response = await post('db.events', bad);
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({
    error: { code: 'LAKE_BAD_VALUE', message: expect.stringMatching(/^row 3:/) },
  });
  const wrong: readonly [unknown, string, string?][] = [
    ['{"op":"+I"', 'LAKE_BAD_REQUEST'],
    [[7], 'LAKE_BAD_LINE'],
    [[{ op: 'commit' }], 'LAKE_BAD_LINE'],
    [[{ op: 'upsert', row: {} }], 'LAKE_BAD_LINE'],
    [[{ op: '-D', row: { at: '1' } }], 'LAKE_BAD_LINE'],
    [[{ op: '+I', row: { at: '1', what: 'bad', more: 1 } }], 'LAKE_BAD_VALUE'],
    ['{"op":"+I",\n', 'LAKE_BAD_LINE', 'application/x-ndjson'],
  ];
  for (const [body, code, type = 'application/json'] of wrong) {
    expect(await failed(post('db.events', body, { 'content-type': type })), JSON.stringify(body)).toEqual([400, code]);
  }
  expect(await eventCount('bad')).toBe(0);
  expect(await failed(post('db.none', events(1, 'bad')))).toEqual([404, 'LAKE_TABLE_NOT_FOUND']);
  expect(await failed(post('db.events', events(1, 'bad'), { 'content-type': 'text/csv' }))).toEqual([
    415,
    'LAKE_MEDIA_TYPE',
  ]);
  expect(await failed(post('db.events', 'x'.repeat(5 * 1024 * 1024 + 1)))).toEqual([413, 'LAKE_REQUEST_TOO_LARGE']);
});

test.for(['adopt', 'quarantine', 'fail'] as const)(
  'schema.evolution = %s: rows with columns the table has not',
  async evolution => {
    const name = `db.${evolution}`;
    const table = await lake.createTable(name, {
      columns: { k: t.bigint(), n: t.int().nullable() },
      primaryKey: ['k'],
      options: { bucket: 2, 'schema.evolution': evolution },
    });
    const change = (row: object, op = '+I') => ({ op, row });
    const first = [
      change({ k: '1', n: 1, none: null }),
      change({ k: '2', n: 3_000_000_000, city: 'Bonn', score: 1 }),
      change({ k: '3', n: 3, score: 2.5, isNew: true }),
      change({ k: '4' }, '-D'),
    ];
    const answer = await post(name, first);
    if (evolution === 'fail') {
      expect(answer.status).toBe(400);
      expect(await answer.json()).toMatchObject({
        error: { code: 'LAKE_BAD_VALUE', message: expect.stringMatching(/^row 1: .*none/) },
      });
      return;
    }
    expect(await answer.json()).toEqual({ table: name, rows: 4 });
    const lines = [change({ k: '5', city: 'Ulm' }), change({ k: '6', n: 6 })]
      .map(row => JSON.stringify(row))
      .join('\n');
    expect((await post(name, lines, { 'content-type': 'application/x-ndjson' })).status).toBe(200);
    await lake.ingest();
    const reader = await lake.table(name);
    const found = await (await lake.sql(`SELECT * FROM ${name} ORDER BY k`)).rows();
    if (evolution === 'quarantine') {
      const [{ rows } = { rows: 0n }] = await (
        await lake.sql<{ rows: bigint }>(
          `SELECT CAST(sum(row_count) AS BIGINT) AS rows FROM db.\`${evolution}$dead_letters\``,
        )
      ).rows();
      // Rows of a record go together: those of one request and bucket.
      expect(await table.accounting()).toMatchObject({ rowsIn: 6n, deadLettered: rows });
      expect(rows).toBeGreaterThanOrEqual(3n);
      expect(found.every(row => Object.keys(row).join() === 'k,n')).toBe(true);
      return;
    }
    const nulls = { city: null, score: null, isNew: null };
    expect(reader.columns.toSorted()).toEqual(['city', 'isNew', 'k', 'n', 'score']);
    expect(found).toEqual([
      { ...nulls, k: 1n, n: 1n },
      { ...nulls, k: 2n, n: 3_000_000_000n, city: 'Bonn', score: 1 },
      { ...nulls, k: 3n, n: 3n, score: 2.5, isNew: true },
      { ...nulls, k: 5n, n: null, city: 'Ulm' },
      { ...nulls, k: 6n, n: 6n },
    ]);
    const bad: readonly (readonly [object, string])[] = [
      [{ k: '7', tags: ['a'] }, 'row 1: the table has no column "tags"'],
      [{ k: '7', CITY: 'Ulm' }, '`CITY`'],
      [{ k: '99999999999999999999' }, 'row 1'],
      [{ k: '7', city: 7 }, 'row 1'],
    ];
    // One that knows the table as it is now.
    const later = appWith(partsWith(lakeParts.log));
    for (const [row, why] of bad) {
      const refused = await post(name, [change(row)], {}, later);
      expect(await refused.json()).toMatchObject({
        error: { code: 'LAKE_BAD_VALUE', message: expect.stringContaining(why) },
      });
    }
    const many = Object.fromEntries([...Array(101).keys()].map(n => [`c${n}`, n]));
    const long = { ['c'.repeat(20_000)]: 1 };
    for (const row of [many, long])
      expect(await failed(post(name, [change({ k: '7', ...row })], {}, later))).toEqual([
        413,
        'LAKE_REQUEST_TOO_LARGE',
      ]);
  },
);

test('a producer goes with a number, and both are sound', async () => {
  const refused = async (headers: Record<string, string>): Promise<unknown> =>
    failed(post('db.events', events(1, 'refused'), headers));
  for (const headers of [
    { 'tidelake-producer': 'a' },
    { 'tidelake-number': '1' },
    numbered(0),
    numbered(1.5),
    numbered(2 ** 53),
    numbered(1, 'a/b'),
    numbered(1, ' '),
    { 'tidelake-producer': 'a', 'tidelake-number': 'one' },
  ]) {
    expect(await refused(headers), JSON.stringify(headers)).toEqual([400, 'LAKE_BAD_REQUEST']);
  }
});

test('a lake without a log takes no rows', async () => {
  expect(await failed(post('db.t', rows(0, 1), {}, appWith(partsWith(undefined))))).toEqual([400, 'LAKE_NO_LOG']);
});

test('the description names every route, with what it takes', async () => {
  const description = (await get('/v1/openapi.json')) as {
    paths: Record<string, Record<string, { parameters: { name: string; in: string }[] }>>;
  };
  expect(Object.keys(description.paths)).toEqual([
    '/v1/health',
    '/v1/databases',
    '/v1/databases/{database}/tables',
    '/v1/tables/{table}',
    '/v1/tables/{table}/options',
    '/v1/tables/{table}/snapshots',
    '/v1/tables/{table}/rows',
    '/v1/tables/{table}/producers/{producer}',
    '/v1/tables/{table}/changes',
    '/v1/openapi.json',
  ]);
  const guide = readFileSync(new URL('../../../docs/http-api.md', import.meta.url), 'utf8');
  expect(Object.keys(description.paths).filter(path => !guide.includes(path))).toEqual([]);
  expect(description.paths['/v1/tables/{table}/snapshots']?.['get']?.parameters).toMatchObject([
    { name: 'table', in: 'path', required: true },
    { name: 'limit', in: 'query', schema: { type: 'integer', minimum: 1, maximum: 1_000 } },
    { name: 'before', in: 'query' },
  ]);
  expect(description.paths['/v1/tables/{table}/rows']?.['post']).toMatchObject({
    requestBody: { content: { 'application/json': { schema: { anyOf: [{ type: 'array' }, { type: 'object' }] } } } },
  });
});
