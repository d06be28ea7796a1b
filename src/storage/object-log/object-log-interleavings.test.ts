/** Handles that stop or stand still at one request while others go on. */
import { expect, test } from 'vitest';
import { present } from '../../base/assert.ts';
import { type Clock, systemClock } from '../../base/clock.ts';
import { seededRandom } from '../../base/random.ts';
import type { LogStart } from '../log-store.ts';
import { appendAll, readAll, readToEnd, text, texts } from '../log-store-testing.ts';
import { MemoryObjectStore } from '../memory/memory-object-store.ts';
import type { ObjectStore } from '../object-store.ts';
import { evenRanges, shardIdAt } from '../shard-ranges.ts';
import { storeDenied, storeUnavailable } from '../store-errors.ts';
import { LogClock } from './log-clock.ts';
import { encodeLogObject, logKey } from './log-objects.ts';
import { type ObjectLogSettings, type ObjectLogStore, openObjectLog } from './object-log-store.ts';

const shardId = 'shard-000000';
/** Sleeps are a turn, so that back-off takes no time. */
const hasty: Clock = { ...systemClock, sleep: async () => await new Promise(resolve => setImmediate(resolve)) };

/** A clock that stands until it is set, a store that goes by it, and handles of one log in it. */
class World {
  nowMs = 1_000_000;
  readonly clock: Clock = { ...hasty, nowMs: () => this.nowMs };
  readonly store = new MemoryObjectStore('memory:log', this.clock);
  readonly #settings: ObjectLogSettings;
  #seed = 0;

  constructor(settings: ObjectLogSettings = { shardCount: 1, retentionMs: 1000 }) {
    this.#settings = settings;
  }

  async open(store: ObjectStore = this.store): Promise<ObjectLogStore> {
    this.#seed += 1;
    return await openObjectLog(store, this.#settings, { clock: this.clock, random: seededRandom(this.#seed) });
  }

  /** The store with some requests done otherwise. */
  watched(requests: Partial<ObjectStore>): ObjectStore {
    return new Proxy<ObjectStore>(this.store, {
      get(target, name) {
        const found = Reflect.get(requests, name) ?? Reflect.get(target, name);
        return typeof found === 'function' ? found.bind(target) : found;
      },
    });
  }

  async batchKeys(): Promise<readonly string[]> {
    const keys: string[] = [];
    for await (const page of this.store.list('')) keys.push(...page.objects.map(object => object.key));
    return keys.filter(key => key.endsWith('.batch'));
  }
}

/** Appends one record a batch until there is a batch of this number; the 256th looks for what has expired. */
async function appendTo(log: ObjectLogStore, from: number, to: number): Promise<void> {
  for (let number = from; number <= to; number += 1) await appendAll(log, 0n, [`${number}`]);
}

async function readLog(log: ObjectLogStore): Promise<readonly string[]> {
  const seen: string[] = [];
  for (const shard of (await log.describe()).shards) {
    const all = await (shard.closed ? readToEnd : readAll)(log, shard.shardId, { kind: 'earliest' });
    seen.push(...texts(all.records));
  }
  return seen;
}

async function until(check: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 200 && !(await check()); attempt += 1) await systemClock.sleep(5);
}

test('who opens a log whose split was stopped halfway ends it before anything goes to a child', async () => {
  const world = new World();
  await using before = await world.open();
  await appendAll(before, 0n, ['a']);
  const dying = world.watched({
    async putIfAbsent() {
      throw storeUnavailable('memory:log', new Error('it died before the seal'));
    },
  });
  const splitting = await world.open(dying);
  await expect(splitting.split(shardId)).rejects.toMatchObject({ kind: 'unavailable' });
  await using after = await world.open();
  await appendAll(after, 0n, ['b']);
  await appendAll(before, 0n, ['c']);
  expect(await readLog(after)).toEqual(['a', 'b', 'c']);
});

