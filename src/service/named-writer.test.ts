/** Producers that come back under their name, two at a time, and functions that are invoked twice: every row once. */
import { expect, test } from 'vitest';
import { changedLog } from '../../test/changed-ports.ts';
import { systemClock } from '../base/clock.ts';
import { type Random, seededRandom } from '../base/random.ts';
import { faultyObjectStore } from '../storage/faulty-object-store.ts';
import type { LogStore } from '../storage/log-store.ts';
import { MemoryLogStore } from '../storage/memory/memory-log-store.ts';
import { MemoryObjectStore } from '../storage/memory/memory-object-store.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { t } from './column-types.ts';
import { type Lake, openLake } from './lake.ts';
import type { LakeTable } from './lake-table.ts';
import type { ShapeOf } from './table-shape.ts';

const columns = { k: t.int(), n: t.bigint() };
type Row = { readonly k: number; readonly n: bigint };
type Numbers = LakeTable<ShapeOf<typeof columns, 'k'>>;

const kinds = {
  append: { primaryKey: [], options: {} },
  'append, bucketed': { primaryKey: [], options: { bucket: 4, 'bucket-key': 'k' } },
  aggregation: {
    primaryKey: ['k'],
    options: { bucket: 4, 'merge-engine': 'aggregation', 'fields.n.aggregate-function': 'sum' },
  },
  'aggregation, dynamic buckets': {
    primaryKey: ['k'],
    options: { bucket: -1, 'merge-engine': 'aggregation', 'fields.n.aggregate-function': 'sum' },
  },
} as const;

type Place = { readonly store: ObjectStore; readonly log: LogStore; readonly random: Random };

function place(): Place {
  const random = seededRandom(11);
  const store = new MemoryObjectStore('memory:named', systemClock);
  return { random, store, log: new MemoryLogStore({ name: 'named', shardCount: 3 }, { clock: systemClock, random }) };
}

/** Another process, as far as a lake knows. */
function open({ store, log, random }: Place): Promise<Lake> {
  return openLake({ warehouse: 'memory:named', log: 'memory:named' }, { store, log, random });
}

async function tableOf(lake: Lake, kind: keyof typeof kinds = 'append'): Promise<Numbers> {
  const { primaryKey, options } = kinds[kind];
  return await lake.createTable('db.t', { columns, primaryKey: [...primaryKey], options, ifNotExists: true });
}

/** 40 rows, each with a key and a number of its own. */
function rowsOf(request: number): readonly Row[] {
  return Array.from({ length: 40 }, (_, index) => ({ k: index % 17, n: BigInt(request * 1_000 + index) }));
}

/** By key, what all rows add up to, as far as the log has them and as far as the table has them. */
async function sums(lake: Lake, table: Numbers): Promise<unknown> {
  const add = async (): Promise<Map<number, bigint>> => {
    const found = new Map<number, bigint>();
    for (const { k, n } of await table.scan({ union: true }).rows()) {
      found.set(k, (found.get(k) ?? 0n) + n);
    }
    return found;
  };
  const union = await add();
  await lake.ingest();
  const ingested = await add();
  expect(union).toEqual(ingested);
  return ingested;
}

function sumsOf(requests: readonly number[]): unknown {
  const found = new Map<number, bigint>();
  for (const { k, n } of requests.flatMap(rowsOf)) found.set(k, (found.get(k) ?? 0n) + n);
  return found;
}

