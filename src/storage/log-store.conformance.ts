/**
 * The promises of `LogStore` as tests. A driver's test file is one line:
 * `logStoreConformance('memory', openMemoryFixture)`; what a log cannot do (split, reopen …) is left out of its fixture
 * and its tests are then not made.
 */
import { afterEach, expect, test } from 'vitest';
import { present } from '../base/assert.ts';
import { systemClock } from '../base/clock.ts';
import { isLakeError, type LakeErrorCode } from '../base/errors.ts';
import { hashKeyCount, type LogReadResult, type LogStart, type LogStore } from './log-store.ts';
import { reshardingConformance } from './log-store-resharding.conformance.ts';
import { appendAll, openShards, type ReadAll, readAll, text, texts } from './log-store-testing.ts';
import { contains } from './shard-ranges.ts';
import { waitForMore } from './wait-for-more.ts';

export type LogFixture = {
  /** A fresh log without records, of at least two open shards. */
  readonly log: LogStore;
  readonly split?: ((shardId: string) => Promise<void>) | undefined;
  readonly merge?: ((shardIdA: string, shardIdB: string) => Promise<void>) | undefined;
  /** The same log through another handle, as another process would open it. */
  readonly reopen?: (() => Promise<LogStore>) | undefined;
  /** Deletes the log and makes another under its name. */
  readonly recreate?: (() => Promise<LogStore>) | undefined;
  /** Whatever the fixture started; called after the test, when the log is closed. */
  readonly close?: (() => Promise<void>) | undefined;
};

/** What the driver can do, so that only tests that fit are made. */
export type LogAbilities = {
  readonly resharding: boolean;
  readonly reopen: boolean;
  readonly recreate: boolean;
};

export function logStoreConformance(name: string, abilities: LogAbilities, open: () => Promise<LogFixture>): void {
  const suite = new ConformanceSuite(open);
  afterEach(() => suite.close());
  describing(name, suite);
  appending(name, suite);
  starting(name, suite);
  limiting(name, suite);
  concurrency(name, suite);
  refusing(name, suite);
  if (abilities.reopen) reopening(name, suite);
  if (abilities.recreate) recreating(name, suite);
  if (abilities.resharding) reshardingConformance(name, () => suite.open());
}

/** Opens fixtures and closes what a test has opened. */
class ConformanceSuite {
  readonly #open: () => Promise<LogFixture>;
  readonly #closers: (() => Promise<void>)[] = [];

  constructor(open: () => Promise<LogFixture>) {
    this.#open = open;
  }

  async open(): Promise<LogFixture> {
    const fixture = await this.#open();
    this.#closers.push(async () => {
      await fixture.log[Symbol.asyncDispose]();
      await fixture.close?.();
    });
    return fixture;
  }

  keep(log: LogStore): LogStore {
    this.#closers.push(async () => log[Symbol.asyncDispose]());
    return log;
  }

  async close(): Promise<void> {
    for (const close of this.#closers.splice(0).toReversed()) await close();
  }
}

function describing(name: string, suite: ConformanceSuite): void {
  test(`${name}: the open shards cover every hash key once`, async () => {
    const { log } = await suite.open();
    const shards = (await openShards(log)).toSorted((a, b) => (a.hashKeyStart < b.hashKeyStart ? -1 : 1));
    expect(shards.length).toBeGreaterThanOrEqual(2);
    expect(shards[0]?.hashKeyStart).toBe(0n);
    expect(shards.at(-1)?.hashKeyEnd).toBe(hashKeyCount - 1n);
    for (const [index, shard] of shards.slice(1).entries()) {
      expect(shard.hashKeyStart).toBe(present(shards[index], 'shard').hashKeyEnd + 1n);
    }
  });

  test(`${name}: the incarnation is the same at every look and is not empty`, async () => {
    const { log } = await suite.open();
    const first = await log.describe();
    await appendAll(log, 0n, ['a']);
    const second = await log.describe();
    expect(first.incarnation).not.toBe('');
    expect(second.incarnation).toBe(first.incarnation);
    expect(second.shards).toEqual(first.shards);
  });
}