test('calls of a handle that is just splitting go to no child before the parent has its seal', async () => {
  const world = new World();
  await using other = await world.open();
  await appendAll(other, 0n, ['a']);
  let stall: (() => Promise<void>) | undefined;
  const { store } = world;
  const stalling = world.watched({
    async putIfAbsent(key, bytes) {
      await stall?.();
      return await store.putIfAbsent(key, bytes);
    },
  });
  await using splitting = await world.open(stalling);
  stall = async () => {
    stall = undefined;
    await appendAll(splitting, 0n, ['b']);
    await appendAll(other, 0n, ['c']);
  };
  await splitting.split(shardId);
  await appendAll(splitting, 0n, ['d']);
  expect(await readLog(other)).toEqual(['a', 'b', 'c', 'd']);
});

test('a batch without an answer is not said to have failed because the next try was refused', async () => {
  for (const [refusals, status] of [
    [1, 'appended'],
    [100, 'unanswered'],
  ] as const) {
    const world = new World();
    const { store } = world;
    let tries = 0;
    const refusing = world.watched({
      async putIfAbsent(key, bytes) {
        if (!key.endsWith('.batch')) return await store.putIfAbsent(key, bytes);
        tries += 1;
        if (tries > 1 && tries <= 1 + refusals) throw storeDenied('memory:log', new Error('the token has expired'));
        const outcome = await store.putIfAbsent(key, bytes);
        return tries === 1 ? { status: 'unanswered', cause: new Error('lost') } : outcome;
      },
    });
    await using log = await world.open(refusing);
    const [outcome] = await log.append([{ hashKey: 0n, data: text('a') }]);
    expect(outcome?.status).toBe(status);
    expect(texts((await readAll(log, shardId, { kind: 'earliest' })).records)).toEqual(['a']);
  }
});

test('an append that is denied as a whole says so at once', async () => {
  const world = new World({ shardCount: 2 });
  const { store } = world;
  const denying = world.watched({
    async putIfAbsent(key, bytes) {
      if (key.endsWith('.batch')) throw storeDenied('memory:log', new Error('no'));
      return await store.putIfAbsent(key, bytes);
    },
  });
  await using log = await world.open(denying);
  const records = [0n, 1n << 127n].map(hashKey => ({ hashKey, data: text('a') }));
  await expect(log.append(records)).rejects.toMatchObject({ code: 'LAKE_STORE_DENIED' });
});

test('a call one of whose shards was closed and cannot be looked for has still appended the rest', async () => {
  const world = new World({ shardCount: 2 });
  const { store } = world;
  let isDown = false;
  const failing = world.watched({
    async get(key, options) {
      if (isDown && key === logKey) throw storeUnavailable('memory:log', new Error('down'));
      return await store.get(key, options);
    },
  });
  await using log = await world.open(failing);
  await using other = await world.open();
  await other.split(shardId);
  isDown = true;
  const records = [0n, 1n << 127n].map(hashKey => ({ hashKey, data: text('a') }));
  const outcomes = await log.append(records);
  expect(outcomes.map(outcome => outcome.status)).toEqual(['failed', 'appended']);
});

test('an appender that stood still and cannot learn where retention is says that it had no answer', async () => {
  const world = new World();
  const { store } = world;
  let isStill = false;
  const stalling = world.watched({
    async putIfAbsent(key, bytes) {
      if (isStill) world.nowMs += 5_000;
      return await store.putIfAbsent(key, bytes);
    },
    async get(key, options) {
      if (key.endsWith('first.json')) throw storeUnavailable('memory:log', new Error('down'));
      return await store.get(key, options);
    },
  });
  await using sleeper = await world.open(stalling);
  isStill = true;
  const [outcome] = await sleeper.append([{ hashKey: 0n, data: text('a') }]);
  expect(outcome?.status).toBe('unanswered');
});

