import { expect, test } from 'vitest';
import { present } from '../../base/assert.ts';
import { type Clock, systemClock } from '../../base/clock.ts';
import { type Random, seededRandom } from '../../base/random.ts';
import { countingObjectStore } from '../counting-object-store.ts';
import { type FaultPlan, faultyObjectStore, type StoreFault, scriptedFaults } from '../faulty-object-store.ts';
import type { LogAppendOutcome, LogStart } from '../log-store.ts';
import { appendAll, readAll, readToEnd, text, texts } from '../log-store-testing.ts';
import { MemoryObjectStore } from '../memory/memory-object-store.ts';
import type { ObjectStore } from '../object-store.ts';
import { type ObjectLogStore, openObjectLog } from './object-log-store.ts';

/** Sleeps are a turn, so that back-off takes no time. */
const hasty: Clock = { ...systemClock, sleep: async () => await new Promise(resolve => setImmediate(resolve)) };

function memory(clock: Clock = systemClock): MemoryObjectStore {
  return new MemoryObjectStore('memory:log', clock);
}

async function open(store: ObjectStore, random: Random = seededRandom(1), shardCount = 1): Promise<ObjectLogStore> {
  return await openObjectLog(store, { shardCount }, { clock: hasty, random });
}

/** A fault for a share of the requests that a plan is asked about. */
function chance(random: Random, share: number): FaultPlan {
  const faults: readonly StoreFault[] = [
    { kind: 'refused' },
    { kind: 'answer-lost' },
    { kind: 'late', lateMs: 1 },
    { kind: 'slow', delayMs: 1 },
  ];
  return () => (random.next() < share ? faults[Math.floor(random.next() * faults.length)] : undefined);
}

test('a batch whose answer was lost is found and not appended again', async () => {
  const store = memory();
  const plan = scriptedFaults([
    { operation: 'putIfAbsent', keyPart: '.batch', fault: { kind: 'answer-lost' } },
    { operation: 'putIfAbsent', keyPart: '.batch' },
    { operation: 'putIfAbsent', keyPart: '.batch', fault: { kind: 'refused' } },
  ]);
  await using log = await open(faultyObjectStore(store, plan, { clock: hasty }));
  await appendAll(log, 0n, ['a', 'b']);
  await appendAll(log, 0n, ['c']);
  expect(texts((await readAll(log, 'shard-000000', { kind: 'earliest' })).records)).toEqual(['a', 'b', 'c']);
});

for (const seed of [1, 2, 3, 4, 5, 6]) {
  test(`rivals behind a bad network lose nothing, double nothing and keep their order, also across splits (seed ${seed})`, async () => {
    const random = seededRandom(seed);
    const store = memory();
    await open(store, random, 2);
    const rivals = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const faulty = faultyObjectStore(store, chance(random, 0.15), { clock: hasty });
        return await insist(() => open(faulty, random));
      }),
    );
    const written = await Promise.all(rivals.map((log, rival) => appendNumbered(log, rival)));
    await using reader = await open(store, random);
    const seen = await readLog(reader);
    for (const [rival, outcomes] of written.entries()) {
      const own = seen.filter(record => record.startsWith(`${rival} `)).map(record => Number(record.split(' ')[1]));
      expect(own).toEqual(own.toSorted((a, b) => a - b));
      expect(new Set(own).size).toBe(own.length);
      for (const [number, outcome] of outcomes.entries()) {
        if (outcome.status === 'appended') expect(own).toContain(number);
        if (outcome.status === 'failed') expect(own).not.toContain(number);
      }
    }
    expect(written.flat().filter(outcome => outcome.status === 'appended').length).toBeGreaterThan(60);
    // The first two were split: two by rivals.
    expect((await reader.describe()).shards.length).toBe(6);
  });
}

/** Twenty records of one hash key, each behind the outcome of the one before it; rivals 0 and 1 split a shard meanwhile. */
async function appendNumbered(log: ObjectLogStore, rival: number): Promise<readonly LogAppendOutcome[]> {
  const outcomes: LogAppendOutcome[] = [];
  for (let number = 0; number < 20; number += 1) {
    if (number === 10 && rival < 2) await insist(() => log.split(`shard-00000${rival}`));
    const hashKey = rival % 2 === 0 ? 5n : (1n << 127n) + 5n;
    const [outcome] = await insist(() => log.append([{ hashKey, data: text(`${rival} ${number}`) }]));
    outcomes.push(present(outcome, 'outcome'));
  }
  return outcomes;
}

/** All records, parents to their ends before their children. */
async function readLog(log: ObjectLogStore): Promise<readonly string[]> {
  const seen: string[] = [];
  for (const { shardId, closed } of (await log.describe()).shards) {
    const all = await (closed ? readToEnd : readAll)(log, shardId, { kind: 'earliest' });
    seen.push(...texts(all.records));
  }
  return seen;
}

