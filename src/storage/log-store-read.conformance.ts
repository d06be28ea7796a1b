/** The promises of `LogStore` about reading: where a read begins, how it goes on, what its answer says. */
import { expect } from 'vitest';
import { present } from '../base/assert.ts';
import { systemClock } from '../base/clock.ts';
import type { LogPromise } from './log-store.conformance.ts';
import type { LogReadResult, LogStart, LogStore } from './log-store.ts';
import { appendAll, openShards, type ReadAll, readAll, texts } from './log-store-testing.ts';
import { waitForMore } from './wait-for-more.ts';

const startingAtPlaces: readonly LogPromise[] = [
  {
    name: 'a shard without records is at its tip and not ended, from everywhere',
    check: async open => {
      const { log } = await open();
      const [shard] = await openShards(log);
      for (const from of [{ kind: 'earliest' }, { kind: 'latest' }] satisfies LogStart[]) {
        const { records, last } = await readAll(log, present(shard, 'shard').shardId, from);
        expect(records).toEqual([]);
        expect(last.atTip).toBe(true);
        expect(last.ended).toBe(false);
        expect(last.gap).toBe(false);
      }
    },
  },
  {
    name: 'a read after a position gives exactly what is above it',
    check: async open => {
      const { log } = await open();
      const appended = await appendAll(log, 3n, ['a', 'b', 'c', 'd', 'e']);
      for (const [index, { shardId, position }] of appended.entries()) {
        const { records, last } = await readAll(log, shardId, { kind: 'after', position });
        expect(texts(records)).toEqual(['a', 'b', 'c', 'd', 'e'].slice(index + 1));
        expect(last.gap).toBe(false);
      }
    },
  },
  {
    name: 'nothing appended since `latest` was taken is lost, and nothing older is given',
    check: async open => {
      const { log } = await open();
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
    },
  },
  {
    name: '`latest` on an empty shard gives its first record',
    check: async open => {
      const { log } = await open();
      const shard = present((await openShards(log)).at(-1), 'shard');
      const pinned = await readAll(log, shard.shardId, { kind: 'latest' });
      await appendAll(log, shard.hashKeyStart, ['first', 'second']);
      expect(texts((await readAll(log, shard.shardId, pinned.last.next)).records)).toEqual(['first', 'second']);
    },
  },
];

const startingAtTimes: readonly LogPromise[] = [
  {
    name: 'a read from a time begins at the first record that arrived then or later',
    check: async open => {
      const { log } = await open();
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
    },
  },
  {
    name: 'a read from a time after the last record waits there',
    check: async open => {
      const { log } = await open();
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
    },
  },
];

const goingOn: readonly LogPromise[] = [
  {
    name: 'reading again from `next` at the tip goes on without gap or repeat',
    check: async open => {
      const { log } = await open();
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
    },
  },
  {
    name: 'a reader that waits at the tip gets the next record',
    check: async open => {
      const { log } = await open();
      const shard = present((await openShards(log))[0], 'shard');
      let result: LogReadResult = (await readAll(log, shard.shardId, { kind: 'latest' })).last;
      const appending = systemClock.sleep(30).then(() => appendAll(log, shard.hashKeyStart, ['at last']));
      for (let attempt = 0; attempt < 1000 && result.records.length === 0; attempt += 1) {
        await waitForMore(log, shard.shardId, result.next, { clock: systemClock, waitMsMax: 1000 });
        result = await log.read(shard.shardId, result.next);
      }
      await appending;
      expect(texts(result.records)).toEqual(['at last']);
    },
  },
  {
    name: 'readers who follow a shard get each record once and in order, from wherever they began',
    check: async open => {
      const { log } = await open();
      const shard = present((await openShards(log))[0], 'shard');
      await appendAll(log, shard.hashKeyStart, ['old 1', 'old 2']);
      const latest = (await readAll(log, shard.shardId, { kind: 'latest' })).last.next;
      const written = Array.from({ length: 12 }, (_, index) => `new ${index}`);
      const followers = [
        follow(log, shard.shardId, { kind: 'earliest' }, written.length + 2),
        follow(log, shard.shardId, latest, written.length),
        follow(log, shard.shardId, latest, written.length, { recordsMax: 1 }),
      ];
      for (let round = 0; round < 4; round += 1) {
        await systemClock.sleep(30);
        await appendAll(log, shard.hashKeyStart, written.slice(3 * round, 3 * round + 3));
      }
      expect(await Promise.all(followers)).toEqual([['old 1', 'old 2', ...written], written, written]);
    },
  },
];

const limiting: readonly LogPromise[] = [
  {
    name: 'an answer keeps to its limits and the next one goes on behind it',
    check: async open => {
      const { log } = await open();
      const written = Array.from({ length: 10 }, (_, index) => `${index}`.repeat(100));
      const [outcome] = await appendAll(log, 3n, written);
      const shardId = present(outcome, 'outcome').shardId;
      for (const limits of [{ recordsMax: 3 }, { bytesMax: 250 }, { recordsMax: 1 }, { bytesMax: 1 }]) {
        const all = await readAll(log, shardId, { kind: 'earliest' }, limits);
        expect(texts(all.records)).toEqual(written);
        expect(all.answerRecordsMax).toBeLessThanOrEqual(limits.recordsMax ?? Math.max(1, limits.bytesMax / 100));
      }
    },
  },
  {
    name: 'an answer cut by a limit does not say it is at the tip',
    check: async open => {
      const { log } = await open();
      const [outcome] = await appendAll(log, 3n, ['a', 'b', 'c']);
      const shardId = present(outcome, 'outcome').shardId;
      const result = await firstRecords(log, shardId, { recordsMax: 2 });
      expect(texts(result.records)).toEqual(['a', 'b']);
      expect(result.atTip).toBe(false);
      expect(result.ended).toBe(false);
    },
  },
];

export const readingPromises: readonly LogPromise[] = [
  ...startingAtPlaces,
  ...startingAtTimes,
  ...goingOn,
  ...limiting,
];

/** What a reader gets who waits at each tip, until it has had so many records. */
async function follow(
  log: LogStore,
  shardId: string,
  start: LogStart,
  count: number,
  limits: { readonly recordsMax?: number } = {},
): Promise<readonly string[]> {
  const seen: string[] = [];
  let from = start;
  for (let attempt = 0; attempt < 2_000 && seen.length < count; attempt += 1) {
    const result = await log.read(shardId, from, { ...limits, follows: true });
    seen.push(...texts(result.records));
    from = result.next;
    if (result.atTip && seen.length < count) {
      await waitForMore(log, shardId, from, { clock: systemClock, waitMsMax: 1_000 });
    }
  }
  return seen;
}

async function firstRecords(log: LogStore, shardId: string, limits: { recordsMax: number }): Promise<LogReadResult> {
  let result = await log.read(shardId, { kind: 'earliest' }, limits);
  for (let attempt = 0; attempt < 100 && result.records.length === 0; attempt += 1) {
    result = await log.read(shardId, result.next, limits);
  }
  return result;
}
