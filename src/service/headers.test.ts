/** Headers of records, from every kind of producer to every kind of follower; the table has none of them. */
import { expect, test } from 'vitest';
import { serverEvents } from '../../test/event-stream.ts';
import { failed } from '../../test/failed-answer.ts';
import { HttpProducer } from '../client/producer.ts';
import { testProducer } from '../flow/testing.ts';
import { buildBatch } from '../types/column-builder.ts';
import { t } from './column-types.ts';
import { catalogApp } from './http/catalog-app.ts';
import { catalogPartsOf } from './http/catalog-parts.ts';
import { type Lake, openLake } from './lake.ts';
import { logOf, openLakeParts } from './lake-parts.ts';
import type { LakeTable } from './lake-table.ts';
import { followLines } from './read-lines.ts';
import type { AnyShape } from './table-shape.ts';
import { openLakeTable } from './tables.ts';
import { writeLines } from './write-lines.ts';

const spec = { columns: { k: t.int(), v: t.string() }, primaryKey: ['k'], options: { bucket: 1 } } as const;
const context = { getRemainingTimeInMillis: () => 60_000 };

/** Every change of the log, as `k headers`. */
async function followed(table: Pick<LakeTable<AnyShape>, 'subscribe'>, from: 'earliest' | 'full'): Promise<unknown[]> {
  const changes: unknown[] = [];
  for await (const { row, headers } of table.subscribe({ from, until: 'now' })) changes.push([row['k'], headers]);
  return changes;
}

async function opened(lake: Lake): Promise<LakeTable<AnyShape>> {
  await lake.createTable('d.t', spec);
  return lake.table('d.t');
}

test('each producer gives headers, rows of one record share them, and the table does without', async () => {
  await using lake = await openLake({ warehouse: 'memory:headers', log: 'memory:headers' });
  const table = await opened(lake);
  {
    await using writer = table.writer({ lingerMs: 20 });
    const receipts = await Promise.all([
      writer.upsert({ k: 1, v: 'a' }, { headers: { a: '1', b: '2' } }),
      writer.upsert({ k: 2, v: 'a' }, { headers: { b: '2', a: '1' } }),
      writer.upsert({ k: 3, v: 'a' }),
      writer.delete({ k: 9 }, { headers: { a: '2' } }),
    ]);
    const numbers = receipts.map(({ records }) => records.map(({ number }) => number));
    expect(numbers).toEqual([[1], [1], [2], [3]]);
  }
  const producer = await table.producer('p');
  await producer.send([{ k: 4, v: 'a' }], { headers: { a: '4' } });
  await table.send([{ k: 5, v: 'a' }], { producer: 'f', number: 1, headers: { a: 'é' } });
  const all = [
    [1, { a: '1', b: '2' }],
    [2, { a: '1', b: '2' }],
    [3, undefined],
    [9, { a: '2' }],
    [4, { a: '4' }],
    [5, { a: 'é' }],
  ];
  expect(await followed(table, 'full')).toEqual(all);
  expect((await table.scan({ union: true }).rows()).length).toBe(5);
  await lake.ingest();
  expect((await table.scan().rows()).map(row => Object.keys(row))).toEqual(Array(5).fill(['k', 'v']));
  const committed = await followed(table, 'full');
  expect(committed).toHaveLength(5);
  for (const change of committed) expect(change).toEqual([expect.any(Number), undefined]);
});

test('rows that did not fit and are brought again keep their headers', async () => {
  const address = { warehouse: 'memory:headers-replayed', log: 'memory:headers-replayed' };
  await using lake = await openLake(address);
  await using parts = await openLakeParts(address);
  await opened(lake);
  const { schema } = await openLakeTable(parts, 'd.t');
  const fields = schema.fields.map(field => ({ ...field, type: { ...field.type, nullable: true } }));
  const producer = testProducer({ ...parts, log: logOf(parts, 'a test') }, schema, 'd.t');
  await producer.append(buildBatch({ fields }, [[1, null]]), new Int8Array(1), { trace: '7' });
  await lake.ingest();
  await lake.sql('ALTER TABLE d.t MODIFY v STRING');
  const table = await lake.table('d.t');
  expect(await table.replayDeadLetters({ waitMs: 0 })).toMatchObject({ pendingRows: 1 });
  expect(await followed(table, 'full')).toEqual([[1, { trace: '7' }]]);
});