test('a seal that stood still for as long as the log keeps records is put where appenders look', async () => {
  const world = new World();
  const { store } = world;
  await using busy = await world.open();
  await appendTo(busy, 1, 1);
  let stall: (() => Promise<void>) | undefined;
  const stalling = world.watched({
    async putIfAbsent(key, bytes) {
      await stall?.();
      return await store.putIfAbsent(key, bytes);
    },
  });
  await using splitting = await world.open(stalling);
  stall = async () => {
    stall = undefined;
    await appendTo(busy, 2, 255);
    world.nowMs += 5_000;
    await appendTo(busy, 256, 256);
    await until(async () => (await world.batchKeys()).length === 1);
  };
  await splitting.split(shardId);
  await appendAll(splitting, 0n, ['child']);
  await appendAll(busy, 0n, ['child too']);
  const all = await readToEnd(busy, shardId, { kind: 'earliest' });
  expect(texts(all.records)).toEqual(['256']);
  expect(await readLog(busy)).toEqual(['256', 'child', 'child too']);
});

test('a batch that was seen, and removed before its appender had the answer, is not appended again', async () => {
  const world = new World();
  const { store } = world;
  await using busy = await world.open();
  let stall: (() => Promise<void>) | undefined;
  const stalling = world.watched({
    async putIfAbsent(key, bytes) {
      const outcome = await store.putIfAbsent(key, bytes);
      await stall?.();
      return outcome;
    },
  });
  await using sleeper = await world.open(stalling);
  stall = async () => {
    stall = undefined;
    await appendTo(busy, 2, 255);
    world.nowMs += 5_000;
    await appendTo(busy, 256, 256);
    await until(async () => (await world.batchKeys()).length === 1);
  };
  const [outcome] = await sleeper.append([{ hashKey: 0n, data: text('1') }]);
  expect(outcome?.status).toBe('unanswered');
  expect(texts((await readAll(busy, shardId, { kind: 'earliest' })).records)).toEqual(['256']);
});

test('a batch whose first try was seen and removed before the second is not appended again', async () => {
  const world = new World();
  const { store } = world;
  await using busy = await world.open();
  let stall: (() => Promise<void>) | undefined;
  const stalling = world.watched({
    async putIfAbsent(key, bytes) {
      const outcome = await store.putIfAbsent(key, bytes);
      if (stall === undefined) return outcome;
      await stall();
      return { status: 'unanswered', cause: new Error('lost') };
    },
  });
  await using sleeper = await world.open(stalling);
  stall = async () => {
    stall = undefined;
    await appendTo(busy, 2, 255);
    world.nowMs += 5_000;
    await appendTo(busy, 256, 256);
    await until(async () => (await world.batchKeys()).length === 1);
  };
  const [outcome] = await sleeper.append([{ hashKey: 0n, data: text('1') }]);
  expect(outcome?.status).toBe('unanswered');
  expect(texts((await readAll(busy, shardId, { kind: 'earliest' })).records)).toEqual(['256']);
});

test('an appender that stood still after it had looked for the newest appends where readers look, whatever is not yet removed', async () => {
  const world = new World();
  const { store } = world;
  const slowRemoval = world.watched({
    async delete(key) {
      if (!key.endsWith('98.batch') && !key.endsWith('97.batch')) await store.delete(key);
    },
  });
  await using busy = await world.open(slowRemoval);
  await appendTo(busy, 1, 1);
  let stall: (() => Promise<void>) | undefined;
  const stalling = world.watched({
    async *list(prefix, options) {
      for await (const page of store.list(prefix, options)) {
        await stall?.();
        yield page;
      }
    },
  });
  await using sleeper = await world.open(stalling);
  stall = async () => {
    stall = undefined;
    await appendTo(busy, 2, 255);
    world.nowMs += 5_000;
    await appendTo(busy, 256, 256);
    await until(async () => (await world.batchKeys()).length < 10);
  };
  await appendAll(sleeper, 0n, ['late']);
  expect(texts((await readAll(busy, shardId, { kind: 'earliest' })).records)).toEqual(['256', 'late']);
});

test('a batch whose PUT stood still is kept for as long as the others', async () => {
  const world = new World();
  const { store } = world;
  let stallMs = 0;
  const stalling = world.watched({
    async putIfAbsent(key, bytes) {
      world.nowMs += stallMs;
      stallMs = 0;
      return await store.putIfAbsent(key, bytes);
    },
  });
  const sleeper = await world.open(stalling);
  stallMs = 5_000;
  await appendTo(sleeper, 1, 256);
  await sleeper[Symbol.asyncDispose]();
  expect((await world.batchKeys()).length).toBe(256);
});

