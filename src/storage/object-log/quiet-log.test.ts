/** What a log in a bucket asks of it while nothing is appended, in virtual time. */
import { expect, test } from 'vitest';
import { Scheduler } from '../../../test/simulation/scheduler.ts';
import { runUntil, virtualClock } from '../../../test/virtual-clock.ts';
import type { Clock } from '../../base/clock.ts';
import { seededRandom } from '../../base/random.ts';
import { countingObjectStore, type ObjectStoreCounts } from '../counting-object-store.ts';
import { openShards, text } from '../log-store-testing.ts';
import { MemoryObjectStore } from '../memory/memory-object-store.ts';
import { waitForMore } from '../wait-for-more.ts';
import { type ObjectLogStore, openObjectLog } from './object-log-store.ts';

const minuteMs = 60_000;
const retentionMs = 24 * 60 * minuteMs;

function requestsOf({ bytesRead: _read, bytesWritten: _written, ...operations }: ObjectStoreCounts): number {
  return Object.values(operations).reduce((sum, count) => sum + count, 0);
}

type Scene = { readonly log: ObjectLogStore; readonly clock: Clock; readonly asked: () => number };

/** A log of one shard with records in it, in time that runs while `play` waits. */
async function played<T>(play: (scene: Scene) => Promise<T>): Promise<T> {
  const scheduler = new Scheduler(Date.parse('2026-11-27T00:00:00Z'), () => 0.5);
  const clock = virtualClock(scheduler);
  const store = countingObjectStore(new MemoryObjectStore('memory:quiet-log', clock));
  const playing = (async () => {
    const log = await openObjectLog(store, { shardCount: 1, retentionMs }, { clock, random: seededRandom(3) });
    for (let number = 0; number < 10; number += 1) await log.append([{ hashKey: 1n, data: text(`${number}`) }]);
    const asked = (): number => {
      const count = requestsOf(store.counts());
      store.reset();
      return count;
    };
    return await play({ log, clock, asked });
  })();
  return await runUntil(scheduler, playing);
}

/** Follows the shard from its beginning until the time has come. @returns records that it was given */
async function follow({ log, clock }: Scene, untilMs: number): Promise<number> {
  const [shard] = await openShards(log);
  const shardId = shard?.shardId ?? '';
  let { records, next } = await log.read(shardId, { kind: 'earliest' });
  let count = records.length;
  while (clock.nowMs() < untilMs) {
    await waitForMore(log, shardId, next, { clock, waitMsMax: untilMs - clock.nowMs() });
    ({ records, next } = await log.read(shardId, next));
    count += records.length;
  }
  return count;
}

test('nobody waits: an appender and a reader that are open ask for nothing, in a minute and in a day', async () => {
  const asked = await played(async scene => {
    await follow(scene, scene.clock.nowMs());
    scene.asked();
    await scene.clock.sleep(minuteMs);
    const inMinute = scene.asked();
    await scene.clock.sleep(24 * 60 * minuteMs);
    return [inMinute, scene.asked()];
  });
  expect(asked).toEqual([0, 0]);
});

test('a reader at the tip comes to six requests a minute', async () => {
  const minutes = await played(async scene => {
    const beganMs = scene.clock.nowMs();
    const following = follow(scene, beganMs + 5 * minuteMs + 1);
    const counts: number[] = [];
    for (let minute = 1; minute <= 5; minute += 1) {
      await scene.clock.sleep(beganMs + minute * minuteMs - scene.clock.nowMs());
      counts.push(scene.asked());
    }
    expect(await following).toBe(10);
    return counts;
  });
  expect(minutes.slice(1)).toEqual([6, 6, 6, 6]);
});
