/**
 * The promises of `LogStore` as tests. A driver's test file is one line:
 * `logStoreConformance('memory', ['reopen'], openMemoryFixture)`; what a log cannot do (split, reopen …) is left out of its fixture
 * and its tests are then not made.
 */
import { expect, test } from 'vitest';
import { present } from '../base/assert.ts';
import { systemClock } from '../base/clock.ts';
import { isLakeError, type LakeErrorCode } from '../base/errors.ts';
import { hashKeyCount, type LogStore } from './log-store.ts';
import { appendingPromises } from './log-store-append.conformance.ts';
import { readingPromises } from './log-store-read.conformance.ts';
import { reshardingPromises } from './log-store-resharding.conformance.ts';
import { appendAll, openShards, readAll, text, texts } from './log-store-testing.ts';
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

/** What a fixture must be able to do for a promise to be checked. */
export type LogAbility = 'resharding' | 'reopen' | 'recreate';

export type LogPromise = {
  /** A sentence about what a log does. */
  readonly name: string;
  /** Rejects when the log does not. It may open more fixtures than one. */
  readonly check: (open: () => Promise<LogFixture>) => Promise<void>;
};

const describing: readonly LogPromise[] = [
  {
    name: 'the open shards cover every hash key once',
    check: async open => {
      const { log } = await open();
      const shards = (await openShards(log)).toSorted((a, b) => (a.hashKeyStart < b.hashKeyStart ? -1 : 1));
      expect(shards.length).toBeGreaterThanOrEqual(2);
      expect(shards[0]?.hashKeyStart).toBe(0n);
      expect(shards.at(-1)?.hashKeyEnd).toBe(hashKeyCount - 1n);
      for (const [index, shard] of shards.slice(1).entries()) {
        expect(shard.hashKeyStart).toBe(present(shards[index], 'shard').hashKeyEnd + 1n);
      }
    },
  },
  {
    name: 'the incarnation is the same at every look and is not empty',
    check: async open => {
      const { log } = await open();
      const first = await log.describe();
      await appendAll(log, 0n, ['a']);
      const second = await log.describe();
      expect(first.incarnation).not.toBe('');
      expect(second.incarnation).toBe(first.incarnation);
      expect(second.shards).toEqual(first.shards);
    },
  },
];

const refusing: readonly LogPromise[] = [
  {
    name: "a call whose signal is aborted rejects with the signal's reason",
    check: async open => {
      const { log } = await open();
      const [shard] = await openShards(log);
      const signal = AbortSignal.abort(new Error('enough'));
      await expect(log.append([{ hashKey: 0n, data: text('x') }], { signal })).rejects.toThrow('enough');
      await expect(log.describe({ signal })).rejects.toThrow('enough');
      await expect(log.read(present(shard, 'shard').shardId, { kind: 'earliest' }, { signal })).rejects.toThrow(
        'enough',
      );
      for (const { shardId } of await openShards(log)) {
        expect((await readAll(log, shardId, { kind: 'earliest' })).records).toEqual([]);
      }
    },
  },
  {
    name: 'a wait ends when its signal aborts',
    check: async open => {
      const { log } = await open();
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
    },
  },
  {
    name: 'a record above the limit is refused and nothing of its call is appended',
    check: async open => {
      const { log } = await open();
      const records = [text('fits'), new Uint8Array(log.supports.recordBytesMax + 1)].map(data => ({
        hashKey: 0n,
        data,
      }));
      await expectCode(log.append(records), 'LAKE_LOG_RECORD_TOO_BIG');
      for (const { shardId } of await openShards(log)) {
        expect((await readAll(log, shardId, { kind: 'earliest' })).records).toEqual([]);
      }
    },
  },
  {
    name: 'a shard that is not there is LAKE_LOG_NOT_FOUND',
    check: async open => {
      const { log } = await open();
      await expectCode(log.read('shardId-000000000987', { kind: 'earliest' }), 'LAKE_LOG_NOT_FOUND');
      await expectCode(log.read('shardId-000000000987', { kind: 'latest' }), 'LAKE_LOG_NOT_FOUND');
    },
  },
  {
    name: 'closing twice is fine',
    check: async open => {
      const { log } = await open();
      await appendAll(log, 0n, ['a']);
      await log[Symbol.asyncDispose]();
      await log[Symbol.asyncDispose]();
    },
  },
];

const reopening: readonly LogPromise[] = [
  {
    name: 'another handle sees the same log, its records and its incarnation',
    check: async open => {
      const { log, reopen } = await open();
      const appended = await appendAll(log, 3n, ['a', 'b', 'c']);
      const { shardId, position } = present(appended[0], 'outcome');
      await using other = await present(reopen, 'reopen')();
      expect(await other.describe()).toEqual(await log.describe());
      expect(texts((await readAll(other, shardId, { kind: 'after', position })).records)).toEqual(['b', 'c']);
      await appendAll(other, 3n, ['d']);
      await appendAll(log, 3n, ['e']);
      const all = await readAll(log, shardId, { kind: 'earliest' });
      expect(texts(all.records)).toEqual(['a', 'b', 'c', 'd', 'e']);
      expect(texts((await readAll(other, shardId, { kind: 'earliest' })).records)).toEqual(['a', 'b', 'c', 'd', 'e']);
    },
  },
];

const recreating: readonly LogPromise[] = [
  {
    name: 'a log made again under its name has another incarnation and none of the records',
    check: async open => {
      const { log, recreate } = await open();
      await appendAll(log, 3n, ['a']);
      const before = (await log.describe()).incarnation;
      await using again = await present(recreate, 'recreate')();
      expect((await again.describe()).incarnation).not.toBe(before);
      for (const { shardId } of await openShards(again)) {
        expect((await readAll(again, shardId, { kind: 'earliest' })).records).toEqual([]);
      }
    },
  },
];

/** All promises, by what their check needs; for tests that run them against a log of their own making. */
export const logPromises: Readonly<Record<'always' | LogAbility, readonly LogPromise[]>> = {
  always: [...describing, ...appendingPromises, ...readingPromises, ...refusing],
  resharding: reshardingPromises,
  reopen: reopening,
  recreate: recreating,
};

/** Registers a vitest test for each promise that the fixtures of `open` can check; what they open is closed again. */
export function logStoreConformance(
  name: string,
  abilities: readonly LogAbility[],
  open: () => Promise<LogFixture>,
): void {
  for (const { name: promise, check } of [
    ...logPromises.always,
    ...abilities.flatMap(ability => logPromises[ability]),
  ]) {
    test(`${name}: ${promise}`, async () => await checkPromise(check, open));
  }
}

/** Runs one check and closes what it opened, also when it fails. */
export async function checkPromise(check: LogPromise['check'], open: () => Promise<LogFixture>): Promise<void> {
  const opened: LogFixture[] = [];
  try {
    await check(async () => {
      const fixture = await open();
      opened.push(fixture);
      return fixture;
    });
  } finally {
    for (const { log, close } of opened) {
      await log[Symbol.asyncDispose]();
      await close?.();
    }
  }
}

async function expectCode(action: Promise<unknown>, code: LakeErrorCode): Promise<void> {
  const error = await action.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(isLakeError(error, code), `wanted ${code}, got ${error}`).toBe(true);
}
