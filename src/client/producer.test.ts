/** The producer as browsers have it: bundled for them, run where nothing of Node is, against the catalog and a bad network. */
import { fileURLToPath } from 'node:url';
import { createContext, runInContext } from 'node:vm';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Random, seededRandom } from '../base/random.ts';
import { t } from '../service/column-types.ts';
import { catalogApp } from '../service/http/catalog-app.ts';
import { catalogPartsOf } from '../service/http/catalog-parts.ts';
import { type Lake, openLake } from '../service/lake.ts';
import { type LakeParts, openLakeParts } from '../service/lake-parts.ts';
import type { HttpProducer, HttpProducerOptions, KeyedStorage } from './producer.ts';

const address = 'memory:client';
/** What a page has to load, at most. */
const bundleBytesMax = 8_000;
const bundleGzipBytesMax = 3_600;

type Door = typeof import('./producer.ts');

let door: Door;
let bundle: Uint8Array;
let lake: Lake;
let parts: LakeParts;
let handle: (request: Request) => Promise<Response>;

beforeAll(async () => {
  // For the browser: an import of a module of Node fails here.
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('producer.ts', import.meta.url))],
    bundle: true,
    write: false,
    minify: true,
    platform: 'browser',
    target: 'es2022',
    format: 'iife',
    globalName: 'tidelake',
  });
  bundle = outputFiles[0]?.contents ?? new Uint8Array();
  const page = {
    setTimeout,
    clearTimeout,
    performance,
    crypto,
    TextEncoder,
    AbortController,
    AbortSignal,
    Uint8Array,
    Map,
  };
  door = runInContext(`${Buffer.from(bundle).toString()}; tidelake`, createContext({ ...page }));
  lake = await openLake({ warehouse: address, log: address });
  parts = await openLakeParts({ warehouse: address, log: address });
  const app = catalogApp(async () => catalogPartsOf({ ...parts, purpose: 'read' }, parts.log));
  const context = { getRemainingTimeInMillis: () => 60_000 };
  handle = request => app.fetch(request, { context, requestId: 'r', report: () => undefined });
  const columns = { k: t.int(), n: t.bigint() };
  await lake.createTable('db.rows', { columns });
  await lake.createTable('db.sums', {
    columns,
    primaryKey: ['k'],
    options: { bucket: 4, 'merge-engine': 'aggregation', 'fields.n.aggregate-function': 'sum' },
  });
});

afterAll(async () => {
  await parts[Symbol.asyncDispose]();
  await lake[Symbol.asyncDispose]();
});

type Net = { requests: number; readonly fetch: NonNullable<HttpProducerOptions['fetch']> };

/** Of four requests one is not there, of one the answer is not, one is told to come again. */
function badNetwork(random: Random): Net {
  const net: Net = {
    requests: 0,
    fetch: async (url, init) => {
      net.requests += 1;
      const chance = random.next();
      if (chance < 0.25) throw new TypeError('no connection');
      if (chance < 0.5) return new Response('busy', { status: 503 });
      const answer = await handle(new Request(url, init));
      if (chance < 0.75) throw new TypeError('connection closed');
      return answer;
    },
  };
  return net;
}

function goodNetwork(): Net {
  const net: Net = {
    requests: 0,
    fetch: (url, init) => {
      net.requests += 1;
      return handle(new Request(url, init));
    },
  };
  return net;
}

/** Waits take no time. */
const clock = {
  nowMs: () => 0,
  monotonicMs: () => 0,
  sleep: () => new Promise<void>(resolve => setTimeout(resolve, 0)),
};

function producerOf(table: string, net: Net, options: Partial<HttpProducerOptions> = {}): HttpProducer {
  return new door.HttpProducer({ url: 'https://lake/', table, fetch: net.fetch, clock, ...options });
}

function storage(): KeyedStorage & { readonly kept: Map<string, string> } {
  const kept = new Map<string, string>();
  return { kept, getItem: key => kept.get(key) ?? null, setItem: (key, value) => void kept.set(key, value) };
}

async function valuesOf(table: string): Promise<readonly bigint[]> {
  const opened = await lake.table(table, { columns: { k: t.int(), n: t.bigint() } });
  return (await opened.scan({ union: true }).rows()).map(({ n }) => n).toSorted((a, b) => Number(a - b));
}

test('a page loads little', () => {
  const gzipBytes = gzipSync(bundle).length;
  console.log(`tidelake/producer: ${bundle.length} bytes, ${gzipBytes} with gzip`);
  expect(bundle.length).toBeLessThan(bundleBytesMax);
  expect(gzipBytes).toBeLessThan(bundleGzipBytesMax);
  expect(bundle.length).toBeGreaterThan(1_000);
});