function appending(name: string, suite: ConformanceSuite): void {
  test(`${name}: records of a hash key come back in the order of their appends, at growing positions`, async () => {
    const { log } = await suite.open();
    const written = Array.from({ length: 30 }, (_, index) => `record ${index}`);
    const appended = [];
    for (const part of [written.slice(0, 3), written.slice(3, 4), written.slice(4)]) {
      appended.push(...(await appendAll(log, 5n, part)));
    }
    const shardId = present(appended[0], 'outcome').shardId;
    const all = await readAll(log, shardId, { kind: 'earliest' });
    expect(texts(all.records)).toEqual(written);
    expect(all.records.map(record => record.position)).toEqual(appended.map(outcome => outcome.position));
    for (const [index, record] of all.records.slice(1).entries()) {
      expect(record.position > present(all.records[index], 'record').position).toBe(true);
    }
  });

  test(`${name}: outcomes come in the order of the records, whatever shards they go to`, async () => {
    const { log } = await suite.open();
    const shards = await openShards(log);
    const records = Array.from({ length: 24 }, (_, index) => {
      const shard = present(shards[(index * 7) % shards.length], 'shard');
      return { hashKey: index % 3 === 0 ? shard.hashKeyEnd : shard.hashKeyStart, data: text(`${index}`) };
    });
    const outcomes = await log.append(records);
    expect(outcomes.length).toBe(records.length);
    for (const [index, outcome] of outcomes.entries()) {
      if (outcome.status !== 'appended') throw new Error(`record ${index} was not appended`, { cause: outcome.cause });
      const shard = present(
        shards.find(({ shardId }) => shardId === outcome.shardId),
        'shard of the outcome',
      );
      expect(contains(shard, present(records[index], 'record').hashKey)).toBe(true);
      const { records: read } = await readAll(log, outcome.shardId, { kind: 'earliest' });
      expect(texts(read.filter(record => record.position === outcome.position))).toEqual([`${index}`]);
    }
  });

  test(`${name}: an append of nothing appends nothing`, async () => {
    const { log } = await suite.open();
    expect(await log.append([])).toEqual([]);
  });

  test(`${name}: what was appended cannot be changed through the caller's buffer`, async () => {
    const { log } = await suite.open();
    const data = text('before');
    const [outcome] = await log.append([{ hashKey: 1n, data }]);
    data.fill(0);
    if (outcome?.status !== 'appended') throw new Error('not appended');
    expect(texts((await readAll(log, outcome.shardId, { kind: 'earliest' })).records)).toEqual(['before']);
  });

  test(`${name}: every byte of a record survives, from one byte to the largest the log takes`, async () => {
    const { log } = await suite.open();
    const sizes = [1, 1000, 70_000, log.supports.recordBytesMax];
    const records = sizes.map((size, index) => ({ hashKey: 9n, data: patterned(size, index) }));
    const outcomes = await log.append(records);
    const shardId = outcomes[0]?.status === 'appended' ? outcomes[0].shardId : '';
    const all = await readAll(log, shardId, { kind: 'earliest' }, { bytesMax: 100_000 });
    expect(all.records.map(record => record.data.byteLength)).toEqual(sizes);
    for (const [index, record] of all.records.entries()) {
      expect(Buffer.compare(record.data, present(records[index], 'record').data)).toBe(0);
    }
  });

  test(`${name}: arrival times never go back within a shard`, async () => {
    const { log } = await suite.open();
    const [first] = await appendAll(log, 0n, ['a', 'b', 'c']);
    await appendAll(log, 0n, ['d', 'e']);
    const { records } = await readAll(log, present(first, 'outcome').shardId, { kind: 'earliest' });
    const arrivals = records.map(record => record.arrivalMs);
    expect(arrivals).toEqual(arrivals.toSorted((a, b) => a - b));
  });
}

