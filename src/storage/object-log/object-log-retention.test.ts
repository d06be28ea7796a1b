/** Handles that stand still for as long as the log keeps records, while others go on and remove what has expired. */
import { expect, test } from 'vitest';
import { present } from '../../base/assert.ts';
import { hashKeyCount, type LogStart } from '../log-store.ts';
import { appendAll, readAll, readToEnd, text, texts } from '../log-store-testing.ts';
import type { PutIfAbsentOutcome } from '../object-store.ts';
import { storeUnavailable } from '../store-errors.ts';
import { encodeBatch } from './batch-codec.ts';
import { batchKey, positionOf } from './log-objects.ts';
import { allTexts, appendTo, shardId, until, World } from './object-log-testing.ts';

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
    await world.outliveRetention(busy, 1);
  };
  await splitting.split(shardId);
  await appendAll(splitting, 0n, ['child']);
  await appendAll(busy, 0n, ['child too']);
  const all = await readToEnd(busy, shardId, { kind: 'earliest' });
  expect(texts(all.records)).toEqual(['256']);
  expect(await allTexts(busy)).toEqual(['256', 'child', 'child too']);
});

for (const [name, lateAnswer] of [
  ['and its appender had the answer after that', undefined],
  ['and its appender had no answer and tried again', { status: 'unanswered', cause: new Error('lost') }],
] satisfies [string, PutIfAbsentOutcome | undefined][]) {
  test(`a batch that was seen and removed, ${name}, is not appended again`, async () => {
    const world = new World();
    const { store } = world;
    await using busy = await world.open();
    let stall: (() => Promise<void>) | undefined;
    const stalling = world.watched({
      async putIfAbsent(key, bytes) {
        const outcome = await store.putIfAbsent(key, bytes);
        if (stall === undefined) return outcome;
        await stall();
        return lateAnswer ?? outcome;
      },
    });
    await using sleeper = await world.open(stalling);
    stall = async () => {
      stall = undefined;
      await world.outliveRetention(busy, 1);
    };
    const [outcome] = await sleeper.append([{ hashKey: 0n, data: text('1') }]);
    expect(outcome?.status).toBe('unanswered');
    expect(texts((await readAll(busy, shardId, { kind: 'earliest' })).records)).toEqual(['256']);
  });
}

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
    await world.outliveRetention(busy, 9);
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

test('a batch that was put where one was removed is given to nobody, before it is taken back', async () => {
  const world = new World();
  await using busy = await world.open();
  await appendTo(busy, 1, 1);
  await using reader = await world.open();
  const { next } = (await readAll(reader, shardId, { kind: 'earliest' })).last;
  const [first] = await world.batchKeys();
  await world.outliveRetention(busy, 1);
  // What the appender of a stray batch does that stops before it looks.
  const { incarnation } = await busy.describe();
  const head = { number: 2, arrivalMs: world.nowMs, token: 'f'.repeat(16), kind: 'records' } as const;
  await world.store.put(batchKey(incarnation, shardId, 2), encodeBatch(shardId, head, [text('stray')]));
  expect(first).toBe(batchKey(incarnation, shardId, 1));
  for (const log of [reader, await world.open()]) {
    const result = await log.read(shardId, next);
    expect(texts(result.records)).toEqual(['256']);
    expect(result.gap).toBe(true);
  }
});

test('shards that nobody appends to are trimmed by who appends to others, a closed one down to its seal', async () => {
  const world = new World({ shardCount: 2, retentionMs: 1000 });
  await using log = await world.open();
  const highest = hashKeyCount - 1n;
  for (const record of ['a', 'b', 'c']) await appendAll(log, highest, [record]);
  await log.split('shard-000001');
  for (const record of ['d', 'e']) await appendAll(log, highest, [record]);
  await appendTo(log, 1, 1);
  await world.outliveRetention(log, 3);
  const first = { kind: 'earliest' } as const;
  expect(texts((await readToEnd(log, 'shard-000001', first)).records)).toEqual([]);
  // The newest holds the shard's number.
  expect(texts((await readAll(log, 'shard-000003', first)).records)).toEqual(['e']);
  const place: LogStart = { kind: 'after', position: positionOf(1, 0) };
  expect((await log.read('shard-000001', place)).gap).toBe(true);
  await appendAll(log, highest, ['f']);
  expect(texts((await readAll(log, 'shard-000003', first)).records)).toEqual(['e', 'f']);
});

test('quiet shards are looked at a few times in a retention, and no more when only a seal is left', async () => {
  const world = new World({ shardCount: 1, retentionMs: 1000 });
  const lists: string[] = [];
  await using log = await world.open(
    world.watched({
      list(prefix, options) {
        lists.push(prefix);
        return world.store.list(prefix, options);
      },
    }),
  );
  await appendTo(log, 1, 2);
  await log.split(shardId);
  const looks = async (nowMs: number): Promise<number> => {
    world.nowMs = nowMs;
    lists.length = 0;
    await appendTo(log, 1, 256);
    // What is under way is waited for by the next look.
    await appendTo(log, 1, 256);
    return lists.filter(prefix => prefix.endsWith(`${shardId}/`)).length;
  };
  const startMs = world.nowMs;
  expect(await looks(startMs)).toBe(1);
  expect(await looks(startMs + 100)).toBe(0);
  await looks(startMs + 5_000);
  expect(await looks(startMs + 10_000)).toBe(0);
});

test('whoever read a shard to its end is behind nothing when retention has removed all of it', async () => {
  const world = new World();
  await using busy = await world.open();
  await using reader = await world.open();
  await appendTo(busy, 1, 6);
  await busy.split(shardId);
  let read = await reader.read(shardId, { kind: 'earliest' });
  while (!read.ended) read = await reader.read(shardId, read.next);
  // With the last answer the end.
  expect(read.records.length).toBeGreaterThan(0);
  await appendTo(busy, 1, 255);
  world.nowMs += 5_000;
  await appendTo(busy, 256, 256);
  await using later = await world.open();
  await until(async () => (await later.read(shardId, { kind: 'earliest' })).records.length === 0);
  // As one who keeps the place as text, and one who reads on.
  expect(await later.read(shardId, read.next)).toMatchObject({ records: [], ended: true, gap: false });
  // Who has not seen the end cannot know.
  const blind: LogStart = { ...read.next, ...{ tipMs: undefined } };
  expect(await later.read(shardId, blind)).toMatchObject({ records: [], ended: true, gap: true });
});