test('over a network that loses requests and answers every row is there once', async () => {
  const net = badNetwork(seededRandom(5));
  const [rows, sums] = ['db.rows', 'db.sums'].map(table => producerOf(table, net, { requestRowsMax: 7 }));
  const done: Promise<void>[] = [];
  for (let n = 0; n < 200; n += 1) {
    done.push(rows?.insert({ k: n % 5, n: BigInt(n) }) ?? Promise.reject());
    done.push(sums?.insert({ k: n % 5, n: BigInt(n) }) ?? Promise.reject());
  }
  await Promise.all(done);
  expect(rows?.pendingBytes).toBe(0);
  expect(net.requests).toBeGreaterThan(60);
  expect(await valuesOf('db.rows')).toEqual(Array.from({ length: 200 }, (_, n) => BigInt(n)));
  expect((await valuesOf('db.sums')).reduce((sum, n) => sum + n, 0n)).toBe(19_900n);
});

test('what a page had under way when it was closed is there once when it is opened again', async () => {
  await lake.createTable('db.pages', { columns: { k: t.int(), n: t.bigint() } });
  const kept = storage();
  const journal = door.storageJournal(kept, 'rows');
  let isDown = true;
  const net: Net = {
    requests: 0,
    // The log has the rows, and the page is gone before it hears of it.
    fetch: async (url, init) => {
      const answer = await handle(new Request(url, init));
      if (isDown) throw new TypeError('the page is gone');
      return answer;
    },
  };
  const first = producerOf('db.pages', net, { journal, giveUpMs: 0 });
  await expect(first.insert({ k: 1, n: 1n })).rejects.toMatchObject({ code: 'LAKE_LOG_UNKNOWN', kind: 'unavailable' });
  await expect(first.insert({ k: 1, n: 2n })).rejects.toMatchObject({ code: 'LAKE_LOG_UNKNOWN' });
  isDown = false;
  const second = producerOf('db.pages', net, { journal });
  await second.open();
  await second.insert({ k: 2, n: 2n });
  await second.close();
  await expect(second.insert({ k: 3, n: 3n })).rejects.toMatchObject({ code: 'LAKE_CLOSED' });
  expect(await valuesOf('db.pages')).toEqual([1n, 2n]);
  expect(JSON.parse(kept.kept.get('rows') ?? '')).toMatchObject({ number: 1_002, body: null });
  kept.setItem('rows', '{"number":');
  await expect(producerOf('db.pages', net, { journal }).open()).rejects.toMatchObject({ code: 'LAKE_BAD_JOURNAL' });
});

test('a row that does not fit its table is refused by itself', async () => {
  await lake.createTable('db.fits', { columns: { k: t.int(), n: t.bigint() } });
  const net = goodNetwork();
  const producer = producerOf('db.fits', net);
  const sent = Array.from({ length: 32 }, (_, n) => producer.insert({ k: n === 19 ? 'x' : n, n: BigInt(n) }));
  const outcomes = await Promise.allSettled(sent);
  expect(outcomes.flatMap(({ status }, n) => (status === 'rejected' ? [n] : []))).toEqual([19]);
  expect(outcomes[19]).toMatchObject({ reason: { code: 'LAKE_BAD_VALUE', kind: 'invalid' } });
  // The whole, and the two halves of each part that has it.
  expect(net.requests).toBe(1 + 2 * 5);
  expect(await valuesOf('db.fits')).toHaveLength(31);
});

test('of two producers under one journal one is told, and no row is lost without a word', async () => {
  await lake.createTable('db.tabs', { columns: { k: t.int(), n: t.bigint() } });
  const kept = storage();
  const journal = door.storageJournal(kept, 'rows');
  const net = goodNetwork();
  const [first, second] = [producerOf('db.tabs', net, { journal }), producerOf('db.tabs', net, { journal })];
  await first.insert({ k: 1, n: 1n });
  await second.insert({ k: 2, n: 2n });
  await expect(first.insert({ k: 1, n: 3n })).rejects.toMatchObject({ code: 'LAKE_PRODUCER_FENCED', kind: 'fenced' });
  await second.insert({ k: 2, n: 4n });
  expect(await valuesOf('db.tabs')).toEqual([1n, 2n, 4n]);
  // Opened while a request of the other is under way: what it sends again is the other's, and is there once.
  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  const slow: Net = { requests: 0, fetch: (url, init) => held.then(() => net.fetch(url, init)) };
  const third = producerOf('db.tabs', slow, { journal });
  const late = expect(third.insert({ k: 3, n: 5n })).rejects.toMatchObject({ code: 'LAKE_PRODUCER_FENCED' });
  while (JSON.parse(kept.kept.get('rows') ?? '').body === null) await clock.sleep();
  const fourth = producerOf('db.tabs', net, { journal });
  await fourth.insert({ k: 4, n: 6n });
  release();
  await late;
  await fourth.insert({ k: 4, n: 7n });
  expect(await valuesOf('db.tabs')).toEqual([1n, 2n, 4n, 5n, 6n, 7n]);
});

