/** Handles that stop at one request, or are in the midst of it, while others go on. */
import { expect, test } from 'vitest';
import { present } from '../../base/assert.ts';
import { type Clock, systemClock } from '../../base/clock.ts';
import { seededRandom } from '../../base/random.ts';
import type { LogStart } from '../log-store.ts';
import { appendAll, readAll, text, texts } from '../log-store-testing.ts';
import { MemoryObjectStore } from '../memory/memory-object-store.ts';
import { evenRanges, shardIdAt } from '../shard-ranges.ts';
import { storeDenied, storeUnavailable } from '../store-errors.ts';
import { encodeLogObject, logKey } from './log-objects.ts';
import { openObjectLog } from './object-log-store.ts';
import { allTexts, appendTo, shardId, World } from './object-log-testing.ts';

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
  expect(await allTexts(after)).toEqual(['a', 'b', 'c']);
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
  expect(await allTexts(other)).toEqual(['a', 'b', 'c', 'd']);
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
  await expect(log.append(records)).rejects.toMatchObject({ code: 'LAKE_LOG_DENIED' });
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

test('who waits for more than was there before the last append of the same handle does not wait', async () => {
  // Whoever waits here, waits for ever.
  const clock: Clock = { ...systemClock, sleep: async () => await new Promise(() => undefined) };
  const store = new MemoryObjectStore('memory:log', clock);
  await using log = await openObjectLog(store, { shardCount: 1 }, { clock, random: seededRandom(1) });
  const { next } = await log.read(shardId, { kind: 'latest' });
  await appendAll(log, 0n, ['a']);
  await log.waitForMore(shardId, next, { waitMsMax: 60_000 });
  expect(texts((await log.read(shardId, next)).records)).toEqual(['a']);
});

test('who describes a log can give up while it seals what somebody began to split', async () => {
  const world = new World({ shardCount: 1 });
  await using log = await world.open();
  const dying = world.watched({
    putIfAbsent: async key => {
      throw storeUnavailable(key, new Error('down'));
    },
  });
  await using splitting = await world.open(dying);
  const controller = new AbortController();
  const hanging = world.watched({
    putIfAbsent: async (_key, _bytes, options) => {
      const { promise, reject } = Promise.withResolvers<never>();
      options?.signal?.addEventListener('abort', () => reject(options.signal?.reason));
      controller.abort(new Error('enough'));
      return await promise;
    },
  });
  await using describing = await world.open(hanging);
  await expect(splitting.split(shardId)).rejects.toThrow('down');
  await expect(describing.describe({ signal: controller.signal })).rejects.toThrow('enough');
  const { shards } = await log.describe();
  expect(shards.map(({ closed }) => closed)).toEqual([true, false, false]);
});