test('headers without a log, or such as are none, are refused, and the writer goes on', async () => {
  await using lake = await openLake({ warehouse: 'memory:bare' });
  const table = await opened(lake);
  await using writer = table.writer();
  await expect(writer.upsert({ k: 1, v: 'a' }, { headers: { a: '1' } })).rejects.toMatchObject({ code: 'LAKE_NO_LOG' });
  await expect(writer.upsert({ k: 1, v: 'a' }, { headers: { 'a b': '1' } })).rejects.toMatchObject({
    code: 'LAKE_BAD_HEADERS',
  });
  await writer.upsert({ k: 1, v: 'a' }, { headers: {} });
  expect(await table.scan().rows()).toEqual([{ k: 1, v: 'a' }]);
});

test('lines with headers are refused where rows go straight into a table or a branch of it', async () => {
  for (const [name, log] of [
    ['d.t', undefined],
    ['d.t$branch_b', 'memory:headers-branch'],
  ] as const) {
    const address = { warehouse: `memory:headers-of-${name}`, ...(log === undefined ? {} : { log }) };
    await using lake = await openLake(address);
    await using parts = await openLakeParts(address);
    const table = await opened(lake);
    await table.branches.create('b');
    const input = (async function* () {
      yield Buffer.from('{"op":"+I","row":{"k":1,"v":"a"}}\n');
    })();
    const written = writeLines(parts, name, { input, viaLog: false, headers: { a: '1' } });
    await expect(written, name).rejects.toMatchObject({ code: 'LAKE_NO_LOG' });
    expect(await (await lake.table(name)).scan().count()).toBe(0);
  }
});

test('by HTTP they come in and go out, and on the command line', async () => {
  await using parts = await openLakeParts({ warehouse: 'memory:headers-http', log: 'memory:headers-http' });
  await using lake = await openLake({ warehouse: 'memory:headers-http', log: 'memory:headers-http' });
  await opened(lake);
  const app = catalogApp(async () => catalogPartsOf({ ...parts, purpose: 'read' }, parts.log));
  const ask = (path: string, init: RequestInit = {}): Promise<Response> =>
    app.fetch(new Request(`https://lake${path}`, init), { context, requestId: 'r', report: () => undefined });
  const post = (k: number, headers: string): Promise<Response> => {
    const body = JSON.stringify({ op: '+U', row: { k, v: 'a' } });
    const given = { 'content-type': 'application/json', 'tidelake-headers': headers };
    return ask('/v1/tables/d.t/rows', { method: 'POST', body, headers: given });
  };
  expect((await post(1, '{"a":"\\u00e9"}')).status).toBe(200);
  expect((await post(2, '')).status).toBe(200);
  for (const wrong of ['x', '[]', '"a"', '{"a":1}', '{"a":"\u00e9"}', '{"a":"1"} {', '{"__proto__":"x"}']) {
    expect(await failed(post(3, wrong)), wrong).toEqual([400, 'LAKE_BAD_HEADERS']);
  }
  const producer = (headers: Record<string, string>): HttpProducer =>
    new HttpProducer({
      url: 'https://lake',
      table: 'd.t',
      lingerMs: 1,
      headers,
      fetch: (url, init) => ask(url.slice(12), init),
    });
  await producer({ a: '\u2028é' }).upsert({ k: 4, v: 'a' });
  const refused = producer({ 'a b': '1' });
  const outcomes = await Promise.allSettled([5, 6, 7].map(k => refused.upsert({ k, v: 'a' })));
  for (const outcome of outcomes) expect(outcome).toMatchObject({ reason: { code: 'LAKE_BAD_HEADERS' } });
  const events: unknown[] = [];
  const stream = await ask('/v1/tables/d.t/changes?from=full&until=now');
  for await (const { name, data } of serverEvents(stream.body ?? (async function* () {})())) {
    if (name === 'changes') events.push(data);
  }
  const change = (k: number): unknown => ({ op: '+U', row: { k, v: 'a' } });
  expect(events).toEqual([
    { phase: 'log', snapshot: null, headers: { a: 'é' }, changes: [change(1)] },
    { phase: 'log', snapshot: null, changes: [change(2)] },
    { phase: 'log', snapshot: null, headers: { a: '\u2028é' }, changes: [change(4)] },
  ]);
  const lines: string[] = [];
  const { signal } = new AbortController();
  for await (const text of followLines(parts, 'd.t', { from: 'full', until: 'now', json: true, signal }))
    lines.push(text);
  expect(
    lines
      .join('')
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line)),
  ).toEqual([
    { op: '+U', row: { k: 1, v: 'a' }, headers: { a: 'é' } },
    { op: '+U', row: { k: 2, v: 'a' } },
    { op: '+U', row: { k: 4, v: 'a' }, headers: { a: '\u2028é' } },
  ]);
});