test('what one sends while another is looking at their journal takes no number of the other', async () => {
  await lake.createTable('db.opening', { columns: { k: t.int(), n: t.bigint() } });
  const kept = storage();
  const journal = door.storageJournal(kept, 'rows');
  const net = goodNetwork();
  const first = producerOf('db.opening', net, { journal });
  await first.insert({ k: 1, n: 1n });
  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  const slow = {
    read: async () => {
      const text = kept.getItem('rows');
      await held;
      return text;
    },
    write: journal.write,
  };
  const second = producerOf('db.opening', net, { journal: slow });
  const opened = second.open();
  await first.insert({ k: 1, n: 2n });
  await first.insert({ k: 1, n: 3n });
  release();
  await opened;
  await second.insert({ k: 2, n: 4n });
  expect(await valuesOf('db.opening')).toEqual([1n, 2n, 3n, 4n]);
});

test('rows that the log has are acknowledged, also when the journal fails after that', async () => {
  await lake.createTable('db.kept', { columns: { k: t.int(), n: t.bigint() } });
  let text: string | null = null;
  const journal = {
    read: () => text,
    write: (next: string) => {
      if (text !== null && JSON.parse(next).body === null) throw new Error('the disk is full');
      text = next;
    },
  };
  const producer = producerOf('db.kept', goodNetwork(), { journal });
  await producer.insert({ k: 1, n: 1n });
  await expect(producer.insert({ k: 1, n: 2n })).rejects.toThrow('the disk is full');
  expect(await valuesOf('db.kept')).toEqual([1n]);
});

test('a refusal that is not of rows is asked for once', async () => {
  const net = goodNetwork();
  const producer = producerOf('db.missing', net);
  const outcomes = await Promise.allSettled(Array.from({ length: 32 }, () => producer.insert({ k: 1, n: 1n })));
  for (const outcome of outcomes) expect(outcome).toMatchObject({ reason: { code: 'LAKE_TABLE_NOT_FOUND' } });
  expect(net.requests).toBe(1);
});

test('an answer of somebody in between is no acknowledgement', async () => {
  for (const body of ['<html>sign in</html>', '', '{"ok":true}', '{"error":"?"}', 'null', '7']) {
    const net: Net = { requests: 0, fetch: async () => new Response(body) };
    const producer = producerOf('db.rows', net, { giveUpMs: 0 });
    await expect(producer.insert({ k: 1, n: 1n })).rejects.toMatchObject({
      code: 'LAKE_LOG_UNKNOWN',
      cause: { code: 'LAKE_HTTP', message: `https://lake/v1/tables/db.rows/rows: 200, ${body}` },
    });
  }
});

test('values that JSON does not know arrive as they were', async () => {
  const columns = { d: t.double(), b: t.bytes(), m: t.map(t.string(), t.int()) };
  const table = await lake.createTable('db.values', { columns });
  const producer = producerOf('db.values', goodNetwork());
  for (const d of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    await producer.insert({ d, b: Buffer.from([1, 255]), m: new Map([['x', 7]]) });
  }
  const rows = await table.scan({ union: true }).rows();
  expect(rows.map(({ d }) => d)).toEqual([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]);
  expect(rows.map(({ b }) => [...(b ?? [])])).toEqual(Array(3).fill([1, 255]));
  expect(rows.map(({ m }) => [...(m ?? [])])).toEqual(Array(3).fill([['x', 7]]));
  await expect(producer.insert({ d: new Date(Number.NaN) })).rejects.toMatchObject({ code: 'LAKE_BAD_VALUE' });
});

test('who does not wait is held back, and refused in the end', async () => {
  const net = goodNetwork();
  const producer = producerOf('db.rows', net, { bufferBytesMax: 100, requestBytesMax: 60 });
  const sent = Array.from({ length: 10 }, () => producer.insert({ k: 1, n: 1n }));
  const full = (await Promise.allSettled(sent)).filter(({ status }) => status === 'rejected');
  expect(full.length).toBeGreaterThan(0);
  for (const outcome of full) expect(outcome).toMatchObject({ reason: { code: 'LAKE_WRITER_FULL' } });
  await producer.room();
  expect(producer.pendingBytes).toBe(0);
  await expect(producer.insert({ k: 1, n: 'x'.repeat(100) })).rejects.toMatchObject({ code: 'LAKE_ROW_TOO_LARGE' });
});