async function insist<T>(action: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await action();
    } catch (error) {
      if (attempt === 50) throw error;
    }
  }
}

test('a split or merge that was stopped at any request is finished by whoever comes next', async () => {
  for (const [name, change] of [
    ['split', (log: ObjectLogStore) => log.split('shard-000000')],
    ['merge', (log: ObjectLogStore) => log.merge('shard-000000', 'shard-000001')],
  ] as const) {
    for (const kind of ['refused', 'answer-lost'] as const) {
      let stops = 0;
      for (let stopAt = 0; ; stopAt += 1) {
        const store = memory();
        await using before = await open(store, seededRandom(1), 2);
        await appendAll(before, 0n, ['before']);
        let asked = 0;
        // Everything fails from there on: the process has died.
        const dying = faultyObjectStore(
          store,
          () => {
            asked += 1;
            if (asked === stopAt) return { kind };
            return asked > stopAt && stopAt > 0 ? { kind: 'refused' } : undefined;
          },
          { clock: hasty },
        );
        const stopped = await (async () => change(await open(dying)))().then(
          () => false,
          () => true,
        );
        if (stopped) stops += 1;
        await using after = await open(store, seededRandom(2));
        await change(after);
        await appendAll(before, 0n, ['after']);
        const { shards } = await after.describe();
        expect(shards.map(shard => shard.closed)).toEqual(
          name === 'split' ? [true, false, false, false] : [true, true, false],
        );
        expect(await readLog(after)).toEqual(['before', 'after']);
        if (stopAt > asked) break;
      }
      expect(stops, name).toBeGreaterThan(2);
    }
  }
});

test('calls made at one time share a PUT, and an appender asks for nothing else once it knows the newest batch', async () => {
  const store = countingObjectStore(memory());
  await using log = await open(store);
  await appendAll(log, 0n, ['first']);
  store.reset();
  await Promise.all(Array.from({ length: 100 }, (_, index) => appendAll(log, 0n, [`${index}`])));
  expect(store.counts()).toMatchObject({ putIfAbsent: 1, get: 0, getRange: 0, head: 0, list: 0 });
  expect(texts((await readAll(log, 'shard-000000', { kind: 'earliest' })).records)).toHaveLength(101);
});

test('a reader that follows asks once for each batch, and once at the tip', async () => {
  const inner = memory();
  await using appender = await open(inner);
  const store = countingObjectStore(inner);
  await using log = await open(store, seededRandom(2));
  await appendAll(appender, 0n, ['a']);
  let from: LogStart = (await readAll(log, 'shard-000000', { kind: 'earliest' })).last.next;
  store.reset();
  for (let round = 0; round < 10; round += 1) {
    await appendAll(appender, 0n, [`${round}`]);
    from = (await readAll(log, 'shard-000000', from)).last.next;
  }
  const { get, getRange, head, list } = store.counts();
  expect({ getRange, head, list }).toEqual({ getRange: 0, head: 0, list: 0 });
  expect(get).toBeLessThanOrEqual(20);
});

test('a reader that follows takes one look for a batch and the tip behind it, and asks for one number where it is quiet', async () => {
  const inner = memory();
  await using appender = await open(inner);
  const store = countingObjectStore(inner);
  await using log = await open(store, seededRandom(2));
  await appendAll(appender, 0n, ['a']);
  let from: LogStart = (await readAll(log, 'shard-000000', { kind: 'earliest' })).last.next;
  for (const record of ['b', 'c']) {
    await appendAll(appender, 0n, [record]);
    const answer = await log.read('shard-000000', from);
    expect({ records: texts(answer.records), atTip: answer.atTip }).toEqual({ records: [record], atTip: true });
    from = answer.next;
  }
  await log.read('shard-000000', from);
  store.reset();
  for (let look = 0; look < 3; look += 1) await log.read('shard-000000', from);
  expect(store.counts()).toMatchObject({ get: 3, list: 0 });
});

test('a log that nobody appends to or reads is asked nothing', async () => {
  const store = countingObjectStore(memory());
  await using log = await open(store);
  await appendAll(log, 0n, ['a']);
  store.reset();
  await systemClock.sleep(50);
  expect(Object.values(store.counts()).every(count => count === 0)).toBe(true);
});