function starting(name: string, suite: ConformanceSuite): void {
  test(`${name}: a shard without records is at its tip and not ended, from everywhere`, async () => {
    const { log } = await suite.open();
    const [shard] = await openShards(log);
    for (const from of [{ kind: 'earliest' }, { kind: 'latest' }] satisfies LogStart[]) {
      const { records, last } = await readAll(log, present(shard, 'shard').shardId, from);
      expect(records).toEqual([]);
      expect(last.atTip).toBe(true);
      expect(last.ended).toBe(false);
      expect(last.gap).toBe(false);
    }
  });

  test(`${name}: a read after a position gives exactly what is above it`, async () => {
    const { log } = await suite.open();
    const appended = await appendAll(log, 3n, ['a', 'b', 'c', 'd', 'e']);
    for (const [index, { shardId, position }] of appended.entries()) {
      const { records, last } = await readAll(log, shardId, { kind: 'after', position });
      expect(texts(records)).toEqual(['a', 'b', 'c', 'd', 'e'].slice(index + 1));
      expect(last.gap).toBe(false);
    }
  });

  test(`${name}: nothing appended since \`latest\` was taken is lost, and nothing older is given`, async () => {
    const { log } = await suite.open();
    const [old] = await appendAll(log, 3n, ['old']);
    const shardId = present(old, 'outcome').shardId;
    const pinned = await log.read(shardId, { kind: 'latest' });
    expect(pinned.records).toEqual([]);
    expect(pinned.next.kind).not.toBe('latest');
    await appendAll(log, 3n, ['new 1', 'new 2']);
    const pinnedLater = await log.read(shardId, { kind: 'latest' });
    await appendAll(log, 3n, ['new 3']);
    expect(texts((await readAll(log, shardId, pinned.next)).records)).toEqual(['new 1', 'new 2', 'new 3']);
    expect(texts((await readAll(log, shardId, pinnedLater.next)).records)).toEqual(['new 3']);
    expect(texts((await readAll(log, shardId, pinned.next)).records)).toEqual(['new 1', 'new 2', 'new 3']);
  });

  test(`${name}: \`latest\` on an empty shard gives its first record`, async () => {
    const { log } = await suite.open();
    const shard = present((await openShards(log)).at(-1), 'shard');
    const pinned = await readAll(log, shard.shardId, { kind: 'latest' });
    await appendAll(log, shard.hashKeyStart, ['first', 'second']);
    expect(texts((await readAll(log, shard.shardId, pinned.last.next)).records)).toEqual(['first', 'second']);
  });

  test(`${name}: a read from a time begins at the first record that arrived then or later`, async () => {
    const { log } = await suite.open();
    await appendAll(log, 3n, ['a']);
    await systemClock.sleep(20);
    await appendAll(log, 3n, ['b']);
    await systemClock.sleep(20);
    const [outcome] = await appendAll(log, 3n, ['c']);
    const shardId = present(outcome, 'outcome').shardId;
    const { records } = await readAll(log, shardId, { kind: 'earliest' });
    for (const { arrivalMs } of records) {
      const expected = records.filter(record => record.arrivalMs >= arrivalMs);
      const got = await readAll(log, shardId, { kind: 'timestamp', arrivalMs });
      expect(texts(got.records)).toEqual(texts(expected));
    }
    const early = { kind: 'timestamp', arrivalMs: present(records[0], 'record').arrivalMs - 1000 } as const;
    expect(texts((await readAll(log, shardId, early)).records)).toEqual(['a', 'b', 'c']);
  });

  test(`${name}: a read from a time after the last record waits there`, async () => {
    const { log } = await suite.open();
    const [outcome] = await appendAll(log, 3n, ['a']);
    const shardId = present(outcome, 'outcome').shardId;
    const { records } = await readAll(log, shardId, { kind: 'earliest' });
    const later: LogStart = { kind: 'timestamp', arrivalMs: present(records[0], 'record').arrivalMs + 1 };
    const first = await readAll(log, shardId, later);
    expect(first.records).toEqual([]);
    await systemClock.sleep(20);
    await appendAll(log, 3n, ['b']);
    expect(texts((await readAll(log, shardId, first.last.next)).records)).toEqual(['b']);
    expect(texts((await readAll(log, shardId, later)).records)).toEqual(['b']);
  });

  test(`${name}: reading again from \`next\` at the tip goes on without gap or repeat`, async () => {
    const { log } = await suite.open();
    const shard = present((await openShards(log))[0], 'shard');
    let all: ReadAll = await readAll(log, shard.shardId, { kind: 'earliest' });
    const seen: string[] = [];
    for (let round = 0; round < 5; round += 1) {
      await appendAll(log, shard.hashKeyStart, [`${round} a`, `${round} b`]);
      all = await readAll(log, shard.shardId, all.last.next);
      seen.push(...texts(all.records));
      all = await readAll(log, shard.shardId, all.last.next);
      expect(all.records).toEqual([]);
    }
    expect(seen).toEqual([0, 1, 2, 3, 4].flatMap(round => [`${round} a`, `${round} b`]));
  });

  test(`${name}: a reader that waits at the tip gets the next record`, async () => {
    const { log } = await suite.open();
    const shard = present((await openShards(log))[0], 'shard');
    let result: LogReadResult = (await readAll(log, shard.shardId, { kind: 'latest' })).last;
    const appending = systemClock.sleep(30).then(() => appendAll(log, shard.hashKeyStart, ['at last']));
    for (let attempt = 0; attempt < 1000 && result.records.length === 0; attempt += 1) {
      await waitForMore(log, shard.shardId, result.next, { clock: systemClock, waitMsMax: 1000 });
      result = await log.read(shard.shardId, result.next);
    }
    await appending;
    expect(texts(result.records)).toEqual(['at last']);
  });
}