for (const kind of Object.keys(kinds) as (keyof typeof kinds)[]) {
  test(`${kind}: a producer that comes back learns where it stood, and what it sends again is there once`, async () => {
    const at = place();
    await using first = await open(at);
    const begun = await (await tableOf(first, kind)).producer('meter-7');
    expect(begun.resumedNumber).toBeUndefined();
    for (const number of [10, 20, 30]) {
      const { status, records } = await begun.send(rowsOf(number), { number, kind: '+I' });
      expect(status).toBe('acknowledged');
      expect(records.reduce((sum, { rowCount }) => sum + rowCount, 0)).toBe(40);
    }
    await using second = await open(at);
    const table = await tableOf(second, kind);
    const inLog = await table.producer('meter-7');
    expect(inLog.resumedNumber).toBe(30);
    await second.ingest();
    const inTable = await table.producer('meter-7');
    expect(inTable.resumedNumber).toBe(30);
    expect(await inTable.send(rowsOf(20), { number: 20, kind: '+I' })).toMatchObject({
      status: 'repeated',
      records: [],
    });
    for (const number of [30, 40]) await inTable.send(rowsOf(number), { number, kind: '+I' });
    expect(await sums(second, table)).toEqual(sumsOf([10, 20, 30, 40]));
    expect((await table.producer('another')).resumedNumber).toBeUndefined();
  });

  test(`${kind}: a function that is invoked twice, at the same time or later, adds its rows once`, async () => {
    const at = place();
    await using lake = await open(at);
    await using other = await open(at);
    const [table, doubled] = [await tableOf(lake, kind), await tableOf(other, kind)];
    for (const number of [1, 2]) {
      const request = { producer: 'orders-0', number, kind: '+I' } as const;
      await Promise.all([table, doubled].map(each => each.send(rowsOf(number), request)));
      await lake.ingest();
      await doubled.send(rowsOf(number), request);
    }
    expect(await sums(lake, table)).toEqual(sumsOf([1, 2]));
  });
}

test('a request that died when the log had part of it is completed by its producer’s next life', async () => {
  const at = place();
  let appends = 0;
  const dying = changedLog(at.log, {
    append: async records => {
      appends += 1;
      await at.log.append(records.slice(0, 1));
      throw new Error('the process is gone');
    },
  });
  await using lake = await open(at);
  const table = await tableOf(lake, 'aggregation');
  await (await table.producer('meter')).send(rowsOf(1), { number: 1, kind: '+I' });
  await using dead = await open({ ...at, log: dying });
  await expect(
    (await (await tableOf(dead, 'aggregation')).producer('meter')).send(rowsOf(2), { number: 2 }),
  ).rejects.toThrow();
  expect(appends).toBe(1);
  const next = await table.producer('meter');
  expect(next.resumedNumber).toBe(2);
  await next.send(rowsOf(2), { number: 2, kind: '+I' });
  expect(await sums(lake, table)).toEqual(sumsOf([1, 2]));
});

test('of two that are open under a name the first is told, and no row of the second is lost to it', async () => {
  const at = place();
  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  const slow = changedLog(at.log, {
    append: async (records, options) => {
      await held;
      return await at.log.append(records, options);
    },
  });
  await using lake = await open(at);
  const table = await tableOf(lake, 'aggregation');
  await (await table.producer('meter')).send(rowsOf(1), { kind: '+I' });
  await using stalled = await open({ ...at, log: slow });
  const old = await (await tableOf(stalled, 'aggregation')).producer('meter');
  const late = expect(old.send(rowsOf(2), { kind: '+I' })).rejects.toMatchObject({ code: 'LAKE_PRODUCER_FENCED' });
  const behind = expect(old.send(rowsOf(3))).rejects.toMatchObject({ code: 'LAKE_PRODUCER_FENCED' });
  const next = await table.producer('meter');
  // A number of its own choice is not the one that is under way.
  const { number, status } = await next.send(rowsOf(4), { kind: '+I' });
  release();
  await Promise.all([late, behind]);
  expect(status).toBe('acknowledged');
  await next.send(rowsOf(5), { kind: '+I' });
  await expect(old.send(rowsOf(6))).rejects.toMatchObject({ code: 'LAKE_PRODUCER_FENCED', kind: 'fenced' });
  expect(number).toBeGreaterThan((next.resumedNumber ?? 0) + 1);
  expect(await sums(lake, table)).toEqual(sumsOf([1, 4, 5]));
});