test('who was at the tip behind a batch that retention has removed meanwhile goes on with the next, without a gap', async () => {
  const world = new World();
  const appender = await world.open();
  await appendTo(appender, 1, 255);
  const position = present((await readAll(appender, shardId, { kind: 'earliest' })).records.at(-1), 'record').position;
  const behindAll = { kind: 'after', position } as const;
  world.nowMs += 4_900;
  const { next, atTip } = await appender.read(shardId, behindAll);
  expect(atTip).toBe(true);
  world.nowMs += 100;
  await appendTo(appender, 256, 256);
  await appender[Symbol.asyncDispose]();
  expect((await world.batchKeys()).length).toBe(1);
  for (const [from, gap] of [
    [next, false],
    [behindAll, true],
  ] satisfies [LogStart, boolean][]) {
    await using reader = await world.open();
    const result = await reader.read(shardId, from);
    expect(texts(result.records)).toEqual(['256']);
    expect(result.gap).toBe(gap);
  }
});

test('the tip is as old as the question and not as the answer', async () => {
  const world = new World();
  await using appender = await world.open();
  await appendTo(appender, 1, 1);
  const { store } = world;
  let stallMs = 0;
  const stalling = world.watched({
    async get(key, options) {
      const object = await store.get(key, options);
      world.nowMs += stallMs;
      return object;
    },
  });
  await using reader = await world.open(stalling);
  const { next } = (await readAll(reader, shardId, { kind: 'earliest' })).last;
  const askedMs = world.nowMs;
  stallMs = 400;
  expect((await reader.read(shardId, next)).next).toMatchObject({ kind: 'after', tipMs: askedMs });
});

test('an answer that took long does not set the clock back', () => {
  let nowMs = 1_000_000;
  const logClock = new LogClock({ ...hasty, nowMs: () => nowMs });
  expect(logClock.latestMs()).toBe(Number.POSITIVE_INFINITY);
  logClock.learn(1_500_000, logClock.ownMs());
  const askedMs = logClock.ownMs();
  nowMs += 90_000;
  logClock.learn(1_500_000, askedMs);
  expect(logClock.nowMs()).toBe(1_590_000);
  expect(logClock.latestMs()).toBe(1_591_000);
  // Our own clock was put forward.
  nowMs += 90_000;
  logClock.learn(1_590_000, logClock.ownMs());
  expect(logClock.nowMs()).toBe(1_590_000);
});

test('a batch that cannot be read keeps nobody from those before it', async () => {
  const world = new World();
  const appender = await world.open();
  await appendTo(appender, 1, 20);
  const tenth = present((await world.batchKeys()).at(-10), 'key');
  await world.store.put(tenth, text('broken'));
  await using reader = await world.open();
  const seen: string[] = [];
  let from: LogStart = { kind: 'earliest' };
  let failures = 0;
  while (failures < 3) {
    try {
      const result = await reader.read(shardId, from);
      seen.push(...texts(result.records));
      from = result.next;
    } catch (error) {
      expect(error).toMatchObject({ code: 'LAKE_LOG_CORRUPT' });
      failures += 1;
    }
  }
  expect(seen).toEqual(Array.from({ length: 9 }, (_, index) => `${index + 1}`));
});

test('a log is not split beyond what can be read again', async () => {
  const world = new World();
  const shards = evenRanges(10_000).map((range, index) => ({
    shardId: shardIdAt(index),
    parentIds: [],
    ...range,
    state: 'open' as const,
  }));
  const incarnation = '00000000-0000-4000-8000-000000000000';
  const meta = { incarnation, retentionMs: undefined, shards, nextShardIndex: shards.length };
  await world.store.put(logKey, encodeLogObject(meta));
  await using log = await world.open();
  await expect(log.split(shardId)).rejects.toMatchObject({ code: 'LAKE_LOG_REFUSED' });
  expect((await log.describe()).shards.length).toBe(10_000);
});