function limiting(name: string, suite: ConformanceSuite): void {
  test(`${name}: an answer keeps to its limits and the next one goes on behind it`, async () => {
    const { log } = await suite.open();
    const written = Array.from({ length: 10 }, (_, index) => `${index}`.repeat(100));
    const [outcome] = await appendAll(log, 3n, written);
    const shardId = present(outcome, 'outcome').shardId;
    for (const limits of [{ recordsMax: 3 }, { bytesMax: 250 }, { recordsMax: 1 }, { bytesMax: 1 }]) {
      const all = await readAll(log, shardId, { kind: 'earliest' }, limits);
      expect(texts(all.records)).toEqual(written);
      expect(all.answerRecordsMax).toBeLessThanOrEqual(limits.recordsMax ?? Math.max(1, limits.bytesMax / 100));
    }
  });

  test(`${name}: an answer cut by a limit does not say it is at the tip`, async () => {
    const { log } = await suite.open();
    const [outcome] = await appendAll(log, 3n, ['a', 'b', 'c']);
    const shardId = present(outcome, 'outcome').shardId;
    const result = await firstRecords(log, shardId, { recordsMax: 2 });
    expect(texts(result.records)).toEqual(['a', 'b']);
    expect(result.atTip).toBe(false);
    expect(result.ended).toBe(false);
  });
}

function concurrency(name: string, suite: ConformanceSuite): void {
  test(`${name}: concurrent producers lose nothing, double nothing, and each keeps its order`, async () => {
    const { log } = await suite.open();
    const shards = await openShards(log);
    const producers = Array.from({ length: 8 }, (_, index) => index);
    await Promise.all(
      producers.map(async producer => {
        const shard = present(shards[producer % shards.length], 'shard');
        for (let round = 0; round < 6; round += 1) {
          await appendAll(log, shard.hashKeyStart, [`${producer} ${2 * round}`, `${producer} ${2 * round + 1}`]);
        }
      }),
    );
    const seen: string[] = [];
    for (const { shardId } of shards) seen.push(...texts((await readAll(log, shardId, { kind: 'earliest' })).records));
    for (const producer of producers) {
      const own = seen.filter(record => record.startsWith(`${producer} `));
      expect(own).toEqual(Array.from({ length: 12 }, (_, index) => `${producer} ${index}`));
    }
    expect(seen.length).toBe(producers.length * 12);
  });

  test(`${name}: a reader beside an appender sees every record once, in order`, async () => {
    const { log } = await suite.open();
    const shard = present((await openShards(log))[0], 'shard');
    const recordCount = 40;
    const appending = (async (): Promise<void> => {
      for (let index = 0; index < recordCount; index += 1) await appendAll(log, shard.hashKeyStart, [`${index}`]);
    })();
    const seen: string[] = [];
    let from: LogStart = { kind: 'earliest' };
    for (let attempt = 0; attempt < 20_000 && seen.length < recordCount; attempt += 1) {
      const result: LogReadResult = await log.read(shard.shardId, from, { recordsMax: 7 });
      seen.push(...texts(result.records));
      from = result.next;
      if (result.atTip) await waitForMore(log, shard.shardId, from, { clock: systemClock, waitMsMax: 100 });
    }
    await appending;
    expect(seen).toEqual(Array.from({ length: recordCount }, (_, index) => `${index}`));
  });
}

