/** How long what the log says of its shards is believed. */
import { expect, test } from 'vitest';
import { changedLog } from '../../../test/changed-ports.ts';
import { ManualClock } from '../../../test/table-fixture.ts';
import { seededRandom } from '../../base/random.ts';
import { MemoryLogStore } from '../../storage/memory/memory-log-store.ts';
import { KnownShards } from './known-shards.ts';

/** Shards of a log that takes four seconds to tell, and how often it was asked. */
function newShards() {
  const clock = new ManualClock();
  const inner = new MemoryLogStore({ name: 'known', shardCount: 1 }, { clock, random: seededRandom(1) });
  let askedCount = 0;
  const log = changedLog(inner, {
    describe: async options => {
      askedCount += 1;
      const description = await inner.describe(options);
      clock.advance(4_000);
      return description;
    },
  });
  return { clock, log: inner, shards: new KnownShards({ log, clock }), asked: () => askedCount };
}

test('what the log said is believed for ten seconds from when it was asked, and no longer', async () => {
  const { clock, log, shards, asked } = newShards();
  const first = await shards.describe();
  expect(first).toEqual(await log.describe());
  log.split(first.shards[0]?.shardId ?? '');
  clock.advance(5_999);
  expect(await shards.describe()).toBe(first);
  expect(asked()).toBe(1);
  clock.advance(1);
  expect((await shards.describe()).shards).toHaveLength(3);
  expect(asked()).toBe(2);
});

test('refreshing asks the log whatever is believed, and is believed then', async () => {
  const { log, shards, asked } = newShards();
  const first = await shards.describe();
  log.split(first.shards[0]?.shardId ?? '');
  const refreshed = await shards.refresh();
  expect(refreshed.shards).toHaveLength(3);
  expect(await shards.describe()).toBe(refreshed);
  expect(asked()).toBe(2);
});

test('asking ends when it is aborted', async () => {
  const signal = AbortSignal.abort(new Error('stopped'));
  await expect(newShards().shards.describe(signal)).rejects.toThrow('stopped');
  await expect(newShards().shards.refresh(signal)).rejects.toThrow('stopped');
});