test('what retention has removed is a gap for who needed it, and none for who begins with what is kept', async () => {
  let nowMs = 1_000_000;
  const clock = { ...hasty, nowMs: () => nowMs };
  const store = memory(clock);
  const settings = { shardCount: 1, retentionMs: 1000 };
  await using log = await openObjectLog(store, settings, { clock, random: seededRandom(1) });
  const [first] = await appendAll(log, 0n, ['first']);
  // Every 256th batch looks for what has expired.
  for (let number = 2; number <= 255; number += 1) await appendAll(log, 0n, [`${number}`]);
  nowMs += 5_000;
  await appendAll(log, 0n, ['256', '256 too']);
  await insist(async () => {
    await systemClock.sleep(5);
    expect(
      (await store.head([...(await keysOf(store))].find(key => key.endsWith('first.json')) ?? 'none'))?.sizeBytes,
    ).toBeGreaterThan(0);
    expect((await keysOf(store)).filter(key => key.endsWith('.batch')).length).toBe(1);
  });
  await using reader = await openObjectLog(store, settings, { clock, random: seededRandom(2) });
  const shardId = 'shard-000000';
  const after = await readAll(reader, shardId, { kind: 'after', position: present(first, 'outcome').position });
  expect(texts(after.records)).toEqual(['256', '256 too']);
  const gaps = async (from: LogStart) => (await reader.read(shardId, from)).gap;
  expect(await gaps({ kind: 'after', position: present(first, 'outcome').position })).toBe(true);
  expect(await gaps({ kind: 'earliest' })).toBe(false);
  expect(await gaps({ kind: 'timestamp', arrivalMs: 1_000_000 })).toBe(true);
  expect(await gaps({ kind: 'timestamp', arrivalMs: 1_000_001 })).toBe(false);
});

test('an appender that stood still for as long as the log keeps records appends where readers look', async () => {
  let nowMs = 1_000_000;
  const clock = { ...hasty, nowMs: () => nowMs };
  const store = memory(clock);
  const settings = { shardCount: 1, retentionMs: 1000 };
  const parts = { clock, random: seededRandom(1) };
  let stall: (() => Promise<void>) | undefined;
  const stalling = new Proxy(store, {
    get(target, name) {
      if (name !== 'putIfAbsent') return Reflect.get(target, name).bind?.(target) ?? Reflect.get(target, name);
      return async (...call: Parameters<ObjectStore['putIfAbsent']>) => {
        await stall?.();
        return await target.putIfAbsent(...call);
      };
    },
  });
  await using sleeper = await openObjectLog(stalling, settings, parts);
  await using busy = await openObjectLog(store, settings, { clock, random: seededRandom(2) });
  await appendAll(sleeper, 0n, ['1']);
  stall = async () => {
    stall = undefined;
    for (let number = 2; number <= 255; number += 1) await appendAll(busy, 0n, [`${number}`]);
    nowMs += 5_000;
    await appendAll(busy, 0n, ['256']);
    await insist(async () => expect((await keysOf(store)).filter(key => key.endsWith('.batch')).length).toBe(1));
  };
  await appendAll(sleeper, 0n, ['late']);
  const all = await readAll(busy, 'shard-000000', { kind: 'earliest' });
  expect(texts(all.records)).toEqual(['256', 'late']);
  expect((await keysOf(store)).filter(key => key.endsWith('.batch')).length).toBe(2);
});

test('a batch that comes while a reader looks whether it is at the tip is given, and no gap', async () => {
  const store = memory();
  await using appender = await open(store);
  const [first] = await appendAll(appender, 0n, ['a']);
  const position = present(first, 'outcome').position;
  let lists = 0;
  const watched: ObjectStore = {
    ...faultyObjectStore(store, () => undefined, { clock: hasty }),
    async *list(prefix, options) {
      // The first is about the position; at the second the GET of the next batch has found none, and now it comes.
      lists += 1;
      if (lists === 2) await appendAll(appender, 0n, ['b']);
      yield* store.list(prefix, options);
    },
  };
  const behind = { kind: 'after', position: position | ((1n << 20n) - 1n), tipMs: 0 } as const;
  await using reader = await open(watched, seededRandom(2));
  const result = await reader.read('shard-000000', behind);
  expect(lists).toBe(2);
  expect(texts(result.records)).toEqual(['b']);
  expect(result.gap).toBe(false);
});

test('a batch that somebody removed is told of, and not taken for the tip', async () => {
  const store = memory();
  await using log = await open(store);
  for (const value of ['a', 'b', 'c']) await appendAll(log, 0n, [value]);
  const second = (await keysOf(store)).filter(key => key.endsWith('.batch'))[1];
  await store.delete(present(second, 'key'));
  await using reader = await open(store, seededRandom(2));
  await expect(reader.read('shard-000000', { kind: 'earliest' })).resolves.toMatchObject({ records: [{}] });
  await using later = await open(store, seededRandom(3));
  const pinned = { kind: 'after', position: (2n << 20n) - 1n } as const;
  await expect(later.read('shard-000000', pinned)).rejects.toMatchObject({ code: 'LAKE_LOG_CORRUPT' });
});

async function keysOf(store: ObjectStore): Promise<readonly string[]> {
  const keys: string[] = [];
  for await (const page of store.list('')) keys.push(...page.objects.map(object => object.key));
  return keys;
}