function refusing(name: string, suite: ConformanceSuite): void {
  test(`${name}: a call whose signal is aborted rejects with the signal's reason`, async () => {
    const { log } = await suite.open();
    const [shard] = await openShards(log);
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(log.append([{ hashKey: 0n, data: text('x') }], { signal })).rejects.toThrow('enough');
    await expect(log.describe({ signal })).rejects.toThrow('enough');
    await expect(log.read(present(shard, 'shard').shardId, { kind: 'earliest' }, { signal })).rejects.toThrow('enough');
    for (const { shardId } of await openShards(log)) {
      expect((await readAll(log, shardId, { kind: 'earliest' })).records).toEqual([]);
    }
  });

  test(`${name}: a wait ends when its signal aborts`, async () => {
    const { log } = await suite.open();
    const shard = present((await openShards(log))[0], 'shard');
    const { last } = await readAll(log, shard.shardId, { kind: 'latest' });
    const controller = new AbortController();
    const waiting = waitForMore(log, shard.shardId, last.next, {
      clock: systemClock,
      waitMsMax: 60_000,
      signal: controller.signal,
    });
    controller.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
  });

  test(`${name}: a record above the limit is refused and nothing of its call is appended`, async () => {
    const { log } = await suite.open();
    const records = [text('fits'), new Uint8Array(log.supports.recordBytesMax + 1)].map(data => ({
      hashKey: 0n,
      data,
    }));
    await expectCode(log.append(records), 'LAKE_LOG_RECORD_TOO_BIG');
    for (const { shardId } of await openShards(log)) {
      expect((await readAll(log, shardId, { kind: 'earliest' })).records).toEqual([]);
    }
  });

  test(`${name}: a shard that is not there is LAKE_LOG_NOT_FOUND`, async () => {
    const { log } = await suite.open();
    await expectCode(log.read('shardId-000000000987', { kind: 'earliest' }), 'LAKE_LOG_NOT_FOUND');
    await expectCode(log.read('shardId-000000000987', { kind: 'latest' }), 'LAKE_LOG_NOT_FOUND');
  });

  test(`${name}: closing twice is fine`, async () => {
    const { log } = await suite.open();
    await appendAll(log, 0n, ['a']);
    await log[Symbol.asyncDispose]();
    await log[Symbol.asyncDispose]();
  });
}

function reopening(name: string, suite: ConformanceSuite): void {
  test(`${name}: another handle sees the same log, its records and its incarnation`, async () => {
    const { log, reopen } = await suite.open();
    const appended = await appendAll(log, 3n, ['a', 'b', 'c']);
    const { shardId, position } = present(appended[0], 'outcome');
    const other = suite.keep(await present(reopen, 'reopen')());
    expect(await other.describe()).toEqual(await log.describe());
    expect(texts((await readAll(other, shardId, { kind: 'after', position })).records)).toEqual(['b', 'c']);
    await appendAll(other, 3n, ['d']);
    await appendAll(log, 3n, ['e']);
    const all = await readAll(log, shardId, { kind: 'earliest' });
    expect(texts(all.records)).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(texts((await readAll(other, shardId, { kind: 'earliest' })).records)).toEqual(['a', 'b', 'c', 'd', 'e']);
  });
}

function recreating(name: string, suite: ConformanceSuite): void {
  test(`${name}: a log made again under its name has another incarnation and none of the records`, async () => {
    const { log, recreate } = await suite.open();
    await appendAll(log, 3n, ['a']);
    const before = (await log.describe()).incarnation;
    const again = suite.keep(await present(recreate, 'recreate')());
    expect((await again.describe()).incarnation).not.toBe(before);
    for (const { shardId } of await openShards(again)) {
      expect((await readAll(again, shardId, { kind: 'earliest' })).records).toEqual([]);
    }
  });
}

async function expectCode(action: Promise<unknown>, code: LakeErrorCode): Promise<void> {
  const error = await action.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(isLakeError(error, code), `wanted ${code}, got ${error}`).toBe(true);
}

async function firstRecords(log: LogStore, shardId: string, limits: { recordsMax: number }): Promise<LogReadResult> {
  let result = await log.read(shardId, { kind: 'earliest' }, limits);
  for (let attempt = 0; attempt < 100 && result.records.length === 0; attempt += 1) {
    result = await log.read(shardId, result.next, limits);
  }
  return result;
}

function patterned(size: number, seed: number): Uint8Array {
  const data = new Uint8Array(size);
  for (let index = 0; index < size; index += 1) data[index] = (index * 31 + seed * 7 + (index >>> 8)) & 0xff;
  return data;
}