test('while it is open whether a request is there, no other is sent', async () => {
  const at = place();
  let isDown = false;
  const log = changedLog(at.log, {
    append: async (records, options) => {
      const outcomes = await at.log.append(records, options);
      if (isDown) throw new Error('no answer');
      return outcomes;
    },
  });
  await using lake = await open({ ...at, log });
  const table = await tableOf(lake);
  const producer = await table.producer('meter');
  await producer.send(rowsOf(1));
  isDown = true;
  const [open2, behind] = await Promise.allSettled([producer.send(rowsOf(2)), producer.send(rowsOf(3))]);
  isDown = false;
  expect(open2).toMatchObject({ status: 'rejected', reason: { message: 'no answer' } });
  expect(behind).toMatchObject({ status: 'rejected', reason: { code: 'LAKE_REQUEST_OPEN' } });
  const [, number] = /number: (\d+)/.exec(String(behind.status === 'rejected' && behind.reason)) ?? [];
  await expect(producer.send(rowsOf(9), { number: Number(number) + 1 })).rejects.toMatchObject({
    code: 'LAKE_REQUEST_OPEN',
  });
  await producer.send(rowsOf(2), { number: Number(number) });
  await producer.send(rowsOf(3));
  expect(await sums(lake, table)).toEqual(sumsOf([1, 2, 3]));
});

test('of many that open a name at once, over a store that loses answers, one goes on', async () => {
  const at = place();
  const { random, store } = at;
  const lossy = faultyObjectStore(
    store,
    ({ operation, key }) =>
      key.startsWith('tidelake/producers/') && operation.startsWith('putIf') && random.next() < 0.4
        ? { kind: random.next() < 0.5 ? 'answer-lost' : 'refused' }
        : undefined,
    { clock: systemClock },
  );
  await using lake = await open({ ...at, store: lossy });
  const table = await tableOf(lake, 'append, bucketed');
  const acknowledged: bigint[] = [];
  for (let round = 0; round < 5; round += 1) {
    const open = await Promise.all(Array.from({ length: 6 }, () => table.producer('meter')));
    const sent = await Promise.allSettled(open.map((producer, index) => producer.send(rowsOf(round * 10 + index))));
    const refused = sent.flatMap(outcome => (outcome.status === 'rejected' ? [outcome.reason.code] : []));
    expect(refused).toEqual(Array(5).fill('LAKE_PRODUCER_FENCED'));
    for (const [index, { status }] of sent.entries()) {
      if (status === 'fulfilled') acknowledged.push(...rowsOf(round * 10 + index).map(({ n }) => n));
    }
  }
  await lake.ingest();
  const there = (await table.scan().rows()).map(({ n }) => n);
  expect(acknowledged.filter(n => !there.includes(n))).toEqual([]);
  expect(new Set(there).size).toBe(there.length);
});

test('what can not be sent is refused, and nothing of it is', async () => {
  const at = place();
  await using lake = await open(at);
  const table = await tableOf(lake, 'aggregation');
  const producer = await table.producer('meter');
  const refusedAs = (code: string): object => ({ code, kind: 'invalid' });
  await expect(table.producer('a/b')).rejects.toMatchObject(refusedAs('LAKE_BAD_PRODUCER'));
  for (const number of [0, 1.5, 2 ** 53]) {
    await expect(producer.send(rowsOf(1), { number })).rejects.toMatchObject(refusedAs('LAKE_BAD_PRODUCER'));
    await expect(table.send([], { producer: 'm', number })).rejects.toMatchObject(refusedAs('LAKE_BAD_PRODUCER'));
  }
  await expect(producer.send([{ k: 1, n: 'x' } as never])).rejects.toMatchObject(refusedAs('LAKE_BAD_VALUE'));
  await expect(producer.send(rowsOf(1), { kind: ['+I'] })).rejects.toMatchObject(refusedAs('LAKE_BAD_BATCH'));
  expect(await producer.send([])).toMatchObject({ status: 'acknowledged', records: [] });
  expect(await sums(lake, table)).toEqual(new Map());
  await using bare = await openLake({ warehouse: 'memory:named-bare' });
  const direct = await bare.createTable('db.t', { columns });
  await expect(direct.producer('m')).rejects.toMatchObject(refusedAs('LAKE_NO_LOG'));
});
