/** The promises of `LogStore` about appending: order, outcomes, bytes, many producers at once. */
import { expect } from 'vitest';
import { present } from '../base/assert.ts';
import { systemClock } from '../base/clock.ts';
import type { LogPromise } from './log-store.conformance.ts';
import type { LogReadResult, LogStart } from './log-store.ts';
import { appendAll, openShards, readAll, text, texts } from './log-store-testing.ts';
import { contains } from './shard-ranges.ts';
import { waitForMore } from './wait-for-more.ts';

const ordering: readonly LogPromise[] = [
  {
    name: 'records of a hash key come back in the order of their appends, at growing positions',
    check: async open => {
      const { log } = await open();
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
    },
  },
  {
    name: 'outcomes come in the order of the records, whatever shards they go to',
    check: async open => {
      const { log } = await open();
      const shards = await openShards(log);
      const records = Array.from({ length: 24 }, (_, index) => {
        const shard = present(shards[(index * 7) % shards.length], 'shard');
        return { hashKey: index % 3 === 0 ? shard.hashKeyEnd : shard.hashKeyStart, data: text(`${index}`) };
      });
      const outcomes = await log.append(records);
      expect(outcomes.length).toBe(records.length);
      for (const [index, outcome] of outcomes.entries()) {
        if (outcome.status !== 'appended')
          throw new Error(`record ${index} was not appended`, { cause: outcome.cause });
        const shard = present(
          shards.find(({ shardId }) => shardId === outcome.shardId),
          'shard of the outcome',
        );
        expect(contains(shard, present(records[index], 'record').hashKey)).toBe(true);
        const { records: read } = await readAll(log, outcome.shardId, { kind: 'earliest' });
        expect(texts(read.filter(record => record.position === outcome.position))).toEqual([`${index}`]);
      }
    },
  },
  {
    name: 'an append of nothing appends nothing',
    check: async open => {
      const { log } = await open();
      expect(await log.append([])).toEqual([]);
    },
  },
];

const keepingBytes: readonly LogPromise[] = [
  {
    name: "what was appended cannot be changed through the caller's buffer",
    check: async open => {
      const { log } = await open();
      const data = text('before');
      const [outcome] = await log.append([{ hashKey: 1n, data }]);
      data.fill(0);
      if (outcome?.status !== 'appended') throw new Error('not appended');
      expect(texts((await readAll(log, outcome.shardId, { kind: 'earliest' })).records)).toEqual(['before']);
    },
  },
  {
    name: 'every byte of a record survives, from one byte to the largest the log takes',
    check: async open => {
      const { log } = await open();
      const sizes = [1, 1000, 70_000, log.supports.recordBytesMax];
      const records = sizes.map((size, index) => ({ hashKey: 9n, data: patterned(size, index) }));
      const outcomes = await log.append(records);
      const shardId = outcomes[0]?.status === 'appended' ? outcomes[0].shardId : '';
      const all = await readAll(log, shardId, { kind: 'earliest' }, { bytesMax: 100_000 });
      expect(all.records.map(record => record.data.byteLength)).toEqual(sizes);
      for (const [index, record] of all.records.entries()) {
        expect(Buffer.compare(record.data, present(records[index], 'record').data)).toBe(0);
      }
    },
  },
  {
    name: 'arrival times never go back within a shard',
    check: async open => {
      const { log } = await open();
      const [first] = await appendAll(log, 0n, ['a', 'b', 'c']);
      await appendAll(log, 0n, ['d', 'e']);
      const { records } = await readAll(log, present(first, 'outcome').shardId, { kind: 'earliest' });
      const arrivals = records.map(record => record.arrivalMs);
      expect(arrivals).toEqual(arrivals.toSorted((a, b) => a - b));
    },
  },
];

const concurrency: readonly LogPromise[] = [
  {
    name: 'concurrent producers lose nothing, double nothing, and each keeps its order',
    check: async open => {
      const { log } = await open();
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
      for (const { shardId } of shards)
        seen.push(...texts((await readAll(log, shardId, { kind: 'earliest' })).records));
      for (const producer of producers) {
        const own = seen.filter(record => record.startsWith(`${producer} `));
        expect(own).toEqual(Array.from({ length: 12 }, (_, index) => `${producer} ${index}`));
      }
      expect(seen.length).toBe(producers.length * 12);
    },
  },
  {
    name: 'a reader beside an appender sees every record once, in order',
    check: async open => {
      const { log } = await open();
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
    },
  },
];

export const appendingPromises: readonly LogPromise[] = [...ordering, ...keepingBytes, ...concurrency];

function patterned(size: number, seed: number): Uint8Array {
  const data = new Uint8Array(size);
  for (let index = 0; index < size; index += 1) data[index] = (index * 31 + seed * 7 + (index >>> 8)) & 0xff;
  return data;
}
